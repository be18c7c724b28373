//! Named rules over a timeline, as clippy has lints over code.
//!
//! A rule speaks only of what is on the timeline. Where a level lacks the evidence that a rule
//! needs, the rule is among [`Timeline::unknown_rules`]: not found is not the same as not there.
//!
//! ```
//! let file = std::fs::File::open("../../captures/step1-two-writes.pcapng")?;
//! let timeline = harness::format::pcapng::read(file)?.into_timeline();
//! // A capture holds no system calls, so nothing can be said of a reply's writes.
//! let unknown: Vec<&str> = timeline.unknown_rules().map(|rule| rule.id).collect();
//! assert!(unknown.contains(&"split-reply"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::time::Duration;

use super::Timeline;
use super::event::*;
use super::explain::call_text;
use super::query::{Connection, Teardown};
use super::segment::Flags;

/// A rule: its name is stable, its page explains it.
#[derive(Debug)]
pub struct Rule {
    /// Its name, in kebab case.
    pub id: &'static str,
    /// What it finds.
    pub summary: &'static str,
    /// What to do about it.
    pub cure: &'static str,
    needs: Evidence,
    look: fn(Connection<'_>) -> Option<Found>,
}

/// Rules are the same if their names are.
impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.id == other.id
    }
}

/// What a rule goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    Calls,
    CallsAndPackets,
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
    Rule {
        id: "split-reply",
        summary: "a reply is made of several small writes",
        cure: "put the whole reply into one write: a buffer and one flush, or writev",
        needs: Evidence::Calls,
        look: split_reply,
    },
    Rule {
        id: "nagle-stall",
        summary: "a segment was held back until the client acknowledged the one before",
        cure: "write each reply at once; or set TCP_NODELAY and accept more packets",
        needs: Evidence::CallsAndPackets,
        look: nagle_stall,
    },
    Rule {
        id: "close-wait-leak",
        summary: "the client has closed, the server has read that, and its socket stays open",
        cure: "drop or close every owner of the socket when a read returns 0",
        needs: Evidence::Calls,
        look: close_wait_leak,
    },
    Rule {
        id: "unread-eof",
        summary: "the client has closed and the server never reads that",
        cure: "keep reading until a read returns 0, then close",
        needs: Evidence::Calls,
        look: unread_eof,
    },
    Rule {
        id: "reset-on-close",
        summary: "the server's close sent a reset: the client may lose what was on its way",
        cure: "read to the end before you close, and leave SO_LINGER alone",
        needs: Evidence::CallsAndPackets,
        look: reset_on_close,
    },
    Rule {
        id: "write-after-close",
        summary: "the server wrote to a connection that the client had left",
        cure: "stop writing when a read returns 0 or a write fails",
        needs: Evidence::Calls,
        look: write_after_close,
    },
    Rule {
        id: "accept-stopped",
        summary: "a client connected and was not accepted",
        cure: "close what is done with, raise the limit of descriptors (ulimit -n), and go on accepting",
        needs: Evidence::Calls,
        look: accept_stopped,
    },
];

/// The rule with this name.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

