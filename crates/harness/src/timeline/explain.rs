//! Why a packet is there: one plain sentence, and the call behind it.
//!
//! What TCP asks for is said as TCP's. What only Linux does is said as Linux's.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use super::Timeline;
use super::event::*;
use super::query::{Closing, Connection};
use super::segment::Flags;

mod calls;

pub(crate) use calls::printable;
pub use calls::{action_text, call_text, call_text_within};
pub(crate) use calls::{cut, data_text};

/// What is behind a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The calls that made it leave, with their side, one per line: `server: sendto(9, "1", 1) = 1`.
    /// `None` for a packet that the kernel made on its own.
    pub call: Option<String>,
    /// Set where the packet left later than its call.
    pub held: Option<HeldBack>,
    /// Why it is there.
    pub sentence: String,
}

/// How long a segment was held back, and what let it go, in the terms that a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// From the return of its call to the segment, in whole milliseconds.
    pub milliseconds: u64,
    /// The number of the frame whose ACK let it go.
    pub until_frame: usize,
}

impl Explanation {
    /// As the comment of a packet in a capture file: `call: ...` lines, then the sentence.
    pub fn to_comment(&self) -> String {
        let mut comment = String::new();
        for call in self.call.iter().flat_map(|calls| calls.lines()) {
            // Writing to a string cannot fail.
            let _ = writeln!(comment, "call: {call}");
        }
        if let Some(held) = self.held {
            let _ = writeln!(
                comment,
                "held: {} ms, until frame {}",
                held.milliseconds, held.until_frame
            );
        }
        comment + &self.sentence
    }

    /// Reads back what [`to_comment`](Self::to_comment) wrote. Any other comment becomes the
    /// sentence. Control characters are escaped, since a file may hold any.
    pub fn from_comment(comment: &str) -> Explanation {
        let (mut calls, mut held, mut sentence) = (Vec::new(), None, Vec::new());
        for line in comment.lines() {
            if let Some(call) = line.strip_prefix("call: ").filter(|_| sentence.is_empty()) {
                calls.push(printable(call));
            } else if let Some(found) = read_held(line).filter(|_| sentence.is_empty()) {
                held = Some(found);
            } else {
                sentence.push(printable(line));
            }
        }
        let call = (!calls.is_empty()).then(|| calls.join("\n"));
        Explanation {
            call,
            held,
            sentence: sentence.join(" "),
        }
    }
}

fn read_held(line: &str) -> Option<HeldBack> {
    let (milliseconds, frame) = line.strip_prefix("held: ")?.split_once(" ms, until frame ")?;
    Some(HeldBack {
        milliseconds: milliseconds.parse().ok()?,
        until_frame: frame.parse().ok()?,
    })
}

/// Explains the packet at an index into the timeline's events. `None` if that is no packet.
///
/// A packet that came with a comment from a file is explained by that comment.
pub fn explain(timeline: &Timeline, packet_index: usize) -> Option<Explanation> {
    timeline.packet(packet_index)?;
    let id = timeline.events[packet_index].connection?;
    let connection = timeline.connections().nth(id.0)?;
    explain_connection(timeline, connection).remove(&packet_index)
}

/// Explains every packet, by its index into the timeline's events. For many packets this is much
/// faster than asking for each with [`explain`].
pub fn explain_all(timeline: &Timeline) -> BTreeMap<usize, Explanation> {
    timeline
        .connections()
        .flat_map(|connection| explain_connection(timeline, connection))
        .collect()
}

/// Explains every packet of one connection.
pub(crate) fn explain_connection(timeline: &Timeline, connection: Connection<'_>) -> BTreeMap<usize, Explanation> {
    let mut story = Story::new(timeline, connection);
    let mut explanations = BTreeMap::new();
    for (index, packet) in connection.packets() {
        explanations.insert(index, story.explain(index, packet));
        story.passed(index, packet);
    }
    explanations
}

