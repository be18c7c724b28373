//! What is drawn of a long capture, in memory that does not grow with it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Timeline;
use super::counted::{Exchanges, LeftOut};
use super::kept::{Kept, KeptEvent};
use crate::events::fragments::Fragments;
use crate::events::merge::Merge;
use crate::events::*;
use crate::facts::{Facts, Late, PacketFacts};

/// How much of a capture an [`Excerpt`] keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Debug, Default)]
pub struct Excerpt {
    limits: Limits,
    keeps: Keeps,
    /// The last event, where events are handed on.
    passed: Option<KeptEvent>,
    /// All of it, as long as that is little.
    whole: Option<Whole>,
    merge: Merge,
    fragments: Fragments,
    /// Of each connection.
    #[allow(clippy::vec_box, reason = "it is large: a list that grows must not move it")]
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
#[derive(Debug, Default)]
enum Keeps {
    /// The first connections, of which a part.
    #[default]
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

/// What comes, before it is known whether it is kept.
enum Comes {
    Packet(Packet),
    /// What is no packet.
    Told(EventKind),
}

/// So much of a segment is looked at, in bytes: what it begins with may be a head of HTTP, or a handshake of TLS.
const LONGEST_HEAD: usize = 4096;

/// So much is kept of a comment, in bytes.
const LONGEST_COMMENT: usize = 4096;

/// So many connections are told apart. A scan of ports makes one of every packet, and each takes
/// some 250 bytes as long as more of it may come.
const MOST_CONNECTIONS: usize = 1 << 18;

impl Excerpt {
    /// An excerpt that keeps so much.
    pub fn new(limits: Limits) -> Excerpt {
        let exchanges = Exchanges {
            most: limits.exchanges,
            ..Exchanges::default()
        };
        Excerpt {
            limits,
            whole: Some(Whole::default()),
            left_out: LeftOut {
                exchanges,
                ..LeftOut::default()
            },
            ..Excerpt::default()
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

    fn segment(&mut self, at: Timestamp, segment: Box<Segment>, found: Found<'_>) {
        if self.merge.connections() == MOST_CONNECTIONS && self.merge.begins(&segment) {
            self.left_out.unplaced += 1;
            return;
        }
        let comment = found.comment.map(|comment| start_of(&comment).into());
        let (id, mut packet) = self.merge.packet(segment, found.link_type, found.wire_len, comment);
        packet.number = found.number;
        packet.passage = found.passage;
        match &self.keeps {
            Keeps::WholeOf(chosen, _) if chosen.contains(&id) => packet.frame = Arc::from(found.frame),
            _ => packet.told = found.told,
        }
        self.keep(Some(found.number), at, Some(id), Comes::Packet(packet));
    }

    fn told(&mut self, number: Option<FrameNumber>, Record { at, what }: Record) {
        let on = match &what {
            What::Call { on, .. } => *on,
            What::Client { on, .. } | What::State { on, .. } => Some(*on),
            What::Frame { .. } | What::Process(_) => None,
        };
        let is_full = self.merge.connections() == MOST_CONNECTIONS;
        if is_full && on.is_some_and(|on| self.merge.known(on).is_none()) {
            return;
        }
        let Some((connection, kind)) = self.merge.record(what) else {
            return;
        };
        self.keep(number, at, connection, Comes::Told(kind));
    }

    fn keep(&mut self, number: Option<FrameNumber>, at: Timestamp, connection: Option<ConnectionId>, what: Comes) {
        self.events += 1;
        self.left_out.end = at.max(self.left_out.end);
        let sequence = self.events;
        let kept = |what: Comes, facts: Option<PacketFacts>| KeptEvent {
            sequence,
            number,
            event: Event {
                at,
                connection,
                kind: match what {
                    Comes::Packet(packet) => EventKind::Packet(Box::new(packet)),
                    Comes::Told(kind) => kind,
                },
            },
            facts: facts.map(Box::new),
        };
        let Some(id) = connection else {
            if self.outside.len() < MOST_OUTSIDE {
                self.outside.push(kept(what, None));
            }
            return;
        };
        if id.index() >= self.limits.followed {
            self.left_out.unplaced += 1;
            return;
        }
        while id.index() >= self.kept.len() {
            let mut new = Box::<Kept>::default();
            // Of a file with calls no more connections are kept.
            new.near = (self.kept.len() < self.limits.connections).then(Default::default);
            self.kept.push(new);
        }
        let of_connection = &mut self.kept[id.index()];
        let is_chosen = match &mut self.keeps {
            Keeps::First => id.index() < self.limits.connections,
            Keeps::These(chosen) | Keeps::WholeOf(chosen, _) if !chosen.contains(&id) => return,
            Keeps::These(_) => true,
            Keeps::WholeOf(_, room) => {
                let kept = kept(what, None);
                match room.checked_sub(kept.room()) {
                    Some(left) => (*room, _) = (left, of_connection.lanes.head.push(kept)),
                    None => (*room, self.not_kept) = (0, self.not_kept + 1),
                }
                return;
            }
            Keeps::Nothing(_) => false,
        };
        let (first, last) = of_connection.totals.span.unwrap_or((at, at));
        of_connection.totals.span = Some((first.min(at), last.max(at)));
        let (facts, turn) = match &what {
            Comes::Packet(packet) => {
                let (facts, turn) = of_connection.packet(id, at, packet, &mut self.left_out.exchanges);
                (Some(facts), turn)
            }
            Comes::Told(kind) => (None, of_connection.told(kind)),
        };
        let left_out = match &self.keeps {
            _ if is_chosen => of_connection.lanes.keep(kept(what, facts), turn, self.limits.packets),
            Keeps::Nothing(chosen) if chosen.contains(&id) => {
                self.passed = Some(kept(what, facts));
                true
            }
            _ => facts.is_some(),
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
        let first: Vec<_> = self.kept.iter().map(|kept| kept.following.first).collect();
        for ((kept, link), id) in self.kept.iter_mut().zip(&links).zip((0..).map(ConnectionId)) {
            for (frame, of_packet) in kept.following.late(*link, |earlier| first[earlier.index()]) {
                late.entry(frame).or_default().push(of_packet);
            }
            connections.push(link.put_into(kept.following.found()));
            let (changes, totals) = kept.ended(id, self.level, &mut self.left_out.exchanges);
            states.push(changes);
            self.left_out.of_connection.push(Some(totals));
        }
        let first = self.left_out.of_connection.first().and_then(Option::as_ref);
        self.left_out.start = first.and_then(|first| Some(first.span?.0));
        self.left_out.exchanges.counts.sort_by_key(|(id, _)| *id);
        self.left_out.exchanges.times.sort_by_key(|(id, _)| *id);
        let kept = self.kept.into_iter().flat_map(|kept| kept.events());
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
                self.left_out.tell_late(kept.number.unwrap_or_default(), &mut of_packet);
                facts.put(id, *of_packet);
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
            ..Seen::default()
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
