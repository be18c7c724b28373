//! A reply in several small writes.

use std::collections::HashSet;
use std::time::Duration;

use super::replies::{Part, Reply, replies};
use super::rule::{Found, Needs, Rule, RuleId};
use super::run::{Run, sent_by};
use crate::events::{Argument, EventId, Side, SocketOption};
use crate::timeline::Connection;
use crate::words::call_text;

pub(super) const RULE: Rule = Rule {
    id: RuleId::SplitReply,
    name: "split-reply",
    summary: "a reply is made of several small writes",
    cure: "put the whole reply into one write: a buffer and one flush, or writev",
    needs: Needs::Calls,
    look,
};

/// The data that fits into an Ethernet frame of 1514 bytes beside the headers of IPv4 and TCP and
/// the timestamps option. Two writes below it could have shared a segment.
const SMALL: u64 = 1448;

/// What is written so soon after the part before it was written in one go.
const IN_ONE_GO: Duration = Duration::from_millis(10);

/// What is further apart is no part of one reply, whatever it completes.
const ONE_REPLY: Duration = Duration::from_millis(200);

fn look(run: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let replies = replies(connection);
    let together = Together::of(connection);
    let split: Vec<Vec<[Part<'_>; 2]>> = replies
        .iter()
        .map(|reply| splits(reply, &together))
        .filter(|pairs| !pairs.is_empty())
        .collect();
    let [first, second] = split.first()?.first()?;
    let words = if first.id == second.id {
        format!("{} sent {} messages", call_text(first.call), first.messages)
    } else {
        format!("{}, then {}", call_text(first.call), call_text(second.call))
    };
    let no_delay = run.has_no_delay(connection);
    let mild = if no_delay {
        "; TCP_NODELAY is set, so none of it waits"
    } else {
        ""
    };
    let pairs = split.iter().flatten();
    let message = format!(
        "{} of {} replies took several small writes: {words}{mild}",
        split.len(),
        replies.len(),
    );
    let evidence = pairs.flat_map(|[first, second]| [first.id, second.id]);
    Some(Found::new(message, evidence).milder(no_delay))
}

/// The pairs of parts that follow each other in a reply, could have shared a segment, and did not.
fn splits<'a>(reply: &Reply<'a>, together: &Together) -> Vec<[Part<'a>; 2]> {
    // As many writes as requests, or fewer: each may be the whole of a reply.
    if reply.parts() <= reply.requests || reply.is_stream() || is_pushed(reply) {
        return Vec::new();
    }
    let inside = reply
        .writes
        .iter()
        .filter(|part| part.messages > 1)
        .map(|part| [*part; 2]);
    let between = reply
        .writes
        .windows(2)
        .filter_map(|pair| <[Part<'_>; 2]>::try_from(pair).ok());
    let small = |[first, second]: &[Part<'_>; 2]| first.call.moved() < SMALL && second.call.moved() < SMALL;
    let mut pairs: Vec<[Part<'_>; 2]> = inside
        .chain(between.filter(|pair| in_one_go(pair) || completes(pair)))
        .filter(|pair| small(pair) && !together.are(pair))
        .collect();
    pairs.sort_by_key(|[first, second]| (first.id, second.id));
    pairs
}

fn in_one_go([first, second]: &[Part<'_>; 2]) -> bool {
    second.call.entered.since(first.call.ended) < IN_ONE_GO
}

/// True if a write ends the line that the one before began, if late, as on a machine that has much else to do.
fn completes([first, second]: &[Part<'_>; 2]) -> bool {
    !first.ends_line() && second.ends_line() && second.call.entered.since(first.call.ended) < ONE_REPLY
}

/// True if most writes came a while after the one before: so does who tells of events when they happen.
fn is_pushed(reply: &Reply<'_>) -> bool {
    let pairs = reply
        .writes
        .windows(2)
        .filter_map(|pair| <[Part<'_>; 2]>::try_from(pair).ok());
    let (at_once, late): (Vec<_>, Vec<_>) = pairs.partition(in_one_go);
    late.len() > 1 && late.len() > at_once.len()
}

/// Which writes shared a segment.
struct Together {
    /// The second and further writes of each segment, where packets were captured.
    shared: HashSet<EventId>,
    /// The writes whose bytes are in several segments.
    apart: HashSet<EventId>,
    /// The writes that asked to wait for more: with MSG_MORE, or under TCP_CORK.
    asked: HashSet<EventId>,
    captured: bool,
}

impl Together {
    fn of(connection: Connection<'_>) -> Together {
        let mut together = Together {
            shared: HashSet::new(),
            apart: HashSet::new(),
            asked: HashSet::new(),
            captured: false,
        };
        let mut seen = HashSet::new();
        let sent = sent_by(connection, Side::Server).filter(|(_, packet)| packet.segment.len > 0);
        for (_, packet) in sent.filter(|(_, packet)| !packet.facts.is_repeat()) {
            together.captured = true;
            together.shared.extend(packet.facts.carries.iter().skip(1));
            together
                .apart
                .extend(packet.facts.carries.iter().filter(|write| !seen.insert(**write)));
        }
        let mut corked = false;
        for (id, call) in connection.calls() {
            if let Some(Argument::Option(SocketOption::Cork(on))) = call.argument {
                corked = on;
            }
            if corked || call.argument == Some(Argument::More) {
                together.asked.insert(id);
            }
        }
        together
    }

    /// Whether two parts left in one segment; without packets, whether the first asked for that.
    fn are(&self, [first, second]: &[Part<'_>; 2]) -> bool {
        match (self.captured, first.id == second.id) {
            (true, true) => !self.apart.contains(&first.id),
            (true, false) => self.shared.contains(&second.id),
            (false, _) => self.asked.contains(&first.id),
        }
    }
}