/// The client's actions that made packets leave: packet index to action index.
///
/// Data is matched by its place in the stream, since an action may be recorded before or after its
/// packet. Where an action's bytes took several packets, the first counts.
pub(crate) fn client_actions_behind(connection: Connection<'_>) -> HashMap<usize, usize> {
    let mut sent = 0;
    let mut starts = HashMap::new();
    let mut ends = Vec::new();
    for (index, event) in connection.events() {
        let EventKind::Client(action) = &event.kind else {
            continue;
        };
        match &action.kind {
            ClientActionKind::Sent { len, .. } => {
                starts.insert(sent, index);
                sent += len;
            }
            ClientActionKind::ShutdownWrite | ClientActionKind::Closed => ends.push((Flags::FIN, index)),
            ClientActionKind::Reset => ends.push((Flags::RST, index)),
            _ => {}
        }
    }
    let mut behind = HashMap::new();
    for (index, packet) in connection.packets().filter(|(_, packet)| packet.from == Side::Client) {
        let end = ends.iter().position(|(flag, _)| packet.segment.flags.has(*flag));
        if packet.segment.len > 0 {
            // Relative sequence number 1 is the stream's first byte.
            let start = u64::from(packet.seq.wrapping_sub(1));
            if let Some(action) = starts.remove(&start) {
                behind.insert(index, action);
            }
        } else if let Some(end) = end {
            behind.insert(index, ends.remove(end).1);
        }
    }
    behind
}

/// What the packets of a connection have told so far.
struct Story<'a> {
    timeline: &'a Timeline,
    connection: Connection<'a>,
    closing: Closing,
    client: End,
    server: End,
    /// From the SYN to the ACK of the SYN,ACK: a round trip, wherever it was captured.
    round_trip: Duration,
    syn_at: Option<Timestamp>,
    established: bool,
    places: HashMap<usize, Place>,
    exchange: Option<Place>,
    /// Packets whose ACK let a held segment go, with that segment's frame number.
    releases: HashMap<usize, usize>,
    actions: HashMap<usize, usize>,
    /// Calls that end the connection, in order.
    ends: Vec<&'a Call>,
    no_delay: bool,
    probe: Option<Side>,
}

/// What one side has done.
#[derive(Clone, Copy, Default)]
struct End {
    /// The next relative sequence number that it will use.
    next: u32,
    /// What it has acknowledged.
    acked: u32,
    window: u32,
    mss: Option<u16>,
    /// The relative sequence number of its FIN.
    fin: Option<u32>,
    fin_at: Option<Timestamp>,
    last_data: Option<Timestamp>,
    syns: usize,
}

/// A packet's place in its exchange.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Which exchange, from 0.
    exchange: usize,
    /// How many segments of the reply there have been, this one included.
    part: usize,
    /// How many there are in all.
    parts: usize,
}

/// Linux delays an ACK by 40 ms or more (TCP_DELACK_MIN). An ACK that took half of that longer
/// than a round trip was delayed.
const DELAYED: Duration = Duration::from_millis(20);

/// The room that TCP's timestamps take in every segment (RFC 7323), which counts against the MSS.
const TIMESTAMPS_LEN: u32 = 12;

impl<'a> Story<'a> {
    fn new(timeline: &'a Timeline, connection: Connection<'a>) -> Story<'a> {
        let ends =
            |(_, call): (usize, &'a Call)| matches!(call.kind, CallKind::Close | CallKind::Shutdown).then_some(call);
        let sets_no_delay = |(_, call): (usize, &Call)| {
            call.kind == CallKind::SetOption && call.detail.as_deref() == Some("TCP_NODELAY, 1")
        };
        let release = |(_, packet): (usize, &Packet)| Some((packet.held?.released_by, packet.number));
        Story {
            timeline,
            connection,
            closing: connection.closing(),
            client: End::default(),
            server: End::default(),
            round_trip: Duration::ZERO,
            syn_at: None,
            established: false,
            places: places(timeline, connection),
            exchange: None,
            releases: connection.held_segments().filter_map(release).collect(),
            actions: client_actions_behind(connection),
            ends: connection.calls().filter_map(ends).collect(),
            no_delay: connection.calls().any(sets_no_delay),
            probe: None,
        }
    }

    fn explain(&self, index: usize, packet: &Packet) -> Explanation {
        if let Some(comment) = &packet.comment {
            return Explanation::from_comment(comment);
        }
        let held = packet.held.and_then(|held| {
            let until_frame = self.timeline.packet(held.released_by)?.number;
            Some(HeldBack {
                milliseconds: whole_milliseconds(held.waited),
                until_frame,
            })
        });
        Explanation {
            call: self.calls(index, packet),
            held,
            sentence: self.sentence(index, packet),
        }
    }

