//! Whether answers are right: a run is asked, or the committed capture where nothing can be run.

use std::path::Path;

use anyhow::{Result, bail};
use harness::timeline::Timeline;

use super::advice::Advice;
use super::exercise::{Exercise, Kind, Question};
use super::measure::{self, Form};
use super::play;
use super::subject::{Subject, refusals};
use super::verdict::{MarkedRow, Outcome, Verdict};
use crate::capture;

/// An answer to each question, as it was given.
///
/// # Errors
///
/// If the server cannot be run, or the capture cannot be read.
pub fn judge(exercise: &Exercise, subject: Option<&Subject>, answers: &[Vec<String>]) -> Result<Verdict> {
    Ok(graded(exercise, evidence(exercise, subject)?, answers))
}

/// As [`judge`], where there is a run to look at.
pub fn graded(exercise: &Exercise, (timeline, notes): Evidence, answers: &[Vec<String>]) -> Verdict {
    let questions = &exercise.about.questions;
    let mut verdict = Verdict {
        notes,
        ..Verdict::of(Outcome::Passed, Vec::new(), None)
    };
    for (question, answer) in questions.iter().zip(answers) {
        let measured = measure::find(&question.measure)
            .and_then(|measure| Some((measure.form, measure.ask(&timeline, question.on, question.of)?)));
        let Some((form, measured)) = measured else {
            verdict
                .said
                .push(format!("?  {}  This run does not tell.", question.ask));
            verdict.right.push(false);
            if verdict.outcome == Outcome::Passed {
                verdict.outcome = Outcome::Unknown;
            }
            continue;
        };
        let given = answer.join(" ");
        let is_right = measured.is_right(form, answer);
        verdict.right.push(is_right);
        if is_right {
            verdict.said.push(format!("✓  {}  {given}", question.ask));
            // One count alone: two rows with the same number would belong to two questions.
            let counts = form == Form::Number
                && measured.shown() == measured.evidence.len().to_string()
                && verdict.marks.iter().all(|mark| mark.count.is_none());
            verdict
                .marks
                .extend(measured.evidence.iter().enumerate().map(|(place, &event)| MarkedRow {
                    event,
                    count: counts.then_some(place + 1),
                }));
        } else {
            verdict.said.push(format!("✗  {}  Not {given}.", question.ask));
            verdict.outcome = Outcome::Failed;
            verdict.advice.get_or_insert_with(|| Advice {
                id: "look",
                text: question.look.clone(),
                evidence: Vec::new(),
            });
        }
    }
    if verdict.outcome == Outcome::Passed {
        verdict.timeline = Some(timeline);
    } else {
        verdict.marks.clear();
    }
    verdict
}

/// What answers the questions of an exercise: a run, or the committed capture; and why that stands in for a run.
pub type Evidence = (Timeline, Vec<String>);

/// Makes the run, or reads the capture.
///
/// # Errors
///
/// As [`judge`].
pub fn evidence(exercise: &Exercise, subject: Option<&Subject>) -> Result<Evidence> {
    let read = |path: &Path, notes| Ok((capture::read(path)?, notes));
    match (exercise.about.kind, exercise.capture(), subject) {
        (Kind::Find, Some(path), _) | (_, Some(path), None) => read(&path, Vec::new()),
        (_, path, Some(subject)) => {
            let run = typical(exercise, subject);
            let tells = |timeline: &Timeline| tell(exercise, timeline).iter().all(Option::is_some);
            match (run, path) {
                (Ok(run), _) if tells(&run) => Ok((run, Vec::new())),
                (run, Some(path)) => {
                    let mut notes = vec![format!(
                        "answered by the committed capture {}, as a run here does not tell",
                        path.file_name().unwrap_or_default().display()
                    )];
                    notes.extend(run.err().map(|error| format!("{error:#}")));
                    notes.extend(refusals());
                    read(&path, notes)
                }
                (run, None) => Ok((run?, refusals())),
            }
        }
        (_, None, None) => bail!("there is neither a server to run nor a capture"),
    }
}

/// Runs it until two runs in a row answer the questions alike: see [`capture::two_that_agree`].
pub(super) fn typical(exercise: &Exercise, subject: &Subject) -> Result<Timeline> {
    let run = || match subject.with(exercise, &exercise.about.wire, |server| {
        play::play(server, &[exercise.conversation()])
    })? {
        Ok(ran) => Ok(ran.timeline),
        Err(error) => bail!(error),
    };
    let same = |one: &Timeline, other: &Timeline| tell(exercise, one) == tell(exercise, other);
    capture::two_that_agree((6, &exercise.name), run, same)
}

/// The right answers to each question, as a run or a capture gives them; `None` if it does not tell.
pub fn tell(exercise: &Exercise, timeline: &Timeline) -> Vec<Option<Vec<String>>> {
    let answer = |question: &Question| {
        let measure = measure::find(&question.measure)?;
        Some(measure.ask(timeline, question.on, question.of)?.right)
    };
    exercise.about.questions.iter().map(answer).collect()
}
