//! What is so of each packet: typed, with its evidence, and with how sure it is.
//!
//! One pass over both directions of a connection makes the facts; sentences, findings, verdicts and
//! lanes say what they say and follow no sequence number again. The path is
//! records → [timeline](crate::timeline) → facts → rules and sentences → formats.
//!
//! Where Wireshark has a name for something, a fact has it too ([`FactKind::name`]).

mod ack;
mod coverage;
mod ending;
mod exchange;
mod flow;
mod numbers;
mod pass;
mod reason;
mod streams;
pub mod writes;

use std::fmt;
use std::time::Duration;

pub use exchange::Exchange;
pub(crate) use exchange::{Exchanging, Replying};
pub(crate) use numbers::{Numbering, Numbers, is_after};
pub(crate) use pass::{Following, find, name_frames};

use crate::timeline::{Side, StateChange};

/// How sure something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// Nothing that was captured or traced tells.
    #[default]
    Unknown,
    /// The evidence fits, and nothing else that is known does.
    Inferred,
    /// The evidence shows it.
    Seen,
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Certainty::Unknown => "unknown",
            Certainty::Inferred => "inferred",
            Certainty::Seen => "seen",
        })
    }
}

/// What a fact goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// The packet with this number among the frames.
    Frame(usize),
    /// The call or the client's action at this index into the timeline's events.
    Event(usize),
}

/// One thing that is so of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What.
    pub kind: FactKind,
    /// How sure it is; a fact is never [unknown](Certainty::Unknown).
    pub certainty: Certainty,
    /// What shows it, beside the packet itself.
    pub evidence: Vec<Evidence>,
}

/// What can be so of a packet. The names are Wireshark's where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FactKind {
    /// Its data, SYN or FIN had been sent before. Inferred where the first copy was not captured.
    Retransmission,
    /// A retransmission that duplicate ACKs or SACK blocks asked for
    /// ([RFC 5681, section 3.2](https://www.rfc-editor.org/rfc/rfc5681#section-3.2)).
    FastRetransmission,
    /// A retransmission of what its receiver had acknowledged or got by then.
    SpuriousRetransmission,
    /// The last segment, sent again while nothing says that it is lost
    /// ([RFC 8985, section 7](https://www.rfc-editor.org/rfc/rfc8985#section-7)).
    TailLossProbe,
    /// A retransmission after the sender had waited in vain
    /// ([RFC 6298](https://www.rfc-editor.org/rfc/rfc6298)).
    RetransmissionTimeout,
    /// Bytes below the highest ones, and seen for the first time.
    OutOfOrder,
    /// Bytes before these were not captured, or not yet.
    PreviousSegmentNotCaptured,
    /// It acknowledges bytes that were not captured, or not yet.
    AckedUnseenSegment,
    /// It acknowledges what was acknowledged before, and says nothing else that is new.
    DuplicateAck,
    /// Its receiver put this ACK off, hoping to send it along with data
    /// ([RFC 9293, section 3.8.6.3](https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.3)).
    DelayedAck,
    /// It names bytes beyond the first missing one that have come (RFC 2018).
    Sack,
    /// Its first SACK block names bytes that came twice (RFC 2883).
    DSack,
    /// An old byte, or none, so that the idle peer must answer
    /// ([RFC 9293, section 3.8.4](https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4)).
    KeepAlive,
    /// The answer to a keep-alive.
    KeepAliveAck,
    /// Its sender has no room: its peer must wait.
    ZeroWindow,
    /// Asks whether a window of zero has opened
    /// ([RFC 9293, section 3.8.6.1](https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1)).
    ZeroWindowProbe,
    /// The answer to such a question, and the window is still zero.
    ZeroWindowProbeAck,
    /// It tells a new window and nothing else.
    WindowUpdate,
    /// With it the window of the peer is full.
    WindowFull,
    /// Data in a SYN, or the option that asks for it (RFC 7413).
    FastOpen,
    /// The urgent pointer is in use.
    Urgent,
    /// This FIN ends one direction, and the other goes on.
    HalfClose,
    /// Both sides sent a FIN before they had the other's.
    SimultaneousClose,
    /// Both sides sent a SYN before they had the other's.
    SimultaneousOpen,
    /// An ACK that answers a SYN or a reset which does not fit
    /// ([RFC 5961](https://www.rfc-editor.org/rfc/rfc5961)).
    ChallengeAck,
    /// A connection that has the addresses and ports of an earlier one.
    PortReuse,
    /// Its connection began before the capture did.
    BeganBefore,
}

