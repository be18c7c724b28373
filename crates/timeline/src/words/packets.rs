//! Why a packet is there: one plain sentence, and the call that caused it. It says what the
//! [facts](crate::facts) say, and less where one is unknown.
//!
//! What TCP asks for is said as TCP's. What only Linux does is said as Linux's, of hosts that were observed
//! here alone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;
use std::time::Duration;

use super::calls::{action_text, call_text};
use crate::events::*;
use crate::facts::http::Part;
use crate::facts::{Acked, Certainty, ConnectionFacts, Evidence, Fact, FactKind, Reason};
use crate::timeline::{Closing, Connection, KnownPacket, Timeline, no_delay_at};

/// Explains a packet. `None` for an event that is none.
///
/// A packet that came with a comment from a file is explained by that comment.
pub fn explain(timeline: &Timeline, packet: EventId) -> Option<Explanation> {
    timeline.packet(packet)?;
    let connection = timeline.connection(timeline[packet].connection?);
    explain_connection(timeline, connection).remove(&packet)
}

/// Explains every packet. For many packets this is much
/// faster than asking for each with [`explain`].
pub fn explain_all(timeline: &Timeline) -> BTreeMap<EventId, Explanation> {
    timeline
        .connections()
        .flat_map(|connection| explain_connection(timeline, connection))
        .collect()
}

/// Explains every packet of one connection.
pub(crate) fn explain_connection(timeline: &Timeline, connection: Connection<'_>) -> BTreeMap<EventId, Explanation> {
    let mut story = Story::new(timeline, connection);
    let mut explanations = BTreeMap::new();
    for (id, packet) in connection.packets() {
        explanations.insert(id, story.explain(id, packet));
        story.passed(id, packet);
    }
    explanations
}

/// The client's actions that made packets leave: packet to action. Where an action's bytes
/// took several packets, the first counts.
pub(crate) fn client_actions_of(connection: Connection<'_>) -> HashMap<EventId, EventId> {
    let mut taken = HashSet::new();
    let mut actions = HashMap::new();
    for (id, packet) in connection.packets().filter(|(_, packet)| packet.from == Side::Client) {
        let flags = packet.segment.flags;
        let ends = (flags.has(Flags::FIN) || flags.has(Flags::RST)) && packet.segment.len == 0;
        let action = if ends {
            packet.facts.why.evidence.iter().find_map(Evidence::event)
        } else if packet.facts.is_repeat() {
            None
        } else {
            packet.facts.carries.first().copied()
        };
        let action = action.filter(|action| {
            let is_client = matches!(connection.timeline()[*action].kind, EventKind::Client(_));
            is_client && taken.insert(*action)
        });
        actions.extend(action.map(|action| (id, action)));
    }
    actions
}

/// What is said of the packets of a connection: what the facts say, in sentences.
struct Story<'a> {
    timeline: &'a Timeline,
    facts: &'a ConnectionFacts,
    closing: Closing,
    places: HashMap<EventId, InExchange>,
    /// The number of the frame that carries each part of a reply, and its place.
    parts: HashMap<FrameNumber, InExchange>,
    exchange: Option<InExchange>,
    /// The frames whose ACK let a held segment go, with that segment's number.
    releases: HashMap<FrameNumber, FrameNumber>,
    actions: HashMap<EventId, EventId>,
    /// True if these are hosts that were observed: they run Linux.
    is_linux: bool,
    /// When the server switched Nagle's algorithm off, or on again.
    no_delay: Vec<(Timestamp, bool)>,
    /// Which sides have sent a FIN by now.
    fins: Both<bool>,
    established: bool,
}

/// A packet's place in its exchange.
#[derive(Clone, Copy, Default)]
struct InExchange {
    /// Which exchange, from 0.
    exchange: usize,
    /// How many segments of the reply there have been, this one included.
    part: usize,
    /// How many there are in all.
    parts: usize,
    /// True if the client had sent more before it had this reply, or bytes of it were not captured: then it is open
    /// which part of what it is.
    open: bool,
}

impl<'a> Story<'a> {
    fn new(timeline: &'a Timeline, connection: Connection<'a>) -> Story<'a> {
        let release = |(_, packet): (EventId, KnownPacket<'_>)| Some((packet.held()?.until_frame, packet.number));
        let places = places(timeline, connection);
        let part = |(id, place): (&EventId, &InExchange)| Some((timeline.packet(*id)?.number, *place));
        Story {
            timeline,
            facts: connection.facts(),
            closing: connection.closing(),
            parts: places.iter().filter_map(part).collect(),
            places,
            exchange: None,
            releases: connection.held_segments().filter_map(release).collect(),
            actions: client_actions_of(connection),
            is_linux: timeline.level > Level::Capture,
            no_delay: connection.no_delay_switched(),
            fins: Both::default(),
            established: false,
        }
    }