    /// Takes a packet into the story.
    fn passed(&mut self, index: usize, packet: &Packet) {
        let flags = packet.segment.flags;
        let at = self.at(index);
        self.probe = self.is_probe(packet).then_some(packet.from);
        if let Some(place) = self.places.get(&index) {
            self.exchange = Some(*place);
        }
        if flags.has(Flags::SYN) && packet.from == Side::Client {
            self.syn_at = Some(at);
        } else if !flags.has(Flags::SYN) && !self.established {
            self.established = true;
            self.round_trip = self.syn_at.map_or(Duration::ZERO, |syn| at.since(syn));
        }
        let mine = match packet.from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let end = packet.seq.wrapping_add(packet.segment.len);
        if flags.has(Flags::SYN) {
            mine.syns += 1;
            mine.mss = packet.segment.options.mss;
        }
        if flags.has(Flags::FIN) {
            mine.fin.get_or_insert(end);
            mine.fin_at.get_or_insert(at);
        }
        let numbered = u32::from(flags.has(Flags::SYN)) + u32::from(flags.has(Flags::FIN));
        let next = end.wrapping_add(numbered);
        if is_after(next, mine.next) {
            mine.next = next;
        }
        if packet.segment.len > 0 {
            mine.last_data = Some(at);
        }
        if flags.has(Flags::ACK) && is_after(packet.ack, mine.acked) {
            mine.acked = packet.ack;
        }
        mine.window = packet.window;
    }

    fn at(&self, index: usize) -> Timestamp {
        self.timeline.events[index].at
    }

    fn end(&self, side: Side) -> &End {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    /// True if this packet acknowledges something new.
    fn acknowledges_more(&self, packet: &Packet) -> bool {
        packet.segment.flags.has(Flags::ACK) && is_after(packet.ack, self.end(packet.from).acked)
    }

    /// True if this packet is the first to acknowledge its peer's FIN.
    fn acknowledges_fin(&self, packet: &Packet) -> bool {
        let fin = self.end(packet.from.peer()).fin;
        self.acknowledges_more(packet) && fin.is_some_and(|fin| packet.ack == fin.wrapping_add(1))
    }

    /// True for an empty segment one byte behind what was sent: its receiver must answer.
    fn is_probe(&self, packet: &Packet) -> bool {
        let flags = packet.segment.flags;
        let plain = !flags.has(Flags::SYN) && !flags.has(Flags::FIN) && !flags.has(Flags::RST);
        plain && packet.segment.len == 0 && packet.seq.wrapping_add(1) == self.end(packet.from).next
    }

    // The calls.

    fn calls(&self, index: usize, packet: &Packet) -> Option<String> {
        match packet.from {
            Side::Client => self.client_call(index, packet),
            Side::Server => self.server_calls(index, packet),
        }
    }

    fn client_call(&self, index: usize, packet: &Packet) -> Option<String> {
        let flags = packet.segment.flags;
        if flags.has(Flags::SYN) && !flags.has(Flags::ACK) {
            return Some("client: connect".to_owned());
        }
        match &self.timeline.events[*self.actions.get(&index)?].kind {
            EventKind::Client(action) => Some(format!("client: {}", action_text(&action.kind))),
            _ => None,
        }
    }

    fn server_calls(&self, index: usize, packet: &Packet) -> Option<String> {
        let mut calls: Vec<&Call> = packet.carries.iter().filter_map(|&w| self.timeline.call(w)).collect();
        let flags = packet.segment.flags;
        if flags.has(Flags::FIN) || flags.has(Flags::RST) {
            calls.extend(self.ending_call(index, packet));
        }
        if calls.is_empty() && self.is_window_update(packet) {
            calls.extend(self.during(packet).filter(|call| call.kind == CallKind::Read));
        }
        let lines: Vec<String> = calls
            .iter()
            .map(|call| format!("server: {}", call_text(call)))
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn during(&self, packet: &Packet) -> Option<&'a Call> {
        self.timeline.call(packet.during?)
    }

    /// The close or shutdown that a FIN or a reset of the server came from.
    fn ending_call(&self, index: usize, packet: &Packet) -> Option<&'a Call> {
        let during = self
            .during(packet)
            .filter(|c| matches!(c.kind, CallKind::Close | CallKind::Shutdown));
        if during.is_some() || packet.segment.flags.has(Flags::RST) {
            return during;
        }
        let at = self.at(index);
        self.ends.iter().rfind(|call| call.entered <= at).copied()
    }

    fn is_window_update(&self, packet: &Packet) -> bool {
        let pure = packet.segment.len == 0 && packet.segment.flags == Flags::ACK;
        pure && !self.acknowledges_more(packet) && packet.window > self.end(packet.from).window
    }

