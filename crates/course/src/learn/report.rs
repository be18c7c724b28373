//! What a learner hands to a teacher: one small file that says what was solved, and holds no source.

use std::env;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::progress::Progress;

/// The version of this form. It grows when something is taken away or changes its meaning.
const VERSION: u32 = 1;

/// A longer file is no report: one of all exercises has some kilobytes.
const LONGEST: u64 = 1 << 20;

/// What is said of a learner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    version: u32,
    /// The name that the learner gave.
    pub learner: String,
    /// What was worked on, in the order of the exercises.
    pub exercises: Vec<Row>,
}

/// What is said of an exercise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub exercise: String,
    /// True once a check has passed.
    pub passed: bool,
    /// Checks until it passed, that one included.
    pub tries: u32,
    /// Hints that were shown.
    pub hints: u32,
    /// Minutes that were spent until it passed, rounded up, longer pauses left out.
    pub minutes: u64,
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
mod tests {
    use super::*;
    use crate::learn::progress::Done;

    fn progress() -> Progress {
        let done = |passed, tries, seconds| Done {
            passed,
            tries,
            hints: 1,
            seconds,
            ..Done::default()
        };
        let exercises = [
            ("stall", done(false, 3, 61)),
            ("handshake", done(true, 1, 60)),
            ("of-long-ago", done(true, 2, 0)),
        ];
        Progress {
            current: Some("stall".to_owned()),
            exercises: exercises.map(|(name, done)| (name.to_owned(), done)).into(),
        }
    }

    #[test]
    fn what_is_written_is_read_back_in_the_order_of_the_exercises() {
        let report = Report::of("Ada", &progress(), &["handshake", "first-exchange", "stall"]);
        let names: Vec<&str> = report.exercises.iter().map(|row| &*row.exercise).collect();
        assert_eq!(names, ["handshake", "stall", "of-long-ago"]);
        let minutes: Vec<u64> = report.exercises.iter().map(|row| row.minutes).collect();
        assert_eq!(minutes, [1, 2, 0]);
        let text = report.to_json().unwrap();
        assert_eq!(Report::parse(text.as_bytes()).unwrap(), report);
    }

    #[test]
    fn what_is_no_report_is_refused_with_a_reason() {
        let reason = |text: &[u8]| format!("{:#}", Report::parse(text).unwrap_err());
        assert!(reason(b"").contains("empty"));
        assert!(reason(b" \n").contains("empty"));
        assert!(reason(b"{\"version\": 1}").contains("no report"));
        assert!(reason(b"[1, 2").contains("no report"));
        assert!(reason(b"\xff\xfe").contains("no report"));
        assert!(reason(&[b'['; 100_000]).contains("no report"));
        assert!(reason(b"{\"version\": 2}").contains("newer"));
        assert!(reason(&vec![b' '; 2 << 20]).contains("longer"));
        let negative = br#"{"version":1,"learner":"x","exercises":[{"exercise":"a","passed":true,"tries":-1,"hints":0,"minutes":0}]}"#;
        assert!(reason(negative).contains("no report"));
    }

    #[test]
    fn a_file_name_leads_nowhere_else() {
        assert_eq!(file_name("Ada Lovelace"), "report-Ada_Lovelace.json");
        assert_eq!(file_name("../../etc/passwd\n"), "report-______etc_passwd_.json");
        assert!(file_name(&"x".repeat(1000)).len() < 100);
    }

    #[test]
    fn a_name_without_letters_is_none() {
        assert!(learner(Some("  ".to_owned())).is_err());
        assert_eq!(learner(Some(" Ada ".to_owned())).unwrap(), "Ada");
    }
}
