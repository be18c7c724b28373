//! The one pass: all packets of a connection in the order in which they left and came, with the calls of both
//! ends beside them.

use super::flow::{Flow, Passing, Vantage};
use super::reason::Leaving;
use super::streams::{EndKind, Outside, Program};
use super::{Certainty, ConnectionFacts, Evidence, FactKind, PacketFacts};
use crate::events::sockets::Sockets;
use crate::events::{EventKind, Flags, Level, Packet, Side, StateChange, Timestamp};
use crate::timeline::{Connection, Timeline};

/// Fills in the facts of all packets and connections of a timeline. Until its frames are numbered they name
/// a packet by the index of its event.
pub(crate) fn find(timeline: &mut Timeline) {
    for (index, event) in timeline.events.iter_mut().enumerate() {
        if let EventKind::Packet(packet) = &mut event.kind {
            packet.number = index;
        }
    }
    let outside = Outside::of(timeline);
    let found: Vec<(ConnectionFacts, Vec<(usize, PacketFacts)>)> = timeline
        .connections()
        .map(|connection| of_connection(connection, &outside))
        .collect();
    timeline.facts = Vec::with_capacity(found.len());
    for (id, (of_connection, packets)) in found.into_iter().enumerate() {
        let known = timeline.links.get(id).copied().unwrap_or_default();
        timeline.facts.push(known.put_into(of_connection));
        let mut first = true;
        for (index, mut facts) in packets {
            if let EventKind::Packet(packet) = &mut timeline.events[index].kind {
                if std::mem::take(&mut first) && known.port_reuse {
                    facts.add(FactKind::PortReuse, Certainty::Seen, []);
                }
                packet.facts = facts;
            }
        }
    }
}

/// Names packets by the numbers of their frames, once these are known.
pub(crate) fn name_frames(timeline: &mut Timeline) {
    let numbers: Vec<usize> = (0..timeline.events.len())
        .map(|index| timeline.frame(index).unwrap_or_default())
        .collect();
    for event in &mut timeline.events {
        if let EventKind::Packet(packet) = &mut event.kind {
            packet.facts.name_frames(&numbers);
        }
    }
    for facts in &mut timeline.facts {
        facts.name_frames(&numbers);
    }
}

/// A connection of a capture that is too long to be kept, followed packet by packet. Its calls are not known.
#[derive(Debug, Default)]
pub(crate) struct Following {
    flow: Flow,
    found: ConnectionFacts,
}

impl Following {
    /// Takes in the next packet and fills in its facts. True if it changed what is known of the sockets.
    pub fn see(&mut self, at: Timestamp, packet: &mut Packet) -> bool {
        let before = self.flow.sockets;
        let passing = Passing { at, packet };
        let nothing = Program::default();
        let mut facts = leaves(&mut self.flow, &mut self.found, passing, Vantage::Somewhere, &nothing);
        self.flow.arrives(passing, Vantage::Somewhere, &mut facts);
        note_states(&mut self.found, before, self.flow.sockets, packet.number);
        packet.facts = facts;
        before != self.flow.sockets || packet.segment.flags.has(Flags::RST)
    }

    /// What is so of the connection. States stand at frame numbers.
    pub fn found(&self) -> ConnectionFacts {
        self.found.clone()
    }
}

/// Where the packets of a timeline were seen.
pub(crate) fn vantage(timeline: &Timeline, connection: Connection<'_>) -> Vantage {
    if connection.packets().any(|(_, packet)| packet.passage.is_some()) {
        Vantage::BothHosts
    } else if timeline.level == Level::Capture {
        Vantage::Somewhere
    } else {
        Vantage::SameHost
    }
}

/// A moment of a packet.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub at: Timestamp,
    /// The packet's event.
    pub index: usize,
    pub moment: Moment,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Leaves,
    Comes,
    /// It was seen at one place, where it does both.
    LeavesAndComes,
}

