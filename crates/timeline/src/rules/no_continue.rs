//! A client that waits to be told to go on.

use std::time::Duration;

use super::rule::{Body, Found, Need};
use super::run::Run;
use crate::events::{CallKind, ClientActionKind, EventId, FrameNumber, Side, Timestamp, added};
use crate::facts::http::head_end;
use crate::timeline::Connection;

pub(super) const RULE: Body = Body {
    summary: "the client asked whether to send its body (Expect: 100-continue), and was not told",
    cure: "answer the head with 100 Continue, or with a final status, before you wait for the body",
    needs: &[
        Need::Packets,
        Need::Moment(|_, on| asked(on).is_some(), "no client sent Expect: 100-continue"),
    ],
    look,
};

/// Who sends the body sooner has not waited.
const WAITED: Duration = Duration::from_millis(200);

/// A head that ends with the question.
struct Asked {
    id: EventId,
    number: FrameNumber,
    at: Timestamp,
    /// Its last byte's place in the client's stream, from 1.
    end: u64,
}

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let asked = asked(connection)?;
    // A server that has not read the question is slow with everything.
    let reads = connection.calls().filter(|(_, call)| call.kind == CallKind::Read);
    if added(reads.map(|(_, call)| call.moved())) < asked.end {
        return None;
    }
    let waited = |at: Timestamp| Some(at.since(asked.at)).filter(|waited| *waited >= WAITED);
    for (id, packet) in connection.packets().filter(|(id, _)| *id > asked.id) {
        match packet.from {
            Side::Server if packet.segment.len > 0 => return None,
            Side::Client if packet.segment.len > 0 && u64::from(packet.seq) > asked.end => {
                let waited = waited(connection.timeline()[id].at)?;
                let message = format!(
                    "the client asked in frame {}, waited {} ms, and sent the body in frame {} all the same",
                    asked.number,
                    waited.as_millis(),
                    packet.number
                );
                return Some(Found::new(message, [asked.id, id]));
            }
            _ => {}
        }
    }
    let leaves = |kind: &ClientActionKind| {
        use ClientActionKind::{Closed, GaveUp, Reset, ShutdownWrite};
        matches!(kind, Closed | Reset | ShutdownWrite | GaveUp { .. })
    };
    let mut actions = connection.client_actions().filter(|(id, _)| *id > asked.id);
    let (id, _) = actions.find(|(_, action)| leaves(&action.kind))?;
    let waited = waited(connection.timeline()[id].at)?;
    let message = format!(
        "the client asked in frame {}, waited {} ms, and sent no body",
        asked.number,
        waited.as_millis()
    );
    Some(Found::new(message, [asked.id, id]))
}

/// The first request of the connection, if it asks and its body does not come along.
fn asked(connection: Connection<'_>) -> Option<Asked> {
    /// No head is looked at beyond this.
    const MOST: usize = 1 << 16;
    let mut stream = Vec::new();
    for (id, packet) in connection.packets() {
        if packet.from == Side::Server && packet.segment.len > 0 {
            return None;
        }
        // What is sent again, or is not all there, does not go on where the stream ends.
        if packet.from != Side::Client || packet.seq as usize != stream.len() + 1 {
            continue;
        }
        stream.extend_from_slice(&packet.segment.payload);
        if let Some(end) = head_end(&stream) {
            let head = String::from_utf8_lossy(&stream[..end]).to_ascii_lowercase();
            let mut lines = head.lines();
            let is_request = lines.next().is_some_and(|line| line.contains(" http/1.1"));
            let asks = lines.any(|line| line.split_whitespace().eq(["expect:", "100-continue"]));
            return (is_request && asks && stream.len() == end).then_some(Asked {
                id,
                number: packet.number,
                at: connection.timeline()[id].at,
                end: end as u64,
            });
        }
        if stream.len() > MOST {
            return None;
        }
    }
    None
}
