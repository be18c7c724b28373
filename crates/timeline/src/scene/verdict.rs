//! What a reader should take away of a connection.

use std::collections::BTreeMap;

use super::Verdict;
use crate::events::{EventId, Explanation, Level};
use crate::timeline::{Closing, Connection, Counts, Run, Stalls, Teardown, Timeline};

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
    // What was lost, or came later than what is kept, would only add to these.
    let cut = timeline.not_kept > 0;
    let least = |is_cut: bool, counts: String| match is_cut {
        true => format!("at least {counts}"),
        false => counts,
    };
    let totals = timeline.totals(connection.id());
    // That a segment was held back shows only beside its write, or in our comment that says so.
    let stalls_show = match (timeline.level, totals) {
        (Level::NoPackets | Level::Capture, _) => false,
        (Level::Loopback | Level::Sandbox, Some(totals)) => totals.commented,
        (Level::Loopback | Level::Sandbox, None) => true,
    };
    let tells_calls = timeline.level > Level::Capture;
    let whole = || tells_calls.then(|| connection.writes_per_reply().into_iter().collect());
    let writes = totals.map_or_else(whole, |totals| totals.writes_per_reply.clone());
    if let Some(writes) = writes {
        say("writes per reply", least(cut, counts(&writes)));
    } else {
        let segments = totals.map(|totals| totals.segments_per_reply.clone());
        let segments = segments.unwrap_or_else(|| connection.segments_per_reply().into_iter().collect());
        say(
            "segments per reply",
            least(cut || timeline.dropped > 0, counts(&segments)),
        );
    }
    let packets = totals.map(|totals| totals.packets_per_exchange.clone());
    let packets = packets.unwrap_or_else(|| connection.packets_per_exchange().into_iter().collect());
    say(
        "packets per exchange",
        least(cut || timeline.dropped > 0, counts(&packets)),
    );
    if stalls_show {
        let seen = totals.map(|totals| totals.stalls.clone());
        let seen = seen.unwrap_or_else(|| stalls(connection, explanations));
        let corked = corked(connection);
        let text = match (seen.count, corked.is_empty()) {
            (_, true) => stalls_text(timeline, &seen),
            (0, false) => corked,
            (_, false) => format!("{}, {corked}", stalls_text(timeline, &seen)),
        };
        say("stalls", text);
    }
    say("teardown", teardown(&connection.closing()));
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
        .map(|(frame, waited)| format!("frame {frame} waited {} ms for more to send", waited.as_millis()))
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

fn teardown(closing: &Closing) -> String {
    match closing.teardown() {
        Teardown::Open => "none: neither side has closed".to_owned(),
        Teardown::Refused => "none: the connection was refused".to_owned(),
        Teardown::Reset { by } => format!("reset by the {by}"),
        Teardown::LeftOpen(state) => format!("left open: the server's socket is in {state}"),
        Teardown::Clean { first } => match closing.time_wait() {
            Some(waits) if waits == first => format!("clean: the {first} closed first and is in TIME_WAIT"),
            Some(waits) => format!("clean: the {first} closed first, the {waits} is in TIME_WAIT"),
            None => format!("clean: the {first} closed first"),
        },
    }
}
