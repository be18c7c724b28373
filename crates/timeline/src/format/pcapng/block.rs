//! The blocks of a pcapng file that matter to a timeline, read in place
//! ([the format](https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html)).
//!
//! By hand, unlike the rest: pcap-parser makes a list of a block's options first. That takes most
//! of the time of reading a long capture, and some hundred megabytes for one block of a hostile
//! file, which may hold four million options.

use pcap_parser::pcapng::{EPB_MAGIC, IDB_MAGIC, ISB_MAGIC, SHB_MAGIC, SPB_MAGIC};

use super::record;
use crate::events::LinkType;

/// What a block holds.
pub(super) enum Block<'a> {
    /// A new section begins.
    Section {
        major_version: u16,
        told: Options<'a>,
    },
    Interface(Interface),
    Packet(Packet<'a>),
    /// Only an interface's frame, up to its snapshot length.
    Simple {
        data: &'a [u8],
        wire_len: u32,
    },
    /// How many packets an interface has dropped until now, if that is known.
    Statistics {
        interface: u32,
        dropped: Option<u64>,
        told: Options<'a>,
    },
    /// No packet, but counted among the frames.
    Record,
    /// Names, secrets and whatever is not invented yet: nothing that a timeline needs.
    Other,
}

/// The description of an interface.
pub(super) struct Interface {
    pub link_type: LinkType,
    /// `if_tsresol`: a power of 10, or with the highest bit set a power of 2.
    pub resolution: u8,
    /// Seconds to add.
    pub offset: i64,
    pub snaplen: u32,
    pub dropped: u64,
}

/// A packet with its interface and its time.
pub(super) struct Packet<'a> {
    pub interface: u32,
    pub units: u64,
    pub data: &'a [u8],
    pub wire_len: u32,
    pub options: Options<'a>,
}

impl Packet<'_> {
    /// The comments, one per line.
    pub fn comment(&self) -> Option<Box<str>> {
        const COMMENT: u16 = 1;
        let mut comments = self.options.filter(|(code, _)| *code == COMMENT);
        let mut all = String::from_utf8_lossy(comments.next()?.1).into_owned();
        for (_, comment) in comments {
            all.push('\n');
            all += &String::from_utf8_lossy(comment);
        }
        Some(all.into())
    }
}

/// The Packet Block that Enhanced Packet Blocks replaced.
const OBSOLETE_PACKET: u32 = 2;
/// What Wireshark lists among the frames though it is no packet: an entry of systemd's journal,
/// sysdig's events, anybody's own block (to be copied, and not to be).
const RECORDS: [u32; 6] = [9, 0x204, 0x216, 0x221, 0x0bad, 0x4000_0bad];

/// Stands for the link of a record that has none.
pub(super) const NO_LINK: LinkType = LinkType(u16::MAX);

/// The name of a kind of block that matters.
pub(super) fn name(kind: u32) -> &'static str {
    match kind {
        SHB_MAGIC => "Section Header",
        IDB_MAGIC => "Interface Description",
        EPB_MAGIC => "Enhanced Packet",
        SPB_MAGIC => "Simple Packet",
        ISB_MAGIC => "Interface Statistics",
        OBSOLETE_PACKET => "Packet",
        _ => "pcapng",
    }
}

/// Reads what stands between the two lengths of a block. `None` if it is shorter than its kind.
pub(super) fn read(kind: u32, body: &[u8], big_endian: bool) -> Option<Block<'_>> {
    let fields = Fields {
        bytes: body,
        big_endian,
    };
    Some(match kind {
        SHB_MAGIC => Block::Section {
            major_version: fields.short(4)?,
            told: fields.options(16)?,
        },
        IDB_MAGIC => Block::Interface(interface(fields)?),
        EPB_MAGIC => Block::Packet(packet(fields, fields.long(0)?)?),
        // This older block begins with the interface's number in two bytes and a count of drops in two, where the newer
        // one has the number in four.
        OBSOLETE_PACKET => Block::Packet(packet(fields, fields.short(0)?.into())?),
        SPB_MAGIC => Block::Simple {
            wire_len: fields.long(0)?,
            data: fields.bytes.get(4..)?,
        },
        ISB_MAGIC => statistics(fields)?,
        _ if RECORDS.contains(&kind) => Block::Record,
        _ => Block::Other,
    })
}

