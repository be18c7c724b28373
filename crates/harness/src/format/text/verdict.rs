//! What a reader should take away, under the lanes.

use std::collections::BTreeMap;

use crate::timeline::explain::Explanation;
use crate::timeline::{Closing, Connection, Level, Packet, Teardown, Timeline};

/// A wait of so many milliseconds is a stall: loopback needs a hundredth of that.
const STALL: u64 = 10;
/// So many stalls are listed one by one.
const LISTED: usize = 3;

/// Names and findings, in order.
pub(super) fn of(
    timeline: &Timeline,
    connection: Connection<'_>,
    explanations: &BTreeMap<usize, Explanation>,
) -> Vec<(&'static str, String)> {
    // That a segment was held back shows only beside its write, or in the comment that says so.
    let stalls_show = match timeline.level {
        Level::NoPackets => false,
        Level::Capture => connection.packets().any(|(_, packet)| packet.comment.is_some()),
        Level::Loopback | Level::Sandbox => true,
    };
    let mut verdict = Vec::new();
    if timeline.level == Level::Capture {
        verdict.push(("segments per reply", counts(&connection.segments_per_reply())));
    } else {
        verdict.push(("writes per reply", counts(&connection.writes_per_reply())));
    }
    verdict.push(("packets per exchange", counts(&connection.packets_per_exchange())));
    if stalls_show {
        verdict.push(("stalls", stalls(timeline, connection, explanations)));
    }
    verdict.push(("teardown", teardown(connection.teardown(), &connection.closing())));
    verdict
}

/// A name, padded so that what follows stands in a column.
pub(super) fn name(name: &str) -> String {
    format!("{name:<22}")
}

/// `2, 2, 1`; long runs of one number are drawn together.
fn counts(counts: &[usize]) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let runs: Vec<String> = counts
        .chunk_by(|a, b| a == b)
        .flat_map(|run| match run.len() {
            times if times > 5 => vec![format!("{} ({times} times)", run[0])],
            _ => run.iter().map(usize::to_string).collect(),
        })
        .collect();
    runs.join(", ")
}

fn stalls(timeline: &Timeline, connection: Connection<'_>, explanations: &BTreeMap<usize, Explanation>) -> String {
    let held = |(index, packet): (usize, &Packet)| {
        let held = explanations
            .get(&index)?
            .held
            .filter(|held| held.milliseconds >= STALL)?;
        Some((packet.number, held))
    };
    let stalls: Vec<_> = connection.packets().filter_map(held).collect();
    if stalls.is_empty() {
        return if timeline.dropped > 0 {
            "none seen".to_owned()
        } else {
            "none".to_owned()
        };
    }
    if stalls.len() > LISTED {
        let longest = stalls.iter().map(|(_, held)| held.milliseconds).max().unwrap_or(0);
        return format!("{} segments waited for an ACK, up to {longest} ms each", stalls.len());
    }
    let lines: Vec<String> = stalls
        .iter()
        .map(|(number, held)| {
            format!(
                "frame {number} waited {} ms for the ACK in frame {}",
                held.milliseconds, held.until_frame
            )
        })
        .collect();
    lines.join(", ")
}

fn teardown(teardown: Teardown, closing: &Closing) -> String {
    match teardown {
        Teardown::Open => "none: neither side has closed".to_owned(),
        Teardown::Reset { by } => format!("reset by the {by}"),
        Teardown::LeftOpen(state) => format!("left open: the server's socket is in {state}"),
        Teardown::Clean { first } => match closing.time_wait() {
            Some(waits) if waits == first => format!("clean: the {first} closed first and is in TIME_WAIT"),
            Some(waits) => format!("clean: the {first} closed first, the {waits} is in TIME_WAIT"),
            None => format!("clean: the {first} closed first"),
        },
    }
}
