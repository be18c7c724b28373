//! What becomes of each packet: a wire's decisions, without any I/O. Whoever carries packets says when
//! each one left its host, and is told when to hand it to the other, if at all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::names::{Addresses, Connections, Content};
use super::{Action, Change, Moment, QUEUE, Rule, Wire, percent};
use timeline::{Both, Passage, Segment, Side, Timestamp, is_after};

/// A packet that is to be swapped with the next waits so long for one.
const SWAP_WAIT: Duration = Duration::from_millis(500);

/// The packets on a wire, each with what its carrier needs of it.
pub(crate) struct Traffic<T> {
    wire: Wire,
    ways: Both<Link>,
    connections: Connections,
    /// By the moment at which they come; those of one moment in the order in which they left.
    on_their_way: BTreeMap<(Timestamp, u64), Parcel<T>>,
    /// How many were put there.
    carried: u64,
    /// What was on its way when the cable was cut.
    lost_in_it: VecDeque<Outcome<T>>,
    /// The places of the rules that have met a packet.
    met: BTreeSet<usize>,
    /// How many changes of the script have come.
    changed: usize,
    /// When the last one came; before the first, when the first packet left.
    since: Option<Timestamp>,
    /// How many packets were lost since then.
    lost: u32,
    /// Bytes of data that each side has sent, each counted once.
    sent: Both<u64>,
    /// Bytes that each side's program has read.
    read: Both<u64>,
    /// The connection whose reply has come and is yet to be acknowledged, before the cable is cut.
    replied: Option<Addresses>,
}

/// What became of a packet.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome<T> {
    pub from: Side,
    /// How often it is to be handed over, now: not at all if it was lost.
    pub copies: u8,
    pub corrupted: bool,
    /// How many packets waited before it.
    pub queue: u32,
    /// What the wire did to it.
    pub what: Option<String>,
    pub load: T,
}

/// One direction.
#[derive(Default)]
struct Link {
    /// Why it is cut, if it is.
    cut: Option<String>,
    /// When the last packet so far has been sent.
    free: Timestamp,
    /// When those begin that wait for the wire.
    begin: VecDeque<Timestamp>,
    /// The one that waits for the next.
    aside: Option<(Timestamp, u64)>,
    chance: Chance,
}

/// A packet on its way.
struct Parcel<T> {
    outcome: Outcome<T>,
    /// What of it matters for a moment.
    content: Option<Content>,
    /// How many bytes both sides had sent when it left, its own among them.
    sent: Both<u64>,
}

impl<T> Traffic<T> {
    pub fn new(wire: Wire) -> Traffic<T> {
        let link = |side: Side| Link {
            chance: Chance::new(wire.seed, side),
            ..Link::default()
        };
        let mut traffic = Traffic {
            ways: Both::of(link),
            connections: Connections::new(&wire),
            wire,
            on_their_way: BTreeMap::new(),
            carried: 0,
            lost_in_it: VecDeque::new(),
            met: BTreeSet::new(),
            changed: 0,
            since: None,
            lost: 0,
            sent: Both::default(),
            read: Both::default(),
            replied: None,
        };
        traffic.advance(Timestamp(0), None);
        traffic
    }

    /// A packet has left a host. What became of it, if it was lost at once; the others are told of
    /// by [`due`](Self::due). `load` is told if TCP's view of the sockets is of interest with it.
    pub fn send(
        &mut self,
        from: Side,
        at: Timestamp,
        segment: Option<Segment>,
        length: usize,
        load: impl FnOnce(bool, Option<Segment>) -> T,
    ) -> Option<Outcome<T>> {
        self.since.get_or_insert(at);
        let content = segment.as_ref().map(|segment| self.connections.see(from, segment));
        self.sent[from] += content.as_ref().map_or(0, |content| u64::from(content.new));
        let rules = self.rules_for(content.as_ref());
        let queue = self.ways[from].waiting(at);
        let lost = self.loss(from, content.as_ref(), &rules, queue);
        let is_of_interest = |content: &Content| content.again || content.first;
        let of_interest = lost.is_some() || !rules.is_empty() || content.as_ref().is_some_and(is_of_interest);
        let mut outcome = Outcome {
            from,
            copies: 1,
            corrupted: false,
            queue,
            what: lost,
            load: load(of_interest, segment),
        };
        if outcome.what.is_some() {
            outcome.copies = 0;
            self.lost += 1;
            self.advance(at, None);
            return Some(outcome);
        }
        self.carry(at, outcome, content, &rules, length);
        None
    }

