//! What packets alone tell of somebody else's connection, where no calls were recorded. All of it is inferred: each
//! rule says what would decide.

use std::time::Duration;

use super::RuleId;
use super::rule::{Body, Found, Need};
use super::run::Run;
use crate::events::{Both, EventId, FrameNumber, Side};
use crate::facts::Waits;
use crate::timeline::Connection;
use crate::words::amount;

pub(super) const LATE_ACK: Body = Body {
    summary: "small segments left only after an ACK that was put off: that fits Nagle's algorithm",
    cure: "write each message at once, or set TCP_NODELAY; the calls of the sender would decide (lab trace, strace)",
    needs: &[Need::PacketsAlone],
    look: late_ack,
};

pub(super) const CLOSED_WINDOW: Body = Body {
    summary: "a sender waited, as its peer's window was 0: that fits a program which does not read",
    cure: "read sooner, or send less at a time; the calls of the reader would decide (lab trace, strace)",
    needs: &[Need::PacketsAlone],
    look: closed_window,
};

pub(super) const SMALL_WINDOW: Body = Body {
    summary: "a sender filled its peer's window again and again, on a connection whose windows are not scaled",
    cure: "look for a box that takes the window's scale out of a SYN (RFC 7323): a capture at the other end would decide",
    needs: &[Need::PacketsAlone],
    look: small_window,
};

pub(super) const SENT_AGAIN: Body = Body {
    summary: "segments were sent again",
    cure: "look at the path: a capture at the other end tells whether they were lost, and where",
    needs: &[Need::PacketsAlone],
    look: sent_again,
};

pub(super) const MTU_BLACK_HOLE: Body = Body {
    summary: "full-sized segments alone are missing: that fits a path that drops large packets and does not say so",
    cure: "try ping -M do -s 1472 on the path; clamp the MSS, or let ICMP \"fragmentation needed\" pass (RFC 2923)",
    needs: &[Need::PacketsAlone],
    look: mtu_black_hole,
};

pub(super) const SYN_UNANSWERED: Body = Body {
    summary: "the client asked for a connection, and nothing that was captured answers",
    cure: "look for a filter, or a full queue: a capture at the server would decide whether the SYN came",
    needs: &[Need::PacketsAlone],
    look: syn_unanswered,
};

pub(super) const LATE_HANDSHAKE: Body = Body {
    summary: "the answer to the SYN came late",
    cure: "look for a full queue of the listener (ss -lt), or loss: a capture at the server would decide",
    needs: &[Need::PacketsAlone],
    look: late_handshake,
};

pub(super) const RESET_WITH_DATA: Body = Body {
    summary: "a reset came while bytes were on their way that nobody had acknowledged: they may be lost",
    cure: "close only when all is read, and let the peer close first; the calls of the closer would decide",
    needs: &[Need::PacketsAlone],
    look: reset_with_data,
};

/// True if a connection has what a rule of packets alone goes by. Without it, nothing found is nothing said.
pub(super) fn has_evidence(rule: RuleId, connection: Connection<'_>) -> bool {
    let tally = &connection.facts().tally;
    let is_acked = |side: &Side| tally.has_data(*side) && tally.acknowledges[side.peer()];
    let is_known = |side: &Side| tally.scales[*side].is_some();
    match rule {
        RuleId::SynUnanswered => tally.asked.is_some(),
        RuleId::LateHandshake => tally.asked.is_some_and(|asked| asked.answer.is_some()),
        RuleId::SentAgain => SIDES.iter().any(|side| tally.has_data(*side) || is_known(side)),
        RuleId::SmallWindow => SIDES.iter().all(is_known) && SIDES.iter().any(is_acked),
        // How much a segment may hold, the SYN of its receiver says.
        RuleId::MtuBlackHole => SIDES.iter().any(|side| is_acked(side) && is_known(&side.peer())),
        _ => SIDES.iter().any(is_acked),
    }
}

const SIDES: [Side; 2] = [Side::Client, Side::Server];

/// The side with the most of these waits.
fn most(waits: &Both<Waits>) -> Option<(Side, Waits)> {
    let some = SIDES
        .into_iter()
        .map(|side| (side, waits[side]))
        .filter(|(_, waits)| waits.count > 0);
    some.max_by_key(|(_, waits)| waits.total)
}

fn ms(waited: Duration) -> String {
    match waited.as_millis() {
        0 => "less than 1 ms".to_owned(),
        milliseconds => format!("{milliseconds} ms"),
    }
}

/// The frames that show it, of those that are here.
fn frames(connection: Connection<'_>, frames: impl IntoIterator<Item = FrameNumber>) -> Vec<EventId> {
    let mut events: Vec<EventId> = frames
        .into_iter()
        .filter_map(|frame| connection.timeline().place_of(frame))
        .collect();
    events.sort_unstable();
    events.dedup();
    events
}

fn of_waits(connection: Connection<'_>, message: String, waits: Waits) -> Found {
    Found::new(message, frames(connection, [waits.first, waits.longest.1]))
}

fn late_ack(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let (side, waits) = most(&connection.facts().tally.after_late_acks)?;
    let message = format!(
        "{} of the {side} left right after an ACK that the {} had put off: {} in all, the longest {} before frame {}",
        amount(waits.count, "small segment", "small segments"),
        side.peer(),
        ms(waits.total),
        ms(waits.longest.0),
        waits.longest.1,
    );
    // The program may as well have written just then, once.
    Some(of_waits(connection, message, waits).milder(waits.count == 1))
}

