//! Both directions of a connection, followed once: which bytes left, came and were acknowledged, which
//! windows were told, and what each packet is in view of it.

use std::collections::VecDeque;
use std::time::Duration;

use super::clear::Message;
use super::coverage::{Coverage, Novelty};
use super::http::Asked;
use super::twice::Recent;
use super::{Certainty, Evidence, FactKind, PacketFacts, Reason, Why};
use crate::events::moments::Passing;
use crate::events::sockets::Sockets;
use crate::events::{Both, CongestionState, Flags, FrameNumber, Packet, Side, Timestamp};
use crate::events::{is_after, unwrapped};

/// So many segments without an ACK are remembered of a direction. A capture of one direction alone
/// must not fill the memory.
const MOST_IN_FLIGHT: usize = 1 << 16;

/// No retransmission timer runs out earlier: the shortest that a common system allows is FreeBSD's
/// (TCPTV_MIN, 30 ms); Linux has 200 ms, and RFC 6298, section 2.4 asks for a second.
const SHORTEST_TIMER: Duration = Duration::from_millis(30);

/// No tail loss probe is that early: RFC 8985, section 7.2 names 2 round trips, and timers tick.
const SHORTEST_PROBE: Duration = Duration::from_millis(2);

/// So many duplicate ACKs ask for a retransmission (RFC 5681, section 3.2).
pub(super) const DUPLICATES_ASK: u32 = 3;

/// Where packets are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vantage {
    /// At one place, which may be far from either host.
    Somewhere,
    /// On the loopback interface of one host that is both ends: what leaves has come.
    SameHost,
    /// At both hosts: each packet leaves, and comes or does not.
    BothHosts,
}

/// A connection that is followed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    halves: Both<Half>,
    recent: Both<Recent>,
    /// What is asked by HTTP.
    asked: Asked,
    /// What each side sent last, of what is no reset.
    last: Both<Option<Last>>,
    pub sockets: Sockets,
    packets: u64,
    /// The packet before, if it was a SYN that nobody had answered.
    pub(super) asks: Option<FrameNumber>,
    /// A frame with an old timestamp whose bytes this packet acknowledges, so that it was taken.
    pub taken: Option<FrameNumber>,
}

/// A packet that was the last of its side so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    pub frame: FrameNumber,
    /// Its acknowledgment, as it is on the wire, if it has one.
    pub ack: Option<u32>,
}

/// After so long a receiver forgets the last timestamp (RFC 7323, section 5.5).
const TIMESTAMPS_LAST: Duration = Duration::from_secs(24 * 24 * 60 * 60);

