//! Requests and replies, as packets and calls go by.

use super::{FactKind, PacketFacts};
use crate::events::{CallKind, EventId, Flags, Packet, Side};

/// A request and its reply: from the client's first byte after a reply to its next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its packets.
    pub packets: Vec<EventId>,
    /// How many of them carry data of the server.
    pub reply_segments: usize,
}

/// Where a connection is in its replies, as its calls go by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Replying {
    writes: usize,
}

impl Replying {
    /// Takes in a call that moved so many bytes. How many writes the reply took that it ends.
    pub fn see(&mut self, kind: CallKind, moved: u64) -> Option<usize> {
        match kind {
            CallKind::Write if moved > 0 => self.writes += 1,
            CallKind::Read if moved > 0 => return self.end(),
            _ => {}
        }
        None
    }

    /// How many writes the last reply took.
    pub fn end(&mut self) -> Option<usize> {
        Some(std::mem::take(&mut self.writes)).filter(|writes| *writes > 0)
    }
}

/// Where a connection is in its exchanges, as its packets go by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Exchanging {
    begun: bool,
    replied: bool,
    /// A FIN was the last to tell anything: what follows is of the close, unless the reply goes on.
    closing: bool,
    /// So many packets have followed that FIN, with it if it had no data, or are there since the reset.
    behind: usize,
    /// A reset has come of which nothing shows by now that it was forged.
    over: bool,
}

/// A packet of an exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExchangePacket {
    /// True for the first one of an exchange.
    pub begins: bool,
    /// True if it carries data of the server that it had not sent before.
    pub replies: bool,
    /// So many of the packets right before it are of the exchange too: a client's FIN behind its request, and what came
    /// between that and the reply; or a reset that was forged, and what came since.
    pub with: usize,
}

impl Exchanging {
    /// Takes in a packet; `None` for one of the handshake or the close. `talks_on` if it shows that the reset before it was
    /// forged: what is known late must not count early, so that a capture of any length comes to the same.
    pub fn see(&mut self, packet: &Packet, facts: &PacketFacts, talks_on: bool) -> Option<ExchangePacket> {
        let flags = packet.segment.flags;
        if flags.has(Flags::RST) && !facts.has(FactKind::StrayReset) {
            let known = facts.shown_by(FactKind::FromBetween);
            self.over |= known.is_none_or(|shown| shown > packet.number);
        }
        self.over &= !talks_on && !flags.has(Flags::SYN);
        let data = packet.segment.len > 0 && is_new(facts);
        let begins = data && packet.from == Side::Client && (!self.begun || self.replied) && !self.closing;
        if self.over || !(self.begun || begins) {
            self.closing |= flags.has(Flags::FIN);
            self.behind += usize::from(self.begun);
            return None;
        }
        if begins {
            self.behind = 0;
        }
        let replies = data && packet.from == Side::Server;
        if self.closing && !replies || flags.has(Flags::FIN) && !data {
            self.closing = true;
            self.behind += 1;
            return None;
        }
        self.begun = true;
        self.replied = replies && !is_interim(packet) || (self.replied && !begins);
        self.closing = flags.has(Flags::FIN);
        Some(ExchangePacket {
            begins,
            replies,
            with: std::mem::take(&mut self.behind),
        })
    }
}

/// True for a response behind which the final one is to come (RFC 9110, section 15.2): the client's body may follow it, and
/// is no request of its own. 101 is final.
fn is_interim(packet: &Packet) -> bool {
    let payload = &packet.segment.payload[..];
    if !payload.starts_with(b"HTTP/1.1 1") || payload.starts_with(b"HTTP/1.1 101") {
        return false;
    }
    let ends = payload.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    ends.is_some_and(|ends| ends + 4 == packet.segment.len as usize)
}

/// True for data that is not a second copy, and no probe.
fn is_new(facts: &PacketFacts) -> bool {
    use FactKind::{KeepAlive, OutOfOrder, Overtaken, Retransmission, ZeroWindowProbe};
    let again = facts.has(Retransmission) && !facts.has(OutOfOrder) || facts.has(Overtaken);
    !again && !facts.has(KeepAlive) && !facts.has(ZeroWindowProbe)
}
