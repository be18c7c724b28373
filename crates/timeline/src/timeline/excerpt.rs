//! What is drawn of a long capture, in memory that does not grow with it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::spent::{Spent, Timing};
use super::{Connection, Timeline};
use crate::events::fragments::Fragments;
use crate::events::frames::Frames;
use crate::events::merge::{Captured, Merge};
use crate::events::sockets::{Sockets, known_of, note};
use crate::events::*;
use crate::facts::{Exchanging, FactKind, Facts, Following, Late, PacketFacts, Replying};

/// How much of a capture an [`Excerpt`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many packets of a connection, and calls between them: the first and the last half. Those
    /// packets that open, close or reset it are kept beside them.
    pub packets: usize,
    /// So many connections: the first.
    pub connections: usize,
    /// So many are followed, and judged: the first, where the capture has packets alone.
    pub followed: usize,
    /// The figures of so many exchanges: the first.
    pub exchanges: usize,
    /// A capture of up to so many packets and calls is kept whole, if its packets are no longer than
    /// 4 MB together.
    pub whole: usize,
}

/// A timeline of what is worth drawing of a capture of any length.
///
/// Of a short one that is all, as [`read`](crate::format::pcapng::read) gives it. Packets of a long
/// one come one by one, in the order of the file, and get the numbers that they would have on the
/// timeline of all. Then most of them are only counted. What is kept has no frame bytes and no more of
/// a payload or a comment than a line can show.
#[derive(Debug)]
pub struct Excerpt {
    limits: Limits,
    keeps: Keeps,
    /// The last event, where events are handed on.
    passed: Option<KeptEvent>,
    /// All of it, as long as that is little.
    whole: Option<Whole>,
    merge: Merge,
    fragments: Fragments,
    /// Of each connection. It is large: a list that grows must not move it.
    kept: Vec<Box<Kept>>,
    /// What belongs to no connection.
    outside: Vec<KeptEvent>,
    /// How many events have come.
    events: u64,
    left_out: LeftOut,
    level: Level,
    dropped: u64,
    not_kept: u64,
}

/// What of a long capture is kept. A capture that is read once more is known to be long, and which connections are wanted.
#[derive(Debug)]
enum Keeps {
    /// The first connections, of which a part.
    First,
    /// These, of which a part. Nothing else is followed.
    These(HashSet<ConnectionId>),
    /// All of these, up to so many bytes.
    WholeOf(HashSet<ConnectionId>, usize),
    /// Nothing: the events of these are handed on.
    Nothing(HashSet<ConnectionId>),
}

/// All of a capture that is short.
#[derive(Debug, Default)]
struct Whole {
    records: Vec<Record>,
    numbers: Vec<Option<FrameNumber>>,
    /// What the file says of each packet, for when it turns out to be long.
    told: Vec<Option<Box<Explanation>>>,
    bytes: usize,
}

/// An event that is kept.
#[derive(Debug)]
struct KeptEvent {
    /// As which of all it came.
    sequence: u64,
    /// As which frame of the file.
    number: Option<FrameNumber>,
    event: Event,
    /// What is so of it, if it is a packet.
    facts: Option<Box<PacketFacts>>,
}

/// A capture is short up to so many bytes of frames.
const SHORT: usize = 4 << 20;

/// So many events that belong to no connection are kept of a long capture: the first.
const MOST_OUTSIDE: usize = 1000;

/// A packet of a file, as it is read.
pub(crate) struct Found<'a> {
    pub number: FrameNumber,
    pub link_type: LinkType,
    pub frame: &'a [u8],
    pub wire_len: u32,
    /// A comment of somebody else's.
    pub comment: Option<String>,
    /// What a file of this crate says of it.
    pub told: Option<Box<Explanation>>,
    pub passage: Option<Box<Passage>>,
}

/// So much of a segment is looked at, in bytes: what it begins with may be a head of HTTP, or a handshake of TLS.
const LONGEST_HEAD: usize = 4096;

/// So much is kept of a comment, in bytes.
const LONGEST_COMMENT: usize = 4096;

/// So many connections are told apart. A scan of ports makes one of every packet, and each takes
/// some 250 bytes as long as more of it may come.
const MOST_CONNECTIONS: usize = 1 << 18;