    // The sentences.

    fn sentence(&self, index: usize, packet: &Packet) -> String {
        let flags = packet.segment.flags;
        let side = packet.from;
        if flags.has(Flags::RST) {
            self.reset(packet)
        } else if flags.has(Flags::SYN) {
            self.syn(packet)
        } else if flags.has(Flags::FIN) {
            self.fin(index, packet)
        } else if packet.retransmission {
            format!("Sent again: no ACK has come for these bytes of the {side}.")
        } else if self.is_probe(packet) && self.established {
            self.probe_sentence(packet)
        } else if packet.segment.len > 0 {
            match side {
                Side::Client => self.request(packet),
                Side::Server => self.reply(index, packet),
            }
        } else {
            self.bare_ack(index, packet)
        }
    }

    fn syn(&self, packet: &Packet) -> String {
        let again = self.end(packet.from).syns > 0;
        match (packet.segment.flags.has(Flags::ACK), again) {
            (false, false) => "The client asks for a connection and names its first sequence number.",
            (false, true) => "The client asks again: its SYN has not been answered.",
            (true, false) => {
                "The server's kernel accepts and names its own first sequence number. The server need not have called accept yet."
            }
            (true, true) => "The server's kernel accepts again: its SYN,ACK has not been answered.",
        }
        .to_owned()
    }

    fn reset(&self, packet: &Packet) -> String {
        let closing = self.during(packet).is_some_and(|call| call.kind == CallKind::Close);
        match packet.from {
            Side::Client if self.client_reset() => {
                "The client resets the connection: it closed its socket with SO_LINGER set to 0, so a reset leaves instead of a FIN."
            }
            Side::Client => "The client's kernel resets the connection: its socket is gone or was closed with data unread.",
            Side::Server if !self.established => {
                "The server's kernel refuses: nobody listens on this port."
            }
            Side::Server if closing && self.unread() => {
                "The server closed its socket with data unread. Linux then sends a reset instead of a FIN, so that the client learns of the loss."
            }
            Side::Server if closing => {
                "The server closed its socket with SO_LINGER set to 0, so a reset leaves instead of a FIN."
            }
            Side::Server => "The server's kernel resets the connection: its socket is gone or was closed with data unread.",
        }
        .to_owned()
    }

    fn client_reset(&self) -> bool {
        self.connection.events().any(
            |(_, event)| matches!(&event.kind, EventKind::Client(action) if action.kind == ClientActionKind::Reset),
        )
    }

    /// True if the client has sent more than the server has read.
    fn unread(&self) -> bool {
        let read: u64 = self
            .connection
            .calls()
            .filter(|(_, call)| call.kind == CallKind::Read)
            .map(|(_, call)| call.moved())
            .sum();
        u64::from(self.client.next.saturating_sub(1)) > read
    }

    fn fin(&self, index: usize, packet: &Packet) -> String {
        let side = packet.from;
        let end = packet.seq.wrapping_add(packet.segment.len);
        if self.end(side).fin == Some(end) {
            return format!("Sent again: no ACK has come for the FIN of the {side}.");
        }
        let mut sentence = if packet.segment.len > 0 {
            "The last bytes. ".to_owned()
        } else {
            String::new()
        };
        sentence += &match (self.end(side.peer()).fin.is_some(), self.is_half_close(index)) {
            (false, true) => format!("The {side} shuts down its sending side. It can still receive: a half-close."),
            (false, false) => format!("The {side} closes first. FIN says that it will send no more."),
            (true, _) => format!("The {side} closes too. Its FIN ends the other direction."),
        };
        if self.acknowledges_fin(packet) {
            let _ = write!(
                sentence,
                " The same segment acknowledges the FIN of the {}.",
                side.peer()
            );
        }
        sentence
    }

    fn is_half_close(&self, index: usize) -> bool {
        let packet = self.timeline.packet(index);
        let by_server = packet
            .filter(|packet| packet.from == Side::Server)
            .and_then(|packet| self.ending_call(index, packet))
            .is_some_and(|call| call.kind == CallKind::Shutdown);
        let by_client = self.actions.get(&index).is_some_and(|&action| {
            matches!(&self.timeline.events[action].kind, EventKind::Client(a) if a.kind == ClientActionKind::ShutdownWrite)
        });
        by_server || by_client
    }