impl FactKind {
    /// Its name, in kebab case.
    pub fn name(self) -> &'static str {
        match self {
            FactKind::Retransmission => "retransmission",
            FactKind::FastRetransmission => "fast-retransmission",
            FactKind::SpuriousRetransmission => "spurious-retransmission",
            FactKind::TailLossProbe => "tail-loss-probe",
            FactKind::RetransmissionTimeout => "retransmission-timeout",
            FactKind::OutOfOrder => "out-of-order",
            FactKind::PreviousSegmentNotCaptured => "previous-segment-not-captured",
            FactKind::AckedUnseenSegment => "acked-unseen-segment",
            FactKind::DuplicateAck => "duplicate-ack",
            FactKind::DelayedAck => "delayed-ack",
            FactKind::Sack => "sack",
            FactKind::DSack => "d-sack",
            FactKind::KeepAlive => "keep-alive",
            FactKind::KeepAliveAck => "keep-alive-ack",
            FactKind::ZeroWindow => "zero-window",
            FactKind::ZeroWindowProbe => "zero-window-probe",
            FactKind::ZeroWindowProbeAck => "zero-window-probe-ack",
            FactKind::WindowUpdate => "window-update",
            FactKind::WindowFull => "window-full",
            FactKind::FastOpen => "fast-open",
            FactKind::Urgent => "urgent",
            FactKind::HalfClose => "half-close",
            FactKind::SimultaneousClose => "simultaneous-close",
            FactKind::SimultaneousOpen => "simultaneous-open",
            FactKind::ChallengeAck => "challenge-ack",
            FactKind::PortReuse => "port-reuse",
            FactKind::BeganBefore => "began-before",
        }
    }
}

impl fmt::Display for FactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a packet left when it did, and not earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Nothing that is known tells.
    #[default]
    Unknown,
    /// It left during the call that asked for it.
    AtOnce,
    /// Nagle's algorithm held it back until data in flight was acknowledged
    /// ([RFC 9293, section 3.7.4](https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4)).
    Nagle,
    /// TCP_CORK or MSG_MORE held it back: for 200 ms at most, on Linux (tcp(7)).
    Cork,
    /// More was in flight than the congestion window allows (RFC 5681).
    CongestionWindow,
    /// The receiver had no room for it.
    ReceiveWindow,
    /// It is sent again, as its receiver asked for it.
    FastRetransmit,
    /// It is sent again, as no ACK had come for it in time.
    Timeout,
    /// It is sent again, as the last one, to find out whether it was lost.
    TailLossProbe,
    /// It asks a peer that has been idle.
    KeepAlive,
    /// It asks a peer whose window is zero.
    ZeroWindowProbe,
    /// Its kernel acknowledges at once.
    AckAtOnce,
    /// Its kernel had put the ACK off.
    DelayedAck,
    /// It answers what came from the peer.
    Answer,
    /// Its owner had closed the socket with so many bytes unread.
    UnreadData(u64),
    /// Its owner had closed the socket with SO_LINGER set to 0 seconds.
    Linger,
    /// Nobody listens on the port.
    NoListener,
    /// It answers a segment to a socket that is closed.
    ClosedSocket,
    /// Probes or retransmissions stayed without an answer.
    GaveUp,
}

