//! A frame taken apart: every bit of it belongs to exactly one named field.
//!
//! The [timeline](crate::Timeline) goes by a few fields of a frame. A reader wants to see all of them, each with
//! its place, its value, what it means, and where that is written. What cannot be taken apart (a tunnel's header,
//! another protocol, what the capture has cut) is a field too, and says so.

mod link;
mod names;
mod reader;
mod tcp;
mod words;

use std::fmt;
use std::ops::Range;

use crate::events::layers::innermost;
use crate::events::{Flags, LinkType, Packet};
use reader::Reader;

/// A header, or what follows the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// The header of the link that the frame was captured on.
    Link,
    /// What lies between the header of the link and the packet with the segment.
    Tunnel,
    /// The header of IP version 4, with its options.
    Ipv4,
    /// The header of IP version 6, with those that extend it.
    Ipv6,
    /// The header of TCP, with its options.
    Tcp,
    /// The bytes that a program sent.
    Data,
    /// What follows the packet, or was not taken apart.
    Rest,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Layer::Link => "Link",
            Layer::Tunnel => "Tunnel",
            Layer::Ipv4 => "IPv4",
            Layer::Ipv6 => "IPv6",
            Layer::Tcp => "TCP",
            Layer::Data => "Data",
            Layer::Rest => "Rest",
        })
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

/// Takes a packet's frame apart.
pub fn dissect(packet: &Packet) -> Vec<Field> {
    let segment = &packet.segment;
    let has_ack = segment.flags.has(Flags::ACK);
    let context = Context {
        first_seq: Some(segment.seq.wrapping_sub(packet.seq)),
        first_ack: has_ack.then(|| segment.ack.wrapping_sub(packet.ack)),
        window: Some(packet.window),
        wire_len: Some(packet.wire_len),
    };
    dissect_frame(packet.link_type, &packet.frame, context)
}

/// Takes a frame apart, whatever it holds. The fields stand in order, without a gap and without an overlap, from
/// the frame's first bit to its last.
///
/// ```
/// use timeline::dissect::{Context, dissect_frame};
/// use timeline::LinkType;
///
/// let fields = dissect_frame(LinkType::ETHERNET, &[0; 14], Context::default());
/// assert_eq!(fields[0].name.name, "Destination");
/// assert_eq!(fields[0].value, "00:00:00:00:00:00");
/// assert_eq!(fields[0].bits, 0..48);
/// ```
pub fn dissect_frame(link_type: LinkType, frame: &[u8], context: Context) -> Vec<Field> {
    let mut reader = Reader::new(frame);
    // A header that is cut ends the walk; what there is of it is a field by then.
    let _ = walk(&mut reader, link_type, context);
    reader.finish()
}

fn walk(reader: &mut Reader<'_>, link_type: LinkType, context: Context) -> Option<()> {
    let inner = packet_at(link_type, reader.frame());
    let follows = link::header(reader, link_type, inner)?;
    let packet = link::ip(reader, inner, follows, context)?;
    tcp::segment(reader, &packet, context)
}

/// Where the innermost packet begins, if one is known there.
fn packet_at(link_type: LinkType, frame: &[u8]) -> Option<usize> {
    use etherparse::LaxNetSlice;
    let packet = innermost(link_type, frame).ok()?;
    let header = match packet.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => ip.header().slice(),
        LaxNetSlice::Ipv6(ip) => ip.header().slice(),
        LaxNetSlice::Arp(_) => return None,
    };
    header.as_ptr().addr().checked_sub(frame.as_ptr().addr())
}
