//! A timeline's packets as a pcapng file.

use std::borrow::Cow;
use std::io::{self, Write};

use pcap_parser::pcapng::{
    EnhancedPacketBlock, InterfaceDescriptionBlock, InterfaceStatisticsBlock, OptionCode, PcapNGOption,
    SectionHeaderBlock,
};
use pcap_parser::{Linktype, ToVec};

use super::LONGEST_FRAME;
use crate::timeline::explain::explain_all;
use crate::timeline::{EventKind, Packet, Timeline, Timestamp};

/// Nanoseconds: `if_tsresol` 9.
const NANOSECONDS: u8 = 9;
/// The longest option that pcapng can hold.
const LONGEST_OPTION: usize = u16::MAX as usize;

/// Writes the packets of a timeline as a pcapng file: one section, one interface, each frame as
/// the kernel handed it over, stamped in nanoseconds, with its explanation as its comment.
///
/// Frames that are not TCP are not on a timeline, so they are not in the file. Frame numbers in
/// the comments are those of the file, unless a comment came from a file itself.
///
/// # Errors
///
/// What `out` says.
pub fn write(timeline: &Timeline, out: &mut impl Write) -> io::Result<()> {
    let timeline = &renumbered(timeline);
    let explanations = explain_all(timeline);
    put(out, section_header())?;
    put(out, interface())?;
    for (index, event) in timeline.events.iter().enumerate() {
        let EventKind::Packet(packet) = &event.kind else {
            continue;
        };
        let explained = || explanations.get(&index).map(|explanation| explanation.to_comment());
        let comment = packet.comment.clone().or_else(explained);
        put(out, enhanced_packet(packet, event.at, comment.as_deref()))?;
    }
    if timeline.dropped > 0 {
        let last = timeline.events.last().map_or(Timestamp(0), |event| event.at);
        put(out, statistics(timeline.dropped, last))?;
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

/// Writes a block. Its lengths and magic numbers are filled in here.
fn put(out: &mut impl Write, mut block: impl ToVec) -> io::Result<()> {
    let bytes = block
        .to_vec()
        .map_err(|error| io::Error::other(format!("cannot encode a pcapng block: {error}")))?;
    out.write_all(&bytes)
}

fn option<'a>(code: OptionCode, value: impl Into<Cow<'a, [u8]>>) -> PcapNGOption<'a> {
    let value = value.into();
    PcapNGOption {
        code,
        len: u16::try_from(value.len()).unwrap_or(u16::MAX),
        value,
    }
}

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
        snaplen: LONGEST_FRAME,
        options: vec![
            option(OptionCode::IfName, &b"lo"[..]),
            option(OptionCode::IfTsresol, vec![NANOSECONDS]),
        ],
        block_len2: 0,
        if_tsresol: NANOSECONDS,
        if_tsoffset: 0,
    }
}

fn enhanced_packet<'a>(packet: &'a Packet, at: Timestamp, comment: Option<&'a str>) -> EnhancedPacketBlock<'a> {
    let (ts_high, ts_low) = halves(at);
    let comment = comment.map(|comment| option(OptionCode::Comment, fitting(comment).as_bytes()));
    EnhancedPacketBlock {
        block_type: 0,
        block_len1: 0,
        if_id: 0,
        ts_high,
        ts_low,
        caplen: u32::try_from(packet.frame.len()).unwrap_or(u32::MAX),
        origlen: packet.wire_len,
        data: &packet.frame,
        options: comment.into_iter().collect(),
        block_len2: 0,
    }
}

/// What of a comment fits into an option, in whole characters.
pub(super) fn fitting(comment: &str) -> &str {
    let mut end = comment.len().min(LONGEST_OPTION);
    while !comment.is_char_boundary(end) {
        end -= 1;
    }
    &comment[..end]
}

fn statistics(dropped: u64, at: Timestamp) -> InterfaceStatisticsBlock<'static> {
    let (ts_high, ts_low) = halves(at);
    InterfaceStatisticsBlock {
        block_type: 0,
        block_len1: 0,
        if_id: 0,
        ts_high,
        ts_low,
        options: vec![option(OptionCode::IsbIfDrop, dropped.to_le_bytes().to_vec())],
        block_len2: 0,
    }
}

fn halves(at: Timestamp) -> (u32, u32) {
    ((at.0 >> 32) as u32, at.0 as u32)
}