/// One direction: what its sender sent, and what its receiver said of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Half {
    /// What left.
    pub sent: Coverage,
    /// What came, where both hosts were observed.
    got: Coverage,
    /// Sent, and not acknowledged as far as its sender knows, in the order of the stream.
    pub flight: VecDeque<Sent>,
    /// The highest acknowledgment that its receiver has sent, and the frame that was the first to say so.
    pub said: u64,
    pub said_frame: FrameNumber,
    /// The highest that has come to its sender.
    pub known: u64,
    /// The window that its receiver told last, and the one that its sender knows of.
    pub said_window: Option<u32>,
    pub said_in_syn: bool,
    pub known_window: Option<u32>,
    /// True if the window is in bytes: the SYN that says how to scale it was captured.
    pub window_is_exact: bool,
    /// Duplicate ACKs that have come since the last one that was none.
    pub duplicates: u32,
    /// The last packet that has come and says what is missing: a duplicate ACK, or one with SACK blocks.
    pub asked: Option<(FrameNumber, Timestamp)>,
    /// What its receiver has beyond `known`, as SACK blocks say.
    pub sacked: Vec<(u64, u64)>,
    /// The last ACK that moved `known`.
    pub last_ack: Option<LastAck>,
    /// The last packet that opened the window.
    pub opened: Option<Opened>,
    /// The end of the last segment that was not full.
    pub small: u64,
    /// The largest segment that its receiver takes.
    pub mss: Option<u16>,
    /// The end of the stream with its FIN, and the FIN's frame.
    pub fin: Option<(u64, FrameNumber)>,
    /// How many of its segments were sent again so far.
    repeats: u32,
    pub(super) syn: Option<FrameNumber>,
    syn_ack: Option<FrameNumber>,
    /// The number of its SYN, as it is on the wire.
    isn: Option<u32>,
    sack_permitted: bool,
    /// A probe of its sender that was not answered yet.
    pub probe: Option<(FactKind, FrameNumber)>,
    /// A SYN or a reset of its sender that does not fit.
    pub odd: Option<FrameNumber>,
    /// The newest timestamp of its sender, and the newest that its receiver has echoed: where first, and when.
    stamped: Option<u32>,
    echoed: Option<(u32, FrameNumber, Timestamp)>,
    /// The timestamp on the segment that left the first hole.
    beyond: Option<(u32, FrameNumber)>,
    /// What it says in clear.
    message: Message,
    /// The last segment with an old timestamp, and where it ends, as long as no copy of it went by.
    pub old: Option<(FrameNumber, u64)>,
    /// The least time that its receiver took to acknowledge, the SYN to begin with, from where that was
    /// captured. `None` where that was not captured: an ACK of data may have been put off each time.
    pub answered_in: Option<Duration>,
}

/// A segment in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub from: u64,
    pub to: u64,
    /// The frame that was the first, when it left, and when the last copy did.
    pub frame: FrameNumber,
    pub last: Timestamp,
    pub last_frame: FrameNumber,
    pub times: u32,
    /// When its last copy came, where that was observed.
    pub came: Option<Timestamp>,
    pub is_syn: bool,
    pub is_fin: bool,
}

/// An ACK that moved what its receiver knows, and how things stood just before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastAck {
    pub frame: FrameNumber,
    pub at: Timestamp,
    /// The end of what had been sent.
    pub sent: u64,
    /// Bytes in flight.
    pub in_flight: u64,
    /// True if it was the ACK for a segment that was not full.
    pub of_small: bool,
    pub window: Option<u32>,
}

/// A packet that opened the window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub frame: FrameNumber,
    pub at: Timestamp,
    pub in_flight: u64,
    pub window_before: u32,
}

impl Half {
    /// Bytes that left and are not acknowledged, as far as the sender knows.
    pub fn in_flight(&self) -> u64 {
        self.sent.next.saturating_sub(self.known)
    }

    /// The end of what its receiver has got without a hole, where both hosts were observed.
    pub fn came_in_order(&self) -> u64 {
        self.got.in_order()
    }

    /// True for a segment that is not as large as its receiver takes.
    pub fn is_small(&self, packet: &Packet) -> bool {
        // The timestamps option takes 12 bytes of each segment (RFC 6691, section 2).
        let options = packet.segment.options.timestamps.map_or(0, |_| 12);
        packet.segment.len + options < u32::from(self.mss.unwrap_or(536))
    }

    /// The largest segment that its receiver takes, where that is known: the timestamps option takes 12 bytes of each.
    pub fn full_segment(&self) -> Option<u32> {
        Some(u32::from(self.mss?).saturating_sub(12))
    }

    /// How many bytes are missing next of all that its receiver waits for, if that has said so.
    pub fn missing(&self) -> Option<u64> {
        let (from, to) = self.sent.first_hole()?;
        (self.said == from && self.asked.is_some()).then_some(to - from)
    }

    fn seq_of(&self, packet: &Packet) -> u64 {
        unwrapped(packet.seq, self.sent.next.max(self.said))
    }

    fn in_flight_at(&mut self, from: u64, to: u64) -> impl Iterator<Item = &mut Sent> {
        let first = self.flight.partition_point(|sent| sent.to <= from);
        self.flight
            .iter_mut()
            .skip(first)
            .take_while(move |sent| sent.from < to)
    }
}

