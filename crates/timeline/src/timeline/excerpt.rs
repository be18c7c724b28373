//! What is drawn of a long capture, in memory that does not grow with it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::Timeline;
use crate::events::fragments::Fragments;
use crate::events::frames::Frames;
use crate::events::merge::{Captured, Merge};
use crate::events::sockets::{Sockets, known_of, note};
use crate::events::*;
use crate::facts::{Exchanging, FactKind, Facts, Following, PacketFacts, Replying};

/// How much of a capture an [`Excerpt`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many packets of a connection, and calls between them: the first and the last half. Those
    /// packets that open, close or reset it are kept beside them.
    pub packets: usize,
    /// So many connections: the first.
    pub connections: usize,
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
    /// All of it, as long as that is little.
    whole: Option<Whole>,
    merge: Merge,
    fragments: Fragments,
    kept: Vec<Kept>,
    /// What belongs to no connection.
    outside: Vec<KeptEvent>,
    /// How many events have come.
    events: u64,
    left_out: LeftOut,
    level: Level,
    dropped: u64,
    not_kept: u64,
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
    pub comment: Option<Box<str>>,
    /// What a file of this crate says of it.
    pub told: Option<Box<Explanation>>,
    pub passage: Option<Box<Passage>>,
}

/// So much is kept of a comment, in bytes.
const LONGEST_COMMENT: usize = 4096;

/// So many connections are told apart. A scan of ports makes one of every packet, and each takes
/// some 250 bytes as long as more of it may come.
const MOST_CONNECTIONS: usize = 1 << 18;

/// What an excerpt has counted and not kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LeftOut {
    /// For each connection of the timeline.
    pub of_connection: Vec<Totals>,
    /// Further connections.
    pub connections: usize,
    /// Packets of connections beyond those that are told apart.
    pub unplaced: u64,
    /// Packets without a segment, by the reason.
    pub no_segment: BTreeMap<NoSegment, u64>,
    /// True if there is more of the connections than what is kept of them.
    pub is_partial: bool,
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

/// What is kept of a connection.
#[derive(Debug)]
struct Kept {
    head: Vec<KeptEvent>,
    /// Each with whether it changed what is known of the connection's state.
    tail: VecDeque<(KeptEvent, bool)>,
    /// Those that did, and have left the tail.
    turns: Vec<KeptEvent>,
    following: Following,
    /// What the packets tell of the sockets.
    near: Followed,
    /// The same, as of a capture that was made somewhere.
    far: Followed,
    replying: Replying,
    exchanging: Exchanging,
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
            head: Vec::new(),
            tail: VecDeque::new(),
            turns: Vec::new(),
            following: Following::default(),
            near: Followed::default(),
            far: Followed {
                sockets: Sockets::from_afar(),
                states: Vec::new(),
            },
            replying: Replying::default(),
            exchanging: Exchanging::default(),
            packets_of_exchange: 0,
            replies_of_exchange: 0,
            totals: Totals::default(),
        }
    }
}

impl Kept {
    fn push(&mut self, mut kept: KeptEvent, packets: usize) {
        let turn = match &kept.event.kind {
            EventKind::Packet(packet) => {
                let facts = self.following.see(kept.event.at, packet);
                if let Some(frame) = self.following.taken() {
                    let all = self.head.iter_mut().chain(&mut self.turns);
                    let mut all = all.chain(self.tail.iter_mut().map(|(kept, _)| kept));
                    let found = all.find(|kept| kept.number == Some(frame));
                    found
                        .and_then(|kept| kept.facts.as_mut())
                        .into_iter()
                        .for_each(|facts| facts.retract(FactKind::OldTimestamp));
                }
                let turn = self.follow_sockets(packet);
                self.count(packet, &facts);
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
        };
        let tail = packets / 2;
        if self.head.len() < packets - tail {
            self.head.push(kept);
            return;
        }
        self.tail.push_back((kept, turn));
        if self.tail.len() <= tail {
            return;
        }
        match self.tail.pop_front() {
            Some((kept, true)) => self.turns.push(kept),
            Some((kept, false)) => {
                self.totals.left_out += u64::from(matches!(kept.event.kind, EventKind::Packet(_)));
            }
            None => {}
        }
    }

    /// True if a packet changed what is known of the sockets.
    fn follow_sockets(&mut self, packet: &Packet) -> bool {
        let near = self.near.see(packet);
        self.far.see(packet) || near || packet.segment.flags.has(Flags::RST)
    }

    fn count(&mut self, packet: &Packet, facts: &PacketFacts) {
        if packet.comment.is_some() || packet.told.is_some() {
            self.totals.commented = true;
            let held = packet.told.as_ref().and_then(|told| told.held);
            self.totals.stalls.see(packet.number, held);
        }
        if facts.is_copy() {
            return;
        }
        let Some(step) = self.exchanging.see(packet, facts) else {
            return;
        };
        if step.begins {
            self.end_exchange();
        }
        self.packets_of_exchange += 1 + step.with;
        self.replies_of_exchange += usize::from(step.replies);
    }

    fn end_exchange(&mut self) {
        if self.packets_of_exchange > 0 {
            self.totals.packets_per_exchange.push(self.packets_of_exchange);
            self.totals.segments_per_reply.push(self.replies_of_exchange);
        }
        (self.packets_of_exchange, self.replies_of_exchange) = (0, 0);
    }

    fn events(self) -> impl Iterator<Item = KeptEvent> {
        let tail = self.tail.into_iter().map(|(kept, _)| kept);
        self.head.into_iter().chain(self.turns).chain(tail)
    }
}

impl Excerpt {
    /// An excerpt that keeps so much.
    pub fn new(limits: Limits) -> Excerpt {
        Excerpt {
            limits,
            whole: Some(Whole::default()),
            merge: Merge::default(),
            fragments: Fragments::default(),
            kept: Vec::new(),
            outside: Vec::new(),
            events: 0,
            left_out: LeftOut::default(),
            level: Level::Capture,
            dropped: 0,
            not_kept: 0,
        }
    }

