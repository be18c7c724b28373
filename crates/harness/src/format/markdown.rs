//! Tables for Markdown pages.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use crate::timeline::explain::{Explanation, data_text, explain_all};
use crate::timeline::{Entry, EventKind, Flags, Packet, Side, Timeline};

/// The frames with these numbers: a table of what is on the wire and which call caused it, then
/// a list with a sentence on each. Calls that a capture file has between its packets are rows too.
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
pub fn frames(timeline: &Timeline, numbers: RangeInclusive<usize>) -> String {
    let explanations = explain_all(timeline);
    let nothing = Explanation {
        call: None,
        held: None,
        sentence: String::new(),
    };
    let mut table = vec![HEADINGS.map(str::to_owned)];
    let mut sentences = String::new();
    for (index, event) in timeline.events.iter().enumerate() {
        let packet = match &event.kind {
            EventKind::Packet(packet) => packet,
            EventKind::Entry(entry) if numbers.contains(&entry.number) => {
                table.push(entry_cells(entry));
                continue;
            }
            _ => continue,
        };
        if !numbers.contains(&packet.number) {
            continue;
        }
        let explanation = explanations.get(&index).unwrap_or(&nothing);
        table.push(cells(packet, explanation));
        if !explanation.sentence.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(
                sentences,
                "- **Frame {}**: {}",
                packet.number,
                prose(&explanation.sentence)
            );
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

fn cells(packet: &Packet, explanation: &Explanation) -> [String; COLUMNS] {
    let way = match packet.from {
        Side::Client => "client → server",
        Side::Server => "server → client",
    };
    let has_ack = packet.segment.flags.has(Flags::ACK);
    let data = data_text(&packet.segment.payload, packet.segment.len.into(), SHOWN_BYTES);
    [
        packet.number.to_string(),
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

/// A frame that is no packet.
fn entry_cells(entry: &Entry) -> [String; COLUMNS] {
    let mut cells = [const { String::new() }; COLUMNS];
    cells[0] = entry.number.to_string();
    cells[1] = entry.by.to_string();
    cells[COLUMNS - 1] = code(&entry.text);
    cells
}

/// The calls that caused a packet. They stand on the side that the packet comes from, so the side need
/// not be named again.
fn cause(explanation: &Explanation) -> String {
    let calls = explanation.call.iter().flat_map(|calls| calls.lines());
    let calls: Vec<String> = calls
        .map(|call| code(call.split_once(": ").map_or(call, |(_, call)| call)))
        .collect();
    match explanation.held {
        Some(held) => format!("{}, {} ms earlier", calls.join(", "), held.milliseconds),
        None => calls.join(", "),
    }
}

/// A code span in a table. A `|` has to be escaped even there
/// ([GFM, section 4.10](https://github.github.com/gfm/#tables-extension-)), and backticks inside
/// need a longer fence around.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    if !text.contains('`') {
        return format!("`{text}`");
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    format!("{fence} {text} {fence}")
}

/// A sentence as Markdown. Those made here name calls in code spans; one from a capture file may
/// hold anything, so HTML and a lone backtick are escaped.
fn prose(sentence: &str) -> String {
    let sentence = sentence.replace('&', "&amp;").replace('<', "&lt;");
    if sentence.matches('`').count().is_multiple_of(2) {
        sentence
    } else {
        sentence.replace('`', "\\`")
    }
}

fn draw(table: &[[String; COLUMNS]]) -> String {
    let mut widths = [0; COLUMNS];
    for row in table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width).max(2);
        }
    }
    let mut drawn = String::new();
    for (number, row) in table.iter().enumerate() {
        drawn += &line(row, &widths);
        if number == 0 {
            drawn += &rule(&widths);
        }
    }
    drawn
}

fn line(row: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let mut line = String::from("|");
    for ((cell, &width), right) in row.iter().zip(widths).zip(NUMBERS) {
        let _ = if right {
            write!(line, " {cell:>width$} |")
        } else {
            write!(line, " {cell:<width$} |")
        };
    }
    line + "\n"
}