    fn probe_sentence(&self, packet: &Packet) -> String {
        let (side, peer) = (packet.from, packet.from.peer());
        if self.end(peer).window == 0 {
            format!("A window probe: the window of the {peer} is 0, and the {side} asks whether it has opened.")
        } else {
            format!("A keep-alive probe: it repeats an old sequence number, so that the {peer} must answer.")
        }
    }

    fn request(&self, packet: &Packet) -> String {
        let replying = self.exchange.is_none_or(|place| place.part > 0);
        let mut sentence = if replying {
            "The client sends its request.".to_owned()
        } else {
            "The client sends more before it has a reply.".to_owned()
        };
        if self.acknowledges_more(packet) && self.established && replying {
            sentence += " The ACK of the reply rides along.";
        }
        sentence
    }

    fn reply(&self, index: usize, packet: &Packet) -> String {
        if let Some(sentence) = self.held(packet) {
            return sentence;
        }
        let Some(place) = self.places.get(&index) else {
            return self.outside_an_exchange();
        };
        let mut sentence = match (place.part, place.parts) {
            (1, 1) => "The whole reply in one segment.".to_owned(),
            (1, _) => self.first_part(),
            (part, parts) => self.further_part(packet, part == parts),
        };
        if packet.carries.len() > 1 {
            let _ = write!(sentence, " It holds the bytes of {} writes.", packet.carries.len());
        }
        if self.acknowledges_more(packet) {
            sentence += " The ACK of the request rides along.";
        }
        sentence
    }

    fn outside_an_exchange(&self) -> String {
        if self.client.fin.is_some() {
            "The server sends data after the FIN of the client: its own direction is still open."
        } else if self.exchange.is_none() {
            "The server speaks first: no request has come."
        } else {
            "The server sends more data."
        }
        .to_owned()
    }

    fn held(&self, packet: &Packet) -> Option<String> {
        let held = packet.held?;
        let name = &self.timeline.call(held.write)?.name;
        let frame = self.timeline.packet(held.released_by)?.number;
        let waited = match whole_milliseconds(held.waited) {
            0 => "less than 1 ms".to_owned(),
            waited => format!("{waited} ms"),
        };
        Some(format!(
            "Held back: `{name}` returned {waited} before this packet left. Nagle's algorithm waited for the ACK in frame {frame}."
        ))
    }

    fn in_flight(&self) -> bool {
        is_after(self.server.next, self.client.acked)
    }

    fn first_part(&self) -> String {
        if self.in_flight() {
            "The first part of the reply.".to_owned()
        } else {
            "The first part of the reply. It leaves at once, since nothing before it waits for an ACK.".to_owned()
        }
    }

    fn further_part(&self, packet: &Packet, last: bool) -> String {
        let part = if last {
            "The last part of the reply."
        } else {
            "A further part of the reply."
        };
        let full = self
            .client
            .mss
            .is_some_and(|mss| packet.segment.len + TIMESTAMPS_LEN >= u32::from(mss));
        let why = if !self.in_flight() {
            " It leaves at once, since the part before it is acknowledged."
        } else if full {
            " A full segment does not wait for an ACK."
        } else if self.no_delay {
            " TCP_NODELAY is set, so it does not wait for the ACK of the part before it."
        } else {
            ""
        };
        format!("{part}{why}")
    }

    fn bare_ack(&self, index: usize, packet: &Packet) -> String {
        let (side, peer) = (packet.from, packet.from.peer());
        let mut sentence = if !self.established && side == Side::Client {
            "The client's kernel acknowledges the SYN of the server: the connection is established.".to_owned()
        } else if self.acknowledges_fin(packet) {
            self.ack_of_fin(index, packet)
        } else if self.acknowledges_more(packet) {
            self.ack_of_data(index, packet)
        } else if self.probe == Some(peer) {
            format!("The {side}'s kernel answers the probe.")
        } else if self.is_window_update(packet) {
            format!("A window update: the {side} has room for {} bytes.", packet.window)
        } else {
            format!("The {side}'s kernel repeats its last ACK: it says again which byte it expects next.")
        };
        if packet.window == 0 {
            let _ = write!(sentence, " Its window is 0: the {peer} must wait.");
        }
        sentence
    }