/// True for a segment without SYN, FIN and RST.
fn is_plain(packet: &Packet) -> bool {
    let flags = packet.segment.flags;
    !flags.has(Flags::SYN) && !flags.has(Flags::FIN) && !flags.has(Flags::RST)
}

/// True for a segment that says something by its acknowledgment alone.
pub(super) fn is_pure_ack(packet: &Packet) -> bool {
    packet.segment.len == 0 && is_plain(packet) && packet.segment.flags.has(Flags::ACK)
}

impl Flow {
    /// The direction of what this side sends.
    pub fn half(&self, side: Side) -> &Half {
        &self.halves[side]
    }

    pub(super) fn half_mut(&mut self, side: Side) -> &mut Half {
        &mut self.halves[side]
    }

    /// A connection of which nothing has passed yet.
    pub fn seen_from(vantage: Vantage) -> Flow {
        let sockets = match vantage {
            Vantage::Somewhere => Sockets::from_afar(),
            Vantage::SameHost | Vantage::BothHosts => Sockets::default(),
        };
        Flow {
            sockets,
            ..Flow::default()
        }
    }

    /// The frame of the same packet, if one went by. What brings new bytes, or acknowledges more than ever, is not looked
    /// for: of most packets that is so.
    fn seen_before(&mut self, passing: Passing<'_>) -> Option<(FrameNumber, Certainty)> {
        let packet = passing.packet;
        let flags = packet.segment.flags;
        let (mine, theirs) = (self.half(packet.from), self.half(packet.from.peer()));
        let numbered = u64::from(flags.has(Flags::SYN)) + u64::from(flags.has(Flags::FIN));
        let length = u64::from(packet.segment.len) + numbered;
        let brings = length > 0 && mine.seq_of(packet) + length > mine.sent.next;
        let acknowledges = flags.has(Flags::ACK) && unwrapped(packet.ack, theirs.said) > theirs.said;
        self.recent[packet.from].see(passing, brings || acknowledges)
    }

    /// True if bytes between others did not go by.
    pub(super) fn is_holed(&self) -> bool {
        [Side::Client, Side::Server]
            .into_iter()
            .any(|side| self.half(side).sent.is_holed())
    }

    /// What a side sent last, of what is no reset.
    pub(super) fn last(&self, side: Side) -> Option<Last> {
        self.last[side]
    }

    /// What a reset is beside what it says of itself: one that its receiver need not take, or one of another host.
    fn reset_departs(&mut self, packet: &Packet, facts: &mut PacketFacts) {
        if !self.sockets.take(packet) {
            let said = self.half(packet.from).said_frame;
            facts.add(
                FactKind::StrayReset,
                Certainty::Seen,
                (said != FrameNumber(0)).then_some(Evidence::Frame(said)),
            );
        }
        if self.sockets.is_from_between(packet) {
            let usual = self.last[packet.from].map(|last| Evidence::Frame(last.frame));
            facts.add(FactKind::FromBetween, Certainty::Inferred, usual);
        }
        // What answers the challenge of a SYN ends what was there before: the SYN that follows asks anew.
        let challenge = self.last[packet.from.peer()].and_then(|last| last.ack);
        if challenge == Some(packet.segment.seq) && !self.sockets.are_open() {
            self.half_mut(packet.from).syn = None;
        }
        // So does the one that follows a refusal, which is all that its sender has said.
        if !self.half(packet.from).sent.has_begun() && !facts.has(FactKind::StrayReset) {
            self.half_mut(packet.from.peer()).syn = None;
        }
    }

    /// Remembers a packet as the last of its side.
    fn remember_last(&mut self, packet: &Packet) {
        self.last[packet.from] = Some(Last {
            frame: packet.number,
            ack: packet.segment.flags.has(Flags::ACK).then_some(packet.segment.ack),
        });
    }

