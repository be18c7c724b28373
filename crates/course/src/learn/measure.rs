//! Questions that a timeline answers: each a name, the form of its answer, and a pure function.

use std::collections::BTreeSet;

use harness::facts::FactKind;
use harness::timeline::{
    Call, CallKind, Connection, EventId, Exit, Flags, KnownPacket, Packet, Side, TcpState, Timeline,
};

/// A question that a timeline answers.
#[derive(Debug)]
pub struct Measure {
    /// Its name in `exercise.json`.
    pub name: &'static str,
    /// What an answer looks like.
    pub form: Form,
    /// What it tells.
    pub summary: &'static str,
    ask: fn(Connection<'_>, Option<usize>) -> Option<Measured>,
}

/// What an answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A number.
    Number,
    /// One of these words.
    Word(&'static [&'static str]),
    /// The number of a frame; any right one counts.
    Frame,
    /// The numbers of all frames, in any order.
    Frames,
}

/// What a timeline answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The answers that are right. Of [`Form::Frames`] all of them together are.
    pub right: Vec<String>,
    /// The events that show it, as indices into the timeline.
    pub evidence: Vec<EventId>,
}

const SIDES: Form = Form::Word(&["client", "server", "nobody"]);
const STATES: Form = Form::Word(&[
    "ESTABLISHED",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "CLOSE_WAIT",
    "CLOSING",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSED",
]);

macro_rules! measures {
    ($($name:literal $form:expr, $summary:literal, $ask:expr;)+) => {
        /// All measures. They ask a connection of a timeline.
        pub const MEASURES: &[Measure] = &[$(Measure { name: $name, form: $form, summary: $summary, ask: $ask }),+];
    };
}

measures! {
    "packets-of-handshake" Form::Number, "packets until both sides know of the connection", |c, _| counted(handshake(c)?);
    "handshake-or-accept" Form::Word(&["handshake", "accept"]), "which ends first: the handshake, or the accept that returns the connection", |c, _| handshake_or_accept(c);
    "packets-per-exchange" Form::Number, "packets of an exchange, in both directions", packets_of_exchange;
    "segments-per-reply" Form::Number, "segments of the server with data, in an exchange", |c, of| counted(in_exchange(c, of, |p| p.from == Side::Server && p.segment.len > 0)?);
    "acks-alone" Form::Number, "packets of an exchange that carry no data", |c, of| counted(in_exchange(c, of, is_ack_alone)?);
    "writes-per-reply" Form::Number, "write-family calls of a reply", |c, of| counted(replies(c).get(of.unwrap_or(1).checked_sub(1)?)?.clone());
    "most-writes-per-reply" Form::Number, "write-family calls of the reply that took most", |c, _| most_writes(c);
    "reads-with-data" Form::Number, "read-family calls of the server that returned data", |c, _| counted(calls(c, CallKind::Read).collect());
    "stalls" Form::Number, "segments that were held back until an ACK came", |c, _| stalls(c);
    "packets-to-close" Form::Number, "packets from the first FIN or reset on", |c, _| (c.packets().count() > 0).then(|| c.closing().packets).and_then(counted);
    "fins" Form::Number, "FINs, of both sides", |c, _| counted(packets(c, |p| p.segment.flags.has(Flags::FIN)));
    "first-fin" SIDES, "who sends the first FIN", |c, _| first_fin(c);
    "resets" SIDES, "who sends a reset", |c, _| side(c.closing().reset_by, packets(c, |p| p.segment.flags.has(Flags::RST)));
    "time-wait" SIDES, "whose socket waits in TIME_WAIT", |c, _| time_wait(c);
    "server-left-in" STATES, "the state that the server's socket is left in", |c, _| left(c, Side::Server);
    "client-left-in" STATES, "the state that the client's socket is left in", |c, _| left(c, Side::Client);
    "held-frame" Form::Frame, "a packet that was held back until an ACK came", |c, of| nth(c, held(c, 0), of);
    "held-write" Form::Frame, "the call that wrote what was held back", |c, of| nth(c, held(c, 1), of);
    "releasing-ack" Form::Frame, "the packet whose ACK let a held packet go", |c, of| nth(c, held(c, 2), of);
    "delayed-ack" Form::Frame, "an ACK that its sender had put off", |c, of| nth(c, packets(c, |p| p.facts.has(FactKind::DelayedAck)), of);
    "delayed-acks" Form::Frames, "the ACKs that their senders had put off", |c, _| nth(c, packets(c, |p| p.facts.has(FactKind::DelayedAck)), None);
    "fin-of-client" Form::Frame, "the client's FIN", |c, _| nth(c, packets(c, |p| p.from == Side::Client && p.segment.flags.has(Flags::FIN)), None);
    "fin-of-server" Form::Frame, "the server's FIN", |c, _| nth(c, packets(c, |p| p.from == Side::Server && p.segment.flags.has(Flags::FIN)), None);
    "reset-frame" Form::Frame, "a packet with RST", |c, of| nth(c, packets(c, |p| p.segment.flags.has(Flags::RST)), of);
    "end-of-file" Form::Frame, "the read that returned 0: it tells the server that the client has closed", |c, _| nth(c, end_of_file(c), None);
    "retransmission" Form::Frame, "a packet that had been sent before", |c, of| nth(c, packets(c, |p| p.facts.has(FactKind::Retransmission)), of);
    "packets-of-exchange" Form::Frames, "the packets of an exchange", |c, of| nth(c, exchange(c, of)?, None);
    "packets" Form::Number, "packets of the connection, in both directions", |c, _| counted(packets(c, |_| true));
    "lost" Form::Frame, "a packet that left one host and never came to the other", |c, of| nth(c, packets(c, is_lost), of);
    "syns-of-client" Form::Frames, "the client's SYNs", |c, _| nth(c, packets(c, |p| p.from == Side::Client && p.segment.flags.has(Flags::SYN)), None);
    "exit" Form::Number, "the status that the server's process ended with by itself", |c, _| match c.timeline().exit()? {
        Exit::Status(code) => word(code, Vec::new()),
        Exit::Signal(_) => None,
    };
    "last-write" Form::Frame, "the call that wrote the last byte of a reply", |c, of| nth(c, last_write(c, of)?, None);
    "ends" Form::Frames, "the packets with FIN or RST", |c, _| nth(c, packets(c, |p| [Flags::FIN, Flags::RST].into_iter().any(|flag| p.segment.flags.has(flag))), None);
    "releasing-side" SIDES, "who sends the packet that lets a held packet go", |c, _| releasing_side(c);
    "bytes-after-fin" Form::Number, "bytes that the server sends after the client's FIN", |c, _| bytes_after_fin(c);
    "duplicate-ack" Form::Frame, "an ACK that brings nothing new: something before what came is missing", |c, of| nth(c, packets(c, |p| p.facts.has(FactKind::DuplicateAck)), of);
    "acks-of-kernels" Form::Frames, "the packets without data, SYN, FIN or RST: kernels send them", |c, _| nth(c, packets(c, is_ack_alone), None);
}

