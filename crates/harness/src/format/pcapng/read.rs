//! Packets from pcapng and classic pcap files.

use std::fmt;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use pcap_parser::pcapng::{
    Block, EPB_MAGIC, EnhancedPacketBlock, IDB_MAGIC, ISB_MAGIC, InterfaceDescriptionBlock, InterfaceStatisticsBlock,
    OptionCode, SHB_MAGIC, SPB_MAGIC, SimplePacketBlock, parse_block_be, parse_block_le,
};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{
    LegacyPcapBlock, Linktype, PcapHeader, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified,
    parse_pcap_header,
};

use super::LONGEST_FRAME;
use crate::timeline::{Level, Record, Recording, Segment, Timestamp, What};

const NANOSECONDS_PER_SECOND: u32 = 1_000_000_000;
/// The longest block that is read, as in Wireshark. A length beyond it is a damaged file.
const LONGEST_BLOCK: u32 = 16 << 20;

/// Why a file could not be read as a capture. Offsets are in bytes from the file's start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system failed to read.
    #[error("cannot read the capture at byte {offset}: {source}")]
    Io {
        /// Where.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// It is neither pcapng nor pcap.
    #[error("not a capture: expected a pcapng or pcap file, found {found} at byte 0")]
    NotACapture {
        /// Its first bytes.
        found: String,
    },
    /// It ends too early.
    #[error("the capture is cut: expected {expected} of {needed} bytes at byte {offset}, found {found} bytes")]
    Cut {
        /// Where that begins which is not whole.
        offset: u64,
        /// What that is.
        expected: &'static str,
        /// How long it should be.
        needed: u64,
        /// How much of it is there.
        found: u64,
    },
    /// It contradicts its format.
    #[error("the capture is damaged: expected {expected} at byte {offset}")]
    Damaged {
        /// Where.
        offset: u64,
        /// What should be there.
        expected: String,
    },
    /// Its frames are not Ethernet frames.
    #[error("expected Ethernet frames, found frames of link type {link_type} at byte {offset}{}", link_type.cure())]
    LinkType {
        /// Where the packet, or the header of the file, begins.
        offset: u64,
        /// What its frames are.
        link_type: LinkType,
    },
}

/// The kind of link that a file's frames were captured on
/// ([its registered numbers](https://www.tcpdump.org/linktypes.html)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkType(pub u32);

impl LinkType {
    fn cure(self) -> &'static str {
        match self.0 {
            113 | 276 => ": capture on one interface, such as lo, instead of on any",
            0 | 108 => {
                ": they come from a loopback interface of macOS or BSD; capture on Linux, or read them in Wireshark"
            }
            _ => "",
        }
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => "NULL",
            101 => "RAW",
            105 => "IEEE802_11",
            108 => "LOOP",
            113 => "LINUX_SLL",
            228 => "IPV4",
            229 => "IPV6",
            276 => "LINUX_SLL2",
            other => return write!(f, "{other}"),
        };
        write!(f, "{} ({name})", self.0)
    }
}

/// Reads a capture: pcapng, or classic pcap, of either byte order, with Ethernet frames.
///
/// Frames are read one at a time; each is kept as it is, with the comments that it has. What is
/// damaged or cut is an error, never a panic, and needs no more memory than the file is long.
/// A Simple Packet Block has no time of its own and gets that of the packet before it.
///
/// # Errors
///
/// See [`ReadError`].
pub fn read(input: impl Read) -> Result<Recording, ReadError> {
    let mut input = Input {
        input: BufReader::new(input),
        offset: 0,
    };
    let mut magic = Vec::new();
    input.take_up_to(&mut magic, 4)?;
    let mut recording = Recording {
        level: Level::Capture,
        records: Vec::new(),
        dropped: 0,
    };
    match magic.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)) {
        Some(SHB_MAGIC) => Sections::default().read(magic, &mut input, &mut recording)?,
        Some(_) if parse_pcap_header(&magic).is_err_and(|error| error.is_incomplete()) => {
            read_classic(magic, &mut input, &mut recording)?;
        }
        _ => return Err(ReadError::NotACapture { found: hex(&magic) }),
    }
    Ok(recording)
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "an empty file".to_owned();
    }
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

/// A file that counts what was read of it.
struct Input<R> {
    input: R,
    offset: u64,
}

