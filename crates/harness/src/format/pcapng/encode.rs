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
use crate::timeline::explain::{call_text, printable};
use crate::timeline::{
    Call, ClientAction, Endpoints, LinkType, ProcessEvent, ProcessEventKind, Record, Side, StateChange, TcpState,
    Timestamp, What,
};

/// Nanoseconds: `if_tsresol` 9.
const NANOSECONDS: u8 = 9;
/// The longest option that pcapng can hold.
const LONGEST_OPTION: usize = u16::MAX as usize;

/// The first interface: the network's.
const NETWORK: u32 = 0;

/// Writes a pcapng file block by block, each with one `write_all`: through an unbuffered writer
/// a reader at the other end of a pipe has each event when it happens.
///
/// Frames go to interface 0, `lo`. An encoder made by [`with_calls`](Self::with_calls) has a
/// second interface, `calls`, for what the server did: Wireshark lists each entry between the
/// packets, its text in the Info column. Frames of another kind of link get an interface more.
///
/// ```
/// use harness::format::pcapng::Encoder;
/// use harness::timeline::{LinkType, Timestamp};
///
/// let mut encoder = Encoder::new(Vec::new())?;
/// let at = Timestamp(1_700_000_000_000_000_000);
/// encoder.packet(at, LinkType::ETHERNET, &[0; 60], 60, Some("an empty frame"))?;
/// encoder.flush()?;
/// assert_eq!(encoder.frames(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Encoder<W> {
    out: W,
    /// The server's name; `None` for a file of packets alone.
    program: Option<String>,
    /// The interfaces so far, by number.
    interfaces: Vec<LinkType>,
    frames: usize,
}

impl<W: Write> Encoder<W> {
    /// Begins a file of packets alone. Calls, states and processes are left out.
    ///
    /// # Errors
    ///
    /// What `out` says, as of all methods.
    pub fn new(out: W) -> io::Result<Encoder<W>> {
        Encoder::begin(out, None, LinkType::ETHERNET)
    }