    /// Takes in that a packet leaves its host. What is so of it by then.
    pub fn departs(&mut self, passing: Passing<'_>, vantage: Vantage) -> PacketFacts {
        let Passing { packet, .. } = passing;
        let flags = packet.segment.flags;
        let mut facts = PacketFacts::default();
        if vantage == Vantage::Somewhere
            && let Some((frame, certainty)) = self.seen_before(passing)
        {
            facts.add(FactKind::CapturedTwice, certainty, [Evidence::Frame(frame)]);
            return facts;
        }
        if self.packets == 0 && !packet.is_first_syn() {
            facts.add(FactKind::BeganBefore, Certainty::Seen, []);
        }
        self.packets += 1;
        let asked = self.asks.take();
        if flags.has(Flags::URG) {
            facts.add(FactKind::Urgent, Certainty::Seen, []);
        }
        if flags.has(Flags::SYN) {
            self.syn_departs(passing, &mut facts);
        }
        self.ack_departs(passing, vantage, asked, &mut facts);
        self.asks = Some(packet.number).filter(|_| flags.has(Flags::SYN) && !flags.has(Flags::ACK));
        self.data_departs(passing, vantage, &mut facts);
        self.stamps(passing);
        if !facts.is_repeat() {
            let half = &mut self.halves[packet.from];
            half.message
                .see(half.seq_of(packet), packet, &mut self.asked, &mut facts);
        }
        if flags.has(Flags::RST) {
            self.reset_departs(packet, &mut facts);
        } else {
            self.remember_last(packet);
        }
        self.sockets.departs(packet);
        facts
    }

    /// Takes in that a packet has come to its host.
    pub fn arrives(&mut self, passing: Passing<'_>, vantage: Vantage, facts: &mut PacketFacts) {
        if facts.is_copy() {
            return;
        }
        let Passing { packet, at, .. } = passing;
        let flags = packet.segment.flags;
        if vantage == Vantage::BothHosts && !flags.has(Flags::RST) {
            self.data_arrives(packet, at, facts);
        }
        // A SYN,ACK that comes again is answered with an ACK, as anything that comes again.
        if flags.has(Flags::SYN) && self.sockets.are_open() && !facts.is_repeat() {
            self.half_mut(packet.from).odd = Some(packet.number);
        }
        self.ack_arrives(passing, facts);
        self.sockets.arrives(packet);
        let half = self.half_mut(packet.from);
        // A reset must have the very number that its receiver expects; one beyond it is challenged (RFC 5961,
        // section 3.2).
        if flags.has(Flags::RST) && half.said > 0 && half.seq_of(packet) > half.said {
            half.odd = Some(packet.number);
        }
    }

    fn syn_departs(&mut self, Passing { packet, .. }: Passing<'_>, facts: &mut PacketFacts) {
        let options = packet.segment.options.rare.as_deref().cloned().unwrap_or_default();
        let peers = self.half(packet.from.peer());
        let (peers_syn, peers_syn_ack) = (peers.syn, peers.syn_ack);
        let reply = packet.segment.flags.has(Flags::ACK);
        let half = self.half_mut(packet.from);
        if half.isn.is_some_and(|isn| isn != packet.segment.seq) {
            // A SYN with another number begins the stream anew.
            *half = Half::default();
        }
        half.isn = Some(packet.segment.seq);
        half.sack_permitted = options.sack_permitted;
        let place = if reply { &mut half.syn_ack } else { &mut half.syn };
        match *place {
            Some(first) => facts.add(FactKind::Retransmission, Certainty::Seen, [Evidence::Frame(first)]),
            None => *place = Some(packet.number),
        }
        if let (false, Some(theirs), None) = (reply, peers_syn, peers_syn_ack) {
            facts.add(FactKind::SimultaneousOpen, Certainty::Seen, [Evidence::Frame(theirs)]);
        }
        if packet.segment.len > 0 || options.fast_open {
            facts.add(FactKind::FastOpen, Certainty::Seen, []);
        }
        // The MSS of a SYN bounds the segments that the other side sends, and tells what its own sender's path has room for.
        let both = self.half(packet.from).mss.into_iter().chain(options.mss).min();
        self.half_mut(packet.from).mss = self.half(packet.from).mss.and(both);
        let theirs = self.half_mut(packet.from.peer());
        theirs.mss = options.mss.and(both);
        theirs.window_is_exact = true;
    }

