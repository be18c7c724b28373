//! What is drawn of a long capture, in memory that does not grow with it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::Timeline;
use super::event::*;
use super::explain::Explanation;
use super::link::LinkType;
use super::merge::{Merge, indexed};
use super::segment::Segment;
use crate::facts::{ConnectionFacts, Exchanging, Following, Replying};

/// How much of a capture an [`Excerpt`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many packets of a connection, and entries between them: the first and the last half. Those
    /// packets that open, close or reset it are kept beside them.
    pub packets: usize,
    /// So many connections: the first.
    pub connections: usize,
}

/// A timeline of the packets of a long capture that are worth drawing.
///
/// Packets come one by one, in the order of the file, and get the numbers that they would have on
/// the timeline of all. Then most of them are only counted. What is kept has no frame bytes and no
/// more of a payload or a comment than a line can show.
#[derive(Debug)]
pub struct Excerpt {
    limits: Limits,
    merge: Merge,
    kept: Vec<Kept>,
    left_out: LeftOut,
    dropped: u64,
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
    /// Packets that hold no TCP segment.
    pub no_segment: u64,
    /// Packets of links that are not decoded.
    pub no_link: BTreeMap<LinkType, u64>,
}

/// A connection as a whole, packets that were not kept included.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    /// Packets that were not kept.
    pub left_out: u64,
    /// As the entries tell; `None` if there are none.
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
    pub frame: usize,
    pub milliseconds: u64,
    pub until_frame: usize,
}

impl Stalls {
    /// A wait of so many milliseconds is a stall: loopback needs a hundredth of that.
    const LEAST_MILLISECONDS: u64 = 10;
    /// So many stalls are listed one by one.
    pub const LISTED: usize = 3;