impl Timeline {
    /// Everything that the rules find, connection by connection.
    pub fn findings(&self) -> Vec<Finding> {
        let known: Vec<&Rule> = RULES.iter().filter(|rule| self.can_tell(rule)).collect();
        let find = |connection: Connection<'_>, rule: &'static Rule| {
            let Found {
                severity,
                message,
                evidence,
            } = (rule.look)(connection)?;
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
        let calls = self.level != Level::Capture && !self.uses_io_uring() && self.not_kept == 0;
        let packets = self.level >= Level::Loopback && self.dropped == 0;
        match rule.needs {
            Evidence::Calls => calls,
            Evidence::CallsAndPackets => calls && packets,
        }
    }
}

/// The data that fits into an Ethernet frame of 1514 bytes beside the headers of IPv4 and TCP and
/// the timestamps option. Two writes below it could have shared a segment.
const SMALL: u64 = 1448;

/// Small writes that are further apart are messages of their own, not parts of one reply.
const ONE_REPLY: Duration = Duration::from_millis(200);

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn split_reply(connection: Connection<'_>) -> Option<Found> {
    let mut splits: Vec<[usize; 2]> = Vec::new();
    let mut last: Option<(usize, &Call)> = None;
    for (index, call) in connection.calls() {
        match call.kind {
            CallKind::Write if call.moved() > 0 => {
                let follows = |(_, before): &(usize, &Call)| {
                    before.moved() < SMALL && call.moved() < SMALL && call.entered.since(before.ended) < ONE_REPLY
                };
                splits.extend(last.filter(follows).map(|(before, _)| [before, index]));
                last = Some((index, call));
            }
            CallKind::Read if call.moved() > 0 => last = None,
            _ => {}
        }
    }
    let [first, second] = *splits.first()?;
    let text = |index| connection.timeline().call(index).map(call_text).unwrap_or_default();
    let nodelay = has_nodelay(connection);
    let replies = connection.writes_per_reply();
    let several = replies.iter().filter(|writes| **writes > 1).count();
    let first_texts = format!("{}, then {}", text(first), text(second));
    let mild = if nodelay {
        "; TCP_NODELAY is set, so none of it waits"
    } else {
        ""
    };
    Some(Found {
        severity: if nodelay { Severity::Note } else { Severity::Warning },
        message: format!(
            "{several} of {} replies took several small writes: {first_texts}{mild}",
            replies.len()
        ),
        evidence: splits.into_flattened(),
    })
}

/// True if Nagle's algorithm was switched off on the connection, or on the listener it came from:
/// an accepted socket inherits the option on Linux.
fn has_nodelay(connection: Connection<'_>) -> bool {
    let sets = |call: &Call| call.kind == CallKind::SetOption && call.detail.as_deref() == Some("TCP_NODELAY, 1");
    let listeners = connection
        .timeline()
        .events
        .iter()
        .filter(|event| event.connection.is_none());
    let on_listener = listeners.filter_map(|event| match &event.kind {
        EventKind::Call(call) => Some(call),
        _ => None,
    });
    connection.calls().map(|(_, call)| call).chain(on_listener).any(sets)
}

fn nagle_stall(connection: Connection<'_>) -> Option<Found> {
    let held: Vec<(usize, &Packet, Held)> = connection
        .held_segments()
        .filter_map(|(index, packet)| Some((index, packet, packet.held?)))
        .collect();
    let (_, packet, first) = held.first()?;
    let write = connection
        .timeline()
        .call(first.write)
        .map(call_text)
        .unwrap_or_default();
    let released = connection
        .timeline()
        .packet(first.released_by)
        .map_or(0, |packet| packet.number);
    let message = format!(
        "{} waited for an ACK: {write} had returned {} ms before frame {} left, after the ACK in frame {released}",
        count(held.len(), "segment", "segments"),
        first.waited.as_millis(),
        packet.number,
    );
    let evidence = held
        .iter()
        .flat_map(|(index, _, held)| [held.write, held.released_by, *index])
        .collect();
    Some(Found {
        severity: Severity::Warning,
        message,
        evidence,
    })
}

fn close_wait_leak(connection: Connection<'_>) -> Option<Found> {
    let read_end = connection.calls().find(|(_, call)| call.is_end_of_file());
    let left = connection.teardown() == Teardown::LeftOpen(TcpState::CloseWait);
    let (index, call) = read_end.filter(|_| left)?;
    Some(Found {
        severity: Severity::Warning,
        message: format!(
            "{} read the client's end, and the socket is still in CLOSE_WAIT",
            call_text(call)
        ),
        evidence: vec![index],
    })
}

fn unread_eof(connection: Connection<'_>) -> Option<Found> {
    let closing = connection.closing();
    let left = closing.server_left == Some(TcpState::CloseWait) && !closing.server_read_end_of_file;
    let accepted = connection.calls().any(|(_, call)| call.kind == CallKind::Accept);
    (left && accepted).then(|| Found {
        severity: Severity::Warning,
        message: match closing
            .packets
            .first()
            .and_then(|index| connection.timeline().packet(*index))
        {
            Some(fin) => format!("no read returned 0 after the FIN in frame {}", fin.number),
            None => "the socket is in CLOSE_WAIT and no read has returned 0".to_owned(),
        },
        evidence: closing.packets,
    })
}

fn reset_on_close(connection: Connection<'_>) -> Option<Found> {
    let timeline = connection.timeline();
    let (index, packet, close) = connection.packets().find_map(|(index, packet)| {
        let close = packet.during.filter(|during| {
            timeline
                .call(*during)
                .is_some_and(|call| matches!(call.kind, CallKind::Close | CallKind::Shutdown))
        })?;
        let resets = packet.from == Side::Server && packet.segment.flags.has(Flags::RST);
        resets.then_some((index, packet, close))
    })?;
    let received: u64 = connection
        .packets()
        .filter(|(at, packet)| *at < index && packet.from == Side::Client && !packet.retransmission)
        .map(|(_, packet)| u64::from(packet.segment.len))
        .sum();
    let read: u64 = connection
        .calls()
        .filter(|(_, call)| call.kind == CallKind::Read)
        .map(|(_, call)| call.moved())
        .sum();
    let call = timeline.call(close).map(call_text).unwrap_or_default();
    let why = match received.checked_sub(read) {
        Some(unread @ 1..) => format!("with {} unread", count(unread as usize, "byte", "bytes")),
        _ => "without unread data (SO_LINGER with a time of 0)".to_owned(),
    };
    Some(Found {
        severity: Severity::Warning,
        message: format!("{call} {why} sent the reset in frame {}", packet.number),
        evidence: vec![close, index],
    })
}

fn write_after_close(connection: Connection<'_>) -> Option<Found> {
    let failed = |call: &Call| matches!(call.result, Err(Errno::EPIPE | Errno::ECONNRESET));
    let failures: Vec<(usize, &Call)> = connection.writes().filter(|(_, call)| failed(call)).collect();
    let (_, first) = failures.first()?;
    Some(Found {
        severity: Severity::Warning,
        message: format!(
            "{} failed: {}",
            count(failures.len(), "write", "writes"),
            call_text(first)
        ),
        evidence: failures.iter().map(|(index, _)| *index).collect(),
    })
}

fn accept_stopped(connection: Connection<'_>) -> Option<Found> {
    if connection.calls().any(|(_, call)| call.kind == CallKind::Accept) {
        return None;
    }
    let events = connection.timeline().events.iter().enumerate();
    let mut refused = events.filter_map(|(index, event)| match &event.kind {
        EventKind::Call(call) if call.cannot_accept() => Some((index, call)),
        _ => None,
    });
    let waits = || {
        matches!(
            connection.closing().server_left,
            Some(TcpState::Established | TcpState::CloseWait)
        )
    };
    let (message, evidence) = match refused.next_back() {
        Some((index, call)) => (
            format!("it was never accepted, since accept fails: {}", call_text(call)),
            vec![index],
        ),
        None if waits() => (
            "the kernel completed its handshake and no accept returned it".to_owned(),
            vec![],
        ),
        None => return None,
    };
    Some(Found {
        severity: Severity::Warning,
        message,
        evidence,
    })
}
