//! pcapng, block by block, as things happen.

use std::borrow::Cow;
use std::io::{self, Write};

use pcap_parser::pcapng::{
    EnhancedPacketBlock, InterfaceDescriptionBlock, InterfaceStatisticsBlock, OptionCode, PcapNGOption,
    SectionHeaderBlock,
};
use pcap_parser::{Linktype, ToVec};

use super::LONGEST_FRAME;
use super::entry::{self, UPPER_PDU};
use super::record::{self, Extra, Line, Section, Told};
use crate::events::{Endpoints, Level, LinkType, Passage, Record, Side, StateChange, Timestamp, What, printable};
use crate::words::{call_words, client_words, process_words, state_words};

/// Nanoseconds: `if_tsresol` 9.
const NANOSECONDS: u8 = 9;
/// The longest option that pcapng can hold.
const LONGEST_OPTION: usize = u16::MAX as usize;

/// The first interface: the network's.
const NETWORK: u32 = 0;
/// The second: what the server did.
const CALLS: u32 = 1;
/// So much of the words of a call is written, in bytes. The record has all of it.
const LONGEST_WORDS: usize = 16 << 10;

/// Writes a pcapng file block by block, each with one `write_all`: through an unbuffered writer
/// a reader at the other end of a pipe has each event when it happens.
///
/// Frames go to interface 0, `lo`. Interface 1, `calls`, is for what the server did: Wireshark lists
/// each call between the packets, its words in the Info column. Frames of another kind of link get an
/// interface more. Beside the words stand the records themselves, for [`read`](super::read).
///
/// ```
/// use timeline::format::pcapng::Encoder;
/// use timeline::{Level, LinkType, Timestamp};
///
/// let mut encoder = Encoder::new(Vec::new(), "echo", Level::Sandbox)?;
/// let at = Timestamp(1_700_000_000_000_000_000);
/// encoder.packet(at, LinkType::ETHERNET, &[0; 60], 60, Some("an empty frame"))?;
/// assert_eq!(encoder.frames(), 1);
/// encoder.finish()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Encoder<W> {
    out: W,
    /// The server's name.
    program: String,
    /// False if the file has frames alone, without the records of the run and without comments.
    tells: bool,
    /// The interfaces so far, by number.
    interfaces: Vec<LinkType>,
    frames: usize,
    /// Records that wait for the next frame.
    pending: String,
    last: Timestamp,
}

/// What a file says of its run.
pub(super) struct Run<'a> {
    /// The server's name.
    pub program: &'a str,
    pub level: Level,
    /// So many events were not kept.
    pub not_kept: u64,
}

/// A frame of the network, and what came with it.
pub(super) struct NetworkFrame<'a> {
    pub link_type: LinkType,
    pub bytes: &'a [u8],
    pub wire_len: u32,
    pub comment: Option<&'a str>,
    pub passage: Option<&'a Passage>,
}

impl<W: Write> Encoder<W> {
    /// Begins a file of packets and of what a server did; each call's words begin with the server's
    /// name. `level` is how much can be observed.
    ///
    /// # Errors
    ///
    /// What `out` says, as of all methods.
    pub fn new(out: W, program: &str, level: Level) -> io::Result<Encoder<W>> {
        let run = Run {
            program,
            level,
            not_kept: 0,
        };
        Encoder::begin(out, run, LinkType::ETHERNET, true)
    }

    /// Begins a file whose first interface is of this kind. It `tells` what the run was, or has frames alone.
    pub(super) fn begin(out: W, run: Run<'_>, link_type: LinkType, tells: bool) -> io::Result<Encoder<W>> {
        let mut encoder = Encoder {
            out,
            program: run.program.to_owned(),
            tells,
            interfaces: Vec::new(),
            frames: 0,
            pending: String::new(),
            last: Timestamp(0),
        };
        let section = Section {
            version: record::VERSION,
            level: run.level,
            not_kept: run.not_kept,
            program: fitting(run.program, LONGEST_WORDS).to_owned(),
        };
        let section = if tells { record::line(&section)? } else { String::new() };
        encoder.put(section_header(&section))?;
        encoder.interface(link_type, Some("lo"))?;
        encoder.put(interface(UPPER_PDU, Some("calls")))?;
        encoder.interfaces.push(UPPER_PDU);
        Ok(encoder)
    }