    /// Begins a file of packets and of what a server did; each entry begins with the server's
    /// name.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_calls(out: W, program: &str) -> io::Result<Encoder<W>> {
        Encoder::begin(out, Some(program), LinkType::ETHERNET)
    }

    /// Begins a file whose first interface is of this kind.
    pub(super) fn begin(out: W, program: Option<&str>, link_type: LinkType) -> io::Result<Encoder<W>> {
        let mut encoder = Encoder {
            out,
            program: program.map(str::to_owned),
            interfaces: Vec::new(),
            frames: 0,
        };
        encoder.put(section_header())?;
        encoder.interface(link_type, Some("lo"))?;
        if program.is_some() {
            encoder.interface(UPPER_PDU, Some("calls"))?;
        }
        Ok(encoder)
    }

    /// How many frames there are, entries of the server included: the number that Wireshark
    /// gives to the last one.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Adds a frame of the network.
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
        let interface = self.interface(link_type, None)?;
        self.frames += 1;
        self.put(enhanced_packet(interface, at, frame, wire_len, comment))
    }

    /// Adds a call of the server at its place on the timeline. One that only found that it would
    /// have had to wait (EAGAIN) is left out.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn call(&mut self, at: Timestamp, on: Option<Endpoints>, call: &Call) -> io::Result<()> {
        if call.would_block() {
            return Ok(());
        }
        self.entry(at, Side::Server, on, &call_text(call))
    }

    /// Adds the call of a client that is a program, and was traced too. What a client of our own
    /// does is no call, and is left out.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn client(&mut self, at: Timestamp, on: Endpoints, action: &ClientAction) -> io::Result<()> {
        match &action.call {
            Some(call) => self.entry(at, Side::Client, Some(on), &call_text(call)),
            None => Ok(()),
        }
    }

    /// Adds a socket's new state. Of the client's states those are left out in which its process
    /// still owns it.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn state(&mut self, at: Timestamp, on: Endpoints, change: &StateChange) -> io::Result<()> {
        let outlives_close = matches!(
            change.to,
            Some(TcpState::FinWait2 | TcpState::TimeWait | TcpState::CloseWait)
        );
        if change.side == Side::Client && !outlives_close {
            return Ok(());
        }
        let state = change.to.map_or("closed".to_owned(), |state| state.to_string());
        self.entry(at, change.side, Some(on), &format!("socket {state}"))
    }

    /// Adds what became of a process of the server, if that is more than that it was started.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn process(&mut self, at: Timestamp, event: &ProcessEvent) -> io::Result<()> {
        let pid = event.pid;
        match &event.kind {
            ProcessEventKind::Started | ProcessEventKind::Wrote { .. } => Ok(()),
            ProcessEventKind::Exited(exit) => {
                self.entry(at, Side::Server, None, &format!("process {pid} ended: {exit}"))
            }
            ProcessEventKind::UsesIoUring => {
                let text = format!("process {pid} uses io_uring: what it does through that is not shown");
                self.entry(at, Side::Server, None, &text)
            }
            ProcessEventKind::ForeignCalls => {
                let text = format!("process {pid} makes calls of another architecture, which are not shown");
                self.entry(at, Side::Server, None, &text)
            }
            ProcessEventKind::WithoutRights { program, rights } => {
                let text = format!(
                    "process {pid} runs {} without what its file gives: {rights}",
                    printable(program)
                );
                self.entry(at, Side::Server, None, &text)
            }
        }
    }

    /// Adds what an observer recorded, if it has a place in a capture.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        match &record.what {
            What::Frame {
                frame,
                link_type,
                wire_len,
                comment,
                ..
            } => self.packet(record.at, *link_type, frame, *wire_len, comment.as_deref()),
            What::Call { on, call } => self.call(record.at, *on, call),
            What::State { on, change } => self.state(record.at, *on, change),
            What::Process(event) => self.process(record.at, event),
            What::Client { on, action } => self.client(record.at, *on, action),
            What::Entry { on, by, text } => self.entry(record.at, *by, *on, text),
        }
    }

    /// Says how many packets the capture lost, up to this moment.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn dropped(&mut self, at: Timestamp, dropped: u64) -> io::Result<()> {
        self.put(statistics(dropped, at))
    }

    /// Hands on what a buffered writer still holds.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The number of the interface for frames of this kind, described to the reader if it is new.
    fn interface(&mut self, link_type: LinkType, name: Option<&'static str>) -> io::Result<u32> {
        let known = self.interfaces.iter().position(|known| *known == link_type);
        let number = known.unwrap_or(self.interfaces.len());
        if known.is_none() {
            self.put(interface(link_type, name))?;
            self.interfaces.push(link_type);
        }
        u32::try_from(number).map_err(io::Error::other)
    }

    /// Adds a text to the second interface, if there is one.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn entry(&mut self, at: Timestamp, by: Side, on: Option<Endpoints>, text: &str) -> io::Result<()> {
        let Some(program) = &self.program else { return Ok(()) };
        let data = entry::write(program, by, on, text);
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        self.packet(at, UPPER_PDU, &data, length, None)
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

fn interface(link_type: LinkType, name: Option<&'static str>) -> InterfaceDescriptionBlock<'static> {
    let name = name.map(|name| option(OptionCode::IfName, name.as_bytes()));
    InterfaceDescriptionBlock {
        block_type: 0,
        block_len1: 0,
        linktype: Linktype(link_type.0.cast_signed()),
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

fn enhanced_packet<'a>(
    interface: u32,
    at: Timestamp,
    data: &'a [u8],
    wire_len: u32,
    comment: Option<&'a str>,
) -> EnhancedPacketBlock<'a> {
    let (ts_high, ts_low) = halves(at);
    let comment = comment.map(|comment| option(OptionCode::Comment, fitting(comment).as_bytes()));
    EnhancedPacketBlock {
        block_type: 0,
        block_len1: 0,
        if_id: interface,
        ts_high,
        ts_low,
        caplen: u32::try_from(data.len()).unwrap_or(u32::MAX),
        origlen: wire_len,
        data,
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
        if_id: NETWORK,
        ts_high,
        ts_low,
        options: vec![option(OptionCode::IsbIfDrop, dropped.to_le_bytes().to_vec())],
        block_len2: 0,
    }
}

fn halves(at: Timestamp) -> (u32, u32) {
    ((at.0 >> 32) as u32, at.0 as u32)
}

#[cfg(test)]
mod tests;