    /// Takes in the next packet of the file.
    pub(crate) fn packet(&mut self, at: Timestamp, found: Found<'_>) {
        let Found {
            link_type,
            frame,
            wire_len,
            ..
        } = found;
        let most = if self.whole.is_some() { usize::MAX } else { Call::KEEP };
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
                segment: Some(Box::new(segment)),
            };
            whole.bytes += frame.len();
            whole.push(Record { at, what }, Some(found.number), found.told);
            return self.end_if_long();
        }
        self.segment(at, segment.into(), found);
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
                    segment.payload.truncate(Call::KEEP);
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

    fn segment(&mut self, at: Timestamp, segment: Box<Segment>, found: Found<'_>) {
        if self.merge.connections() == MOST_CONNECTIONS && self.merge.begins(&segment) {
            self.left_out.unplaced += 1;
            return;
        }
        let comment = found.comment.map(|comment| start_of(&comment).into());
        let captured = Captured {
            frame: Arc::default(),
            link_type: found.link_type,
            wire_len: found.wire_len,
        };
        let (id, mut packet) = self.merge.packet(segment, captured, comment);
        packet.number = found.number;
        packet.told = found.told;
        packet.passage = found.passage;
        let kind = EventKind::Packet(Box::new(packet));
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
        let connection = event.connection;
        let kept = KeptEvent {
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
        if id.index() >= self.limits.connections {
            return;
        }
        if id.index() >= self.kept.len() {
            self.kept.resize_with(id.index() + 1, Kept::default);
        }
        self.kept[id.index()].push(kept, self.limits.packets);
    }

    /// Takes in what is known at the end of the file, or where reading it ended: the level of the run
    /// that is in it, the packets that were lost, and the events that it does not hold.
    pub(crate) fn ended(&mut self, level: Level, dropped: u64, not_kept: u64) {
        self.level = level;
        self.dropped = dropped;
        self.not_kept = not_kept;
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
        for kept in &mut self.kept {
            kept.end_exchange();
            if let (Some(replies), Some(writes)) = (&mut kept.totals.writes_per_reply, kept.replying.end()) {
                replies.push(writes);
            }
            self.left_out.of_connection.push(std::mem::take(&mut kept.totals));
        }
        let (mut links, mut endpoints) = (self.merge.links(), self.merge.endpoints());
        links.truncate(self.kept.len());
        self.left_out.connections = endpoints.len() - self.kept.len();
        endpoints.truncate(self.kept.len());
        let found = self.kept.iter().zip(&links);
        let connections = found
            .map(|(kept, link)| link.put_into(kept.following.found()))
            .collect();
        let states: Vec<Vec<_>> = self
            .kept
            .iter_mut()
            .map(|kept| match self.level {
                Level::Capture => {
                    let both_ways = kept.following.is_both_ways();
                    kept.far.states.retain(|(_, change)| known_of(change, both_ways));
                    std::mem::take(&mut kept.far.states)
                }
                _ => std::mem::take(&mut kept.near.states),
            })
            .collect();
        let kept = self.kept.into_iter().flat_map(Kept::events);
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
        let mut events = Vec::with_capacity(kept.len());
        for (id, kept) in (0..).map(EventId).zip(kept) {
            if let Some(of_packet) = kept.facts {
                facts.put(id, *of_packet);
            }
            events.push(kept.event);
        }
        let by_packets = states.into_iter().map(kept_states).collect();
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
        .numbered(given, Some(by_packets));
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
        self.left_out()?.of_connection.get(connection.index())
    }
}
