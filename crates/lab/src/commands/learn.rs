//! `lab learn`

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use course::learn::attempt::{self, Attempt};
use course::learn::call_off::CallOff;
use course::learn::class::Class;
use course::learn::exercise::{self, Exercise};
use course::learn::folder::{self, Folder};
use course::learn::progress::Progress;
use course::learn::report;
use course::learn::verdict::Outcome;
use harness::timeline::printable;

use crate::learn::{screen, session, show};
use crate::status::{Run, Status};
use crate::terminal;

/// Exercises that the wire checks: predict, find, fix, break
///
///     lab learn              go on where you were
///     lab learn NAME         go on with this one
///     lab learn list
///     lab learn check NAME
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Where your exercises are, if not in the folder `exercises` of the checkout; LAB_EXERCISES names it too
    #[arg(long, value_name = "DIR", global = true)]
    folder: Option<PathBuf>,

    /// The exercise to go on with, by its name or its number in the list; where you were unless given
    name: Option<String>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List the exercises, and which are done
    List,
    /// Check one: exit status 0 if it is solved, 1 if not, 2 if that cannot be told
    Check {
        /// Its name, or its number in the list
        name: String,
        /// Your answer to its question; again for the next question
        #[arg(long = "answer", value_name = "ANSWER", allow_hyphen_values = true)]
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
    Report(Report),
    /// Print the table of a class from its learners' reports; exit status 1 if a file is none
    Class(OfClass),
}

/// Whose report, and where to.
#[derive(Args, Debug)]
struct Report {
    /// Your name, as the teacher shall see it. Without it the name of the user
    #[arg(long)]
    name: Option<String>,
    /// Write it to this file, or - for standard output. Without it to the folder of your exercises
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// In which form
    #[arg(long, value_enum, default_value_t = ReportFormat::Lab)]
    format: ReportFormat,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// For `lab learn class`
    Lab,
    /// The results.json of Gradescope's autograders: a point for each exercise
    Gradescope,
}

/// Which reports, and how to print them.
#[derive(Args, Debug)]
struct OfClass {
    /// The files that `lab learn report` wrote
    #[arg(required = true, value_name = "REPORT")]
    files: Vec<PathBuf>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = TableFormat::Text)]
    format: TableFormat,
}

/// How a class is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TableFormat {
    /// A row for each learner, and one for each exercise
    Text,
    /// A line for each learner and exercise, for a spreadsheet
    Csv,
}

impl From<Outcome> for Status {
    fn from(outcome: Outcome) -> Status {
        match outcome {
            Outcome::Passed => Status::Well,
            Outcome::Failed => Status::Wrong,
            Outcome::Unknown => Status::Unknown,
        }
    }
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        if let (Some(name), Some(_)) = (&self.name, &self.command) {
            bail!("what shall be done with {name:?}? The name of an exercise stands behind the command");
        }
        match &self.command {
            Some(Command::Report(arguments)) => return arguments.run(&Folder::find(self.folder.as_deref())?),
            Some(Command::Class(arguments)) => return arguments.run(),
            _ => {}
        }
        let (exercises, folder) = folder::open(self.folder.as_deref())?;
        let find = |name: &str| exercise::find(&exercises, name);
        match &self.command {
            None => {
                let named = self.name.as_deref().map(find).transpose()?;
                session::run(&exercises, &folder, progress(&folder)?, named)?;
            }
            Some(Command::List) => list(&exercises, &folder)?,
            Some(Command::Check { name, answers }) => return check(&folder, find(name)?, answers),
            Some(Command::Hint { name }) => hint(&folder, find(name)?)?,
            Some(Command::Solution { name, anyway }) => solution(&folder, find(name)?, *anyway)?,
            Some(Command::Reset { name }) => reset(&folder, find(name)?)?,
            Some(Command::Report(_) | Command::Class(_)) => {}
        }
        Ok(Status::Well)
    }
}

impl Report {
    /// Writes the report of the learner whose folder it is.
    fn run(&self, folder: &Folder) -> Result<Status> {
        let learner = report::learner(self.name.clone())?;
        let (progress, _) = Progress::read(&folder.path)?;
        let exercises = exercise::all()?;
        let order: Vec<&str> = exercises.iter().map(|exercise| exercise.name.as_str()).collect();
        let report = report::Report::of(&learner, &progress, &order);
        let text = match self.format {
            ReportFormat::Lab => report.to_json()?,
            ReportFormat::Gradescope => report.to_gradescope(&order)?,
        };
        if self.output.as_deref() == Some(Path::new("-")) {
            io::stdout().write_all(text.as_bytes())?;
            return Ok(Status::Well);
        }
        let in_folder = || match self.format {
            ReportFormat::Lab => folder.path.join(report::file_name(&learner)),
            ReportFormat::Gradescope => folder.path.join("results.json"),
        };
        if self.output.is_none() {
            folder.make(&exercises)?;
        }
        let path = self.output.clone().unwrap_or_else(in_folder);
        folder::write_whole(&path, &text)?;
        let solved = report.exercises.iter().filter(|row| row.passed).count();
        writeln!(
            io::stdout(),
            "{}: {solved} of {} solved, written to {}",
            printable(&learner),
            exercises.len(),
            path.display()
        )?;
        Ok(Status::Well)
    }
}