    /// The next moment at which there is something to do.
    pub fn next(&self) -> Option<Timestamp> {
        if !self.lost_in_it.is_empty() {
            return Some(Timestamp(0));
        }
        let packet = self.on_their_way.first_key_value().map(|((due, _), _)| *due);
        let change = match (self.wire.changes.get(self.changed), self.since) {
            (Some(change), Some(since)) => match change.when {
                Moment::Time(after) => Some(later(since, after)),
                _ => None,
            },
            _ => None,
        };
        [packet, change].into_iter().flatten().min()
    }

    /// The next packet that is lost, or due to be handed over.
    pub fn due(&mut self, now: Timestamp) -> Option<Outcome<T>> {
        loop {
            if let Some(lost) = self.lost_in_it.pop_front() {
                self.lost += 1;
                self.advance(now, None);
                return Some(lost);
            }
            let ((due, number), _) = self.on_their_way.first_key_value()?;
            let key = (*due, *number);
            // A change of the script that comes by time may be due before this packet is.
            let before = self.changed;
            self.advance(now.min(*due), None);
            if self.changed != before {
                continue;
            }
            if key.0 > now {
                return None;
            }
            let mut parcel = self.on_their_way.remove(&key)?;
            let link = &mut self.ways[parcel.outcome.from];
            if link.aside == Some(key) {
                link.aside = None;
                let waited = ", but nothing followed within 500 ms";
                parcel.outcome.what = parcel.outcome.what.map(|what| what + waited);
            }
            self.arrived(now, &parcel);
            return Some(parcel.outcome);
        }
    }

    /// A program has read so many bytes so far.
    pub fn has_read(&mut self, now: Timestamp, read: Both<u64>) {
        if read != self.read {
            self.read = read;
            self.advance(now, None);
        }
    }

    /// Changes that come by time alone.
    pub fn tick(&mut self, now: Timestamp) {
        self.advance(now, None);
    }

    /// Pulls the cable, in one direction or in both. What is on its way there is lost.
    pub fn cut(&mut self, of: Option<Side>, why: &str) {
        for side in sides(of) {
            let link = &mut self.ways[side];
            if link.cut.is_some() {
                continue;
            }
            link.cut = Some(why.to_owned());
            link.aside = None;
            let why = cut_text(why);
            for (key, mut parcel) in std::mem::take(&mut self.on_their_way) {
                if parcel.outcome.from == side {
                    (parcel.outcome.copies, parcel.outcome.what) = (0, Some(why.clone()));
                    self.lost_in_it.push_back(parcel.outcome);
                } else {
                    self.on_their_way.insert(key, parcel);
                }
            }
        }
    }

    /// Puts the cable back.
    pub fn restore(&mut self, of: Option<Side>) {
        sides(of).for_each(|side| self.ways[side].cut = None);
    }

    /// True if the cable is pulled, in some direction.
    pub fn is_cut(&self) -> bool {
        self.ways.client.cut.is_some() || self.ways.server.cut.is_some()
    }

    /// How many packets are on their way.
    pub fn on_its_way(&self) -> usize {
        self.on_their_way.len() + self.lost_in_it.len()
    }

    /// All that is still on its way, and will not come.
    pub fn rest(&mut self) -> impl Iterator<Item = Outcome<T>> {
        let rest = std::mem::take(&mut self.on_their_way)
            .into_values()
            .map(|parcel| Outcome {
                copies: 0,
                what: Some(Passage::ON_ITS_WAY.to_owned()),
                ..parcel.outcome
            });
        std::mem::take(&mut self.lost_in_it).into_iter().chain(rest)
    }

