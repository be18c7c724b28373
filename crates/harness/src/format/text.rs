//! Lanes for a terminal: client, wire and server side by side, time running down.

mod layout;
mod rows;
mod verdict;

use std::collections::BTreeMap;
use std::fmt;

use crate::timeline::explain::{call_text, cut, explain_connection};
use crate::timeline::printable;
use crate::timeline::{Connection, EventKind, Exit, Level, Limits, ProcessEventKind, Timeline, Timestamp};

use layout::Layout;
use rows::Row;

/// Draws at 80 columns. See [`Lanes`] for other widths.
impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Lanes::default().draw(self))
    }
}

/// How to draw a timeline as lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// The columns of the terminal. Less than 60 counts as 60.
    pub width: usize,
    /// Draw at most so many rows of a connection; what is left out is said.
    pub rows: usize,
    /// Draw at most so many connections; what is left out is said.
    pub connections: usize,
    /// Draw the lines that the server wrote, too.
    pub output: bool,
}

impl Default for Lanes {
    fn default() -> Lanes {
        Lanes {
            width: 80,
            rows: 400,
            connections: 20,
            output: false,
        }
    }
}

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
    fn new(role: Role, text: impl Into<String>) -> Line {
        Line {
            spans: vec![Span {
                role,
                text: text.into(),
            }],
        }
    }

    fn push(&mut self, role: Role, text: impl Into<String>) {
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

impl Lanes {
    /// A capture that is not much longer than what is drawn is read whole.
    const WHOLE: usize = 4096;

    /// Lanes of this width.
    pub fn with_width(width: usize) -> Lanes {
        Lanes {
            width,
            ..Lanes::default()
        }
    }

    /// How much of a long capture is drawn, for an [`Excerpt`](crate::timeline::Excerpt) of it.
    pub fn limits(&self) -> Limits {
        Limits {
            packets: self.rows,
            connections: self.connections,
            whole: Lanes::WHOLE,
        }
    }

    /// Draws a timeline. No line is wider than [`width`](Self::width).
    pub fn draw(&self, timeline: &Timeline) -> String {
        self.lines(timeline).iter().map(|line| format!("{line}\n")).collect()
    }

    /// The lines of [`draw`](Self::draw), in pieces with their roles, for drawing in colour.
    pub fn lines(&self, timeline: &Timeline) -> Vec<Line> {
        let width = self.width.max(60);
        let mut lines = Vec::new();
        for note in notes(timeline) {
            lines.extend(wrapped(Role::Note, "", &note, width));
        }
        for connection in timeline.connections().take(self.connections) {
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            lines.extend(self.block(timeline, connection, width));
        }
        let left_out = timeline.connections_in_all() - timeline.endpoints.len().min(self.connections);
        if left_out > 0 {
            lines.push(Line::default());
            lines.push(Line::new(
                Role::Note,
                format!("... {left_out} connections are left out ..."),
            ));
        }
        if timeline.endpoints.is_empty() {
            lines.push(Line::new(Role::Note, "no connection"));
        }
        // Of a single connection they stand between its rows.
        let outside = (timeline.connections_in_all() != 1).then(|| outside(timeline));
        for note in outside.into_iter().flatten() {
            lines.extend(wrapped(Role::Verdict, &verdict::name("server"), &note, width));
        }
        lines
    }

    /// A connection: its addresses, its lanes, its verdict.
    fn block(&self, timeline: &Timeline, connection: Connection<'_>, width: usize) -> Vec<Line> {
        let explanations = &explain_connection(timeline, connection);
        let mut lines = wrapped(Role::Note, "", &title(timeline, connection), width);
        let rows = rows::of(timeline, connection, explanations, self.output);
        let layout = Layout::new(timeline, start(timeline), &rows, width);
        lines.push(layout.heading());
        let totals = timeline.totals(connection.id());
        let excerpt = totals.map_or(0, |totals| totals.left_out);
        let (head, tail) = self.shown(&rows, excerpt > 0);
        lines.extend(head.iter().map(|row| layout.line(row)));
        let middle = &rows[head.len()..rows.len() - tail.len()];
        if excerpt > 0 {
            let packets = excerpt + middle.iter().filter(|row| row.packet.is_some()).count() as u64;
            let note = format!("    ... {packets} packets are left out ...");
            lines.push(Line::new(Role::Note, note));
        } else if !middle.is_empty() {
            let note = format!("    ... {} rows are left out ...", middle.len());
            lines.push(Line::new(Role::Note, note));
        }
        lines.extend(tail.iter().map(|row| layout.line(row)));
        lines.push(Line::default());
        for (name, text) in verdict::of(timeline, connection, explanations) {
            lines.extend(wrapped(Role::Verdict, &verdict::name(name), &text, width));
        }
        lines
    }

    /// The first and the last rows, as many as may be drawn. In an excerpt there is a gap between.
    fn shown<'r>(&self, rows: &'r [Row], gap: bool) -> (&'r [Row], &'r [Row]) {
        if rows.len() <= self.rows && !gap {
            return (rows, &[]);
        }
        let tail = (self.rows / 2).min(rows.len());
        let head = (self.rows - self.rows / 2).min(rows.len() - tail);
        (&rows[..head], &rows[rows.len() - tail..])
    }
}

