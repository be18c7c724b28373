//! What stands on the screen: plain lines, made for a width and a height.

use course::learn::exercise::{Exercise, Kind};
use course::learn::progress::Progress;
use harness::timeline::width;

/// Columns where there is no terminal to ask.
pub const COLUMNS: usize = 80;

/// `[████░░░░░░] 4 of 20 done`
pub fn bar(done: usize, all: usize, cells: usize) -> String {
    // One of many exercises would fill no cell: what is done has at least one.
    let full = (done * cells).checked_div(all).unwrap_or(0).max(done.min(1));
    format!(
        "[{}{}] {done} of {all} done",
        "█".repeat(full),
        "░".repeat(cells - full)
    )
}

/// How many are done.
pub fn done(exercises: &[Exercise], progress: &Progress) -> usize {
    exercises
        .iter()
        .filter(|exercise| progress.of(&exercise.name).passed)
        .count()
}

/// The first line: how much is done, and which exercise this is.
pub fn head(exercises: &[Exercise], progress: &Progress, exercise: &Exercise) -> String {
    let about = &exercise.about;
    let mark = if progress.of(&exercise.name).passed { " ✓" } else { "" };
    format!(
        "{}   {} {} ({}, {} minutes){mark}",
        bar(done(exercises, progress), exercises.len(), 10),
        about.order,
        exercise.name,
        about.kind.word(),
        about.minutes
    )
}

/// All exercises, a line each.
pub fn list(exercises: &[Exercise], progress: &Progress, current: Option<&str>) -> Vec<String> {
    let longest = exercises.iter().map(|exercise| exercise.name.len()).max().unwrap_or(0);
    let line = |exercise: &Exercise| {
        let about = &exercise.about;
        let mark = if progress.of(&exercise.name).passed { "✓" } else { " " };
        let here = if current == Some(exercise.name.as_str()) {
            "▶"
        } else {
            " "
        };
        format!(
            "{here}{mark}{:3}  {:longest$}  {:7} {:3} min  {}",
            about.order,
            exercise.name,
            about.kind.word(),
            about.minutes,
            about.title
        )
    };
    let head = bar(done(exercises, progress), exercises.len(), 20);
    std::iter::once(head).chain(exercises.iter().map(line)).collect()
}

/// A page of an exercise, its paragraphs filled to a width. What is indented, a list or a table stays as it is.
pub fn page(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut paragraph = String::new();
    for line in text.lines().chain([""]) {
        let is_prose = !line.is_empty() && !line.starts_with([' ', '#', '-', '|', '<']) && !line.starts_with("```");
        if is_prose {
            paragraph += line;
            paragraph.push(' ');
            continue;
        }
        if !paragraph.is_empty() {
            lines.extend(wrapped(&paragraph, width));
            paragraph.clear();
        }
        lines.push(line.strip_prefix("# ").unwrap_or(line).to_owned());
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// A text in lines of at most so many columns, wherever its own lines end.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    width::wrapped(&words.join(" "), width)
}

/// What a learner can press, or type with enter.
pub fn keys(kind: Kind, typed: bool) -> String {
    let all = match kind.is_code() {
        true => "n next  p previous  l list  t task  h hint  r run again  q quit",
        false => "n next  p previous  l list  t task  h hint  q quit",
    };
    match typed {
        true => format!("{all}  (and enter)"),
        false => all.to_owned(),
    }
}

#[cfg(test)]
#[path = "../../tests/unit/learn_screen.rs"]
mod tests;