impl<R: Read> Input<R> {
    /// Adds up to `len` bytes to a buffer, as many as are left. The buffer grows with what is
    /// there, not with what a damaged length announces.
    fn take_up_to(&mut self, buffer: &mut Vec<u8>, len: u64) -> Result<u64, ReadError> {
        let offset = self.offset;
        let read = (&mut self.input).take(len).read_to_end(buffer);
        let read = read.map_err(|source| ReadError::Io { offset, source })? as u64;
        self.offset += read;
        Ok(read)
    }

    /// Fills a buffer up to `len` bytes. What it holds already was read just before.
    fn fill(&mut self, buffer: &mut Vec<u8>, len: u64, expected: &'static str) -> Result<(), ReadError> {
        let had = buffer.len() as u64;
        let offset = self.offset - had;
        let found = had + self.take_up_to(buffer, len.saturating_sub(had))?;
        if found < len {
            return Err(ReadError::Cut {
                offset,
                expected,
                needed: len,
                found,
            });
        }
        Ok(())
    }
}

/// The state of reading a pcapng file.
#[derive(Default)]
struct Sections {
    big_endian: bool,
    /// The interfaces of the current section.
    interfaces: Vec<Interface>,
    last: Timestamp,
}

struct Interface {
    link_type: LinkType,
    /// `if_tsresol`: a power of 10, or with the highest bit set a power of 2.
    resolution: u8,
    /// Seconds to add.
    offset: i64,
    snaplen: u32,
    dropped: u64,
}

/// The smallest block: type, length, length.
const SHORTEST_BLOCK: u32 = 12;

impl Sections {
    /// Reads block by block. pcap-parser decodes the blocks; its streaming reader is not used,
    /// since it swallows I/O errors and asks forever for the rest of a block that announces more
    /// than it holds.
    fn read(
        mut self,
        mut buffer: Vec<u8>,
        input: &mut Input<impl Read>,
        recording: &mut Recording,
    ) -> Result<(), ReadError> {
        loop {
            let offset = input.offset - buffer.len() as u64;
            let wanted = u64::from(SHORTEST_BLOCK) - buffer.len() as u64;
            if input.take_up_to(&mut buffer, wanted)? == 0 && buffer.is_empty() {
                break;
            }
            input.fill(&mut buffer, u64::from(SHORTEST_BLOCK), "a pcapng block")?;
            let length = self.announced(&buffer, offset)?;
            input.fill(&mut buffer, u64::from(length), "a pcapng block")?;
            let trailer = self.number(&buffer[length as usize - 4..]);
            if trailer != length {
                let expected = format!("the block's length again ({length}), found {trailer},");
                return Err(ReadError::Damaged {
                    offset: offset + u64::from(length) - 4,
                    expected,
                });
            }
            self.block(&buffer, offset, recording)?;
            buffer.clear();
        }
        self.end_section(recording);
        Ok(())
    }