    fn ack_of_fin(&self, index: usize, packet: &Packet) -> String {
        let (side, peer) = (packet.from, packet.from.peer());
        let acknowledges = format!("The {side}'s kernel acknowledges the FIN");
        if self.end(side).fin.is_some() {
            return match self.closing.time_wait() {
                Some(waits) if waits == side => {
                    format!(
                        "{acknowledges}: both sides have closed. The {side}, which closed first, waits in TIME_WAIT."
                    )
                }
                _ => format!("{acknowledges}: both sides have closed."),
            };
        }
        let waited = self
            .end(peer)
            .fin_at
            .map_or(Duration::ZERO, |fin| self.at(index).since(fin));
        let acknowledges = if self.is_delayed(waited) {
            let waited = whole_milliseconds(waited);
            format!(
                "A delayed ACK of the FIN: for {waited} ms the {side}'s kernel hoped to send it along with a FIN of its own."
            )
        } else {
            acknowledges + "."
        };
        let left = side == Side::Server && self.closing.server_left == Some(TcpState::CloseWait);
        if left && !self.closing.fins.contains(&Side::Server) {
            format!("{acknowledges} The server never closes: its socket is left in CLOSE_WAIT.")
        } else {
            format!(
                "{acknowledges} The socket of the {side} is in CLOSE_WAIT until it closes too: the {peer} waits for its FIN."
            )
        }
    }

    /// True if an ACK that came so long after what it acknowledges was put off on purpose.
    fn is_delayed(&self, waited: Duration) -> bool {
        waited > self.round_trip + DELAYED
    }

    fn ack_of_data(&self, index: usize, packet: &Packet) -> String {
        let waited = self
            .end(packet.from.peer())
            .last_data
            .map_or(Duration::ZERO, |data| self.at(index).since(data));
        let delayed = self.is_delayed(waited);
        match packet.from {
            Side::Client => self.ack_of_reply(index, delayed, waited),
            Side::Server => self.ack_of_request(delayed, waited),
        }
    }

    fn ack_of_reply(&self, index: usize, delayed: bool, waited: Duration) -> String {
        let waited = whole_milliseconds(waited);
        match (self.releases.get(&index), delayed) {
            (Some(frame), true) => format!(
                "A delayed ACK: for {waited} ms the client's kernel hoped to send it along with data. It lets the held segment go, frame {frame}."
            ),
            (Some(frame), false) => {
                format!("The client's kernel acknowledges what it has. That lets the held segment go, frame {frame}.")
            }
            (None, true) => {
                format!("A delayed ACK: for {waited} ms the client's kernel hoped to send it along with data.")
            }
            (None, false) => format!("The client's kernel acknowledges {}.", self.replied()),
        }
    }

    /// What of the reply has come by now.
    fn replied(&self) -> &'static str {
        match self.exchange {
            Some(Place { part: 1, parts: 1, .. }) => "the reply",
            Some(Place { part: 1, .. }) => "the first part of the reply",
            Some(Place { part, parts, .. }) if part < parts => "this part of the reply",
            Some(_) => "the last part of the reply",
            None => "the data of the server",
        }
    }

    fn ack_of_request(&self, delayed: bool, waited: Duration) -> String {
        let place = self.exchange.unwrap_or_default();
        if place.part > 0 {
            return "The server's kernel acknowledges the data of the client.".to_owned();
        }
        if delayed {
            let waited = whole_milliseconds(waited);
            return format!(
                "A delayed ACK: no reply came for {waited} ms, so the server's kernel acknowledges the request without one."
            );
        }
        let when = if place.exchange == 0 {
            "early in a connection Linux acknowledges"
        } else {
            "Linux acknowledged"
        };
        format!("The kernel acknowledges the request before the server has replied: {when} at once (quick ACK).")
    }
}

/// Where each packet of an exchange stands in it. What is sent again is no part of its own.
fn places(timeline: &Timeline, connection: Connection<'_>) -> HashMap<usize, Place> {
    let is_part = |index: &usize| {
        let packet = timeline.packet(*index);
        packet.is_some_and(|p| p.from == Side::Server && p.segment.len > 0 && !p.retransmission)
    };
    let mut places = HashMap::new();
    for (exchange, packets) in connection.exchanges().into_iter().map(|e| e.packets).enumerate() {
        let parts = packets.iter().filter(|index| is_part(index)).count();
        let mut part = 0;
        for index in packets {
            part += usize::from(is_part(&index));
            places.insert(index, Place { exchange, part, parts });
        }
    }
    places
}

fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from((duration.as_micros() + 500) / 1000).unwrap_or(u64::MAX)
}

/// True if sequence number `a` lies after `b`, wrapping (RFC 9293, section 3.4).
fn is_after(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() > 0
}

#[cfg(test)]
mod tests;
