//! Packets from pcapng and classic pcap files.

use std::collections::VecDeque;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use pcap_parser::pcapng::SHB_MAGIC;
use pcap_parser::{PcapHeader, parse_pcap_header};

use super::LONGEST_FRAME;
use super::block::{self, Block, Interface, Options};
use super::entry::UPPER_PDU;
use super::error::ReadError;
use super::input::Input;
use super::record::{self, Extra, Line, Told};
use crate::events::fragments::Fragments;
use crate::events::{
    Event, EventKind, Explanation, FrameNumber, Level, LinkType, NoSegment, Record, Recording, Timestamp, What,
    printable,
};
use crate::facts::PacketFacts;
use crate::format::text::Lanes;
use crate::timeline::{Excerpt, Found, Timeline, start_of};

const NANOSECONDS_PER_SECOND: u32 = 1_000_000_000;
/// The longest block that is read, as in Wireshark. A length beyond it is a damaged file.
const LONGEST_BLOCK: u32 = 16 << 20;
/// So many interfaces may be described: each is kept until its section ends.
const MOST_INTERFACES: usize = 1 << 16;

/// Reads a capture: pcapng, or classic pcap, of either byte order.
///
/// Frames are read one at a time; each is kept as it is, with the comments that it has. A file of
/// this crate ([`write`](super::write)) gives back all of the run that is in it: the calls, the
/// states, the level of the run. The comments that we made are not kept, since they follow from the
/// rest. Frames of links that are not decoded are counted, so that frame numbers are Wireshark's, and
/// kept empty. What is damaged or cut is an error, never a panic, and needs no more memory than the
/// file is long. For a file that is too long to keep see [`read_into`].
/// A Simple Packet Block has no time of its own and gets that of the packet before it.
///
/// # Errors
///
/// See [`ReadError`].
pub fn read(input: impl Read) -> Result<Recording, ReadError> {
    let (recording, end) = read_as_far(input);
    end.map(|()| recording)
}

/// Reads a capture as far as it goes: what [`read`] gives, or what came before the error.
pub fn read_as_far(input: impl Read) -> (Recording, Result<(), ReadError>) {
    let mut recording = Recording::default();
    let mut reader = match Reader::new(input) {
        Ok(reader) => reader,
        Err(error) => return (recording, Err(error)),
    };
    let mut fragments = Fragments::default();
    let end = loop {
        let (number, record) = match reader.next() {
            Ok(Some(Item::Frame(frame))) => {
                let number = frame.0.number;
                let (record, why) = frame.into_record(&mut fragments);
                why.into_iter()
                    .for_each(|why| *recording.undecoded.entry(why).or_default() += 1);
                (Some(number), record)
            }
            Ok(Some(Item::Told(number, record))) => (number, record),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        recording.records.push(record);
        recording.numbers.push(number);
    };
    fragments.count_into(&mut recording.undecoded);
    recording.dropped = reader.dropped;
    (recording.level, recording.not_kept) = reader.told();
    (recording, end)
}

/// Reads a capture of any length into an excerpt, in memory that does not grow with it.
///
/// ```
/// use timeline::format::pcapng;
/// use timeline::format::text::Lanes;
/// use timeline::{Excerpt, Limits};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lanes = Lanes::default();
/// let mut excerpt = Excerpt::new(lanes.limits());
/// pcapng::read_into(std::fs::File::open("../../captures/step1-two-writes.pcapng")?, &mut excerpt)?;
/// println!("{}", lanes.draw(&excerpt.into_timeline()));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`read`]. What came before the error is in the excerpt.
pub fn read_into(input: impl Read, excerpt: &mut Excerpt) -> Result<(), ReadError> {
    let mut reader = Reader::new(input)?;
    loop {
        match reader.next() {
            Ok(Some(Item::Frame(frame))) => excerpt.packet(frame.0.at, frame.into_found()),
            Ok(Some(Item::Told(number, record))) => excerpt.record(number, record),
            end => {
                let end = end.map(|_| ());
                let (level, not_kept) = reader.told();
                excerpt.ended(level, reader.dropped, not_kept);
                return end;
            }
        }
    }
}

/// Reads a capture once more that was too long to keep, and hands on its events one by one, with what is so of each:
/// those of the connections that `survey` has, the [excerpt](read_into) of the first reading.
///
/// # Errors
///
/// What `tell` says. What cannot be read could not be read the first time either, and ends the events.
pub(crate) fn retell<E>(
    input: impl Read,
    survey: &Timeline,
    mut tell: impl FnMut(&Event, Option<&PacketFacts>) -> Result<(), E>,
) -> Result<(), E> {
    let here = survey.connections().map(|connection| connection.id());
    let mut excerpt = Excerpt::handing_on(Lanes::default().limits(), here);
    let Ok(mut reader) = Reader::new(input) else {
        return Ok(());
    };
    loop {
        match reader.next() {
            Ok(Some(Item::Frame(frame))) => excerpt.packet(frame.0.at, frame.into_found()),
            Ok(Some(Item::Told(number, record))) => excerpt.record(number, record),
            Ok(None) | Err(_) => return Ok(()),
        }
        if let Some((event, mut facts)) = excerpt.passed() {
            if let (EventKind::Packet(packet), Some(facts), Some(left_out)) =
                (&event.kind, &mut facts, survey.left_out())
            {
                left_out.tell_late(packet.number, facts);
            }
            tell(&event, facts.as_deref())?;
        }
    }
}

/// What a file holds next.
enum Item<'a> {
    Frame(Frame<'a>),
    /// What was observed beside the packets, and the number of its frame.
    Told(Option<FrameNumber>, Record),
}

/// A frame of a file, with its bytes.
struct Frame<'a>(Stored, &'a [u8]);

