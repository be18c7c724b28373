//! Where the time of an exchange goes.

use std::time::Duration;

use proptest::prelude::*;
use timeline::facts::Certainty;
use timeline::spent::*;
use timeline::{Level, Passage, Side, Timestamp, What};

use crate::arbitrary;
use crate::samples::{self, Script};

fn of(script: &Script) -> Vec<Option<Spent>> {
    let timeline = script.timeline();
    spent(timeline.only())
}

/// The parts in microseconds, in the order of `Awaited::ALL`.
fn parts(spent: Option<Spent>) -> [u128; 6] {
    let spent = spent.expect("it was answered");
    Awaited::ALL.map(|part| spent.part(part).as_micros())
}

#[test]
fn each_moment_belongs_to_what_the_bytes_wait_for() {
    let [first, second] = of(&samples::two_writes())[..] else {
        panic!("two exchanges")
    };
    // Request at 100, read at 150; written at 200 and 250, and each left 10 later.
    assert_eq!(parts(first), [0, 0, 50, 90, 20, 0]);
    // The newline was written at 550, and left at 42,610.
    assert_eq!(parts(second), [0, 0, 50, 90, 42_070, 0]);
    let second = second.expect("it was answered");
    assert_eq!(second.mostly(), Awaited::Kernel);
    assert_eq!((second.first_byte.as_micros(), second.whole.as_micros()), (110, 42_210));
    assert_eq!(second.certainty, Certainty::Seen);
}

#[test]
fn a_request_in_two_segments_is_waited_for() {
    let mut script = Script::new();
    script
        .handshake()
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "he")
        .read(120, "he")
        .frame(500, Side::Client, "PSH,ACK", 3, 1, "llo\n")
        .read(530, "llo\n")
        .write((540, 560), "hello\n")
        .frame(550, Side::Server, "PSH,ACK", 1, 7, "hello\n");
    assert_eq!(parts(of(&script)[0]), [380, 0, 50, 10, 10, 0]);
}

/// The request is on its way for 200, and so is the reply; the reply's first copy is lost.
#[test]
fn on_a_wire_a_lost_segment_is_the_wires_time() {
    let mut script = Script::new();
    script
        .handshake()
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .read(310, "1\n")
        .write((320, 340), "1\n")
        .frame(330, Side::Server, "PSH,ACK", 1, 3, "1\n")
        .frame(900, Side::Server, "PSH,ACK", 1, 3, "1\n");
    let mut lost = 0;
    for record in &mut script.recording.records {
        let at = record.at;
        if let What::Frame {
            passage,
            segment: Some(segment),
            ..
        } = &mut record.what
        {
            let is_first_reply = segment.len > 0 && segment.source().port() == 3000 && lost == 0;
            lost += usize::from(is_first_reply);
            let arrivals = match is_first_reply {
                true => vec![],
                false => vec![Timestamp(at.0 + 200_000)],
            };
            *passage = Some(Box::new(Passage {
                arrivals,
                ..Passage::default()
            }));
        }
    }
    assert_eq!(lost, 1);
    assert_eq!(parts(of(&script)[0]), [0, 200 + 770, 10, 10, 10, 0]);
}

#[test]
fn what_was_not_recorded_is_unknown() {
    let mut script = samples::two_writes();
    script.recording.level = Level::Capture;
    script
        .recording
        .records
        .retain(|record| matches!(record.what, What::Frame { .. }));
    let all = of(&script);
    assert_eq!(parts(all[0]), [0, 0, 0, 0, 0, 160]);
    assert_eq!(
        all[0].map(|spent| (spent.certainty, spent.tracer)),
        Some((Certainty::Unknown, None))
    );
    let mut script = samples::two_writes();
    script.recording.dropped = 1;
    assert_eq!(of(&script)[0].map(|spent| spent.certainty), Some(Certainty::Inferred));
    // Without packets the client's own view is left.
    let mut script = samples::two_writes();
    script.recording.level = Level::NoPackets;
    script
        .recording
        .records
        .retain(|record| !matches!(record.what, What::Frame { .. }));
    assert_eq!(
        of(&script).into_iter().map(parts).collect::<Vec<_>>(),
        [[0, 0, 0, 0, 0, 210], [0, 0, 0, 0, 0, 42_310]]
    );
}

#[test]
fn a_request_without_a_reply_has_no_time() {
    let mut script = Script::new();
    script
        .handshake()
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .read(150, "1\n");
    assert_eq!(of(&script), [None]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_parts_are_the_whole(recording in arbitrary::recording()) {
        let timeline = recording.into_timeline();
        for connection in timeline.connections() {
            let all = spent(connection);
            if timeline.level > Level::NoPackets || timeline.level == Level::Capture {
                prop_assert_eq!(all.len(), connection.exchanges().len());
            }
            for spent in all.into_iter().flatten() {
                let sum: Duration = Awaited::ALL.into_iter().map(|part| spent.part(part)).sum();
                prop_assert_eq!(sum, spent.whole);
                prop_assert!(spent.first_byte <= spent.whole);
            }
        }
        // Nothing in it overflows.
        let overview = timeline::overview::Overview::of(&timeline);
        for line in timeline::format::overview::table(&overview, 80).lines() {
            prop_assert!(timeline::width::columns(line) <= 80, "{}", line);
        }
    }
}
