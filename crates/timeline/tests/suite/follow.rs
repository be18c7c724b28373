//! What both sides sent, as text.

use timeline::format::follow;
use timeline::*;

use crate::samples::{Script, committed};

fn bytes(timeline: &Timeline) -> Vec<String> {
    let mut out = Vec::new();
    follow::write(timeline.only(), 40, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

/// Captured, so that packets alone are frames.
fn open(script: &mut Script) -> &mut Script {
    script.recording.level = Level::Capture;
    script
        .frame(0, Side::Client, "SYN", 0, 0, "")
        .frame(50, Side::Server, "SYN,ACK", 0, 1, "")
        .frame(100, Side::Client, "ACK", 1, 1, "")
}

#[test]
fn a_row_is_a_line_and_names_its_first_frame() {
    let rows = bytes(&committed("step1-two-writes"));
    let first = rows.first().unwrap();
    assert!(first.ends_with(r#" client "1\n""#), "{rows:#?}");
    assert!(rows[1].ends_with(r#" server "1\n""#), "{rows:#?}");
    // The same frames as in the lanes.
    let frame: usize = rows[1].trim_start().split(' ').next().unwrap().parse().unwrap();
    let timeline = committed("step1-two-writes");
    let packet = timeline
        .only()
        .packets()
        .find(|(_, packet)| packet.number == frame)
        .unwrap()
        .1;
    assert_eq!((packet.from, &packet.segment.payload[..1]), (Side::Server, &b"1"[..]));
}

#[test]
fn what_comes_again_or_early_is_told_once_and_in_its_place() {
    let mut script = Script::new();
    open(&mut script)
        .frame(200, Side::Client, "PSH,ACK", 4, 1, "def\n")
        .frame(300, Side::Server, "ACK", 1, 1, "")
        .frame(400, Side::Client, "PSH,ACK", 1, 1, "abc")
        .frame(500, Side::Server, "PSH,ACK", 1, 8, "ok\n")
        .frame(600, Side::Client, "PSH,ACK", 1, 1, "abcdef\ng")
        .frame(700, Side::Client, "FIN,ACK", 9, 4, "");
    assert_eq!(
        bytes(&script.timeline()),
        [
            "    6 client \"abcdef\\n\"",
            "    7 server \"ok\\n\"",
            "    8 client \"g\""
        ]
    );
}

#[test]
fn what_was_not_captured_is_counted() {
    let mut script = Script::new();
    open(&mut script)
        .frame(200, Side::Client, "PSH,ACK", 1, 1, "a")
        .frame(300, Side::Client, "PSH,ACK", 7, 1, "b\n")
        // The server has all of it, and more.
        .frame(400, Side::Server, "PSH,ACK", 1, 12, "ok\n")
        .frame(500, Side::Client, "PSH,ACK", 12, 4, "\u{1}")
        .frame(600, Side::Client, "FIN,ACK", 13, 4, "")
        // What acknowledges the FIN has one number more than there are bytes.
        .frame(700, Side::Server, "FIN,ACK", 4, 14, "");
    assert_eq!(
        bytes(&script.timeline()),
        [
            "    4 client \"a\"",
            "      client [5 bytes are not in the capture]",
            "    5 client \"b\\n\"",
            "      client [3 bytes are not in the capture]",
            "    6 server \"ok\\n\"",
            "    7 client \"\\x01\"",
        ]
    );
}

/// An ACK of one number more than was seen may be of a FIN that was not: no byte is claimed.
#[test]
fn a_fin_that_was_not_captured_is_no_byte() {
    let mut script = Script::new();
    open(&mut script)
        .frame(200, Side::Client, "PSH,ACK", 1, 1, "a\n")
        .frame(300, Side::Server, "ACK", 1, 4, "");
    assert_eq!(bytes(&script.timeline()), ["    4 client \"a\\n\""]);
}

#[test]
fn what_never_came_whole_stands_at_the_end() {
    let mut script = Script::new();
    open(&mut script).frame(200, Side::Client, "PSH,ACK", 3, 1, "late");
    assert_eq!(
        bytes(&script.timeline()),
        ["      client [2 bytes are not in the capture]", "    4 client \"late\""]
    );
}

#[test]
fn a_long_row_goes_on_below() {
    let mut script = Script::new();
    open(&mut script).frame(200, Side::Client, "PSH,ACK", 1, 1, &"x".repeat(60));
    let rows = bytes(&script.timeline());
    assert_eq!(rows.len(), 3, "{rows:#?}");
    assert!(rows.iter().all(|row| row.len() <= 40), "{rows:#?}");
    assert_eq!(rows.concat().matches('x').count(), 60);
}
