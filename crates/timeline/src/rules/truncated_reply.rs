//! A reply that ends in its middle.

use super::replies::{head_end, replies};
use super::rule::{Found, Need, Rule, RuleId};
use super::run::{Run, sent_by};
use crate::events::{Argument, Call, CallKind, ClientActionKind, Direction, EventId, Flags, Side};
use crate::facts::FactKind;
use crate::timeline::{Connection, KnownPacket};
use crate::words::call_text;

pub(super) const RULE: Rule = Rule {
    id: RuleId::TruncatedReply,
    name: "truncated-reply",
    summary: "the server ended the connection in the middle of a reply",
    cure: "write on where a write was short or told to wait (EAGAIN), and close when all of it is written",
    needs: &[Need::Moment(
        |_, connection| !replies(connection).is_empty(),
        "the server answered nothing",
    )],
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
    let ends = |(_, call): &(EventId, &Call)| match call.argument {
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

/// What an HTTP reply lacked (RFC 9112, sections 6.3 and 7.1) when the server ended it, in words.
fn broken_promise(connection: Connection<'_>, end: EventId) -> Option<String> {
    /// No head is longer.
    const LONGEST: usize = 1 << 16;
    let asks_for_heads = |(_, packet): (EventId, KnownPacket<'_>)| packet.segment.payload.starts_with(b"HEAD ");
    if connection.timeline().dropped > 0 || sent_by(connection, Side::Client).any(asks_for_heads) {
        return None;
    }
    let is_new = |packet: &KnownPacket<'_>| packet.segment.len > 0 && !packet.facts.has(FactKind::Retransmission);
    let sent = sent_by(connection, Side::Server).take_while(|(id, _)| *id <= end);
    // What was promised, and how much of it is left; of a reply in chunks that is of the chunk.
    let (mut head, mut promised, mut left, mut chunks) = (Vec::new(), 0_u64, 0_u64, None);
    for (_, packet) in sent.filter(|(_, packet)| is_new(packet)) {
        let (mut payload, mut len) = (&packet.segment.payload[..], u64::from(packet.segment.len));
        loop {
            let body = left.min(len);
            payload = payload.get(usize::try_from(body).ok()?..).unwrap_or_default();
            (left, len) = (left - body, len - body);
            if len == 0 {
                break;
            }
            // What was not captured may be a head.
            if payload.is_empty() || head.len() > LONGEST {
                return None;
            }
            let before = head.len();
            head.extend_from_slice(payload);
            let ends = match chunks {
                Some(_) => head.iter().position(|byte| *byte == b'\n').map(|at| at + 1),
                None => head_end(&head),
            };
            let Some(ends) = ends else {
                // Of a line that was not captured to its end nothing is known.
                match payload.len() as u64 == len {
                    true => break,
                    false => return None,
                }
            };
            (left, chunks) = match chunks {
                Some(Chunks::Sizes) => chunk(&head[..ends])?,
                // Fields may follow the last chunk, and an empty line does.
                Some(Chunks::Trailer) => (0, (!head[..ends].trim_ascii().is_empty()).then_some(Chunks::Trailer)),
                None => length(&head[..ends])?,
            };
            promised = left;
            payload = &payload[ends - before..];
            len -= (ends - before) as u64;
            head.clear();
        }
    }
    match chunks {
        Some(_) => {
            Some("its head promised chunks, and the FIN left before the last of them, which is empty".to_owned())
        }
        None if left > 0 => Some(format!(
            "its head promised {promised} bytes, and {} left before the FIN",
            promised - left
        )),
        None => None,
    }
}

/// Which line of a reply in chunks comes next.
#[derive(Clone, Copy)]
enum Chunks {
    Sizes,
    Trailer,
}

/// How long a chunk is with the end of its line, by the line before it.
fn chunk(line: &[u8]) -> Option<(u64, Option<Chunks>)> {
    let line = std::str::from_utf8(line).ok()?;
    let size = u64::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
    Some(match size {
        0 => (0, Some(Chunks::Trailer)),
        _ => (size.checked_add(2)?, Some(Chunks::Sizes)),
    })
}

/// How long the body of a response is, if it does not come in chunks. `None` if its end is told in another way, or it is
/// no response.
fn length(head: &[u8]) -> Option<(u64, Option<Chunks>)> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let status = text.strip_prefix("http/1.")?.split(' ').nth(1)?;
    if status.starts_with('1') || status == "204" || status == "304" {
        return Some((0, None));
    }
    let tells = |field: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':').map(str::trim))
    };
    if let Some(coding) = tells("transfer-encoding") {
        return coding.ends_with("chunked").then_some((0, Some(Chunks::Sizes)));
    }
    let length = tells("content-length")?.parse().ok()?;
    Some((length, None))
}
