//! A write to a connection that its client has left.

use super::replies::replies;
use super::rule::{Body, Found, Need};
use super::run::{Run, sent_by};
use crate::events::{Call, ClientAction, ClientActionKind, Errno, EventId, Flags, Side};
use crate::timeline::{Connection, KnownPacket};
use crate::words::{amount, call_text};

pub(super) const RULE: Body = Body {
    summary: "the server wrote to a connection that the client had left",
    cure: "stop writing when a read returns 0 or a write fails",
    needs: &[Need::Moment(|_, on| client_left(on).is_some(), "no client has left")],
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let failed = |call: &Call| matches!(call.result, Some(Err(Errno::EPIPE | Errno::ECONNRESET)));
    let failures: Vec<(EventId, &Call)> = connection.writes().filter(|(_, call)| failed(call)).collect();
    let (id, first) = failures.first()?;
    // EPIPE is also what a server gets that has shut down its own sending side.
    let left = client_left(connection)?;
    if left >= *id {
        return None;
    }
    // Who is in the middle of a reply learns that the client has left by a write that fails.
    let begun = replies(connection)
        .into_iter()
        .filter_map(|reply| Some(reply.writes.first()?.id));
    let begun = begun.take_while(|begun| begun < id).last();
    let surprised = begun.is_some_and(|begun| begun < left) && failures.len() == 1;
    let during = if surprised {
        "; the client left while the server still wrote, which nothing else tells"
    } else {
        ""
    };
    let writes = amount(failures.len(), "write", "writes");
    let message = format!("{writes} failed: {}{during}", call_text(first));
    Some(Found::new(message, failures.iter().map(|(id, _)| *id)).milder(surprised))
}

/// Where the client left: its first FIN or reset, as an id into the timeline's events; without packets, its own
/// call.
fn client_left(connection: Connection<'_>) -> Option<EventId> {
    let ends = |(_, packet): &(EventId, KnownPacket<'_>)| {
        packet.segment.flags.has(Flags::FIN) || packet.segment.flags.has(Flags::RST)
    };
    let packet = sent_by(connection, Side::Client).find(ends).map(|(id, _)| id);
    let closes = |(_, action): &(EventId, &ClientAction)| {
        use ClientActionKind::{Closed, Reset, ShutdownWrite};
        matches!(action.kind, Closed | Reset | ShutdownWrite)
    };
    packet.or_else(|| connection.client_actions().find(closes).map(|(id, _)| id))
}
