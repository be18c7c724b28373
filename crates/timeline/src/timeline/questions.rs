//! The questions that tests and formats ask a timeline.

use std::time::Duration;

use super::{Connection, KnownPacket, Teardown, Timeline};
use crate::events::*;
use crate::facts::http::{Messages, response_length};
use crate::facts::{Evidence, Exchange, Exchanging, FactKind, Reason, Replying, in_clear};

impl Timeline {
    /// The events of a connection, and if asked for those that belong to none.
    pub(crate) fn events_around(
        &self,
        connection: Connection<'_>,
        outside: bool,
    ) -> impl Iterator<Item = (EventId, &Event)> {
        let of_none = self.iter().filter(|(_, event)| event.connection.is_none());
        let none = outside.then_some(of_none).into_iter().flatten();
        let mut all: Vec<EventId> = connection.events().chain(none).map(|(id, _)| id).collect();
        all.sort_unstable();
        all.into_iter().map(|id| (id, &self[id]))
    }

    /// Whether what the server did shows in its calls: else nobody knows how many writes a reply took, nor whether one of
    /// them waited.
    pub fn tells_calls(&self) -> bool {
        self.level > Level::Capture && !self.facts.unseen_calls
    }

    /// The only connection.
    ///
    /// # Panics
    ///
    /// If there are none or several: go through [`connections`](Self::connections) then.
    #[track_caller]
    pub fn only(&self) -> Connection<'_> {
        let mut connections = self.connections();
        assert!(
            connections.len() == 1,
            "this question is for a timeline with one connection and this one has {}: ask each of timeline.connections()\n{self}",
            connections.len()
        );
        connections.next().unwrap_or_else(|| self.connection(ConnectionId(0)))
    }

    /// How many write-family calls each reply took, over all connections in order.
    /// See [`Connection::writes_per_reply`].
    pub fn writes_per_reply(&self) -> Vec<usize> {
        self.connections().flat_map(|c| c.writes_per_reply()).collect()
    }

    /// How many packets each exchange took, over all connections in order.
    /// See [`Connection::packets_per_exchange`].
    pub fn packets_per_exchange(&self) -> Vec<usize> {
        self.connections().flat_map(|c| c.packets_per_exchange()).collect()
    }

    /// How many segments with data each reply took, over all connections in order.
    pub fn segments_per_reply(&self) -> Vec<usize> {
        self.connections().flat_map(|c| c.segments_per_reply()).collect()
    }

    /// How the only connection ended.
    ///
    /// # Panics
    ///
    /// If there are none or several connections.
    #[track_caller]
    pub fn teardown(&self) -> Teardown {
        self.only().teardown()
    }

    /// How each connection ended.
    pub fn teardowns(&self) -> Vec<Teardown> {
        self.connections().map(|c| c.teardown()).collect()
    }

    /// The segments that were held back until an ACK came.
    pub fn held_segments(&self) -> Vec<EventId> {
        let held = |(id, _)| self.packet(id)?.held().map(|_| id);
        self.iter().filter_map(held).collect()
    }

    /// The close or shutdown that a FIN or a reset of the server came from.
    pub(crate) fn ending_call(&self, packet: KnownPacket<'_>) -> Option<EventId> {
        let named = packet.facts.why.evidence.iter().filter_map(Evidence::event);
        let mut calls = named.chain(packet.facts.during);
        calls.find(|call| {
            let call = self.call(*call);
            call.is_some_and(|call| matches!(call.kind, CallKind::Close | CallKind::Shutdown))
        })
    }
}

/// Whether Nagle's algorithm was off at a moment, of the times when it was switched. `None` before the first.
pub(crate) fn no_delay_at(switched: &[(Timestamp, bool)], at: Timestamp) -> Option<bool> {
    let last = switched.iter().rfind(|(when, _)| *when <= at);
    last.map(|(_, off)| *off)
}

impl<'a> Connection<'a> {
    /// When the server switched Nagle's algorithm off on its socket, or on again (TCP_NODELAY).
    pub(crate) fn no_delay_switched(self) -> Vec<(Timestamp, bool)> {
        self.calls().filter_map(|(_, call)| call.switches_no_delay()).collect()
    }

