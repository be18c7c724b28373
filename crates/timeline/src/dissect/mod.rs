//! A frame taken apart: every bit of it belongs to exactly one named field.
//!
//! The [timeline](crate::Timeline) goes by a few fields of a frame. A reader wants to see all of them, each with
//! its place, its value, what it means, and where that is written. What cannot be taken apart (a tunnel's header,
//! another protocol, what the capture has cut) is a field too, and says so.

mod field;
mod link;
mod names;
mod reader;
mod tcp;
mod words;

use etherparse::LaxIpSlice;

use crate::events::layers::innermost;
use crate::events::{Flags, LinkType, Packet};
pub use field::{Context, Field, Layer, Name};
use reader::Reader;
pub use words::sum;

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
    let packet = innermost(link_type, frame).ok()?;
    let header = match &packet {
        LaxIpSlice::Ipv4(ip) => ip.header().slice(),
        LaxIpSlice::Ipv6(ip) => ip.header().slice(),
    };
    header.as_ptr().addr().checked_sub(frame.as_ptr().addr())
}