impl<'a> Frame<'a> {
    /// With why it holds no segment, if so.
    fn into_record(self, fragments: &mut Fragments) -> (Record, Option<NoSegment>) {
        let decoded = self.0.link_type.is_decoded();
        let (at, found) = (self.0.at, self.into_found());
        let segment = fragments.segment(found.link_type, found.frame, found.wire_len, usize::MAX);
        let why = segment.as_ref().err().copied();
        let what = What::Frame {
            frame: Arc::from(if decoded { found.frame } else { &[] }),
            link_type: found.link_type,
            wire_len: found.wire_len,
            segment: segment.ok().flatten().map(Box::new),
            comment: found.comment,
            passage: found.passage,
        };
        (Record { at, what }, why)
    }

    /// In a file of ours the comment is ours, unless the record says that the packet came with one.
    fn into_found(self) -> Found<'a> {
        let Frame(stored, frame) = self;
        let (comment, ours, passage) = match stored.extra {
            Some(Extra { comment, passage }) => (comment, stored.comment, passage),
            None => (stored.comment, None, None),
        };
        Found {
            number: stored.number,
            link_type: stored.link_type,
            frame,
            wire_len: stored.wire_len,
            comment,
            told: ours.map(|ours| Box::new(Explanation::from_comment(start_of(&ours)))),
            passage,
        }
    }
}

/// A frame whose bytes are still in the input.
struct Stored {
    at: Timestamp,
    number: FrameNumber,
    link_type: LinkType,
    data: Range<usize>,
    wire_len: u32,
    /// A comment of the file, and what it is if the file is ours.
    comment: Option<Box<str>>,
    extra: Option<Extra>,
}

/// A file whose frames are read one after the other.
struct Reader<R> {
    input: Input<R>,
    format: Format,
    /// Packets that were lost while capturing, as far as the file has told.
    dropped: u64,
}

enum Format {
    Ng(Box<Sections>),
    Classic(Classic),
}