/// All moments of the packets of a connection, in order.
pub(super) fn steps(connection: Connection<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for (index, event) in connection.events() {
        let EventKind::Packet(packet) = &event.kind else {
            continue;
        };
        let at = event.at;
        let Some(passage) = &packet.passage else {
            steps.push(Step {
                at,
                index,
                moment: Moment::LeavesAndComes,
            });
            continue;
        };
        // What comes damaged, TCP throws away unseen.
        let arrivals: &[Timestamp] = if passage.corrupted { &[] } else { &passage.arrivals };
        let leaves = Step {
            at,
            index,
            moment: Moment::Leaves,
        };
        let comes = arrivals.iter().map(|&at| Step {
            at,
            index,
            moment: Moment::Comes,
        });
        steps.push(leaves);
        steps.extend(comes);
    }
    // What leaves stands in order. Stamps of a file may go back, and its order is what there is to go by.
    if steps.iter().any(|step| step.moment != Moment::LeavesAndComes) {
        steps.sort_by_key(|step| step.at);
    }
    steps
}

fn of_connection(connection: Connection<'_>, outside: &Outside) -> (ConnectionFacts, Vec<(usize, PacketFacts)>) {
    let timeline = connection.timeline();
    let vantage = vantage(timeline, connection);
    let client = Program::of(connection, Side::Client, outside);
    let server = Program::of(connection, Side::Server, outside);
    let of = |side| match side {
        Side::Client => &client,
        Side::Server => &server,
    };
    let mut flow = Flow::default();
    let mut found = ConnectionFacts::default();
    let mut packets: Vec<(usize, PacketFacts)> = Vec::new();
    let mut halves = HalfCloses::default();
    // Where in `packets` one is that is still to come, by its place among the events.
    let mut place: std::collections::HashMap<usize, usize> = std::collections::HashMap::new();
    for Step { at, index, moment } in steps(connection) {
        let Some(packet) = timeline.packet(index) else { continue };
        let passing = Passing { at, packet };
        let before = flow.sockets;
        if moment == Moment::Comes {
            if let Some(&known) = place.get(&index) {
                flow.arrives(passing, vantage, &mut packets[known].1);
            }
        } else {
            let mut facts = leaves(&mut flow, &mut found, passing, vantage, of(packet.from));
            if packet.from == Side::Server || vantage == Vantage::SameHost {
                facts.during = server.call_around(at);
            }
            match moment {
                Moment::LeavesAndComes => flow.arrives(passing, vantage, &mut facts),
                _ => _ = place.insert(index, packets.len()),
            }
            halves.see(packet, &facts);
            packets.push((index, facts));
        }
        note_states(&mut found, before, flow.sockets, index);
    }
    half_closes(&halves, &found, of, &mut packets, timeline);
    found.half_round_trips = [flow.half(Side::Server).answered_in, flow.half(Side::Client).answered_in];
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
    let Passing { at, packet } = passing;
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

/// Takes down which sockets are in another state than before.
fn note_states(found: &mut ConnectionFacts, before: Sockets, after: Sockets, at: usize) {
    for side in [Side::Client, Side::Server] {
        let (from, to) = (before.state(side), after.state(side));
        if from != to {
            found.states.push((at, StateChange { side, from, to }));
        }
    }
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
    fin: [Option<usize>; 2],
    data_after: [Option<(usize, u32)>; 2],
    proved: [Option<(usize, usize)>; 2],
}

impl HalfCloses {
    fn see(&mut self, packet: &Packet, facts: &PacketFacts) {
        let (mine, peers) = (packet.from as usize, packet.from.peer() as usize);
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
            && !crate::events::is_after(end, packet.ack)
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
fn half_closes<'a>(
    halves: &HalfCloses,
    found: &ConnectionFacts,
    of: impl Fn(Side) -> &'a Program<'a>,
    packets: &mut [(usize, PacketFacts)],
    timeline: &Timeline,
) {
    let first = found.fins.first().map(|fin| fin.0);
    for (side, frame) in found.fins.iter().copied() {
        let Some((index, facts)) = packets
            .iter_mut()
            .find(|(index, _)| timeline.packet(*index).is_some_and(|packet| packet.number == frame))
        else {
            continue;
        };
        let at = timeline.events[*index].at;
        let by_call = of(side).ended_by(at).filter(|end| end.kind == EndKind::Shutdown);
        if let Some(end) = by_call.filter(|_| first == Some(side)) {
            facts.add(FactKind::HalfClose, Certainty::Seen, [Evidence::Event(end.index)]);
        }
        if let Some((data, ack)) = halves.proved[side as usize] {
            let evidence = [Evidence::Frame(data), Evidence::Frame(ack)];
            facts.add(FactKind::HalfClose, Certainty::Seen, evidence);
        }
    }
}
