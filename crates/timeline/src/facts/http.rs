//! Where a stream of HTTP/1.1 messages is, as its bytes go by: RFC 9112, sections 6 and 7.1.

use std::collections::VecDeque;

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    #[default]
    Head,
    /// The line before a chunk.
    Size,
    /// Fields behind the last chunk, and an empty line.
    Trailer,
}

/// How much is left of what goes on until the connection ends.
pub(super) const TO_THE_END: u64 = u64::MAX;

/// The messages of one side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Messages {
    /// How many heads there were.
    pub heads: usize,
    pub next: Part,
    /// How long the last body is, or its chunk, and how much of that is still to come.
    pub promised: u64,
    pub left: u64,
    unread: Vec<u8>,
}

impl Messages {
    /// True if what comes next begins a head.
    pub fn begins(&self) -> bool {
        self.next == Part::Head && self.left == 0 && self.unread.is_empty()
    }

    /// Takes in so many bytes, of which the first were captured. `None` if nothing is known of what follows them. `length`
    /// says how long a body is, by the head before it, and what follows it: `None` where its end is told in another way.
    pub fn see(
        &mut self,
        mut captured: &[u8],
        mut len: u64,
        mut length: impl FnMut(&str) -> Option<(u64, Part)>,
    ) -> Option<()> {
        /// No head is longer.
        const LONGEST: usize = 1 << 16;
        loop {
            let body = self.left.min(len);
            captured = captured.get(usize::try_from(body).ok()?..).unwrap_or_default();
            (self.left, len) = (self.left - body, len - body);
            if len == 0 {
                return Some(());
            }
            let before = self.unread.len();
            self.unread.extend_from_slice(captured);
            let ends = match self.next {
                Part::Head => head_end(&self.unread),
                _ => self.unread.iter().position(|byte| *byte == b'\n').map(|at| at + 1),
            };
            let Some(ends) = ends else {
                // What was not captured may be the end.
                return (captured.len() as u64 == len && before < LONGEST).then_some(());
            };
            let text = String::from_utf8_lossy(&self.unread[..ends]).to_ascii_lowercase();
            self.heads += usize::from(self.next == Part::Head);
            (self.left, self.next) = match self.next {
                Part::Head => length(&text)?,
                Part::Size => chunk(&text)?,
                Part::Trailer if text.trim().is_empty() => (0, Part::Head),
                Part::Trailer => (0, Part::Trailer),
            };
            self.promised = self.left;
            (captured, len) = (&captured[ends - before..], len - (ends - before) as u64);
            self.unread.clear();
        }
    }
}

/// The requests of a connection that wait for their responses: what was asked for decides how long these are.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// The first letter of each one's method: no other of those in use has that of HEAD.
    methods: VecDeque<u8>,
    /// True if the last response answers one that was seen, and is no tunnel for another protocol.
    pub is_answered: bool,
    /// True once nothing tells any more which response is to which request.
    is_lost: bool,
}

impl Asked {
    /// Takes in what one side says: see [`Messages::see`].
    pub fn follow(&mut self, messages: &mut Messages, is_request: bool, captured: &[u8], len: u64) -> Option<()> {
        /// Nobody sends more requests ahead.
        const MOST: usize = 256;
        let known = messages.see(captured, len, |head| {
            if !is_request {
                return self.response(head);
            }
            self.methods.extend(head.bytes().next().filter(|_| !self.is_lost));
            request_length(head)
        });
        if known.is_none() || self.methods.len() > MOST {
            self.methods.clear();
            (self.is_answered, self.is_lost) = (false, true);
        }
        known
    }

    /// How long the body of a response is.
    fn response(&mut self, head: &str) -> Option<(u64, Part)> {
        let (length, status) = (response_length(head), head.split(' ').nth(1)?);
        if length.is_some() && status.starts_with('1') {
            return length;
        }
        // What follows the answer to CONNECT, or 101, is of another protocol.
        let method = self
            .methods
            .pop_front()
            .filter(|method| *method != b'c' && status != "101");
        self.is_answered = method.is_some();
        match method {
            Some(b'h') => Some((0, Part::Head)),
            Some(_) if length.is_none() && !head.contains("\ncontent-length:") => Some((TO_THE_END, Part::Head)),
            _ => length,
        }
    }
}

/// Where the first head ends, after its empty line.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    let ends = |at: &usize| bytes[*at..].starts_with(b"\n\n") || bytes[*at..].starts_with(b"\n\r\n");
    let at = (0..bytes.len()).find(ends)?;
    Some(at + if bytes[at + 1] == b'\n' { 2 } else { 3 })
}

/// By the fields of a head, in lower case: a message that has none of them has no body that ends before the connection.
fn body_length(head: &str) -> Option<(u64, Part)> {
    let field = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    };
    match (field("content-length"), field("transfer-encoding")) {
        (_, Some(coding)) if coding.ends_with("chunked") => Some((0, Part::Size)),
        (Some(length), _) => Some((length.parse().ok()?, Part::Head)),
        _ => None,
    }
}

/// How long the body of a request is: none unless it says so. One of which that is no number, or that may come or not, is
/// of no known length.
pub(crate) fn request_length(head: &str) -> Option<(u64, Part)> {
    match body_length(head) {
        _ if head.contains("\nexpect:") => None,
        None if !head.contains("\ncontent-length:") && !head.contains("\ntransfer-encoding:") => Some((0, Part::Head)),
        length => length,
    }
}

/// How long the body of a response is. `None` if it is no response, or ends with the connection.
pub(crate) fn response_length(head: &str) -> Option<(u64, Part)> {
    let status = head.strip_prefix("http/1.")?.split(' ').nth(1)?;
    match status {
        // What follows is of another protocol.
        "101" => None,
        "204" | "304" => Some((0, Part::Head)),
        _ if status.starts_with('1') => Some((0, Part::Head)),
        _ => body_length(head),
    }
}

/// A chunk, and the end of the line behind it.
fn chunk(line: &str) -> Option<(u64, Part)> {
    match u64::from_str_radix(line.split(';').next()?.trim(), 16).ok()? {
        0 => Some((0, Part::Trailer)),
        size => Some((size.checked_add(2)?, Part::Size)),
    }
}