fn interface(fields: Fields<'_>) -> Option<Interface> {
    const RESOLUTION: u16 = 9;
    const OFFSET: u16 = 14;
    const MICROSECONDS: u8 = 6;
    let mut interface = Interface {
        link_type: LinkType(fields.short(0)?),
        resolution: MICROSECONDS,
        offset: 0,
        snaplen: fields.long(4)?,
        dropped: 0,
    };
    for (code, value) in fields.options(8)? {
        match (code, value) {
            (RESOLUTION, [resolution]) => interface.resolution = *resolution,
            (OFFSET, _) => interface.offset = fields.with(value).long_long(0)?.cast_signed(),
            _ => {}
        }
    }
    Some(interface)
}

fn packet(fields: Fields<'_>, interface: u32) -> Option<Packet<'_>> {
    const HEADER: usize = 20;
    let captured = usize::try_from(fields.long(12)?).ok()?;
    let data = fields.bytes.get(HEADER..)?.get(..captured)?;
    Some(Packet {
        interface,
        units: u64::from(fields.long(4)?) << 32 | u64::from(fields.long(8)?),
        data,
        wire_len: fields.long(16)?,
        options: fields.options(HEADER + captured.next_multiple_of(4))?,
    })
}

/// Statistics are totals, so the last block of an interface counts.
fn statistics(fields: Fields<'_>) -> Option<Block<'_>> {
    const DROPPED: u16 = 5;
    let interface = fields.long(0)?;
    let told = fields.options(12)?;
    let mut options = told;
    let dropped = options.find(|(code, _)| *code == DROPPED);
    Some(Block::Statistics {
        interface,
        dropped: dropped.and_then(|(_, value)| fields.with(value).long_long(0)),
        told,
    })
}

/// Numbers at their places in a block.
#[derive(Clone, Copy)]
struct Fields<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> Fields<'a> {
    fn with(self, bytes: &'a [u8]) -> Fields<'a> {
        Fields { bytes, ..self }
    }

    /// The bytes of a number, the lowest first.
    fn number<const LENGTH: usize>(self, at: usize) -> Option<[u8; LENGTH]> {
        let mut bytes = *self.bytes.get(at..)?.first_chunk()?;
        if self.big_endian {
            bytes.reverse();
        }
        Some(bytes)
    }

    fn short(self, at: usize) -> Option<u16> {
        self.number(at).map(u16::from_le_bytes)
    }

    fn long(self, at: usize) -> Option<u32> {
        self.number(at).map(u32::from_le_bytes)
    }

    fn long_long(self, at: usize) -> Option<u64> {
        self.number(at).map(u64::from_le_bytes)
    }

    /// The options from here to the end of the block.
    fn options(self, at: usize) -> Option<Options<'a>> {
        Some(Options(self.with(self.bytes.get(at..)?)))
    }
}

/// Options: a code, a length, a value filled up to four bytes.
#[derive(Clone, Copy)]
pub(super) struct Options<'a>(Fields<'a>);

impl<'a> Options<'a> {
    /// The text of our own options among them.
    pub fn told(self) -> impl Iterator<Item = &'a [u8]> {
        let big_endian = self.0.big_endian;
        let ours = self.filter(|(code, _)| *code == record::CUSTOM);
        ours.filter_map(move |(_, value)| record::text(value, big_endian))
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        const HEADER: usize = 4;
        let code = self.0.short(0).filter(|code| *code != 0)?;
        let length = usize::from(self.0.short(2)?);
        let value = self.0.bytes.get(HEADER..)?.get(..length)?;
        let rest = self.0.bytes.get(HEADER + length.next_multiple_of(4)..);
        self.0.bytes = rest.unwrap_or_default();
        Some((code, value))
    }
}