/// The measure with this name.
pub fn find(name: &str) -> Option<&'static Measure> {
    MEASURES.iter().find(|measure| measure.name == name)
}

/// The names of all, for a message.
pub fn names() -> String {
    let names: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
    names.join(", ")
}

impl Measure {
    /// What it tells, and of which connection if that is said.
    pub fn about(&self, on: Option<usize>) -> String {
        let on = on.map_or_else(String::new, |on| format!(", on connection {on}"));
        format!("{}{on}", self.summary)
    }

    /// Asks a timeline of a connection, from 1: of the first unless told. `None` if it does not tell, as where packets
    /// could not be captured.
    pub fn ask(&self, timeline: &Timeline, on: Option<usize>, of: Option<usize>) -> Option<Measured> {
        let connection = timeline.connections().nth(on.unwrap_or(1).checked_sub(1)?)?;
        (self.ask)(connection, of)
    }
}

impl Form {
    /// What to answer with, in a few words.
    pub fn words(self) -> String {
        match self {
            Form::Number => "a number".to_owned(),
            Form::Word(words) => words.join(", "),
            Form::Frame => "the number of a frame".to_owned(),
            Form::Frames => "the numbers of frames, with spaces between".to_owned(),
        }
    }

    /// An answer in the form in which answers are compared.
    ///
    /// # Errors
    ///
    /// If it is none of this form; the message says what one looks like.
    pub fn read(self, answer: &str) -> Result<Vec<String>, String> {
        let complain = || format!("{:?} is no answer to this: give {}", answer.trim(), self.words());
        let numbers = || -> Option<BTreeSet<u64>> {
            // `frames 28 and 32.`
            let around = ["frame", "frames", "packet", "packets", "call", "and"];
            // `24-31`, `24 to 31`
            let joined = answer.replace(" to ", "-").replace(['–', '—'], "-").replace(" - ", "-");
            let parts = joined
                .split(|c: char| c.is_whitespace() || c == ',')
                .map(|part| part.trim_start_matches('#').trim_end_matches(['.', ':']))
                .filter(|part| !part.is_empty() && !around.iter().any(|word| part.eq_ignore_ascii_case(word)));
            let read: Option<Vec<Vec<u64>>> = parts.map(numbers_of).collect();
            Some(read?.into_iter().flatten().collect())
        };
        let read: Vec<String> = match self {
            Form::Word(words) => {
                let plain = |word: &str| word.trim().to_ascii_lowercase().replace(['-', ' '], "_");
                let found = words
                    .iter()
                    .find(|word| plain(word) == plain(answer.trim().trim_start_matches("the ")));
                vec![(*found.ok_or_else(complain)?).to_owned()]
            }
            _ => numbers().ok_or_else(complain)?.iter().map(u64::to_string).collect(),
        };
        match (self, read.len()) {
            (_, 0) => Err(complain()),
            (Form::Number | Form::Frame, 2..) => Err(complain()),
            _ => Ok(read),
        }
    }
}