fn closed_window(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let tally = &connection.facts().tally;
    if let Some((side, waits)) = most(&tally.closed_windows) {
        let message = format!(
            "the {side}'s window was 0 while the {} had more to send: {}, {} in all, the longest {} until frame {}",
            side.peer(),
            amount(waits.count, "time", "times"),
            ms(waits.total),
            ms(waits.longest.0),
            waits.longest.1,
        );
        return Some(of_waits(connection, message, waits));
    }
    let (side, frame) = SIDES
        .into_iter()
        .find_map(|side| Some((side, tally.still_closed[side]?)))?;
    let message = format!(
        "the {side}'s window is 0 from frame {frame} to the end of the capture, and the {} has more to send",
        side.peer()
    );
    Some(Found::new(message, frames(connection, [frame])))
}

fn small_window(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    /// Fewer waits are as well those of a beginning.
    const LEAST: usize = 3;
    let tally = &connection.facts().tally;
    let both_known = SIDES.iter().all(|side| tally.scales[*side].is_some());
    let scaled = SIDES.iter().all(|side| tally.scales[*side] == Some(true));
    let (side, waits) = most(&tally.full_windows).filter(|(_, waits)| waits.count >= LEAST)?;
    if !both_known || scaled {
        return None;
    }
    // Who scales tells windows that are a small part of the one in its SYN.
    let scales = SIDES.into_iter().find_map(|side| {
        let (syn, least) = tally.fields[side]?;
        (least < syn / 4).then_some((side, syn, least))
    });
    let told = match scales {
        Some((side, syn, least)) => format!(
            "; the {side} told a window of {syn} in its SYN and of {least} later, which fits one that scales: the scale was taken out on the way"
        ),
        None => String::new(),
    };
    let message = format!(
        "the {side} waited {} for room in the window of the {}, {} in all{told}",
        amount(waits.count, "time", "times"),
        side.peer(),
        ms(waits.total),
    );
    Some(of_waits(connection, message, waits))
}

fn sent_again(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    /// The least that Linux's timer waits.
    const TIMER: Duration = Duration::from_millis(200);
    let (side, waits) = most(&connection.facts().tally.sent_again)?;
    let again = amount(waits.count, "segment", "segments");
    let were = if waits.count == 1 { "was" } else { "were" };
    // Of what was lost before it came here nobody knows when it first left.
    let when = match waits.total.is_zero() {
        true => format!("the first in frame {}", waits.first),
        false => format!(
            "{} after the copies before in all, the longest {} (frame {})",
            ms(waits.total),
            ms(waits.longest.0),
            waits.longest.1,
        ),
    };
    let message = format!("{again} of the {side} {were} sent again, {when}");
    Some(of_waits(connection, message, waits).milder(waits.longest.0 < TIMER))
}

fn mtu_black_hole(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    // What is large may be in the fragments.
    if connection.timeline().lone_fragments() > 0 {
        return None;
    }
    let tally = &connection.facts().tally;
    let (side, missing) = SIDES.into_iter().find_map(|side| Some((side, tally.missing[side]?)))?;
    let message = format!(
        "{} bytes of the {side} are missing to the end, and no segment of it is larger than {} bytes, where {} may be",
        missing.bytes, missing.largest, missing.full
    );
    Some(Found::new(message, []))
}

fn syn_unanswered(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    /// An answer may still be on its way.
    const SOON: Duration = Duration::from_secs(1);
    let tally = &connection.facts().tally;
    let asked = tally.asked.filter(|asked| asked.answer.is_none())?;
    let end = connection.timeline().end();
    // A client that acknowledges got an answer, which was not captured.
    if asked.count == 1 && end.since(asked.first.1) < SOON || tally.acknowledges.client {
        return None;
    }
    let (since, silent) = (ms(asked.last.1.since(asked.first.1)), ms(end.since(asked.last.1)));
    let message = match asked.count {
        1 => format!("1 SYN, and no answer in {silent}"),
        count => format!("{count} SYNs, the last {since} after the first, and no answer in {silent} from then"),
    };
    Some(Found::new(message, frames(connection, [asked.first.0, asked.last.0])))
}

fn late_handshake(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    /// No way there and back is that long.
    const LONG: Duration = Duration::from_secs(1);
    let asked = connection.facts().tally.asked?;
    let (frame, took) = asked.answer?;
    if took < LONG {
        return None;
    }
    let message = format!(
        "frame {frame} answers {} after the first of {}",
        ms(took),
        amount(asked.count, "SYN", "SYNs")
    );
    Some(Found::new(message, frames(connection, [asked.first.0, frame])))
}

fn reset_with_data(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let facts = connection.facts();
    let reset = facts.reset.filter(|reset| !reset.from_between)?;
    // Where no ACK was captured, nothing tells what had none.
    let unacked = |side: &Side| reset.unacked[*side] > 0 && facts.tally.acknowledges[side.peer()];
    let bytes = |side: Side| unacked(&side).then(|| format!("{} of the {side}", reset.unacked[side]));
    let lost: Vec<String> = SIDES.into_iter().filter_map(bytes).collect();
    if lost.is_empty() {
        return None;
    }
    let message = format!(
        "when the reset in frame {} came, these bytes had no ACK: {}",
        reset.frame,
        lost.join(", ")
    );
    Some(Found::new(message, frames(connection, [reset.frame])))
}
