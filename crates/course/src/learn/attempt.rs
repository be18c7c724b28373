//! A check from the learner's file to the verdict: build, run, judge. It can be called off.

use anyhow::{Context, Result, bail};

use super::call_off::CallOff;
use super::exercise::{Exercise, Kind, Question};
use super::folder::Folder;
use super::measure::{self, Form};
use super::subject::Subject;
use super::verdict::{Outcome, Verdict};
use super::{answers, judge};
use crate::checkout::NotBuilt;

/// What a check comes to.
#[derive(Debug)]
pub enum Attempt {
    /// It was not built.
    NotBuilt(NotBuilt),
    /// It was judged.
    Judged(Box<Verdict>),
}

impl Attempt {
    /// What it comes to.
    pub fn outcome(&self) -> Outcome {
        match self {
            Attempt::NotBuilt(not) if not.is_not_the_source => Outcome::Unknown,
            Attempt::NotBuilt(_) => Outcome::Failed,
            Attempt::Judged(verdict) => verdict.outcome,
        }
    }
}

/// Builds a learner's server and judges it. `builds` hears when the build is over.
///
/// # Errors
///
/// If the server is not there, or cannot be built, run or observed for another reason than what is in it.
pub fn server(folder: &Folder, exercise: &Exercise, call_off: &CallOff, built: impl FnOnce()) -> Result<Attempt> {
    let subject = match build(folder, exercise, call_off)? {
        Ok(subject) => subject,
        Err(not) => return Ok(Attempt::NotBuilt(not)),
    };
    built();
    let verdict = judge::server(exercise, &subject, call_off)?;
    Ok(Attempt::Judged(Box::new(verdict)))
}

/// Judges answers.
///
/// # Errors
///
/// As [`server`].
pub fn answers(folder: &Folder, exercise: &Exercise, answers: &[Vec<String>], call_off: &CallOff) -> Result<Attempt> {
    let (subject, notes) = asked(folder, exercise, call_off)?;
    let mut verdict = answers::judge(exercise, subject.as_ref(), answers)?;
    verdict.notes.splice(0..0, notes);
    Ok(Attempt::Judged(Box::new(verdict)))
}

/// Builds a learner's server.
fn build(folder: &Folder, exercise: &Exercise, call_off: &CallOff) -> Result<Result<Subject, NotBuilt>> {
    let path = folder.server(exercise);
    let read = || std::fs::read(&path);
    // Read before the build, so that it is what was built. If the whole folder is missing, the build makes it
    // anew, and the source is read after it.
    let before = read();
    let program = folder.build(exercise, call_off)?;
    let source = before.or_else(|_| read()).with_context(|| {
        format!(
            "cannot read {}: `lab learn reset {}` puts the given server there",
            path.display(),
            exercise.name
        )
    })?;
    Ok(program.map(|program| Subject {
        program,
        environment: Vec::new(),
        source: String::from_utf8_lossy(&source).into_owned(),
        level: None,
    }))
}

/// The server that a question is about, if there is one and it can be built; and why not.
fn asked(folder: &Folder, exercise: &Exercise, call_off: &CallOff) -> Result<(Option<Subject>, Vec<String>)> {
    if exercise.about.kind == Kind::Find {
        return Ok((None, Vec::new()));
    }
    let given = exercise.given()?.unwrap_or_default();
    let built = build(folder, exercise, call_off).and_then(|built| built.map_err(|not| anyhow::Error::msg(not.words)));
    match built {
        Ok(subject) if subject.source == given => Ok((Some(subject), Vec::new())),
        Ok(_) => bail!(
            "you have changed {}, and the question is about the server as it was: `lab learn reset {}` puts it back, \
             and keeps yours",
            folder.server(exercise).display(),
            exercise.name
        ),
        // A question with a committed capture can be answered by that, without a run.
        Err(error) if exercise.capture().is_some() => Ok((
            None,
            vec![
                format!("{error:#}"),
                "so the committed capture answers, and not a run of your own".to_owned(),
            ],
        )),
        Err(error) => Err(error),
    }
}

/// What an answer to a question has to look like.
pub fn form(question: &Question) -> Form {
    // Each exercise was read with measures that exist.
    measure::find(&question.measure).map_or(Form::Number, |measure| measure.form)
}