    fn explain(&self, id: EventId, packet: KnownPacket<'_>) -> Explanation {
        if let Some(told) = &packet.told {
            return (**told).clone();
        }
        // A comment that another program wrote is shown as it is.
        if let Some(comment) = &packet.comment {
            let lines: Vec<String> = comment.lines().map(printable).collect();
            return Explanation {
                calls: Vec::new(),
                held: None,
                sentence: lines.join(" "),
            };
        }
        let held = packet.held().map(|held| HeldBack {
            milliseconds: whole_milliseconds(held.waited),
            until_frame: held.until_frame,
        });
        let mut sentence = self.sentence(id, packet);
        self.add_notes(packet, &mut sentence);
        Explanation {
            calls: self.calls(id, packet),
            held,
            sentence,
        }
    }

    /// Takes a packet into the story.
    fn passed(&mut self, id: EventId, packet: KnownPacket<'_>) {
        if packet.facts.is_copy() {
            return;
        }
        if let Some(place) = self.places.get(&id) {
            self.exchange = Some(*place);
        }
        self.fins[packet.from] |= packet.segment.flags.has(Flags::FIN);
        self.established |= !packet.segment.flags.has(Flags::SYN);
    }

    // The calls.

    fn calls(&self, id: EventId, packet: KnownPacket<'_>) -> Vec<ToldCall> {
        let by = Some(packet.from);
        let words = match packet.from {
            Side::Client => self.client_call(id, packet).into_iter().collect(),
            Side::Server => self.server_calls(packet),
        };
        words.into_iter().map(|words| ToldCall { by, words }).collect()
    }

    fn client_call(&self, id: EventId, packet: KnownPacket<'_>) -> Option<String> {
        let flags = packet.segment.flags;
        if flags.has(Flags::SYN) && !flags.has(Flags::ACK) {
            return self.is_linux.then(|| "connect".to_owned());
        }
        match &self.timeline[*self.actions.get(&id)?].kind {
            EventKind::Client(action) => Some(action_text(&action.kind)),
            _ => None,
        }
    }

    fn server_calls(&self, packet: KnownPacket<'_>) -> Vec<String> {
        let carried = packet.facts.carries.iter().copied();
        let mut calls: Vec<&Call> = carried.filter_map(|write| self.timeline.call(write)).collect();
        let flags = packet.segment.flags;
        if flags.has(Flags::FIN) || flags.has(Flags::RST) {
            calls.extend(
                self.timeline
                    .ending_call(packet)
                    .and_then(|call| self.timeline.call(call)),
            );
        }
        if calls.is_empty() && packet.facts.has(FactKind::WindowUpdate) {
            let during = packet.facts.during.and_then(|call| self.timeline.call(call));
            calls.extend(during.filter(|call| call.kind == CallKind::Read));
        }
        calls.into_iter().map(call_text).collect()
    }

    // The sentences.

    fn sentence(&self, id: EventId, packet: KnownPacket<'_>) -> String {
        let flags = packet.segment.flags;
        let facts = &packet.facts;
        if let Some(copy) = facts.get(FactKind::CapturedTwice) {
            captured_twice(copy)
        } else if flags.has(Flags::RST) {
            self.reset(packet)
        } else if flags.has(Flags::SYN) {
            self.syn(packet)
        } else if let Some(again) = self.again(packet) {
            again
        } else if flags.has(Flags::FIN) {
            self.fin(packet)
        } else if facts.has(FactKind::KeepAlive) || facts.has(FactKind::ZeroWindowProbe) {
            self.probe(packet)
        } else if packet.segment.len > 0 {
            match packet.from {
                Side::Client => self.request(packet),
                Side::Server => self.reply(id, packet),
            }
        } else {
            self.bare_ack(packet)
        }
    }

