//! Where an exchange's time went. Each moment of it belongs to whoever its bytes wait for: to the wire
//! that carries them, to the program that is to read them, and so on. So the parts are the whole.

use std::time::Duration;

use super::{Connection, KnownPacket};
use crate::events::{Both, CallKind, ClientActionKind, EventId, EventKind, Level, Packet, Passage, Side, Timestamp};
use crate::facts::{Certainty, Exchange};

/// Whom or what an exchange waits for at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Awaited {
    /// The client: the server has read all that has come, and more of the request comes later.
    Client,
    /// The wire: bytes of the request or of the reply have left one host and have not come to the other.
    Wire,
    /// The socket: bytes of the request have come to the server's host, and no read has returned them.
    Socket,
    /// The program: it has read all that has come, and is yet to write.
    Program,
    /// The kernel of the server's host: bytes of the reply were given to it in a call, and no packet has
    /// left with them.
    Kernel,
    /// Nothing that was recorded tells.
    Unknown,
}

impl Awaited {
    /// All of them, in the order in which an exchange usually goes through them.
    pub const ALL: [Awaited; 6] = [
        Awaited::Client,
        Awaited::Wire,
        Awaited::Socket,
        Awaited::Program,
        Awaited::Kernel,
        Awaited::Unknown,
    ];

    /// Its name, in a word.
    pub fn name(self) -> &'static str {
        match self {
            Awaited::Client => "client",
            Awaited::Wire => "wire",
            Awaited::Socket => "socket",
            Awaited::Program => "program",
            Awaited::Kernel => "kernel",
            Awaited::Unknown => "unknown",
        }
    }
}

/// Where the time of an exchange went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// When the first byte of the request left the client's host.
    pub began: Timestamp,
    /// From then on until the first byte of the reply had come there.
    pub first_byte: Duration,
    /// And until the last byte had.
    pub whole: Duration,
    /// The parts of the whole in nanoseconds, in the order of [`Awaited::ALL`]. Their sum is the whole.
    parts: [u64; Awaited::ALL.len()],
    /// How sure the parts are, but for the unknown one.
    pub certainty: Certainty,
    /// How long the connection's threads stood still meanwhile for the tracer alone, as far as the tracer
    /// knows: it does not know how long the system took to wake it, and them. Most of it lies in the
    /// program's part. `None` if no calls were traced.
    pub tracer: Option<Duration>,
}

impl Spent {
    /// Of an exchange of which nobody knows what it waited for.
    fn unknown(began: Timestamp, first_byte: Duration, whole: Duration) -> Spent {
        let mut parts = [0; Awaited::ALL.len()];
        parts[Awaited::Unknown as usize] = whole.as_nanos() as u64;
        Spent {
            began,
            first_byte,
            whole,
            parts,
            certainty: Certainty::Unknown,
            tracer: None,
        }
    }

    /// How long it waited for this.
    pub fn part(&self, part: Awaited) -> Duration {
        Duration::from_nanos(self.parts[part as usize])
    }

    /// What it waited longest for.
    pub fn mostly(&self) -> Awaited {
        let longest = Awaited::ALL.into_iter().rev().max_by_key(|part| self.part(*part));
        longest.unwrap_or(Awaited::Unknown)
    }
}

/// How far the bytes of one direction have come, as offsets into its stream.
#[derive(Clone, Debug, Default)]
struct Stream {
    /// All bytes before this one.
    end: u64,
    /// Bytes beyond a hole.
    beyond: Vec<(u64, u64)>,
}

impl Stream {
    fn add(&mut self, from: u64, to: u64) {
        if from > self.end {
            // What follows a hole in order is one stretch, so that a hole that stays takes no room for each packet.
            match self.beyond.last_mut().filter(|last| last.1 == from) {
                Some(last) => last.1 = to,
                None => self.beyond.push((from, to)),
            }
            return;
        }
        self.end = self.end.max(to);
        while let Some(next) = self.beyond.iter().position(|(from, _)| *from <= self.end) {
            self.end = self.end.max(self.beyond.swap_remove(next).1);
        }
    }
}

/// Offsets of packets, whose sequence numbers start anew after four gigabytes.
#[derive(Clone, Copy, Debug, Default)]
struct Offsets {
    last: u64,
}