    /// How many write-family calls each reply took.
    ///
    /// A reply is what the server writes between one read that returned data and the next.
    /// Calls that moved no bytes (failed, or told to wait) are not counted; they are in
    /// [`writes`](SeenConnection::writes). What a server writes before it has read anything is a reply too.
    pub fn writes_per_reply(self) -> Vec<usize> {
        let mut replying = Replying::default();
        let mut replies: Vec<usize> = self
            .calls()
            .filter_map(|(_, call)| replying.see(call.kind, call.moved()))
            .collect();
        replies.extend(replying.end());
        replies
    }

    /// How many packets each exchange took, in both directions, pure ACKs included.
    ///
    /// An exchange begins with the client's first data behind a reply (or behind the handshake)
    /// and ends before the next one, or before the first FIN or reset. Where the reply comes, or goes on, behind a FIN of
    /// the client, that is no end yet; and a segment with data and a FIN is the last one. Where packets could not be
    /// captured, the number comes from the kernel's segment counters of the client's socket.
    pub fn packets_per_exchange(self) -> Vec<usize> {
        if let Some(exchanges) = self.counted_exchanges() {
            return exchanges.map(|(packets, _)| packets).collect();
        }
        if self.timeline.level == Level::NoPackets {
            return self.counted_per_exchange();
        }
        self.exchanges().iter().map(|exchange| exchange.packets.len()).collect()
    }

    /// How many segments with data each reply took. Empty where packets could not be captured.
    pub fn segments_per_reply(self) -> Vec<usize> {
        if let Some(exchanges) = self.counted_exchanges() {
            return exchanges.map(|(_, segments)| segments).collect();
        }
        self.exchanges()
            .iter()
            .map(|exchange| exchange.reply_segments)
            .collect()
    }

