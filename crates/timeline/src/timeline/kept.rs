//! One connection of a capture, as its events go by: what is counted of it, and which of its events are kept.

use std::collections::VecDeque;

use super::counted::{Exchanges, Totals};
use super::spent::Timing;
use crate::events::sockets::{Sockets, known_of, note};
use crate::events::*;
use crate::facts::{Exchanging, Following, PacketFacts, Replying};

/// An event that is kept.
#[derive(Debug)]
pub(super) struct KeptEvent {
    /// As which of all it came.
    pub sequence: u64,
    /// As which frame of the file.
    pub number: Option<FrameNumber>,
    pub event: Event,
    /// What is so of it, if it is a packet.
    pub facts: Option<Box<PacketFacts>>,
}

/// The packets of a connection that are kept, and calls between them.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    pub head: Vec<KeptEvent>,
    /// Each with whether it changed what is known of the connection's state.
    tail: VecDeque<(KeptEvent, bool)>,
    /// Those that did, and have left the tail.
    turns: Vec<KeptEvent>,
}

/// What is known of a connection.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub lanes: Lanes,
    pub following: Following,
    /// What the packets tell of the sockets, and what changed in which frame, if the file may have calls.
    pub near: Option<(Sockets, Vec<(FrameNumber, StateChange)>)>,
    /// What changed as of a capture that was made somewhere.
    far: Vec<(FrameNumber, StateChange)>,
    replying: Replying,
    exchanging: Exchanging,
    timing: Timing,
    packets_of_exchange: usize,
    replies_of_exchange: usize,
    pub totals: Totals,
}

/// Takes down what a packet changed of sockets. True if that is something.
fn changed(states: &mut Vec<(FrameNumber, StateChange)>, by: &Packet, before: &Sockets, now: &Sockets) -> bool {
    if [Side::Client, Side::Server].map(|side| now.state(side) == before.state(side)) == [true; 2] {
        return now.has_turned(before);
    }
    let count = states.len();
    note(states, now.changes_since(before).map(|change| (by.number, change)));
    count != states.len() || now.has_turned(before)
}

impl KeptEvent {
    /// How much memory it takes, as far as its bytes go, and what it takes besides.
    pub fn room(&self) -> usize {
        /// What an event takes beside its frame.
        const BESIDE: usize = 512;
        BESIDE
            + match &self.event.kind {
                EventKind::Packet(packet) => packet.frame.len(),
                _ => 0,
            }
    }
}

impl Lanes {
    /// Keeps an event, if it is one of the first or the last. True if another is left out for it.
    pub fn keep(&mut self, mut kept: KeptEvent, turn: bool, packets: usize) -> bool {
        if let EventKind::Packet(packet) = &mut kept.event.kind {
            packet.segment.payload.truncate(Call::KEEP);
        }
        let tail = packets / 2;
        if self.head.len() < packets - tail {
            self.head.push(kept);
            return false;
        }
        self.tail.push_back((kept, turn));
        if self.tail.len() <= tail {
            return false;
        }
        match self.tail.pop_front() {
            Some((kept, true)) => {
                self.turns.push(kept);
                false
            }
            Some((kept, false)) => matches!(kept.event.kind, EventKind::Packet(_)),
            None => false,
        }
    }
}

impl Kept {
    /// Takes in a packet. What is so of it, and true if it changed what is known of the connection's state.
    pub fn packet(
        &mut self,
        on: ConnectionId,
        at: Timestamp,
        packet: &Packet,
        exchanges: &mut Exchanges,
    ) -> (PacketFacts, bool) {
        let before = self.following.flow.sockets;
        let facts = self.following.see(at, packet);
        let mut turn = changed(&mut self.far, packet, &before, &self.following.flow.sockets);
        if let Some((sockets, states)) = &mut self.near {
            let before = *sockets;
            sockets.departs(packet);
            sockets.arrives(packet);
            turn |= changed(states, packet, &before, sockets);
        }
        self.count(on, at, packet, &facts, exchanges);
        (facts, turn || packet.segment.flags.has(Flags::RST))
    }

