//! The one pass: all packets of a connection in the order in which they left and came, with the calls of both
//! ends beside them.

use std::collections::HashMap;

use super::flow::{Flow, Vantage};
use super::reason::Leaving;
use super::streams::{EndKind, Outside, Program};
use super::{Certainty, ConnectionFacts, Evidence, FactKind, Facts, PacketFacts};
use crate::events::Link;
use crate::events::moments::{Moment, Passing, moments};
use crate::events::{
    Both, EventId, Flags, FrameNumber, Level, Packet, Seen, SeenConnection, Side, Timestamp, is_after,
};

/// What is so of all that was seen.
pub fn find(seen: &Seen) -> Facts {
    let outside = Outside::of(seen);
    let mut found = Facts::of_none(seen.events.len());
    for (connection, link) in seen.connections().zip(&seen.links) {
        let (of_connection, packets) = of_connection(connection, &outside);
        found.connections.push(link.put_into(of_connection));
        for (place, (id, mut facts)) in packets.into_iter().enumerate() {
            if place == 0 && link.port_reuse {
                facts.add(FactKind::PortReuse, Certainty::Seen, []);
            }
            found.put(id, Box::new(facts));
        }
    }
    found
}

impl Link {
    /// Facts of the connection with what is known of how it was told from others.
    pub(crate) fn put_into(self, facts: ConnectionFacts) -> ConnectionFacts {
        ConnectionFacts {
            roles_guessed: self.roles_guessed,
            port_reuse: self.port_reuse,
            ..facts
        }
    }
}

/// A connection of a capture that is too long to be kept, followed packet by packet. Its calls are not known.
#[derive(Debug, Default)]
pub(crate) struct Following {
    flow: Flow,
    found: ConnectionFacts,
}

impl Following {
    /// Takes in the next packet. What is so of it.
    pub fn see(&mut self, at: Timestamp, packet: &Packet) -> PacketFacts {
        let passing = Passing {
            at,
            event: EventId(0),
            packet,
            is: Moment::LeavesAndComes,
        };
        let nothing = Program::default();
        let mut facts = leaves(&mut self.flow, &mut self.found, passing, Vantage::Somewhere, &nothing);
        self.flow.arrives(passing, Vantage::Somewhere, &mut facts);
        facts
    }

    /// What is so of the connection.
    pub fn found(&self) -> ConnectionFacts {
        self.found.clone()
    }
}

/// Where the packets of a timeline were seen.
pub(crate) fn vantage(connection: SeenConnection<'_>) -> Vantage {
    if connection.packets().any(|(_, packet)| packet.passage.is_some()) {
        Vantage::BothHosts
    } else if connection.seen().level == Level::Capture {
        Vantage::Somewhere
    } else {
        Vantage::SameHost
    }
}

fn of_connection(connection: SeenConnection<'_>, outside: &Outside) -> (ConnectionFacts, Vec<(EventId, PacketFacts)>) {
    let vantage = vantage(connection);
    let programs = Both::of(|side| Program::of(connection, side, outside));
    let mut flow = Flow::default();
    let mut found = ConnectionFacts::default();
    let mut packets: Vec<(EventId, PacketFacts)> = Vec::new();
    let mut halves = HalfCloses::default();
    // A packet that has left may arrive later: this is its place in `packets` until then.
    let mut places: HashMap<EventId, usize> = HashMap::new();
    for passing in moments(connection) {
        let Passing { at, event, packet, is } = passing;
        if is == Moment::Comes {
            if let Some(&place) = places.get(&event) {
                flow.arrives(passing, vantage, &mut packets[place].1);
            }
            continue;
        }
        let mut facts = leaves(&mut flow, &mut found, passing, vantage, &programs[packet.from]);
        if packet.from == Side::Server || vantage == Vantage::SameHost {
            facts.during = programs.server.call_around(at);
        }
        match is {
            Moment::LeavesAndComes => flow.arrives(passing, vantage, &mut facts),
            _ => _ = places.insert(event, packets.len()),
        }
        halves.see(packet, &facts);
        packets.push((event, facts));
    }
    half_closes(&halves, &found, &programs, &mut packets, connection.seen());
    (found, packets)
}

