//! A segment that Nagle's algorithm held back.

use super::{Found, Needs, Rule, Run, Severity, count};
use crate::timeline::explain::{action_text, call_text};
use crate::timeline::{Connection, EventKind, Held, Packet, Side};

pub(super) const RULE: Rule = Rule {
    id: "nagle-stall",
    summary: "a segment was held back until the peer acknowledged the one before",
    cure: "write each message at once; or set TCP_NODELAY and accept more packets",
    needs: Needs::CallsAndPackets,
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let timeline = connection.timeline();
    let held: Vec<(usize, &Packet, Held)> = connection
        .held_segments()
        .filter_map(|(index, packet)| Some((index, packet, packet.held()?)))
        .collect();
    let (_, packet, first) = held.first()?;
    let write = match &timeline.events[first.write].kind {
        EventKind::Call(call) => call_text(call),
        EventKind::Client(action) => match &action.call {
            Some(call) => call_text(call),
            None => action_text(&action.kind),
        },
        _ => String::new(),
    };
    let whose = match packet.from {
        Side::Server => String::new(),
        Side::Client => "of the client ".to_owned(),
    };
    let message = format!(
        "{} {whose}waited for an ACK: {write} had returned {} ms before frame {} left, after the ACK in frame {}",
        count(held.len(), "segment", "segments"),
        first.waited.as_millis(),
        packet.number,
        first.until_frame,
    );
    let ack = |held: &Held| timeline.index_of_frame(held.until_frame);
    let evidence = held
        .iter()
        .flat_map(|(index, _, held)| [Some(held.write), ack(held), Some(*index)])
        .flatten()
        .collect();
    Some(Found {
        severity: Severity::Warning,
        message,
        evidence,
    })
}