    /// Takes in what is no packet. True if it changed what is known of the connection's state.
    pub fn told(&mut self, kind: &EventKind) -> bool {
        match kind {
            EventKind::Call(call) => {
                let replies = self.totals.writes_per_reply.get_or_insert_default();
                let ended = self.replying.see(call.kind, call.moved());
                ended.into_iter().for_each(|writes| replies.push(writes));
                call.is_end_of_file()
            }
            EventKind::State(_) => true,
            EventKind::Packet(_) | EventKind::Client(_) | EventKind::Process(_) => false,
        }
    }

    fn count(
        &mut self,
        on: ConnectionId,
        at: Timestamp,
        packet: &Packet,
        facts: &PacketFacts,
        exchanges: &mut Exchanges,
    ) {
        let totals = &mut self.totals;
        if packet.comment.is_some() || packet.told.is_some() {
            totals.commented = true;
            let held = packet.told.as_ref().and_then(|told| told.held);
            totals.stalls.see(packet.number, held);
        }
        totals.facts |= facts.facts().iter().fold(0, |bits, fact| bits | 1 << fact.kind as u64);
        if packet.segment.len > 0 {
            totals.tls[packet.from].get_or_insert_with(|| packet.segment.begins_tls());
        }
        if !facts.is_repeat() {
            totals.bytes[packet.from] += u64::from(packet.segment.len);
        }
        let step = match facts.is_copy() {
            true => None,
            false => {
                let talks_on = self.following.talks_on(packet.number);
                self.exchanging.see(packet, facts, talks_on)
            }
        };
        if step.is_some_and(|step| step.begins) {
            self.end_exchange(on, exchanges);
            self.timing
                .begin(at, |place, spent| self.totals.take(place, spent, on, exchanges));
        }
        self.timing.see(at, (packet, facts).into(), step.is_some());
        if let Some(step) = step {
            self.packets_of_exchange += 1 + step.with;
            self.replies_of_exchange += usize::from(step.replies);
        }
    }

    /// What was counted of it when all has come, and what its sockets went through.
    pub fn ended(
        &mut self,
        id: ConnectionId,
        level: Level,
        exchanges: &mut Exchanges,
    ) -> (Vec<(FrameNumber, StateChange)>, Totals) {
        self.end_exchange(id, exchanges);
        let mut totals = std::mem::take(&mut self.totals);
        self.timing.end(|place, spent| totals.take(place, spent, id, exchanges));
        if let (Some(replies), Some(writes)) = (&mut totals.writes_per_reply, self.replying.end()) {
            replies.push(writes);
        }
        if level != Level::Capture {
            return (self.near.take().unwrap_or_default().1, totals);
        }
        let both_ways = self.following.is_both_ways();
        let mut states = std::mem::take(&mut self.far);
        states.retain(|(_, change)| known_of(change, both_ways));
        let last = |side| states.iter().rfind(|(_, change)| change.side == side);
        totals.left = Some(Both::of(|side| last(side)?.1.to));
        (states, totals)
    }

    /// The events that were kept, in order.
    pub fn events(self) -> impl Iterator<Item = KeptEvent> {
        let Lanes { head, tail, turns } = self.lanes;
        head.into_iter()
            .chain(turns)
            .chain(tail.into_iter().map(|(kept, _)| kept))
    }

    fn end_exchange(&mut self, on: ConnectionId, exchanges: &mut Exchanges) {
        if self.packets_of_exchange > 0 {
            let (packets, segments) = (self.packets_of_exchange, self.replies_of_exchange);
            self.totals.packets_per_exchange.push(packets);
            self.totals.segments_per_reply.push(segments);
            if exchanges.counts.len() < exchanges.most {
                exchanges.counts.push((on, (packets as u32, segments as u32)));
            }
        }
        (self.packets_of_exchange, self.replies_of_exchange) = (0, 0);
    }
}
