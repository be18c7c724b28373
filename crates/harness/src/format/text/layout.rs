//! How wide each lane is, and a row drawn in them.

use crate::timeline::explain::{cut, data_text};
use crate::timeline::{Flags, Level, Packet, Side, Timeline, Timestamp};

use super::rows::{Cell, Mark, Row};
use super::{Line, Role};

/// The widths of the lanes of one connection, in columns.
pub(super) struct Layout<'a> {
    timeline: &'a Timeline,
    start: Timestamp,
    time: usize,
    /// 0 where there are no packets.
    number: usize,
    client: usize,
    /// What a segment holds, without its arrow.
    label: usize,
    server: usize,
    detail: Detail,
}

/// How much of a segment is written on its arrow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// `PSH,ACK seq 1 ack 1 len 2 "1\n"`
    Full,
    /// `PSH,ACK seq 1 len 2 "1\n"`
    WithoutAck,
    /// `PSH,ACK len 2 "1\n"`
    Least,
}

/// `├ ` before a client's segment and ` ─►│` behind it; as much for the server's.
const ARROW: usize = 6;
/// The lanes shrink in turn, each to its floor. `sendto(9, "\n", 1) = 1` fits into the server's,
/// `PSH,ACK seq 1 ack 1 len 2 "1\n"` into the wire's.
const SERVER_FLOOR: usize = 22;
const LABEL_FLOOR: usize = 31;
const SERVER_LEAST: usize = 14;
const CLIENT_MOST: usize = 28;
/// How many bytes of a payload are written on an arrow at most, and at least.
const PAYLOAD_MOST: usize = 32;
const PAYLOAD_LEAST: usize = 4;

impl<'a> Layout<'a> {
    pub fn new(timeline: &'a Timeline, start: Timestamp, rows: &[Row], width: usize) -> Layout<'a> {
        let packets: Vec<&Packet> = rows.iter().filter_map(|row| timeline.packet(row.packet?)).collect();
        let times = rows.iter().filter_map(|row| row.at).map(|at| columns(&time(start, at)));
        let mut layout = Layout {
            timeline,
            start,
            time: times.max().unwrap_or(0).max("ms".len()),
            number: 0,
            client: longest(rows.iter().filter_map(|row| row.client.as_ref())).clamp("client".len(), CLIENT_MOST),
            label: 0,
            server: longest(rows.iter().filter_map(|row| row.server.as_ref())).max("server".len()),
            detail: Detail::Full,
        };
        if timeline.level != Level::NoPackets {
            layout.number = packets.iter().map(|packet| packet.number.to_string().len()).max().unwrap_or(1);
            let labels = packets.iter().map(|packet| columns(&label(packet, Detail::Full, usize::MAX)));
            layout.label = labels.max().unwrap_or(0);
        }
        let client_floor = shortest(rows.iter().filter_map(|row| row.client.as_ref())).max("client".len());
        layout.shrink(width, client_floor);
        layout.detail = [Detail::Full, Detail::WithoutAck]
            .into_iter()
            .find(|&detail| packets.iter().all(|packet| fits(packet, detail, layout.label)))
            .unwrap_or(Detail::Least);
        layout
    }

    /// Takes columns from the lanes until a line fits.
    fn shrink(&mut self, width: usize, client_floor: usize) {
        let mut over = self.width().saturating_sub(width);
        let mut take = |lane: &mut usize, floor: usize| {
            let taken = over.min(lane.saturating_sub(floor));
            *lane -= taken;
            over -= taken;
        };
        take(&mut self.server, SERVER_FLOOR);
        take(&mut self.label, LABEL_FLOOR);
        take(&mut self.client, client_floor.min(CLIENT_MOST / 2));
        take(&mut self.server, SERVER_LEAST);
        take(&mut self.label, 1);
        take(&mut self.client, 1);
        take(&mut self.server, 1);
    }

    fn width(&self) -> usize {
        self.before_client() + self.client + 1 + self.wire() + 2 + self.server
    }

    fn before_client(&self) -> usize {
        let number = if self.number > 0 { self.number + 1 } else { 0 };
        self.time + 1 + number
    }

    fn wire(&self) -> usize {
        if self.number > 0 { self.label + ARROW } else { 1 }
    }

    pub fn heading(&self) -> Line {
        let mut line = Line::new(Role::Note, format!("{:>1$} ", "ms", self.time));
        if self.number > 0 {
            line.push(Role::Note, format!("{:>1$} ", "#", self.number));
        }
        line.push(Role::Note, format!("{:<1$} ", cut("client", self.client), self.client));
        line.push(Role::Wire, self.ends('╷'));
        line.push(Role::Note, format!("  {}", cut("server", self.server)));
        line
    }

    pub fn line(&self, row: &Row) -> Line {
        let packet = row.packet.and_then(|index| self.timeline.packet(index));
        let at = match (row.at, row.pause) {
            (Some(at), _) => time(self.start, at),
            (None, true) => "⋮".to_owned(),
            (None, false) => String::new(),
        };
        let mut line = Line::new(Role::Time, format!("{at:>0$} ", self.time));
        if self.number > 0 {
            let number = packet.map_or(String::new(), |packet| packet.number.to_string());
            line.push(Role::Frame, format!("{number:>0$} ", self.number));
        }
        let (role, client) = fitted(row.client.as_ref(), Role::Client, self.client);
        line.push(role, format!("{client:<0$} ", self.client));
        self.push_wire(&mut line, packet);
        line.push(Role::Bracket, format!("{} ", row.mark.map_or(' ', mark)));
        let (role, server) = fitted(row.server.as_ref(), Role::Call, self.server);
        line.push(role, server);
        line
    }

    fn push_wire(&self, line: &mut Line, packet: Option<&Packet>) {
        let Some(packet) = packet else {
            line.push(Role::Wire, self.ends('│'));
            return;
        };
        let label = label(packet, self.detail, self.label);
        let dashes = "─".repeat(self.label - columns(&label) + 1);
        match packet.from {
            Side::Client => {
                line.push(Role::Wire, "├ ");
                line.push(Role::Segment, label);
                line.push(Role::Wire, format!(" {dashes}►│"));
            }
            Side::Server => {
                line.push(Role::Wire, format!("│◄{dashes} "));
                line.push(Role::Segment, label);
                line.push(Role::Wire, " ┤");
            }
        }
    }

    /// The two ends of the wire with nothing on it.
    fn ends(&self, end: char) -> String {
        match self.wire() {
            1 => end.to_string(),
            wire => format!("{end}{}{end}", " ".repeat(wire - 2)),
        }
    }
}

/// A moment in milliseconds, rounded to a tenth.
pub(super) fn time(start: Timestamp, at: Timestamp) -> String {
    format!("{:.1}", at.since(start).as_secs_f64() * 1000.0)
}

/// Columns of a text. All characters that are drawn are one column wide.
fn columns(text: &str) -> usize {
    text.chars().count()
}

fn longest<'c>(cells: impl Iterator<Item = &'c Cell>) -> usize {
    cells.map(|cell| columns(&cell.forms[0])).max().unwrap_or(0)
}

