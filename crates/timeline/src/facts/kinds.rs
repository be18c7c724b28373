//! The names of facts and of reasons, each with its meaning and its source. The pages, the JSON and `lab explain` are
//! made from this table.

use std::fmt;

/// Defines an enum whose values have a name and a meaning, which stand once.
macro_rules! named {
    (
        $(#[$about:meta])*
        $enum:ident, $count:literal:
        $(
            $(#[$source:meta])*
            $variant:ident $(($data:ty = $any:expr))? = $name:literal $(in Wireshark $field:literal)?,
            $meaning:literal;
        )+
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $enum {
            $(#[doc = concat!("`", $name, "`: ", $meaning, ".")] $(#[$source])* $variant $(($data))?,)+
        }

        impl $enum {
            /// All of them; one that holds a number stands for any number.
            pub const ALL: [$enum; $count] = [$($enum::$variant $(($any))?),+];

            /// Its name, in kebab case.
            pub fn name(self) -> &'static str {
                match self {
                    $($enum::$variant { .. } => $name,)+
                }
            }

            /// What it means, in a line.
            pub fn summary(self) -> &'static str {
                match self {
                    $($enum::$variant { .. } => $meaning,)+
                }
            }

            /// The last part of Wireshark's field for it: `retransmission` of `tcp.analysis.retransmission`. `None`
            /// where Wireshark has none.
            pub fn wireshark(self) -> Option<&'static str> {
                match self {
                    $($(
                        $enum::$variant { .. } => Some($field),
                    )?)+
                    #[allow(unreachable_patterns, reason = "each may have one")]
                    _ => None,
                }
            }
        }

        impl fmt::Display for $enum {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// What can be so of a packet. The names are Wireshark's where it has one.
    FactKind, 37:
    CapturedTwice = "captured-twice",
        "the very packet of an earlier frame, sent once: it was captured at two places, or copied on its way";
    Retransmission = "retransmission" in Wireshark "retransmission", "its data, SYN or FIN had been sent before";
    /// See [RFC 5681, section 3.2](https://www.rfc-editor.org/rfc/rfc5681#section-3.2).
    FastRetransmission = "fast-retransmission" in Wireshark "fast_retransmission",
        "sent again because duplicate ACKs or SACK blocks ask for it (RFC 5681)";
    SpuriousRetransmission = "spurious-retransmission" in Wireshark "spurious_retransmission",
        "sent again although its receiver had it: the receiver had acknowledged it by then, or it had come";
    /// See [RFC 8985, section 7](https://www.rfc-editor.org/rfc/rfc8985#section-7).
    TailLossProbe = "tail-loss-probe",
        "the last segment, sent again after some two round trips while nothing says that it is lost (RFC 8985)";
    /// See [RFC 6298](https://www.rfc-editor.org/rfc/rfc6298).
    RetransmissionTimeout = "retransmission-timeout", "sent again because no ACK had come in time (RFC 6298)";
    OutOfOrder = "out-of-order" in Wireshark "out_of_order", "bytes below the highest ones, seen for the first time";
    Overtaken = "overtaken",
        "the first copy of bytes that came in a later one before: its timestamp is older (RFC 7323)";
    OldTimestamp = "old-timestamp",
        "new bytes with an older timestamp than one that their receiver has echoed: it throws them away (RFC 7323, section 5)";
    PreviousSegmentNotCaptured = "previous-segment-not-captured" in Wireshark "lost_segment",
        "bytes before these were not captured, or not yet";
    AckedUnseenSegment = "acked-unseen-segment" in Wireshark "ack_lost_segment",
        "acknowledges bytes that were not captured, or not yet";
    DuplicateAck = "duplicate-ack" in Wireshark "duplicate_ack",
        "acknowledges what was acknowledged before, and brings nothing new but SACK blocks";
    /// See [RFC 9293, section 3.8.6.3](https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.3).
    DelayedAck = "delayed-ack", "its sender had put this ACK off (RFC 9293, section 3.8.6.3)";
    Sack = "sack", "names bytes that came beyond the first missing one (RFC 2018)";
    DSack = "d-sack", "names bytes that came twice (RFC 2883)";
    /// See [RFC 9293, section 3.8.4](https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4).
    KeepAlive = "keep-alive" in Wireshark "keep_alive",
        "repeats an old number, with a byte or without, so that an idle peer answers (RFC 9293, section 3.8.4)";
    KeepAliveAck = "keep-alive-ack" in Wireshark "keep_alive_ack", "answers a keep-alive";
    ZeroWindow = "zero-window" in Wireshark "zero_window", "its sender has no room: the peer must wait";
    /// See [RFC 9293, section 3.8.6.1](https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1).
    ZeroWindowProbe = "zero-window-probe" in Wireshark "zero_window_probe",
        "asks whether a window of zero has opened, with a byte or without (RFC 9293, section 3.8.6.1)";
    ZeroWindowProbeAck = "zero-window-probe-ack" in Wireshark "zero_window_probe_ack",
        "answers such a probe, and the window is still zero";
    WindowUpdate = "window-update" in Wireshark "window_update", "tells another window and nothing else";
    WindowFull = "window-full" in Wireshark "window_full", "with it the window of the peer is full";
    FastOpen = "fast-open", "a SYN with data, or with the option that asks for it (RFC 7413)";
    Urgent = "urgent", "its urgent pointer is in use";
    HalfClose = "half-close", "a FIN that ends one direction while the other goes on";
    SimultaneousClose = "simultaneous-close", "a FIN that left before the FIN of the peer had come";
    SimultaneousOpen = "simultaneous-open", "a SYN that left before the SYN of the peer had come";
    /// See [RFC 5961](https://www.rfc-editor.org/rfc/rfc5961).
    ChallengeAck = "challenge-ack", "an ACK that answers a SYN or a reset which does not fit (RFC 5961)";
    /// See [RFC 9293, section 3.10.7.4](https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4).
    StrayReset = "stray-reset",
        "a reset that its receiver need not take: its number is not the one that is expected (RFC 9293, RFC 5961)";
    FromBetween = "from-between",
        "a reset whose time to live does not fit its alleged sender, or after which that one talks on: sent from between, or forged";
    PortReuse = "port-reuse" in Wireshark "reused_ports",
        "begins a connection with the addresses and ports of an earlier one";
    BeganBefore = "began-before", "the first captured packet of a connection that began before the capture";
    HttpRequest = "http-request", "its bytes begin with the line of a request of HTTP/1 (RFC 9112)";
    HttpResponse = "http-response", "its bytes begin with the status line of a response of HTTP/1 (RFC 9112)";
    TlsClientHello = "tls-client-hello", "its bytes begin with a ClientHello of TLS, or complete one (RFC 8446)";
    TlsServerHello = "tls-server-hello", "its bytes begin with a ServerHello of TLS (RFC 8446)";
    TlsAlert = "tls-alert", "an alert of TLS that is not encrypted is among its first records (RFC 8446)";
}

named! {
    /// Why a packet left when it did, and not earlier.
    #[derive(Default)]
    Reason, 20:
    #[default]
    Unknown = "unknown", "nothing that was recorded tells";
    AtOnce = "at-once", "it left during the call that asked for it";
    /// See [RFC 9293, section 3.7.4](https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4).
    Nagle = "nagle", "its write had returned; Nagle's algorithm waited for the ACK of a small segment in flight";
    Cork = "cork", "its write had returned; TCP_CORK or MSG_MORE kept it for more (on Linux until the timer of a probe: 200 ms or more)";
    CongestionWindow = "congestion-window",
        "its write had returned and the receiver had room; it left after an ACK, with much in flight";
    ReceiveWindow = "receive-window",
        "it did not fit into the window of the receiver, until an ACK or a window update opened that";
    FastRetransmit = "fast-retransmit", "sent again, as duplicate ACKs or SACK blocks ask for it";
    Timeout = "timeout", "sent again, as no ACK had come in time";
    TailLossProbe = "tail-loss-probe", "sent again as the last segment, to have an ACK";
    ProbeOrTimeout = "probe-or-timeout", "the last segment, sent again: a tail loss probe fits, and so does a timeout";
    KeepAlive = "keep-alive", "it asks a peer that has been idle";
    ZeroWindowProbe = "zero-window-probe", "it asks a peer whose window is zero";
    AckAtOnce = "ack-at-once", "it acknowledges what has just come";
    DelayedAck = "delayed-ack", "it acknowledges what had come a while before";
    Answer = "answer", "it answers a probe";
    /// With how many bytes.
    UnreadData(u64 = 0) = "unread-data", "a close with bytes unread: Linux resets then";
    Linger = "linger", "a close with SO_LINGER set to 0 seconds";
    NoListener = "no-listener", "it refuses a SYN: nobody listens on the port, or something refuses for it";
    ClosedSocket = "closed-socket", "it answers a segment for which there is no open socket";
    GaveUp = "gave-up", "probes or retransmissions stayed without an answer";
}
