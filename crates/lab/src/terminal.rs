//! Lanes in colour, where the terminal has it. `NO_COLOR` and pipes are respected.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use harness::format::text::{Lanes, Line, Role};
use harness::timeline::Timeline;

/// Draws a timeline on standard output, as wide as the terminal unless a width is given, with the
/// lines that the server wrote if `output` says so.
///
/// # Errors
///
/// What standard output says; a reader that has left is a broken pipe.
pub fn draw(timeline: &Timeline, width: Option<usize>, output: bool) -> io::Result<()> {
    print(&lines(timeline, width, output))
}

fn lines(timeline: &Timeline, width: Option<usize>, output: bool) -> Vec<Line> {
    let width = width.or_else(terminal_width).unwrap_or(80);
    Lanes {
        output,
        ..Lanes::with_width(width)
    }
    .lines(timeline)
}

/// Prints lines on standard output, in colour where that has it.
///
/// # Errors
///
/// As [`draw`].
pub fn print(lines: &[Line]) -> io::Result<()> {
    let mut out = anstream::AutoStream::auto(io::stdout()).lock();
    for line in lines {
        let blank = line
            .spans
            .iter()
            .rev()
            .take_while(|span| span.text.trim().is_empty())
            .count();
        let shown = &line.spans[..line.spans.len() - blank];
        for (left, span) in (0..shown.len()).rev().zip(shown) {
            let style = style(span.role);
            let text = if left == 0 { span.text.trim_end() } else { &span.text };
            write!(out, "{style}{text}{style:#}")?;
        }
        writeln!(out)?;
    }
    out.flush()
}

/// Lanes that grow while a server runs.
#[derive(Debug, Default)]
pub struct Growing {
    printed: usize,
    /// The heading as it was drawn last. The lanes move as times grow longer.
    heading: String,
}

impl Growing {
    /// Draws what has come since the last time; the verdict only if it is the `last` time.
    ///
    /// # Errors
    ///
    /// As [`draw`].
    pub fn draw(&mut self, timeline: &Timeline, width: Option<usize>, output: bool, last: bool) -> io::Result<()> {
        let mut lines = lines(timeline, width, output);
        if !last {
            // The verdict stands after an empty line.
            let rows = lines
                .iter()
                .position(|line| line.spans.is_empty())
                .unwrap_or(lines.len());
            lines.truncate(rows);
        }
        let at = lines
            .iter()
            .position(|line| line.spans.iter().any(|span| span.text.contains('╷')));
        if let Some(heading) = at.and_then(|at| lines.get(at)) {
            let moved = self.printed > 0 && heading.to_string() != self.heading;
            self.heading = heading.to_string();
            if moved {
                print(std::slice::from_ref(heading))?;
            }
        }
        print(lines.get(self.printed..).unwrap_or_default())?;
        self.printed = self.printed.max(lines.len());
        Ok(())
    }
}

/// The columns and rows of the terminal that standard output is, if it is one.
pub fn terminal_size() -> Option<(usize, usize)> {
    terminal_size::terminal_size().map(|(width, height)| (usize::from(width.0), usize::from(height.0)))
}

/// The columns of the terminal that standard output is, if it is one.
pub fn terminal_width() -> Option<usize> {
    Some(terminal_size()?.0)
}

fn style(role: Role) -> Style {
    match role {
        Role::Note | Role::Verdict => Style::new().bold(),
        Role::Time | Role::Wire | Role::Bracket => Style::new().dimmed(),
        Role::Frame | Role::Segment => Style::new(),
        Role::Client => AnsiColor::Cyan.on_default(),
        Role::Call => AnsiColor::Green.on_default(),
        Role::State => AnsiColor::Magenta.on_default(),
        Role::Held => AnsiColor::Red.on_default().bold(),
    }
}