    /// What is so of a packet beside its main sentence.
    fn add_notes(&self, packet: KnownPacket<'_>, sentence: &mut String) {
        let facts = &packet.facts;
        let side = packet.from;
        if facts.has(FactKind::BeganBefore) && !packet.segment.flags.has(Flags::RST) {
            *sentence += " The connection began before this capture.";
            if self.facts.roles_guessed {
                *sentence += " Which end is called the server is a guess by the ports.";
            }
        }
        if packet.segment.fragments > 0 {
            let count = packet.segment.fragments;
            *sentence += &format!(" It came in {count} IP fragments, of which this frame is the last.");
        }
        if let Some(frame) = facts.shown_by(FactKind::PortReuse) {
            *sentence += &format!(" An earlier connection, from frame {frame} on, had the same addresses and ports.");
        }
        if let Some(words) = packet.in_clear() {
            let mut tls = [FactKind::TlsClientHello, FactKind::TlsServerHello].into_iter();
            let began = tls.find_map(|kind| facts.shown_by(kind));
            *sentence += &match began {
                Some(frame) => format!(" It completes {words}, which began in frame {frame}."),
                None => format!(" It begins with {words}."),
            };
        }
        if let Some(frame) = facts.shown_by(FactKind::OldTimestamp) {
            *sentence += &format!(" Its timestamp is older than the one that frame {frame} echoes.");
            *sentence += &format!(" So the {} throws it away, if it follows RFC 7323.", side.peer());
        }
        if facts.has(FactKind::PreviousSegmentNotCaptured) {
            let before = if packet.segment.len > 0 { "these" } else { "its number" };
            *sentence += &format!(" Bytes before {before} {}.", self.not_captured());
        }
        if facts.has(FactKind::AckedUnseenSegment) {
            *sentence += &format!(" It covers bytes that {}.", self.not_captured());
        }
        if facts.has(FactKind::FastOpen) {
            *sentence += if packet.segment.options.rare.as_ref().is_some_and(|rare| rare.fast_open) {
                " It has the option of TCP Fast Open: data may go with the SYN."
            } else {
                " It carries data with the SYN, as TCP Fast Open does."
            };
        }
        if facts.has(FactKind::Urgent) {
            *sentence += " Its urgent pointer is in use.";
        }
        if facts.has(FactKind::DSack) {
            *sentence += &format!(" Its first SACK block says which bytes came twice to the {side} (D-SACK).");
        } else if facts.has(FactKind::Sack) && !facts.has(FactKind::DuplicateAck) {
            *sentence += &format!(" Its SACK blocks say what the {side} has beyond the missing bytes.");
        }
        if let Some(passage) = &packet.passage {
            add_outcome(passage, side, sentence);
        }
        if facts.has(FactKind::WindowFull) {
            *sentence += &format!(" With it the window of the {} is full.", side.peer());
        }
        if facts.has(FactKind::ZeroWindow) {
            *sentence += &format!(" Its window is 0: the {} must wait.", side.peer());
        }
    }

