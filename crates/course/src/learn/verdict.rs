//! What a check comes to, and what to show for it.

use harness::timeline::{EventId, Timeline};

use super::advice::Advice;

/// What a check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Solved.
    Passed,
    /// Not solved.
    Failed,
    /// It cannot be told.
    Unknown,
}

/// A row of the lanes to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedRow {
    /// The event, as an index into the timeline.
    pub event: EventId,
    /// Its number among those that were counted, where some were.
    pub count: Option<usize>,
}

/// What a check comes to, and what to show for it.
#[derive(Debug)]
pub struct Verdict {
    /// What it comes to.
    pub outcome: Outcome,
    /// What is so, in lines.
    pub said: Vec<String>,
    /// The run to show.
    pub timeline: Option<Timeline>,
    /// Where to look.
    pub marks: Vec<MarkedRow>,
    /// What to do next, if it is not solved.
    pub advice: Option<Advice>,
    /// What could not be observed, or stands in for it.
    pub notes: Vec<String>,
    /// Which answers are right, where answers were judged.
    pub right: Vec<bool>,
}

impl MarkedRow {
    /// The rows of these events, none of them counted.
    pub fn each(events: &[EventId]) -> Vec<MarkedRow> {
        events.iter().map(|&event| MarkedRow { event, count: None }).collect()
    }
}

impl Verdict {
    /// A verdict in its words, with nothing to mark, to advise or to note.
    pub fn of(outcome: Outcome, said: Vec<String>, timeline: Option<Timeline>) -> Verdict {
        Verdict {
            outcome,
            said,
            timeline,
            marks: Vec::new(),
            advice: None,
            notes: Vec::new(),
            right: Vec::new(),
        }
    }
}
