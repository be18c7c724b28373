//! What is so of each packet: typed, with its evidence, and with how sure it is.
//!
//! One pass over both directions of a connection makes the facts; sentences, findings, verdicts and
//! lanes say what they say and follow no sequence number again. The path is
//! events → facts → [timeline](crate::Timeline) → rules and sentences → formats.
//!
//! Where Wireshark has a name for something, a fact has it too ([`FactKind::name`]).

mod ack;
mod amounts;
mod coverage;
mod exchange;
mod flow;
mod pass;
mod reason;
pub mod spent;
mod streams;
pub mod writes;

use std::fmt;
use std::time::Duration;

pub use amounts::{Amounts, amounts};
pub use exchange::Exchange;
pub(crate) use exchange::{Exchanging, Replying};
pub(crate) use pass::{Following, find, name_frames};

use crate::events::{Side, StateChange};

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

impl Evidence {
    /// The number of the frame, if it is one.
    pub fn frame(&self) -> Option<usize> {
        match self {
            Evidence::Frame(number) => Some(*number),
            Evidence::Event(_) => None,
        }
    }

    /// The index into the timeline's events, if it is a call or an action.
    pub fn event(&self) -> Option<usize> {
        match self {
            Evidence::Event(index) => Some(*index),
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
    /// All of them.
    pub const ALL: [FactKind; 27] = [
        FactKind::Retransmission,
        FactKind::FastRetransmission,
        FactKind::SpuriousRetransmission,
        FactKind::TailLossProbe,
        FactKind::RetransmissionTimeout,
        FactKind::OutOfOrder,
        FactKind::PreviousSegmentNotCaptured,
        FactKind::AckedUnseenSegment,
        FactKind::DuplicateAck,
        FactKind::DelayedAck,
        FactKind::Sack,
        FactKind::DSack,
        FactKind::KeepAlive,
        FactKind::KeepAliveAck,
        FactKind::ZeroWindow,
        FactKind::ZeroWindowProbe,
        FactKind::ZeroWindowProbeAck,
        FactKind::WindowUpdate,
        FactKind::WindowFull,
        FactKind::FastOpen,
        FactKind::Urgent,
        FactKind::HalfClose,
        FactKind::SimultaneousClose,
        FactKind::SimultaneousOpen,
        FactKind::ChallengeAck,
        FactKind::PortReuse,
        FactKind::BeganBefore,
    ];

    /// Its name, in kebab case.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// The last part of Wireshark's field for it: `retransmission` of `tcp.analysis.retransmission`. `None`
    /// where Wireshark has none.
    pub fn wireshark(self) -> Option<&'static str> {
        Some(self.words().1).filter(|field| !field.is_empty())
    }

    /// What it means, in a line.
    pub fn summary(self) -> &'static str {
        self.words().2
    }

