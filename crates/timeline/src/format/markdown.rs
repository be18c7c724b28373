//! Tables for Markdown pages.

use std::ops::RangeInclusive;

use crate::events::{EventKind, Flags, Packet, Side, printable};
use crate::events::{Explanation, FrameNumber};
use crate::timeline::Timeline;
use crate::width::{columns, padded};
use crate::words::{call_words, client_words, process_words, state_words};
use crate::words::{data_text, explain_all};

/// The frames with these numbers: a table of what is on the wire and which call caused it, then
/// a list with a sentence on each packet. The calls and states between the packets are rows too.
///
/// Columns are padded, so that the page reads well as plain text too. Nothing depends on times,
/// except for what a sentence says of a wait.
///
/// ```text
/// | # | from → to       | flags | seq | ack | len | data | call or state     |
/// |--:|-----------------|-------|----:|----:|----:|------|-------------------|
/// | 1 | client → server | SYN   |   0 |     |   0 |      | `client: connect` |
///
/// - **Frame 1**: The client asks for a connection and names its first sequence number.
/// ```
pub fn frames(timeline: &Timeline, numbers: RangeInclusive<FrameNumber>) -> String {
    let explanations = explain_all(timeline);
    let nothing = Explanation {
        calls: Vec::new(),
        held: None,
        sentence: String::new(),
    };
    let mut table = vec![HEADINGS.map(str::to_owned)];
    let mut sentences = String::new();
    for (id, event) in timeline.iter() {
        let number = timeline.frame(id).filter(|number| numbers.contains(number));
        let other = match (&event.kind, number) {
            (EventKind::Packet(packet), Some(number)) => {
                let explanation = explanations.get(&id).unwrap_or(&nothing);
                table.push(cells(number, packet, explanation));
                if !explanation.sentence.is_empty() {
                    sentences += &format!("- **Frame {number}**: {}\n", prose(packet, &explanation.sentence));
                }
                None
            }
            (EventKind::Call(call), Some(number)) => told(number, Side::Server, call_words(call)),
            (EventKind::Client(action), Some(number)) => told(number, Side::Client, client_words(action)),
            (EventKind::Process(event), Some(number)) => told(number, Side::Server, process_words(event)),
            _ => None,
        };
        table.extend(other);
        for state in timeline.states_after(id) {
            if let Some(number) = state.frame.filter(|number| numbers.contains(number)) {
                table.extend(told(number, state.change.side, state_words(&state.change)));
            }
        }
    }
    let mut markdown = draw(&table);
    if !sentences.is_empty() {
        markdown.push('\n');
        markdown += &sentences;
    }
    markdown
}

const COLUMNS: usize = 8;
const HEADINGS: [&str; COLUMNS] = ["#", "from → to", "flags", "seq", "ack", "len", "data", "call or state"];
/// The columns that hold numbers.
const NUMBERS: [bool; COLUMNS] = [true, false, false, true, true, true, false, false];
/// How many bytes of a payload are shown.
const SHOWN_BYTES: usize = 24;

fn cells(number: FrameNumber, packet: &Packet, explanation: &Explanation) -> [String; COLUMNS] {
    let way = match packet.from {
        Side::Client => "client → server",
        Side::Server => "server → client",
    };
    let has_ack = packet.segment.flags.has(Flags::ACK);
    let data = data_text(&packet.segment.payload, packet.segment.len.into(), SHOWN_BYTES);
    [
        number.to_string(),
        way.to_owned(),
        packet.segment.flags.to_string(),
        packet.seq.to_string(),
        if has_ack { packet.ack.to_string() } else { String::new() },
        packet.segment.len.to_string(),
        if packet.segment.len > 0 {
            code(&data)
        } else {
            String::new()
        },
        cause(explanation),
    ]
}

/// A frame that is no packet: who did it, and its words.
fn told(number: FrameNumber, by: Side, words: Option<String>) -> Option<[String; COLUMNS]> {
    let mut cells = [const { String::new() }; COLUMNS];
    cells[0] = number.to_string();
    cells[1] = by.to_string();
    cells[COLUMNS - 1] = code(&words?);
    Some(cells)
}

/// The calls that caused a packet. They stand on the side that the packet comes from, so the side need
/// not be named again.
fn cause(explanation: &Explanation) -> String {
    let calls: Vec<String> = explanation.calls.iter().map(|call| code(&call.words)).collect();
    match explanation.held {
        Some(held) => format!("{}, {} ms earlier", calls.join(", "), held.milliseconds),
        None => calls.join(", "),
    }
}

/// A code span in a table. A `|` has to be escaped even there
/// ([GFM, section 4.10](https://github.github.com/gfm/#tables-extension-)), which a backslash before it
/// would undo.
fn code(text: &str) -> String {
    let text = printable(text).replace("\\|", "\\\\x7c").replace('|', "\\|");
    span(&text)
}

/// A code span. Nothing in it is markup; backticks inside need a longer fence around.
fn span(text: &str) -> String {
    if !text.contains('`') {
        // Markdown strips a space at either end of a code span, unless the span is all spaces.
        return format!("`{text}`");
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    format!("{fence} {text} {fence}")
}

/// What is said of a packet, as Markdown. Those sentences that are made here name calls in code spans
/// and have no other markup. Somebody else's comment may hold anything, so all of it is a code span.
fn prose(packet: &Packet, sentence: &str) -> String {
    let sentence = printable(sentence);
    if packet.comment.is_some() {
        return span(&sentence);
    }
    let mut prose = String::new();
    for (place, piece) in sentence.split('`').enumerate() {
        let is_code = place % 2 == 1;
        if is_code {
            prose += &span(piece);
            continue;
        }
        for c in piece.chars() {
            if "\\<>&[]*|~#".contains(c) {
                prose.push('\\');
            }
            prose.push(c);
        }
    }
    prose
}

fn draw(table: &[[String; COLUMNS]]) -> String {
    let mut widths = [0; COLUMNS];
    for row in table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = columns(cell).max(*width).max(2);
        }
    }
    let row = |cell: &dyn Fn(usize) -> String| {
        let cells = (0..COLUMNS).map(|at| cell(at) + "|");
        format!("|{}\n", cells.collect::<String>())
    };
    let rule = row(&|at| "-".repeat(widths[at] + 1) + if NUMBERS[at] { ":" } else { "-" });
    let lines = table.iter().map(|cells| {
        row(&|at| match (&cells[at], widths[at]) {
            (cell, width) if NUMBERS[at] => format!(" {cell:>width$} "),
            (cell, width) => format!(" {} ", padded(cell, width)),
        })
    });
    let mut drawn: Vec<String> = lines.collect();
    drawn.insert(1, rule);
    drawn.concat()
}