    /// Why bytes are not here.
    fn not_captured(&self) -> &'static str {
        match self.timeline.lone_fragments() {
            0 => "were not captured, or not yet",
            _ => "were not captured, or not yet, or came in IP fragments of which not all are here",
        }
    }

    fn syn(&self, packet: KnownPacket<'_>) -> String {
        let side = packet.from;
        let (reply, again) = (packet.segment.flags.has(Flags::ACK), packet.facts.is_repeat());
        if packet.facts.has(FactKind::SimultaneousOpen) {
            return format!(
                "The {side} asks for a connection too, before it has the SYN of the {}: both open at once.",
                side.peer()
            );
        }
        match (reply, again) {
            (false, false) => "The client asks for a connection and names its first sequence number.".to_owned(),
            (false, true) => format!("The {side} asks again.{}", self.not_answered(packet, "SYN")),
            (true, _) if self.facts.simultaneous_open => {
                format!("The {side} acknowledges the SYN of the {} and repeats its own.", side.peer())
            }
            (true, false) => {
                "The server's kernel accepts and names its own first sequence number. The server need not have called accept yet.".to_owned()
            }
            (true, true) => {
                format!("The server's kernel accepts again.{}", self.not_answered(packet, "SYN,ACK"))
            }
        }
    }

    /// Why a SYN is sent again: nobody answered it, or the answer did not get there in time.
    fn not_answered(&self, packet: KnownPacket<'_>, what: &str) -> String {
        let spurious = FactKind::SpuriousRetransmission;
        match packet.facts.shown_by(spurious) {
            Some(frame) => format!(" Frame {frame} acknowledges its {what}, and was lost, or had not come yet."),
            None if packet.facts.has(spurious) => format!(" The {} had got its {what}.", packet.from.peer()),
            None => format!(" No answer to its {what} has come."),
        }
    }

    fn reset(&self, packet: KnownPacket<'_>) -> String {
        let (side, peer) = (packet.from, packet.from.peer());
        let answers = packet.facts.why.evidence.iter().find_map(Evidence::frame);
        let frame = answers.unwrap_or_default();
        if let Some(fact) = packet.facts.get(FactKind::FromBetween) {
            return forged(side, packet, fact);
        }
        if packet.facts.has(FactKind::StrayReset) {
            return stray_reset(side, packet, answers);
        }
        match packet.facts.why.reason {
            Reason::Linger => format!(
                "The {side} resets the connection: it closed its socket with SO_LINGER set to 0, so a reset leaves instead of a FIN."
            ),
            Reason::UnreadData(bytes) => {
                let bytes = amount(bytes, "byte", "bytes");
                format!(
                    "The {side} closed its socket with {bytes} unread. Linux then sends a reset instead of a FIN, so that the {peer} learns of the loss."
                )
            }
            Reason::NoListener => {
                format!("The {side}'s host refuses: nobody listens on this port, or something there refuses for it.")
            }
            Reason::ClosedSocket => format!(
                "The {side}'s host resets the connection. That fits an answer to frame {frame}, for which it has no open socket: it has no acknowledgment, and its number is the next one that frame {frame} expects."
            ),
            Reason::GaveUp if is_inferred(packet) => format!(
                "The {side} resets the connection. Frame {frame} was not answered: that fits a kernel that gives up."
            ),
            Reason::GaveUp => {
                format!("The {side}'s kernel gives up and resets the connection: frame {frame} was not answered.")
            }
            _ if packet.facts.has(FactKind::BeganBefore) => {
                format!("The {side} resets a connection whose beginning was not captured. Why is not known.")
            }
            _ => format!("The {side} resets the connection. What was captured does not say why."),
        }
    }

    /// A segment that was sent before, or that comes after bytes which lie beyond it.
    fn again(&self, packet: KnownPacket<'_>) -> Option<String> {
        let facts = &packet.facts;
        let peer = packet.from.peer();
        if facts.has(FactKind::OutOfOrder) {
            return Some(self.out_of_order(packet));
        }
        if let Some(late) = facts.get(FactKind::Overtaken) {
            return Some(format!(
                "Overtaken: frame {} carried these bytes before, and was sent later, by its timestamp. So this first copy was held up on its way, and not lost.",
                frame_of(late)
            ));
        }
        let again = facts.get(FactKind::Retransmission)?;
        let what = match packet.segment.len {
            0 => "the FIN",
            _ => "these bytes",
        };
        let mut sentence = match again.evidence.iter().find_map(Evidence::frame) {
            Some(frame) if facts.partly_new => {
                format!("Sent again in part: frame {frame} carried the first of these bytes before. The rest is new.")
            }
            None if facts.partly_new => "Sent again in part: some of these bytes had gone by before.".to_owned(),
            Some(frame) => format!("Sent again: frame {frame} carried {what} before."),
            None => format!("Sent again: {what} had gone by before."),
        };
        let waited = facts.why.waited.map(|waited| milliseconds(waited) + " later");
        let waited = waited.unwrap_or_default();
        let by = facts.why.evidence.iter().find_map(Evidence::frame).unwrap_or_default();
        sentence += &match facts.why.reason {
            Reason::FastRetransmit => {
                let sure = if is_inferred(packet) { "that fits" } else { "it is" };
                format!(
                    " The ACKs up to frame {by} ask for them: {sure} a fast retransmission, which waits for no timer."
                )
            }
            Reason::TailLossProbe => {
                let sure = if is_inferred(packet) { ". That fits" } else { ":" };
                format!(
                    " It leaves {waited}, as nothing acknowledges the last segment{sure} a tail loss probe, which asks for an ACK."
                )
            }
            Reason::ProbeOrTimeout => format!(
                " It leaves {waited}, as nothing acknowledges the last segment. That fits a tail loss probe, and the retransmission timer as well."
            ),
            Reason::Timeout if is_inferred(packet) => {
                format!(" It leaves {waited}, as no ACK has come: that fits the retransmission timer.")
            }
            Reason::Timeout => format!(" It leaves {waited}, as no ACK has come: the retransmission timer ran out."),
            // Of one with an identification of its own, or a later timestamp, that is known.
            _ if facts.why.waited.is_some_and(|waited| waited < TOO_EARLY) && !self.is_linux && !is_marked(packet) => {
                format!(
                    " It comes {waited}. Nothing in it tells whether it was sent again, or captured twice, or copied on its way."
                )
            }
            _ => String::new(),
        };
        if let Some(spurious) = facts.get(FactKind::SpuriousRetransmission) {
            sentence += &match spurious.evidence.iter().find_map(Evidence::frame) {
                Some(frame) => format!(
                    " It was not needed: frame {frame} acknowledges {what}. That ACK was lost, or had not come yet."
                ),
                None => format!(" It was not needed: the {peer} had got {what}."),
            };
        }
        Some(sentence)
    }

    fn out_of_order(&self, packet: KnownPacket<'_>) -> String {
        let facts = &packet.facts;
        let mut sentence = "Out of order: bytes beyond these had come by before.".to_owned();
        match facts.get(FactKind::Retransmission) {
            Some(again) => {
                let frame = frame_of(again);
                sentence += &format!(
                    " They were sent again: their timestamp is newer than that of frame {frame}. So a first copy was lost before it came here, or is still on its way."
                );
            }
            None if packet.passage.is_some() => sentence += " The wire let them be overtaken.",
            None => sentence += " They were overtaken on the way, or lost and sent again: this capture does not tell.",
        }
        sentence
    }

    fn fin(&self, packet: KnownPacket<'_>) -> String {
        let (side, peer) = (packet.from, packet.from.peer());
        let facts = &packet.facts;
        let mut sentence = if packet.segment.len > 0 {
            "The last bytes. ".to_owned()
        } else {
            String::new()
        };
        let is_half = facts.has(FactKind::HalfClose);
        sentence += &match (self.fins[peer], is_half) {
            (true, _) if facts.has(FactKind::SimultaneousClose) => {
                format!("The {side} closes too, before it has the FIN of the {peer}: both close at once.")
            }
            (true, _) => format!("The {side} closes too. Its FIN ends the other direction."),
            (false, true) => match facts.shown_by(FactKind::HalfClose) {
                Some(frame) => format!(
                    "The {side} ends its sending side. It still receives, as frame {frame} shows: a half-close."
                ),
                None => format!("The {side} shuts down its sending side. It can still receive: a half-close."),
            },
            (false, false) if !self.facts.captured[peer] => format!(
                "The {side} closes: FIN says that it will send no more. Nothing of the {peer} was captured, so who closed first is not known."
            ),
            (false, false) => format!("The {side} closes first. FIN says that it will send no more."),
        };
        if facts.acked.as_ref().is_some_and(|acked| acked.fin) {
            sentence += &format!(" The same segment acknowledges the FIN of the {peer}.");
        }
        if let Some(waited) = facts.why.waited.filter(|_| facts.why.reason == Reason::ReceiveWindow) {
            let waited = milliseconds(waited);
            sentence += &format!(" It waited {waited} for room at the {peer}.");
        }
        sentence
    }

    fn probe(&self, packet: KnownPacket<'_>) -> String {
        let (side, peer) = (packet.from, packet.from.peer());
        let byte = if packet.segment.len > 0 { " with one byte" } else { "" };
        if packet.facts.has(FactKind::ZeroWindowProbe) {
            format!("A window probe{byte}: the window of the {peer} is 0, and the {side} asks whether it has opened.")
        } else {
            format!("A keep-alive probe{byte}: it repeats an old sequence number, so that the {peer} must answer.")
        }
    }

    fn request(&self, packet: KnownPacket<'_>) -> String {
        if let Some(sentence) = self.waited(packet) {
            return sentence;
        }
        let replying = self.exchange.is_none_or(|place| place.part > 0);
        let mut sentence = if replying {
            "The client sends its request.".to_owned()
        } else {
            "The client sends more before it has a reply.".to_owned()
        };
        let acked = packet.facts.acked.as_ref().filter(|acked| acked.bytes > 0);
        if acked.is_some() && self.established && replying {
            sentence += " The ACK of the reply rides along.";
        }
        sentence
    }

    fn reply(&self, id: EventId, packet: KnownPacket<'_>) -> String {
        if let Some(sentence) = self.waited(packet) {
            return sentence;
        }
        let Some(place) = self.places.get(&id) else {
            return self.outside_an_exchange(packet);
        };
        let mut sentence = match (place.part, place.parts) {
            _ if place.open => "The server sends data: a reply, or a part of one.".to_owned(),
            (1, 1) => "The whole reply in one segment.".to_owned(),
            (1, _) => format!("The first part of the reply.{}", self.at_once(packet, true)),
            (part, parts) if part == parts => {
                format!("The last part of the reply.{}", self.at_once(packet, false))
            }
            _ => format!("A further part of the reply.{}", self.at_once(packet, false)),
        };
        if packet.facts.carries_open {
            sentence += " Several threads wrote at once: it is open whose bytes it holds.";
        } else if packet.facts.carries.len() > 1 {
            sentence += &format!(" It holds the bytes of {} writes.", packet.facts.carries.len());
        }
        if packet.facts.acked.as_ref().is_some_and(|acked| acked.bytes > 0) {
            sentence += " The ACK of the request rides along.";
        }
        if self.fins.client {
            sentence += " The client has sent its FIN; the server's own direction is still open.";
        }
        sentence
    }

    fn outside_an_exchange(&self, packet: KnownPacket<'_>) -> String {
        if self.fins.client {
            "The server sends data after the FIN of the client: its own direction is still open."
        } else if self.exchange.is_none() && !self.facts.began_before && packet.ack > 1 {
            return match self.timeline.lone_fragments() {
                0 => "The server sends data. What the client sent before was not captured.",
                _ => "The server sends data. What the client sent before was not captured, or not all fragments of it.",
            }
            .to_owned();
        } else if self.exchange.is_none() && !self.facts.began_before {
            "The server speaks first: no request has come."
        } else {
            "The server sends more data."
        }
        .to_owned()
    }

    /// Why a segment of a reply left at once, where its call shows that it did.
    fn at_once(&self, packet: KnownPacket<'_>, first: bool) -> &'static str {
        if packet.facts.why.reason != Reason::AtOnce {
            return "";
        }
        let left = self
            .timeline
            .event_of_frame(packet.number)
            .map(|id| self.timeline[id].at);
        let no_delay = left.and_then(|left| no_delay_at(&self.no_delay, left)) == Some(true);
        let settled = packet.facts.alone;
        let full = packet.facts.full_size;
        match (settled, first) {
            (true, true) => " It leaves at once, since nothing before it waits for an ACK.",
            (true, false) => " It leaves at once, since the part before it is acknowledged.",
            (false, _) if full => " A full segment does not wait for an ACK.",
            (false, _) if no_delay => " TCP_NODELAY is set, so it does not wait for the ACK of the part before it.",
            (false, _) => "",
        }
    }

    /// A segment that left later than its write.
    fn waited(&self, packet: KnownPacket<'_>) -> Option<String> {
        let why = &packet.facts.why;
        let write = why.evidence.iter().find_map(Evidence::event)?;
        let name = match &self.timeline[write].kind {
            EventKind::Call(call) => call.name.clone(),
            EventKind::Client(action) => action.call.as_deref().map_or("send".into(), |call| call.name.clone()),
            _ => return None,
        };
        let frame = why.evidence.iter().find_map(Evidence::frame).unwrap_or_default();
        let waited = why.waited.map(milliseconds);
        let late = waited.map_or_else(
            || format!("Held back: it did not leave with its `{name}`."),
            |waited| format!("Held back: `{name}` returned {waited} before this packet left."),
        );
        let peer = packet.from.peer();
        match why.reason {
            Reason::Nagle => Some(format!("{late} Nagle's algorithm waited for the ACK in frame {frame}.")),
            Reason::Cork => Some(format!(
                "{late} TCP_CORK or MSG_MORE asked the kernel to wait for more."
            )),
            Reason::ReceiveWindow => Some(format!("{late} The {peer} had no room for it until frame {frame}.")),
            Reason::CongestionWindow => Some(format!(
                "{late} It left after the ACK in frame {frame}: that fits the congestion window, the most that a sender keeps in flight."
            )),
            _ => None,
        }
    }

    fn bare_ack(&self, packet: KnownPacket<'_>) -> String {
        let (side, peer) = (packet.from, packet.from.peer());
        let facts = &packet.facts;
        if facts.has(FactKind::ChallengeAck) {
            return format!(
                "A challenge ACK: the {side}'s kernel says which byte it expects, as a SYN or a reset of the {peer} did not fit."
            );
        }
        if let Some(acked) = &facts.acked {
            return self.acknowledges(packet, acked);
        }
        if facts.has(FactKind::KeepAliveAck) || facts.has(FactKind::ZeroWindowProbeAck) {
            return format!("The {side}'s kernel answers the probe.");
        }
        if facts.has(FactKind::WindowUpdate) {
            return format!("A window update: the {side} has room for {} bytes.", packet.window);
        }
        if let Some(fact) = facts.get(FactKind::DuplicateAck) {
            let again = frame_of(fact);
            let beyond = match facts.has(FactKind::Sack) {
                true => " SACK blocks name what has come beyond the missing bytes.",
                false => "",
            };
            return format!(
                "A duplicate of the ACK in frame {again}: the {side}'s kernel says again which byte it expects next.{beyond}"
            );
        }
        let options = &packet.segment.options;
        let known = if !self.facts.captured[peer] {
            format!("What it acknowledges was not captured, as nothing of the {peer} was.")
        } else {
            let options = match (options.cut, options.others) {
                (true, _) => " Some of its options were cut off, so what else it says is not known.",
                (false, true) => " It has an option of another kind, such as Multipath TCP's.",
                (false, false) => "",
            };
            format!("It acknowledges nothing new.{options}")
        };
        format!("The {side}'s kernel says which byte it expects next. {known}")
    }

    fn acknowledges(&self, packet: KnownPacket<'_>, acked: &Acked) -> String {
        let (side, peer) = (packet.from, packet.from.peer());
        if acked.syn && acked.bytes == 0 {
            return format!("The {side}'s kernel acknowledges the SYN of the {peer}: the connection is established.");
        }
        if acked.fin {
            return self.ack_of_fin(packet);
        }
        match side {
            Side::Client => self.ack_of_reply(packet, acked),
            Side::Server => self.ack_of_request(packet, acked),
        }
    }

    fn ack_of_fin(&self, packet: KnownPacket<'_>) -> String {
        let (side, peer) = (packet.from, packet.from.peer());
        let acknowledges = format!("The {side}'s kernel acknowledges the FIN");
        if self.fins[side] {
            return match self.closing.time_wait() {
                Some(waits) if waits == side && !self.facts.simultaneous_close => {
                    format!(
                        "{acknowledges}: both sides have closed. The {side}, which closed first, waits in TIME_WAIT."
                    )
                }
                _ => format!("{acknowledges}: both sides have closed."),
            };
        }
        let acknowledges = match delayed(packet) {
            Some(waited) if is_inferred(packet) => format!("{acknowledges}. {}", fits_a_delay(&waited)),
            Some(waited) => format!(
                "A delayed ACK of the FIN: for {waited} the {side}'s kernel hoped to send it along with a FIN of its own."
            ),
            None => acknowledges + ".",
        };
        let left = side == Side::Server && self.closing.server_left == Some(TcpState::CloseWait);
        if left && !self.closing.fins.contains(&Side::Server) && !self.is_linux {
            format!("{acknowledges} The capture ends before the server closes: its socket is in CLOSE_WAIT by then.")
        } else if left && !self.closing.fins.contains(&Side::Server) {
            format!("{acknowledges} The server never closes: its socket is left in CLOSE_WAIT.")
        } else {
            format!(
                "{acknowledges} The socket of the {side} is in CLOSE_WAIT until it closes too: the {peer} waits for its FIN."
            )
        }
    }

    fn ack_of_reply(&self, packet: KnownPacket<'_>, acked: &Acked) -> String {
        let hoped = delayed(packet).map(|waited| {
            if is_inferred(packet) {
                let what = self.replied(acked);
                return format!("The client's kernel acknowledges {what}. {}", fits_a_delay(&waited));
            }
            format!("A delayed ACK: for {waited} the client's kernel hoped to send it along with data.")
        });
        match (self.releases.get(&packet.number), hoped) {
            (Some(frame), Some(hoped)) => format!("{hoped} It lets the held segment go, frame {frame}."),
            (Some(frame), None) => {
                format!("The client's kernel acknowledges what it has. That lets the held segment go, frame {frame}.")
            }
            (None, Some(hoped)) => hoped,
            (None, None) => format!("The client's kernel acknowledges {}.", self.replied(acked)),
        }
    }

    /// What of the reply an ACK covers, by its number.
    fn replied(&self, acked: &Acked) -> String {
        let place = acked
            .frames
            .and_then(|(first, last)| Some((self.parts.get(&first)?, self.parts.get(&last)?)));
        let of_one_reply = place.filter(|(first, last)| first.exchange == last.exchange && !last.open);
        match of_one_reply {
            Some((InExchange { part: 1, .. }, InExchange { part, parts, .. })) if part == parts => {
                "the reply".to_owned()
            }
            Some((_, InExchange { part: 1, .. })) => "the first part of the reply".to_owned(),
            Some((_, InExchange { part, parts, .. })) if part < parts => "this part of the reply".to_owned(),
            Some(_) => "the last part of the reply".to_owned(),
            None => format!("{} of the server", amount(u64::from(acked.bytes), "byte", "bytes")),
        }
    }

    fn ack_of_request(&self, packet: KnownPacket<'_>, acked: &Acked) -> String {
        let place = self.exchange.unwrap_or_default();
        let why = &packet.facts.why;
        if place.part > 0 || self.exchange.is_none() {
            return format!(
                "The server's kernel acknowledges {} of the client.",
                amount(u64::from(acked.bytes), "byte", "bytes")
            );
        }
        if let Some(waited) = delayed(packet) {
            if is_inferred(packet) {
                return format!(
                    "The server's kernel acknowledges the request. {}",
                    fits_a_delay(&waited)
                );
            }
            return format!(
                "A delayed ACK: no reply came for {waited}, so the server's kernel acknowledges the request without one."
            );
        }
        let before = "acknowledges the request before the server has replied";
        match (why.reason, self.is_linux, place.exchange) {
            (Reason::AckAtOnce, true, 0) => {
                format!("The kernel {before}: early in a connection Linux acknowledges at once (quick ACK).")
            }
            (Reason::AckAtOnce, true, _) => format!("The kernel {before}: Linux acknowledged at once (quick ACK)."),
            (Reason::AckAtOnce, false, _) => format!("The server's kernel {before}, at once."),
            _ => format!("The server's kernel {before}."),
        }
    }
}

