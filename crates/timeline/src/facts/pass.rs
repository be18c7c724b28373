//! The one pass: all packets of a connection in the order in which they left and came, with the calls of both
//! ends beside them.

use super::flow::{Flow, Vantage};
use super::reason::Leaving;
use super::streams::{EndKind, Outside, Program};
use super::{Certainty, ConnectionFacts, Evidence, FactKind, Facts, PacketFacts, Reason, Reset, Why};
use crate::events::Link;
use crate::events::moments::{Moment, Passing, moments};
use crate::events::{
    Both, ConnectionId, EventId, Flags, FrameNumber, Level, Packet, Seen, SeenConnection, Side, Timestamp, is_after,
};

/// What is so of all that was seen.
pub fn find(seen: &Seen) -> Facts {
    let outside = Outside::of(seen);
    let mut found = Facts::of_none(seen.events.len());
    found.unseen_calls = outside.unseen;
    found
        .packets
        .reserve_exact(seen.iter().filter(|(id, _)| seen.packet(*id).is_some()).count());
    for (connection, link) in seen.connections().zip(&seen.links) {
        let of_connection = of_connection(connection, *link, &outside, &mut found);
        found.connections.push(link.put_into(of_connection));
    }
    found
}

impl Link {
    /// Facts of the connection with what is known of how it was told from others.
    pub(crate) fn put_into(self, facts: ConnectionFacts) -> ConnectionFacts {
        ConnectionFacts {
            roles_guessed: self.roles_guessed,
            port_reuse: self.earlier.is_some(),
            ..facts
        }
    }
}

/// A connection that is followed packet by packet. Of a capture that is too long to be kept, its calls are not known.
#[derive(Debug)]
pub(crate) struct Following {
    pub flow: Flow,
    vantage: Vantage,
    found: ConnectionFacts,
    halves: HalfCloses,
    pub first: Option<FrameNumber>,
    /// Frames that were thought to be thrown away, and were not.
    taken: Vec<FrameNumber>,
}

impl Default for Following {
    fn default() -> Following {
        Following::seen_from(Vantage::Somewhere)
    }
}

/// What is known of a packet only when later ones have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// An ACK covers it that was thought to be thrown away.
    Taken,
    /// The SYN of its connection stands behind it.
    BeginsHere,
    /// An earlier connection had the same addresses and ports, from this frame on.
    PortReuse(Option<FrameNumber>),
    /// The alleged sender of a reset talks on, in this frame.
    FromBetween(FrameNumber),
    /// The sender of a FIN acknowledges data that was sent after it: that data, and the ACK.
    HalfClose(FrameNumber, FrameNumber),
}

impl PacketFacts {
    /// Takes in what is known since.
    pub(crate) fn learn(&mut self, late: Late) {
        match late {
            Late::Taken => self.retract(FactKind::OldTimestamp),
            Late::BeginsHere => self.retract(FactKind::BeganBefore),
            Late::PortReuse(by) => self.add(FactKind::PortReuse, Certainty::Seen, by.map(Evidence::Frame)),
            Late::FromBetween(by) => {
                self.add(FactKind::FromBetween, Certainty::Inferred, [Evidence::Frame(by)]);
                self.why = Why::default();
            }
            Late::HalfClose(data, ack) => {
                let evidence = [Evidence::Frame(data), Evidence::Frame(ack)];
                self.add(FactKind::HalfClose, Certainty::Seen, evidence);
            }
        }
    }
}

impl Following {
    fn seen_from(vantage: Vantage) -> Following {
        Following {
            flow: Flow::seen_from(vantage),
            vantage,
            found: ConnectionFacts::default(),
            halves: HalfCloses::default(),
            first: None,
            taken: Vec::new(),
        }
    }

    /// Takes in the next packet. What is so of it.
    pub fn see(&mut self, at: Timestamp, packet: &Packet) -> PacketFacts {
        let passing = Passing {
            at,
            event: EventId(0),
            packet,
            is: Moment::LeavesAndComes,
        };
        self.leaves(passing, &Program::default())
    }

    /// A packet leaves: its facts, as far as they are known by then.
    fn leaves(&mut self, passing: Passing<'_>, program: &Program<'_>) -> PacketFacts {
        let Passing { at, packet, .. } = passing;
        let (flow, found) = (&mut self.flow, &mut self.found);
        let (open, talks_on) = (!flow.sockets.are_closed(), flow.sockets.talks_on(packet));
        let ignores_reset = flow.sockets.ignores_reset(packet);
        let mut facts = flow.departs(passing, self.vantage);
        if !facts.is_copy() {
            note(found, packet, &facts, open.then_some(&*flow));
            if let Some(reset) = found.reset.as_mut() {
                if talks_on && reset.by == packet.from {
                    reset.from_between = true;
                    reset.talks_on.get_or_insert(packet.number);
                }
                reset.ignored |= ignores_reset && reset.by != packet.from;
            }
            let leaving = Leaving {
                at,
                packet,
                flow,
                program,
            };
            leaving.fill(&mut facts);
            found.refused |= facts.why.reason == Reason::NoListener;
            if self.vantage == Vantage::Somewhere {
                found.tally.see(passing, flow, &facts);
            }
        }
        self.taken.extend(self.flow.taken.take());
        if passing.is == Moment::LeavesAndComes {
            self.flow.arrives(passing, self.vantage, &mut facts);
        }
        if !facts.is_copy() {
            self.halves.see(packet, &facts);
        }
        self.first.get_or_insert(packet.number);
        facts
    }