impl<R: Read> Reader<R> {
    fn new(input: R) -> Result<Reader<R>, ReadError> {
        const MAGIC: usize = 4;
        let mut input = Input::new(input);
        let have = input.have(MAGIC)?;
        let magic = input.bytes(0..have);
        let format = match magic.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)) {
            Some(SHB_MAGIC) => Format::Ng(Box::default()),
            Some(_) if parse_pcap_header(magic).is_err_and(|error| error.is_incomplete()) => {
                Format::Classic(Classic::read(&mut input)?)
            }
            _ => return Err(ReadError::NotACapture { found: found(magic) }),
        };
        Ok(Reader {
            input,
            format,
            dropped: 0,
        })
    }

    /// What comes next; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        let stored = match &mut self.format {
            Format::Ng(sections) => match sections.next(&mut self.input, &mut self.dropped)? {
                Some(Next::Stored(stored)) => Some(stored),
                Some(Next::Told(number, record)) => return Ok(Some(Item::Told(number, record))),
                None => None,
            },
            Format::Classic(classic) => classic.next(&mut self.input)?,
        };
        Ok(stored.map(|stored| {
            let bytes = self.input.bytes(stored.data.clone());
            Item::Frame(Frame(stored, bytes))
        }))
    }

    /// How much of the run could be observed that is in the file, and how much of it was not kept.
    fn told(&self) -> (Level, u64) {
        match &self.format {
            Format::Ng(sections) => (sections.level.unwrap_or_default(), sections.not_kept),
            Format::Classic(_) => (Level::Capture, 0),
        }
    }
}

/// The first bytes of a file, and what to do with it.
fn found(magic: &[u8]) -> String {
    let cure = match magic {
        [] => return "an empty file".to_owned(),
        [0x1f, 0x8b, ..] => " (gzip: unpack it with gunzip, or pipe it in through zcat)",
        [0x28, 0xb5, 0x2f, 0xfd] => " (Zstandard: unpack it, or pipe it in through zstdcat)",
        b"\xfd7zX" => " (xz: unpack it, or pipe it in through xzcat)",
        [0x04, 0x22, 0x4d, 0x18] => " (LZ4: unpack it, or pipe it in through lz4cat)",
        b"PK\x03\x04" => " (a zip archive: unpack it)",
        b"snoo" | b"GMBU" | b"RTSS" => " (another capture format: convert it with editcap -F pcapng)",
        _ => "",
    };
    let bytes: Vec<String> = magic.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ") + cure
}

/// The state of reading a pcapng file.
#[derive(Default)]
struct Sections {
    big_endian: bool,
    /// The interfaces of the current section.
    interfaces: Vec<Interface>,
    last: Timestamp,
    /// True if some interface is of a link that is decoded.
    decodes: bool,
    /// The first packet whose link is not.
    undecoded: Option<(u64, LinkType)>,
    frames: usize,
    /// True in a section that we wrote.
    ours: bool,
    /// The least of the levels of the sections so far.
    level: Option<Level>,
    not_kept: u64,
    /// The beginning of a record whose end is still to come.
    line: Vec<u8>,
    /// Records that stand before `stored`.
    told: VecDeque<(Option<FrameNumber>, Record)>,
    stored: Option<Stored>,
}

/// What a pcapng file holds next.
enum Next {
    Stored(Stored),
    Told(Option<FrameNumber>, Record),
}

/// The smallest block: type, length, length.
const SHORTEST_BLOCK: u32 = 12;

impl Sections {
    /// Reads on to what comes next.
    fn next(&mut self, input: &mut Input<impl Read>, dropped: &mut u64) -> Result<Option<Next>, ReadError> {
        loop {
            if let Some((number, record)) = self.told.pop_front() {
                return Ok(Some(Next::Told(number, record)));
            }
            if let Some(stored) = self.stored.take() {
                return Ok(Some(Next::Stored(stored)));
            }
            if input.have(1)? == 0 {
                self.end(dropped)?;
                return Ok(None);
            }
            let offset = input.offset();
            input.whole(SHORTEST_BLOCK as usize, "a pcapng block")?;
            let length = self.announced(input.bytes(0..SHORTEST_BLOCK as usize), offset)?;
            let end = length as usize;
            input.whole(end, "a pcapng block")?;
            let trailer = self.number(&input.bytes(0..end)[end - 4..]);
            if trailer != length {
                let expected = format!("the block's length again ({length}), found {trailer},");
                return Err(ReadError::Damaged {
                    offset: offset + u64::from(length) - 4,
                    expected,
                });
            }
            self.block(input, end, offset, dropped)?;
            input.pass(end);
        }
    }

