//! What a step is as a lesson: the file `lesson.json` in its folder.

use std::path::Path;

use anyhow::{Context, Result};
use harness::Conversation;
use harness::facts::Reason;
use harness::rules::RuleId;
use harness::timeline::Timeline;
use serde::Deserialize;

/// The name of the file.
pub const FILE: &str = "lesson.json";

/// A lesson, as its file says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// Its place among the lessons.
    pub order: u32,
    /// The name of the step's binary: `step1`.
    pub binary: String,
    /// Its page, from the checkout's folder: `docs/step1-two-writes.md`.
    pub page: String,
    /// What the client does in the lesson's capture.
    pub client: Conversation,
    /// What such a run shows.
    pub expected: Shown,
}

/// What a lesson's run shows, in the words of the documentation: `docs/json.md` lists them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Write-family calls of each reply.
    pub writes_per_reply: Vec<usize>,
    /// What is so of some packet, each word once, in the order of the alphabet.
    pub facts: Vec<String>,
    /// Why some packet left when it did, each word once, in the order of the alphabet, where that is known.
    pub reasons: Vec<String>,
    /// The rules that find something, in the order of `docs/findings.md`.
    pub findings: Vec<RuleId>,
}

impl Lesson {
    /// Reads the lesson of a step from its folder.
    ///
    /// # Errors
    ///
    /// If the file is missing or does not say what a lesson says; the message names the file and the line.
    pub fn read(folder: &Path) -> Result<Lesson> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}: it tells what the step teaches", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no lesson", path.display()))
    }
}

impl Shown {
    /// What a run or its capture shows.
    ///
    /// # Panics
    ///
    /// If it has none or several connections.
    pub fn of(timeline: &Timeline) -> Shown {
        let packets: Vec<_> = timeline.only().packets().map(|(_, packet)| packet.facts).collect();
        let facts = packets.iter().flat_map(|packet| packet.facts());
        let reasons = packets.iter().map(|packet| packet.why.reason);
        let reasons = reasons.filter(|reason| *reason != Reason::Unknown);
        Shown {
            writes_per_reply: timeline.writes_per_reply(),
            facts: each_once(facts.map(|fact| fact.kind.name())),
            reasons: each_once(reasons.map(Reason::name)),
            findings: timeline.finding_ids(),
        }
    }
}

fn each_once<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let words: std::collections::BTreeSet<&str> = words.collect();
    words.into_iter().map(str::to_owned).collect()
}
