//! A run as lines, each of which is an object.

use std::collections::HashSet;
use std::io::{self, Read, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::shapes::{Addresses, Begin, End, Event};
use crate::events::{ConnectionId, Endpoints, Level, Record, Stream};
use crate::timeline::Timeline;

/// A line: what `--format jsonl` writes many of.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "most lines are events")]
pub(super) enum Line {
    /// The first line.
    Begin(Begin),
    /// A connection, before its first event.
    Connection(Addresses),
    /// The last line.
    End(End),
    /// Something that happened.
    #[serde(untagged)]
    Event(Event),
}

/// Writes a timeline as lines: all that is known of each event.
///
/// # Errors
///
/// What `out` says.
pub fn write_lines(timeline: &Timeline, out: &mut impl Write) -> io::Result<()> {
    let mut lines = Lines::begin(out, timeline.level)?;
    for event in super::events(timeline) {
        lines.event(event, |_, id| timeline.endpoints[id])?;
    }
    lines.end(timeline)
}

/// Writes a capture that is too long to keep as lines: all that is known of each event, as the capture is read once more.
///
/// # Errors
///
/// What `out` says, and what reading does.
pub fn retell_lines(survey: Timeline, input: impl Read, out: &mut impl Write) -> io::Result<()> {
    let mut lines = Lines::begin(out, survey.level)?;
    let endpoints = survey.endpoints.clone();
    let survey = super::retold(survey, input, |event| lines.event(event, |_, id| endpoints[id]))?;
    lines.end(&survey)
}

/// Writes a run as lines while it goes on. What is known only at its end is not in the lines of its events: the
/// numbers of frames, and what is so of a packet.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    stream: Stream,
    /// The connections that have their line.
    told: HashSet<usize>,
}

impl<W: Write> Lines<W> {
    /// Writes the first line.
    ///
    /// # Errors
    ///
    /// What `out` says, as of all methods.
    pub fn begin(out: W, level: Level) -> io::Result<Lines<W>> {
        let mut lines = Lines {
            out,
            stream: Stream::default(),
            told: HashSet::new(),
        };
        lines.write(&Line::Begin(level.into()))?;
        Ok(lines)
    }

    /// Writes what an observer recorded.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub fn record(&mut self, record: Record) -> io::Result<()> {
        for event in self.stream.see(record) {
            self.event((&event, None, None).into(), |stream, id| {
                stream.endpoints(ConnectionId::of(id))
            })?;
        }
        self.out.flush()
    }

    /// Writes the last line.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub fn end(mut self, timeline: &Timeline) -> io::Result<()> {
        self.write(&Line::End(timeline.into()))?;
        self.out.flush()
    }

    fn event(&mut self, event: Event, endpoints: impl FnOnce(&Stream, usize) -> Endpoints) -> io::Result<()> {
        if let Some(id) = event.connection.filter(|id| self.told.insert(*id)) {
            let endpoints = endpoints(&self.stream, id);
            self.write(&Line::Connection((id, endpoints).into()))?;
        }
        self.write(&Line::Event(event))
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        // A line is flushed when it is written, so that a program that reads along always has whole lines.
        let line = super::plain(line) + "\n";
        self.out.write_all(line.as_bytes())
    }
}