    fn end(&mut self, dropped: &mut u64) -> Result<(), ReadError> {
        self.end_section(dropped);
        match self.undecoded {
            Some((offset, link_type)) if !self.decodes => Err(ReadError::LinkType { offset, link_type }),
            _ => Ok(()),
        }
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

    /// Takes in the block that ends at `end`.
    fn block(&mut self, input: &Input<impl Read>, end: usize, offset: u64, dropped: &mut u64) -> Result<(), ReadError> {
        let bytes = input.bytes(0..end);
        let kind = self.number(bytes);
        let Some(block) = block::read(kind, &bytes[8..end - 4], self.big_endian) else {
            let expected = format!("a whole {} Block", block::name(kind));
            return Err(ReadError::Damaged { offset, expected });
        };
        // Ranges count from the input's place, which will be behind this block.
        let range = |data: &[u8]| {
            let start = data.as_ptr().addr() - bytes.as_ptr().addr();
            start..start + data.len()
        };
        let at_last = self.last;
        let stored = |at, link_type, data, wire_len, comment| Stored {
            at,
            number: FrameNumber(0),
            link_type,
            data,
            wire_len,
            comment,
            extra: None,
        };
        match block {
            Block::Section { major_version, told } => {
                self.end_section(dropped);
                self.begin_section(major_version, told, offset)
            }
            Block::Interface(interface) => self.describe(interface, offset),
            Block::Statistics {
                interface,
                dropped,
                told,
            } => {
                if let (Some(interface), Some(packets)) = (self.interfaces.get_mut(interface as usize), dropped) {
                    interface.dropped = packets;
                }
                self.lines(told, offset).map(|_| ())
            }
            Block::Other => Ok(()),
            Block::Packet(packet) => {
                let interface = self.interface_of(packet.interface, offset)?;
                let at = moment(packet.units, interface.resolution, interface.offset);
                let link_type = interface.link_type;
                let stored = stored(at, link_type, range(packet.data), packet.wire_len, packet.comment());
                self.frame(stored, Some(packet.options), offset)
            }
            Block::Simple { data, wire_len } => {
                let interface = self.interface_of(0, offset)?;
                // A simple block does not say how much of the frame it holds. It holds all of it, up to the snapshot
                // length.
                let snaplen = Some(interface.snaplen).filter(|len| *len > 0).unwrap_or(u32::MAX);
                let captured = data.len().min(wire_len.min(snaplen) as usize);
                let data = range(&data[..captured]);
                self.frame(stored(at_last, interface.link_type, data, wire_len, None), None, offset)
            }
            Block::Record => self.frame(stored(at_last, block::NO_LINK, 0..0, 0, None), None, offset),
        }
    }

    /// Takes in a frame, with what its options tell.
    fn frame(&mut self, mut stored: Stored, options: Option<Options<'_>>, offset: u64) -> Result<(), ReadError> {
        self.frames += 1;
        self.last = stored.at;
        stored.number = FrameNumber::of(self.frames);
        let own = match options {
            Some(options) => self.lines(options, offset)?,
            None => None,
        };
        match own {
            Some(Told::Packet(extra)) => stored.extra = Some(extra),
            Some(told) => {
                let record = told
                    .into_record(stored.at)
                    .map(|record| (Some(FrameNumber::of(self.frames)), record));
                self.told.extend(record);
                return Ok(());
            }
            // A frame of ours without a record has words alone. It shows a state that follows from the packets, so
            // reading finds it again.
            None if self.ours && stored.link_type == UPPER_PDU => return Ok(()),
            None if self.ours => stored.extra = Some(Extra::default()),
            None => {}
        }
        if !stored.link_type.is_decoded() && stored.link_type != block::NO_LINK {
            self.undecoded.get_or_insert((offset, stored.link_type));
        }
        self.stored = Some(stored);
        Ok(())
    }

    /// Takes in the records that end in a block. Gives that of its frame itself.
    fn lines(&mut self, options: Options<'_>, offset: u64) -> Result<Option<Told<'static>>, ReadError> {
        if !self.ours {
            return Ok(None);
        }
        let mut own = None;
        for piece in options.told() {
            for piece in piece.split_inclusive(|byte| *byte == b'\n') {
                self.line.extend(piece);
                if self.line.len() > record::LONGEST_LINE {
                    return Err(damaged(offset, "its end"));
                }
                if !self.line.ends_with(b"\n") {
                    continue;
                }
                let read = serde_json::from_slice(&self.line);
                self.line.clear();
                let line: Line<'_> = read.map_err(|error| damaged(offset, &error.to_string()))?;
                if !line.1.has_a_name() {
                    return Err(damaged(offset, "the name of a call"));
                }
                match line {
                    Line(None, told) => own = Some(told),
                    Line(Some(at), told) => {
                        self.told.extend(told.into_record(at).map(|record| (None, record)));
                    }
                }
            }
        }
        Ok(own)
    }

    fn begin_section(&mut self, major_version: u16, options: Options<'_>, offset: u64) -> Result<(), ReadError> {
        /// Where the header has it.
        const VERSION: u64 = 12;
        if major_version != 1 {
            return Err(ReadError::Damaged {
                offset: offset + VERSION,
                expected: format!("pcapng version 1, found version {major_version},"),
            });
        }
        let told: Vec<u8> = options.told().flatten().copied().collect();
        self.line.clear();
        self.ours = !told.is_empty();
        let mut level = Level::Capture;
        if self.ours {
            let read = serde_json::from_slice(&told);
            let section: record::Section = read.map_err(|error| damaged(offset, &error.to_string()))?;
            if section.version != record::VERSION {
                let found = format!("version {}, found version {}", record::VERSION, section.version);
                return Err(damaged(offset, &found));
            }
            level = section.level;
            self.not_kept = self.not_kept.saturating_add(section.not_kept);
        }
        self.level = Some(self.level.map_or(level, |before| before.min(level)));
        Ok(())
    }

    fn describe(&mut self, interface: Interface, offset: u64) -> Result<(), ReadError> {
        if self.interfaces.len() == MOST_INTERFACES {
            let expected = format!("at most {MOST_INTERFACES} interfaces in a section, found one more");
            return Err(ReadError::Damaged { offset, expected });
        }
        self.decodes |= interface.link_type.is_decoded();
        self.interfaces.push(interface);
        Ok(())
    }

    fn end_section(&mut self, dropped: &mut u64) {
        for interface in self.interfaces.drain(..) {
            *dropped = dropped.saturating_add(interface.dropped);
        }
    }

    /// The interface of a packet.
    fn interface_of(&self, number: u32, offset: u64) -> Result<&Interface, ReadError> {
        self.interfaces.get(number as usize).ok_or_else(|| ReadError::Damaged {
            offset,
            expected: format!("a description of interface {number} before its first packet"),
        })
    }
}

/// An error of a record of ours, in the block at this byte.
fn damaged(offset: u64, expected: &str) -> ReadError {
    ReadError::Damaged {
        offset,
        expected: format!("a record of what was observed ({}) in the block", printable(expected)),
    }
}

/// A moment given in units of an interface. What does not fit the clock becomes its first or last
/// moment: a damaged time is no reason to lose a packet.
pub(super) fn moment(units: u64, resolution: u8, offset: i64) -> Timestamp {
    /// Resolutions from here on are powers of 2; those below it are powers of 10.
    const POWER_OF_TWO: u8 = 0x80;
    const NANO: u8 = 9;
    let wide = u128::from(units);
    let nanoseconds = if resolution >= POWER_OF_TWO {
        (wide * u128::from(NANOSECONDS_PER_SECOND)) >> (resolution & !POWER_OF_TWO)
    } else if let Some(fewer) = NANO.checked_sub(resolution) {
        wide * u128::from(10_u64.pow(fewer.into()))
    } else {
        let more = 10_u128.checked_pow((resolution - NANO).into());
        more.map_or(0, |more| wide / more)
    };
    let offset = i128::from(offset) * i128::from(NANOSECONDS_PER_SECOND);
    let moment = i128::try_from(nanoseconds).unwrap_or(i128::MAX).saturating_add(offset);
    Timestamp(u64::try_from(moment.max(0)).unwrap_or(u64::MAX))
}

/// A classic pcap file behind its header.
struct Classic {
    header: PcapHeader,
    link_type: LinkType,
    lengths: Lengths,
    frames: usize,
}

/// In which order a packet's header has its two lengths. Older programs wrote the original length
/// first; libpcap decides by the version, as here (`sf-pcap.c`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    /// Some wrote the one and some the other: no more is captured than there was.
    Either,
}

impl Classic {
    fn read(input: &mut Input<impl Read>) -> Result<Classic, ReadError> {
        const HEADER: usize = 24;
        const VERSION_AT: u64 = 4;
        const LINK_TYPE_AT: u64 = 20;
        input.whole(HEADER, "a pcap file header")?;
        let Ok((_, header)) = parse_pcap_header(input.bytes(0..HEADER)) else {
            return Err(ReadError::Damaged {
                offset: 0,
                expected: "a pcap file header".to_owned(),
            });
        };
        let lengths = match (header.version_major, header.version_minor) {
            (2, 0..=2) => Lengths::OriginalFirst,
            (2, 3) | (543, 0) => Lengths::Either,
            (2, _) => Lengths::CapturedFirst,
            (major, minor) => {
                return Err(ReadError::Damaged {
                    offset: VERSION_AT,
                    expected: format!("pcap version 2, found version {major}.{minor},"),
                });
            }
        };
        // The upper half of the field tells of frame check sequences.
        let link_type = LinkType(header.network.0 as u16);
        if !link_type.is_decoded() {
            return Err(ReadError::LinkType {
                offset: LINK_TYPE_AT,
                link_type,
            });
        }
        input.pass(HEADER);
        Ok(Classic {
            header,
            link_type,
            lengths,
            frames: 0,
        })
    }

