//! What a rule is, and what it finds.

use std::fmt;

use crate::events::{ConnectionId, EventId};
use crate::timeline::Connection;

use super::RuleId;
use super::run::Run;

/// A rule. The section of `docs/findings.md` with its name explains it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Which it is.
    pub id: RuleId,
    /// Its name, in kebab case. It is stable.
    pub name: &'static str,
    /// What it finds.
    pub summary: &'static str,
    /// What to do about it.
    pub cure: &'static str,
    pub(super) needs: &'static [Need],
    pub(super) look: fn(&Run<'_>, Connection<'_>) -> Option<Found>,
}

/// All of a rule but its names, which stand in the list of [`RULES`](super::RULES).
pub(super) struct Body {
    pub summary: &'static str,
    pub cure: &'static str,
    pub needs: &'static [Need],
    pub look: fn(&Run<'_>, Connection<'_>) -> Option<Found>,
}

/// Rules are the same if their names are.
impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.id == other.id
    }
}

impl Rule {
    pub(super) const fn new(id: RuleId, name: &'static str, body: Body) -> Rule {
        Rule {
            id,
            name,
            summary: body.summary,
            cure: body.cure,
            needs: body.needs,
            look: body.look,
        }
    }

    /// True if it goes by packets where there is nothing else: a rule that has calls knows better.
    pub fn is_for_packets_alone(&self) -> bool {
        self.needs.iter().any(|need| matches!(need, Need::PacketsAlone))
    }
}

/// What a rule goes by. All but those for packets alone go by the calls.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    Packets,
    /// The writes of both sides of what the server connects to.
    PeersWrites,
    PacketsAlone,
    /// A server that was asleep at the end: whoever is still at work may yet do his part.
    Sleep,
    /// A connection on which the fault could have come to light. Why a run that had none shows nothing of it.
    Moment(fn(&Run<'_>, Connection<'_>) -> bool, &'static str),
}

shown! {
    /// How much a finding matters.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Severity {
        /// It costs something, and nobody waits for it.
        Note = "note",
        /// Somebody waits, or something is lost.
        Warning = "warning",
    }
}

/// A rule that applies, where, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The connection that shows it.
    pub connection: ConnectionId,
    /// How much it matters here.
    pub severity: Severity,
    /// One line that names the evidence.
    pub message: String,
    /// The calls and packets that show it, by their ids.
    pub evidence: Vec<EventId>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule.name, self.message)
    }
}

/// What a rule has found on a connection.
pub(super) struct Found {
    pub severity: Severity,
    pub message: String,
    pub evidence: Vec<EventId>,
}

impl Found {
    /// A warning: somebody waits, or something is lost.
    pub fn new(message: impl Into<String>, evidence: impl IntoIterator<Item = EventId>) -> Found {
        Found {
            severity: Severity::Warning,
            message: message.into(),
            evidence: evidence.into_iter().collect(),
        }
    }

    /// Only a note, where that is so.
    pub fn milder(self, is_mild: bool) -> Found {
        let severity = if is_mild { Severity::Note } else { self.severity };
        Found { severity, ..self }
    }
}
