//! A line as it is drawn, in pieces that each say what they show: for whoever gives them colours.

use std::fmt;

use crate::words::cut;

/// A drawn line: pieces of text, each with its part in the picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The pieces, from left to right.
    pub spans: Vec<Span>,
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What it is, for whoever gives it a colour.
    pub role: Role,
    /// Its text, without line breaks.
    pub text: String,
}

/// What a piece of a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Headings and notes.
    Note,
    /// The time.
    Time,
    /// A frame's number.
    Frame,
    /// What the client did.
    Client,
    /// An arrow and the two ends of the wire.
    Wire,
    /// What a segment holds.
    Segment,
    /// The bracket that ties packets to a call.
    Bracket,
    /// A call of the server.
    Call,
    /// A state of a socket.
    State,
    /// A segment that is held back.
    Held,
    /// A line of the verdict.
    Verdict,
}

impl Line {
    pub(super) fn new(role: Role, text: impl Into<String>) -> Line {
        Line {
            spans: vec![Span {
                role,
                text: text.into(),
            }],
        }
    }

    pub(super) fn push(&mut self, role: Role, text: impl Into<String>) {
        self.spans.push(Span {
            role,
            text: text.into(),
        });
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line: String = self.spans.iter().map(|span| span.text.as_str()).collect();
        f.write_str(line.trim_end())
    }
}

/// A text behind a first word, in lines of at most `width` columns; further lines are indented.
pub(super) fn wrapped(role: Role, first: &str, text: &str, width: usize) -> Vec<Line> {
    let indent = " ".repeat(first.chars().count());
    let mut lines = vec![first.to_owned()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| line.chars().count());
        let fresh = line == indent.len();
        if !fresh && line + 1 + word.chars().count() > width {
            lines.push(indent.clone());
        }
        if let Some(line) = lines.last_mut() {
            if line.chars().count() > indent.len() {
                line.push(' ');
            }
            line.push_str(&cut(word, width - indent.len()));
        }
    }
    lines.into_iter().map(|line| Line::new(role, line)).collect()
}
