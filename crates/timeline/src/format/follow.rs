//! What both programs said to each other on one connection: the bytes of both streams as text, in the order in which
//! they came to be known.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::events::{Both, Flags, FrameNumber, Packet, Side};
use crate::timeline::Connection;

/// Writes them to `out`, a row for each line that was sent. It begins with the frame that brought its first byte, and with
/// who sent it. What is not printable ASCII is escaped. Bytes that are not in the capture are counted. Bytes that were
/// sent again stand here once, as the receiving program reads them; those that it never read stand here too.
///
/// # Errors
///
/// If `out` cannot be written to.
pub fn write(connection: Connection<'_>, width: usize, out: &mut impl Write) -> io::Result<()> {
    let ends = connection.endpoints();
    let place = match connection.timeline().connections_in_all() {
        1 => String::new(),
        all => format!("connection {} of {all}: ", connection.id().0 + 1),
    };
    writeln!(out, "{place}client {} → server {}", ends.client, ends.server)?;
    let lone = match connection.timeline().lone_fragments() {
        0 => "",
        _ => ", or in IP fragments of which not all are here",
    };
    let mut page = Page {
        width,
        out,
        last: None,
        lone,
    };
    let mut streams = Both::of(|_| Stream::default());
    for (_, packet) in connection.packets() {
        let packet = packet.packet();
        streams[packet.from].take(packet);
        let peer = packet.from.peer();
        if packet.segment.flags.has(Flags::ACK) {
            streams[peer].acknowledged(packet.ack, peer, &mut page)?;
        }
        streams[packet.from].write(packet.from, &mut page, 0)?;
    }
    for side in [Side::Client, Side::Server] {
        streams[side].write(side, &mut page, u64::MAX)?;
    }
    page.end_row()
}

/// What one side sent, as far as it is written.
#[derive(Default)]
struct Stream<'a> {
    /// The place of the next byte, counted as sequence numbers are; `None` before the first packet.
    next: Option<u64>,
    /// What came before bytes that belong in front of it, by its place.
    early: BTreeMap<u64, Piece<'a>>,
    /// Where it ends, if a FIN told.
    end: Option<u64>,
}

/// The bytes of a segment: more may have been sent than captured.
#[derive(Clone, Copy)]
struct Piece<'a> {
    frame: FrameNumber,
    captured: &'a [u8],
    sent: u64,
}

impl<'a> Stream<'a> {
    fn take(&mut self, packet: &'a Packet) {
        let segment = &packet.segment;
        // A SYN has a sequence number of its own, before those of the data.
        let first = packet.seq.wrapping_add(u32::from(segment.flags.has(Flags::SYN)));
        if self.next.is_none() {
            self.next = Some(u64::from(first));
        }
        let Some(at) = self.place(first) else { return };
        let sent = u64::from(segment.len);
        if segment.flags.has(Flags::FIN) {
            self.end = Some(at + sent);
        }
        let piece = Piece {
            frame: packet.number,
            captured: &segment.payload,
            sent,
        };
        if sent > 0 {
            let known = self.early.entry(at).or_insert(piece);
            if (known.sent, known.captured.len()) < (sent, piece.captured.len()) {
                *known = piece;
            }
        }
    }

    /// Where a sequence number is: they begin anew after 2^32.
    fn place(&self, number: u32) -> Option<u64> {
        let next = self.next?;
        let away = number.wrapping_sub(next as u32).cast_signed();
        next.checked_add_signed(i64::from(away))
    }

    /// What the peer has, and is not here, was not captured: it does not come.
    fn acknowledged<W: Write>(&mut self, number: u32, side: Side, page: &mut Page<'_, W>) -> io::Result<()> {
        let Some(until) = self.place(number) else { return Ok(()) };
        self.write(side, page, until)?;
        let until = until.min(self.end.unwrap_or(u64::MAX));
        match self.next {
            // One number more may be that of a FIN which was not captured.
            Some(next) if until > next + u64::from(self.end.is_none()) => {
                self.next = Some(until);
                page.missing(side, until - next)
            }
            _ => Ok(()),
        }
    }

    /// Writes what follows; up to a place also what follows a gap.
    fn write<W: Write>(&mut self, side: Side, page: &mut Page<'_, W>, until: u64) -> io::Result<()> {
        while let (Some(next), Some(first)) = (self.next, self.early.first_entry()) {
            let at = *first.key();
            if at > next && at >= until {
                break;
            }
            let piece = first.remove();
            if at > next {
                page.missing(side, at - next)?;
            }
            let known = next.saturating_sub(at).min(piece.sent);
            let new = usize::try_from(known)
                .ok()
                .and_then(|known| piece.captured.get(known..));
            let new = new.unwrap_or_default();
            page.bytes(side, piece.frame, new)?;
            let cut = piece.sent - known - new.len() as u64;
            if cut > 0 {
                page.missing(side, cut)?;
            }
            self.next = Some(next.max(at + piece.sent));
        }
        Ok(())
    }
}

struct Page<'w, W> {
    width: usize,
    out: &'w mut W,
    /// Who sent what stands in a row that has not ended, and how wide it is.
    last: Option<(Side, usize)>,
    /// Where bytes may be that are missing.
    lone: &'static str,
}

impl<W: Write> Page<'_, W> {
    fn bytes(&mut self, side: Side, frame: FrameNumber, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            let text = std::ascii::escape_default(*byte);
            let is_open = |(of, columns): (Side, usize)| of == side && columns + text.len() < self.width;
            if !self.last.is_some_and(is_open) {
                self.end_row()?;
                let start = format!("{frame:>5} {} \"", side);
                write!(self.out, "{start}")?;
                self.last = Some((side, start.len()));
            }
            write!(self.out, "{text}")?;
            if let Some((_, columns)) = &mut self.last {
                *columns += text.len();
            }
            if *byte == b'\n' {
                self.end_row()?;
            }
        }
        Ok(())
    }

    fn missing(&mut self, side: Side, bytes: u64) -> io::Result<()> {
        self.end_row()?;
        let what = if bytes == 1 { "byte is" } else { "bytes are" };
        writeln!(
            self.out,
            "      {} [{bytes} {what} not in the capture{}]",
            side, self.lone
        )
    }

    fn end_row(&mut self) -> io::Result<()> {
        match self.last.take() {
            Some(_) => writeln!(self.out, "\""),
            None => Ok(()),
        }
    }
}
