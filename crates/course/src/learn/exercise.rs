//! What an exercise is: a folder of `crates/course/exercises`, read at run time.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use harness::Conversation;
use harness::rules::RuleId;
use serde::Deserialize;

use super::measure;
use crate::{checkout, steps};

/// The file that makes a folder an exercise.
pub const FILE: &str = "exercise.json";

/// Where the exercises are, from the checkout.
pub const FOLDER: &str = "crates/course/exercises";

/// An exercise.
#[derive(Clone, Debug)]
pub struct Exercise {
    /// Its name: the folder's, without the number in front. `one-write` of `06-one-write`.
    pub name: String,
    /// The name of its folder.
    pub slug: String,
    /// What its file says.
    pub about: About,
    folder: PathBuf,
    checkout: PathBuf,
}

/// What `exercise.json` says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its place among the exercises.
    pub order: u32,
    /// What it is about, in a few words.
    pub title: String,
    /// What a learner does.
    pub kind: Kind,
    /// How long it takes.
    pub minutes: u32,
    /// The page that teaches it, with its section: `docs/step1-two-writes.md#the-stall`.
    pub page: String,
    /// The step whose server it begins with, where the folder has no `main.rs`.
    pub server: Option<String>,
    /// What the clients do in the run that is shown.
    #[serde(default)]
    pub client: Conversation,
    /// True if what a client sends comes back as it is where the conversation says nothing else. Then other inputs are tried too.
    #[serde(default)]
    pub echo: bool,
    /// True if its lines are texts: no other bytes are tried.
    #[serde(default)]
    pub text: bool,
    /// More conversations whose replies must be right, beside those that any echo server must hold.
    #[serde(default)]
    pub probes: Vec<Conversation>,
    /// How many descriptors the server may have, if that matters.
    pub descriptors: Option<u64>,
    /// The buffers of each socket, in bytes, if not the kernel's.
    pub buffers: Option<u32>,
    /// What the wire does in the run that is shown, a statement a line; nothing for a network without one.
    #[serde(default)]
    pub wire: String,
    /// Fix: so many clients do what the client does, one after the other, before anything else is tried.
    #[serde(default)]
    pub crowd: usize,
    /// Fix: the findings that have to go.
    #[serde(default)]
    pub gone: Vec<RuleId>,
    /// Fix and break: the findings that may be there besides.
    #[serde(default)]
    pub stays: Vec<RuleId>,
    /// Fix and break: the findings that a run shows or not, as the clock has it. Nobody is judged by them.
    #[serde(default)]
    pub chance: Vec<RuleId>,
    /// Break: the findings that have to be there.
    #[serde(default)]
    pub shows: Vec<RuleId>,
    /// Fix and break: measures that have to have these values.
    #[serde(default)]
    pub must: Vec<Must>,
    /// Predict and find: the questions.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// Find: the capture, from the checkout. Predict: the one to go on from where nothing can be run, if that is not
    /// `capture.pcapng` in its folder.
    pub capture: Option<String>,
    /// The advice that a wrong turn gets, by the name of its file: what the tests hold it to.
    #[serde(default)]
    pub wrong: std::collections::BTreeMap<String, String>,
}

/// What a learner does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Say what is going to happen, before it does.
    Predict,
    /// Find frames in a capture.
    Find,
    /// Cure a server of a fault.
    Fix,
    /// Write a server that shows a finding.
    Break,
}

impl Kind {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Predict => "predict",
            Kind::Find => "find",
            Kind::Fix => "fix",
            Kind::Break => "break",
        }
    }

    /// True if it is solved by changing the server, and not by an answer.
    pub fn is_code(self) -> bool {
        matches!(self, Kind::Fix | Kind::Break)
    }
}

/// A question whose answer a timeline gives.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question.
    pub ask: String,
    /// The measure that answers it: see [`measure::MEASURES`].
    pub measure: String,
    /// Which one of several: the number of an exchange, from 1; which frame of several.
    pub of: Option<usize>,
    /// Which connection, from 1: the first unless told.
    pub on: Option<usize>,
    /// What to look at, for whoever was wrong. It gives no answer away.
    pub look: String,
}

/// A measure and the value that it has to have.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Must {
    /// The measure.
    pub measure: String,
    /// Which one of several.
    pub of: Option<usize>,
    /// Which connection, from 1: the first unless told.
    pub on: Option<usize>,
    /// Its value, as a learner would answer it.
    pub is: String,
}

/// All exercises, in order.
///
/// # Errors
///
/// If there is no checkout, or an exercise in it is not as it should be; the message names the file.
pub fn all() -> Result<Vec<Exercise>> {
    let checkout = checkout::find()?;
    let folder = checkout.join(FOLDER);
    let mut exercises = checkout::names_in(&folder)?
        .into_iter()
        .filter(|slug| folder.join(slug).join(FILE).is_file())
        .map(|slug| Exercise::read(&checkout, slug))
        .collect::<Result<Vec<_>>>()?;
    exercises.sort_by_key(|exercise| exercise.about.order);
    for (index, exercise) in exercises.iter().enumerate() {
        for other in &exercises[..index] {
            let (both, order) = (format!("{} and {}", other.slug, exercise.slug), exercise.about.order);
            ensure!(
                other.about.order != order,
                "{both} both have the order {order} in their {FILE}: give each its own"
            );
            ensure!(
                other.name != exercise.name,
                "{both} have the same name: give each its own"
            );
        }
    }
    Ok(exercises)
}

