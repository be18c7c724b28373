//! What is so of each packet: typed, with its evidence, and with how sure it is.
//!
//! One pass over both directions of a connection makes the facts, and returns them; sentences, findings, verdicts and
//! lanes say what they say and follow no sequence number again. The path is
//! events → facts → [timeline](crate::Timeline) → rules and sentences → formats.
//!
//! Where Wireshark has a name for something, a fact has it too ([`FactKind::name`]).

mod ack;
mod amounts;
mod clear;
mod coverage;
mod exchange;
mod flow;
pub(crate) mod http;
mod kinds;
mod pass;
mod reason;
mod streams;
mod tally;
mod twice;
pub mod writes;

use std::time::Duration;

pub use amounts::{Amounts, amounts};
pub(crate) use clear::in_clear;
pub use exchange::Exchange;
pub(crate) use exchange::{Exchanging, Replying};
pub use kinds::{FactKind, Reason};
pub use pass::find;
pub(crate) use pass::{Following, Late};
use smallvec::SmallVec;
pub use tally::{Asked, Missing, Tally, Waits};

use crate::events::{Both, EventId, FrameNumber, Side};

shown! {
    /// How sure something is.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Certainty {
        /// Nothing that was captured or traced tells.
        #[default]
        Unknown = "unknown",
        /// The evidence fits, and nothing else that is known does.
        Inferred = "inferred",
        /// The evidence shows it.
        Seen = "seen",
    }
}

/// What a fact goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// The packet with this number among the frames.
    Frame(FrameNumber),
    /// A call, or an action of the client's.
    Event(EventId),
}

impl Evidence {
    /// The number of the frame, if it is one.
    pub fn frame(&self) -> Option<FrameNumber> {
        match self {
            Evidence::Frame(number) => Some(*number),
            Evidence::Event(_) => None,
        }
    }

    /// The event, if it is a call or an action.
    pub fn event(&self) -> Option<EventId> {
        match self {
            Evidence::Event(id) => Some(*id),
            Evidence::Frame(_) => None,
        }
    }
}

/// One thing that is so of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What.
    pub kind: FactKind,
    /// How sure it is; a fact is never [unknown](Certainty::Unknown).
    pub certainty: Certainty,
    /// What shows it, beside the packet itself.
    pub evidence: Shows,
}

/// What shows something: mostly a frame or two, which need no room of their own.
pub type Shows = SmallVec<[Evidence; 2]>;

/// A reason, how sure it is, and what shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// The reason.
    pub reason: Reason,
    /// How sure it is.
    pub certainty: Certainty,
    /// What shows it.
    pub evidence: Shows,
    /// How long it waited: a segment since its write returned, an ACK since what it acknowledges came,
    /// a retransmission since the copy before it. `None` where that is not known, or it did not wait.
    pub waited: Option<Duration>,
}

impl Why {
    pub(crate) fn new(reason: Reason, certainty: Certainty) -> Why {
        Why {
            reason,
            certainty,
            ..Why::default()
        }
    }

    pub(crate) fn by(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Why {
        self.evidence.extend(evidence);
        self
    }

    pub(crate) fn after(mut self, waited: impl Into<Option<Duration>>) -> Why {
        self.waited = waited.into();
        self
    }
}

/// What an ACK covers that no ACK before it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acked {
    /// The captured segments that it acknowledges to their ends, by frame number: the first and the
    /// last of them in the stream. `None` where it ends inside a segment, or what it covers was not captured.
    pub frames: Option<(FrameNumber, FrameNumber)>,
    /// How many segments these are.
    pub segments: u32,
    /// How many bytes of data are new to it.
    pub bytes: u32,
    /// True if the peer's SYN is.
    pub syn: bool,
    /// True if the peer's FIN is.
    pub fin: bool,
    /// True if data that was sent before it came stays without an ACK.
    pub more_in_flight: bool,
}

/// All that is so of one packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketFacts {
    /// What is so of it, which is nothing of most packets.
    pub(crate) noted: Option<Box<Noted>>,
    /// What it acknowledges anew.
    pub acked: Option<Acked>,
    /// The writes whose bytes it carries, the client's or the server's, in the order of the stream.
    pub carries: SmallVec<[EventId; 4]>,
    /// True if it is open which writes these are: several threads wrote at once, and what was kept of
    /// their bytes does not tell them apart.
    pub carries_open: bool,
    /// The server's call during which this packet left or was caused.
    pub during: Option<EventId>,
    /// Why it left when it did.
    pub why: Why,
    /// True if nothing that was sent before it was without an ACK, as far as its sender knew.
    pub alone: bool,
    /// True for a [retransmission](FactKind::Retransmission) that carries new bytes too.
    pub partly_new: bool,
    /// True if it carries as much as its receiver takes in one segment.
    pub full_size: bool,
}

/// What is noted of a few packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    facts: Vec<Fact>,
    /// The first message of a handshake of TLS as if it had come in one record, where it came in pieces and is whole with
    /// this packet, and the records behind it.
    pub hello: Option<Vec<u8>>,
}

