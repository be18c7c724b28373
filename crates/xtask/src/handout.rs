//! The handout of a class: questions about the committed captures, with room for the answers, and the key to it.
//!
//! Both are generated parts of pages: see [`pages`](crate::pages). No answer is written down anywhere: the captures are
//! asked.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use harness::timeline::Timeline;
use serde::Deserialize;

use course::learn::measure::{self, Form};

/// A question, the measure that answers it, and which one of several.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    ask: String,
    measure: String,
    of: Option<usize>,
}

/// The questions about a step's capture, with room for the answers.
///
/// # Errors
///
/// If there are no questions about it.
pub fn questions(step: &str) -> Result<String> {
    let mut table = "\n| | question | your answer |\n|--:|---|---|\n".to_owned();
    for (number, Question { ask, .. }) in (1..).zip(sheet(step)?) {
        table += &format!("| {number} | {ask} | |\n");
    }
    Ok(table + "\n")
}

/// The same with the answers of the capture.
///
/// # Errors
///
/// If there are no questions about it, or the capture does not answer one.
pub fn key(step: &str, timeline: &Timeline) -> Result<String> {
    let mut table = "\n| | question | answer |\n|--:|---|---|\n".to_owned();
    for (number, Question { ask, measure, of }) in (1..).zip(sheet(step)?) {
        let measure = measure::find(&measure).with_context(|| format!("there is no measure {measure}"))?;
        let answer = measure.ask(timeline, None, of);
        let answer = answer.with_context(|| format!("the capture of {step} does not say: {ask}"))?;
        // A question that means one frame has one answer: neither the first of several, nor several to choose from.
        let all = if measure.form == Form::Frame {
            measure.ask(timeline, None, None)
        } else {
            None
        };
        let right = all.map_or(0, |all| all.right.len()).max(answer.right.len());
        ensure!(
            right == 1 || right > 1 && measure.form == Form::Frames,
            "the capture of {step} has {right} answers: {ask}"
        );
        table += &format!("| {number} | {ask} | {} |\n", answer.right.join(", "));
    }
    Ok(table + "\n")
}

fn sheet(step: &str) -> Result<Vec<Question>> {
    let mut sheets: BTreeMap<String, Vec<Question>> = serde_json::from_str(include_str!("../handout.json"))?;
    let found = sheets.remove(step);
    let known = || sheets.keys().cloned().collect::<Vec<_>>().join(", ");
    found.with_context(|| format!("there are no questions about {step:?}, but about {}", known()))
}
