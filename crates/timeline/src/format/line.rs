//! A line as it is drawn, in pieces that each say what they show: for whoever gives them colours.

use std::fmt;
use std::ops::Range;

use crate::events::FrameNumber;
use crate::width::{broken, columns, cut};

/// A drawn line: pieces of text, each with its part in the picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The pieces, from left to right.
    pub spans: Vec<Span>,
    /// What the line is.
    pub kind: Kind,
}

/// What a line is among those that are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A note, a line of the verdict, or an empty one.
    #[default]
    Other,
    /// The first line of a connection, with its addresses.
    Title,
    /// The names of the lanes.
    Heading,
    /// A row of the lanes, and the number of its frame if it has one.
    Row(Option<FrameNumber>),
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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
    #[default]
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
    /// A line of one piece.
    pub fn new(role: Role, text: impl Into<String>) -> Line {
        Line::from_iter([(role, text.into())])
    }

    /// The same in lines of at most `width` columns, [broken](broken()) where there are spaces. All but the first are
    /// indented.
    pub fn wrapped(&self, width: usize, indent: usize) -> Vec<Line> {
        let text: String = self.spans.iter().map(|span| &*span.text).collect();
        let places = broken(&text, width, width.saturating_sub(indent));
        let margins = [0].into_iter().chain(std::iter::repeat(indent));
        places
            .into_iter()
            .zip(margins)
            .map(|(place, margin)| self.part(place, margin))
            .collect()
    }

    /// The part at this place, in bytes, behind some spaces.
    fn part(&self, place: Range<usize>, margin: usize) -> Line {
        let mut part = Line::default();
        let mut end = 0;
        for Span { role, text } in &self.spans {
            let start = end;
            end += text.len();
            let (from, to) = (place.start.max(start), place.end.min(end));
            if from < to {
                let margin = if part.spans.is_empty() { margin } else { 0 };
                part.push(*role, " ".repeat(margin) + &text[from - start..to - start]);
            }
        }
        part
    }

    pub(super) fn push(&mut self, role: Role, text: impl Into<String>) {
        self.spans.push(Span {
            role,
            text: text.into(),
        });
    }
}

/// A line of these pieces, without those that are empty.
impl<T: Into<String>> FromIterator<(Role, T)> for Line {
    fn from_iter<I: IntoIterator<Item = (Role, T)>>(pieces: I) -> Line {
        let pieces = pieces.into_iter().map(|(role, text)| Span {
            role,
            text: text.into(),
        });
        Line {
            spans: pieces.filter(|span| !span.text.is_empty()).collect(),
            kind: Kind::Other,
        }
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
    let indent = columns(first);
    let words: Vec<String> = text.split(' ').map(|word| cut(word, width - indent)).collect();
    Line::new(role, first.to_owned() + &words.join(" ")).wrapped(width, indent)
}