/// A number, in digits or as a word, or all from one to another.
fn numbers_of(part: &str) -> Option<Vec<u64>> {
    const WORDS: [&str; 13] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    ];
    // Nobody means more frames than that by a range.
    const MOST: u64 = 1000;
    let word = WORDS.iter().position(|word| part.eq_ignore_ascii_case(word));
    if let Some(number) = part.parse().ok().or(word.map(|place| place as u64)) {
        return Some(vec![number]);
    }
    let (from, to) = part.split_once('-')?;
    let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to && to - from < MOST).then(|| (from..=to).collect())
}

impl Measured {
    /// True if this is a right answer, as [`Form::read`] gives it.
    pub fn is_right(&self, form: Form, answer: &[String]) -> bool {
        match form {
            Form::Frames => {
                let set = |words: &[String]| words.iter().cloned().collect::<BTreeSet<_>>();
                set(&self.right) == set(answer)
            }
            _ => answer.len() == 1 && self.right.contains(&answer[0]),
        }
    }

    /// The right answer, to show it.
    pub fn shown(&self) -> String {
        self.right.join(" ")
    }
}

fn counted(evidence: Vec<EventId>) -> Option<Measured> {
    word(evidence.len(), evidence)
}

fn word(word: impl ToString, evidence: Vec<EventId>) -> Option<Measured> {
    Some(Measured {
        right: vec![word.to_string()],
        evidence,
    })
}

/// The side that it was, or nobody.
fn side(side: Option<Side>, evidence: impl IntoIterator<Item = EventId>) -> Option<Measured> {
    match side {
        Some(side) => word(side, evidence.into_iter().collect()),
        None => word("nobody", Vec::new()),
    }
}

/// These events that are frames, or the one at this place among them, from 1.
fn nth(c: Connection<'_>, mut evidence: Vec<EventId>, of: Option<usize>) -> Option<Measured> {
    if let Some(of) = of {
        evidence = vec![*evidence.get(of.checked_sub(1)?)?];
    }
    let frames = evidence.iter().filter_map(|&id| c.timeline().frame(id));
    let right: Vec<String> = frames.map(|frame| frame.to_string()).collect();
    (!right.is_empty()).then_some(Measured { right, evidence })
}

fn packets(c: Connection<'_>, wanted: impl Fn(KnownPacket<'_>) -> bool) -> Vec<EventId> {
    c.packets()
        .filter(|(_, packet)| wanted(*packet))
        .map(|(id, _)| id)
        .collect()
}

fn is_ack_alone(packet: KnownPacket<'_>) -> bool {
    let flags = packet.segment.flags;
    let none = [Flags::SYN, Flags::FIN, Flags::RST]
        .into_iter()
        .all(|flag| !flags.has(flag));
    packet.segment.len == 0 && none
}

fn is_lost(packet: KnownPacket<'_>) -> bool {
    packet.passage.as_ref().is_some_and(|passage| passage.is_lost())
}

fn calls(c: Connection<'_>, kind: CallKind) -> impl Iterator<Item = EventId> {
    let moved = move |(id, call): (EventId, &Call)| (call.kind == kind && call.moved() > 0).then_some(id);
    c.calls().filter_map(moved)
}

/// The SYN, the SYN,ACK and the ACK of it: `None` if they were not all captured.
fn handshake(c: Connection<'_>) -> Option<Vec<EventId>> {
    let first: Vec<(EventId, KnownPacket<'_>)> =
        c.packets().take_while(|(_, packet)| packet.segment.len == 0).collect();
    let is_answer = |packet: &KnownPacket<'_>| packet.from == Side::Server && packet.segment.flags.has(Flags::SYN);
    let answer = first.iter().position(|(_, packet)| is_answer(packet))?;
    let ack = first[answer..]
        .iter()
        .position(|(_, packet)| packet.from == Side::Client)?;
    Some(first[..=answer + ack].iter().map(|(id, _)| *id).collect())
}

fn handshake_or_accept(c: Connection<'_>) -> Option<Measured> {
    let done = *handshake(c)?.last()?;
    let (accept, call) = c.calls().find(|(_, call)| call.kind == CallKind::Accept)?;
    let first = c.timeline()[done].at <= call.ended;
    word(if first { "handshake" } else { "accept" }, vec![done, accept])
}

/// The packets of an exchange, the first one unless told.
fn exchange(c: Connection<'_>, of: Option<usize>) -> Option<Vec<EventId>> {
    let exchanges = c.exchanges();
    Some(exchanges.get(of.unwrap_or(1).checked_sub(1)?)?.packets.clone())
}

fn in_exchange(c: Connection<'_>, of: Option<usize>, wanted: impl Fn(KnownPacket<'_>) -> bool) -> Option<Vec<EventId>> {
    let packets = exchange(c, of)?.into_iter();
    let is_wanted = |id: &EventId| c.timeline().packet(*id).is_some_and(&wanted);
    Some(packets.filter(is_wanted).collect())
}

