//! How much is on the way, and how much has come that nobody has read, after each event of a connection.

use std::collections::HashMap;

use serde::Serialize;

use super::PacketFacts;
use super::flow::{Flow, Half, Vantage};
use super::pass::vantage;
use crate::events::moments::{Moment, Passing, moments};
use crate::events::{
    Both, CallKind, ClientActionKind, EventId, EventKind, Flags, Level, Packet, SeenConnection, Side, unwrapped,
};

/// What stands between the two programs after an event, in bytes of data. The client's comes first of each pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amounts {
    /// What each side has sent that no ACK for it has come back, as far as that side knows.
    pub in_flight: Both<u64>,
    /// What has come to each side's kernel, in order, and that its program has not read. `None` where what came
    /// is not known, or what was read.
    pub unread: Both<Option<u64>>,
}

/// The amounts after each event of a connection, with the event.
///
/// Where packets were captured on one host that is both ends, what has left has come. What the two hosts of a wire
/// have got is known too. Of a capture made elsewhere it is not, nor what its programs read.
pub fn amounts(connection: SeenConnection<'_>) -> Vec<(EventId, Amounts)> {
    let seen = connection.seen();
    let vantage = vantage(connection);
    let mut flow = Flow::seen_from(vantage);
    let mut facts: HashMap<EventId, PacketFacts> = HashMap::new();
    let mut moments = moments(connection).peekable();
    let in_time = vantage == Vantage::BothHosts;
    let mut read = Both::<u64>::default();
    let mut all = Vec::new();
    for (id, event) in connection.events() {
        let is_by_now = |moment: &Passing<'_>| match in_time {
            true => moment.at < event.at || (moment.at == event.at && moment.event <= id),
            false => moment.event <= id,
        };
        while let Some(passing) = moments.next_if(is_by_now) {
            let of_packet = facts.entry(passing.event).or_default();
            if passing.is != Moment::Comes {
                *of_packet = flow.departs(passing, vantage);
            }
            if passing.is != Moment::Leaves {
                flow.arrives(passing, vantage, of_packet);
            }
        }
        if let Some((side, bytes)) = reads(&event.kind) {
            read[side] = read[side].saturating_add(bytes);
        }
        let unread = |side: Side| {
            let known = seen.level > Level::NoPackets && seen.dropped == 0 && knows_program(connection, side);
            let came = flow.half(side.peer()).came(vantage).filter(|_| known)?;
            Some(came.saturating_sub(read[side]))
        };
        all.push((
            id,
            Amounts {
                in_flight: flow.in_flight(),
                unread: Both::of(unread),
            },
        ));
    }
    all
}

/// True if it was recorded what a side's program did.
fn knows_program(connection: SeenConnection<'_>, side: Side) -> bool {
    connection.seen().level > Level::Capture
        && (side == Side::Server
            || connection
                .events()
                .any(|(_, event)| matches!(event.kind, EventKind::Client(_))))
}

/// Who read how many bytes in an event.
fn reads(event: &EventKind) -> Option<(Side, u64)> {
    match event {
        EventKind::Call(call) if call.kind == CallKind::Read => Some((Side::Server, call.moved())),
        EventKind::Client(action) => match (&action.call, &action.kind) {
            (Some(call), _) if call.kind == CallKind::Read => Some((Side::Client, call.moved())),
            (None, ClientActionKind::Received { len, .. }) => Some((Side::Client, *len)),
            _ => None,
        },
        _ => None,
    }
}

impl Flow {
    /// Bytes of data of each side that have no ACK, as far as the side knows.
    pub(super) fn in_flight(&self) -> Both<u64> {
        let of_one = |half: &Half| half.data_between(half.known, half.sent.next);
        Both::of(|side| of_one(self.half(side)))
    }

    /// The same when a reset has come, which may acknowledge what its peer sent.
    pub(super) fn in_flight_at(&self, reset: &Packet) -> Both<u64> {
        let peer = reset.from.peer();
        let mut in_flight = self.in_flight();
        if reset.segment.flags.has(Flags::ACK) {
            let half = self.half(peer);
            let acked = unwrapped(reset.ack, half.said.max(half.known));
            in_flight[peer] = in_flight[peer].min(half.data_between(acked, half.sent.next));
        }
        in_flight
    }
}

impl Half {
    /// Bytes of data between two numbers of the stream: a SYN and a FIN have numbers and are no data.
    fn data_between(&self, from: u64, to: u64) -> u64 {
        let first = from.max(1);
        let end = self.fin.map_or(to, |(end, _)| to.min(end.saturating_sub(1)));
        end.saturating_sub(first)
    }

    /// Bytes of data that have come to the receiver of this direction in order.
    fn came(&self, vantage: Vantage) -> Option<u64> {
        match vantage {
            Vantage::Somewhere => None,
            Vantage::SameHost => Some(self.data_between(0, self.sent.next)),
            Vantage::BothHosts => Some(self.data_between(0, self.came_in_order())),
        }
    }
}