    /// The exchanges, from the captured packets.
    pub fn exchanges(self) -> Vec<Exchange> {
        let mut exchanges: Vec<Exchange> = Vec::new();
        let mut exchanging = Exchanging::default();
        let mut before: Vec<EventId> = Vec::new();
        let shows = |(_, packet): (EventId, KnownPacket<'_>)| packet.facts.shown_by(FactKind::FromBetween);
        let forged: Vec<FrameNumber> = self.packets().filter_map(shows).collect();
        for (id, packet) in self.packets().filter(|(_, packet)| !packet.facts.is_copy()) {
            before.push(id);
            let Some(step) = exchanging.see(&packet, packet.facts, forged.contains(&packet.number)) else {
                continue;
            };
            if step.begins {
                exchanges.push(Exchange {
                    packets: Vec::new(),
                    reply_segments: 0,
                });
            }
            if let Some(exchange) = exchanges.last_mut() {
                exchange.packets.extend(&before[before.len() - 1 - step.with..]);
                exchange.reply_segments += usize::from(step.replies);
            }
        }
        exchanges
    }

    /// The packets per exchange by TCP_INFO: the difference of the client's counters from just
    /// before an exchange's first send to just before the next one's, or to the close.
    fn counted_per_exchange(self) -> Vec<usize> {
        let mut counts = Vec::new();
        let mut start: Option<SegmentCounters> = None;
        let mut replied = false;
        for (_, action) in self.client_actions() {
            let Some(now) = action.counters else { continue };
            let closes = match action.kind {
                ClientActionKind::Sent { .. } => false,
                // The reply is still to come.
                ClientActionKind::ShutdownWrite if !replied => continue,
                ClientActionKind::ShutdownWrite | ClientActionKind::Closed | ClientActionKind::Reset => true,
                ClientActionKind::Received { .. } => {
                    replied = true;
                    continue;
                }
                _ => continue,
            };
            match start {
                Some(from) if replied || closes => {
                    let sent = now.sent.get().wrapping_sub(from.sent.get());
                    counts.push(sent.wrapping_add(now.received.wrapping_sub(from.received)) as usize);
                    start = (!closes).then_some(now);
                }
                None if !closes && counts.is_empty() => start = Some(now),
                _ => continue,
            }
            replied = false;
        }
        counts
    }

    /// Where the server's messages of HTTP are at an event. `None` if nothing is known of that.
    pub(crate) fn http_sent(self, end: EventId) -> Option<Messages> {
        let data = || self.packets().filter(|(_, packet)| packet.segment.len > 0);
        let mut asked = data().filter(|(_, packet)| packet.from == Side::Client);
        if self.timeline.dropped > 0 || asked.any(|(_, packet)| packet.segment.payload.starts_with(b"HEAD ")) {
            return None;
        }
        let mut sent = Messages::default();
        for (_, packet) in data().take_while(|(id, _)| *id <= end) {
            if packet.from == Side::Server && !packet.facts.has(FactKind::Retransmission) {
                sent.see(&packet.segment.payload, packet.segment.len.into(), response_length)?;
            }
        }
        Some(sent)
    }

    /// The packets that were held back until an ACK came.
    pub fn held_segments(self) -> impl Iterator<Item = (EventId, KnownPacket<'a>)> {
        self.packets().filter(|(_, packet)| packet.held().is_some())
    }

    /// The segments that waited since their program had said that more follows (TCP_CORK, MSG_MORE), until the kernel
    /// waited no longer, and for how long. Linux keeps them until the timer of a probe, which follows the
    /// retransmission timeout: 200 ms or more. One that the program let go, by taking the cork out or by an end, is
    /// none, however late that was.
    pub fn corked_segments(self) -> impl Iterator<Item = (EventId, KnownPacket<'a>, Duration)> {
        // A program that means to send more does so well within 200 ms: a wait of half of that is one for the timer.
        const GIVEN_UP: Duration = Duration::from_millis(100);
        self.packets().filter_map(move |(id, packet)| {
            let why = &packet.facts.why;
            let waited = why.waited.filter(|waited| *waited >= GIVEN_UP)?;
            let at = self.timeline[id].at;
            let lets_go = |call: &Call| {
                let asks = match call.argument() {
                    Some(Argument::Option(SocketOption::Cork(on))) => !on,
                    Some(Argument::Option(SocketOption::NoDelay(on))) => on,
                    _ => matches!(call.kind, CallKind::Shutdown | CallKind::Close),
                };
                asks && call.entered <= at && at.since(call.entered) <= waited
            };
            let mut calls = self.events().filter_map(|(_, event)| match &event.kind {
                EventKind::Call(call) => Some(&**call),
                EventKind::Client(action) => action.call.as_deref(),
                _ => None,
            });
            let is_corked = why.reason == Reason::Cork && packet.segment.len > 0;
            (is_corked && !calls.any(lets_go)).then_some((id, packet, waited))
        })
    }
}

/// A segment that Nagle's algorithm held back, as far as is known: see [`Reason::Nagle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The write that had already returned.
    pub write: EventId,
    /// The number of the frame whose ACK let the segment go.
    pub until_frame: FrameNumber,
    /// The time from the write's return to the segment.
    pub waited: Duration,
}

impl KnownPacket<'_> {
    /// What its bytes begin with, or complete, in words and in that order, where a
    /// [fact](crate::facts::FactKind::HttpRequest) says that it is HTTP or TLS.
    pub fn in_clear(self) -> Option<String> {
        let whole = self.facts.noted.as_ref().and_then(|noted| noted.hello.as_deref());
        let clear = in_clear(whole.unwrap_or(&self.segment.payload)).filter(|clear| self.facts.has(clear.kind()));
        let words: Vec<String> = clear.map(|clear| printable(&clear.to_string())).collect();
        (!words.is_empty()).then(|| words.join(", then "))
    }

    /// Set where Nagle's algorithm held the segment back until an ACK came.
    pub fn held(self) -> Option<Held> {
        let why = &self.facts.why;
        if why.reason != Reason::Nagle {
            return None;
        }
        Some(Held {
            write: why.evidence.iter().find_map(Evidence::event)?,
            until_frame: why.evidence.iter().find_map(Evidence::frame)?,
            waited: why.waited.unwrap_or_default(),
        })
    }
}