impl PacketFacts {
    /// What is so of it.
    pub fn facts(&self) -> &[Fact] {
        self.noted.as_ref().map_or(&[], |noted| &noted.facts)
    }

    /// The fact of this kind, if it is one of this packet's.
    pub fn get(&self, kind: FactKind) -> Option<&Fact> {
        self.facts().iter().find(|fact| fact.kind == kind)
    }

    /// The first frame that shows a fact of this kind, beside its own.
    pub(crate) fn shown_by(&self, kind: FactKind) -> Option<FrameNumber> {
        self.get(kind)?.evidence.iter().find_map(Evidence::frame)
    }

    /// True if this is so of it.
    pub fn has(&self, kind: FactKind) -> bool {
        self.get(kind).is_some()
    }

    pub(crate) fn add(&mut self, kind: FactKind, certainty: Certainty, evidence: impl IntoIterator<Item = Evidence>) {
        if !self.has(kind) {
            self.noted.get_or_insert_default().facts.push(Fact {
                kind,
                certainty,
                evidence: evidence.into_iter().collect(),
            });
        }
    }

    /// Takes back what a later packet disproves.
    pub(crate) fn retract(&mut self, kind: FactKind) {
        if let Some(noted) = &mut self.noted {
            noted.facts.retain(|fact| fact.kind != kind);
        }
    }

    /// True if all that it carries has gone by before, or it is [captured twice](Self::is_copy). What was sent again
    /// may well go by for the first time.
    pub fn is_repeat(&self) -> bool {
        let again = self.has(FactKind::Retransmission) && !self.has(FactKind::OutOfOrder);
        again && !self.partly_new || self.has(FactKind::Overtaken) || self.is_copy()
    }

    /// True if an earlier frame is this packet, so that it counts nowhere.
    pub fn is_copy(&self) -> bool {
        self.has(FactKind::CapturedTwice)
    }
}

/// What is so of a connection as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionFacts {
    /// It began before the first packet of it that was captured.
    pub began_before: bool,
    /// Nothing captured says who connected: which end is called the server is a guess by the ports.
    pub roles_guessed: bool,
    /// Both ends connected to each other at once.
    pub simultaneous_open: bool,
    /// Both ends closed at once.
    pub simultaneous_close: bool,
    /// An earlier connection had its addresses and ports.
    pub port_reuse: bool,
    /// The sides that sent a FIN, in order, each with the number of its frame.
    pub fins: Vec<(Side, FrameNumber)>,
    /// It never was one: a reset answered the SYN, as where nobody listens.
    pub refused: bool,
    /// The first reset that ended it.
    pub reset: Option<Reset>,
    /// What it waited for, by its packets alone.
    pub tally: Tally,
    /// The sides of which something was captured.
    pub captured: Both<bool>,
    /// True if bytes between others were not captured, of either side.
    pub is_holed: bool,
    /// Bytes of data of each side that had no ACK at the end, as far as the side knew.
    pub in_flight: Both<u64>,
}

/// A reset that its receiver took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Who sent it, as it says.
    pub by: Side,
    /// Its frame.
    pub frame: FrameNumber,
    /// True if something between the two sent it, or somebody forged it: see [`FactKind::FromBetween`].
    pub from_between: bool,
    /// Bytes of data of each side that had no ACK by then, as far as the side knew.
    pub unacked: Both<u64>,
    /// The first frame of the same side that was sent after it.
    talks_on: Option<FrameNumber>,
    /// True if its receiver talks on too, so that it ended nothing.
    ignored: bool,
}

/// What is so of all packets and connections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Of all packets, in no order.
    packets: Vec<PacketFacts>,
    /// Where those of each event are among these; for one that is no packet a place where none are.
    places: Vec<u32>,
    /// Of each connection as a whole, in the order in which they began.
    pub connections: Vec<ConnectionFacts>,
    /// True if the server did a part of its work by what is no call on the timeline.
    pub(crate) unseen_calls: bool,
}

impl Facts {
    /// Those of events that nothing is known of yet.
    pub(crate) fn of_none(events: usize) -> Facts {
        Facts {
            places: vec![u32::MAX; events],
            ..Facts::default()
        }
    }

    /// The same packets' facts, beside what is so of the connections.
    pub(crate) fn of_connections(self, connections: Vec<ConnectionFacts>) -> Facts {
        Facts { connections, ..self }
    }

    /// What is so of a packet. `None` for an event that is none.
    pub fn of(&self, packet: EventId) -> Option<&PacketFacts> {
        self.packets.get(*self.places.get(packet.index())? as usize)
    }

    fn get_mut(&mut self, packet: EventId) -> Option<&mut PacketFacts> {
        self.packets.get_mut(self.places[packet.index()] as usize)
    }

    pub(crate) fn put(&mut self, packet: EventId, facts: PacketFacts) {
        self.places[packet.index()] = u32::try_from(self.packets.len()).unwrap_or(u32::MAX);
        self.packets.push(facts);
    }
}
