//! A reply in several small writes.

use std::time::Duration;

use super::{Found, Needs, Rule, Run, Severity, sent_by};
use crate::timeline::explain::call_text;
use crate::timeline::{Call, CallKind, Connection, Side};

pub(super) const RULE: Rule = Rule {
    id: "split-reply",
    summary: "a reply is made of several small writes",
    cure: "put the whole reply into one write: a buffer and one flush, or writev",
    needs: Needs::Calls,
    look,
};

/// The data that fits into an Ethernet frame of 1514 bytes beside the headers of IPv4 and TCP and
/// the timestamps option. Two writes below it could have shared a segment.
const SMALL: u64 = 1448;

/// Small writes that are further apart are messages of their own, not parts of one reply.
const ONE_REPLY: Duration = Duration::from_millis(200);

fn look(run: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let splits = splits(connection);
    let [first, second] = *splits.first()?;
    let text = |index| connection.timeline().call(index).map(call_text).unwrap_or_default();
    let no_delay = run.has_no_delay(connection);
    let replies = connection.writes_per_reply();
    let several = replies.iter().filter(|writes| **writes > 1).count();
    let mild = if no_delay {
        "; TCP_NODELAY is set, so none of it waits"
    } else {
        ""
    };
    Some(Found {
        severity: if no_delay { Severity::Note } else { Severity::Warning },
        message: format!(
            "{several} of {} replies took several small writes: {}, then {}{mild}",
            replies.len(),
            text(first),
            text(second)
        ),
        evidence: splits.into_flattened(),
    })
}

/// Pairs of writes that follow each other in one reply, could have shared a segment, and did not.
fn splits(connection: Connection<'_>) -> Vec<[usize; 2]> {
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
    // Corked, or behind a full window, they may have left together.
    let shared: std::collections::HashSet<usize> = sent_by(connection, Side::Server)
        .filter(|(_, packet)| !packet.facts.is_repeat())
        .flat_map(|(_, packet)| packet.facts.carries.iter().skip(1).copied())
        .collect();
    splits.retain(|[_, second]| !shared.contains(second));
    splits
}
