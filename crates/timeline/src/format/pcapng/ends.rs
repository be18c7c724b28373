//! What a capture at one end of a wire holds, or at both.

use std::io::{self, Write};

use pcap_parser::ToVec;

use super::encode::{enhanced_packet, interface, section_header};
use crate::events::{EventKind, LinkType, Packet, Side, Timestamp, damaged};
use crate::timeline::Timeline;

/// Where packets were captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vantage {
    /// On the host of one side.
    At(Side),
    /// On both, each with an interface of its own.
    Both,
}

/// A frame as an end has it.
struct Seen<'t> {
    at: Timestamp,
    end: Side,
    packet: &'t Packet,
    /// What became of it, where that is to be told.
    comment: Option<&'t str>,
    damaged: bool,
}

/// Writes the packets of a wire as they could have been captured at an end, or at both: a packet when it
/// left, on its sender's interface, and as often as it came, when it did, on the other's. A capture of
/// both has the interface `client` and the interface `server`, and says of a packet that left what the
/// wire did to it. That of one end says nothing that is not known there.
///
/// # Errors
///
/// What `out` says. A timeline without a wire has no two ends.
pub fn write_ends(timeline: &Timeline, vantage: Vantage, out: &mut impl Write) -> io::Result<()> {
    let mut all = Vec::new();
    for event in &timeline.events {
        if let EventKind::Packet(packet) = &event.kind {
            seen(event.at, packet, vantage, &mut all)?;
        }
    }
    all.sort_by_key(|seen| seen.at);
    put(out, section_header(""))?;
    let (ends, names) = match vantage {
        Vantage::At(side) => (vec![side], vec![name(side)]),
        Vantage::Both => (vec![Side::Client, Side::Server], vec!["client", "server"]),
    };
    for name in names {
        put(out, interface(LinkType::ETHERNET, Some(name)))?;
    }
    for seen in all {
        let number = ends.iter().position(|end| *end == seen.end).unwrap_or(0);
        let number = u32::try_from(number).map_err(io::Error::other)?;
        let bytes = match seen.damaged {
            true => damaged(&seen.packet.frame),
            false => seen.packet.frame.to_vec(),
        };
        let frame = (&bytes[..], seen.packet.wire_len);
        put(out, enhanced_packet(number, seen.at, frame, seen.comment, ""))?;
    }
    out.flush()
}

/// Adds a packet as often as it was seen.
fn seen<'t>(left: Timestamp, packet: &'t Packet, vantage: Vantage, all: &mut Vec<Seen<'t>>) -> io::Result<()> {
    let none = || {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "there are no two ends: this run had no wire",
        )
    };
    let passage = packet.passage.as_ref().ok_or_else(none)?;
    let is_seen = |end| vantage == Vantage::Both || vantage == Vantage::At(end);
    if is_seen(packet.from) {
        all.push(Seen {
            at: left,
            end: packet.from,
            packet,
            comment: passage.what.as_deref().filter(|_| vantage == Vantage::Both),
            damaged: false,
        });
    }
    if is_seen(packet.from.peer()) {
        all.extend(passage.arrivals.iter().map(|at| Seen {
            at: *at,
            end: packet.from.peer(),
            packet,
            comment: None,
            damaged: passage.corrupted,
        }));
    }
    Ok(())
}

fn name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

fn put(out: &mut impl Write, mut block: impl ToVec) -> io::Result<()> {
    let bytes = block
        .to_vec()
        .map_err(|error| io::Error::other(format!("cannot encode a pcapng block: {error}")))?;
    out.write_all(&bytes)
}
