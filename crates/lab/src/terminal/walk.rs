//! A trace row by row, as a teacher walks through it: what is on the screen after so many steps.

use std::collections::BTreeMap;

use harness::format::line::{Kind, Line, Role};
use harness::scene::{Mark, Scene};
use harness::timeline::FrameNumber;

/// True for the line that names the lanes.
pub(super) fn is_heading(line: &Line) -> bool {
    line.kind == Kind::Heading
}

/// True for a row of the lanes.
fn is_row(line: &Line) -> bool {
    matches!(line.kind, Kind::Row(_))
}

/// The lanes, and how many of their rows are shown.
#[derive(Debug)]
pub(super) struct Walk {
    lines: Vec<Line>,
    /// Where the rows are among the lines.
    rows: Vec<usize>,
    shown: usize,
}

impl Walk {
    /// Begins before the first row.
    pub fn new(lines: Vec<Line>) -> Walk {
        let mut walk = Walk {
            lines: Vec::new(),
            rows: Vec::new(),
            shown: 0,
        };
        walk.draw_anew(lines);
        walk
    }

    /// The same rows, drawn for another width.
    pub fn draw_anew(&mut self, lines: Vec<Line>) {
        self.rows = (0..lines.len()).filter(|at| is_row(&lines[*at])).collect();
        self.lines = lines;
        self.shown = self.shown.min(self.rows.len());
    }

    /// Shows one row more. False if there is none.
    pub fn forward(&mut self) -> bool {
        let more = self.shown < self.rows.len();
        self.shown += usize::from(more);
        more
    }

    /// Takes the last row away.
    pub fn back(&mut self) {
        self.shown = self.shown.saturating_sub(1);
    }

    /// All that is shown so far, with what stands above it.
    pub fn so_far(&self) -> &[Line] {
        let end = match self.shown.checked_sub(1).and_then(|last| self.rows.get(last)) {
            Some(last) => last + 1,
            None => self.rows.first().copied().unwrap_or(self.lines.len()),
        };
        &self.lines[..end]
    }

    /// What fits on a screen of so many lines: the heading, and the last rows.
    pub fn screen(&self, height: usize) -> Vec<&Line> {
        let so_far = self.so_far();
        let heading = so_far.iter().rposition(is_heading);
        let Some(heading) = heading else {
            return so_far[so_far.len().saturating_sub(height)..].iter().collect();
        };
        let title = heading.saturating_sub(1);
        let rows = &so_far[heading + 1..];
        let room = height.saturating_sub(heading + 1 - title);
        so_far[title..=heading]
            .iter()
            .chain(&rows[rows.len().saturating_sub(room)..])
            .collect()
    }

    /// The number of the frame that the last row shows.
    pub fn frame(&self) -> Option<FrameNumber> {
        match self.lines[*self.rows.get(self.shown.checked_sub(1)?)?].kind {
            Kind::Row(frame) => frame,
            _ => None,
        }
    }
}

/// What there is to say of each frame: of a packet why it is there, of a call all of its words.
pub(super) fn sentences(scene: &Scene) -> BTreeMap<FrameNumber, String> {
    let marks = scene.connections.iter().flat_map(|diagram| &diagram.marks);
    let said = marks.filter_map(|mark| {
        let words = match mark {
            Mark::Arrow(arrow) if arrow.sentence.is_empty() => arrow.words.clone(),
            Mark::Arrow(arrow) => arrow.sentence.clone(),
            Mark::Call(call) => format!("The {} calls {}", call.side, call.words),
            Mark::Action(action) => format!("The client: {}", action.words),
            Mark::State(state) => format!("The {}'s socket is {} now.", state.side, state.words),
            Mark::Process(process) => process.words.clone(),
        };
        Some((mark.frame()?, words))
    });
    said.collect()
}

/// Words in lines of a width.
pub(super) fn said(words: &str, width: usize) -> Vec<Line> {
    Line::new(Role::Verdict, words).wrapped(width.max(20), 0)
}

#[cfg(test)]
#[path = "../../tests/unit/terminal_walk.rs"]
mod tests;