/// What an excerpt has counted and not kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LeftOut {
    /// For each connection of the timeline.
    pub of_connection: Vec<Option<Totals>>,
    /// Further connections.
    pub connections: usize,
    /// Events of connections beyond those that are followed, or told apart.
    pub unplaced: u64,
    /// Packets without a segment, by the reason.
    pub no_segment: BTreeMap<NoSegment, u64>,
    /// True if there is more of the connections than what is kept of them.
    pub is_partial: bool,
    /// When the last event was.
    pub end: Timestamp,
    /// The figures of single exchanges, as far as there is room.
    pub exchanges: Exchanges,
    /// What is known of frames that had gone by.
    pub late: HashMap<FrameNumber, Vec<Late>>,
    /// Where frames are among all events, where these are told one by one.
    pub places: HashMap<FrameNumber, EventId>,
}

/// Figures of the exchanges of all connections, in the order of the connections.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Exchanges {
    most: usize,
    /// How many packets each took, and how many segments its reply.
    pub counts: Vec<(ConnectionId, u32, u32)>,
    /// Of each that had a reply, how long it took until the first byte and until the last.
    pub times: Vec<(ConnectionId, Duration, Duration)>,
}

impl Exchanges {
    /// The numbers of packets, and of segments, of a connection's exchanges.
    pub fn counts_of(&self, connection: ConnectionId) -> impl Iterator<Item = (usize, usize)> {
        let first = self.counts.partition_point(|(id, ..)| *id < connection);
        let of_this = self.counts[first..]
            .iter()
            .take_while(move |(id, ..)| *id == connection);
        of_this.map(|(_, packets, segments)| (*packets as usize, *segments as usize))
    }

    /// How long the exchanges of a connection took until the first byte of the reply, and until the last.
    fn times_of(&self, connection: ConnectionId) -> impl Iterator<Item = (Duration, Duration)> {
        let first = self.times.partition_point(|(id, ..)| *id < connection);
        let of_this = self.times[first..].iter().take_while(move |(id, ..)| *id == connection);
        of_this.map(|(_, first_byte, whole)| (*first_byte, *whole))
    }
}

impl LeftOut {
    /// Of a capture that is kept.
    pub fn of(no_segment: BTreeMap<NoSegment, u64>) -> LeftOut {
        LeftOut {
            no_segment,
            ..LeftOut::default()
        }
    }
}

/// A connection as a whole, packets that were not kept included.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    /// Packets that were not kept.
    pub left_out: u64,
    /// `None` if no call is told.
    pub writes_per_reply: Option<Counts>,
    pub segments_per_reply: Counts,
    pub packets_per_exchange: Counts,
    /// True if a packet has a comment.
    pub commented: bool,
    pub stalls: Stalls,
    /// When its first event was, and its last. `None` if there is none.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The kinds of facts that its packets have: a bit for each.
    facts: u64,
    /// Bytes of data of each side. What was sent again counts once.
    pub bytes: Both<u64>,
    /// How many exchanges had a reply.
    pub answered: usize,
    /// That which took longest, with its place.
    pub slowest: Option<(usize, Spent)>,
    /// What they took together.
    pub spent: Duration,
    /// What each side's socket was left in. Of a run the table of sockets tells.
    pub left: Option<Both<Option<TcpState>>>,
    /// True for a side whose bytes begin as TLS does. `None` if it sent none.
    pub tls: Both<Option<bool>>,
}

const _: () = assert!(FactKind::ALL.len() <= u64::BITS as usize);

impl Totals {
    /// How many exchanges there were.
    pub fn requests(&self) -> usize {
        self.packets_per_exchange.tally.values().sum()
    }

    /// True if a packet has this fact.
    pub fn has(&self, kind: FactKind) -> bool {
        self.facts & 1 << kind as u64 != 0
    }

    /// Exchanges are over.
    fn take(&mut self, over: Vec<(usize, Spent)>, of: ConnectionId, exchanges: &mut Exchanges) {
        for (place, spent) in over {
            self.answered += 1;
            self.spent += spent.whole;
            if exchanges.times.len() < exchanges.most {
                exchanges.times.push((of, spent.first_byte, spent.whole));
            }
            let is_slower =
                |(first, slowest): &(usize, Spent)| (slowest.whole, Reverse(*first)) < (spent.whole, Reverse(place));
            if self.slowest.as_ref().is_none_or(is_slower) {
                self.slowest = Some((place, spent));
            }
        }
    }
}

/// Numbers in the order in which they came, as long as that is short, and how often each came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    runs: Vec<Run>,
    tally: BTreeMap<usize, usize>,
    too_many_runs: bool,
}