/// The first frame that shows a fact.
fn frame_of(fact: &Fact) -> FrameNumber {
    fact.evidence.iter().find_map(Evidence::frame).unwrap_or_default()
}

/// True if a packet has what tells a copy of it from what is sent anew.
fn is_marked(packet: KnownPacket<'_>) -> bool {
    packet.segment.ip.id.is_some() || packet.segment.options.timestamps.is_some()
}

/// A reset that does not fit the one in whose name it came.
fn forged(side: Side, packet: KnownPacket<'_>, fact: &Fact) -> String {
    let frame = frame_of(fact);
    let why = if frame > packet.number {
        format!("the {side} talks on in frame {frame}")
    } else {
        let hops = packet.segment.ip.hops_left;
        format!("its time to live is {hops}, and that of frame {frame} another")
    };
    format!("A reset in the name of the {side}: {why}. That fits a box between the two, or somebody who forged it.")
}

/// A reset that its receiver need not take. It may answer something that is of another connection.
fn stray_reset(side: Side, packet: KnownPacket<'_>, answers: Option<FrameNumber>) -> String {
    let peer = side.peer();
    match answers.filter(|_| packet.facts.why.reason == Reason::ClosedSocket) {
        Some(frame) => format!(
            "The {side}'s host resets what frame {frame} is about, for which it has no open socket. That is not this connection."
        ),
        None => format!(
            "A reset in the name of the {side}, whose number is not the one that the {peer} expects: it need not take it."
        ),
    }
}

