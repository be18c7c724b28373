//! A reply that ends in its middle.

use super::replies::ANSWERED;
use super::rule::{Body, Found};
use super::run::{Run, sent_by};
use crate::events::{Argument, Call, CallKind, ClientActionKind, Direction, EventId, Flags, Side};
use crate::facts::http::Part;
use crate::timeline::{Connection, KnownPacket};
use crate::words::call_text;

pub(super) const RULE: Body = Body {
    summary: "the server ended the connection in the middle of a reply",
    cure: "write on where a write was short or told to wait (EAGAIN), and close when all of it is written",
    needs: &[ANSWERED],
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let end = servers_end(connection)?;
    if connection.is_the_servers_own() || client_left(connection, end) {
        return None;
    }
    let short = last_write_was_short(connection, end);
    let promise = broken_promise(connection, end);
    let words: Vec<String> = [
        promise,
        short.map(|(_, call)| {
            let rest = call.asked.unwrap_or(0).saturating_sub(call.moved());
            format!(
                "the last write was {}, and the rest, {rest} bytes, was never written",
                call_text(call)
            )
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    let write = short.map(|(id, _)| id);
    (!words.is_empty()).then(|| Found::new(words.join("; "), write.into_iter().chain([end])))
}

/// The server's FIN; where packets could not be captured, the call that sent it.
fn servers_end(connection: Connection<'_>) -> Option<EventId> {
    let timeline = connection.timeline();
    let fin = connection.facts().fins.iter().find(|(side, _)| *side == Side::Server);
    let ends = |(_, call): &(EventId, &Call)| match call.argument() {
        Some(Argument::Shutdown(direction)) => direction != Direction::Read,
        _ => call.kind == CallKind::Close,
    };
    match fin {
        Some((_, frame)) => timeline.event_of_frame(*frame),
        None if connection.packets().next().is_some() => None,
        None => connection.calls().find(ends).map(|(id, _)| id),
    }
}

/// True if the client had gone by then: nothing more was to be sent. One that has closed only its sending half has not.
fn client_left(connection: Connection<'_>, by: EventId) -> bool {
    let mut actions = connection.client_actions().take_while(|(id, _)| *id < by);
    let left = actions.any(|(_, action)| matches!(action.kind, ClientActionKind::Closed | ClientActionKind::Reset));
    let halves = |kind: &ClientActionKind| *kind == ClientActionKind::ShutdownWrite;
    let half = connection.client_actions().any(|(_, action)| halves(&action.kind));
    let flags = |flag| move |(_, packet): (EventId, KnownPacket<'_>)| packet.segment.flags.has(flag);
    let sent = || sent_by(connection, Side::Client).take_while(|(id, _)| *id < by);
    left || sent().any(flags(Flags::RST)) || (!half && sent().any(flags(Flags::FIN)))
}

/// The last write before the end, if it took less than it was given. What a file gives to `sendfile` may well be less
/// than was asked for.
fn last_write_was_short<'a>(connection: Connection<'a>, end: EventId) -> Option<(EventId, &'a Call)> {
    const WHOLE: [&str; 6] = ["write", "writev", "pwritev2", "sendto", "sendmsg", "send"];
    let (id, call) = connection.writes().take_while(|(id, _)| *id < end).last()?;
    let short = matches!(call.result, Some(Ok(_))) || call.would_block();
    let is_short = short && call.asked.is_some_and(|asked| call.moved() < asked);
    (WHOLE.contains(&&*call.name) && is_short).then_some((id, call))
}

/// What an HTTP reply lacked when the server ended it, in words.
fn broken_promise(connection: Connection<'_>, end: EventId) -> Option<String> {
    let sent = connection.http_sent(end)?;
    match (sent.next, sent.promised, sent.left) {
        (Part::Size | Part::Trailer, ..) => {
            Some("its head promised chunks, and the FIN left before the last of them, which is empty".to_owned())
        }
        (Part::Head, _, 0) => None,
        (Part::Head, promised, left) => Some(format!(
            "its head promised {promised} bytes, and {} left before the FIN",
            promised - left
        )),
    }
}
