//! `lab learn`: exercises that the wire checks.
//!
//! [`exercise`] is what an exercise is, [`play`] what its clients do, [`measure`] the questions that a timeline
//! answers, [`judge`] whether it is solved, [`advice`] what to say if not. [`folder`] and [`progress`] are the
//! learner's.

pub mod advice;
pub mod catalog;
pub mod class;
pub mod exercise;
pub mod folder;
pub mod judge;
pub mod measure;
pub mod play;
pub mod progress;
pub mod recapture;
pub mod report;
mod show;
#[cfg(target_os = "linux")]
mod untraced;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use crate::terminal;
use exercise::{Exercise, Kind};
use folder::Folder;
use judge::{Outcome, Subject, Verdict};
use progress::Progress;

/// What to do with the exercises.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Where your exercises are, if not in the folder `exercises` of the checkout; LAB_EXERCISES names it too
    #[arg(long, value_name = "DIR", global = true)]
    pub folder: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// List the exercises, and which are done
    List,
    /// Check one: exit status 0 if it is solved, 1 if not, 2 if that cannot be told
    Check {
        /// Its name, or its number in the list
        name: String,
        /// Your answer to its question; again for the next question
        #[arg(long = "answer", value_name = "ANSWER")]
        answers: Vec<String>,
    },
    /// Show the next hint of an exercise; there are three
    Hint {
        /// Its name, or its number in the list
        name: String,
    },
    /// Show a solution, once it is solved
    Solution {
        /// Its name, or its number in the list
        name: String,
        /// Also if it is not solved yet
        #[arg(long)]
        anyway: bool,
    },
    /// Put the given server back; yours is kept beside it
    Reset {
        /// Its name, or its number in the list
        name: String,
    },
    /// Write what you have solved into a small file, for a teacher: no source, no times of day
    Report(report::Arguments),
    /// Print the table of a class from its learners' reports; exit status 1 if a file is none
    Class(class::Arguments),
}

impl Arguments {
    /// Does it, and gives the exit status.
    ///
    /// # Errors
    ///
    /// If something stands in the way that is no matter of being right or wrong.
    pub fn run(&self) -> Result<u8> {
        match &self.command {
            Some(Command::Report(arguments)) => return arguments.run(&Folder::find(self.folder.as_deref())?),
            Some(Command::Class(arguments)) => return arguments.run(),
            _ => {}
        }
        let (exercises, folder) = folder::open(self.folder.as_deref())?;
        let find = |name: &str| exercise::find(&exercises, name);
        match &self.command {
            None => bail!("not yet: use list and check"),
            Some(Command::List) => list(&exercises, &folder)?,
            Some(Command::Check { name, answers }) => return check(&folder, find(name)?, answers),
            Some(Command::Hint { name }) => hint(&folder, find(name)?)?,
            Some(Command::Solution { name, anyway }) => solution(&folder, find(name)?, *anyway)?,
            Some(Command::Reset { name }) => reset(&folder, find(name)?)?,
            Some(Command::Report(_) | Command::Class(_)) => {}
        }
        Ok(0)
    }
}

/// The progress of a learner; a file that cannot be understood is told of.
fn progress(folder: &Folder) -> Result<Progress> {
    let (progress, kept) = Progress::read(&folder.path)?;
    if let Some(kept) = kept {
        let note = format!(
            "lab: what is done could not be read, and is counted anew; the file is kept as {}",
            kept.display()
        );
        writeln!(io::stderr(), "{note}")?;
    }
    Ok(progress)
}

fn list(exercises: &[Exercise], folder: &Folder) -> Result<()> {
    let progress = progress(folder)?;
    let mut out = io::stdout().lock();
    let done = exercises
        .iter()
        .filter(|exercise| progress.of(&exercise.name).passed)
        .count();
    writeln!(out, "{}", bar(done, exercises.len()))?;
    let longest = exercises.iter().map(|exercise| exercise.name.len()).max().unwrap_or(0);
    for exercise in exercises {
        let about = &exercise.about;
        let mark = if progress.of(&exercise.name).passed { "✓" } else { " " };
        writeln!(
            out,
            "{mark} {:2}  {:longest$}  {:7}  {:2} min  {}",
            about.order,
            exercise.name,
            about.kind.word(),
            about.minutes,
            about.title
        )?;
    }
    Ok(())
}

/// `[████░░░░░░░░░░░░░░░░] 4 of 20 done`
fn bar(done: usize, all: usize) -> String {
    const CELLS: usize = 20;
    let full = (done * CELLS).checked_div(all).unwrap_or(0);
    format!(
        "[{}{}] {done} of {all} done",
        "█".repeat(full),
        "░".repeat(CELLS - full)
    )
}

fn check(folder: &Folder, exercise: &Exercise, answers: &[String]) -> Result<u8> {
    let verdict = match exercise.about.kind.is_code() {
        true => match build(folder, exercise)? {
            Ok(subject) => judge::server(exercise, &subject)?,
            Err(words) => {
                io::stderr().write_all(words.as_bytes())?;
                does_not_build()
            }
        },
        false => match read_answers(exercise, answers) {
            Ok(answers) => judge::answers(exercise, asked(folder, exercise)?.as_ref(), &answers)?,
            Err(words) => {
                writeln!(io::stderr(), "{words}")?;
                return Ok(Outcome::Unknown.status());
            }
        },
    };
    Progress::change(&folder.path, |progress| {
        progress.checked(&exercise.name, verdict.outcome)
    })?;
    tell(exercise, &verdict)?;
    Ok(verdict.outcome.status())
}