impl Reason {
    /// Its name, in kebab case.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Unknown => "unknown",
            Reason::AtOnce => "at-once",
            Reason::Nagle => "nagle",
            Reason::Cork => "cork",
            Reason::CongestionWindow => "congestion-window",
            Reason::ReceiveWindow => "receive-window",
            Reason::FastRetransmit => "fast-retransmit",
            Reason::Timeout => "timeout",
            Reason::TailLossProbe => "tail-loss-probe",
            Reason::KeepAlive => "keep-alive",
            Reason::ZeroWindowProbe => "zero-window-probe",
            Reason::AckAtOnce => "ack-at-once",
            Reason::DelayedAck => "delayed-ack",
            Reason::Answer => "answer",
            Reason::UnreadData(_) => "unread-data",
            Reason::Linger => "linger",
            Reason::NoListener => "no-listener",
            Reason::ClosedSocket => "closed-socket",
            Reason::GaveUp => "gave-up",
        }
    }
}

/// A reason, how sure it is, and what shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// The reason.
    pub reason: Reason,
    /// How sure it is.
    pub certainty: Certainty,
    /// What shows it.
    pub evidence: Vec<Evidence>,
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
    pub frames: Option<(usize, usize)>,
    /// How many segments these are.
    pub segments: usize,
    /// How many bytes of data are new to it.
    pub bytes: u64,
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
    /// What is so of it.
    pub facts: Vec<Fact>,
    /// What it acknowledges anew.
    pub acked: Option<Acked>,
    /// The writes whose bytes it carries, the client's or the server's, as indices into the
    /// timeline's events, in the order of the stream.
    pub carries: Vec<usize>,
    /// True if it is open which writes these are: several threads wrote at once, and what was kept of
    /// their bytes does not tell them apart.
    pub carries_open: bool,
    /// The server's call during which this packet left or was caused, as an index into the timeline's
    /// events.
    pub during: Option<usize>,
    /// Why it left when it did.
    pub why: Why,
    /// True if nothing that was sent before it was without an ACK, as far as its sender knew.
    pub alone: bool,
    /// True if it carries as much as its receiver takes in one segment.
    pub full_size: bool,
}

impl PacketFacts {
    /// The fact of this kind, if it is one of this packet's.
    pub fn get(&self, kind: FactKind) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.kind == kind)
    }

    /// True if this is so of it.
    pub fn has(&self, kind: FactKind) -> bool {
        self.get(kind).is_some()
    }

    pub(crate) fn add(&mut self, kind: FactKind, certainty: Certainty, evidence: impl IntoIterator<Item = Evidence>) {
        if !self.has(kind) {
            self.facts.push(Fact {
                kind,
                certainty,
                evidence: evidence.into_iter().collect(),
            });
        }
    }

    /// Names frames by their numbers; so far they are named by the indices of their events.
    fn name_frames(&mut self, numbers: &[usize]) {
        let of_facts = self.facts.iter_mut().flat_map(|fact| &mut fact.evidence);
        for evidence in of_facts.chain(&mut self.why.evidence) {
            if let Evidence::Frame(frame) = evidence {
                *frame = numbers[*frame];
            }
        }
        if let Some((first, last)) = self.acked.as_mut().and_then(|acked| acked.frames.as_mut()) {
            *first = numbers[*first];
            *last = numbers[*last];
        }
    }

    /// True if all that it carries has been sent before.
    pub fn is_repeat(&self) -> bool {
        self.has(FactKind::Retransmission)
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
    pub fins: Vec<(Side, usize)>,
    /// The first reset that ended it: who sent it, and the number of its frame.
    pub reset: Option<(Side, usize)>,
    /// What the packets tell of its sockets' states, each with the index of the event that shows it.
    pub states: Vec<(usize, StateChange)>,
    /// How long each side's host took to answer the handshake, as seen from where it was captured:
    /// the way there and back. The client's half is from the SYN,ACK to the ACK of it, the server's
    /// from the SYN to the SYN,ACK.
    pub half_round_trips: [Option<Duration>; 2],
}

impl ConnectionFacts {
    fn name_frames(&mut self, numbers: &[usize]) {
        for (_, frame) in self.fins.iter_mut().chain(&mut self.reset) {
            *frame = numbers[*frame];
        }
    }
}
