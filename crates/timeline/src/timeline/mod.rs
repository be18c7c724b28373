//! What happened, as a whole: the events of a run, what is so of them, and the questions to ask.

mod closing;
mod counted;
mod excerpt;
mod kept;
mod part;
mod questions;
pub mod spent;
mod vantage;

use std::ops::Deref;

pub use closing::{Closing, Teardown};
pub(crate) use counted::{Counts, Run, Stalls};
pub use excerpt::{Excerpt, Limits};
pub(crate) use excerpt::{Found, start_of};
pub use questions::Held;
pub(crate) use questions::no_delay_at;

use crate::events::*;
use crate::facts::{self, ConnectionFacts, Facts, PacketFacts};

/// Everything that was observed of a run, in one order, and what is so of it.
///
/// It holds what was [`Seen`] and its [`Facts`] side by side. All that can be asked of what was seen can be asked of
/// a timeline, which so stands for both.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    seen: Seen,
    facts: Facts,
    /// What an [`Excerpt`] counted of a long capture and did not keep; `None` where all is here.
    left_out: Option<Box<counted::LeftOut>>,
}

impl Deref for Timeline {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}

impl From<Seen> for Timeline {
    fn from(seen: Seen) -> Timeline {
        let facts = facts::find(&seen);
        Timeline {
            seen,
            facts,
            left_out: None,
        }
    }
}

impl Recording {
    /// Puts the records into one order, and finds what is so of them.
    pub fn into_timeline(mut self) -> Timeline {
        let no_segment = std::mem::take(&mut self.undecoded);
        let left_out = (!no_segment.is_empty()).then(|| Box::new(counted::LeftOut::of(no_segment)));
        Timeline {
            left_out,
            ..self.into_seen().into()
        }
    }
}

/// A packet with what is so of it: it stands for both.
#[derive(Clone, Copy, Debug)]
pub struct KnownPacket<'a> {
    packet: &'a Packet,
    /// What is so of it.
    pub facts: &'a PacketFacts,
}

impl<'a> KnownPacket<'a> {
    /// The packet alone.
    pub fn packet(self) -> &'a Packet {
        self.packet
    }
}

impl Deref for KnownPacket<'_> {
    type Target = Packet;

    fn deref(&self) -> &Packet {
        self.packet
    }
}

/// One connection of a timeline. All that can be asked of a [`SeenConnection`] can be asked of it.
#[derive(Clone, Copy, Debug)]
pub struct Connection<'a> {
    timeline: &'a Timeline,
    seen: SeenConnection<'a>,
}

impl<'a> Deref for Connection<'a> {
    type Target = SeenConnection<'a>;

    fn deref(&self) -> &SeenConnection<'a> {
        &self.seen
    }
}

impl Timeline {
    /// What was seen, without what is so of it.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The connections, in the order in which they began: of a [part](Self::part) those that are in it.
    pub fn connections(&self) -> impl ExactSizeIterator<Item = Connection<'_>> {
        let here = |seen: &SeenConnection<'_>| match self.left_out() {
            Some(left_out) if left_out.is_partial => self.totals(seen.id()).is_some(),
            _ => seen.events().next().is_some(),
        };
        let here: Vec<SeenConnection<'_>> = self.seen.connections().filter(here).collect();
        here.into_iter().map(|seen| Connection { timeline: self, seen })
    }

    /// The moment that is shown as 0: the first thing that happened on a connection. The SYN may stand behind its answer
    /// in a file.
    pub fn start(&self) -> Timestamp {
        if let Some(start) = self.left_out().and_then(|left_out| left_out.start) {
            return start;
        }
        let first = self.events.iter().find(|event| event.connection.is_some());
        let start = |first: &Event| {
            let same = self.events.iter().filter(|event| event.connection == first.connection);
            let is_syn = |event: &&Event| matches!(&event.kind, EventKind::Packet(packet) if packet.is_first_syn());
            let syn = same.take(2).find(is_syn);
            syn.map_or(first.at, |syn| syn.at.min(first.at))
        };
        first.map_or_else(Timestamp::default, start)
    }

    /// Those that clients made to the server, without what the server itself opened.
    pub fn of_clients(&self) -> impl Iterator<Item = Connection<'_>> {
        self.connections().filter(|connection| !connection.is_the_servers_own())
    }

    /// The first of which no packet was captured, though packets were: it may not have crossed the wire.
    pub fn uncaptured(&self) -> Option<ConnectionId> {
        let mut connections = self.connections().filter(|_| self.level > Level::NoPackets);
        connections
            .find(|connection| !connection.is_captured())
            .map(|connection| connection.id())
    }

    /// One of them.
    pub fn connection(&self, id: ConnectionId) -> Connection<'_> {
        Connection {
            timeline: self,
            seen: self.seen.connection(id),
        }
    }

    /// The packet with this id, if the event is one.
    pub fn packet(&self, id: EventId) -> Option<KnownPacket<'_>> {
        self.seen.packet(id).zip(self.facts.of(id)).map(KnownPacket::from)
    }
}

impl<'a> From<(&'a Packet, &'a PacketFacts)> for KnownPacket<'a> {
    fn from((packet, facts): (&'a Packet, &'a PacketFacts)) -> KnownPacket<'a> {
        KnownPacket { packet, facts }
    }
}

impl<'a> Connection<'a> {
    /// The timeline that it is on.
    pub fn timeline(self) -> &'a Timeline {
        self.timeline
    }

    /// What is so of it as a whole.
    pub fn facts(self) -> &'a ConnectionFacts {
        &self.timeline.facts.connections[self.id().index()]
    }

    /// Its packets with their ids, in order.
    pub fn packets(self) -> impl Iterator<Item = (EventId, KnownPacket<'a>)> {
        let known = move |id| Some((id, self.timeline.packet(id)?));
        self.seen.packets().filter_map(move |(id, _)| known(id))
    }
}