    fn data_departs(&mut self, passing: Passing<'_>, vantage: Vantage, facts: &mut PacketFacts) {
        let Passing { packet, at, .. } = passing;
        let flags = packet.segment.flags;
        if flags.has(Flags::RST) {
            return;
        }
        let (syn, fin) = (flags.has(Flags::SYN), flags.has(Flags::FIN));
        let half = self.half_mut(packet.from);
        let from = half.seq_of(packet);
        let to = from + u64::from(packet.segment.len) + u64::from(syn) + u64::from(fin);
        if let Some(kind) = probe(half, packet, from) {
            return probes(half, kind, sent(packet, at, from, to), facts);
        }
        if to == from {
            if vantage != Vantage::BothHosts && half.sent.goes_on_at(from) {
                facts.add(FactKind::PreviousSegmentNotCaptured, Certainty::Seen, []);
            }
            return;
        }
        if !half.sent.has_begun() && !syn {
            // What came before was not captured, and is taken for acknowledged.
            half.said = half.said.max(from);
            half.known = half.known.max(from);
        }
        window_full(half, packet, from, facts);
        // Linux lets a timestamp be older by one.
        if let (Some((echoed, frame, since)), Some((value, _))) = (half.echoed, packet.segment.options.timestamps)
            && is_after(echoed.wrapping_sub(1), value)
            && from >= half.said
            && !syn
            && at.since(since) < TIMESTAMPS_LAST
        {
            facts.add(FactKind::OldTimestamp, Certainty::Inferred, [Evidence::Frame(frame)]);
            half.old = Some((packet.number, to));
        } else {
            half.old = half.old.filter(|(_, end)| from >= *end);
        }
        facts.alone = half.in_flight() == 0;
        facts.full_size = packet.segment.len > 0 && !half.is_small(packet);
        let place = half.sent.see(from, to);
        match place {
            Novelty::Next | Novelty::Late => {}
            Novelty::Beyond if vantage == Vantage::BothHosts => {}
            Novelty::Beyond => {
                facts.add(FactKind::PreviousSegmentNotCaptured, Certainty::Seen, []);
                half.beyond = packet
                    .segment
                    .options
                    .timestamps
                    .map(|(value, _)| (value, packet.number));
            }
            Novelty::Fills => self.fills(passing, facts),
            // A SYN,ACK has the number of a SYN that went before it, if both sides open at once.
            Novelty::Old | Novelty::Overlaps if syn && !facts.is_repeat() => {}
            Novelty::Old | Novelty::Overlaps => {
                facts.partly_new = place == Novelty::Overlaps;
                self.again(passing, (from, to), vantage, facts);
            }
        }
        let half = self.half_mut(packet.from);
        let small = half.is_small(packet) && !syn;
        half.remember(place, sent(packet, at, from, to), small);
        if fin {
            self.fin_departs(packet, to, facts);
        }
    }

    /// Takes in the timestamps of a packet. An echo of what its peer never sent is none, as that of a stray reset.
    fn stamps(&mut self, Passing { packet, at, .. }: Passing<'_>) {
        let Some((value, echo)) = packet.segment.options.timestamps else {
            return;
        };
        let mine = &mut self.half_mut(packet.from).stamped;
        *mine = mine.filter(|newest| !is_after(value, *newest)).or(Some(value));
        let theirs = self.half_mut(packet.from.peer());
        let is_echo =
            packet.segment.flags.has(Flags::ACK) && theirs.stamped.is_some_and(|newest| !is_after(echo, newest));
        if is_echo && theirs.echoed.is_none_or(|(known, ..)| is_after(echo, known)) {
            theirs.echoed = Some((echo, packet.number, at));
        }
    }