impl OfClass {
    /// Prints the class. Something is wrong if a file is no report.
    fn run(&self) -> Result<Status> {
        // Where there is no checkout, the reports say which exercises there are.
        let exercises = exercise::all().unwrap_or_default();
        let order = exercises.into_iter().map(|exercise| exercise.name).collect();
        let class = Class::read(self.files.iter().map(PathBuf::as_path), order);
        let text = match self.format {
            TableFormat::Text => class.text(),
            TableFormat::Csv => class.csv(),
        };
        io::stdout().write_all(text.as_bytes())?;
        for (path, why) in &class.broken {
            let path = printable(&path.to_string_lossy());
            writeln!(io::stderr(), "lab: {path}: {}", printable(why))?;
        }
        Ok(Status::right_if(class.broken.is_empty()))
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

/// Changes what is done, or tells that it is not remembered.
fn remember(folder: &Folder, change: impl FnOnce(&mut Progress)) -> io::Result<()> {
    match Progress::change(&folder.path, change) {
        Ok(_) => Ok(()),
        Err(error) => writeln!(io::stderr(), "lab: what is done is not remembered: {error:#}"),
    }
}

fn list(exercises: &[Exercise], folder: &Folder) -> Result<()> {
    for line in screen::list(exercises, &progress(folder)?, None) {
        writeln!(io::stdout(), "{line}")?;
    }
    Ok(())
}

fn check(folder: &Folder, exercise: &Exercise, answers: &[String]) -> Result<Status> {
    ensure!(
        answers.is_empty() || !exercise.about.kind.is_code(),
        "{} takes no answer: your server is checked",
        exercise.name
    );
    let call_off = CallOff::default();
    let attempt = match exercise.about.kind.is_code() {
        true => attempt::server(folder, exercise, &call_off, || {})?,
        false => match read_answers(exercise, answers) {
            Ok(answers) => attempt::answers(folder, exercise, &answers, &call_off)?,
            Err(words) => {
                writeln!(io::stderr(), "{words}")?;
                return Ok(Status::Unknown);
            }
        },
    };
    let outcome = attempt.outcome();
    // A check of what was given, as on the night before a class, is no work: the learner stays where he was.
    let server = std::fs::read_to_string(folder.server(exercise));
    let is_given = exercise
        .given()?
        .is_some_and(|given| server.is_ok_and(|server| server == given));
    if !is_given {
        remember(folder, |progress| progress.checked(&exercise.name, outcome))?;
    }
    tell(exercise, &attempt)?;
    Ok(outcome.into())
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
            words += &format!("\n  {number}. {}  ({})", question.ask, attempt::form(question).words());
        }
        return Err(words);
    }
    let read = |(question, answer): (&exercise::Question, &String)| attempt::form(question).read(answer);
    questions.iter().zip(answers).map(read).collect()
}

/// Rows of lanes, where the terminal has no more.
const ROWS: usize = 40;

/// Prints what a check has come to.
fn tell(exercise: &Exercise, attempt: &Attempt) -> Result<()> {
    let (width, height) = terminal::terminal_size().unwrap_or((screen::COLUMNS, ROWS));
    match attempt {
        // As cargo says it, where it says it.
        Attempt::NotBuilt(not) => io::stderr().write_all(not.words.as_bytes())?,
        Attempt::Judged(verdict) => {
            let words = show::words(verdict, width);
            if let Some(timeline) = &verdict.timeline {
                let room = height.saturating_sub(words.len() + 4).max(ROWS / 2);
                terminal::print(&show::marked(timeline, &verdict.marks, width, Some(room)))?;
                writeln!(io::stdout())?;
            }
            for line in words {
                writeln!(io::stdout(), "{line}")?;
            }
        }
    }
    let word = match (attempt, attempt.outcome()) {
        (Attempt::NotBuilt(_), Outcome::Failed) => "it does not build",
        (Attempt::NotBuilt(_), _) => "it could not be built, and that is not its source's fault",
        (_, Outcome::Passed) => "solved",
        (_, Outcome::Failed) => "not solved yet",
        (_, Outcome::Unknown) => "this machine cannot tell",
    };
    writeln!(io::stdout(), "{}: {word}", exercise.name)?;
    Ok(())
}

fn hint(folder: &Folder, exercise: &Exercise) -> Result<()> {
    let hints = exercise.hints()?;
    let mut done = progress(folder)?;
    // Also where it cannot be remembered.
    done.hint(&exercise.name, hints.len());
    remember(folder, |progress| progress.hint(&exercise.name, hints.len()))?;
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
            "{} is solved by an answer, and the page that teaches it says how to find it",
            exercise.name
        );
    }
    let solution = exercise.solution()?;
    remember(folder, |progress| progress.solution(&exercise.name))?;
    io::stdout().write_all(solution.as_bytes())?;
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
