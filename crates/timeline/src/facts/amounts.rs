//! How much is on the way, and how much has come that nobody has read, after each event of a connection.

use std::collections::HashMap;

use serde::Serialize;

use super::PacketFacts;
use super::flow::{Flow, Half, Passing, Vantage};
use super::pass::{Moment, Step, steps, vantage};
use crate::events::{CallKind, ClientActionKind, EventKind, Level, Side};
use crate::timeline::Connection;

/// What stands between the two programs after an event, in bytes of data. The client's comes first of each pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amounts {
    /// What each side has sent that no ACK for it has come back, as far as that side knows.
    pub in_flight: [u64; 2],
    /// What has come to each side's kernel, in order, and that its program has not read. `None` where what came
    /// is not known, or what was read.
    pub unread: [Option<u64>; 2],
}

/// The amounts after each event of a connection, with the event's index.
///
/// Where packets were captured on one host that is both ends, what has left has come. What the two hosts of a wire
/// have got is known too. Of a capture made elsewhere it is not, nor what its programs read.
pub fn amounts(connection: Connection<'_>) -> Vec<(usize, Amounts)> {
    let timeline = connection.timeline();
    let vantage = vantage(timeline, connection);
    let mut flow = Flow::default();
    let mut facts: HashMap<usize, PacketFacts> = HashMap::new();
    let mut steps = steps(connection).into_iter().peekable();
    let in_time = vantage == Vantage::BothHosts;
    let mut read = [0_u64; 2];
    let mut all = Vec::new();
    for (index, event) in connection.events() {
        let is_by_now = |step: &Step| match in_time {
            true => step.at < event.at || (step.at == event.at && step.index <= index),
            false => step.index <= index,
        };
        while let Some(step) = steps.next_if(is_by_now) {
            let Some(packet) = timeline.packet(step.index) else {
                continue;
            };
            let passing = Passing { at: step.at, packet };
            let of_packet = facts.entry(step.index).or_default();
            if step.moment != Moment::Comes {
                *of_packet = flow.departs(passing, vantage);
            }
            if step.moment != Moment::Leaves {
                flow.arrives(passing, vantage, of_packet);
            }
        }
        if let Some((side, bytes)) = reads(&event.kind) {
            read[side as usize] = read[side as usize].saturating_add(bytes);
        }
        let unread = |side: Side| {
            let known = timeline.level > Level::NoPackets && timeline.dropped == 0 && knows_program(connection, side);
            let came = flow.half(side.peer()).came(vantage).filter(|_| known)?;
            Some(came.saturating_sub(read[side as usize]))
        };
        all.push((
            index,
            Amounts {
                in_flight: [Side::Client, Side::Server].map(|side| flow.half(side).data_in_flight()),
                unread: [Side::Client, Side::Server].map(unread),
            },
        ));
    }
    all
}

/// True if it was recorded what a side's program did.
fn knows_program(connection: Connection<'_>, side: Side) -> bool {
    connection.timeline().level > Level::Capture
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

impl Half {
    /// Bytes of data between two numbers of the stream: a SYN and a FIN have numbers and are no data.
    fn data_between(&self, from: u64, to: u64) -> u64 {
        let first = from.max(1);
        let end = self.fin.map_or(to, |(end, _)| to.min(end.saturating_sub(1)));
        end.saturating_sub(first)
    }

    fn data_in_flight(&self) -> u64 {
        self.data_between(self.known, self.sent.next)
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
