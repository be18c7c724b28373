//! Why a segment left when it did. With the calls of its sender there is much to know; without them only what
//! packets prove.

use super::flow::{Flow, Half};
use super::streams::{EndKind, Program, Write};
use super::{Certainty, Evidence, FactKind, PacketFacts, Reason, Why};
use crate::events::unwrapped;
use crate::events::{Flags, Packet, SocketOption, Timestamp};

/// A packet, its sender's program, and its sender's direction just after it left.
pub(super) struct Leaving<'a> {
    pub at: Timestamp,
    pub packet: &'a Packet,
    pub flow: &'a Flow,
    pub program: &'a Program<'a>,
}

impl Leaving<'_> {
    fn half(&self) -> &Half {
        self.flow.half(self.packet.from)
    }

    /// Fills in what the calls say of a packet that the facts do not explain yet.
    pub fn fill(&self, facts: &mut PacketFacts) {
        let flags = self.packet.segment.flags;
        let data = self.packet.segment.len > 0 && !flags.has(Flags::SYN) && !facts.has(FactKind::KeepAlive);
        let (from, to) = self.offsets();
        let writes = if data { self.program.writes_of(from, to) } else { &[] };
        facts.carries.extend(writes.iter().map(|write| write.id));
        facts.carries_open = writes.iter().any(|write| write.open);
        if facts.carries_open {
            return;
        }
        let again = facts.has(FactKind::Retransmission) && !facts.partly_new;
        // Why a host between sent a reset, nothing of its alleged sender tells.
        let forged = facts.has(FactKind::FromBetween);
        if facts.why.reason != Reason::Unknown || again || facts.is_repeat() || forged {
            return;
        }
        facts.why = if flags.has(Flags::RST) {
            self.reset()
        } else if data {
            self.data(writes)
        } else if flags.has(Flags::FIN) {
            self.fin()
        } else {
            return;
        };
    }

    /// The place of its data in the stream, whose first byte has offset 0 and sequence number 1.
    fn offsets(&self) -> (u64, u64) {
        let seq = unwrapped(self.packet.seq, self.half().sent.next.max(self.half().said));
        let from = seq.saturating_sub(1);
        (from, from + u64::from(self.packet.segment.len))
    }

    fn data(&self, writes: &[Write]) -> Why {
        let Some(last) = writes.last() else {
            return self.by_window(None).unwrap_or_default();
        };
        let write = Evidence::Event(last.id);
        let during = last.entered <= self.at && last.ended.is_some_and(|ended| self.at <= ended);
        let acked_since = |moment| self.half().last_ack.filter(|ack| moment <= ack.at && ack.at <= self.at);
        if during && acked_since(last.entered).is_none() {
            return Why::new(Reason::AtOnce, Certainty::Seen).by([write]);
        }
        let since = if during {
            last.entered
        } else {
            last.ended.unwrap_or(last.entered)
        };
        let waited = last.ended.filter(|_| !during).map(|ended| self.at.since(ended));
        let found = self
            .corked(writes, since)
            .or_else(|| self.by_window(Some(since)))
            .or_else(|| self.nagle(since))
            .or_else(|| self.by_congestion(since, during));
        if let Some(why) = found {
            return Why::new(why.reason, why.certainty)
                .by([write])
                .by(why.evidence)
                .after(waited);
        }
        if acked_since(since).is_none() && last.ended.is_none() {
            // The return of the write is not recorded, and nothing else happened since it was made.
            return Why::new(Reason::AtOnce, Certainty::Inferred).by([write]);
        }
        Why::default().by([write]).after(waited)
    }

    /// TCP_CORK or MSG_MORE, if one of them held for the last of the writes.
    fn corked(&self, writes: &[Write], since: Timestamp) -> Option<Why> {
        if !self.half().is_small(self.packet) && self.packet.segment.len > 0 {
            return None;
        }
        let cork = self.program.option(since, |it| matches!(it, SocketOption::Cork(_)));
        let cork = cork.filter(|(_, set)| *set == SocketOption::Cork(true));
        let more = writes.last().filter(|write| write.more).map(|write| write.id);
        let evidence = cork.map(|(index, _)| index).or(more)?;
        let left_later = writes.last()?.ended.is_none_or(|ended| self.at > ended);
        left_later.then(|| Why::new(Reason::Cork, Certainty::Inferred).by([Evidence::Event(evidence)]))
    }

    /// The receive window, where an ACK or a window update opened it: this segment did not fit before.
    fn by_window(&self, since: Option<Timestamp>) -> Option<Why> {
        let half = self.half();
        let recent = |at: Timestamp| at <= self.at && since.is_none_or(|since| since <= at);
        let length = u64::from(self.packet.segment.len);
        let by_ack = half
            .last_ack
            .filter(|ack| recent(ack.at) && ack.sent <= self.offsets().0 + 1);
        let by_ack = by_ack.filter(|ack| ack.window.is_some_and(|window| ack.in_flight + length > window.into()));
        let opened = half.opened.filter(|opened| recent(opened.at));
        let opened = opened.filter(|opened| opened.in_flight + length > opened.window_before.into());
        let frame = by_ack.map(|ack| ack.frame).or(opened.map(|opened| opened.frame))?;
        half.window_is_exact
            .then(|| Why::new(Reason::ReceiveWindow, Certainty::Inferred).by([Evidence::Frame(frame)]))
    }

    /// Nagle's algorithm: the segment is small, its writes had returned, another small one was in flight, and
    /// it was the first to leave after the ACK for that. Linux waits for small segments only
    /// (`tcp_minshall_check`).
    fn nagle(&self, since: Timestamp) -> Option<Why> {
        let half = self.half();
        let ack = half.last_ack?;
        let no_delay = self.program.option(since, |it| matches!(it, SocketOption::NoDelay(_)));
        let is_off = no_delay.is_some_and(|(_, set)| set == SocketOption::NoDelay(true));
        let first_after = since < ack.at && ack.at <= self.at && self.offsets().0 + 1 == ack.sent;
        let held = half.is_small(self.packet) && first_after && ack.of_small && !is_off;
        held.then(|| Why::new(Reason::Nagle, Certainty::Inferred).by([Evidence::Frame(ack.frame)]))
    }

    /// The congestion window: the write had returned, so its bytes lay ready; there was room at the receiver;
    /// and more than a segment or two was in flight.
    fn by_congestion(&self, since: Timestamp, during: bool) -> Option<Why> {
        let half = self.half();
        let ack = half.last_ack.filter(|ack| since < ack.at && ack.at <= self.at)?;
        let full = 2 * u64::from(half.mss.unwrap_or(536));
        (!during && ack.in_flight >= full)
            .then(|| Why::new(Reason::CongestionWindow, Certainty::Inferred).by([Evidence::Frame(ack.frame)]))
    }

    fn fin(&self) -> Why {
        match self.program.ended_by(self.at).filter(|end| end.kind != EndKind::Exit) {
            Some(end) if end.ended.is_none_or(|ended| self.at <= ended) => {
                let certainty = end.ended.map_or(Certainty::Inferred, |_| Certainty::Seen);
                Why::new(Reason::AtOnce, certainty).by([Evidence::Event(end.id)])
            }
            Some(end) => {
                let waited = end.ended.map(|ended| self.at.since(ended));
                let after_data = self
                    .by_window(end.ended)
                    .or_else(|| self.by_congestion(end.entered, false));
                after_data
                    .unwrap_or_default()
                    .by([Evidence::Event(end.id)])
                    .after(waited)
            }
            None => Why::default(),
        }
    }

    fn reset(&self) -> Why {
        let (mine, theirs) = (self.half(), self.flow.half(self.packet.from.peer()));
        let answers_syn = !mine.sent.has_begun() && theirs.sent.has_begun();
        if answers_syn && self.packet.segment.flags.has(Flags::ACK) && theirs.sent.next == u64::from(self.packet.ack) {
            let syn = theirs.flight.front().filter(|sent| sent.is_syn);
            let syn = syn.map(|sent| Evidence::Frame(sent.last_frame));
            return Why::new(Reason::NoListener, Certainty::Inferred).by(syn);
        }
        if let Some(why) = self.closed_so() {
            return why;
        }
        if let Some((_, frame)) = mine.probe {
            return Why::new(Reason::GaveUp, Certainty::Inferred).by([Evidence::Frame(frame)]);
        }
        if let Some(given_up) = mine.flight.front().filter(|sent| sent.times > 2) {
            return Why::new(Reason::GaveUp, Certainty::Inferred).by([Evidence::Frame(given_up.last_frame)]);
        }
        // RFC 9293, section 3.10.7.1: what answers a segment with an ACK has none of its own, and the number of that ACK.
        let asks = self.flow.last(self.packet.from.peer());
        let asks = asks.filter(|last| last.ack == Some(self.packet.segment.seq));
        match asks.filter(|_| !self.packet.segment.flags.has(Flags::ACK)) {
            Some(last) => Why::new(Reason::ClosedSocket, Certainty::Inferred).by([Evidence::Frame(last.frame)]),
            None => Why::default(),
        }
    }

    /// A reset that a close of its sender's caused: bytes that were not read, or SO_LINGER with a time of 0.
    fn closed_so(&self) -> Option<Why> {
        let end = self.program.ended_by(self.at)?;
        let during = end.ended.is_none_or(|ended| self.at <= ended);
        if end.kind == EndKind::Reset {
            return Some(Why::new(Reason::Linger, Certainty::Seen).by([Evidence::Event(end.id)]));
        }
        // What answers a segment to a socket that is closed has no acknowledgment.
        let by_exit = end.kind == EndKind::Exit && self.packet.segment.flags.has(Flags::ACK);
        if !during || !(end.kind == EndKind::Close || by_exit) {
            return None;
        }
        let call = Evidence::Event(end.id);
        let theirs = self.flow.half(self.packet.from.peer());
        // A FIN takes a number and is no data, as the SYN.
        let data_end = theirs
            .fin
            .map_or(theirs.said, |(end, _)| theirs.said.min(end.saturating_sub(1)));
        let received = data_end.saturating_sub(1);
        let unread = received.saturating_sub(self.program.read_by(end.entered));
        if unread > 0 {
            return Some(Why::new(Reason::UnreadData(unread), Certainty::Inferred).by([call]));
        }
        let linger = self
            .program
            .option(end.entered, |it| matches!(it, SocketOption::Linger(_)));
        let (set, _) = linger.filter(|(_, set)| *set == SocketOption::Linger(Some(0)))?;
        Some(Why::new(Reason::Linger, Certainty::Seen).by([call, Evidence::Event(set)]))
    }
}
