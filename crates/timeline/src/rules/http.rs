//! Where a stream of HTTP/1.1 messages is, as its bytes go by: RFC 9112, sections 6 and 7.1.

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Part {
    #[default]
    Head,
    /// The line before a chunk.
    Size,
    /// Fields behind the last chunk, and an empty line.
    Trailer,
}

/// How long a body is, by the head before it, and what follows it. `None` where its end is told in another way.
pub(super) type Length = fn(&str) -> Option<(u64, Part)>;

/// The messages of one side.
#[derive(Default)]
pub(super) struct Messages {
    /// How many heads there were.
    pub heads: usize,
    pub next: Part,
    /// How long the last body is, or its chunk, and how much of that is still to come.
    pub promised: u64,
    pub left: u64,
    unread: Vec<u8>,
}

impl Messages {
    /// Takes in so many bytes, of which the first were captured. `None` if nothing is known of what follows them.
    pub fn see(&mut self, mut captured: &[u8], mut len: u64, length: Length) -> Option<()> {
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

/// Where the first head ends, after its empty line.
pub(super) fn head_end(bytes: &[u8]) -> Option<usize> {
    let ends = |at: &usize| bytes[*at..].starts_with(b"\n\n") || bytes[*at..].starts_with(b"\n\r\n");
    let at = (0..bytes.len()).find(ends)?;
    Some(at + if bytes[at + 1] == b'\n' { 2 } else { 3 })
}

/// By the fields of a head, in lower case: a message that has none of them has no body that ends before the connection.
pub(super) fn body_length(head: &str) -> Option<(u64, Part)> {
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

/// A chunk, and the end of the line behind it.
fn chunk(line: &str) -> Option<(u64, Part)> {
    match u64::from_str_radix(line.split(';').next()?.trim(), 16).ok()? {
        0 => Some((0, Part::Trailer)),
        size => Some((size.checked_add(2)?, Part::Size)),
    }
}
