//! What a connection waited for, as far as its packets tell: counted while they go by, so that a capture of any length
//! can be judged.

use std::time::Duration;

use super::flow::Flow;
use super::{FactKind, PacketFacts, Reason};
use crate::events::moments::Passing;
use crate::events::{Both, Flags, FrameNumber, Side, Timestamp};

/// Waits of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// How many there were.
    pub count: usize,
    /// What they come to.
    pub total: Duration,
    /// The longest, and the frame that ended it.
    pub longest: (Duration, FrameNumber),
    /// The frame that ended the first.
    pub first: FrameNumber,
}

impl Waits {
    fn add(&mut self, frame: FrameNumber, waited: Duration) {
        if self.count == 0 {
            self.first = frame;
        }
        if self.count == 0 || waited > self.longest.0 {
            self.longest = (waited, frame);
        }
        self.count += 1;
        self.total += waited;
    }
}

/// A hole that its receiver still waited for at the end, in a direction of which no full segment was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// How many bytes are missing.
    pub bytes: u64,
    /// The largest segment that came by.
    pub largest: u32,
    /// How large one may be.
    pub full: u32,
}

/// The SYNs of a connection, and their answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The first of them, and when it left.
    pub first: (FrameNumber, Timestamp),
    /// The last.
    pub last: (FrameNumber, Timestamp),
    /// How many there were.
    pub count: usize,
    /// The SYN,ACK or reset that answers, and how long after the first SYN.
    pub answer: Option<(FrameNumber, Duration)>,
}

/// What is counted of a connection. Of a pair, the sender's side counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Small segments that left right after an ACK which had been put off, and which was all that their sender waited
    /// for. The wait is that of the ACK.
    pub after_late_acks: Both<Waits>,
    /// Times when the window of a side was 0 and its peer had more to send.
    pub closed_windows: Both<Waits>,
    /// The window that was 0 last, in which frame, if it was not opened again and its peer had more to send.
    pub still_closed: Both<Option<FrameNumber>>,
    /// Segments that did not fit into the window of the peer, and so waited for its ACK.
    pub full_windows: Both<Waits>,
    /// Segments that were sent again. The wait is that since the copy before.
    pub sent_again: Both<Waits>,
    /// A hole that was never filled.
    pub missing: Both<Option<Missing>>,
    /// True if an ACK of a side was captured, not counting that of a reset.
    pub acknowledges: Both<bool>,
    /// The SYNs of the client.
    pub asked: Option<Asked>,
    /// Whether the SYN of a side offered to scale the window.
    pub scales: Both<Option<bool>>,
    /// The window field of a side's SYN, and the least that it had without being 0 later on.
    pub fields: Both<Option<(u16, u16)>>,
    before: Option<Before>,
    closed: Both<Option<Closed>>,
    opened: Both<Option<Opened>>,
    /// Who sent data last, and when.
    data: Option<(Side, Timestamp)>,
    largest: Both<u32>,
}

