//! What is written on an arrow where there is less room than its words take.

use crate::events::Flags;
use crate::scene::Arrow;
use crate::width::{columns, cut};
use crate::words::data_text;

/// How much of a segment is written on its arrow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// `PSH,ACK seq 1 ack 1 len 2 "1\n"`
    Full,
    /// `PSH,ACK seq 1 len 2 "1\n"`
    WithoutAck,
    /// `PSH,ACK len 2 "1\n"`
    Least,
}

/// How many bytes of a payload are written on an arrow at most.
const PAYLOAD_MOST: usize = 32;
/// What a segment holds, in at most `width` columns.
pub(crate) fn label(arrow: &Arrow, detail: Detail, width: usize) -> String {
    let mut label = header(arrow, detail);
    let room = width.saturating_sub(columns(&label) + 1);
    // A byte takes a column at least, and the quotes take two.
    let most = arrow.data.len().min(PAYLOAD_MOST).min(room.saturating_sub(2));
    let shown = (1..=most).rev();
    let mut data = shown.map(|shown| data_text(&arrow.data, arrow.len.into(), shown));
    if let Some(data) = data.find(|data| columns(data) <= room) {
        label = format!("{label} {data}");
    }
    cut(&label, width)
}

pub(crate) fn header(arrow: &Arrow, detail: Detail) -> String {
    let (flags, len) = (arrow.flags, arrow.len);
    let numbered = len > 0 || flags.has(Flags::SYN) || flags.has(Flags::FIN);
    let mut header = flags.to_string();
    if detail != Detail::Least || (numbered && len == 0) {
        header += &format!(" seq {}", arrow.seq);
    }
    if let Some(ack) = arrow.ack.filter(|_| detail == Detail::Full || !numbered) {
        header += &format!(" ack {ack}");
    }
    if len > 0 {
        header += &format!(" len {len}");
    }
    if arrow.window == 0 && !flags.has(Flags::RST) {
        header += " win 0";
    }
    header
}