    /// Name, field of Wireshark's or nothing, and meaning.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            FactKind::Retransmission => (
                "retransmission",
                "retransmission",
                "its data, SYN or FIN had been sent before",
            ),
            FactKind::FastRetransmission => (
                "fast-retransmission",
                "fast_retransmission",
                "sent again because duplicate ACKs or SACK blocks ask for it (RFC 5681)",
            ),
            FactKind::SpuriousRetransmission => (
                "spurious-retransmission",
                "spurious_retransmission",
                "sent again although its receiver had it: the receiver had acknowledged it by then, or it had come",
            ),
            FactKind::TailLossProbe => (
                "tail-loss-probe",
                "",
                "the last segment, sent again after some two round trips while nothing says that it is lost (RFC 8985)",
            ),
            FactKind::RetransmissionTimeout => (
                "retransmission-timeout",
                "",
                "sent again because no ACK had come in time (RFC 6298)",
            ),
            FactKind::OutOfOrder => (
                "out-of-order",
                "out_of_order",
                "bytes below the highest ones, seen for the first time",
            ),
            FactKind::PreviousSegmentNotCaptured => (
                "previous-segment-not-captured",
                "lost_segment",
                "bytes before these were not captured, or not yet",
            ),
            FactKind::AckedUnseenSegment => (
                "acked-unseen-segment",
                "ack_lost_segment",
                "acknowledges bytes that were not captured, or not yet",
            ),
            FactKind::DuplicateAck => (
                "duplicate-ack",
                "duplicate_ack",
                "acknowledges what was acknowledged before, and brings nothing new but SACK blocks",
            ),
            FactKind::DelayedAck => (
                "delayed-ack",
                "",
                "its sender had put this ACK off (RFC 9293, section 3.8.6.3)",
            ),
            FactKind::Sack => (
                "sack",
                "",
                "names bytes that came beyond the first missing one (RFC 2018)",
            ),
            FactKind::DSack => ("d-sack", "", "names bytes that came twice (RFC 2883)"),
            FactKind::KeepAlive => (
                "keep-alive",
                "keep_alive",
                "repeats an old number, with a byte or without, so that an idle peer answers (RFC 9293, section 3.8.4)",
            ),
            FactKind::KeepAliveAck => ("keep-alive-ack", "keep_alive_ack", "answers a keep-alive"),
            FactKind::ZeroWindow => (
                "zero-window",
                "zero_window",
                "its sender has no room: the peer must wait",
            ),
            FactKind::ZeroWindowProbe => (
                "zero-window-probe",
                "zero_window_probe",
                "asks whether a window of zero has opened, with a byte or without (RFC 9293, section 3.8.6.1)",
            ),
            FactKind::ZeroWindowProbeAck => (
                "zero-window-probe-ack",
                "zero_window_probe_ack",
                "answers such a probe, and the window is still zero",
            ),
            FactKind::WindowUpdate => (
                "window-update",
                "window_update",
                "tells another window and nothing else",
            ),
            FactKind::WindowFull => ("window-full", "window_full", "with it the window of the peer is full"),
            FactKind::FastOpen => (
                "fast-open",
                "",
                "a SYN with data, or with the option that asks for it (RFC 7413)",
            ),
            FactKind::Urgent => ("urgent", "", "its urgent pointer is in use"),
            FactKind::HalfClose => (
                "half-close",
                "",
                "a FIN that ends one direction while the other goes on",
            ),
            FactKind::SimultaneousClose => (
                "simultaneous-close",
                "",
                "a FIN that left before the FIN of the peer had come",
            ),
            FactKind::SimultaneousOpen => (
                "simultaneous-open",
                "",
                "a SYN that left before the SYN of the peer had come",
            ),
            FactKind::ChallengeAck => (
                "challenge-ack",
                "",
                "an ACK that answers a SYN or a reset which does not fit (RFC 5961)",
            ),
            FactKind::PortReuse => (
                "port-reuse",
                "reused_ports",
                "begins a connection with the addresses and ports of an earlier one",
            ),
            FactKind::BeganBefore => (
                "began-before",
                "",
                "the first captured packet of a connection that began before the capture",
            ),
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

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Reason {
    /// All of them; unread data stands for any number of bytes.
    pub const ALL: [Reason; 19] = [
        Reason::Unknown,
        Reason::AtOnce,
        Reason::Nagle,
        Reason::Cork,
        Reason::CongestionWindow,
        Reason::ReceiveWindow,
        Reason::FastRetransmit,
        Reason::Timeout,
        Reason::TailLossProbe,
        Reason::KeepAlive,
        Reason::ZeroWindowProbe,
        Reason::AckAtOnce,
        Reason::DelayedAck,
        Reason::Answer,
        Reason::UnreadData(0),
        Reason::Linger,
        Reason::NoListener,
        Reason::ClosedSocket,
        Reason::GaveUp,
    ];

    /// Its name, in kebab case.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// What it means, in a line.
    pub fn summary(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Reason::Unknown => ("unknown", "nothing that was recorded tells"),
            Reason::AtOnce => ("at-once", "it left during the call that asked for it"),
            Reason::Nagle => (
                "nagle",
                "its write had returned; Nagle's algorithm waited for the ACK of a small segment in flight",
            ),
            Reason::Cork => (
                "cork",
                "its write had returned; TCP_CORK or MSG_MORE kept it for more (for 200 ms at most, on Linux)",
            ),
            Reason::CongestionWindow => (
                "congestion-window",
                "its write had returned and the receiver had room; it left after an ACK, with much in flight",
            ),
            Reason::ReceiveWindow => (
                "receive-window",
                "it did not fit into the window of the receiver, until an ACK or a window update opened that",
            ),
            Reason::FastRetransmit => (
                "fast-retransmit",
                "sent again, as duplicate ACKs or SACK blocks ask for it",
            ),
            Reason::Timeout => ("timeout", "sent again, as no ACK had come in time"),
            Reason::TailLossProbe => ("tail-loss-probe", "sent again as the last segment, to have an ACK"),
            Reason::KeepAlive => ("keep-alive", "it asks a peer that has been idle"),
            Reason::ZeroWindowProbe => ("zero-window-probe", "it asks a peer whose window is zero"),
            Reason::AckAtOnce => ("ack-at-once", "it acknowledges what has just come"),
            Reason::DelayedAck => ("delayed-ack", "it acknowledges what had come a while before"),
            Reason::Answer => ("answer", "it answers a probe"),
            Reason::UnreadData(_) => ("unread-data", "a close with bytes unread: Linux resets then"),
            Reason::Linger => ("linger", "a close with SO_LINGER set to 0 seconds"),
            Reason::NoListener => (
                "no-listener",
                "it refuses a SYN: nobody listens on the port, or something refuses for it",
            ),
            Reason::ClosedSocket => (
                "closed-socket",
                "it answers a segment for which there is no open socket",
            ),
            Reason::GaveUp => ("gave-up", "probes or retransmissions stayed without an answer"),
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
    /// True for a [retransmission](FactKind::Retransmission) that carries new bytes too.
    pub partly_new: bool,
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
        self.has(FactKind::Retransmission) && !self.partly_new
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