    /// Bytes below the highest that were not seen before. They were late, or an earlier copy was lost
    /// before it came here: the clock on the segment tells, if it has gone on.
    fn fills(&mut self, Passing { packet, at, .. }: Passing<'_>, facts: &mut PacketFacts) {
        facts.add(FactKind::OutOfOrder, Certainty::Seen, []);
        let half = self.half(packet.from);
        let (Some((beyond, frame)), Some((value, _))) = (half.beyond, packet.segment.options.timestamps) else {
            return;
        };
        if value.wrapping_sub(beyond).cast_signed() <= 0 {
            return;
        }
        let evidence = [Evidence::Frame(frame)];
        facts.add(FactKind::Retransmission, Certainty::Inferred, evidence);
        let asked = half
            .asked
            .filter(|(_, asked)| at.since(*asked) <= self.answers_in(packet.from));
        if let (true, Some((asked, _))) = (half.duplicates > 0, asked) {
            let evidence = [Evidence::Frame(asked)];
            facts.add(FactKind::FastRetransmission, Certainty::Inferred, evidence);
            facts.why = Why::new(Reason::FastRetransmit, Certainty::Inferred).by(evidence);
        }
    }

    /// How long a packet may take to cause another one of this side, without a timer: the way there and back, and
    /// not so long that a timer may have run out.
    fn answers_in(&self, side: Side) -> Duration {
        self.half(side.peer()).answered_in.unwrap_or_default() + SHORTEST_TIMER
    }

    /// Bytes that were sent before.
    fn again(&mut self, passing: Passing<'_>, (from, to): (u64, u64), vantage: Vantage, facts: &mut PacketFacts) {
        let Passing { packet, at, .. } = passing;
        if vantage == Vantage::Somewhere
            && let Some(frame) = self.recent[packet.from].overtook(packet)
        {
            facts.add(FactKind::Overtaken, Certainty::Inferred, [Evidence::Frame(frame)]);
            return;
        }
        let answers_in = self.answers_in(packet.from);
        let peer_permits = self.half(packet.from.peer()).sack_permitted;
        let half = self.half_mut(packet.from);
        half.repeats += 1;
        let probes_tails = half.sack_permitted && peer_permits;
        let before = half.in_flight_at(from, to).next().copied();
        let copy = before.map(|sent| Evidence::Frame(sent.last_frame));
        facts.add(FactKind::Retransmission, Certainty::Seen, copy);
        let arrived = vantage == Vantage::BothHosts && half.got.has(from, to);
        if arrived {
            facts.add(FactKind::SpuriousRetransmission, Certainty::Seen, []);
        } else if vantage != Vantage::BothHosts && to <= half.said {
            let said = [Evidence::Frame(half.said_frame)];
            facts.add(FactKind::SpuriousRetransmission, Certainty::Seen, said);
        }
        let Some(before) = before else { return };
        let waited = at.since(before.last);
        if let Some(kind) = told_by_kernel(packet, half.repeats) {
            let reason = match kind {
                FactKind::FastRetransmission => Reason::FastRetransmit,
                FactKind::TailLossProbe => Reason::TailLossProbe,
                _ => Reason::Timeout,
            };
            facts.add(kind, Certainty::Seen, copy);
            facts.why = Why::new(reason, Certainty::Seen).by(copy).after(waited);
            return;
        }
        let above = half.sacked.iter().any(|&(_, end)| end > to);
        // A duplicate ACK that came before the last copy left did not ask for the next one.
        let ask = half
            .asked
            .filter(|asked| asked.0 > before.last_frame && at.since(asked.1) <= answers_in)
            .map(|asked| Evidence::Frame(asked.0));
        if before.times == 1 && ask.is_some() && (above || half.duplicates >= DUPLICATES_ASK) {
            facts.add(FactKind::FastRetransmission, Certainty::Inferred, ask);
            facts.why = Why::new(Reason::FastRetransmit, Certainty::Inferred)
                .by(ask)
                .after(waited);
            return;
        }
        let is_tail = to == half.sent.next;
        let syn = packet.segment.flags.has(Flags::SYN);
        let shortest_probe = half.answered_in.map(|round_trip| SHORTEST_PROBE.max(2 * round_trip));
        let probes = probes_tails && shortest_probe.is_some_and(|shortest| waited >= shortest);
        // The timer sends what the receiver waits for (RFC 6298, section 5.4).
        let is_first = from <= half.known;
        let by_probe = before.times == 1 && is_tail && !syn && half.duplicates == 0 && probes;
        let by_timer = is_first && waited >= SHORTEST_TIMER;
        facts.why = match (by_probe, by_timer) {
            (true, true) => Why::new(Reason::ProbeOrTimeout, Certainty::Inferred),
            (true, false) => {
                facts.add(FactKind::TailLossProbe, Certainty::Inferred, copy);
                Why::new(Reason::TailLossProbe, Certainty::Inferred)
            }
            (false, true) => {
                facts.add(FactKind::RetransmissionTimeout, Certainty::Inferred, copy);
                Why::new(Reason::Timeout, Certainty::Inferred)
            }
            (false, false) => std::mem::take(&mut facts.why),
        };
        facts.why = std::mem::take(&mut facts.why).by(copy).after(waited);
    }

