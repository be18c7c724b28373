//! What is remembered of a learner: one file that a person can read, in the learner's folder.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::folder::write_whole;
use super::verdict::Outcome;

/// The name of the file.
pub const FILE: &str = "progress.json";

/// Who does nothing for so many seconds has gone for a coffee: that is not counted.
const PAUSE: u64 = 10 * 60;

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The exercise to go on with.
    pub current: Option<String>,
    /// Each exercise that was tried, by its name.
    #[serde(default)]
    pub exercises: BTreeMap<String, Done>,
}

/// What is remembered of an exercise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Done {
    /// True once a check has passed.
    pub passed: bool,
    /// Checks until it passed, that one included.
    pub tries: u32,
    /// Hints that were shown.
    pub hints: u32,
    /// True if the solution was shown before it passed.
    pub shown: bool,
    /// Seconds that were spent on it until it passed, pauses of more than ten minutes left out.
    pub seconds: u64,
    /// When it was last worked on, in seconds since 1970.
    pub last: u64,
}

impl Done {
    /// The minutes that were spent, rounded up.
    pub fn minutes(&self) -> u64 {
        self.seconds.div_ceil(60)
    }
}

impl Progress {
    /// Reads it from a learner's folder. A file that cannot be understood is kept under another name, which is told.
    ///
    /// # Errors
    ///
    /// If it is there and cannot be read, or not be kept.
    pub fn read(folder: &Path) -> Result<(Progress, Option<PathBuf>)> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Progress::default(), None)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        match serde_json::from_str(&text) {
            Ok(progress) => Ok((progress, None)),
            Err(_) => {
                let kept = path.with_extension(format!("{}.json", now()));
                std::fs::rename(&path, &kept)
                    .with_context(|| format!("cannot move {} out of the way", path.display()))?;
                Ok((Progress::default(), Some(kept)))
            }
        }
    }

    /// Changes what a folder's file says.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written.
    pub fn change(folder: &Path, change: impl FnOnce(&mut Progress)) -> Result<Progress> {
        let (mut progress, _) = Progress::read(folder)?;
        let before = progress.clone();
        change(&mut progress);
        if progress != before {
            let text = serde_json::to_string_pretty(&progress).context("progress is plain data")? + "\n";
            write_whole(&folder.join(FILE), &text)?;
        }
        Ok(progress)
    }

    /// What is known of an exercise.
    pub fn of(&self, name: &str) -> Done {
        self.exercises.get(name).cloned().unwrap_or_default()
    }

    /// Somebody works on an exercise now.
    pub fn work_on(&mut self, name: &str) {
        let now = now();
        self.current = Some(name.to_owned());
        let done = self.exercises.entry(name.to_owned()).or_default();
        let since = now.saturating_sub(done.last);
        if done.last > 0 && since <= PAUSE && !done.passed {
            done.seconds = done.seconds.saturating_add(since);
        }
        done.last = now;
    }

    /// The next hint of so many was asked for.
    pub fn hint(&mut self, name: &str, of: usize) {
        self.work_on(name);
        let done = self.exercises.entry(name.to_owned()).or_default();
        done.hints = done.hints.saturating_add(1).min(u32::try_from(of).unwrap_or(u32::MAX));
    }

    /// The solution was shown, whether it was solved or not.
    pub fn solution(&mut self, name: &str) {
        let done = self.exercises.entry(name.to_owned()).or_default();
        done.shown |= !done.passed;
    }

    /// A check has come to an end.
    pub fn checked(&mut self, name: &str, outcome: Outcome) {
        self.work_on(name);
        let done = self.exercises.entry(name.to_owned()).or_default();
        if !done.passed && outcome != Outcome::Unknown {
            done.tries = done.tries.saturating_add(1);
            done.passed = outcome == Outcome::Passed;
        }
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
#[path = "../../tests/unit/learn_progress.rs"]
mod tests;
