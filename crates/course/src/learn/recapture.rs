//! Makes the captures anew that exercises have in their folders: those that `find` is about, and those that answer for
//! `predict` where nothing can be run.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use harness::timeline::Level;

use super::exercise::{Exercise, Kind};
use super::subject::Subject;
use super::{answers, catalog};
use crate::{capture, steps};

/// Runs the server of an exercise as its file says, until two runs answer its questions alike, and writes the capture.
///
/// # Errors
///
/// If the exercise has no capture and server of its own, the run cannot be observed in whole, or answers no question.
pub fn write(exercise: &Exercise) -> Result<PathBuf> {
    let about = &exercise.about;
    let path = match about.capture {
        None if about.kind == Kind::Predict => Some(exercise.own_capture()),
        _ => exercise.capture().filter(|path| path.starts_with(exercise.folder())),
    };
    let path = path.with_context(|| format!("{} has no capture in its folder", exercise.slug))?;
    let file = "main.rs";
    let (program, environment) = match &about.server {
        Some(step) => (steps::find(step)?.build()?, Vec::new()),
        None => (
            steps::build_example(catalog::PROGRAM)?,
            vec![("EXERCISE".to_owned(), format!("{}/{file}", exercise.slug))],
        ),
    };
    ensure!(
        about.server.is_some() || exercise.folder().join(file).is_file(),
        "{} has no server in its folder that would make its capture anew",
        exercise.slug
    );
    let subject = Subject {
        program,
        environment,
        source: String::new(),
        level: Some(Level::Sandbox),
    };
    let timeline = answers::typical(exercise, &subject)?;
    for (question, answer) in exercise.about.questions.iter().zip(answers::tell(exercise, &timeline)) {
        ensure!(
            answer.is_some(),
            "a run of {} does not answer {:?}",
            exercise.slug,
            question.ask
        );
    }
    capture::rewrite(&path, &timeline, "server")?;
    Ok(path)
}
