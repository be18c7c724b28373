//! A segment that Nagle's algorithm held back.

use std::collections::HashSet;
use std::time::Duration;

use super::replies::{Reply, replies};
use super::rule::{Body, Found, Need};
use super::run::Run;
use crate::events::{EventId, EventKind, Side};
use crate::facts::FactKind;
use crate::timeline::spent::each_spent;
use crate::timeline::{Connection, Held, KnownPacket, Timeline};
use crate::words::{action_text, amount, call_text, whole_milliseconds};

pub(super) const RULE: Body = Body {
    summary: "a segment was held back until the peer acknowledged the one before",
    cure: "write each message at once; or set TCP_NODELAY and accept more packets",
    needs: &[
        Need::Packets,
        Need::PeersWrites,
        Need::Moment(has_second_reply, "no connection had a second reply"),
    ],
    look,
};

/// A client's kernel acknowledges at once as long as a connection is new: tcp(7), TCP_QUICKACK.
fn has_second_reply(_: &Run<'_>, connection: Connection<'_>) -> bool {
    each_spent(connection).flatten().nth(1).is_some()
}

/// Where the ACK came with data, a wait of so long is a stall: on loopback an ACK that is not put off comes within a
/// hundredth of that.
const STALL: Duration = Duration::from_millis(10);

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let timeline = connection.timeline();
    let streams = replies(connection).into_iter().filter(Reply::is_stream);
    let streamed: HashSet<EventId> = streams.flat_map(|reply| reply.writes).map(|part| part.id).collect();
    let held: Vec<(EventId, KnownPacket<'_>, Held)> = connection
        .held_segments()
        .filter_map(|(id, packet)| Some((id, packet, packet.held()?)))
        .filter(|(_, packet, held)| is_stall(timeline, *packet, held))
        .filter(|(.., held)| !streamed.contains(&held.write))
        .collect();
    let (_, packet, first) = held.first()?;
    let write = match &timeline[first.write].kind {
        EventKind::Call(call) => call_text(call),
        EventKind::Client(action) => match &action.call {
            Some(call) => call_text(call),
            None => action_text(&action.kind),
        },
        _ => String::new(),
    };
    let (whose, fault) = match (packet.from, connection.is_the_servers_own()) {
        (Side::Server, false) => ("", ""),
        (Side::Server, true) => ("of whom the server connects to ", ""),
        (Side::Client, true) => ("of the server ", ", on a connection that the server makes"),
        (Side::Client, false) => (
            "of the client ",
            "; these are the client's own small writes, not the server's",
        ),
    };
    let message = format!(
        "{} {whose}waited for an ACK: {write} had returned {} ms before frame {} left, after the ACK in frame {}{fault}",
        amount(held.len(), "segment", "segments"),
        whole_milliseconds(first.waited),
        packet.number,
        first.until_frame,
    );
    let ack = |held: &Held| timeline.event_of_frame(held.until_frame);
    let evidence = held
        .iter()
        .flat_map(|(id, _, held)| [Some(held.write), ack(held), Some(*id)]);
    Some(Found::new(message, evidence.flatten()))
}

/// True if a segment waited for an ACK that was put off, or for one that came with the peer's next message. Behind a
/// wire each wait takes a round trip, and is one.
fn is_stall(timeline: &Timeline, packet: KnownPacket<'_>, held: &Held) -> bool {
    let ack = timeline
        .event_of_frame(held.until_frame)
        .and_then(|id| timeline.packet(id));
    let late =
        |ack: KnownPacket<'_>| ack.facts.has(FactKind::DelayedAck) || (ack.segment.len > 0 && held.waited >= STALL);
    packet.passage.is_some() || ack.is_none_or(late)
}