fn rule(widths: &[usize; COLUMNS]) -> String {
    let mut line = String::from("|");
    for (&width, right) in widths.iter().zip(NUMBERS) {
        let dashes = "-".repeat(width + 1);
        line += &if right {
            format!("{dashes}:|")
        } else {
            format!("{dashes}-|")
        };
    }
    line + "\n"
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::format::samples::{self, Script};

    #[test]
    fn a_stall() {
        let page = frames(&samples::two_writes().timeline(), 10..=14);
        expect![[r#"
            |  # | from → to       | flags   | seq | ack | len | data    | call or state                           |
            |---:|-----------------|---------|----:|----:|----:|---------|-----------------------------------------|
            | 10 | client → server | PSH,ACK |   3 |   3 |   2 | `"2\n"` | `send "2\n"`                            |
            | 11 | server → client | PSH,ACK |   3 |   5 |   1 | `"2"`   | `sendto(9, "2", 1) = 1`                 |
            | 12 | client → server | ACK     |   5 |   4 |   0 |         |                                         |
            | 13 | server → client | PSH,ACK |   4 |   5 |   1 | `"\n"`  | `sendto(9, "\n", 1) = 1`, 42 ms earlier |
            | 14 | client → server | ACK     |   5 |   5 |   0 |         |                                         |

            - **Frame 10**: The client sends its request.
            - **Frame 11**: The first part of the reply. It leaves at once, since nothing before it waits for an ACK. The ACK of the request rides along.
            - **Frame 12**: A delayed ACK: for 42 ms the client's kernel hoped to send it along with data. It lets the held segment go, frame 13.
            - **Frame 13**: Held back: `sendto` returned 42 ms before this packet left. Nagle's algorithm waited for the ACK in frame 12.
            - **Frame 14**: The client's kernel acknowledges the last part of the reply.
        "#]].assert_eq(&page);
    }

    #[test]
    fn a_clean_close() {
        let page = frames(&samples::clean_close().timeline(), 8..=10);
        expect![[r#"
            |  # | from → to       | flags   | seq | ack | len | data | call or state  |
            |---:|-----------------|---------|----:|----:|----:|------|----------------|
            |  8 | client → server | FIN,ACK |   3 |   3 |   0 |      | `close`        |
            |  9 | server → client | FIN,ACK |   3 |   4 |   0 |      | `close(9) = 0` |
            | 10 | client → server | ACK     |   4 |   4 |   0 |      |                |

            - **Frame 8**: The client closes first. FIN says that it will send no more.
            - **Frame 9**: The server closes too. Its FIN ends the other direction. The same segment acknowledges the FIN of the client.
            - **Frame 10**: The client's kernel acknowledges the FIN: both sides have closed. The client, which closed first, waits in TIME_WAIT.
        "#]].assert_eq(&page);
    }

    #[test]
    fn pipes_and_backticks_are_escaped() {
        let mut script = Script::new();
        script
            .handshake()
            .frame(100, Side::Client, "PSH,ACK", 1, 1, "a|b")
            .write((200, 240), "`|``")
            .frame(210, Side::Server, "PSH,ACK", 1, 4, "`|``");
        let page = frames(&script.timeline(), 4..=5);
        expect![[r#"
            |  # | from → to       | flags   | seq | ack | len | data            | call or state                     |
            |---:|-----------------|---------|----:|----:|----:|-----------------|-----------------------------------|
            |  4 | client → server | PSH,ACK |   1 |   1 |   3 | `"a\|b"`        |                                   |
            |  5 | server → client | PSH,ACK |   1 |   4 |   4 | ``` "`\|``" ``` | ``` sendto(9, "`\|``", 4) = 4 ``` |

            - **Frame 4**: The client sends its request.
            - **Frame 5**: The whole reply in one segment. The ACK of the request rides along.
        "#]]
        .assert_eq(&page);
    }

    #[test]
    fn sentences_from_elsewhere_are_not_markup() {
        assert_eq!(prose("a <b> & `c`"), "a &lt;b> &amp; `c`");
        assert_eq!(prose("a ` b"), "a \\` b");
    }

    #[test]
    fn no_frames() {
        let page = frames(&Script::new().timeline(), 1..=9);
        expect![[r#"
            |  # | from → to | flags | seq | ack | len | data | call or state |
            |---:|-----------|-------|----:|----:|----:|------|---------------|
        "#]]
        .assert_eq(&page);
    }
}