    /// Takes in what is known of a packet.
    pub fn see(&mut self, frame: usize, explanation: &Explanation) {
        let Some(held) = explanation.held else { return };
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
#[derive(Debug, Default)]
struct Kept {
    head: Vec<Event>,
    tail: VecDeque<Event>,
    /// Which of the tail changed what the packets tell of the connection's state.
    tail_turns: VecDeque<bool>,
    /// Those that have left the tail.
    turns: Vec<Event>,
    following: Following,
    replying: Replying,
    exchanging: Exchanging,
    packets_of_exchange: usize,
    replies_of_exchange: usize,
    totals: Totals,
}

impl Kept {
    fn push(&mut self, mut event: Event, packets: usize) {
        let turn = match &mut event.kind {
            EventKind::Packet(packet) => {
                let turn = self.following.see(event.at, packet);
                self.count(packet);
                turn
            }
            EventKind::Entry(entry) => {
                let replies = self.totals.writes_per_reply.get_or_insert_default();
                let ended = entry.moved().and_then(|(kind, moved)| self.replying.see(kind, moved));
                ended.into_iter().for_each(|writes| replies.push(writes));
                false
            }
            _ => false,
        };
        let tail = packets / 2;
        if self.head.len() < packets - tail {
            self.head.push(event);
            return;
        }
        self.tail.push_back(event);
        self.tail_turns.push_back(turn);
        if self.tail.len() <= tail {
            return;
        }
        match (self.tail.pop_front(), self.tail_turns.pop_front()) {
            (Some(event), Some(true)) => self.turns.push(event),
            (Some(event), _) => self.totals.left_out += u64::from(matches!(event.kind, EventKind::Packet(_))),
            (None, _) => {}
        }
    }

    fn count(&mut self, packet: &Packet) {
        if let Some(comment) = &packet.comment {
            self.totals.commented = true;
            self.totals
                .stalls
                .see(packet.number, &Explanation::from_comment(comment));
        }
        let Some(step) = self.exchanging.see(packet) else {
            return;
        };
        if step.begins {
            self.end_exchange();
        }
        self.packets_of_exchange += 1;
        self.replies_of_exchange += usize::from(step.replies);
    }

    fn end_exchange(&mut self) {
        if self.packets_of_exchange > 0 {
            self.totals.packets_per_exchange.push(self.packets_of_exchange);
            self.totals.segments_per_reply.push(self.replies_of_exchange);
        }
        (self.packets_of_exchange, self.replies_of_exchange) = (0, 0);
    }

    fn events(self) -> impl Iterator<Item = Event> {
        self.head.into_iter().chain(self.turns).chain(self.tail)
    }
}

impl Excerpt {
    /// An excerpt that keeps so much.
    pub fn new(limits: Limits) -> Excerpt {
        Excerpt {
            limits,
            merge: Merge::default(),
            kept: Vec::new(),
            left_out: LeftOut::default(),
            dropped: 0,
        }
    }

    /// Takes in the next packet of the file: its number in it, its link, its bytes, its length on
    /// the wire and its comment.
    pub fn packet(
        &mut self,
        at: Timestamp,
        number: usize,
        (link_type, frame, wire_len): (LinkType, &[u8], u32),
        comment: Option<&str>,
    ) {
        if !link_type.is_decoded() {
            *self.left_out.no_link.entry(link_type).or_default() += 1;
            return;
        }
        let Some(segment) = Segment::with_payload(link_type, frame, wire_len, Call::KEEP) else {
            self.left_out.no_segment += 1;
            return;
        };
        if self.merge.connections() == MOST_CONNECTIONS && self.merge.begins(&segment) {
            self.left_out.unplaced += 1;
            return;
        }
        let comment = comment.map(|comment| start_of(comment).to_owned());
        let (id, packet) = self
            .merge
            .packet(number, segment, (Arc::default(), link_type, wire_len), comment);
        self.keep(at, id, EventKind::Packet(packet));
    }

    /// Takes in the next frame of the file if it is an [`Entry`]: its number, the connection that it
    /// is about, who did what. What is about no connection is not drawn.
    pub fn entry(&mut self, at: Timestamp, number: usize, on: Option<Endpoints>, (by, text): (Side, &str)) {
        let Some(on) = on else { return };
        if self.merge.connections() == MOST_CONNECTIONS && !self.merge.knows(on) {
            return;
        }
        let text = start_of(text).to_owned();
        let id = self.merge.entry(on);
        self.keep(at, id, EventKind::Entry(Entry { number, by, text }));
    }

    fn keep(&mut self, at: Timestamp, id: ConnectionId, kind: EventKind) {
        if id.0 >= self.limits.connections {
            return;
        }
        if id.0 == self.kept.len() {
            self.kept.push(Kept::default());
        }
        let event = Event {
            at,
            connection: Some(id),
            kind,
        };
        self.kept[id.0].push(event, self.limits.packets);
    }

    /// Takes in that packets were lost while capturing.
    pub fn dropped(&mut self, packets: u64) {
        self.dropped = self.dropped.saturating_add(packets);
    }

    /// True if no packet has come yet.
    pub fn is_empty(&self) -> bool {
        self.merge.connections() == 0 && self.left_out.no_segment == 0 && self.left_out.no_link.is_empty()
    }

    /// The timeline of what was kept.
    pub fn into_timeline(mut self) -> Timeline {
        for kept in &mut self.kept {
            kept.end_exchange();
            if let (Some(replies), Some(writes)) = (&mut kept.totals.writes_per_reply, kept.replying.end()) {
                replies.push(writes);
            }
            self.left_out.of_connection.push(std::mem::take(&mut kept.totals));
        }
        let found: Vec<ConnectionFacts> = self.kept.iter().map(|kept| kept.following.found()).collect();
        let mut endpoints = self.merge.endpoints();
        let mut links = self.merge.links();
        links.truncate(self.kept.len());
        self.left_out.connections = endpoints.len() - self.kept.len();
        endpoints.truncate(self.kept.len());
        let mut events: Vec<Event> = self.kept.into_iter().flat_map(Kept::events).collect();
        events.sort_by_key(|event| event.at);
        let number_to_index: HashMap<usize, usize> = events
            .iter()
            .enumerate()
            .filter_map(|(index, event)| Some((event.kind.frame()?, index)))
            .collect();
        let placed = |mut facts: ConnectionFacts| {
            facts.states.retain_mut(|(at, _)| {
                let index = number_to_index.get(at).copied();
                *at = index.unwrap_or(*at);
                index.is_some()
            });
            facts
        };
        indexed(Timeline {
            level: Level::Capture,
            endpoints,
            facts: found
                .into_iter()
                .zip(&links)
                .map(|(facts, link)| link.put_into(placed(facts)))
                .collect(),
            links,
            events,
            dropped: self.dropped,
            not_kept: 0,
            of_connection: Vec::new(),
            frames: Vec::new(),
            left_out: Some(Box::new(self.left_out)),
        })
    }
}

/// What is kept of a comment, in whole characters.
fn start_of(comment: &str) -> &str {
    let fits = |end: &usize| comment.is_char_boundary(*end);
    let end = (0..=comment.len().min(LONGEST_COMMENT)).rfind(fits);
    &comment[..end.unwrap_or(0)]
}

impl Timeline {
    /// What an excerpt counted and did not keep.
    pub(crate) fn left_out(&self) -> Option<&LeftOut> {
        self.left_out.as_deref()
    }

    /// The connections, with those that an excerpt did not keep.
    pub(crate) fn connections_in_all(&self) -> usize {
        self.endpoints.len() + self.left_out().map_or(0, |left_out| left_out.connections)
    }

    /// What an excerpt counted of a connection.
    pub(crate) fn totals(&self, connection: ConnectionId) -> Option<&Totals> {
        self.left_out()?.of_connection.get(connection.0)
    }
}