impl Offsets {
    /// From where to where in the stream a packet's data is; the first byte has offset 0 and number 1.
    fn of(&mut self, packet: &Packet) -> (u64, u64) {
        let distance = packet.seq.wrapping_sub(1).wrapping_sub(self.last as u32).cast_signed();
        let from = self.last.saturating_add_signed(distance.into());
        let to = from + u64::from(packet.segment.len);
        self.last = self.last.max(to);
        (from, to)
    }
}

/// What moves bytes on.
#[derive(Clone, Copy, Debug)]
enum Move {
    Leaves(Side, u64, u64),
    Comes(Side, u64, u64),
    /// Both at once, where it was seen at one place.
    Passes(Side, u64, u64),
    Read(u64),
    Write(u64),
}

/// Where the time of each exchange of a connection went, in the order of
/// [`Connection::exchanges`]. `None` for one whose reply did not come, or not all of it.
pub fn spent(connection: Connection<'_>) -> Vec<Option<Spent>> {
    each_spent(connection).collect()
}

/// The same, one by one: a connection may have millions.
pub(crate) fn each_spent(connection: Connection<'_>) -> Box<dyn Iterator<Item = Option<Spent>> + '_> {
    let timeline = connection.timeline();
    if timeline.level == Level::NoPackets {
        return Box::new(by_actions(connection).into_iter());
    }
    let course = Course::of(connection);
    let lossy = timeline.dropped > 0 || timeline.not_kept > 0;
    let certainty = match (course.tells, lossy) {
        (false, _) => Certainty::Unknown,
        (true, true) => Certainty::Inferred,
        (true, false) => Certainty::Seen,
    };
    let exchanges = connection.exchanges().into_iter();
    Box::new(exchanges.map(move |exchange| course.spent(connection, &exchange, certainty)))
}

impl Connection<'_> {
    /// True if bytes that one host had sent by then had not come to the other: the wire still had them, or had lost them.
    pub fn is_on_the_wire(self, at: Timestamp) -> bool {
        let steps = Course::of(self).steps;
        let by_then = steps.partition_point(|step| step.at <= at);
        steps[..by_then].last().is_some_and(|step| step.on_the_wire)
    }
}

/// The exchanges of a connection of packets alone, timed as the packets go by: what [`spent`] finds of all of them.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    offsets: Offsets,
    reply: Stream,
    /// How many have begun.
    begun: usize,
    /// The last one, and those before it whose replies have holes.
    open: Vec<Timed>,
}

/// An exchange whose reply may not have come as a whole.
#[derive(Clone, Copy, Debug)]
struct Timed {
    place: usize,
    began: Timestamp,
    from: u64,
    to: u64,
    first_byte: Option<Timestamp>,
    ended: Option<Timestamp>,
}

impl Timed {
    fn spent(&self) -> Option<(usize, Spent)> {
        let whole = self.ended.filter(|_| self.to > 0)?.since(self.began);
        let first_byte = self.first_byte?.since(self.began);
        Some((self.place, Spent::unknown(self.began, first_byte, whole)))
    }
}

impl Timing {
    /// An exchange begins. Hands on those before it that are over.
    pub fn begin(&mut self, at: Timestamp, over: impl FnMut(usize, Spent)) {
        self.end(over);
        self.open.retain(|timed| timed.to > 0);
        self.open.push(Timed {
            place: self.begun,
            began: at,
            from: u64::MAX,
            to: 0,
            first_byte: None,
            ended: None,
        });
        self.begun += 1;
    }

    /// Takes in a packet. `replies` if it is one of the last exchange's reply.
    pub fn see(&mut self, at: Timestamp, packet: KnownPacket<'_>, replies: bool) {
        if packet.from != Side::Server || !carries(packet) {
            return;
        }
        let (from, to) = self.offsets.of(&packet);
        self.reply.add(from, to);
        if let Some(last) = self.open.last_mut().filter(|_| replies && !packet.facts.is_repeat()) {
            last.from = last.from.min(from);
            if to > last.to {
                (last.to, last.ended) = (to, None);
            }
        }
        for timed in self.open.iter_mut().filter(|timed| timed.to > 0) {
            if self.reply.end > timed.from {
                timed.first_byte.get_or_insert(at);
            }
            if self.reply.end >= timed.to {
                timed.ended.get_or_insert(at);
            }
        }
    }

