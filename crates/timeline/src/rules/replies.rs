//! What a server wrote between two reads, and how many requests it may have answered with that.

use crate::events::{Call, CallKind, EventId, Side, added};
use crate::timeline::Connection;

/// What a server wrote after it had read something, before it read more. What it writes before it has read anything
/// is one too.
pub(super) struct Reply<'a> {
    /// How many requests it had read since it last wrote, as far as their form tells; at least one.
    pub requests: usize,
    /// The writes, of those that moved something.
    pub writes: Vec<Part<'a>>,
}

/// A write, with its id into the timeline's events.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
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

impl Part<'_> {
    /// True if its last byte is known, and is a newline.
    pub fn ends_line(&self) -> bool {
        self.call.bytes.len() as u64 == self.call.moved() && self.call.bytes.last() == Some(&b'\n')
    }
}

/// The replies of a connection, in order.
pub(super) fn replies(connection: Connection<'_>) -> Vec<Reply<'_>> {
    let mut replies: Vec<Reply<'_>> = Vec::new();
    // The bytes that were read, from where to where, since the last write.
    let (mut from, mut to) = (0_u64, 0_u64);
    let mut read: Vec<&Call> = Vec::new();
    for (id, call) in connection.calls() {
        match call.kind {
            CallKind::Read if call.moved() > 0 => {
                to = to.saturating_add(call.moved());
                read.push(call);
            }
            CallKind::Write if call.moved() > 0 => {
                if !read.is_empty() || replies.is_empty() {
                    replies.push(Reply {
                        requests: requests_read(connection, &read, (from, to)),
                        writes: Vec::new(),
                    });
                }
                (from, read) = (to, Vec::new());
                let reply = replies.last_mut();
                let messages = match (call.moved_in_messages, call.result) {
                    (Some(_), Some(Ok(count))) => usize::try_from(count).unwrap_or(1).max(1),
                    _ => 1,
                };
                let part = Part { id, call, messages };
                reply.into_iter().for_each(|reply| reply.writes.push(part));
            }
            _ => {}
        }
    }
    replies
}

/// How many requests were read. The calls keep only the first bytes; the client's segments have the rest.
fn requests_read(connection: Connection<'_>, read: &[&Call], (from, to): (u64, u64)) -> usize {
    let is_kept = read.iter().all(|call| call.bytes.len() as u64 == call.moved());
    let kept: Vec<u8> = read.iter().flat_map(|call| &call.bytes).copied().collect();
    if is_kept {
        return requests_in(&kept);
    }
    let captured = captured(connection, from, to);
    requests_in(if captured.len() > kept.len() { &captured } else { &kept })
}

/// What was captured of the client's stream between two offsets, as far as it is whole.
fn captured(connection: Connection<'_>, from: u64, to: u64) -> Vec<u8> {
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

/// How many requests these bytes are, by their form: as many as there are arrays of RESP, heads that end with an
/// empty line, or else lines. Bytes without any of that are one.
fn requests_in(bytes: &[u8]) -> usize {
    let lines = || {
        bytes
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| line.ends_with(b"\n"))
    };
    let count = if bytes.first() == Some(&b'*') {
        lines().filter(|line| line.starts_with(b"*")).count()
    } else {
        let heads = lines().filter(|line| matches!(line, [b'\n'] | [b'\r', b'\n'])).count();
        let is_head = lines()
            .next()
            .is_some_and(|line| line.windows(6).any(|part| part == b" HTTP/"));
        if is_head || heads > 0 { heads } else { lines().count() }
    };
    count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_their_form() {
        for (bytes, count) in [
            ("", 1),
            ("1", 1),
            ("1\n", 1),
            ("1\n2\n3\n", 3),
            ("1\n2\n3", 2),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n", 2),
            // The end of it was not kept.
            ("GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nUser-A", 1),
            ("*1\r\n$4\r\nPING\r\n", 1),
            ("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n", 2),
            ("EHLO a\r\nQUIT\r\n", 2),
        ] {
            assert_eq!(requests_in(bytes.as_bytes()), count, "{bytes:?}");
        }
    }
}
