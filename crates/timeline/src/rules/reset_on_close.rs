//! A close that sends a reset.

use super::rule::{Body, Found, Need};
use super::run::{Run, sent_by};
use crate::events::{CallKind, EventId, EventKind, Flags, ProcessEventKind, Side};
use crate::facts::Reason;
use crate::timeline::{Connection, KnownPacket, Timeline};
use crate::words::{amount, call_text};

pub(super) const RULE: Body = Body {
    summary: "the server's close sent a reset: what had not come to the client may be lost",
    cure: "read to the end before you close, and leave SO_LINGER alone",
    needs: &[Need::Packets],
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let timeline = connection.timeline();
    let resets = || sent_by(connection, Side::Server).filter(|(_, packet)| packet.segment.flags.has(Flags::RST));
    let caused = resets().find_map(|(id, packet)| {
        let (cause, by) = cause(timeline, packet)?;
        Some((id, packet, cause, by))
    });
    let Some((id, packet, cause, by)) = caused else {
        return resets().find_map(|(id, packet)| unseen(connection, id, packet));
    };
    let why = match packet.facts.why.reason {
        Reason::UnreadData(unread) => {
            format!("with {} unread", amount(unread, "byte", "bytes"))
        }
        Reason::Linger => "without unread data (SO_LINGER with a time of 0)".to_owned(),
        _ => "for a reason that was not recorded".to_owned(),
    };
    Some(Found::new(
        format!("{by} {why} sent the reset in frame {}", packet.number),
        [cause, id],
    ))
}

/// A reset for bytes that were not read, by an end of the socket that is no call on it: dup2, close_range, an exec that
/// closes, the end of its last owner in another way.
fn unseen(connection: Connection<'_>, id: EventId, reset: KnownPacket<'_>) -> Option<Found> {
    let at = connection.timeline()[id].at;
    let mut calls = connection.calls();
    let accept = calls.find(|(_, call)| call.kind == CallKind::Accept)?.0;
    let reads = connection
        .calls()
        .filter(|(_, call)| call.kind == CallKind::Read && call.ended <= at);
    let read = reads.map(|(_, call)| call.moved()).fold(0, u64::saturating_add);
    let before = connection.packets().take_while(|(place, _)| *place < id);
    let came = before
        .filter(|(_, packet)| packet.from == Side::Client && packet.segment.len > 0)
        .map(|(_, packet)| u64::from(packet.seq.saturating_sub(1)) + u64::from(packet.segment.len));
    let unread = came.max().unwrap_or(0).saturating_sub(read);
    // A reset without the ACK flag answers a segment that came after the socket was gone, and is no close.
    let is_end = reset.segment.flags.has(Flags::ACK) && reset.facts.why.reason == Reason::Unknown;
    if !is_end || unread == 0 {
        return None;
    }
    let unread = amount(unread, "byte", "bytes");
    let message = format!(
        "the reset in frame {} left with {unread} unread; no close was seen: dup2, close_range or an exec ends a socket too",
        reset.number
    );
    Some(Found::new(message, [accept, id]))
}

/// The close that sent a reset, or the end of the process, and in words.
fn cause(timeline: &Timeline, reset: KnownPacket<'_>) -> Option<(EventId, String)> {
    if let Some(close) = timeline.ending_call(reset) {
        return Some((close, timeline.call(close).map(call_text)?));
    }
    reset.facts.why.evidence.iter().find_map(|evidence| {
        let id = evidence.event()?;
        let EventKind::Process(process) = &timeline[id].kind else {
            return None;
        };
        let ProcessEventKind::Exited(exit) = process.kind else {
            return None;
        };
        Some((id, format!("process {} ended ({exit})", process.pid)))
    })
}
