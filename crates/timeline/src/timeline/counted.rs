//! What is known of a long capture as a whole, packets that are not kept included.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::spent::Spent;
use super::{Connection, Timeline};
use crate::events::*;
use crate::facts::{FactKind, Late, PacketFacts};

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
    /// When the first event of the first connection was, where not all are here.
    pub start: Option<Timestamp>,
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
    pub most: usize,
    /// How many packets each took, and how many segments its reply.
    pub counts: Vec<(ConnectionId, (u32, u32))>,
    /// Of each that had a reply, how long it took until the first byte and until the last.
    pub times: Vec<(ConnectionId, (Duration, Duration))>,
}

/// The figures of one connection, of those of all that are sorted by their connections.
fn of_connection<T: Copy>(all: &[(ConnectionId, T)], connection: ConnectionId) -> impl Iterator<Item = T> {
    let first = all.partition_point(|(id, _)| *id < connection);
    let of_this = all[first..].iter().take_while(move |(id, _)| *id == connection);
    of_this.map(|(_, figures)| *figures)
}

impl LeftOut {
    /// Of a capture that is kept.
    pub fn of(no_segment: BTreeMap<NoSegment, u64>) -> LeftOut {
        LeftOut {
            no_segment,
            ..LeftOut::default()
        }
    }

    /// Tells facts of a frame what is known since it went by.
    pub fn tell_late(&self, frame: FrameNumber, facts: &mut PacketFacts) {
        let late = self.late.get(&frame).into_iter().flatten();
        late.for_each(|late| facts.learn(*late));
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
    pub facts: u64,
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

    /// An exchange is over.
    pub fn take(&mut self, place: usize, spent: Spent, of: ConnectionId, exchanges: &mut Exchanges) {
        self.answered += 1;
        self.spent += spent.whole;
        if exchanges.times.len() < exchanges.most {
            exchanges.times.push((of, (spent.first_byte, spent.whole)));
        }
        let is_slower =
            |(first, slowest): &(usize, Spent)| (slowest.whole, Reverse(*first)) < (spent.whole, Reverse(place));
        if self.slowest.as_ref().is_none_or(is_slower) {
            self.slowest = Some((place, spent));
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
        tally.sort_by_key(|run| Reverse(run.times));
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

    /// True if all of the capture is here: it is no [`Excerpt`](crate::Excerpt) of a long one.
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
        self.left_out()?.of_connection.get(connection.index())?.as_ref()
    }

    /// The same, with how long its exchanges took.
    pub(crate) fn counted(
        &self,
        connection: ConnectionId,
    ) -> Option<(&Totals, impl Iterator<Item = (Duration, Duration)>)> {
        let left_out = self.left_out()?;
        Some((
            self.totals(connection)?,
            of_connection(&left_out.exchanges.times, connection),
        ))
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

    /// What is of connections beyond those that are followed, in words: no rule judges it, and no filter finds it.
    pub fn not_looked_at(&self) -> Option<String> {
        let (rest, followed) = (self.left_out()?.unplaced, self.endpoints.len());
        (rest > 0).then(|| {
            format!("{rest} packets of still more connections were not looked at: the first {followed} are followed")
        })
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
        let counts = of_connection(&left_out.exchanges.counts, self.id());
        Some(counts.map(|(packets, segments)| (packets as usize, segments as usize)))
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
            Some(totals) => totals.facts & 1 << kind as u64 != 0,
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