    /// Hands on those exchanges that are over, each with its place.
    pub fn end(&mut self, mut over: impl FnMut(usize, Spent)) {
        let ended = self.open.iter().filter_map(Timed::spent);
        ended.for_each(|(place, spent)| over(place, spent));
        self.open.retain(|timed| timed.ended.is_none());
    }
}

/// What is so of a connection's bytes from a moment on. It is as large as a move, in whose room it is put.
#[derive(Clone, Copy)]
struct Step {
    at: Timestamp,
    request_left: u64,
    reply_came: u64,
    /// Bytes have left that have not come.
    on_the_wire: bool,
    /// What an exchange waits for, as far as the next step does not tell.
    awaited: Awaited,
}

/// The life of a connection's bytes: how far they are from each moment on.
struct Course {
    steps: Vec<Step>,
    /// From where to where in its stream the data of each packet is, by the packet, in order.
    places: Vec<(EventId, u64, u64)>,
    /// When the connection's threads stood still for the tracer, and how long, in order.
    tracer: Vec<(Timestamp, Duration)>,
    /// Calls were traced, and both ends of a packet's way are known.
    tells: bool,
}

impl Course {
    fn of(connection: Connection<'_>) -> Course {
        let timeline = connection.timeline();
        let mut moves: Vec<(Timestamp, Move)> = Vec::new();
        let (mut places, mut tracer) = (Vec::new(), Vec::new());
        let mut offsets = Both::<Offsets>::default();
        for (id, event) in connection.events() {
            match &event.kind {
                EventKind::Packet(packet) if timeline.packet(id).is_some_and(carries) => {
                    let (from, to) = offsets[packet.from].of(packet);
                    places.push((id, from, to));
                    let Some(passage) = &packet.passage else {
                        moves.push((event.at, Move::Passes(packet.from, from, to)));
                        continue;
                    };
                    moves.push((event.at, Move::Leaves(packet.from, from, to)));
                    moves.extend(came(passage).map(|at| (at, Move::Comes(packet.from, from, to))));
                }
                EventKind::Call(call) => {
                    tracer.push((call.ended, call.tracer));
                    match call.kind {
                        CallKind::Read if call.moved() > 0 => moves.push((call.ended, Move::Read(call.moved()))),
                        CallKind::Write if call.moved() > 0 => moves.push((call.entered, Move::Write(call.moved()))),
                        _ => {}
                    }
                }
                EventKind::Client(action) => {
                    tracer.extend(action.call.as_deref().map(|call| (call.ended, call.tracer)));
                }
                _ => {}
            }
        }
        // The order of what happens at one moment does not matter.
        moves.sort_unstable_by_key(|(at, _)| *at);
        tracer.sort_unstable_by_key(|(at, _)| *at);
        Course {
            steps: steps(moves),
            places,
            tracer,
            tells: timeline.level > Level::NoPackets
                && timeline.tells_calls()
                && !connection.facts().began_before
                // Where the server is the client, its peer's calls were not traced.
                && !connection.is_the_servers_own(),
        }
    }

    fn spent(&self, connection: Connection<'_>, exchange: &Exchange, certainty: Certainty) -> Option<Spent> {
        let began = connection.timeline()[*exchange.packets.first()?].at;
        let last = *exchange.packets.last()?;
        let first = *exchange.packets.first()?;
        let place = |of: EventId| self.places.partition_point(|(index, ..)| *index < of);
        let of_exchange = self.places[place(first)..]
            .iter()
            .take_while(|(index, ..)| *index <= last);
        let reply = of_exchange.filter(|(index, ..)| {
            let packet = connection.timeline().packet(*index);
            packet.is_some_and(|packet| packet.from == Side::Server && !packet.facts.is_repeat())
        });
        let (from, to) = reply.fold((u64::MAX, 0), |(first, last), (_, from, to)| {
            (first.min(*from), last.max(*to))
        });
        let came = |offset: u64| {
            let step = self.steps.partition_point(|step| step.reply_came < offset);
            self.steps.get(step).map(|step| step.at)
        };
        if to == 0 {
            return None;
        }
        let (first_byte, ended) = (came(from + 1)?, came(to)?);
        let whole = ended.since(began);
        let mut parts = [Duration::ZERO; Awaited::ALL.len()];
        for (part, time) in self.parts(began, ended) {
            parts[part as usize] += time;
        }
        // Before the first step, as where a SYN carries the request.
        let told: Duration = parts.iter().sum();
        parts[Awaited::Unknown as usize] += whole.saturating_sub(told);
        let before = self.tracer.partition_point(|(at, _)| *at < began);
        let meanwhile = self.tracer[before..].iter().take_while(|(at, _)| *at <= ended);
        Some(Spent {
            began,
            first_byte: first_byte.since(began),
            whole,
            parts: parts.map(|part| part.as_nanos() as u64),
            certainty,
            tracer: self.tells.then(|| meanwhile.map(|(_, time)| *time).sum()),
        })
    }

