//! Named rules over a timeline, as clippy has lints over code.
//!
//! A rule speaks only of what is on the timeline, and of what the [facts](crate::facts) say of it. Where the
//! evidence that a rule needs is missing, the rule is among [`Timeline::unknown_rules`]: not found is not the
//! same as not there.
//!
//! ```
//! use timeline::rules::RuleId;
//!
//! let file = std::fs::File::open("../../captures/step1-two-writes.pcapng")?;
//! let timeline = timeline::format::pcapng::read(file)?.into_timeline();
//! assert_eq!(timeline.finding_ids(), [RuleId::SplitReply, RuleId::NagleStall, RuleId::CloseWaitLeak]);
//! // The file holds the calls of its run, so every rule has its evidence.
//! assert_eq!(timeline.unknown_rules().count(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::events::{ConnectionId, Level};
use crate::timeline::{Connection, Timeline};
use crate::words::amount;

mod accept_failing;
mod accept_stopped;
mod blocked_write;
mod by_packets;
mod client_leak;
mod close_wait_leak;
mod cork_stall;
mod descriptor_leak;
mod nagle_stall;
mod no_continue;
mod no_reply;
mod one_at_a_time;
mod queue_overflow;
mod replies;
mod request_lost;
mod reset_on_close;
mod rule;
mod run;
mod split_reply;
mod truncated_reply;
mod unread_eof;
mod verdict;
mod write_after_close;

pub(crate) use replies::captured;
pub use rule::{Finding, Rule, Severity};
use rule::{Found, Need};
use run::Run;
pub use verdict::Verdict;

/// The names of each rule, in code and in text, and what it is.
macro_rules! rules {
    ($($id:ident $name:literal $body:expr;)+) => {
        /// Which rule. In text and in JSON it is the rule's [name](Rule::name).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "&'static str", try_from = "String")]
        #[allow(missing_docs, reason = "what a rule finds is said once, by its summary")]
        pub enum RuleId {
            $($id,)+
        }

        /// All rules, in the order of their names in [`RuleId`].
        pub const RULES: &[Rule] = &[$(Rule::new(RuleId::$id, $name, $body)),+];
    };
}

rules! {
    SplitReply "split-reply" split_reply::RULE;
    NagleStall "nagle-stall" nagle_stall::RULE;
    CorkStall "cork-stall" cork_stall::RULE;
    BlockedWrite "blocked-write" blocked_write::RULE;
    CloseWaitLeak "close-wait-leak" close_wait_leak::RULE;
    UnreadEof "unread-eof" unread_eof::RULE;
    DescriptorLeak "descriptor-leak" descriptor_leak::RULE;
    ResetOnClose "reset-on-close" reset_on_close::RULE;
    WriteAfterClose "write-after-close" write_after_close::RULE;
    AcceptStopped "accept-stopped" accept_stopped::RULE;
    NoReply "no-reply" no_reply::RULE;
    TruncatedReply "truncated-reply" truncated_reply::RULE;
    LateAck "late-ack" by_packets::LATE_ACK;
    ClosedWindow "closed-window" by_packets::CLOSED_WINDOW;
    SmallWindow "small-window" by_packets::SMALL_WINDOW;
    SentAgain "sent-again" by_packets::SENT_AGAIN;
    MtuBlackHole "mtu-black-hole" by_packets::MTU_BLACK_HOLE;
    SynUnanswered "syn-unanswered" by_packets::SYN_UNANSWERED;
    LateHandshake "late-handshake" by_packets::LATE_HANDSHAKE;
    ResetWithData "reset-with-data" by_packets::RESET_WITH_DATA;
    AcceptFailing "accept-failing" accept_failing::RULE;
    QueueOverflow "queue-overflow" queue_overflow::RULE;
    RequestLost "request-lost" request_lost::RULE;
    NoContinue "no-continue" no_continue::RULE;
    OneAtATime "one-at-a-time" one_at_a_time::RULE;
    ClientLeak "client-leak" client_leak::RULE;
}

impl RuleId {
    /// What it finds, and what to do about it.
    pub fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }

    /// Its name: `split-reply`.
    pub fn name(self) -> &'static str {
        self.rule().name
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<RuleId> for &'static str {
    fn from(id: RuleId) -> &'static str {
        id.name()
    }
}

/// No rule has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no finding {0:?}; there are {all}", all = RULES.iter().map(|rule| rule.name).collect::<Vec<_>>().join(", "))]
pub struct UnknownRule(pub String);

