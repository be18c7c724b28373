//! Lanes in colour, where the terminal has it. `NO_COLOR` and pipes are respected.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use harness::format::text::{Lanes, Role};
use harness::timeline::Timeline;

/// Draws a timeline on standard output, as wide as the terminal unless a width is given.
///
/// # Errors
///
/// What standard output says; a reader that has left is a broken pipe.
pub fn draw(timeline: &Timeline, width: Option<usize>) -> io::Result<()> {
    let lanes = Lanes::with_width(width.or_else(terminal_width).unwrap_or(80));
    let mut out = anstream::AutoStream::auto(io::stdout()).lock();
    for line in lanes.lines(timeline) {
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
    Ok(())
}

/// The columns of the terminal that standard output is, if it is one.
pub fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
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