    /// Why a packet is lost, if it is.
    fn loss(&mut self, from: Side, content: Option<&Content>, rules: &[Rule], queue: u32) -> Option<String> {
        let way = &self.wire.ways[from];
        // The luck of each packet is drawn, whatever else becomes of it: it must not shift that of others.
        let unlucky = self.ways[from].chance.below(way.loss);
        if let Some(why) = &self.ways[from].cut {
            return Some(cut_text(why));
        }
        if let Some(content) = content
            && self.replied == Some(content.on)
            && from == Side::Client
            && !content.bare
        {
            let change = self.wire.changes.get(self.changed)?;
            return Some(cut_text(&change.when.to_string()));
        }
        if let Some(rule) = rules.iter().find(|rule| rule.action == Action::Lose) {
            return Some(format!("lost: \"{}\"", rule.packets));
        }
        if unlucky {
            return Some(format!("lost: by chance ({})", percent(way.loss)));
        }
        let room = way.queue.unwrap_or(QUEUE);
        (way.rate.is_some() && queue >= room).then(|| format!("lost: the queue was full ({room} packets)"))
    }

    /// Puts a packet on its way.
    fn carry(
        &mut self,
        at: Timestamp,
        mut outcome: Outcome<T>,
        content: Option<Content>,
        rules: &[Rule],
        length: usize,
    ) {
        let way = self.wire.ways[outcome.from].clone();
        let link = &mut self.ways[outcome.from];
        let mut due = later(link.transmit(at, way.rate, length), way.delay);
        let mut words = Vec::new();
        let mut swaps = false;
        for rule in rules {
            let named = &rule.packets;
            words.push(match rule.action {
                Action::Lose => continue,
                Action::Duplicate => {
                    outcome.copies = 2;
                    format!("came twice: \"{named}\"")
                }
                Action::Corrupt => {
                    outcome.corrupted = true;
                    format!("corrupted: \"{named}\"")
                }
                Action::Hold(length) => {
                    due = later(due, length);
                    format!("held: \"{rule}\"", rule = rule.to_string().trim_start_matches("hold "))
                }
                Action::Swap => {
                    swaps = true;
                    format!("swapped with the next: \"{named}\"")
                }
            });
        }
        outcome.what = (!words.is_empty()).then(|| words.join("; "));
        let from = outcome.from;
        let parcel = Parcel {
            outcome,
            content,
            sent: self.sent,
        };
        let aside = self.ways[from].aside.take_if(|_| !swaps);
        if swaps && self.ways[from].aside.is_none() {
            due = later(due, SWAP_WAIT);
            self.ways[from].aside = Some((due, self.carried));
        }
        self.put(due, parcel);
        // A packet that was held back to be swapped with this one follows it at once.
        if let Some(waited) = aside.and_then(|key| self.on_their_way.remove(&key)) {
            self.put(due, waited);
        }
    }

    fn put(&mut self, due: Timestamp, parcel: Parcel<T>) {
        self.on_their_way.insert((due, self.carried), parcel);
        self.carried += 1;
    }

    /// A packet is handed over: a moment of the script may have come.
    fn arrived(&mut self, now: Timestamp, parcel: &Parcel<T>) {
        if self.wire.changes.len() == self.changed {
            return;
        }
        self.advance(now, Some(parcel));
        // The client has a reply that it has yet to acknowledge.
        let next = self.wire.changes.get(self.changed);
        if let (
            Some(Change {
                cut: true,
                of,
                when: Moment::Reply(number),
            }),
            Some(content),
        ) = (next, &parcel.content)
            && *of != Some(Side::Server)
            && content.from == Side::Server
            && let Some(end) = self.connections.reply(&content.on, *number)
            && !is_after(end, content.range.1)
            && is_after(end, content.range.0)
        {
            self.replied = Some(content.on);
        }
    }

    /// Does what the script says of the moments that have come.
    fn advance(&mut self, now: Timestamp, arrived: Option<&Parcel<T>>) {
        while let Some(change) = self.wire.changes.get(self.changed).cloned() {
            if !self.has_come(&change.when, now, arrived) {
                return;
            }
            self.changed += 1;
            self.replied = None;
            self.lost = 0;
            if change.when != Moment::AtOnce {
                self.since = Some(now);
            }
            match change.cut {
                true => self.cut(change.of, &change.when.to_string()),
                false => self.restore(change.of),
            }
        }
    }