fn shortest<'c>(cells: impl Iterator<Item = &'c Cell>) -> usize {
    cells.filter_map(|cell| cell.forms.last()).map(|form| columns(form)).max().unwrap_or(0)
}

/// The longest form of a cell that fits; the shortest one cut, where none does.
fn fitted(cell: Option<&Cell>, role: Role, width: usize) -> (Role, String) {
    let Some(cell) = cell else { return (role, String::new()) };
    let fits = cell.forms.iter().find(|form| columns(form) <= width);
    let text = match (fits, cell.forms.last()) {
        (Some(form), _) => form.clone(),
        (None, Some(form)) => cut(form, width),
        (None, None) => String::new(),
    };
    (cell.role, text)
}

fn mark(mark: Mark) -> char {
    match mark {
        Mark::Only => '─',
        Mark::First => '┌',
        Mark::Middle => '│',
        Mark::Last => '└',
        Mark::Waits => '┆',
        Mark::Leaves => '╰',
    }
}

/// What a segment holds, in at most `width` columns.
fn label(packet: &Packet, detail: Detail, width: usize) -> String {
    let mut label = header(packet, detail);
    let payload = &packet.segment.payload;
    let len = u64::from(packet.segment.len);
    let room = width.saturating_sub(columns(&label) + 1);
    let shown = (1..=payload.len().min(PAYLOAD_MOST)).rev();
    let mut data = shown.map(|shown| data_text(payload, len, shown));
    if let Some(data) = data.find(|data| columns(data) <= room) {
        label = format!("{label} {data}");
    }
    cut(&label, width)
}

fn header(packet: &Packet, detail: Detail) -> String {
    let flags = packet.segment.flags;
    let len = packet.segment.len;
    let numbered = len > 0 || flags.has(Flags::SYN) || flags.has(Flags::FIN);
    let mut header = if packet.retransmission { "again: ".to_owned() } else { String::new() };
    header += &flags.to_string();
    if detail != Detail::Least || (numbered && len == 0) {
        header += &format!(" seq {}", packet.seq);
    }
    if flags.has(Flags::ACK) && (detail == Detail::Full || !numbered) {
        header += &format!(" ack {}", packet.ack);
    }
    if len > 0 {
        header += &format!(" len {len}");
    }
    if packet.window == 0 && !flags.has(Flags::RST) {
        header += " win 0";
    }
    header
}

/// True if a segment's numbers fit, and enough of its data to recognise it by.
fn fits(packet: &Packet, detail: Detail, width: usize) -> bool {
    let payload = &packet.segment.payload;
    let header = columns(&header(packet, detail));
    if payload.is_empty() {
        return header <= width;
    }
    let len = u64::from(packet.segment.len);
    let shown = payload.len().min(PAYLOAD_LEAST);
    header + 1 + columns(&data_text(payload, len, shown)) <= width
}