/// Builds a learner's server; `Err` of the inner result are cargo's words.
fn build(folder: &Folder, exercise: &Exercise) -> Result<Result<Subject, String>> {
    let path = folder.server(exercise);
    let source = std::fs::read(&path).with_context(|| {
        format!(
            "cannot read {}: `lab learn reset {}` puts the given server there",
            path.display(),
            exercise.name
        )
    })?;
    let program = folder.build(exercise)?;
    Ok(program.map(|program| Subject {
        program,
        environment: Vec::new(),
        source: String::from_utf8_lossy(&source).into_owned(),
        level: None,
    }))
}

fn does_not_build() -> Verdict {
    Verdict {
        outcome: Outcome::Failed,
        said: vec!["It does not build.".to_owned()],
        timeline: None,
        marks: Vec::new(),
        advice: None,
        notes: Vec::new(),
    }
}

/// The server that a question is about, if there is one and it can be built.
fn asked(folder: &Folder, exercise: &Exercise) -> Result<Option<Subject>> {
    if exercise.about.kind == Kind::Find {
        return Ok(None);
    }
    let given = exercise.given()?.unwrap_or_default();
    let built = build(folder, exercise).and_then(|built| built.map_err(anyhow::Error::msg));
    match built {
        Ok(subject) if subject.source == given => Ok(Some(subject)),
        Ok(_) => bail!(
            "you have changed {}, and the question is about the server as it was: `lab learn reset {}` puts it back, \
             and keeps yours",
            folder.server(exercise).display(),
            exercise.name
        ),
        // Its capture answers too, where there is one.
        Err(error) if exercise.capture().is_some() => {
            writeln!(io::stderr(), "lab: {error:#}")?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// An answer to each question, or what is missing, in words.
fn read_answers(exercise: &Exercise, answers: &[String]) -> Result<Vec<Vec<String>>, String> {
    let questions = &exercise.about.questions;
    if answers.len() != questions.len() {
        let mut words = format!(
            "give an answer to each question, with --answer: {} of them",
            questions.len()
        );
        for (number, question) in (1..).zip(questions) {
            let form = measure::find(&question.measure).map(|measure| measure.form.words());
            words += &format!("\n  {number}. {}  ({})", question.ask, form.unwrap_or_default());
        }
        return Err(words);
    }
    let read = |(question, answer): (&exercise::Question, &String)| {
        let measure = measure::find(&question.measure).ok_or("there is no such measure")?;
        measure.form.read(answer)
    };
    questions.iter().zip(answers).map(read).collect()
}

/// Prints what a check has come to.
fn tell(exercise: &Exercise, verdict: &Verdict) -> Result<()> {
    let width = terminal::terminal_width().unwrap_or(80);
    if let Some(timeline) = &verdict.timeline {
        terminal::print(&show::marked(timeline, &verdict.marks, width, None))?;
        writeln!(io::stdout())?;
    }
    for line in show::words(verdict, width) {
        writeln!(io::stdout(), "{line}")?;
    }
    let word = match verdict.outcome {
        Outcome::Passed => "solved",
        Outcome::Failed => "not solved yet",
        Outcome::Unknown => "this machine cannot tell",
    };
    writeln!(io::stdout(), "{}: {word}", exercise.name)?;
    Ok(())
}

fn hint(folder: &Folder, exercise: &Exercise) -> Result<()> {
    let hints = exercise.hints()?;
    let done = Progress::change(&folder.path, |progress| {
        progress.work_on(&exercise.name);
        let done = progress.exercises.entry(exercise.name.clone()).or_default();
        done.hints = (done.hints + 1).min(u32::try_from(hints.len()).unwrap_or(u32::MAX));
    })?;
    let shown = done.of(&exercise.name).hints as usize;
    for (number, hint) in (1..).zip(&hints).take(shown) {
        writeln!(io::stdout(), "hint {number} of {}: {hint}\n", hints.len())?;
    }
    Ok(())
}

fn solution(folder: &Folder, exercise: &Exercise, anyway: bool) -> Result<()> {
    if !anyway && !progress(folder)?.of(&exercise.name).passed {
        bail!(
            "{} is not solved yet: `lab learn hint {}` helps, and --anyway shows a solution",
            exercise.name,
            exercise.name
        );
    }
    if !exercise.about.kind.is_code() {
        bail!(
            "{} is solved by an answer, and its page says how to find it",
            exercise.name
        );
    }
    io::stdout().write_all(exercise.solution()?.as_bytes())?;
    Ok(())
}

fn reset(folder: &Folder, exercise: &Exercise) -> Result<()> {
    match folder.reset(exercise)? {
        Some(copy) => writeln!(
            io::stdout(),
            "the given server is back; yours is kept as {}",
            copy.display()
        )?,
        None => writeln!(io::stdout(), "the given server is there")?,
    }
    Ok(())
}
