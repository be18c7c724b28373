//! Tests of `src/testing/snapshot.rs`.

use super::*;

#[test]
fn dates_of_all_kinds_are_found() {
    let dates = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Mon, 1 Jan 2024 00:00:00 +0100",
        "2026-11-29T12:00:00Z",
        "2026-11-29 12:00:00.123456+01:00",
    ];
    for date in dates {
        assert_eq!(
            DATES.replace_all(&format!("Date: {date}\\r\\n"), "DATE"),
            "Date: DATE\\r\\n"
        );
    }
    for other in ["1.2.3", "08:49:37", "2026-11-29"] {
        assert_eq!(DATES.replace_all(other, "DATE"), other);
    }
}

/// Python's web server dates its reply, and names no port; its client names one.
#[test]
fn a_capture_of_http_has_neither_dates_nor_ports() {
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures/http-python.pcapng");
    let recording = timeline::format::pcapng::read(std::fs::File::open(capture).unwrap()).unwrap();
    let timeline = recording.into_timeline();
    let text = snapshot(&timeline);
    assert!(text.starts_with("connection 1\n  C>S SYN seq 0\n"), "{text}");
    assert!(text.contains("Date: DATE\\r\\n"), "{text}");
    for end in timeline.endpoints.iter().flat_map(|ends| [ends.client, ends.server]) {
        assert!(!text.contains(&format!(":{}", end.port())), "{text}");
    }
}