/// What a frame is whose packet another frame holds.
fn captured_twice(copy: &Fact) -> String {
    let frame = frame_of(copy);
    let sure = match copy.certainty {
        Certainty::Seen => "it was sent once, and",
        _ => "it fits that it was sent once, and",
    };
    format!("The packet of frame {frame} again: {sure} captured at two places, or copied on its way.")
}

/// What became of a packet on a wire, if it did not just come.
fn add_outcome(passage: &Passage, from: Side, sentence: &mut String) {
    let peer = from.peer();
    *sentence += &match passage.arrivals.len() {
        0 => format!(" It does not come to the {peer}."),
        1 if passage.corrupted => {
            format!(" It comes damaged, and the {peer}'s kernel throws it away for its checksum.")
        }
        1 => return,
        _ => format!(" It comes to the {peer} twice."),
    };
}

/// No timer of a sender runs out so soon.
const TOO_EARLY: Duration = Duration::from_millis(2);

/// How long an ACK was put off, if it was.
fn delayed(packet: KnownPacket<'_>) -> Option<String> {
    let why = &packet.facts.why;
    (why.reason == Reason::DelayedAck).then(|| milliseconds(why.waited.unwrap_or_default()))
}

/// True if why it left is inferred, and not seen.
fn is_inferred(packet: KnownPacket<'_>) -> bool {
    packet.facts.why.certainty == Certainty::Inferred
}