/// The exercise that somebody means by `one-write`, `06-one-write` or its place in the list, `6`.
///
/// # Errors
///
/// If there is none; the message lists those that there are.
pub fn find<'a>(exercises: &'a [Exercise], name: &str) -> Result<&'a Exercise> {
    let place = name.parse::<u32>().ok();
    let meant =
        |exercise: &&Exercise| name == exercise.name || name == exercise.slug || place == Some(exercise.about.order);
    exercises.iter().find(meant).with_context(|| {
        let names: Vec<&str> = exercises.iter().map(|exercise| exercise.name.as_str()).collect();
        let begins = |known: &&&str| known.chars().zip(name.chars()).take_while(|(a, b)| a == b).count() > 3;
        let near: Vec<&str> = names.iter().filter(begins).copied().collect();
        let there = match (place, near.is_empty()) {
            (Some(_), _) => format!("they have the numbers 1 to {}", names.len()),
            (None, false) => format!("is it {}?", near.join(", or ")),
            (None, true) => format!("there are {}", names.join(", ")),
        };
        format!("there is no exercise {name:?}; {there}")
    })
}

impl Exercise {
    fn read(checkout: &Path, slug: String) -> Result<Exercise> {
        let folder = checkout.join(FOLDER).join(&slug);
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let about: About =
            serde_json::from_str(&text).with_context(|| format!("{} describes no exercise", path.display()))?;
        let number = |c: char| c.is_ascii_digit() || c == '-';
        let name = slug.trim_start_matches(number).to_owned();
        let exercise = Exercise {
            name,
            slug,
            about,
            folder,
            checkout: checkout.to_owned(),
        };
        exercise.is_whole().with_context(|| format!("in {}", path.display()))?;
        Ok(exercise)
    }

    /// What its kind needs is there, and every name is one that exists.
    fn is_whole(&self) -> Result<()> {
        let about = &self.about;
        ensure!(
            !self.name.is_empty()
                && self
                    .name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "the folder's name is a number and words in small letters: 06-one-write"
        );
        let measures = about.questions.iter().map(|question| &question.measure);
        for name in measures.chain(about.must.iter().map(|must| &must.measure)) {
            ensure!(
                measure::find(name).is_some(),
                "there is no measure {name:?}; there are {}",
                measure::names()
            );
        }
        match about.kind {
            Kind::Predict | Kind::Find => ensure!(!about.questions.is_empty(), "it asks no question"),
            Kind::Fix => ensure!(!about.gone.is_empty() || !about.must.is_empty(), "nothing has to go"),
            Kind::Break => ensure!(!about.shows.is_empty(), "it names no finding to show"),
        }
        ensure!(
            about.kind != Kind::Find || about.capture.is_some(),
            "it names no capture"
        );
        ensure!(
            about.kind == Kind::Find || !about.client.turns.is_empty(),
            "its client does nothing"
        );
        Ok(())
    }

    /// What the clients do in the run that is shown.
    pub fn conversation(&self) -> Conversation {
        self.echoed(&self.about.client)
    }

    /// A conversation with its server: of an echo server comes back what was sent.
    pub fn echoed(&self, conversation: &Conversation) -> Conversation {
        match self.about.echo {
            true => conversation.clone().echoed(),
            false => conversation.clone(),
        }
    }

    /// The task.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn page(&self) -> Result<String> {
        self.text("page.md")
    }

    /// The server that a learner begins with, if there is one.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or it is that of a step that does not exist.
    pub fn given(&self) -> Result<Option<String>> {
        let path = match &self.about.server {
            Some(step) => steps::find(step)?.source(),
            None => self.folder.join("main.rs"),
        };
        if !path.exists() && self.about.kind == Kind::Find {
            return Ok(None);
        }
        read(&path).map(Some)
    }

    /// A server that passes.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn solution(&self) -> Result<String> {
        self.text("solution.rs")
    }

    /// The hints, from a nudge to nearly the answer.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn hints(&self) -> Result<Vec<String>> {
        let text = self.text("hints.md")?;
        let hints = text
            .split("\n## ")
            .skip(1)
            .filter_map(|hint| Some(hint.split_once('\n')?.1));
        Ok(hints.map(|hint| hint.trim().to_owned()).collect())
    }

    /// Its capture's file, if it has one.
    pub fn capture(&self) -> Option<PathBuf> {
        match &self.about.capture {
            Some(path) => Some(self.checkout.join(path)),
            None => Some(self.own_capture()).filter(|path| path.is_file()),
        }
    }

    /// The file of a capture of its own: where nothing can be run, it answers the questions.
    pub fn own_capture(&self) -> PathBuf {
        self.folder.join("capture.pcapng")
    }

    /// Its folder in the checkout.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The wrong turns that are kept beside it: the names of their files, without `.rs`.
    pub fn wrong_turns(&self) -> Vec<String> {
        let names = checkout::names_in(&self.folder.join("wrong")).unwrap_or_default();
        let turns = names.iter().filter_map(|name| name.strip_suffix(".rs"));
        turns.map(str::to_owned).collect()
    }

    fn text(&self, file: &str) -> Result<String> {
        read(&self.folder.join(file))
    }
}

/// What a file of the checkout says.
pub(super) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}: is the checkout whole?", path.display()))
}

#[cfg(test)]
#[path = "../../tests/unit/learn_exercise.rs"]
mod tests;