/// Also where no packets could be captured: then the kernel has counted them.
fn packets_of_exchange(c: Connection<'_>, of: Option<usize>) -> Option<Measured> {
    let count = *c.packets_per_exchange().get(of.unwrap_or(1).checked_sub(1)?)?;
    word(count, exchange(c, of).unwrap_or_default())
}

/// The writes of each reply: see [`Connection::writes_per_reply`].
pub fn replies(c: Connection<'_>) -> Vec<Vec<EventId>> {
    let mut writes = calls(c, CallKind::Write);
    c.writes_per_reply()
        .into_iter()
        .map(|count| writes.by_ref().take(count).collect())
        .collect()
}

fn most_writes(c: Connection<'_>) -> Option<Measured> {
    // The first of those that took most.
    counted(replies(c).into_iter().rev().max_by_key(Vec::len)?)
}

/// Of each packet that Nagle's algorithm held back: itself, the call that wrote it, the packet that let it go.
fn held(c: Connection<'_>, part: usize) -> Vec<EventId> {
    let parts = |(id, packet): (EventId, KnownPacket<'_>)| {
        let held = packet.held()?;
        Some([id, held.write, c.timeline().event_of_frame(held.until_frame)?])
    };
    c.packets()
        .filter_map(parts)
        .filter_map(|parts| parts.get(part).copied())
        .collect()
}

fn stalls(c: Connection<'_>) -> Option<Measured> {
    // Without packets nothing tells whether one waited.
    (c.packets().count() > 0).then(|| held(c, 0)).and_then(counted)
}

fn first_fin(c: Connection<'_>) -> Option<Measured> {
    let fins = packets(c, |packet| packet.segment.flags.has(Flags::FIN));
    side(c.closing().fins.first().copied(), fins.into_iter().take(1))
}

fn time_wait(c: Connection<'_>) -> Option<Measured> {
    let mut states = c.states().into_iter().rev();
    let last = states.find(|(_, change)| change.to == Some(TcpState::TimeWait));
    side(c.closing().time_wait(), last.map(|(id, _)| id))
}

fn left(c: Connection<'_>, side: Side) -> Option<Measured> {
    let mut states = c.states().into_iter().filter(|(_, change)| change.side == side);
    let (id, change) = states.next_back()?;
    word(
        change.to.map_or_else(|| "CLOSED".to_owned(), |state| state.to_string()),
        vec![id],
    )
}

fn end_of_file(c: Connection<'_>) -> Vec<EventId> {
    c.calls()
        .filter(|(_, call)| call.is_end_of_file())
        .map(|(id, _)| id)
        .collect()
}

fn last_write(c: Connection<'_>, of: Option<usize>) -> Option<Vec<EventId>> {
    let reply = replies(c).into_iter().nth(of.unwrap_or(1).checked_sub(1)?)?;
    Some(reply.last().copied().into_iter().collect())
}

fn releasing_side(c: Connection<'_>) -> Option<Measured> {
    let acks = held(c, 2);
    let first = acks.first().and_then(|&ack| c.timeline().packet(ack));
    side(first.map(|packet| packet.from), acks)
}

/// Bytes that are sent again count once: packets that repeat some are left out.
fn bytes_after_fin(c: Connection<'_>) -> Option<Measured> {
    let is_fin = |packet: &Packet| packet.from == Side::Client && packet.segment.flags.has(Flags::FIN);
    let after = c.packets().skip_while(|(_, packet)| !is_fin(packet));
    let data = after.filter(|(_, packet)| {
        packet.from == Side::Server && packet.segment.len > 0 && !packet.facts.has(FactKind::Retransmission)
    });
    let data: Vec<(EventId, usize)> = data.map(|(id, packet)| (id, packet.segment.len as usize)).collect();
    let bytes: usize = data.iter().map(|(_, length)| length).sum();
    word(bytes, data.into_iter().map(|(id, _)| id).collect())
}

#[cfg(test)]
#[path = "../../tests/unit/learn_measure.rs"]
mod tests;