fn fits_a_delay(waited: &str) -> String {
    format!("It took {waited} longer than the way there and back: that fits a delayed ACK.")
}

/// `2 connections are left out`.
pub(crate) fn are_left_out(connections: usize) -> String {
    let are = if connections == 1 { "is" } else { "are" };
    format!("{} {are} left out", amount(connections, "connection", "connections"))
}

/// `1 packet`, `2 packets`.
pub(crate) fn amount<N: Display + PartialEq + From<u8>>(number: N, one: &str, many: &str) -> String {
    let word = if number == N::from(1) { one } else { many };
    format!("{number} {word}")
}

fn milliseconds(duration: Duration) -> String {
    match whole_milliseconds(duration) {
        0 => "less than 1 ms".to_owned(),
        number => format!("{number} ms"),
    }
}

/// Where each packet of an exchange stands in it. What is sent again is no part of its own.
fn places(timeline: &Timeline, connection: Connection<'_>) -> HashMap<EventId, InExchange> {
    let new = |id: EventId, side: Side| {
        let packet = timeline.packet(id);
        packet.is_some_and(|p| p.from == side && p.segment.len > 0 && !p.facts.is_repeat())
    };
    let mut places = HashMap::new();
    let exchanges = connection.exchanges();
    // The last HTTP reply may be longer than what was captured of it.
    let sent = connection.http_sent(EventId(u32::MAX));
    let is_cut = sent.is_some_and(|sent| sent.left > 0 || sent.next != Part::Head);
    let last = exchanges.len().checked_sub(1).filter(|_| is_cut);
    for (exchange, packets) in exchanges.into_iter().map(|e| e.packets).enumerate() {
        let parts: Vec<EventId> = packets.iter().copied().filter(|id| new(*id, Side::Server)).collect();
        let requests = packets.iter().filter(|id| new(**id, Side::Client)).count();
        // The place in the stream counts: a part may come out of order.
        let seq = |id: EventId| timeline.packet(id).map_or(0, |packet| packet.seq);
        let first = parts.first().map_or(0, |id| seq(*id));
        let mut in_stream = parts.clone();
        in_stream.sort_by_key(|id| seq(*id).wrapping_sub(first).cast_signed());
        let holed = is_holed(timeline, &in_stream);
        let part_of: HashMap<EventId, usize> = in_stream.into_iter().zip(1..).collect();
        let mut so_far = 0;
        for id in packets {
            let part = part_of.get(&id).copied().unwrap_or(so_far);
            so_far = so_far.max(part);
            places.insert(
                id,
                InExchange {
                    exchange,
                    part,
                    parts: parts.len(),
                    open: requests > 1 || holed || last == Some(exchange),
                },
            );
        }
    }
    places
}

/// True if bytes before the first of these segments, or between them, were not captured. They are in the order of the
/// stream.
fn is_holed(timeline: &Timeline, in_stream: &[EventId]) -> bool {
    let packets = || in_stream.iter().filter_map(|id| timeline.packet(*id));
    let first = packets().next();
    let before = first.is_some_and(|first| first.facts.has(FactKind::PreviousSegmentNotCaptured));
    let gap = |(one, next): (KnownPacket<'_>, KnownPacket<'_>)| {
        let end = one.seq.wrapping_add(one.segment.len);
        one.passage.is_none() && is_after(next.seq, end)
    };
    before || packets().zip(packets().skip(1)).any(gap)
}

/// In whole milliseconds, to the nearest: one wait has one number, wherever it is told.
pub(crate) fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from((duration.as_micros() + 500) / 1000).unwrap_or(u64::MAX)
}
