//! What a field of a frame is.

use std::ops::Range;

shown! {
    /// A header, or what follows the headers.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Layer {
        /// The header of the link that the frame was captured on.
        Link = "Link",
        /// What lies between the header of the link and the packet with the segment.
        Tunnel = "Tunnel",
        /// The header of IP version 4, with its options.
        Ipv4 = "IPv4",
        /// The header of IP version 6, with those that extend it.
        Ipv6 = "IPv6",
        /// The header of TCP, with its options.
        Tcp = "TCP",
        /// The bytes that a program sent.
        Data = "Data",
        /// What follows the packet, or was not taken apart.
        Rest = "Rest",
    }
}

/// What is so of a field in any frame.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// Its name, as its specification has it.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub meaning: &'static str,
    /// The specification: `RFC 9293, section 3.1`.
    pub source: &'static str,
}

/// A field of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The header that it belongs to.
    pub layer: Layer,
    /// What it is.
    pub name: &'static Name,
    /// Its place, in bits from the first bit of the frame. The first bit of a byte is its highest.
    pub bits: Range<usize>,
    /// Its value, as a number, an address, or bytes in hexadecimal.
    pub value: String,
    /// The value in words, where there is more to say than the number.
    pub words: Option<String>,
}

impl Field {
    /// The bytes that it has a part in.
    pub fn bytes(&self) -> Range<usize> {
        self.bits.start / 8..self.bits.end.div_ceil(8)
    }
}

/// What of its connection a frame's numbers go by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// What relative sequence numbers count from.
    pub first_seq: Option<u32>,
    /// What relative acknowledgment numbers, and SACK blocks, count from.
    pub first_ack: Option<u32>,
    /// The window in bytes, as the handshake scales it; `None` where the handshake is not known.
    pub window: Option<u32>,
    /// The frame's length on the wire.
    pub wire_len: Option<u32>,
}
