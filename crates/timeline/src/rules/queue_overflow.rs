//! A client whose connect waited, since the listener had no room for it.

use super::rule::{Body, Found, Need};
use super::run::{Run, accept_of, is_open_at};
use crate::events::{EventId, Flags, Side};
use crate::facts::FactKind;
use crate::timeline::{Connection, KnownPacket};
use crate::words::{amount, call_text, whole_milliseconds};

pub(super) const RULE: Body = Body {
    summary: "a client's connect waited: the listener's queue of connections to accept was full",
    cure: "accept sooner, and give listen a longer backlog; net.core.somaxconn is the most that it gets",
    needs: &[
        Need::Packets,
        Need::Moment(may_be_full, "listen asked for room for all clients"),
    ],
    look,
};

/// True if more clients were connected when this one came than listen had asked room for.
fn may_be_full(run: &Run<'_>, connection: Connection<'_>) -> bool {
    let timeline = connection.timeline();
    let asked = run
        .listen_at(connection.endpoints().server)
        .and_then(|(_, listen)| listen.asked);
    let Some((begun, _)) = connection.packets().next() else {
        return false;
    };
    let before = timeline.of_clients().take_while(|other| other.id() < connection.id());
    let others = before.filter(|other| is_open_at(*other, begun)).count();
    asked.is_some_and(|asked| others as u64 > asked)
}

fn look(run: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let timeline = connection.timeline();
    let server = connection.endpoints().server;
    // Whoever does not listen by a call that is here may have a filter in front of him.
    let (listen, call) = run.listen_at(server)?;
    let came = |packet: &KnownPacket<'_>| {
        packet
            .passage
            .as_ref()
            .is_none_or(|passage| !passage.arrivals.is_empty())
    };
    let syns = connection
        .packets()
        .take_while(|(_, packet)| packet.segment.flags.has(Flags::SYN));
    // A kernel that has no room lets a SYN fall. What comes to a host and is not answered until it comes again was one.
    let unanswered: Vec<(EventId, KnownPacket<'_>)> = syns
        .take_while(|(_, packet)| packet.from == Side::Client && came(packet))
        .collect();
    let (first, last) = (unanswered.first()?, unanswered.last()?);
    if unanswered.len() < 2 || !last.1.facts.has(FactKind::Retransmission) {
        return None;
    }
    // A queue in which nobody is has room, whatever its length: the SYN was lost on the way into the host then.
    let in_queue = |other: &Connection<'_>| {
        let begun = other.packets().next().is_some_and(|(begun, _)| begun < first.0);
        begun && other.id() != connection.id() && accept_of(*other).is_none_or(|(accept, _)| first.0 < accept)
    };
    let others = timeline.of_clients().filter(in_queue).count();
    if others == 0 {
        return None;
    }
    let waited = timeline[last.0].at.since(timeline[first.0].at);
    let backlog = match call.asked {
        Some(backlog) => format!("{} asked for a queue of {backlog}", call_text(call)),
        None => format!("behind {}", call_text(call)),
    };
    let message = format!(
        "the SYN in frame {} came while {} not accepted, and had no answer; it was sent again {}, last {} ms later: \
         {backlog}",
        first.1.number,
        amount(others, "connection was", "connections were"),
        amount(unanswered.len() - 1, "time", "times"),
        whole_milliseconds(waited),
    );
    Some(Found::new(message, [listen, first.0, last.0]))
}