impl FromStr for RuleId {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<RuleId, UnknownRule> {
        let named = RULES.iter().find(|rule| rule.name == name);
        named.map(|rule| rule.id).ok_or_else(|| UnknownRule(name.to_owned()))
    }
}

impl TryFrom<String> for RuleId {
    type Error = UnknownRule;

    fn try_from(name: String) -> Result<RuleId, UnknownRule> {
        name.parse()
    }
}

impl Timeline {
    /// Everything that the rules find, connection by connection.
    pub fn findings(&self) -> Vec<Finding> {
        let run = Run::of(self);
        let known: Vec<&Rule> = self.rules().filter(|rule| self.why_blind(rule).is_none()).collect();
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
    pub fn finding_ids(&self) -> Vec<RuleId> {
        let findings = self.findings();
        let found = |rule: &&Rule| findings.iter().any(|finding| finding.rule == *rule);
        RULES.iter().filter(found).map(|rule| rule.id).collect()
    }

    /// The rules that are for what was recorded: those that go by packets alone are for a capture that has nothing
    /// else.
    pub fn rules(&self) -> impl Iterator<Item = &'static Rule> {
        let alone = self.is_packets_alone();
        RULES.iter().filter(move |rule| alone || !rule.is_for_packets_alone())
    }

    /// The rules of which nothing can be said, since their evidence could not be recorded.
    pub fn unknown_rules(&self) -> impl Iterator<Item = &'static Rule> {
        self.rules().filter(|rule| self.why_unknown(rule).is_some())
    }

    /// Why nothing can be said of a rule that has found nothing, if so: which evidence could not be recorded.
    pub fn why_unknown(&self, rule: &Rule) -> Option<String> {
        let half_traced = || self.connections().find(|connection| connection.is_half_traced());
        let unseen = |need: &Need| match need {
            Need::Packets => self.uncaptured().map(no_packet_of),
            Need::PeersWrites => half_traced().map(|connection| calls_unseen(connection.endpoints().server)),
            _ => None,
        };
        let blind = self.why_blind(rule).or_else(|| self.why_idle(rule));
        blind.or_else(|| rule.needs.iter().find_map(unseen))
    }

    /// Why a rule for packets alone had nothing to go by, if so.
    fn why_idle(&self, rule: &Rule) -> Option<String> {
        let has_evidence = |connection| by_packets::has_evidence(rule.id, connection);
        let is_idle = rule.is_for_packets_alone() && !self.connections().any(has_evidence);
        is_idle.then(|| "no packet was captured that it goes by".to_owned())
    }

    /// Why a rule that has found nothing could not have found anything, if so: what no connection of this run had.
    pub fn why_no_chance(&self, rule: &Rule) -> Option<&'static str> {
        let run = Run::of(self);
        rule.needs.iter().find_map(|need| match need {
            Need::Moment(is_there, why) => (!self.connections().any(|on| is_there(&run, on))).then_some(*why),
            _ => None,
        })
    }

    /// Why a rule is not asked at all, if so.
    fn why_blind(&self, rule: &Rule) -> Option<String> {
        if rule.is_for_packets_alone() {
            let why = match self.is_packets_alone() {
                false => "it judges captures without calls, and the calls tell more",
                true if self.not_kept > 0 => "the capture is longer than what is kept of it",
                true => return None,
            };
            return Some(why.to_owned());
        }
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
        rule.needs.iter().find_map(|need| match need {
            Need::Packets if self.level < Level::Loopback => Some("no packets could be captured".to_owned()),
            Need::Packets if self.dropped > 0 => {
                Some(format!("{} lost", amount(self.dropped, "packet was", "packets were")))
            }
            Need::Sleep if self.settled().is_some_and(|settled| !settled.asleep) => {
                Some("a thread of the server was still at work when the run ended".to_owned())
            }
            _ => None,
        })
    }
}

/// Why nothing is known of what this one, to whom the server connects, does with its socket.
pub(crate) fn calls_unseen(of: SocketAddr) -> String {
    format!("the calls of {of} were not seen")
}

/// Why a connection tells nothing of what packets show.
pub(crate) fn no_packet_of(connection: ConnectionId) -> String {
    format!("no packet of connection {} was captured", connection.0 + 1)
}

#[cfg(test)]
#[path = "../../tests/unit/rules.rs"]
mod tests;
