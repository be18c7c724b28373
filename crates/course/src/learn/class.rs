//! A class at a glance: what the reports of its learners say, in one table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use harness::timeline::printable;
use harness::timeline::width::{cut, padded};

use super::report::{Report, Row};

/// So much of a learner's name stands in the table.
const LONGEST_NAME: usize = 20;

/// The reports of a class.
#[derive(Debug, Default)]
pub struct Class {
    /// Those that could be read, in the order in which they were given.
    pub reports: Vec<Report>,
    /// The files that could not, and why.
    pub broken: Vec<(PathBuf, String)>,
    /// The names of all exercises, in order.
    order: Vec<String>,
}

impl Class {
    /// Reads the reports. `order` has the names of the exercises, where they are known; others come behind them.
    pub fn read<'p>(paths: impl IntoIterator<Item = &'p Path>, order: Vec<String>) -> Class {
        let mut class = Class {
            order,
            ..Class::default()
        };
        for path in paths {
            match Report::read(path) {
                Ok(report) => class.add(report),
                Err(error) => class.broken.push((path.to_owned(), format!("{error:#}"))),
            }
        }
        class
    }

    fn add(&mut self, report: Report) {
        for row in &report.exercises {
            if !self.order.contains(&row.exercise) {
                self.order.push(row.exercise.clone());
            }
        }
        self.reports.push(report);
    }

    /// A row for each learner, and below one for each exercise that somebody has tried.
    pub fn text(&self) -> String {
        if self.reports.is_empty() {
            return "no reports\n".to_owned();
        }
        let mut text = self.learners();
        text.push('\n');
        text += &self.exercises();
        text
    }

    fn learners(&self) -> String {
        let mut text = format!(
            "{:<LONGEST_NAME$}  solved  tries  hints  minutes  one sign for each exercise\n",
            "learner"
        );
        for report in &self.reports {
            let rows = by_exercise(report);
            let solved = rows.values().filter(|row| row.passed).count();
            let sum = |of: fn(&Row) -> u64| rows.values().fold(0, |sum: u64, row| sum.saturating_add(of(row)));
            let signs: String = self.order.iter().map(|name| sign(rows.get(&**name).copied())).collect();
            text += &format!(
                "{}  {:>6}  {:>5}  {:>5}  {:>7}  {signs}\n",
                cell(&report.learner),
                format!("{solved}/{}", self.order.len()),
                sum(|row| row.tries.into()),
                sum(|row| row.hints.into()),
                sum(|row| row.minutes)
            );
        }
        text += "# solved, s solved once the solution was shown, + tried and not solved, . not begun\n";
        text
    }

    /// Where a class gets stuck.
    fn exercises(&self) -> String {
        let mut text = format!(
            "{:<LONGEST_NAME$}  solved  tries  hints  minutes  (of who solved it, the median)\n",
            "exercise"
        );
        for (number, name) in (1..).zip(&self.order) {
            let rows = self
                .reports
                .iter()
                .filter_map(|report| by_exercise(report).get(&**name).copied());
            let rows: Vec<&Row> = rows.filter(|row| sign(Some(row)) != '.').collect();
            if rows.is_empty() {
                continue;
            }
            let solved: Vec<&Row> = rows.iter().filter(|row| row.passed).copied().collect();
            let middle = |of: fn(&Row) -> u64| {
                median(solved.iter().map(|row| of(row)).collect()).map_or_else(|| "-".to_owned(), |n| n.to_string())
            };
            text += &format!(
                "{}  {:>6}  {:>5}  {:>5}  {:>7}\n",
                cell(&format!("{number:>2} {name}")),
                format!("{}/{}", solved.len(), rows.len()),
                middle(|row| row.tries.into()),
                middle(|row| row.hints.into()),
                middle(|row| row.minutes)
            );
        }
        text
    }

    /// A line for each learner and exercise, for a spreadsheet (RFC 4180).
    pub fn csv(&self) -> String {
        let mut text = "learner,exercise,passed,tries,hints,minutes,shown\r\n".to_owned();
        for report in &self.reports {
            for row in &report.exercises {
                text += &format!(
                    "{},{},{},{},{},{},{}\r\n",
                    field(&report.learner),
                    field(&row.exercise),
                    row.passed,
                    row.tries,
                    row.hints,
                    row.minutes,
                    row.shown
                );
            }
        }
        text
    }
}

/// A learner's exercises by name. Of one that stands there twice, the later.
fn by_exercise(report: &Report) -> BTreeMap<&str, &Row> {
    report.exercises.iter().map(|row| (&*row.exercise, row)).collect()
}

fn sign(row: Option<&Row>) -> char {
    match row {
        Some(row) if row.passed && row.shown => 's',
        Some(row) if row.passed => '#',
        Some(row) if row.tries > 0 || row.hints > 0 || row.shown => '+',
        _ => '.',
    }
}

/// A name as wide as its column, with nothing in it that acts on a terminal.
fn cell(name: &str) -> String {
    padded(&cut(&printable(name), LONGEST_NAME), LONGEST_NAME)
}

/// A field of CSV. A spreadsheet takes what begins with one of these signs for a formula, and runs it; behind an
/// apostrophe it is text.
fn field(text: &str) -> String {
    let plain = printable(text);
    let acts = plain.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r']);
    let safe = if acts { format!("'{plain}") } else { plain };
    match safe.contains(['"', ',', '\r', '\n', ';']) {
        true => format!("\"{}\"", safe.replace('"', "\"\"")),
        false => safe,
    }
}

/// The middle one; of an even number the smaller of the two.
pub fn median<T: Copy + Ord>(mut numbers: Vec<T>) -> Option<T> {
    numbers.sort_unstable();
    numbers.get(numbers.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
#[path = "../../tests/unit/learn_class.rs"]
mod tests;
