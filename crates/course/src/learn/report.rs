//! What a learner hands to a teacher: one small file that says what was solved, and holds no source.

use std::env;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::progress::Progress;

/// The version of this form. It grows when something is taken away or changes its meaning.
const VERSION: u32 = 1;

/// A longer file is no report: one of all exercises has some kilobytes.
const LONGEST: u64 = 1 << 20;

/// What `lab learn report` writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this form, which is not that of the others.
    version: u32,
    /// The name that the learner gave.
    pub learner: String,
    /// What was worked on, in the order of the exercises.
    pub exercises: Vec<Row>,
}

/// What a learner did in an exercise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Exercise")]
pub struct Row {
    /// The exercise's name.
    pub exercise: String,
    /// True once a check has passed.
    pub passed: bool,
    /// Checks until it passed, that one included.
    pub tries: u32,
    /// Hints that were shown.
    pub hints: u32,
    /// True if the solution was shown before it passed.
    #[serde(default)]
    pub shown: bool,
    /// Minutes that were spent until it passed, rounded up, longer pauses left out.
    pub minutes: u64,
}

impl Row {
    /// In words, for whoever grades.
    fn told(&self) -> String {
        let shown = if self.shown {
            "; the solution was shown before it passed"
        } else {
            ""
        };
        format!(
            "checks: {}, hints: {}, minutes: {}{shown}",
            self.tries, self.hints, self.minutes
        )
    }
}

impl Report {
    /// The report of a learner. `order` has the names of all exercises; one that is not among them comes last.
    pub fn of(learner: &str, progress: &Progress, order: &[&str]) -> Report {
        let others = progress.exercises.keys().map(String::as_str);
        let others = others.filter(|name| !order.contains(name));
        let rows = order.iter().copied().chain(others).filter_map(|name| {
            let done = progress.exercises.get(name)?;
            Some(Row {
                exercise: name.to_owned(),
                passed: done.passed,
                tries: done.tries,
                hints: done.hints,
                shown: done.shown,
                minutes: done.minutes(),
            })
        });
        Report {
            version: VERSION,
            learner: learner.to_owned(),
            exercises: rows.collect(),
        }
    }

    /// As the file has it.
    ///
    /// # Errors
    ///
    /// None that is known: it is plain data.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self).context("a report is plain data")? + "\n")
    }

    /// As Gradescope takes the results of an autograder, `results.json`: a point for each exercise. The format is that of
    /// <https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format>.
    ///
    /// # Errors
    ///
    /// None that is known: it is plain data.
    pub fn to_gradescope(&self, order: &[&str]) -> Result<String> {
        let test = |(number, name): (usize, &&str)| {
            let row = self.exercises.iter().find(|row| row.exercise == **name);
            let passed = row.is_some_and(|row| row.passed);
            let said = row.map_or_else(|| "not begun".to_owned(), Row::told);
            serde_json::json!({
                "number": number.to_string(),
                "name": name,
                "score": u8::from(passed),
                "max_score": 1,
                "status": if passed { "passed" } else { "failed" },
                "output": said,
            })
        };
        let tests: Vec<_> = (1..).zip(order).map(test).collect();
        let solved = self
            .exercises
            .iter()
            .filter(|row| row.passed && order.contains(&&*row.exercise))
            .count();
        let results = serde_json::json!({ "score": solved, "tests": tests });
        Ok(serde_json::to_string_pretty(&results).context("results are plain data")? + "\n")
    }

    /// Reads a report that somebody handed in.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is too long to be one, or is none. The message does not name the file.
    pub fn read(path: &Path) -> Result<Report> {
        // A pipe or a device may never end, and a folder cannot be read.
        let about = std::fs::metadata(path).context("cannot read it")?;
        ensure!(about.is_file(), "it is no file");
        let mut text = Vec::new();
        let file = File::open(path).context("cannot open it")?;
        file.take(LONGEST + 1)
            .read_to_end(&mut text)
            .context("cannot read it")?;
        Report::parse(&text)
    }

    fn parse(text: &[u8]) -> Result<Report> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        ensure!(length <= LONGEST, "it is longer than {LONGEST} bytes, and no report is");
        ensure!(!text.iter().all(u8::is_ascii_whitespace), "it is empty");
        let none = "it is no report of `lab learn report`";
        let versioned: Versioned = serde_json::from_slice(text).context(none)?;
        if versioned.version > VERSION {
            bail!(
                "it was written by a newer version of this program: its form is {}, and this one reads {VERSION}",
                versioned.version
            );
        }
        serde_json::from_slice(text).context(none)
    }
}

/// The learner's name: the one given, or that of the user.
///
/// # Errors
///
/// If it is empty, or none is given and the user has none.
pub fn learner(given: Option<String>) -> Result<String> {
    let user = || {
        ["USER", "LOGNAME", "USERNAME"]
            .into_iter()
            .find_map(|name| env::var(name).ok())
    };
    let name = given
        .or_else(user)
        .context("nothing tells your name: give one with --name")?;
    let name = name.trim();
    ensure!(!name.is_empty(), "a name has at least one letter: give one with --name");
    Ok(name.to_owned())
}

/// The file that a report is written to if none is named: with the learner's name, so that those of a class can lie in
/// one folder.
pub fn file_name(learner: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || c == '-' { c } else { '_' };
    // No file system takes names that are much longer.
    let name: String = learner.chars().take(40).map(kept).collect();
    format!("report-{name}.json")
}

#[cfg(test)]
#[path = "../../tests/unit/learn_report.rs"]
mod tests;