    /// The stretches of time between two moments, each with what it belongs to.
    fn parts(&self, began: Timestamp, ended: Timestamp) -> impl Iterator<Item = (Awaited, Duration)> {
        let first = self.steps.partition_point(|step| step.at <= began).saturating_sub(1);
        (first..self.steps.len()).map_while(move |step| {
            let now = self.steps[step];
            if now.at >= ended {
                return None;
            }
            let next = self.steps.get(step + 1);
            let until = next.map_or(ended, |next| next.at.min(ended));
            let sends = next.is_some_and(|next| next.request_left > now.request_left);
            let part = match now.awaited {
                _ if !self.tells => Awaited::Unknown,
                Awaited::Program if sends => Awaited::Client,
                awaited => awaited,
            };
            Some((part, until.since(now.at.max(began))))
        })
    }
}

/// True for data in its place: a SYN's is not in the stream, and a keep-alive's byte is an old one.
fn carries(packet: KnownPacket<'_>) -> bool {
    use crate::events::Flags;
    use crate::facts::FactKind::{KeepAlive, ZeroWindowProbe};
    let probes = packet.facts.has(KeepAlive) || packet.facts.has(ZeroWindowProbe);
    packet.segment.len > 0 && !packet.segment.flags.has(Flags::SYN) && !probes
}

fn came(passage: &Passage) -> Option<Timestamp> {
    passage.arrivals.iter().min().copied().filter(|_| !passage.corrupted)
}

fn steps(moves: Vec<(Timestamp, Move)>) -> Vec<Step> {
    // How far the bytes of each side have left, and come.
    let mut left = Both::<Stream>::default();
    let mut came = left.clone();
    let (mut read, mut written) = (0_u64, 0_u64);
    let step = |(at, moved)| {
        match moved {
            Move::Leaves(side, from, to) => left[side].add(from, to),
            Move::Comes(side, from, to) => came[side].add(from, to),
            Move::Passes(side, from, to) => {
                left[side].add(from, to);
                came[side].add(from, to);
            }
            Move::Read(bytes) => read = read.saturating_add(bytes),
            Move::Write(bytes) => written = written.saturating_add(bytes),
        }
        let on_the_wire = left.client.end > came.client.end || left.server.end > came.server.end;
        Step {
            at,
            request_left: left.client.end,
            reply_came: came.server.end,
            on_the_wire,
            awaited: if written > left.server.end {
                Awaited::Kernel
            } else if on_the_wire {
                Awaited::Wire
            } else if came.client.end > read {
                Awaited::Socket
            } else {
                Awaited::Program
            },
        }
    };
    let mut steps: Vec<Step> = moves.into_iter().map(step).collect();
    // What happens at one moment is one step.
    steps.dedup_by(|later, one| {
        let same = later.at == one.at;
        *one = if same { *later } else { *one };
        same
    });
    steps
}

/// Without packets: from when a client of ours sent until it had received, and of the parts nothing.
fn by_actions(connection: Connection<'_>) -> Vec<Option<Spent>> {
    let mut all: Vec<Option<Spent>> = Vec::new();
    let mut sent: Option<Timestamp> = None;
    let mut replied = false;
    for (id, action) in connection.client_actions() {
        let at = connection.timeline()[id].at;
        match action.kind {
            ClientActionKind::Sent { .. } if sent.is_none() || replied => {
                all.push(None);
                (sent, replied) = (Some(at), false);
            }
            ClientActionKind::Received { .. } => {
                let (Some(began), Some(last)) = (sent, all.last_mut()) else {
                    continue;
                };
                replied = true;
                let whole = at.since(began);
                let first_byte = last.map_or(whole, |before| before.first_byte);
                *last = Some(Spent::unknown(began, first_byte, whole));
            }
            _ => {}
        }
    }
    all
}
