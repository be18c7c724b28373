//! Lanes for a terminal: client, wire and server side by side, time running down.

mod layout;

use std::fmt;

use crate::scene::{Diagram, Extent, Scene, Verdict};
use crate::timeline::{Limits, Timeline};
use crate::words::are_left_out;

use super::line::{Kind, Line, Role, wrapped};
use super::rows::{self, Row};

use layout::Layout;

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
    /// Name the thread of each call, where several threads made calls. Where several processes did, each is named.
    pub threads: bool,
}

impl Default for Lanes {
    fn default() -> Lanes {
        Lanes {
            width: 80,
            rows: 400,
            connections: 20,
            output: false,
            threads: false,
        }
    }
}

impl Lanes {
    /// A capture that is not much longer than what is drawn is read whole.
    const WHOLE: usize = 4096;

    /// So many connections of a long capture are followed: each takes some four kilobytes.
    const FOLLOWED: usize = 1 << 14;

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
            followed: Lanes::FOLLOWED,
            exchanges: 0,
            whole: Lanes::WHOLE,
        }
    }

    /// Draws a timeline. No line is wider than [`width`](Self::width).
    pub fn draw(&self, timeline: &Timeline) -> String {
        self.lines(timeline).iter().map(|line| format!("{line}\n")).collect()
    }

    /// The lines of [`draw`](Self::draw), in pieces with their roles, for drawing in colour.
    pub fn lines(&self, timeline: &Timeline) -> Vec<Line> {
        let part = Extent {
            sentences: false,
            ..self.part()
        };
        self.lines_of(&Scene::part_of(timeline, part))
    }

    /// How much of a timeline these lanes draw: for a scene of it.
    pub fn part(&self) -> Extent {
        Extent {
            connections: self.connections,
            output: self.output,
            threads: self.threads,
            sentences: true,
        }
    }

    /// The lines of a scene: of a part of a timeline, for example.
    pub fn lines_of(&self, scene: &Scene) -> Vec<Line> {
        let width = self.width.max(60);
        let mut lines = Vec::new();
        for note in &scene.notes {
            lines.extend(wrapped(Role::Note, "", note, width));
        }
        for diagram in &scene.connections {
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            lines.extend(self.block(scene, diagram, width));
        }
        let left_out = scene.connections_in_all - scene.connections.len();
        if left_out > 0 {
            lines.push(Line::default());
            lines.push(Line::new(Role::Note, format!("... {} ...", are_left_out(left_out))));
        }
        if scene.connections_in_all == 0 {
            lines.push(Line::new(Role::Note, "no connection"));
        }
        // If there is a single connection, these notes stand between its rows already.
        let outside = (scene.connections_in_all != 1).then_some(&scene.outside);
        for note in outside.into_iter().flatten() {
            lines.extend(wrapped(Role::Verdict, &padded("server"), note, width));
        }
        lines
    }

    /// A connection: its addresses, its lanes, its verdict.
    fn block(&self, scene: &Scene, diagram: &Diagram, width: usize) -> Vec<Line> {
        let mut lines = wrapped(Role::Note, "", &title(scene, diagram), width);
        lines[0].kind = Kind::Title;
        let rows = rows::of(diagram);
        let layout = Layout::new(diagram, &rows, width);
        lines.extend((!rows.is_empty()).then(|| layout.heading()));
        let (head, tail) = self.shown(&rows, diagram.left_out > 0);
        lines.extend(head.iter().map(|row| layout.line(row)));
        let middle = &rows[head.len()..rows.len() - tail.len()];
        if diagram.left_out > 0 {
            let packets = diagram.left_out + middle.iter().filter(|row| row.arrow.is_some()).count() as u64;
            let note = format!("    ... {packets} packets are left out ...");
            lines.push(Line::new(Role::Note, note));
        } else if !middle.is_empty() {
            let note = format!("    ... {} rows are left out ...", middle.len());
            lines.push(Line::new(Role::Note, note));
        }
        lines.extend(tail.iter().map(|row| layout.line(row)));
        lines.extend((!rows.is_empty()).then(Line::default));
        for Verdict { name, words } in &diagram.verdict {
            lines.extend(wrapped(Role::Verdict, &padded(name), words, width));
        }
        lines
    }

    /// The first and the last rows, as many as may be drawn. In an excerpt there is a gap between.
    fn shown<'r, 's>(&self, rows: &'r [Row<'s>], gap: bool) -> (&'r [Row<'s>], &'r [Row<'s>]) {
        if rows.len() <= self.rows && !gap {
            return (rows, &[]);
        }
        let tail = (self.rows / 2).min(rows.len());
        let head = (self.rows - self.rows / 2).min(rows.len() - tail);
        (&rows[..head], &rows[rows.len() - tail..])
    }
}

fn title(scene: &Scene, diagram: &Diagram) -> String {
    let place = match scene.connections_in_all {
        1 => String::new(),
        all => format!("connection {} of {all}: ", diagram.connection + 1),
    };
    format!(
        "{place}client {} → server {}",
        diagram.client.address, diagram.server.address
    )
}

/// The name of a line of the verdict, padded so that what follows stands in a column.
fn padded(name: &str) -> String {
    format!("{name:<22}")
}