    /// How many frames there are, calls included: the number that Wireshark gives to the last one.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Adds a frame of the network, with a comment that came with it.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn packet(
        &mut self,
        at: Timestamp,
        link_type: LinkType,
        frame: &[u8],
        wire_len: u32,
        comment: Option<&str>,
    ) -> io::Result<()> {
        let frame = NetworkFrame {
            link_type,
            bytes: frame,
            wire_len,
            comment,
            passage: None,
        };
        self.packet_with(at, &frame, None)
    }

    /// Adds a frame of the network with all that is known of it, and what is said of it where it came
    /// without a comment.
    pub(super) fn packet_with(
        &mut self,
        at: Timestamp,
        frame: &NetworkFrame<'_>,
        explanation: Option<&str>,
    ) -> io::Result<()> {
        let &NetworkFrame { comment, passage, .. } = frame;
        let interface = self.interface(frame.link_type, None)?;
        if comment.is_some() || passage.is_some() {
            let extra = Extra {
                comment: comment.map(Into::into),
                passage: passage.cloned().map(Box::new),
            };
            self.attach(&Line(None, Told::Packet(extra)))?;
        }
        // A viewer gets the comment with control characters escaped. The record above keeps it as it is.
        let shown = comment.or(explanation).filter(|_| self.tells).map(|text| {
            let lines: Vec<String> = text.split('\n').map(printable).collect();
            lines.join("\n")
        });
        self.frame(at, interface, (frame.bytes, frame.wire_len), shown.as_deref())
    }

    /// Adds what an observer recorded: as a frame if it is one, and else with the frame that comes
    /// next, where Wireshark does not show it.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        let at = record.at;
        match &record.what {
            What::Frame {
                frame,
                link_type,
                wire_len,
                comment,
                passage,
                ..
            } => {
                let frame = NetworkFrame {
                    link_type: *link_type,
                    bytes: frame,
                    wire_len: *wire_len,
                    comment: comment.as_deref(),
                    passage: passage.as_deref(),
                };
                self.packet_with(at, &frame, None)
            }
            What::Call { on, call } => {
                let told = Told::Call(*on, Cow::Borrowed(call));
                self.tell(at, Side::Server, *on, call_words(call), told)
            }
            What::Client { on, action } => {
                let told = Told::Client(*on, Cow::Borrowed(action));
                self.tell(at, Side::Client, Some(*on), client_words(action), told)
            }
            What::State { on, change } => {
                let told = Told::State(*on, *change);
                self.tell(at, change.side, Some(*on), state_words(change), told)
            }
            What::Process(event) => {
                let told = Told::Process(Cow::Borrowed(event));
                self.tell(at, Side::Server, None, process_words(event), told)
            }
        }
    }

    /// Adds what is told: in a frame with these words, or else with the frame that comes next.
    pub(super) fn tell(
        &mut self,
        at: Timestamp,
        by: Side,
        on: Option<Endpoints>,
        words: Option<String>,
        told: Told<'_>,
    ) -> io::Result<()> {
        self.attach(&Line(words.is_none().then_some(at), told))?;
        words.map_or(Ok(()), |words| self.words(at, by, on, &words))
    }

    /// Adds a frame that shows a state where the packets brought it. The socket table's own word on it
    /// is told apart from that.
    pub(super) fn shown_state(&mut self, at: Timestamp, on: Endpoints, change: &StateChange) -> io::Result<()> {
        let words = state_words(change);
        words.map_or(Ok(()), |words| self.words(at, change.side, Some(on), &words))
    }

    fn words(&mut self, at: Timestamp, by: Side, on: Option<Endpoints>, words: &str) -> io::Result<()> {
        let name = printable(fitting(&self.program, LONGEST_WORDS));
        let data = entry::write(&name, by, on, fitting(words, LONGEST_WORDS));
        self.frame(at, CALLS, (&data, length_of(&data)), None)
    }

    /// Lets a record wait for the next frame. If too many wait, some are put down where they are.
    fn attach(&mut self, line: &Line<'_>) -> io::Result<()> {
        if !self.tells {
            return Ok(());
        }
        self.pending += &record::line(line)?;
        while self.pending.len() > record::MOST_IN_A_BLOCK {
            let rest = self.pending.split_off(record::MOST_IN_A_BLOCK);
            let full = std::mem::replace(&mut self.pending, rest);
            self.put(statistics(self.last, None, &full))?;
        }
        Ok(())
    }

    fn frame(
        &mut self,
        at: Timestamp,
        interface: u32,
        (data, wire_len): (&[u8], u32),
        comment: Option<&str>,
    ) -> io::Result<()> {
        self.frames += 1;
        self.last = at;
        let told = std::mem::take(&mut self.pending);
        self.put(enhanced_packet(interface, at, (data, wire_len), comment, &told))
    }

    /// Says how many packets the capture lost, up to this moment.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn dropped(&mut self, at: Timestamp, dropped: u64) -> io::Result<()> {
        self.put(statistics(at, Some(dropped), ""))
    }

    /// Hands on what a buffered writer still holds. What is no frame waits for the next frame all the
    /// same: see [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the file: puts down what no frame came behind, and hands on all of it.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn finish(mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            let told = std::mem::take(&mut self.pending);
            self.put(statistics(self.last, None, &told))?;
        }
        self.flush()
    }

    /// The number of the interface for frames of this kind, described to the reader if it is new.
    fn interface(&mut self, link_type: LinkType, name: Option<&'static str>) -> io::Result<u32> {
        // Frames of the network are not mixed with ours, even if they are of the same kind.
        let known = |(number, known): (usize, &LinkType)| *known == link_type && number != CALLS as usize;
        let known = self.interfaces.iter().enumerate().position(known);
        let number = known.unwrap_or(self.interfaces.len());
        if known.is_none() {
            self.put(interface(link_type, name))?;
            self.interfaces.push(link_type);
        }
        u32::try_from(number).map_err(io::Error::other)
    }

    /// Writes a block. Its lengths and magic numbers are filled in here.
    fn put(&mut self, mut block: impl ToVec) -> io::Result<()> {
        let bytes = block
            .to_vec()
            .map_err(|error| io::Error::other(format!("cannot encode a pcapng block: {error}")))?;
        self.out.write_all(&bytes)
    }
}

