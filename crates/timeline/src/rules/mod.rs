//! Named rules over a timeline, as clippy has lints over code.
//!
//! A rule speaks only of what is on the timeline, and of what the [facts](crate::facts) say of it. Where the
//! evidence that a rule needs is missing, the rule is among [`Timeline::unknown_rules`]: not found is not the
//! same as not there.
//!
//! ```
//! let file = std::fs::File::open("../../captures/step1-two-writes.pcapng")?;
//! let timeline = timeline::format::pcapng::read(file)?.into_timeline();
//! assert_eq!(timeline.finding_ids(), ["split-reply", "nagle-stall", "close-wait-leak"]);
//! // The file holds the calls of its run, so every rule has its evidence.
//! assert_eq!(timeline.unknown_rules().count(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use crate::events::{Argument, Call, CallKind, ConnectionId, EventKind, Level, Packet, SocketOption};
use crate::timeline::{Connection, Timeline};

mod accept_stopped;
mod blocked_write;
mod close_wait_leak;
mod cork_stall;
mod descriptor_leak;
mod nagle_stall;
mod no_reply;
mod replies;
mod reset_on_close;
mod split_reply;
mod unread_eof;
mod write_after_close;

/// A rule: its name is stable, its page explains it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Its name, in kebab case.
    pub id: &'static str,
    /// What it finds.
    pub summary: &'static str,
    /// What to do about it.
    pub cure: &'static str,
    needs: Needs,
    look: fn(&Run<'_>, Connection<'_>) -> Option<Found>,
}

/// Rules are the same if their names are.
impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.id == other.id
    }
}

/// What a rule goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Calls,
    CallsAndPackets,
    /// Calls, and a server that was asleep at the end: whoever is still at work may yet do his part.
    CallsAndSleep,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It costs something, and nobody waits for it.
    Note,
    /// Somebody waits, or something is lost.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
        })
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
    /// The calls and packets that show it, as indices into the timeline's events.
    pub evidence: Vec<usize>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule.id, self.message)
    }
}

struct Found {
    severity: Severity,
    message: String,
    evidence: Vec<usize>,
}

/// All rules.
pub const RULES: &[Rule] = &[
    split_reply::RULE,
    nagle_stall::RULE,
    cork_stall::RULE,
    blocked_write::RULE,
    close_wait_leak::RULE,
    unread_eof::RULE,
    descriptor_leak::RULE,
    reset_on_close::RULE,
    write_after_close::RULE,
    accept_stopped::RULE,
    no_reply::RULE,
];

/// The rule with this name.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// What rules look up beside a connection, gathered once: ten thousand connections must not each look
/// through all events.
struct Run<'a> {
    /// True if Nagle's algorithm was switched off on a listener. An accepted socket inherits that on Linux.
    listener_has_no_delay: bool,
    /// The last accept that failed, and not because nobody had connected.
    refused: Option<(usize, &'a Call)>,
    /// True if the server, or a process of it, ended in a way that ends its exchanges too.
    server_ended: bool,
}

impl<'a> Run<'a> {
    fn of(timeline: &'a Timeline) -> Run<'a> {
        let mut run = Run {
            listener_has_no_delay: false,
            refused: None,
            server_ended: timeline.exit().is_some() || timeline.crashed().is_some(),
        };
        for (index, event) in timeline.events.iter().enumerate() {
            let EventKind::Call(call) = &event.kind else { continue };
            if event.connection.is_none() {
                run.listener_has_no_delay |= switches_nagle_off(call);
            }
            if call.cannot_accept() {
                run.refused = Some((index, call));
            }
        }
        run
    }

    fn has_no_delay(&self, connection: Connection<'_>) -> bool {
        self.listener_has_no_delay || connection.calls().any(|(_, call)| switches_nagle_off(call))
    }
}

fn switches_nagle_off(call: &Call) -> bool {
    call.kind == CallKind::SetOption && call.argument == Some(Argument::Option(SocketOption::NoDelay(true)))
}

impl Timeline {
    /// Everything that the rules find, connection by connection.
    pub fn findings(&self) -> Vec<Finding> {
        let run = Run::of(self);
        let known: Vec<&Rule> = RULES.iter().filter(|rule| self.can_tell(rule)).collect();
        let find = |connection: Connection<'_>, rule: &'static Rule| {
            let Found {
                severity,
                message,
                evidence,
            } = (rule.look)(&run, connection)?;
            Some(Finding {
                rule,
                connection: connection.id(),
                severity,
                message,
                evidence,
            })
        };
        self.connections()
            .flat_map(|connection| known.iter().filter_map(move |rule| find(connection, rule)))
            .collect()
    }

    /// The names of the rules that found something, each once, in the order of [`RULES`].
    pub fn finding_ids(&self) -> Vec<&'static str> {
        let findings = self.findings();
        let found = |rule: &&Rule| findings.iter().any(|finding| finding.rule == *rule);
        RULES.iter().filter(found).map(|rule| rule.id).collect()
    }

    /// The rules of which nothing can be said, since their evidence could not be recorded.
    pub fn unknown_rules(&self) -> impl Iterator<Item = &'static Rule> {
        RULES.iter().filter(|rule| !self.can_tell(rule))
    }

    fn can_tell(&self, rule: &Rule) -> bool {
        self.why_unknown(rule).is_none()
    }

    /// Why nothing can be said of a rule, if so: which evidence could not be recorded.
    pub fn why_unknown(&self, rule: &Rule) -> Option<String> {
        if self.level == Level::Capture {
            return Some("the capture has packets alone".to_owned());
        }
        if self.not_kept > 0 || self.is_excerpt() {
            return Some("the run was longer than what was kept of it".to_owned());
        }
        if self.has_unseen_calls() {
            let how = match self.uses_io_uring() {
                true => "through an io_uring, which is no system call",
                false => "by calls of another architecture",
            };
            return Some(format!("the server reads or writes {how}"));
        }
        match rule.needs {
            Needs::Calls => None,
            Needs::CallsAndPackets if self.level < Level::Loopback => Some("no packets could be captured".to_owned()),
            Needs::CallsAndPackets if self.dropped > 0 => Some(format!(
                "{} lost",
                count(
                    usize::try_from(self.dropped).unwrap_or(usize::MAX),
                    "packet was",
                    "packets were"
                )
            )),
            Needs::CallsAndPackets => None,
            Needs::CallsAndSleep => {
                let works = self.settled().is_some_and(|settled| !settled.asleep);
                works.then(|| "a thread of the server was still at work when the run ended".to_owned())
            }
        }
    }
}

/// What was waited for before a server was said not to do its part, to end a sentence; nothing where that was not
/// recorded.
fn waited(timeline: &Timeline) -> String {
    timeline
        .settled()
        .map(|settled| format!(" {settled}"))
        .unwrap_or_default()
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The packets that one side sent, with their indices.
fn sent_by(connection: Connection<'_>, side: crate::events::Side) -> impl Iterator<Item = (usize, &Packet)> {
    connection.packets().filter(move |(_, packet)| packet.from == side)
}
