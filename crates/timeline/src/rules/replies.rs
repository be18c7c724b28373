//! What a server wrote between two reads, and how many requests it may have answered with that.

use std::ops::RangeInclusive;

use super::rule::Need;
use crate::events::{Call, CallKind, EventId, Side, added};
use crate::facts::http::{Messages, head_end, request_length};
use crate::timeline::Connection;

/// What a server wrote after it had read something, before it read more. What it writes before it has read anything
/// is one too.
pub(super) struct Reply<'a> {
    /// How many requests it had read since it last wrote, as far as their form tells: at least and at most.
    pub requests: RangeInclusive<usize>,
    /// The writes, of those that moved something.
    pub writes: Vec<ReplyWrite<'a>>,
}

/// There was a reply, which could have had the fault.
pub(super) const ANSWERED: Need = Need::Moment(|_, on| !replies(on).is_empty(), "the server answered nothing");

/// A write, with its id into the timeline's events.
#[derive(Clone, Copy)]
pub(super) struct ReplyWrite<'a> {
    pub id: EventId,
    pub call: &'a Call,
    /// How many messages it sent: sendmmsg(2) may send several.
    pub messages: usize,
}

impl Reply<'_> {
    /// How many messages it was sent in.
    pub fn parts(&self) -> usize {
        self.writes
            .iter()
            .map(|part| part.messages)
            .fold(0, usize::saturating_add)
    }

    /// True for a reply of many segments, which no buffer would make one of.
    pub fn is_stream(&self) -> bool {
        const STREAM: u64 = 64 * 1024;
        added(self.writes.iter().map(|part| part.call.moved())) >= STREAM
    }
}

impl ReplyWrite<'_> {
    /// True if its last byte is known, and is a newline.
    pub fn ends_line(&self) -> bool {
        self.is_kept() && self.call.bytes.last() == Some(&b'\n')
    }

    /// True if it is known to be text that ends within a line.
    pub fn breaks_off(&self) -> bool {
        self.is_kept() && is_text(&self.call.bytes) && !self.ends_line()
    }

    fn is_kept(&self) -> bool {
        self.call.bytes.len() as u64 == self.call.moved()
    }
}

/// The replies of a connection, in order.
pub(super) fn replies(connection: Connection<'_>) -> Vec<Reply<'_>> {
    let mut replies: Vec<Reply<'_>> = Vec::new();
    // The bytes that were read, from where to where, since the last write.
    let (mut from, mut to) = (0_u64, 0_u64);
    let mut read: Vec<&Call> = Vec::new();
    // What is written once the client's end has been read is no part of a reply before: a library may say goodbye.
    let mut ended = false;
    for (id, call) in connection.calls() {
        match call.kind {
            CallKind::Read if call.is_end_of_file() => ended = true,
            CallKind::Read if call.moved() > 0 => {
                to = to.saturating_add(call.moved());
                read.push(call);
            }
            CallKind::Write if call.moved() > 0 => {
                if !read.is_empty() || std::mem::take(&mut ended) || replies.is_empty() {
                    replies.push(Reply {
                        requests: requests_read(connection, &read, (from, to)),
                        writes: Vec::new(),
                    });
                }
                (from, read) = (to, Vec::new());
                let reply = replies.last_mut();
                let messages = match (&call.moved_in_messages, call.result) {
                    (Some(_), Some(Ok(count))) => usize::try_from(count).unwrap_or(1).max(1),
                    _ => 1,
                };
                let part = ReplyWrite { id, call, messages };
                reply.into_iter().for_each(|reply| reply.writes.push(part));
            }
            _ => {}
        }
    }
    replies
}

/// How many requests were read. The calls keep only the first bytes; the client's segments have the rest.
fn requests_read(connection: Connection<'_>, read: &[&Call], (from, to): (u64, u64)) -> RangeInclusive<usize> {
    let is_kept = read.iter().all(|call| call.bytes.len() as u64 == call.moved());
    let kept: Vec<u8> = read.iter().flat_map(|call| &call.bytes).copied().collect();
    if is_kept {
        return requests_in(&kept);
    }
    let captured = captured(connection, from, to);
    requests_in(if captured.len() > kept.len() { &captured } else { &kept })
}

/// What was captured of the client's stream between two offsets, as far as it is whole.
pub(crate) fn captured(connection: Connection<'_>, from: u64, to: u64) -> Vec<u8> {
    /// No request is looked at beyond this.
    const MOST: usize = 1 << 16;
    let mut bytes = Vec::new();
    for (_, packet) in connection.packets().filter(|(_, packet)| packet.from == Side::Client) {
        let start = u64::from(packet.seq).saturating_sub(1);
        let payload = &packet.segment.payload;
        let next = from + bytes.len() as u64;
        let Some(skip) = next.checked_sub(start).and_then(|skip| usize::try_from(skip).ok()) else {
            continue;
        };
        if next >= to || bytes.len() > MOST {
            break;
        }
        let left = usize::try_from(to - next).unwrap_or(usize::MAX);
        bytes.extend(payload.iter().skip(skip).take(left));
    }
    bytes
}

/// How many requests these bytes are, by their form, at least and at most: as many as there are arrays of RESP, records
/// of TLS with data, heads that end with an empty line, each with the body that it tells of, or else lines. Of other bytes
/// nothing tells: each may be one.
fn requests_in(bytes: &[u8]) -> RangeInclusive<usize> {
    let lines = || {
        bytes
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| line.ends_with(b"\n"))
    };
    let is_head = lines()
        .next()
        .is_some_and(|line| line.windows(6).any(|part| part == b" HTTP/"));
    let count = if bytes.first() == Some(&b'*') {
        lines().filter(|line| line.starts_with(b"*")).count()
    } else if let [20..=23, 3, 0..=4, ..] = bytes {
        records(bytes)
    } else if is_head || head_end(bytes).is_some() {
        heads(bytes)
    } else if is_text(bytes) {
        lines().count()
    } else {
        return 1..=bytes.len().max(1);
    };
    count.max(1)..=count.max(1)
}

/// How many records with data there are: RFC 8446, section 5.1.
fn records(mut bytes: &[u8]) -> usize {
    const DATA: u8 = 23;
    let mut count = 0;
    while let [kind, _, _, high, low, rest @ ..] = bytes {
        count += usize::from(*kind == DATA);
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        bytes = rest.get(length..).unwrap_or_default();
    }
    count
}

/// How many heads there are that end with an empty line. Behind a body of unknown length nothing is known to be a head.
fn heads(bytes: &[u8]) -> usize {
    let mut messages = Messages::default();
    // What is not known is not counted.
    let _ = messages.see(bytes, bytes.len() as u64, request_length);
    messages.heads
}

/// True for bytes that are meant to be read, of which the last character may be cut off.
fn is_text(bytes: &[u8]) -> bool {
    let valid = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_some() => return false,
        Err(error) => &bytes[..error.valid_up_to()],
        Ok(_) => bytes,
    };
    !valid
        .iter()
        .any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
}

#[cfg(test)]
#[path = "../../tests/unit/rules_replies.rs"]
mod tests;
