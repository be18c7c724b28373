//! A reply in several small writes.

use std::collections::HashSet;
use std::time::Duration;

use super::replies::{ANSWERED, Reply, ReplyWrite, replies};
use super::rule::{Body, Found};
use super::run::{Run, sent_by};
use crate::events::{Argument, EventId, Side, SocketOption};
use crate::timeline::{Connection, no_delay_at};
use crate::words::call_text;

pub(super) const RULE: Body = Body {
    summary: "a reply is made of several small writes",
    cure: "put the whole reply into one write: a buffer and one flush, or writev",
    needs: &[ANSWERED],
    look,
};

/// The data that fits into an Ethernet frame of 1514 bytes beside the headers of IPv4 and TCP and
/// the timestamps option. Two writes below it could have shared a segment.
const SMALL: u64 = 1448;

/// What is written so soon after the part before it was written in one go.
const IN_ONE_GO: Duration = Duration::from_millis(10);

/// What is further apart is no part of one reply, whatever it completes.
const ONE_REPLY: Duration = Duration::from_millis(200);

/// With TLS the server's first two replies are its part of the handshake, and the tickets that its library writes by
/// itself (RFC 8446, section 4.6.1).
const HANDSHAKE: usize = 2;

/// A reply in parts.
struct Split<'a> {
    /// Those that follow each other, could have shared a segment, and did not.
    pairs: Vec<[ReplyWrite<'a>; 2]>,
    /// True if each may be a reply of its own: nothing tells how many requests there were.
    unclear: bool,
}

fn look(run: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let handshake = if connection.is_tls() { HANDSHAKE } else { 0 };
    let replies: Vec<Reply<'_>> = replies(connection).into_iter().skip(handshake).collect();
    let together = Together::of(connection);
    let split: Vec<Split<'_>> = replies
        .iter()
        .filter_map(|reply| split(reply, &together, run))
        .collect();
    // What is clear comes first.
    let shown = split.iter().find(|split| !split.unclear).or(split.first())?;
    let [first, second] = shown.pairs.first()?;
    let words = if first.id == second.id {
        format!("{} sent {} messages", call_text(first.call), first.messages)
    } else {
        format!("{}, then {}", call_text(first.call), call_text(second.call))
    };
    // What counts is the moment of the second write: whether it may wait for the ACK of the first.
    let switched = run.no_delay_switched(connection);
    let is_off = |[_, second]: &[ReplyWrite<'_>; 2]| no_delay_at(&switched, second.call.entered) == Some(true);
    let no_delay = split.iter().flat_map(|split| &split.pairs).all(is_off);
    let mild = match (shown.unclear, no_delay) {
        (true, _) => {
            ", or these are replies of their own: the form of what was read does not tell how many requests it was"
        }
        (false, true) => "; TCP_NODELAY is set, so none of it waits",
        (false, false) => "",
    };
    let message = format!(
        "{} of {} replies took several small writes: {words}{mild}",
        split.len(),
        replies.len(),
    );
    let pairs = split.iter().flat_map(|split| &split.pairs);
    let evidence = pairs.flat_map(|[first, second]| [first.id, second.id]);
    Some(Found::new(message, evidence).milder(no_delay || shown.unclear))
}

fn split<'a>(reply: &Reply<'a>, together: &Together, run: &Run<'_>) -> Option<Split<'a>> {
    if reply.is_stream() || is_pushed(reply) {
        return None;
    }
    let inside = reply
        .writes
        .iter()
        .filter(|part| part.messages > 1)
        .map(|part| [*part; 2]);
    // As many writes as requests, or fewer: each may be the whole of a reply, unless its own form tells that it is not.
    let (surely, perhaps) = (
        reply.parts() > *reply.requests.end(),
        reply.parts() > *reply.requests.start(),
    );
    let small = |[first, second]: &[ReplyWrite<'_>; 2]| first.call.moved() < SMALL && second.call.moved() < SMALL;
    let breaks = |pair: &[ReplyWrite<'_>; 2]| pair[0].breaks_off() && completes(pair);
    let mut pairs: Vec<[ReplyWrite<'_>; 2]> = inside
        .chain(pairs_of(reply).filter(|pair| in_one_go(pair) || completes(pair)))
        .filter(|pair| perhaps || breaks(pair))
        .filter(|pair| small(pair) && !together.are(pair))
        // What another client said is no part of this one's reply.
        .filter(|pair| breaks(pair) || !pair.iter().any(|part| run.told.contains(&part.id)))
        .collect();
    pairs.sort_by_key(|[first, second]| (first.id, second.id));
    let unclear = !surely && !pairs.iter().any(breaks);
    (!pairs.is_empty()).then_some(Split { pairs, unclear })
}

/// Each write with the one that follows it.
fn pairs_of<'a>(reply: &Reply<'a>) -> impl Iterator<Item = [ReplyWrite<'a>; 2]> {
    reply.writes.windows(2).filter_map(|pair| pair.try_into().ok())
}

fn in_one_go([first, second]: &[ReplyWrite<'_>; 2]) -> bool {
    second.call.entered.since(first.call.ended) < IN_ONE_GO
}

/// True if a write ends the line that the one before began, if late, as on a machine that has much else to do.
fn completes([first, second]: &[ReplyWrite<'_>; 2]) -> bool {
    !first.ends_line() && second.ends_line() && second.call.entered.since(first.call.ended) < ONE_REPLY
}

/// True if most writes came a while after the one before: so does who tells of events when they happen.
fn is_pushed(reply: &Reply<'_>) -> bool {
    let (at_once, late): (Vec<_>, Vec<_>) = pairs_of(reply).partition(in_one_go);
    late.len() > 1 && late.len() > at_once.len()
}

/// Which writes shared a segment.
#[derive(Default)]
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
        let mut together = Together::default();
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
            if let Some(Argument::Option(SocketOption::Cork(on))) = call.argument() {
                corked = on;
            }
            if corked || call.argument() == Some(Argument::More) {
                together.asked.insert(id);
            }
        }
        together
    }

    /// Whether two parts left in one segment; without packets, whether the first asked for that.
    fn are(&self, [first, second]: &[ReplyWrite<'_>; 2]) -> bool {
        match (self.captured, first.id == second.id) {
            (true, true) => !self.apart.contains(&first.id),
            (true, false) => self.shared.contains(&second.id),
            (false, _) => self.asked.contains(&first.id),
        }
    }
}
