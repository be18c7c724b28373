//! Tests of `src/observe/output.rs`, which see what is private there.

use super::*;

fn lines(parts: &[&[u8]]) -> Vec<String> {
    let (mut lines, mut told) = (Lines::default(), Vec::new());
    for part in parts {
        lines.see(part, |line| told.push(line));
    }
    lines.last(|line| told.push(line));
    told
}

#[test]
fn bytes_become_lines_wherever_they_are_parted() {
    let expected = ["one", "", "two \u{fffd}", "three"];
    assert_eq!(lines(&[b"one\n\ntwo \xff\r\nthree"]), expected);
    assert_eq!(
        lines(&[b"on", b"e", b"\n", b"\n", b"two \xff\r", b"\nth", b"ree"]),
        expected
    );
    assert_eq!(lines(&[b"one\n"]), ["one"]);
}

#[test]
fn of_a_long_line_the_beginning_is_kept() {
    let part = [b'x'; 1000];
    let mut parts = vec![&part[..]; 1000];
    parts.extend([&b"\nnext"[..], b"\n"]);
    let lines = lines(&parts);
    assert_eq!(lines, ["x".repeat(LINE_KEPT) + GOES_ON, "next".to_owned()]);
}

#[test]
fn a_line_that_just_fits_is_whole() {
    let line = "x".repeat(LINE_KEPT);
    assert_eq!(lines(&[line.as_bytes(), b"\n"]), [line]);
}

#[test]
fn of_all_that_is_written_the_end_is_kept_and_a_bounded_number_of_lines() {
    let kept = Kept::default();
    let part = [b'x'; 100_000];
    for _ in 0..100 {
        kept.wrote(&part);
    }
    kept.wrote(b"the end");
    let end = kept.end().0;
    assert!(end.len() == END_KEPT && end.ends_with("xthe end"), "{}", end.len());
    let places: Vec<Room> = (0..LINES_KEPT + 2).map(|_| kept.room_for("a line")).collect();
    assert!(places[..LINES_KEPT].iter().all(|place| *place == Room::OnTimeline));
    assert_eq!(places[LINES_KEPT..], [Room::FirstLeftOut, Room::LeftOut]);
    let kept = Kept::default();
    let long = "x".repeat(LINE_KEPT);
    let room = TEXT_KEPT / LINE_KEPT;
    let places: Vec<Room> = (0..=room).map(|_| kept.room_for(&long)).collect();
    assert!(places[..room].iter().all(|place| *place == Room::OnTimeline));
    assert_eq!(places[room], Room::FirstLeftOut);
    // Once a line was left out, a shorter one is too: what is kept is the beginning of the output, without a hole.
    assert_eq!(kept.room_for("short"), Room::LeftOut);
}