    fn number(&self, bytes: &[u8]) -> u32 {
        let bytes = bytes.first_chunk().copied().unwrap_or_default();
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    /// The length of the block that begins with these bytes. A section header sets the byte order.
    fn announced(&mut self, start: &[u8], offset: u64) -> Result<u32, ReadError> {
        const BYTE_ORDER: [u8; 4] = 0x1a2b_3c4d_u32.to_be_bytes();
        if start[..4] == SHB_MAGIC.to_le_bytes() {
            let little: Vec<u8> = BYTE_ORDER.into_iter().rev().collect();
            self.big_endian = match &start[8..12] {
                order if order == BYTE_ORDER => true,
                order if order == little => false,
                _ => {
                    let expected = "the byte-order magic 1a2b3c4d".to_owned();
                    return Err(ReadError::Damaged {
                        offset: offset + 8,
                        expected,
                    });
                }
            };
        }
        let length = self.number(&start[4..]);
        if (SHORTEST_BLOCK..=LONGEST_BLOCK).contains(&length) && length.is_multiple_of(4) {
            return Ok(length);
        }
        let expected =
            format!("a block length from {SHORTEST_BLOCK} to {LONGEST_BLOCK} that 4 divides, found {length},");
        Err(ReadError::Damaged {
            offset: offset + 4,
            expected,
        })
    }

    fn block(&mut self, bytes: &[u8], offset: u64, recording: &mut Recording) -> Result<(), ReadError> {
        /// The Packet Block that Enhanced Packet Blocks replaced.
        const OBSOLETE_PACKET: u32 = 2;
        let kind = match self.number(bytes) {
            SHB_MAGIC => "Section Header",
            IDB_MAGIC => "Interface Description",
            EPB_MAGIC => "Enhanced Packet",
            SPB_MAGIC => "Simple Packet",
            ISB_MAGIC => "Interface Statistics",
            OBSOLETE_PACKET => {
                let expected = "an Enhanced Packet Block, found an obsolete Packet Block,".to_owned();
                return Err(ReadError::Damaged { offset, expected });
            }
            // Names, secrets and whatever is not invented yet: nothing that a timeline needs.
            _ => return Ok(()),
        };
        let parsed = if self.big_endian {
            parse_block_be(bytes)
        } else {
            parse_block_le(bytes)
        };
        let Ok((_, block)) = parsed else {
            return Err(ReadError::Damaged {
                offset,
                expected: format!("a whole {kind} Block"),
            });
        };
        match block {
            Block::SectionHeader(_) => self.end_section(recording),
            Block::InterfaceDescription(block) => self.interface(&block),
            Block::EnhancedPacket(block) => self.enhanced(&block, offset, recording)?,
            Block::SimplePacket(block) => self.simple(&block, offset, recording)?,
            Block::InterfaceStatistics(block) => self.statistics(&block),
            _ => {}
        }
        Ok(())
    }

    fn end_section(&mut self, recording: &mut Recording) {
        for interface in self.interfaces.drain(..) {
            recording.dropped = recording.dropped.saturating_add(interface.dropped);
        }
    }

    fn interface(&mut self, block: &InterfaceDescriptionBlock<'_>) {
        // pcap-parser reads the offset as little-endian whatever the section is.
        let offset = if self.big_endian {
            block.if_tsoffset.swap_bytes()
        } else {
            block.if_tsoffset
        };
        self.interfaces.push(Interface {
            link_type: LinkType(u32::try_from(block.linktype.0).unwrap_or(u32::MAX)),
            resolution: block.if_tsresol,
            offset,
            snaplen: block.snaplen,
            dropped: 0,
        });
    }

    /// The interface of a packet, which must be Ethernet.
    fn interface_of(&self, number: u32, offset: u64) -> Result<&Interface, ReadError> {
        let Some(interface) = self.interfaces.get(number as usize) else {
            let expected = format!("a description of interface {number} before its first packet");
            return Err(ReadError::Damaged { offset, expected });
        };
        ethernet(interface.link_type, offset)?;
        Ok(interface)
    }

    fn enhanced(
        &mut self,
        block: &EnhancedPacketBlock<'_>,
        offset: u64,
        recording: &mut Recording,
    ) -> Result<(), ReadError> {
        let interface = self.interface_of(block.if_id, offset)?;
        let units = u64::from(block.ts_high) << 32 | u64::from(block.ts_low);
        let at = moment(units, interface.resolution, interface.offset);
        self.last = at;
        let comments = block.options.iter().filter(|option| option.code == OptionCode::Comment);
        let comments: Vec<_> = comments
            .filter_map(|option| Some(String::from_utf8_lossy(option.as_bytes().ok()?)))
            .collect();
        let comment = (!comments.is_empty()).then(|| comments.join("\n"));
        recording
            .records
            .push(record(at, block.packet_data(), block.origlen, comment));
        Ok(())
    }

    fn simple(&self, block: &SimplePacketBlock<'_>, offset: u64, recording: &mut Recording) -> Result<(), ReadError> {
        let snaplen = self.interface_of(0, offset)?.snaplen;
        // The block does not say how much of the frame it holds: all, up to the snapshot length.
        let limit = if snaplen == 0 { usize::MAX } else { snaplen as usize };
        let data = block.packet_data();
        recording
            .records
            .push(record(self.last, &data[..data.len().min(limit)], block.origlen, None));
        Ok(())
    }

    /// Statistics are totals, so the last block of an interface counts.
    fn statistics(&mut self, block: &InterfaceStatisticsBlock<'_>) {
        let dropped = block.options.iter().find(|option| option.code == OptionCode::IsbIfDrop);
        let dropped = dropped.and_then(|option| option.as_bytes().ok()?.first_chunk::<8>().copied());
        let (Some(bytes), Some(interface)) = (dropped, self.interfaces.get_mut(block.if_id as usize)) else {
            return;
        };
        interface.dropped = if self.big_endian {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        };
    }
}

fn ethernet(link_type: LinkType, offset: u64) -> Result<(), ReadError> {
    if link_type.0 == Linktype::ETHERNET.0.unsigned_abs() {
        return Ok(());
    }
    Err(ReadError::LinkType { offset, link_type })
}

fn record(at: Timestamp, frame: &[u8], wire_len: u32, comment: Option<String>) -> Record {
    let segment = Segment::from_ethernet(frame);
    Record {
        at,
        what: What::Frame {
            frame: Arc::from(frame),
            wire_len,
            comment,
            segment,
        },
    }
}

/// A moment given in units of an interface. What does not fit the clock becomes its first or last
/// moment: a damaged time is no reason to lose a packet.
pub(super) fn moment(units: u64, resolution: u8, offset: i64) -> Timestamp {
    const POWER_OF_TWO: u8 = 0x80;
    let nanoseconds = u128::from(units) * u128::from(NANOSECONDS_PER_SECOND);
    let nanoseconds = if resolution & POWER_OF_TWO == 0 {
        let units_per_second = 10_u128.checked_pow(u32::from(resolution));
        units_per_second.map_or(0, |units_per_second| nanoseconds / units_per_second)
    } else {
        nanoseconds >> (resolution & !POWER_OF_TWO)
    };
    let offset = i128::from(offset) * i128::from(NANOSECONDS_PER_SECOND);
    let moment = i128::try_from(nanoseconds).unwrap_or(i128::MAX).saturating_add(offset);
    Timestamp(u64::try_from(moment.max(0)).unwrap_or(u64::MAX))
}

/// Reads a classic pcap file behind its magic number.
fn read_classic(mut buffer: Vec<u8>, input: &mut Input<impl Read>, recording: &mut Recording) -> Result<(), ReadError> {
    const HEADER: u64 = 24;
    const LINK_TYPE_AT: u64 = 20;
    input.fill(&mut buffer, HEADER, "a pcap file header")?;
    let Ok((_, header)) = parse_pcap_header(&buffer) else {
        return Err(ReadError::Damaged {
            offset: 0,
            expected: "a pcap file header".to_owned(),
        });
    };
    // The upper half of the field tells of frame check sequences.
    ethernet(LinkType(header.network.0.cast_unsigned() & 0xffff), LINK_TYPE_AT)?;
    loop {
        buffer.clear();
        let offset = input.offset;
        let head = if header.is_modified_format() { 24 } else { 16 };
        if input.take_up_to(&mut buffer, head)? == 0 {
            return Ok(());
        }
        input.fill(&mut buffer, head, "the header of a packet")?;
        let length = captured(&header, &buffer);
        if length > LONGEST_FRAME {
            let expected = format!("a captured length of at most {LONGEST_FRAME}, found {length},");
            return Err(ReadError::Damaged {
                offset: offset + 8,
                expected,
            });
        }
        input.fill(&mut buffer, head + u64::from(length), "a packet")?;
        let Some(packet) = classic_packet(&header, &buffer) else {
            return Err(ReadError::Damaged {
                offset,
                expected: "a packet".to_owned(),
            });
        };
        let fraction = if header.is_nanosecond_precision() {
            packet.ts_usec
        } else {
            packet.ts_usec.saturating_mul(1000)
        };
        let seconds = u64::from(packet.ts_sec) * u64::from(NANOSECONDS_PER_SECOND);
        let at = Timestamp(seconds + u64::from(fraction));
        recording.records.push(record(at, packet.data, packet.origlen, None));
    }
}

/// The third number of a packet's header.
fn captured(header: &PcapHeader, packet: &[u8]) -> u32 {
    let bytes = packet[8..].first_chunk().copied().unwrap_or_default();
    if header.is_bigendian() {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    }
}

fn classic_packet<'b>(header: &PcapHeader, bytes: &'b [u8]) -> Option<LegacyPcapBlock<'b>> {
    let parsed = if header.is_modified_format() {
        parse_pcap_frame_modified(bytes)
    } else if header.is_bigendian() {
        parse_pcap_frame_be(bytes)
    } else {
        parse_pcap_frame(bytes)
    };
    Some(parsed.ok()?.1)
}
