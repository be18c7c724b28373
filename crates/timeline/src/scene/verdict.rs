//! What a reader should take away of a connection.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Verdict;
use crate::events::{EventId, Explanation, Level};
use crate::rules::calls_unseen;
use crate::timeline::{Closing, Connection, Counts, Run, Stalls, Teardown, Timeline};
use crate::words::whole_milliseconds;

/// So many numbers are listed of those that differ.
const NUMBERS: usize = 5;

/// Names and findings, in order.
pub(super) fn of(
    timeline: &Timeline,
    connection: Connection<'_>,
    explanations: &BTreeMap<EventId, Explanation>,
) -> Vec<Verdict> {
    let mut verdict = Vec::new();
    let mut say = |name, words| verdict.push(Verdict { name, words });
    // If events were not kept or packets were lost, the counts below are lower bounds.
    let cut = timeline.not_kept > 0;
    let missed = timeline.dropped > 0 || connection.facts().is_holed;
    let least = |is_cut: bool, counts: String| match is_cut {
        true if counts == "none" => "none seen".to_owned(),
        true => format!("at least {counts}"),
        false => counts,
    };
    let totals = timeline.totals(connection.id());
    // Of what does not cross the wire, its capture has nothing.
    let captured = timeline.level <= Level::NoPackets || totals.is_some() || connection.is_captured();
    // Whether a segment was held back can be seen only if its write was recorded, or if a comment of ours tells of it.
    let stalls_show = match (timeline.level, totals) {
        (Level::NoPackets | Level::Capture, _) => false,
        (Level::Loopback | Level::Sandbox, Some(totals)) => totals.commented,
        (Level::Loopback | Level::Sandbox, None) => true,
    };
    let tells_calls = timeline.level > Level::Capture;
    let unseen = tells_calls && !timeline.tells_calls();
    let unknown = |why| format!("unknown: {why}");
    const CALLS: &str = "not all of the server's calls were seen";
    const PACKETS: &str = "no packet of it was captured";
    let whole = || tells_calls.then(|| connection.writes_per_reply().into_iter().collect());
    let writes = totals.map_or_else(whole, |totals| totals.writes_per_reply.clone());
    if unseen {
        say("writes per reply", unknown(CALLS));
    } else if let Some(writes) = writes {
        say("writes per reply", least(cut, counts(&writes)));
    } else {
        let segments = totals.map(|totals| totals.segments_per_reply.clone());
        let segments = segments.unwrap_or_else(|| connection.segments_per_reply().into_iter().collect());
        say("segments per reply", least(cut || missed, counts(&segments)));
    }
    let packets = totals.map(|totals| totals.packets_per_exchange.clone());
    let packets = packets.unwrap_or_else(|| connection.packets_per_exchange().into_iter().collect());
    let packets = captured.then(|| least(cut || missed, counts(&packets)));
    say("packets per exchange", packets.unwrap_or_else(|| unknown(PACKETS)));
    if stalls_show && (unseen || !captured) {
        say("stalls", unknown(if unseen { CALLS } else { PACKETS }));
    } else if stalls_show {
        let seen = totals.map(|totals| totals.stalls.clone());
        let seen = seen.unwrap_or_else(|| stalls(connection, explanations));
        let corked = corked(connection);
        let text = match (seen.count, corked.is_empty()) {
            (0, true) if connection.is_half_traced() => {
                let unseen = calls_unseen(connection.endpoints().server);
                format!("none that the server made; {unseen}")
            }
            (_, true) => stalls_text(timeline, &seen),
            (0, false) => corked,
            (_, false) => format!("{}, {corked}", stalls_text(timeline, &seen)),
        };
        say("stalls", text);
    }
    say("teardown", teardown(connection, captured));
    if connection.is_the_servers_own() {
        say("opened by", "the server itself, which is the client here".to_owned());
    }
    if connection.is_tls() {
        say(
            "content",
            "TLS: encrypted, so lengths and times are what can be known".to_owned(),
        );
    }
    verdict
}

/// `2, 2, 1`; long runs of one number are drawn together, and of a long list how often each came.
fn counts(counts: &Counts) -> String {
    let times = |run: &Run| format!("{} ({} times)", run.number, run.times);
    let Some(runs) = counts.runs() else {
        let tally = counts.tally();
        let listed = tally.iter().take(NUMBERS).map(times);
        let others: usize = tally.iter().skip(NUMBERS).map(|run| run.times).sum();
        let others = (others > 0).then(|| format!("others ({others} times)"));
        return listed.chain(others).collect::<Vec<_>>().join(", ");
    };
    if runs.is_empty() {
        return "none".to_owned();
    }
    let runs: Vec<String> = runs
        .iter()
        .flat_map(|run| match run.times {
            6.. => vec![times(run)],
            few => vec![run.number.to_string(); few],
        })
        .collect();
    runs.join(", ")
}

