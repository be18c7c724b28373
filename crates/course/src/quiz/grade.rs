//! Whether the answers on a sheet are right: the teacher's capture of the run is asked.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use harness::timeline::{Timeline, printable};

use super::KEYS;
use super::sheet::{self, QUESTIONS};
use crate::capture;

/// A longer sheet is none.
const LONGEST: u64 = 1 << 20;

/// What a sheet comes to.
#[derive(Debug)]
pub struct Graded {
    /// The sheet's file, without its ending.
    pub name: String,
    /// For each question: what was answered, and what became of it.
    pub marks: Vec<Answered>,
}

/// What an answer comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It is right.
    Right,
    /// It is not; the answer, and the right one.
    Wrong(String, String),
    /// It is none: why, and the right one.
    Unclear(String, String),
    /// Nothing was written.
    Missing(String),
}

impl Graded {
    /// How many answers are right.
    pub fn right(&self) -> usize {
        self.marks.iter().filter(|mark| **mark == Answered::Right).count()
    }

    /// One line, and one for each answer that is not right.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}: {} of {} right\n",
            printable(&self.name),
            self.right(),
            self.marks.len()
        );
        for (number, mark) in (1..).zip(&self.marks) {
            let line = match mark {
                Answered::Right => continue,
                Answered::Wrong(answer, right) => format!("{}; right is {right}", printable(answer)),
                Answered::Unclear(why, right) => format!("{}; right is {right}", printable(why)),
                Answered::Missing(right) => format!("no answer; right is {right}"),
            };
            text += &format!("  {number}. {line}\n");
        }
        text
    }
}

/// Grades a sheet by the capture of its run, in the folder of keys that is named or in that beside the sheet.
///
/// # Errors
///
/// If the sheet or its key cannot be read, or is none.
pub fn grade(sheet: &Path, keys: Option<&Path>) -> Result<Graded> {
    let name = sheet.file_stem().context("a sheet is a file")?;
    let answers = read(sheet).and_then(|text| sheet::read_answers(&text));
    let answers = answers.with_context(|| format!("cannot grade {}", sheet.display()))?;
    let beside = || sheet.parent().unwrap_or(Path::new("")).join(KEYS);
    let mut key = keys.map_or_else(beside, Path::to_owned).join(name);
    key.as_mut_os_string().push(".pcapng");
    let there = key.exists();
    let timeline = capture::read(&key).with_context(|| {
        let (key, sheet) = (key.display(), sheet.display());
        match there {
            true => format!("cannot read the key {key} of {sheet}"),
            false => format!(
                "there is no key {key} for {sheet}: --keys names its folder, and a sheet keeps the name that it was made with"
            ),
        }
    })?;
    ensure!(
        timeline.unknown_rules().next().is_none(),
        "{} is not the key of a quiz: it does not hold all of a run",
        key.display()
    );
    Ok(Graded {
        name: name.to_string_lossy().into_owned(),
        marks: marks(&timeline, &answers),
    })
}

fn marks(timeline: &Timeline, answers: &[Option<String>]) -> Vec<Answered> {
    let mark = |(question, answer): (&sheet::Question, &Option<String>)| {
        let right = question.shown(timeline);
        let Some(answer) = answer else {
            return Answered::Missing(right);
        };
        match question.is_right(timeline, answer) {
            Ok(true) => Answered::Right,
            Ok(false) => Answered::Wrong(answer.clone(), right),
            Err(why) => Answered::Unclear(why, right),
        }
    };
    QUESTIONS.iter().zip(answers).map(mark).collect()
}

fn read(path: &Path) -> Result<String> {
    let about = std::fs::metadata(path)?;
    ensure!(about.is_file() && about.len() <= LONGEST, "it is no sheet");
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}
