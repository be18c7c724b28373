//! When the packets of a connection leave and come, in one order.

use std::collections::HashSet;

use super::{EventId, Packet, SeenConnection, Timestamp};

/// A packet leaves its host, or comes to the other.
#[derive(Clone, Copy)]
pub(crate) struct Passing<'a> {
    pub at: Timestamp,
    pub event: EventId,
    pub packet: &'a Packet,
    pub is: Moment,
}

/// What happens to a packet at a moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Leaves,
    Comes,
    /// It was seen at one place, where it does both.
    LeavesAndComes,
}

/// All moments of the packets of a connection, in order. What was seen at one place is no list: there may be millions.
pub(crate) fn moments<'a>(connection: SeenConnection<'a>) -> Box<dyn Iterator<Item = Passing<'a>> + 'a> {
    let leaves = move |(event, packet): (EventId, &'a Packet)| Passing {
        at: connection.seen()[event].at,
        event,
        packet,
        is: packet
            .passage
            .as_ref()
            .map_or(Moment::LeavesAndComes, |_| Moment::Leaves),
    };
    if connection.packets().all(|(_, packet)| packet.passage.is_none()) {
        return Box::new(connection.packets().map(leaves));
    }
    let mut moments = Vec::new();
    for leaving in connection.packets().map(leaves) {
        moments.push(leaving);
        let Some(passage) = &leaving.packet.passage else {
            continue;
        };
        // What comes damaged, TCP throws away unseen.
        let arrivals = passage.arrivals.iter().filter(|_| !passage.corrupted);
        moments.extend(arrivals.map(|&at| Passing {
            at,
            is: Moment::Comes,
            ..leaving
        }));
    }
    // What leaves stands in order. Stamps of a file may go back, and its order is what there is to go by.
    moments.sort_by_key(|moment| moment.at);
    // A file may say that a packet came before it left: nobody can follow that.
    let mut left = HashSet::new();
    moments.retain(|moment| match moment.is {
        Moment::Comes => left.contains(&moment.event),
        Moment::Leaves | Moment::LeavesAndComes => left.insert(moment.event),
    });
    Box::new(moments.into_iter())
}