    fn has_come(&self, moment: &Moment, now: Timestamp, arrived: Option<&Parcel<T>>) -> bool {
        let content = arrived.and_then(|parcel| parcel.content.as_ref());
        match moment {
            Moment::AtOnce => true,
            Moment::Time(after) => self.since.is_some_and(|since| now >= later(since, *after)),
            Moment::Lost(packets) => self.lost >= *packets,
            Moment::Read(side, bytes) => self.read[*side] >= *bytes,
            Moment::Bytes(of, bytes) => arrived.is_some_and(|parcel| {
                let sent: u64 = sides(*of).map(|side| parcel.sent[side]).sum();
                sent >= *bytes
            }),
            Moment::Packet(named) => content.is_some_and(|content| named.names(content, false)),
            Moment::Reply(number) => content.is_some_and(|content| {
                let end = self.connections.reply(&content.on, *number);
                let acked = content.ack.filter(|_| content.from == Side::Client);
                matches!((end, acked), (Some(end), Some(acked)) if !is_after(end, acked))
            }),
        }
    }

    fn rules_for(&mut self, content: Option<&Content>) -> Vec<Rule> {
        let Some(content) = content else { return Vec::new() };
        let named = |(place, rule): (usize, &Rule)| rule.packets.names(content, true).then_some(place);
        let places: Vec<usize> = self.wire.rules.iter().enumerate().filter_map(named).collect();
        self.met.extend(&places);
        places.into_iter().map(|place| self.wire.rules[place].clone()).collect()
    }

    /// The statements of the script that have met no packet, or whose moment has not come.
    pub fn unmet(&self) -> Vec<String> {
        let rules = self.wire.rules.iter().enumerate();
        let rules = rules.filter(|(place, _)| !self.met.contains(place));
        let changes = self.wire.changes.iter().skip(self.changed);
        rules
            .map(|(_, rule)| rule.to_string())
            .chain(changes.map(ToString::to_string))
            .collect()
    }
}

impl Link {
    /// How many packets wait until the wire is free.
    fn waiting(&mut self, at: Timestamp) -> u32 {
        while self.begin.front().is_some_and(|begin| *begin <= at) {
            self.begin.pop_front();
        }
        self.begin.len() as u32
    }

    /// When a packet that left at this moment has been sent.
    fn transmit(&mut self, at: Timestamp, rate: Option<u64>, length: usize) -> Timestamp {
        let Some(rate) = rate else { return at };
        let begin = self.free.max(at);
        if begin > at {
            self.begin.push_back(begin);
        }
        let nanoseconds = length as u128 * 8 * 1_000_000_000 / u128::from(rate);
        self.free = Timestamp(begin.0.saturating_add(u64::try_from(nanoseconds).unwrap_or(u64::MAX)));
        self.free
    }
}

/// Random numbers that follow from a seed: SplitMix64, as in Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators" (2014).
#[derive(Default)]
struct Chance(u64);

impl Chance {
    fn new(seed: u64, side: Side) -> Chance {
        // Each direction draws from a sequence of its own, so that a packet more in one does not change what is lost in
        // the other.
        let mut chance = Chance(seed ^ u64::from(side == Side::Server) << 63);
        Chance(chance.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// True for so many of a million.
    fn below(&mut self, millionths: u32) -> bool {
        let drawn = (u128::from(self.next()) * 1_000_000) >> 64;
        drawn < u128::from(millionths)
    }
}

fn cut_text(why: &str) -> String {
    format!("lost: the cable is cut ({why})")
}

fn later(at: Timestamp, length: Duration) -> Timestamp {
    let nanoseconds = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
    Timestamp(at.0.saturating_add(nanoseconds))
}

fn sides(of: Option<Side>) -> impl Iterator<Item = Side> {
    [Side::Client, Side::Server]
        .into_iter()
        .filter(move |side| of.is_none_or(|of| of == *side))
}

#[cfg(test)]
#[path = "../../tests/unit/wire_traffic.rs"]
mod tests;