/// A number, and how often it came in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub number: usize,
    pub times: usize,
}

/// So many runs of a number are listed.
const MOST_RUNS: usize = 24;

impl Counts {
    pub fn push(&mut self, number: usize) {
        *self.tally.entry(number).or_default() += 1;
        if self.too_many_runs {
            return;
        }
        if let Some(run) = self.runs.last_mut().filter(|run| run.number == number) {
            run.times += 1;
        } else if self.runs.len() < MOST_RUNS {
            self.runs.push(Run { number, times: 1 });
        } else {
            self.too_many_runs = true;
        }
    }

    /// The numbers in order, unless that is a long list.
    pub fn runs(&self) -> Option<&[Run]> {
        (!self.too_many_runs).then_some(&self.runs)
    }

    /// How often each number came, the most frequent first.
    pub fn tally(&self) -> Vec<Run> {
        let mut tally: Vec<Run> = self
            .tally
            .iter()
            .map(|(&number, &times)| Run { number, times })
            .collect();
        tally.sort_by_key(|run| std::cmp::Reverse(run.times));
        tally
    }
}

impl FromIterator<usize> for Counts {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Counts {
        let mut counts = Counts::default();
        numbers.into_iter().for_each(|number| counts.push(number));
        counts
    }
}

/// The segments that were held back for long, as a file's comments tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stalls {
    pub count: usize,
    pub longest_milliseconds: u64,
    /// The first of them.
    pub first: Vec<Stall>,
}

/// A segment that was held back for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stall {
    pub frame: FrameNumber,
    pub milliseconds: u64,
    pub until_frame: FrameNumber,
}

impl Stalls {
    /// A wait of so many milliseconds is a stall: loopback needs a hundredth of that.
    const LEAST_MILLISECONDS: u64 = 10;
    /// So many stalls are listed one by one.
    pub const LISTED: usize = 3;

    /// Takes in what is known of a packet.
    pub fn see(&mut self, frame: FrameNumber, held: Option<HeldBack>) {
        let Some(held) = held else { return };
        if held.milliseconds < Stalls::LEAST_MILLISECONDS {
            return;
        }
        self.count += 1;
        self.longest_milliseconds = self.longest_milliseconds.max(held.milliseconds);
        if self.first.len() < Stalls::LISTED {
            self.first.push(Stall {
                frame,
                milliseconds: held.milliseconds,
                until_frame: held.until_frame,
            });
        }
    }
}

/// The packets of a connection that are kept, and calls between them.
#[derive(Debug, Default)]
struct Lanes {
    head: Vec<KeptEvent>,
    /// Each with whether it changed what is known of the connection's state.
    tail: VecDeque<(KeptEvent, bool)>,
    /// Those that did, and have left the tail.
    turns: Vec<KeptEvent>,
}

/// What is known of a connection.
#[derive(Debug)]
struct Kept {
    lanes: Lanes,
    following: Following,
    /// What the packets tell of the sockets.
    near: Followed,
    /// The same, as of a capture that was made somewhere.
    far: Followed,
    replying: Replying,
    exchanging: Exchanging,
    timing: Timing,
    packets_of_exchange: usize,
    replies_of_exchange: usize,
    totals: Totals,
}

/// Sockets that are followed.
#[derive(Debug, Default)]
struct Followed {
    sockets: Sockets,
    /// What has changed, and in which frame.
    states: Vec<(FrameNumber, StateChange)>,
}

impl Followed {
    /// True if a packet changed what is known of them.
    fn see(&mut self, packet: &Packet) -> bool {
        let before = self.sockets;
        self.sockets.departs(packet);
        self.sockets.arrives(packet);
        let changes = self.sockets.changes_since(before);
        let count = self.states.len();
        note(&mut self.states, changes.map(|change| (packet.number, change)));
        count != self.states.len() || self.sockets.has_turned(&before)
    }
}

impl Default for Kept {
    fn default() -> Kept {
        Kept {
            lanes: Lanes::default(),
            following: Following::default(),
            near: Followed::default(),
            far: Followed {
                sockets: Sockets::from_afar(),
                states: Vec::new(),
            },
            replying: Replying::default(),
            exchanging: Exchanging::default(),
            timing: Timing::default(),
            packets_of_exchange: 0,
            replies_of_exchange: 0,
            totals: Totals::default(),
        }
    }
}