    fn next(&mut self, input: &mut Input<impl Read>) -> Result<Option<Stored>, ReadError> {
        const HEAD: usize = 16;
        const MODIFIED_HEAD: usize = 24;
        if input.have(1)? == 0 {
            return Ok(None);
        }
        let offset = input.offset();
        let head = if self.header.is_modified_format() {
            MODIFIED_HEAD
        } else {
            HEAD
        };
        input.whole(head, "the header of a packet")?;
        let number = |at: usize| self.number(input.bytes(at..at + 4));
        let (seconds, fraction) = (number(0), number(4));
        let (first, second) = (number(8), number(12));
        let swapped = match self.lengths {
            Lengths::CapturedFirst => false,
            Lengths::OriginalFirst => true,
            Lengths::Either => first > second,
        };
        let (at, captured, wire_len) = if swapped {
            (12, second, first)
        } else {
            (8, first, second)
        };
        if captured > LONGEST_FRAME {
            let expected = format!("a captured length of at most {LONGEST_FRAME}, found {captured},");
            return Err(ReadError::Damaged {
                offset: offset + at,
                expected,
            });
        }
        let end = head + captured as usize;
        input.whole(end, "a packet")?;
        let fraction = if self.header.is_nanosecond_precision() {
            fraction
        } else {
            fraction.saturating_mul(1000)
        };
        let seconds = u64::from(seconds) * u64::from(NANOSECONDS_PER_SECOND);
        self.frames += 1;
        let stored = Stored {
            at: Timestamp(seconds + u64::from(fraction)),
            number: FrameNumber::of(self.frames),
            link_type: self.link_type,
            data: head..end,
            wire_len,
            comment: None,
            extra: None,
        };
        input.pass(end);
        Ok(Some(stored))
    }

    fn number(&self, bytes: &[u8]) -> u32 {
        let bytes = bytes.first_chunk().copied().unwrap_or_default();
        if self.header.is_bigendian() {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }
}

#[cfg(test)]
#[path = "../../../tests/unit/format_pcapng_read.rs"]
mod tests;