    fn fin_departs(&mut self, packet: &Packet, to: u64, facts: &mut PacketFacts) {
        let peers_fin = self.half(packet.from.peer()).fin;
        let half = self.half_mut(packet.from);
        if half.fin.is_some() {
            return;
        }
        half.fin = Some((to, packet.number));
        let has_theirs = |end| self.half(packet.from.peer()).said >= end;
        if let Some((end, frame)) = peers_fin
            && !has_theirs(end)
        {
            facts.add(FactKind::SimultaneousClose, Certainty::Seen, [Evidence::Frame(frame)]);
        }
    }

    fn data_arrives(&mut self, packet: &Packet, at: Timestamp, facts: &mut PacketFacts) {
        let flags = packet.segment.flags;
        let half = self.half_mut(packet.from);
        let from = half.seq_of(packet);
        let numbered = u64::from(flags.has(Flags::SYN)) + u64::from(flags.has(Flags::FIN));
        let to = from + u64::from(packet.segment.len) + numbered;
        if to == from || facts.has(FactKind::KeepAlive) {
            return;
        }
        for sent in half.in_flight_at(from, to) {
            sent.came.get_or_insert(at);
        }
        if half.got.see(from, to) == Novelty::Fills && !facts.is_repeat() {
            facts.add(FactKind::OutOfOrder, Certainty::Seen, []);
        }
    }
}

impl Half {
    /// Takes what left to those in flight, or to the copy of it that is there.
    fn remember(&mut self, place: Novelty, sent: Sent, small: bool) {
        if matches!(place, Novelty::Old | Novelty::Overlaps | Novelty::Fills) {
            for before in self.in_flight_at(sent.from, sent.to) {
                before.last = sent.last;
                before.last_frame = sent.frame;
                before.times += 1;
            }
        }
        let is_new = matches!(place, Novelty::Next | Novelty::Beyond | Novelty::Overlaps);
        if is_new || place == Novelty::Late && sent.to > self.known {
            self.push(sent);
            if small {
                self.small = sent.to;
            }
        }
        if place == Novelty::Fills {
            self.insert(sent);
        }
    }

    fn push(&mut self, sent: Sent) {
        if self.flight.len() == MOST_IN_FLIGHT {
            self.flight.pop_front();
        }
        // Segments in flight must not overlap here, so a new one begins where the last one ends.
        let from = self.flight.back().map_or(sent.from, |last| last.to.max(sent.from));
        if from < sent.to {
            self.flight.push_back(Sent { from, ..sent });
        }
    }

