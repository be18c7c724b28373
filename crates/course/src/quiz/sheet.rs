//! The questions of a quiz, and a sheet to write the answers on.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context, Result};
use harness::rules::RuleId;
use harness::scene::Moment;
use harness::timeline::{EventKind, FrameNumber, Side, Timeline};
use serde::Deserialize;

use crate::capture::frames;
use crate::data;
use crate::learn::measure::{self, Form, Measured};

/// What stands for "there is none".
pub const NONE: &str = "none";

/// A question of a quiz.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question.
    pub ask: &'static str,
    /// The measure of the exercises that answers it. Without one, the rules that find something do.
    measure: Option<&'static str>,
    /// Which one of several.
    of: Option<usize>,
}

/// The questions, the same for each quiz: so they do not tell which fault its server has.
pub static QUESTIONS: LazyLock<Vec<Question>> = LazyLock::new(|| data(include_str!("../../quiz-questions.json")));

impl Question {
    /// What an answer looks like.
    pub fn form(&self) -> Form {
        let measure = self.measure.and_then(measure::find);
        measure.map_or(Form::Frame, |measure| measure.form)
    }

    /// The right answers of a run; none where there is nothing to name.
    pub fn right(&self, timeline: &Timeline) -> Option<Measured> {
        if let Some(name) = self.measure {
            return measure::find(name)?.ask(timeline, None, self.of);
        }
        let right: Vec<String> = timeline.finding_ids().iter().map(ToString::to_string).collect();
        (!right.is_empty()).then_some(Measured {
            right,
            evidence: Vec::new(),
        })
    }

    /// The right answer in words.
    pub fn shown(&self, timeline: &Timeline) -> String {
        let Some(measured) = self.right(timeline) else {
            return NONE.to_owned();
        };
        let between = match self.form() {
            Form::Frames => " ",
            Form::Frame | Form::Number | Form::Word(_) => " or ",
        };
        measured.right.join(between)
    }

    /// Whether an answer is right.
    ///
    /// # Errors
    ///
    /// If it is no answer to this question, in words.
    pub fn is_right(&self, timeline: &Timeline, answer: &str) -> Result<bool, String> {
        let right = self.right(timeline);
        let plain = answer.trim().to_ascii_lowercase();
        if plain == NONE {
            return Ok(right.is_none());
        }
        if self.measure.is_none() {
            if plain.parse::<RuleId>().is_err() {
                return Err(format!("{answer:?} is no finding, and not {NONE:?}"));
            }
            return Ok(right.is_some_and(|measured| measured.right.contains(&plain)));
        }
        let form = self.form();
        let given = form.read(&plain).map_err(|why| format!("{why}, or {NONE:?}"))?;
        Ok(right.is_some_and(|measured| measured.is_right(form, &given)))
    }
}

/// A sheet without answers: what is to be seen, and the questions.
pub fn blank(seed: &str, timeline: &Timeline) -> String {
    let mut text = format!(
        "# Quiz: {seed}\n\n\
         A server ran, and one client talked to it. {seed}.pcapng has the frames; below is a list of them. Frames are\n\
         packets, calls of the server, and states of sockets. The first column are milliseconds.\n\n\
         Write each answer behind its `Answer`: numbers of frames with spaces between them, a word, or `{NONE}` where\n\
         there is no such thing.\n\n```text\n"
    );
    text += &list(timeline);
    text += "```\n";
    for (number, question) in (1..).zip(&*QUESTIONS) {
        text += &format!("\n{number}. {}\n\n    Answer {number}: \n", question.ask);
    }
    text
}

/// All frames with their times, a line each, and whose socket it is that has a state.
pub fn list(timeline: &Timeline) -> String {
    let packet = |event: &&harness::timeline::Event| matches!(event.kind, EventKind::Packet(_));
    let begin = timeline.events.iter().find(packet).map_or(0, |event| event.at.0);
    let mut text = String::new();
    let mut last = begin;
    let states = timeline.iter().flat_map(|(id, _)| timeline.states_after(id));
    let owners: BTreeMap<FrameNumber, Side> = states
        .filter_map(|state| Some((state.frame?, state.change.side)))
        .collect();
    for (number, mut words) in frames(timeline) {
        // A state has the time of the packet that it stands behind.
        last = timeline.event_of_frame(number).map_or(last, |id| timeline[id].at.0);
        if let Some(side) = owners.get(&number) {
            words = format!("{side}'s {words}");
        }
        let time = Moment(i64::try_from(i128::from(last) - i128::from(begin)).unwrap_or(i64::MAX));
        text += &format!("{time:>8} {number:>3}  {words}\n");
    }
    text
}

/// The answers that somebody wrote on a sheet, by the number of the question.
///
/// # Errors
///
/// If it has none at all.
pub fn read_answers(sheet: &str) -> Result<Vec<Option<String>>> {
    let mut answers = vec![None; QUESTIONS.len()];
    let mut found = false;
    for line in sheet.lines() {
        let Some((number, answer)) = line
            .trim()
            .strip_prefix("Answer ")
            .and_then(|rest| rest.split_once(':'))
        else {
            continue;
        };
        let place = number
            .trim()
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        if let Some(place) = place.filter(|place| *place < answers.len()) {
            found = true;
            let answer = answer.trim().trim_matches('`').trim();
            answers[place] = (!answer.is_empty()).then(|| answer.to_owned());
        }
    }
    found
        .then_some(answers)
        .context("it has no line that begins with `Answer 1:`: is it the sheet of a quiz?")
}

#[cfg(test)]
#[path = "../../tests/unit/quiz_sheet.rs"]
mod tests;