impl KeptEvent {
    /// How much memory it takes, as far as its bytes go, and what it takes besides.
    fn room(&self) -> usize {
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
    fn keep(&mut self, mut kept: KeptEvent, turn: bool, packets: usize) -> bool {
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

    fn events(self) -> impl Iterator<Item = KeptEvent> {
        let tail = self.tail.into_iter().map(|(kept, _)| kept);
        self.head.into_iter().chain(self.turns).chain(tail)
    }
}

impl Kept {
    /// Takes in an event, and what is so of it. True if it changed what is known of the connection's state.
    fn see(&mut self, on: ConnectionId, kept: &mut KeptEvent, exchanges: &mut Exchanges) -> bool {
        let at = kept.event.at;
        let (first, last) = self.totals.span.unwrap_or((at, at));
        self.totals.span = Some((first.min(at), last.max(at)));
        match &kept.event.kind {
            EventKind::Packet(packet) => {
                let facts = self.following.see(at, packet);
                let turn = self.follow_sockets(packet);
                self.count(on, at, packet, &facts, exchanges);
                kept.facts = Some(Box::new(facts));
                turn
            }
            EventKind::Call(call) => {
                let replies = self.totals.writes_per_reply.get_or_insert_default();
                let ended = self.replying.see(call.kind, call.moved());
                ended.into_iter().for_each(|writes| replies.push(writes));
                call.is_end_of_file()
            }
            EventKind::State(_) => true,
            EventKind::Client(_) | EventKind::Process(_) => false,
        }
    }

    /// True if a packet changed what is known of the sockets.
    fn follow_sockets(&mut self, packet: &Packet) -> bool {
        let near = self.near.see(packet);
        self.far.see(packet) || near || packet.segment.flags.has(Flags::RST)
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
        totals.facts |= facts.facts.iter().fold(0, |bits, fact| bits | 1 << fact.kind as u64);
        if packet.segment.len > 0 {
            totals.tls[packet.from].get_or_insert_with(|| packet.segment.begins_tls());
        }
        if !facts.is_repeat() {
            totals.bytes[packet.from] += u64::from(packet.segment.len);
        }
        let step = match facts.is_copy() {
            true => None,
            false => self.exchanging.see(packet, facts),
        };
        if step.is_some_and(|step| step.begins) {
            self.end_exchange(on, exchanges);
            let over = self.timing.begin(at);
            self.totals.take(over, on, exchanges);
        }
        self.timing.see(at, (packet, facts).into(), step.is_some());
        if let Some(step) = step {
            self.packets_of_exchange += 1 + step.with;
            self.replies_of_exchange += usize::from(step.replies);
        }
    }

    fn end_exchange(&mut self, on: ConnectionId, exchanges: &mut Exchanges) {
        if self.packets_of_exchange > 0 {
            let (packets, segments) = (self.packets_of_exchange, self.replies_of_exchange);
            self.totals.packets_per_exchange.push(packets);
            self.totals.segments_per_reply.push(segments);
            if exchanges.counts.len() < exchanges.most {
                exchanges.counts.push((on, packets as u32, segments as u32));
            }
        }
        (self.packets_of_exchange, self.replies_of_exchange) = (0, 0);
    }
}

impl Excerpt {
    /// An excerpt that keeps so much.
    pub fn new(limits: Limits) -> Excerpt {
        let exchanges = Exchanges {
            most: limits.exchanges,
            ..Exchanges::default()
        };
        Excerpt {
            limits,
            keeps: Keeps::First,
            passed: None,
            whole: Some(Whole::default()),
            merge: Merge::default(),
            fragments: Fragments::default(),
            kept: Vec::new(),
            outside: Vec::new(),
            events: 0,
            left_out: LeftOut {
                exchanges,
                ..LeftOut::default()
            },
            level: Level::Capture,
            dropped: 0,
            not_kept: 0,
        }
    }

    /// One that keeps packets of these connections alone, of a capture that is known to be long.
    pub fn of(limits: Limits, chosen: impl IntoIterator<Item = ConnectionId>) -> Excerpt {
        Excerpt::known_long(limits, Keeps::These(chosen.into_iter().collect()))
    }

    /// One that keeps all of these connections, as far as they take no more bytes than that.
    pub fn whole_of(limits: Limits, chosen: impl IntoIterator<Item = ConnectionId>, most: usize) -> Excerpt {
        Excerpt::known_long(limits, Keeps::WholeOf(chosen.into_iter().collect(), most))
    }

    /// One that hands on the events of these connections, one after the other, and keeps none.
    pub(crate) fn handing_on(limits: Limits, chosen: impl IntoIterator<Item = ConnectionId>) -> Excerpt {
        Excerpt::known_long(limits, Keeps::Nothing(chosen.into_iter().collect()))
    }

    fn known_long(limits: Limits, keeps: Keeps) -> Excerpt {
        let mut excerpt = Excerpt::new(limits);
        excerpt.left_out.is_partial = !matches!(keeps, Keeps::WholeOf(..));
        excerpt.whole = None;
        excerpt.keeps = keeps;
        excerpt
    }

    /// The last event, where it is handed on, with what is so of it by now. Each is given once.
    pub(crate) fn passed(&mut self) -> Option<(Event, Option<Box<PacketFacts>>)> {
        self.passed.take().map(|passed| (passed.event, passed.facts))
    }

    /// Takes in the next packet of the file.
    pub(crate) fn packet(&mut self, at: Timestamp, found: Found<'_>) {
        let Found {
            link_type,
            frame,
            wire_len,
            ..
        } = found;
        let is_whole = self.whole.is_some() || matches!(self.keeps, Keeps::WholeOf(..));
        let most = if is_whole { usize::MAX } else { LONGEST_HEAD };
        let segment = match self.fragments.segment(link_type, frame, wire_len, most) {
            Ok(Some(segment)) => segment,
            Ok(None) => return,
            Err(why) => {
                *self.left_out.no_segment.entry(why).or_default() += 1;
                return;
            }
        };
        if let Some(whole) = &mut self.whole {
            let what = What::Frame {
                frame: Arc::from(frame),
                link_type,
                wire_len,
                comment: found.comment,
                passage: found.passage,
                segment: Some(segment),
            };
            whole.bytes += frame.len();
            whole.push(Record { at, what }, Some(found.number), found.told);
            return self.end_if_long();
        }
        self.segment(at, segment, found);
    }

    /// Takes in the next record of a file of this crate that is no packet, and the number of its frame.
    pub(crate) fn record(&mut self, number: Option<FrameNumber>, record: Record) {
        if let Some(whole) = &mut self.whole {
            whole.push(record, number, None);
            return self.end_if_long();
        }
        self.told(number, record);
    }

    /// Keeps only an excerpt from here on, if the capture is not short.
    fn end_if_long(&mut self) {
        let is_long = |whole: &Whole| whole.records.len() > self.limits.whole || whole.bytes > SHORT;
        let Some(whole) = self.whole.take_if(|whole| is_long(whole)) else {
            return;
        };
        self.left_out.is_partial = true;
        let numbered = whole.records.into_iter().zip(whole.numbers).zip(whole.told);
        for ((record, number), told) in numbered {
            match record.what {
                What::Frame {
                    link_type,
                    wire_len,
                    comment,
                    passage,
                    segment: Some(mut segment),
                    ..
                } => {
                    segment.payload.truncate(LONGEST_HEAD);
                    let found = Found {
                        number: number.unwrap_or_default(),
                        link_type,
                        frame: &[],
                        wire_len,
                        comment,
                        told,
                        passage,
                    };
                    self.segment(record.at, segment, found);
                }
                what => self.told(number, Record { at: record.at, what }),
            }
        }
    }

    fn segment(&mut self, at: Timestamp, segment: Segment, found: Found<'_>) {
        if self.merge.connections() == MOST_CONNECTIONS && self.merge.begins(&segment) {
            self.left_out.unplaced += 1;
            return;
        }
        let comment = found.comment.map(|comment| start_of(&comment).to_owned());
        let captured = Captured {
            frame: Arc::default(),
            link_type: found.link_type,
            wire_len: found.wire_len,
        };
        let (id, mut packet) = self.merge.packet(segment, captured, comment);
        packet.number = found.number;
        packet.passage = found.passage;
        match &self.keeps {
            Keeps::WholeOf(chosen, _) if chosen.contains(&id) => packet.frame = Arc::from(found.frame),
            _ => packet.told = found.told,
        }
        let kind = EventKind::Packet(packet);
        let event = Event {
            at,
            connection: Some(id),
            kind,
        };
        self.keep(Some(found.number), event);
    }

    fn told(&mut self, number: Option<FrameNumber>, Record { at, what }: Record) {
        let on = match &what {
            What::Call { on, .. } => *on,
            What::Client { on, .. } | What::State { on, .. } => Some(*on),
            What::Frame { .. } | What::Process(_) => None,
        };
        let is_full = self.merge.connections() == MOST_CONNECTIONS;
        if is_full && on.is_some_and(|on| !self.merge.knows(on)) {
            return;
        }
        let Some((connection, kind)) = self.merge.record(what) else {
            return;
        };
        self.keep(number, Event { at, connection, kind });
    }

    fn keep(&mut self, number: Option<FrameNumber>, event: Event) {
        self.events += 1;
        self.left_out.end = event.at.max(self.left_out.end);
        let connection = event.connection;
        let mut kept = KeptEvent {
            sequence: self.events,
            number,
            event,
            facts: None,
        };
        let Some(id) = connection else {
            if self.outside.len() < MOST_OUTSIDE {
                self.outside.push(kept);
            }
            return;
        };
        if id.0 >= self.limits.followed {
            self.left_out.unplaced += 1;
            return;
        }
        if id.0 >= self.kept.len() {
            self.kept.resize_with(id.0 + 1, Box::default);
        }
        let of_connection = &mut self.kept[id.0];
        let is_chosen = match &mut self.keeps {
            Keeps::First => id.0 < self.limits.connections,
            Keeps::These(chosen) | Keeps::WholeOf(chosen, _) if !chosen.contains(&id) => return,
            Keeps::These(_) => true,
            Keeps::WholeOf(_, room) => {
                match room.checked_sub(kept.room()) {
                    Some(left) => (*room, _) = (left, of_connection.lanes.head.push(kept)),
                    None => (*room, self.not_kept) = (0, self.not_kept + 1),
                }
                return;
            }
            Keeps::Nothing(_) => false,
        };
        let turn = of_connection.see(id, &mut kept, &mut self.left_out.exchanges);
        let left_out = match &self.keeps {
            _ if is_chosen => of_connection.lanes.keep(kept, turn, self.limits.packets),
            Keeps::Nothing(chosen) if chosen.contains(&id) => {
                self.passed = Some(kept);
                true
            }
            _ => kept.facts.is_some(),
        };
        of_connection.totals.left_out += u64::from(left_out);
    }

    /// Takes in what is known at the end of the file, or where reading it ended: the level of the run
    /// that is in it, the packets that were lost, and the events that it does not hold.
    pub(crate) fn ended(&mut self, level: Level, dropped: u64, not_kept: u64) {
        self.level = level;
        self.dropped = dropped;
        self.not_kept += not_kept;
    }

    /// True if no packet has come yet, and no call.
    pub fn is_empty(&self) -> bool {
        let nothing = self.whole.as_ref().is_some_and(|whole| whole.records.is_empty());
        nothing && self.left_out.no_segment.is_empty() && self.fragments.is_empty()
    }

    /// The timeline of what was kept.
    pub fn into_timeline(mut self) -> Timeline {
        self.fragments.count_into(&mut self.left_out.no_segment);
        if let Some(Whole { records, numbers, .. }) = self.whole {
            let recording = Recording {
                level: self.level,
                records,
                dropped: self.dropped,
                not_kept: self.not_kept,
                numbers,
                undecoded: self.left_out.no_segment,
            };
            return recording.into_timeline();
        }
        if self.level != Level::Capture {
            // What the calls tell is judged by all of them, or not at all.
            self.kept.truncate(self.limits.connections);
        }
        let (mut links, mut endpoints) = (self.merge.links(), self.merge.endpoints());
        links.truncate(self.kept.len());
        self.left_out.connections = endpoints.len() - self.kept.len();
        endpoints.truncate(self.kept.len());
        let (mut connections, mut states, mut late) = (Vec::new(), Vec::new(), HashMap::<_, Vec<Late>>::new());
        for ((kept, link), id) in self.kept.iter_mut().zip(&links).zip((0..).map(ConnectionId)) {
            kept.end_exchange(id, &mut self.left_out.exchanges);
            let (mut totals, over) = (std::mem::take(&mut kept.totals), kept.timing.end());
            totals.take(over, id, &mut self.left_out.exchanges);
            if let (Some(replies), Some(writes)) = (&mut totals.writes_per_reply, kept.replying.end()) {
                replies.push(writes);
            }
            connections.push(link.put_into(kept.following.found()));
            for (frame, of_packet) in kept.following.late(*link) {
                late.entry(frame).or_default().push(of_packet);
            }
            states.push(match self.level {
                Level::Capture => {
                    let both_ways = kept.following.is_both_ways();
                    kept.far.states.retain(|(_, change)| known_of(change, both_ways));
                    let states = std::mem::take(&mut kept.far.states);
                    let last = |side| states.iter().rfind(|(_, change)| change.side == side);
                    totals.left = Some(Both::of(|side| last(side)?.1.to));
                    states
                }
                _ => std::mem::take(&mut kept.near.states),
            });
            self.left_out.of_connection.push(Some(totals));
        }
        self.left_out.exchanges.counts.sort_by_key(|(id, ..)| *id);
        self.left_out.exchanges.times.sort_by_key(|(id, ..)| *id);
        let kept = self.kept.into_iter().flat_map(|kept| kept.lanes.events());
        let mut kept: Vec<KeptEvent> = kept.chain(self.outside).collect();
        kept.sort_by_key(|kept| kept.sequence);
        let given: Vec<Option<FrameNumber>> = kept.iter().map(|kept| kept.number).collect();
        let ids: HashMap<FrameNumber, EventId> = given
            .iter()
            .zip((0..).map(EventId))
            .filter_map(|(number, id)| Some(((*number)?, id)))
            .collect();
        let kept_states = |states: Vec<(FrameNumber, StateChange)>| {
            let kept = states.into_iter();
            kept.filter_map(|(frame, change)| Some((*ids.get(&frame)?, change)))
                .collect()
        };
        let mut facts = Facts::of_none(kept.len());
        facts.connections = connections;
        self.left_out.late = late;
        let mut events = Vec::with_capacity(kept.len());
        for (id, kept) in (0..).map(EventId).zip(kept) {
            if let Some(mut of_packet) = kept.facts {
                let late = kept.number.and_then(|number| self.left_out.late.get(&number));
                late.into_iter().flatten().for_each(|late| of_packet.learn(*late));
                facts.put(id, of_packet);
            }
            events.push(kept.event);
        }
        let by_packets = states.into_iter().map(kept_states).collect();
        let by_packets = self.left_out.is_partial.then_some(by_packets);
        let seen = Seen {
            level: self.level,
            endpoints,
            links,
            events,
            dropped: self.dropped,
            not_kept: self.not_kept,
            of_connection: Vec::new(),
            by_packets: Vec::new(),
            frames: Frames::default(),
        }
        .numbered(given, by_packets);
        if !self.left_out.is_partial {
            let no_segment = Some(self.left_out.no_segment).filter(|reasons| !reasons.is_empty());
            return Timeline {
                left_out: no_segment.map(|reasons| Box::new(LeftOut::of(reasons))),
                ..seen.into()
            };
        }
        Timeline {
            seen,
            facts,
            left_out: Some(Box::new(self.left_out)),
        }
    }
}

impl Whole {
    fn push(&mut self, record: Record, number: Option<FrameNumber>, told: Option<Box<Explanation>>) {
        self.records.push(record);
        self.numbers.push(number);
        self.told.push(told);
    }
}

/// What is kept of a comment, in whole characters.
pub(crate) fn start_of(comment: &str) -> &str {
    let fits = |end: &usize| comment.is_char_boundary(*end);
    let end = (0..=comment.len().min(LONGEST_COMMENT)).rfind(fits);
    &comment[..end.unwrap_or(0)]
}

impl Timeline {
    /// What an excerpt counted and did not keep.
    pub(crate) fn left_out(&self) -> Option<&LeftOut> {
        self.left_out.as_deref()
    }

    /// How many fragments of IP packets stand alone, as others of their packets are missing: what these carried is not here.
    pub fn lone_fragments(&self) -> u64 {
        let count = |left_out: &LeftOut| left_out.no_segment.get(&NoSegment::Fragment).copied();
        self.left_out().and_then(count).unwrap_or_default()
    }

    /// True if all of the capture is here: it is no [`Excerpt`] of a long one.
    pub fn is_whole(&self) -> bool {
        !self.is_excerpt()
    }

    /// True for a capture of packets alone. One that has the calls beside them as words, for people, has more than that:
    /// they are to be read, and tell what packets could only let guess.
    pub fn is_packets_alone(&self) -> bool {
        let calls_in_words =
            |left_out: &LeftOut| left_out.no_segment.contains_key(&NoSegment::Link(LinkType::UPPER_PDU));
        self.level == Level::Capture && !self.left_out().is_some_and(calls_in_words)
    }

    /// True for an excerpt of a long capture.
    pub(crate) fn is_excerpt(&self) -> bool {
        self.left_out().is_some_and(|left_out| left_out.is_partial)
    }

    /// The connections, with those that an excerpt did not keep.
    pub(crate) fn connections_in_all(&self) -> usize {
        self.endpoints.len() + self.left_out().map_or(0, |left_out| left_out.connections)
    }

    /// What an excerpt counted of a connection.
    pub(crate) fn totals(&self, connection: ConnectionId) -> Option<&Totals> {
        self.left_out()?.of_connection.get(connection.0)?.as_ref()
    }

    /// The same, with how long its exchanges took.
    pub(crate) fn counted(
        &self,
        connection: ConnectionId,
    ) -> Option<(&Totals, impl Iterator<Item = (Duration, Duration)>)> {
        let left_out = self.left_out()?;
        Some((self.totals(connection)?, left_out.exchanges.times_of(connection)))
    }

    /// True for a connection of an excerpt, packets of which it may not keep.
    pub(crate) fn is_counted(&self, connection: ConnectionId) -> bool {
        self.totals(connection).is_some()
    }

    /// Tells facts of a packet what is known since it went by.
    pub(crate) fn learn_late(&self, event: &Event, facts: Option<&mut PacketFacts>) {
        if let (EventKind::Packet(packet), Some(facts), Some(left_out)) = (&event.kind, facts, self.left_out()) {
            let late = left_out.late.get(&packet.number);
            late.into_iter().flatten().for_each(|late| facts.learn(*late));
        }
    }

    /// The frames that findings name.
    pub(crate) fn named_frames(&self) -> HashSet<FrameNumber> {
        let facts = self.connections().map(Connection::facts);
        let named = facts.flat_map(|facts| facts.tally.frames().chain(facts.reset.map(|reset| reset.frame)));
        named.collect()
    }

    /// Says where frames are among all events.
    pub(crate) fn set_places(&mut self, places: HashMap<FrameNumber, EventId>) {
        if let Some(left_out) = &mut self.left_out {
            left_out.places = places;
        }
    }

    /// How many events of it are nowhere here, and not counted among their connections.
    pub(crate) fn lost_sight_of(&self) -> u64 {
        self.not_kept + self.left_out().map_or(0, |left_out| left_out.unplaced)
    }

    /// When the last thing happened.
    pub(crate) fn end(&self) -> Timestamp {
        let last = self.events.last().map(|event| event.at);
        let end = self.left_out().map(|left_out| left_out.end);
        last.max(end).unwrap_or_default()
    }

    /// The place of a frame among all events, of those that can be named.
    pub(crate) fn place_of(&self, frame: FrameNumber) -> Option<EventId> {
        let place = self.left_out().and_then(|left_out| left_out.places.get(&frame));
        place.copied().or_else(|| self.event_of_frame(frame))
    }
}

impl<'a> Connection<'a> {
    /// What an excerpt counted of it.
    pub(crate) fn totals(self) -> Option<&'a Totals> {
        self.timeline().totals(self.id())
    }

    /// The packets and segments of each exchange, as an excerpt counted them.
    pub(super) fn counted_exchanges(self) -> Option<impl Iterator<Item = (usize, usize)>> {
        let left_out = self.timeline().left_out().filter(|left_out| left_out.is_partial)?;
        Some(left_out.exchanges.counts_of(self.id()))
    }

    /// True if both sides begin as TLS does: see [`SeenConnection::is_tls`].
    pub fn is_tls(self) -> bool {
        match self.totals() {
            Some(totals) => totals.tls.client == Some(true) && totals.tls.server == Some(true),
            None => self.seen.is_tls(),
        }
    }

    /// True if a packet of it has this fact.
    pub fn has_fact(self, kind: FactKind) -> bool {
        match self.totals() {
            Some(totals) => totals.has(kind),
            None => self.packets().any(|(_, packet)| packet.facts.has(kind)),
        }
    }

    /// When its first event was, and its last.
    pub fn span(self) -> Option<(Timestamp, Timestamp)> {
        let at = || self.events().map(|(_, event)| event.at);
        match self.totals() {
            Some(totals) => totals.span,
            None => Some((at().min()?, at().max()?)),
        }
    }
}