    /// Puts in a segment that fills a hole.
    fn insert(&mut self, sent: Sent) {
        if sent.to <= self.known || self.flight.len() == MOST_IN_FLIGHT {
            return;
        }
        let at = self.flight.partition_point(|other| other.to <= sent.from);
        if self.flight.get(at).is_none_or(|next| sent.to <= next.from) {
            self.flight.insert(at, sent);
        }
    }
}

/// What kind of retransmission it is, as its sender's kernel says, where that was asked (TCP_INFO). It is in
/// recovery if ACKs told of the loss, and takes all for lost after a timeout (`tcp_enter_recovery`,
/// `tcp_enter_loss` of net/ipv4/tcp_input.c). A tail loss probe leaves while it is in neither.
///
/// On a busy machine the kernel may be asked late. It counts what it sends again: what it says is of this
/// packet only if it has counted no more than `repeats`.
fn told_by_kernel(packet: &Packet, repeats: u32) -> Option<FactKind> {
    if packet.segment.flags.has(Flags::SYN) {
        return None;
    }
    let view = packet.passage.as_ref()?.tcp.as_ref()?.of(packet.from)?;
    if view.total_retransmits != repeats {
        return None;
    }
    Some(match view.congestion {
        CongestionState::Recovery => FactKind::FastRetransmission,
        CongestionState::Loss => FactKind::RetransmissionTimeout,
        _ if view.retransmits > 0 => FactKind::RetransmissionTimeout,
        _ => FactKind::TailLossProbe,
    })
}

fn sent(packet: &Packet, at: Timestamp, from: u64, to: u64) -> Sent {
    let flags = packet.segment.flags;
    Sent {
        from,
        to,
        frame: packet.number,
        last: at,
        last_frame: packet.number,
        times: 1,
        came: None,
        is_syn: flags.has(Flags::SYN),
        is_fin: flags.has(Flags::FIN),
    }
}

/// Takes in a probe. The byte that it may have can be one of the stream's.
fn probes(half: &mut Half, kind: FactKind, sent: Sent, facts: &mut PacketFacts) {
    facts.add(kind, Certainty::Seen, []);
    let reason = match kind {
        FactKind::KeepAlive => Reason::KeepAlive,
        _ => Reason::ZeroWindowProbe,
    };
    facts.why = Why::new(reason, Certainty::Inferred);
    half.probe = Some((kind, sent.frame));
    if kind == FactKind::ZeroWindowProbe && sent.to > half.sent.next {
        half.sent.see(sent.from, sent.to);
        half.push(sent);
    }
}

/// Whether a packet only asks its peer to answer. It repeats the last number of the stream, with a byte
/// or without; or it is one byte beyond a window of zero. A last byte that was never acknowledged is
/// none of that: it is sent again.
fn probe(half: &Half, packet: &Packet, from: u64) -> Option<FactKind> {
    if !is_plain(packet) || !half.sent.has_begun() || packet.segment.len > 1 || !packet.segment.flags.has(Flags::ACK) {
        return None;
    }
    let repeats = from + 1 == half.sent.next && half.known == half.sent.next;
    let beyond = packet.segment.len == 1 && from >= half.known && half.known > 0;
    match half.known_window {
        Some(0) if repeats || beyond => Some(FactKind::ZeroWindowProbe),
        _ if repeats => Some(FactKind::KeepAlive),
        _ => None,
    }
}

fn window_full(half: &Half, packet: &Packet, from: u64, facts: &mut PacketFacts) {
    let Some(window) = half.known_window.filter(|window| half.window_is_exact && *window > 0) else {
        return;
    };
    let end = from + u64::from(packet.segment.len);
    if packet.segment.len > 0 && is_plain(packet) && end == half.known + u64::from(window) {
        facts.add(FactKind::WindowFull, Certainty::Seen, []);
    }
}