fn option<'a>(code: OptionCode, value: impl Into<Cow<'a, [u8]>>) -> PcapNGOption<'a> {
    let value = value.into();
    PcapNGOption {
        code,
        len: u16::try_from(value.len()).unwrap_or(u16::MAX),
        value,
    }
}

/// Options with the lines of records.
fn told<'a>(lines: &str) -> Vec<PcapNGOption<'a>> {
    let values = record::options(lines).into_iter();
    values.map(|value| option(OptionCode(record::CUSTOM), value)).collect()
}

pub(super) fn section_header(section: &str) -> SectionHeaderBlock<'static> {
    // The version of what is written here, not that of the crate: a file changes when its contents do.
    const PROGRAM: &str = "harness 0.1.0";
    let by = option(OptionCode::ShbUserAppl, PROGRAM.as_bytes());
    SectionHeaderBlock {
        block_type: 0,
        block_len1: 0,
        bom: 0,
        major_version: 1,
        minor_version: 0,
        section_len: -1,
        options: [by].into_iter().chain(told(section)).collect(),
        block_len2: 0,
    }
}

pub(super) fn interface(link_type: LinkType, name: Option<&'static str>) -> InterfaceDescriptionBlock<'static> {
    let name = name.map(|name| option(OptionCode::IfName, name.as_bytes()));
    InterfaceDescriptionBlock {
        block_type: 0,
        block_len1: 0,
        linktype: Linktype(link_type.0.into()),
        reserved: 0,
        snaplen: LONGEST_FRAME,
        options: name
            .into_iter()
            .chain([option(OptionCode::IfTsresol, vec![NANOSECONDS])])
            .collect(),
        block_len2: 0,
        if_tsresol: NANOSECONDS,
        if_tsoffset: 0,
    }
}

pub(super) fn enhanced_packet<'a>(
    interface: u32,
    at: Timestamp,
    (data, wire_len): (&'a [u8], u32),
    comment: Option<&'a str>,
    lines: &str,
) -> EnhancedPacketBlock<'a> {
    let (ts_high, ts_low) = halves(at);
    let comment = comment.map(|comment| fitting(comment, LONGEST_OPTION).as_bytes());
    let comment = comment.map(|comment| option(OptionCode::Comment, comment));
    EnhancedPacketBlock {
        block_type: 0,
        block_len1: 0,
        if_id: interface,
        ts_high,
        ts_low,
        caplen: length_of(data),
        origlen: wire_len,
        data,
        options: comment.into_iter().chain(told(lines)).collect(),
        block_len2: 0,
    }
}

fn length_of(data: &[u8]) -> u32 {
    u32::try_from(data.len()).unwrap_or(u32::MAX)
}

/// What of a text fits into so many bytes, in whole characters.
pub(super) fn fitting(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A block that is no frame. Statistics may come at any place of a file, and as often as one likes.
fn statistics(at: Timestamp, dropped: Option<u64>, lines: &str) -> InterfaceStatisticsBlock<'static> {
    let (ts_high, ts_low) = halves(at);
    let dropped = dropped.map(|dropped| option(OptionCode::IsbIfDrop, dropped.to_le_bytes().to_vec()));
    InterfaceStatisticsBlock {
        block_type: 0,
        block_len1: 0,
        if_id: NETWORK,
        ts_high,
        ts_low,
        options: dropped.into_iter().chain(told(lines)).collect(),
        block_len2: 0,
    }
}

fn halves(at: Timestamp) -> (u32, u32) {
    ((at.0 >> 32) as u32, at.0 as u32)
}

#[cfg(test)]
#[path = "../../../tests/unit/format_pcapng_encode.rs"]
mod tests;
