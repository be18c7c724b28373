//! Lanes in colour, where the terminal has it. `NO_COLOR` and pipes are respected.

#[cfg(target_os = "linux")]
mod keys;
#[cfg(target_os = "linux")]
mod step;
mod walk;

use std::io::{self, Write};

use anstyle::{Ansi256Color, AnsiColor, Style};
use clap::ValueEnum;
use harness::format::line::{Line, Role};
use harness::format::text::Lanes;
use harness::scene::Scene;
use harness::timeline::Timeline;

#[cfg(target_os = "linux")]
pub use keys::SingleKeys;
#[cfg(target_os = "linux")]
pub use step::step;

/// Elsewhere there is no walk.
///
/// # Errors
///
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn step(_: &Scene, _: Look) -> anyhow::Result<bool> {
    anyhow::bail!("--step reads single keys, which is written for Linux only: without it, all rows are drawn at once")
}

/// How text looks in a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Columns; the terminal's unless given.
    pub width: Option<usize>,
    /// The colours; such as can be read on any ground unless given.
    pub theme: Option<Theme>,
    /// Draw the lines that the server wrote, too.
    pub output: bool,
    /// Name the thread of each call.
    pub threads: bool,
}

/// For what ground the colours are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Theme {
    /// For a light ground: a projector, paper
    Light,
    /// For a dark ground
    Dark,
    /// Without colours
    Mono,
}

impl Look {
    /// The lanes, as wide as the terminal unless a width is given.
    pub fn lanes(&self) -> Lanes {
        Lanes {
            output: self.output,
            threads: self.threads,
            ..Lanes::with_width(self.width.or_else(terminal_width).unwrap_or(80))
        }
    }
}

/// Draws a timeline on standard output.
///
/// # Errors
///
/// What standard output says; a reader that has left is a broken pipe.
pub fn draw(timeline: &Timeline, look: Look) -> io::Result<()> {
    print_in(&look.lanes().lines(timeline), look.theme)
}

/// Draws a scene on standard output: a part of a timeline.
///
/// # Errors
///
/// As [`draw`].
pub fn draw_scene(scene: &Scene, look: Look) -> io::Result<()> {
    print_in(&look.lanes().lines_of(scene), look.theme)
}

/// Writes findings, as `lab check` words them, on standard output: in colour and in lines of the terminal's width,
/// where it is one.
///
/// # Errors
///
/// As [`draw`].
pub fn findings(told: &[Line], look: Look) -> io::Result<()> {
    print_in(&finding_lines(told, look.width.or_else(terminal_width)), look.theme)
}

/// The lines of findings, broken at spaces if there is a width to keep to.
fn finding_lines(told: &[Line], width: Option<usize>) -> Vec<Line> {
    let width = width.map_or(usize::MAX, |width| width.max(20));
    // What goes on in another line stands further in than the line that it belongs to.
    let indent = |line: &Line| {
        let first = line.spans.first().map_or("", |span| &span.text);
        first.len() - first.trim_start().len() + 2
    };
    told.iter().flat_map(|line| line.wrapped(width, indent(line))).collect()
}

/// A text in lines of so many columns, broken at spaces. What goes on in another line stands further in.
pub fn filled(text: &str, width: usize, indent: usize) -> String {
    let line = |line: &str| Line::new(Role::Note, line).wrapped(width.max(40), indent);
    text.lines().flat_map(line).map(|line| format!("{line}\n")).collect()
}

/// The columns of prose: the terminal's, or those that most have.
pub fn prose_width() -> usize {
    terminal_width().unwrap_or(80)
}

/// Prints lines on standard output, in colour where that has it.
///
/// # Errors
///
/// As [`draw`].
pub fn print(lines: &[Line]) -> io::Result<()> {
    print_in(lines, None)
}

fn print_in(lines: &[Line], theme: Option<Theme>) -> io::Result<()> {
    let mut out = anstream::AutoStream::auto(io::stdout()).lock();
    lines.iter().try_for_each(|line| write_line(&mut out, line, theme))?;
    out.flush()
}

fn write_line(out: &mut impl Write, line: &Line, theme: Option<Theme>) -> io::Result<()> {
    let blank = line
        .spans
        .iter()
        .rev()
        .take_while(|span| span.text.trim().is_empty())
        .count();
    let shown = &line.spans[..line.spans.len() - blank];
    for (left, span) in (0..shown.len()).rev().zip(shown) {
        let style = style(span.role, theme);
        let text = if left == 0 { span.text.trim_end() } else { &span.text };
        write!(out, "{style}{text}{style:#}")?;
    }
    writeln!(out)
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
    pub fn draw(&mut self, timeline: &Timeline, look: Look, last: bool) -> io::Result<()> {
        let mut lines = look.lanes().lines(timeline);
        if !last {
            // The verdict stands after an empty line.
            let rows = lines
                .iter()
                .position(|line| line.spans.is_empty())
                .unwrap_or(lines.len());
            lines.truncate(rows);
        }
        let at = lines.iter().position(walk::is_heading);
        if let Some(heading) = at.and_then(|at| lines.get(at)) {
            let moved = self.printed > 0 && heading.to_string() != self.heading;
            self.heading = heading.to_string();
            if moved {
                print_in(std::slice::from_ref(heading), look.theme)?;
            }
        }
        print_in(lines.get(self.printed..).unwrap_or_default(), look.theme)?;
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

/// What each piece looks like. Nothing is dim: an arrow and a time carry the meaning, and on a projector what is dim is
/// not there.
fn style(role: Role, theme: Option<Theme>) -> Style {
    let plain = Style::new();
    if role == Role::Note || role == Role::Verdict {
        return plain.bold();
    }
    let colour = |number: u8| Ansi256Color(number).on_default();
    match (role, theme) {
        (Role::Client, None) => AnsiColor::Cyan.on_default(),
        (Role::Call, None) => AnsiColor::Green.on_default(),
        (Role::State, None) => AnsiColor::Magenta.on_default(),
        (Role::Held, None) => AnsiColor::Red.on_default().bold(),
        // Blue, green, purple and vermilion of Okabe and Ito, as near as the 256 colours come, and dark enough.
        (Role::Client, Some(Theme::Light)) => colour(25),
        (Role::Call, Some(Theme::Light)) => colour(23),
        (Role::State, Some(Theme::Light)) => colour(90),
        (Role::Held, Some(Theme::Light)) => colour(130).bold(),
        (Role::Client, Some(Theme::Dark)) => colour(117),
        (Role::Call, Some(Theme::Dark)) => colour(79),
        (Role::State, Some(Theme::Dark)) => colour(182),
        (Role::Held, Some(Theme::Dark)) => colour(215).bold(),
        (Role::State, Some(Theme::Mono)) => plain.underline(),
        (Role::Held, Some(Theme::Mono)) => plain.bold(),
        (Role::Client | Role::Call, Some(Theme::Mono)) => plain,
        (Role::Time | Role::Frame | Role::Wire | Role::Segment | Role::Bracket | Role::Note | Role::Verdict, _) => {
            plain
        }
    }
}

#[cfg(test)]
#[path = "../tests/unit/terminal.rs"]
mod tests;
