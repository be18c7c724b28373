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

/// All moments of the packets of a connection, in order.
pub(crate) fn moments(connection: SeenConnection<'_>) -> Vec<Passing<'_>> {
    let mut moments = Vec::new();
    for (event, packet) in connection.packets() {
        let at = connection.seen()[event].at;
        let passing = |at, is| Passing { at, event, packet, is };
        let Some(passage) = &packet.passage else {
            moments.push(passing(at, Moment::LeavesAndComes));
            continue;
        };
        moments.push(passing(at, Moment::Leaves));
        // What comes damaged, TCP throws away unseen.
        let arrivals = passage.arrivals.iter().filter(|_| !passage.corrupted);
        moments.extend(arrivals.map(|&at| passing(at, Moment::Comes)));
    }
    // What leaves stands in order. Stamps of a file may go back, and its order is what there is to go by.
    if moments.iter().any(|moment| moment.is != Moment::LeavesAndComes) {
        moments.sort_by_key(|moment| moment.at);
        // A file may say that a packet came before it left: nobody can follow that.
        let mut left = HashSet::new();
        moments.retain(|moment| match moment.is {
            Moment::Comes => left.contains(&moment.event),
            Moment::Leaves | Moment::LeavesAndComes => left.insert(moment.event),
        });
    }
    moments
}