/// The moment that is shown as 0: the first thing that happened on a connection.
fn start(timeline: &Timeline) -> Timestamp {
    let first = timeline.events.iter().find(|event| event.connection.is_some());
    first.map_or(Timestamp(0), |event| event.at)
}

/// A moment in milliseconds, rounded to a tenth. What was before the start is negative.
fn time(start: Timestamp, at: Timestamp) -> String {
    let (sign, distance) = match at < start {
        true => ("-", start.since(at)),
        false => ("", at.since(start)),
    };
    format!("{sign}{:.1}", distance.as_secs_f64() * 1000.0)
}

fn title(timeline: &Timeline, connection: Connection<'_>) -> String {
    let ends = connection.endpoints();
    let place = match timeline.connections_in_all() {
        1 => String::new(),
        all => format!("connection {} of {all}: ", connection.id().0 + 1),
    };
    format!("{place}client {} → server {}", ends.client, ends.server)
}

/// What a reader must know before reading on: what could not be observed.
fn notes(timeline: &Timeline) -> Vec<String> {
    let level = match timeline.level {
        Level::Sandbox => None,
        Level::Loopback => Some("Captured on the host's own loopback interface, not in a private network."),
        Level::NoPackets => Some("No packets could be captured. Packet counts are the kernel's own (TCP_INFO)."),
        Level::Capture => Some("From a capture file of packets alone. Socket states are worked out from the segments."),
    };
    let dropped =
        (timeline.dropped > 0).then(|| format!("The capture is not whole: {} packets were dropped.", timeline.dropped));
    let level = level.map(str::to_owned);
    let not_kept = (timeline.not_kept > 0).then(|| {
        format!(
            "The run was longer than what is kept of it: {} later events are not here.",
            timeline.not_kept
        )
    });
    let whole = dropped.into_iter().chain(not_kept);
    level.into_iter().chain(whole).chain(not_drawn(timeline)).collect()
}

/// What a file holds besides connections.
fn not_drawn(timeline: &Timeline) -> Option<String> {
    let left_out = timeline.left_out()?;
    let counted = |count: u64, what: String| (count > 0).then(|| format!("{count} {what}"));
    let no_segment = left_out.no_segment.iter();
    let no_segment = no_segment.filter_map(|(why, &count)| counted(count, why.to_string()));
    let unplaced = counted(left_out.unplaced, "of still more connections".to_owned());
    let all: Vec<String> = no_segment.chain(unplaced).collect();
    (!all.is_empty()).then(|| format!("Packets that are not drawn: {}.", all.join(", ")))
}

/// What happened to the server outside any connection.
fn outside(timeline: &Timeline) -> Vec<String> {
    let mut failed: BTreeMap<String, usize> = BTreeMap::new();
    let mut ends = Vec::new();
    let first = timeline.first_process();
    for event in &timeline.events {
        match &event.kind {
            EventKind::Call(call) if event.connection.is_none() && call.cannot_accept() => {
                *failed.entry(call_text(call)).or_default() += 1;
            }
            EventKind::Process(process) => match &process.kind {
                ProcessEventKind::Started => {}
                // A program may have children by the dozen that do their work and end.
                ProcessEventKind::Exited(exit) if first == Some(process.pid) || matches!(exit, Exit::Signal(_)) => {
                    ends.push(format!("process {} ended: {exit}", process.pid));
                }
                ProcessEventKind::Exited(_) | ProcessEventKind::Wrote { .. } => {}
                ProcessEventKind::UsesIoUring => ends.push(format!(
                    "process {} uses io_uring: what it does through that is no system call and is not shown",
                    process.pid
                )),
                ProcessEventKind::ForeignCalls => ends.push(format!(
                    "process {} makes calls of another architecture, as 32-bit programs do: they are not shown",
                    process.pid
                )),
                ProcessEventKind::WithoutRights { program, rights } => ends.push(format!(
                    "process {} runs {} without what its file gives: {rights}; as root it would have it",
                    process.pid,
                    printable(program)
                )),
            },
            _ => {}
        }
    }
    let failed = failed.into_iter().map(|(call, times)| match times {
        1 => call,
        _ => format!("{call} ({times} times)"),
    });
    failed.chain(ends).collect()
}

/// A text behind a first word, in lines of at most `width` columns; further lines are indented.
fn wrapped(role: Role, first: &str, text: &str, width: usize) -> Vec<Line> {
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

#[cfg(test)]
mod tests;