/// A packet leaves: its facts, as far as they are known by then.
fn leaves(
    flow: &mut Flow,
    found: &mut ConnectionFacts,
    passing: Passing<'_>,
    vantage: Vantage,
    program: &Program<'_>,
) -> PacketFacts {
    let Passing { at, packet, .. } = passing;
    let open = !flow.sockets.are_closed();
    let mut facts = flow.departs(passing, vantage);
    note(found, packet, &facts, open);
    Leaving {
        at,
        packet,
        flow,
        program,
    }
    .fill(&mut facts);
    facts
}

/// Takes down what a packet says of its connection as a whole.
fn note(found: &mut ConnectionFacts, packet: &Packet, facts: &PacketFacts, open: bool) {
    let flags = packet.segment.flags;
    found.began_before |= facts.has(FactKind::BeganBefore);
    found.simultaneous_open |= facts.has(FactKind::SimultaneousOpen);
    found.simultaneous_close |= facts.has(FactKind::SimultaneousClose);
    if flags.has(Flags::FIN) && !found.fins.iter().any(|(side, _)| *side == packet.from) {
        found.fins.push((packet.from, packet.number));
    }
    // What answers a late packet after both FINs were acknowledged ends nothing.
    if flags.has(Flags::RST) && open {
        found.reset.get_or_insert((packet.from, packet.number));
    }
}

/// Which FIN was followed by data of the peer that its sender acknowledged: it could still receive, so it had
/// closed one direction only.
#[derive(Default)]
struct HalfCloses {
    fin: Both<Option<FrameNumber>>,
    /// The first new data behind the peer's FIN: its frame, and the number behind it.
    data_after: Both<Option<(FrameNumber, u32)>>,
    /// That data, and the ACK of it.
    proved: Both<Option<(FrameNumber, FrameNumber)>>,
}

impl HalfCloses {
    fn see(&mut self, packet: &Packet, facts: &PacketFacts) {
        let (mine, peers) = (packet.from, packet.from.peer());
        let flags = packet.segment.flags;
        if flags.has(Flags::RST) {
            return;
        }
        let end = packet.seq.wrapping_add(packet.segment.len);
        if packet.segment.len > 0 && !facts.is_repeat() && self.fin[peers].is_some() {
            self.data_after[peers].get_or_insert((packet.number, end));
        }
        if let (Some((frame, end)), None) = (self.data_after[mine], self.proved[mine])
            && flags.has(Flags::ACK)
            && !is_after(end, packet.ack)
        {
            self.proved[mine] = Some((frame, packet.number));
        }
        if flags.has(Flags::FIN) {
            self.fin[mine].get_or_insert(packet.number);
        }
    }
}

/// Marks the FINs that ended one direction only: those that a shutdown sent, and those after which data was
/// still received.
fn half_closes(
    halves: &HalfCloses,
    found: &ConnectionFacts,
    programs: &Both<Program<'_>>,
    packets: &mut [(EventId, PacketFacts)],
    seen: &Seen,
) {
    let first = found.fins.first().map(|fin| fin.0);
    for (side, frame) in found.fins.iter().copied() {
        let event = seen.event_of_frame(frame);
        let Some((id, facts)) = packets.iter_mut().find(|(id, _)| Some(*id) == event) else {
            continue;
        };
        let at = seen[*id].at;
        let by_call = programs[side].ended_by(at).filter(|end| end.kind == EndKind::Shutdown);
        if let Some(end) = by_call.filter(|_| first == Some(side)) {
            facts.add(FactKind::HalfClose, Certainty::Seen, [Evidence::Event(end.id)]);
        }
        if let Some((data, ack)) = halves.proved[side] {
            let evidence = [Evidence::Frame(data), Evidence::Frame(ack)];
            facts.add(FactKind::HalfClose, Certainty::Seen, evidence);
        }
    }
}