fn stalls(connection: Connection<'_>, explanations: &BTreeMap<EventId, Explanation>) -> Stalls {
    let mut stalls = Stalls::default();
    for (index, packet) in connection.packets() {
        if let Some(explanation) = explanations.get(&index) {
            stalls.see(packet.number, explanation.held);
        }
    }
    stalls
}

/// The segments that waited since the program had said that more follows: TCP_CORK, MSG_MORE.
fn corked(connection: Connection<'_>) -> String {
    let mut held = connection
        .corked_segments()
        .map(|(_, packet, waited)| (packet.number, waited));
    let lines: Vec<String> = held
        .by_ref()
        .take(Stalls::LISTED)
        .map(|(frame, waited)| {
            format!(
                "frame {frame} waited {} ms for more to send",
                whole_milliseconds(waited)
            )
        })
        .collect();
    match held.count() {
        0 => lines.join(", "),
        more => format!("{}, and {more} more", lines.join(", ")),
    }
}

fn stalls_text(timeline: &Timeline, stalls: &Stalls) -> String {
    if stalls.count == 0 {
        return if timeline.dropped > 0 || timeline.not_kept > 0 {
            "none seen"
        } else {
            "none"
        }
        .to_owned();
    }
    if stalls.count > Stalls::LISTED {
        let longest = stalls.longest_milliseconds;
        return format!("{} segments waited for an ACK, up to {longest} ms each", stalls.count);
    }
    let lines: Vec<String> = stalls
        .first
        .iter()
        .map(|stall| {
            format!(
                "frame {} waited {} ms for the ACK in frame {}",
                stall.frame, stall.milliseconds, stall.until_frame
            )
        })
        .collect();
    lines.join(", ")
}

fn teardown(connection: Connection<'_>, captured: bool) -> String {
    let closing = connection.closing();
    let is_cut = connection.timeline().level == Level::Capture && connection.timeline().not_kept > 0;
    match closing.teardown() {
        Teardown::Open | Teardown::Unknown | Teardown::LeftOpen(_) if is_cut => "not known: not all is here".to_owned(),
        Teardown::Open if !captured => "none seen".to_owned(),
        Teardown::Open if closing.one_way => "none seen, of the one side that was captured".to_owned(),
        Teardown::Open => "none: neither side has sent a FIN".to_owned(),
        Teardown::Refused => "none: the connection was refused".to_owned(),
        Teardown::Reset { by } => format!("reset by the {by}"),
        Teardown::Cut { by } => format!(
            "cut off by a reset that does not fit the {by}, in whose name it came: from between, or forged (inferred)"
        ),
        Teardown::Unknown => ends_open(connection, &closing),
        Teardown::LeftOpen(_) if connection.timeline().level == Level::Capture => ends_open(connection, &closing),
        Teardown::LeftOpen(state) => format!("left open: the server's socket is in {state}"),
        Teardown::Clean { first } => match closing.time_wait() {
            Some(waits) if waits == first => format!("clean: the {first} closed first and is in TIME_WAIT"),
            Some(waits) => format!("clean: the {first} closed first, the {waits} is in TIME_WAIT"),
            None => format!("clean: the {first} closed first"),
        },
    }
}

/// A connection that was still closing when its capture ended: what the last packets show. How it went on is not known.
fn ends_open(connection: Connection<'_>, closing: &Closing) -> String {
    /// A close that takes longer is no longer one that was about to come.
    const SOON: Duration = Duration::from_secs(1);
    let (timeline, facts) = (connection.timeline(), connection.facts());
    let [(first, frame), others @ ..] = &facts.fins[..] else {
        return "the capture ends here".to_owned();
    };
    if !facts.captured[first.peer()] {
        return format!(
            "not known: the {first} has sent its FIN, and nothing of the {} was captured",
            first.peer()
        );
    }
    if !others.is_empty() {
        return "closing: both sides have sent a FIN, and not all is acknowledged where the capture ends".to_owned();
    }
    let other = first.peer();
    let mut text = format!("half open: the {first} has sent its FIN, the {other} none yet where the capture ends");
    let at = |id: EventId| timeline[id].at;
    let fin = timeline.event_of_frame(*frame).map(at);
    let last = closing.packets.last().copied().map(at);
    let later = fin.zip(last).map(|(fin, last)| last.since(fin));
    if let Some(later) = later.filter(|later| *later < SOON) {
        text += &match whole_milliseconds(later) {
            0 => ", less than 1 ms later".to_owned(),
            milliseconds => format!(", {milliseconds} ms later"),
        };
    }
    match facts.in_flight[other] {
        0 => {}
        1 => text += "; a byte of it has no ACK, so its FIN may wait behind that",
        bytes => text += &format!("; {bytes} bytes of it have no ACK, so its FIN may wait behind them"),
    }
    text
}