    /// What is known of some packets since they went by. `first` tells the first frame of an earlier connection.
    pub fn late(
        &self,
        link: Link,
        first: impl Fn(ConnectionId) -> Option<FrameNumber>,
    ) -> impl Iterator<Item = (FrameNumber, Late)> {
        let taken = self.taken.iter().map(|frame| (*frame, Late::Taken));
        let halves = self.found.fins.iter().filter_map(|(side, frame)| {
            let (data, ack) = self.halves.proved[*side]?;
            Some((*frame, Late::HalfClose(data, ack)))
        });
        let reset = self
            .found
            .reset
            .and_then(|reset| Some((reset.frame, Late::FromBetween(reset.talks_on?))));
        // The SYN may stand behind its answer in the file.
        let of_first = |is_so, late| self.first.filter(|_| is_so).map(|first| (first, late));
        let begins = of_first(!self.found.began_before, Late::BeginsHere);
        let reuse = of_first(link.earlier.is_some(), Late::PortReuse(link.earlier.and_then(first)));
        taken.chain(halves).chain(reset).chain(begins).chain(reuse)
    }

    /// True if this is the first frame of a side behind its reset, so that the reset was forged.
    pub fn talks_on(&self, frame: FrameNumber) -> bool {
        self.found.reset.is_some_and(|reset| reset.talks_on == Some(frame))
    }

    /// True if something of both sides has come by.
    pub fn is_both_ways(&self) -> bool {
        self.found.captured.client && self.found.captured.server
    }

    /// What is so of the connection.
    pub fn found(&self) -> ConnectionFacts {
        ConnectionFacts {
            in_flight: self.flow.in_flight(),
            is_holed: self.vantage == Vantage::Somewhere && self.flow.is_holed(),
            tally: self.found.tally.ended(&self.flow),
            reset: self.found.reset.filter(|reset| !reset.ignored),
            ..self.found.clone()
        }
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

/// What is so of a connection. What is so of its packets goes where it stays: millions must not be there twice.
fn of_connection(
    connection: SeenConnection<'_>,
    link: Link,
    outside: &Outside,
    packets: &mut Facts,
) -> ConnectionFacts {
    let vantage = vantage(connection);
    let own = if connection.is_the_servers_own() {
        Side::Client
    } else {
        Side::Server
    };
    let programs = Both::of(|side| match outside.unseen && side == own {
        // Of a program that does a part of its work unseen, no call tells why a packet left.
        true => Program::default(),
        false => Program::of(connection, side, outside),
    });
    let mut following = Following::seen_from(vantage);
    for passing in moments(connection) {
        let Passing { at, event, packet, is } = passing;
        if is == Moment::Comes {
            if let Some(facts) = packets.get_mut(event) {
                following.flow.arrives(passing, vantage, facts);
            }
            continue;
        }
        let mut facts = following.leaves(passing, &programs[packet.from]);
        if packet.from == Side::Server || vantage == Vantage::SameHost {
            facts.during = programs.server.call_around(at);
        }
        packets.put(event, facts);
    }
    half_closes(&following.found, &programs, packets, connection.seen());
    let first = |id| Some(connection.seen().connection(id).packets().next()?.1.number);
    for (frame, late) in following.late(link, first) {
        let event = connection.seen().event_of_frame(frame);
        if let Some(facts) = event.and_then(|event| packets.get_mut(event)) {
            facts.learn(late);
        }
    }
    following.found()
}

/// Takes down what a packet says of its connection as a whole, which is `open` if not both sides have closed.
fn note(found: &mut ConnectionFacts, packet: &Packet, facts: &PacketFacts, open: Option<&Flow>) {
    let flags = packet.segment.flags;
    found.captured[packet.from] = true;
    found.began_before |= facts.has(FactKind::BeganBefore);
    found.began_before &= !packet.is_first_syn();
    found.simultaneous_open |= facts.has(FactKind::SimultaneousOpen);
    found.simultaneous_close |= facts.has(FactKind::SimultaneousClose);
    if flags.has(Flags::SYN) {
        // Who asks again after a reset begins anew.
        (found.reset, found.refused) = (None, false);
    }
    if flags.has(Flags::FIN) && !found.fins.iter().any(|(side, _)| *side == packet.from) {
        found.fins.push((packet.from, packet.number));
    }
    // What answers a late packet after both FINs were acknowledged ends nothing, nor does what nobody takes.
    let ends = flags.has(Flags::RST) && !facts.has(FactKind::StrayReset) && found.reset.is_none();
    if let Some(flow) = open.filter(|_| ends) {
        let reset = Reset {
            unacked: flow.in_flight_at(packet),
            by: packet.from,
            frame: packet.number,
            from_between: facts.has(FactKind::FromBetween),
            talks_on: None,
            ignored: false,
        };
        found.reset = Some(reset);
    }
}

/// Which FIN was followed by data of the peer that its sender acknowledged: it could still receive, so it had
/// closed one direction only.
#[derive(Debug, Default)]
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

/// Marks the FIN that a shutdown of one direction sent.
fn half_closes(found: &ConnectionFacts, programs: &Both<Program<'_>>, packets: &mut Facts, seen: &Seen) {
    let Some((side, frame)) = found.fins.first().copied() else {
        return;
    };
    let Some(id) = seen.event_of_frame(frame) else { return };
    let Some(facts) = packets.get_mut(id) else { return };
    let by_call = programs[side].ended_by(seen[id].at);
    if let Some(end) = by_call.filter(|end| end.kind == EndKind::Shutdown) {
        facts.add(FactKind::HalfClose, Certainty::Seen, [Evidence::Event(end.id)]);
    }
}