/// The packet before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Before {
    frame: FrameNumber,
    from: Side,
    at: Timestamp,
    /// How long it was put off, if it is an ACK of all that was in flight, and nothing else.
    late: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Closed {
    frame: FrameNumber,
    at: Timestamp,
    wanted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Opened {
    frame: FrameNumber,
    at: Timestamp,
    waited: Duration,
}

/// What causes a packet is so much earlier than it at most, beside the way there and back.
const AT_ONCE: Duration = Duration::from_millis(5);

/// A wait that is shorter is none.
const LEAST: Duration = Duration::from_millis(5);

impl Tally {
    /// Takes in a packet that has left.
    pub(super) fn see(&mut self, passing: Passing<'_>, flow: &Flow, facts: &PacketFacts) {
        let Passing { packet, at, .. } = passing;
        let (side, peer, flags) = (packet.from, packet.from.peer(), packet.segment.flags);
        self.ask(passing);
        // A SYN that is challenged has its answer; the next one asks anew.
        self.asked = self.asked.filter(|_| !facts.has(FactKind::ChallengeAck));
        if flags.has(Flags::SYN) {
            self.scales[side] = Some(
                packet
                    .segment
                    .options
                    .rare
                    .as_ref()
                    .is_some_and(|rare| rare.window_scale.is_some()),
            );
            self.fields[side] = Some((packet.segment.window, u16::MAX));
        } else if let Some((_, least)) = self.fields[side].as_mut().filter(|_| packet.segment.window > 0) {
            *least = packet.segment.window.min(*least);
        }
        let data = packet.segment.len > 0 && !flags.has(Flags::SYN);
        let way = flow.half(peer).answered_in.unwrap_or_default();
        let is_new = data && !facts.is_repeat();
        if facts.has(FactKind::Retransmission) {
            self.sent_again[side].add(packet.number, facts.why.waited.unwrap_or_default());
        }
        if is_new {
            self.largest[side] = self.largest[side].max(packet.segment.len);
            self.after_late_ack(passing, way, flow, facts);
            let waited = self
                .data
                .filter(|(last, _)| *last == side)
                .map(|(_, last)| at.since(last));
            if facts.why.reason == Reason::ReceiveWindow
                && let Some(waited) = waited.filter(|waited| *waited >= LEAST)
            {
                self.full_windows[side].add(packet.number, waited);
            }
            if let Some(opened) = self.opened[peer].take()
                && at.since(opened.at) <= way + AT_ONCE
            {
                self.closed_windows[peer].add(opened.frame, opened.waited);
            }
        }
        self.windows(passing, data || facts.has(FactKind::ZeroWindowProbe));
        let acked = facts
            .acked
            .as_ref()
            .filter(|acked| !data && acked.bytes > 0 && !acked.more_in_flight);
        let late = facts
            .why
            .waited
            .filter(|_| acked.is_some() && facts.why.reason == Reason::DelayedAck);
        self.before = Some(Before {
            frame: packet.number,
            from: side,
            at,
            late: late.filter(|_| !flags.has(Flags::FIN)),
        });
        if is_new {
            self.data = Some((side, at));
        }
    }

    /// Those of all kinds and of both sides that there were.
    fn waits(&self) -> impl Iterator<Item = Waits> {
        let kinds = [
            self.after_late_acks,
            self.closed_windows,
            self.full_windows,
            self.sent_again,
        ];
        let waits = kinds.into_iter().flat_map(|kind| [kind.client, kind.server]);
        waits.filter(|waits| waits.count > 0)
    }

    /// The longest of all waits, and the frame that ended it.
    pub fn longest(&self) -> Option<(Duration, FrameNumber)> {
        let handshake = self.asked.and_then(|asked| asked.answer);
        let longest = self.waits().map(|waits| waits.longest);
        longest
            .chain(handshake.map(|(frame, took)| (took, frame)))
            .filter(|(waited, _)| !waited.is_zero())
            .max_by_key(|(waited, _)| *waited)
    }

    /// The frames that it names.
    pub(crate) fn frames(&self) -> impl Iterator<Item = FrameNumber> {
        let waits = self.waits().flat_map(|waits| [waits.first, waits.longest.1]);
        let closed = [self.still_closed.client, self.still_closed.server]
            .into_iter()
            .flatten();
        let asked = self.asked.into_iter().flat_map(|asked| {
            let answer = asked.answer.map(|(frame, _)| frame);
            [Some(asked.first.0), Some(asked.last.0), answer].into_iter().flatten()
        });
        waits.chain(closed).chain(asked)
    }

    /// True if bytes of a side were captured, for the first time.
    pub fn has_data(&self, side: Side) -> bool {
        self.largest[side] > 0
    }

    fn ask(&mut self, Passing { packet, at, .. }: Passing<'_>) {
        let (frame, flags) = (packet.number, packet.segment.flags);
        match (packet.from, &mut self.asked) {
            (Side::Client, None) if packet.is_first_syn() => {
                self.asked = Some(Asked {
                    first: (frame, at),
                    last: (frame, at),
                    count: 1,
                    answer: None,
                });
            }
            (Side::Client, Some(asked)) if flags.has(Flags::SYN) && asked.answer.is_none() => {
                asked.count += 1;
                asked.last = (frame, at);
            }
            (Side::Server, Some(asked))
                if asked.answer.is_none() && (flags.has(Flags::SYN) || flags.has(Flags::RST)) =>
            {
                asked.answer = Some((frame, at.since(asked.first.1)));
            }
            _ => {}
        }
    }

    /// A small segment right after the ACK that its sender waited for, if that ACK was all that came meanwhile.
    fn after_late_ack(&mut self, passing: Passing<'_>, way: Duration, flow: &Flow, facts: &PacketFacts) {
        let (side, at) = (passing.packet.from, passing.at);
        let ack = self
            .before
            .filter(|before| before.from != side && at.since(before.at) <= way + AT_ONCE);
        let Some((ack, waited)) = ack.and_then(|ack| Some((ack, ack.late?))) else {
            return;
        };
        let of_small = flow
            .half(side)
            .last_ack
            .is_some_and(|last| last.frame == ack.frame && last.of_small);
        let went_on = self.data.is_some_and(|(last, _)| last == side);
        if of_small && went_on && !facts.full_size {
            self.after_late_acks[side].add(passing.packet.number, waited);
        }
    }

    fn windows(&mut self, Passing { packet, at, .. }: Passing<'_>, wants: bool) {
        let (frame, side, flags) = (packet.number, packet.from, packet.segment.flags);
        if let Some(closed) = self.closed[side.peer()].as_mut().filter(|_| wants) {
            closed.wanted = true;
            self.still_closed[side.peer()] = Some(closed.frame);
        }
        if flags.has(Flags::SYN) || flags.has(Flags::RST) {
            return;
        }
        if packet.window == 0 {
            self.closed[side].get_or_insert(Closed {
                frame,
                at,
                wanted: false,
            });
        } else if let Some(closed) = self.closed[side].take() {
            self.still_closed[side] = None;
            let waited = at.since(closed.at);
            if closed.wanted {
                self.closed_windows[side].add(frame, waited);
            } else {
                self.opened[side] = Some(Opened { frame, at, waited });
            }
        }
    }

    /// What is known when all has gone by.
    pub(super) fn ended(mut self, flow: &Flow) -> Tally {
        self.acknowledges = Both::of(|side| flow.half(side.peer()).said_frame != FrameNumber::default());
        self.missing = Both::of(|side| {
            let full = flow.half(side).full_segment()?;
            let bytes = flow.half(side).missing()?;
            let largest = self.largest[side];
            (largest < full && bytes >= u64::from(full)).then_some(Missing { bytes, largest, full })
        });
        self
    }
}
