//! What there is to draw of a run.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

use timeline::facts::Reason;
use timeline::format::text::Lanes;
use timeline::scene::*;
use timeline::{EventId, EventKind, FrameNumber, ProcessEventKind, Side, TcpState, Timeline};

use crate::samples::{committed, is_plain};
use crate::{arbitrary, samples};

fn arrow(diagram: &Diagram, frame: usize) -> &Arrow {
    diagram
        .arrows()
        .find(|arrow| arrow.frame == Some(FrameNumber::of(frame)))
        .unwrap()
}

fn call(diagram: &Diagram, event: EventId) -> &Bracket {
    diagram.calls().find(|call| call.event == event).unwrap()
}

#[test]
fn a_held_segment_leaves_after_its_bracket_has_closed() {
    let scene = Scene::of(&samples::two_writes().timeline());
    let [diagram] = &scene.connections[..] else {
        panic!("{scene:?}")
    };
    let wait = diagram.waits.iter().find(|wait| wait.reason == Reason::Nagle).unwrap();
    let write = call(diagram, wait.call.unwrap());
    assert_eq!(write.words, r#"sendto(9, "\n", 1) = 1"#);
    // It caused nothing before it returned.
    assert_eq!(write.arrows, []);
    assert_eq!(Some(wait.since), write.returned);
    let held = arrow(diagram, 21);
    assert_eq!((wait.arrow, wait.until), (held.event, held.left));
    assert_eq!(held.held.map(|held| held.until_frame), Some(FrameNumber(20)));
    assert_eq!(wait.ended_by, Some(arrow(diagram, 20).event));
    // The write before it caused its packet at once.
    let first = arrow(diagram, 18);
    assert_eq!(call(diagram, first.during.unwrap()).arrows, [first.event]);
    // All of the wait is folded.
    let [fold] = diagram.folds[..] else {
        panic!("{diagram:?}")
    };
    assert_eq!(diagram.marks[fold.mark].frame(), Some(FrameNumber(20)));
}

#[test]
fn a_socket_that_is_left_open_has_a_state_without_an_end() {
    let scene = Scene::of(&samples::two_writes().timeline());
    let bands = |side| {
        let bands = scene.connections[0].bands.iter().filter(move |band| band.side == side);
        bands.map(|band| (band.state, band.until.is_some())).collect::<Vec<_>>()
    };
    use TcpState::{CloseWait, Established, FinWait1, FinWait2};
    assert_eq!(bands(Side::Server), [(Established, true), (CloseWait, false)]);
    assert_eq!(
        bands(Side::Client),
        [(Established, true), (FinWait1, true), (FinWait2, false)]
    );
}

#[test]
fn a_state_dates_from_its_packet_and_else_from_when_it_was_seen() {
    let scene = Scene::of(&committed("wire-lost-segment"));
    let diagram = &scene.connections[0];
    let band = |side, state| {
        let of_it = |band: &&Band| (band.side, band.state) == (side, state);
        diagram.bands.iter().find(of_it).unwrap()
    };
    use TcpState::*;
    let dated = [
        (Side::Client, SynSent, arrow(diagram, 2).left),
        (Side::Server, SynReceived, arrow(diagram, 2).came[0]),
        (Side::Client, Established, arrow(diagram, 3).came[0]),
        (Side::Server, Established, arrow(diagram, 5).came[0]),
        (Side::Client, FinWait1, arrow(diagram, 20).left),
        (Side::Server, CloseWait, arrow(diagram, 20).came[0]),
    ];
    for (side, state, at) in dated {
        let band = band(side, state);
        assert_eq!((band.since, band.known), (at, at), "{side} {state}");
    }
    // A segment of the server's was lost before: whether the ACK changed something at once, only the table tells.
    let last = band(Side::Client, FinWait2);
    assert_eq!(last.since, arrow(diagram, 23).came[0]);
    assert!(last.known > last.since);
    assert_eq!(band(Side::Client, FinWait1).until, Some(last.since));
    // Where a packet is not there nothing dates a state: the table was read before, and then.
    let mut script = samples::Script::new();
    script.handshake();
    script.state(900, Side::Server, Some(Established), Some(CloseWait));
    script.recording.dropped = 1;
    let scene = Scene::of(&script.timeline());
    let [open, left] = &scene.connections[0].bands[..] else {
        panic!("{scene:?}")
    };
    assert_eq!((open.since.0, open.known.0), (30_000, 30_000), "the ACK brought it");
    assert_eq!((left.since.0, left.known.0), (45_000, 900_000));
    assert_eq!(open.until, Some(left.since));
}

#[test]
fn one_wait_has_one_number() {
    let mut waits = 0;
    for name in [
        "step1-two-writes",
        "step3-clean-close",
        "step4-long-line",
        "wire-25ms-step1",
        "loss-twice",
    ] {
        for diagram in &Scene::of(&committed(name)).connections {
            for arrow in diagram.arrows() {
                let wait = diagram
                    .waits
                    .iter()
                    .find(|wait| wait.arrow == arrow.event && wait.call.is_some());
                let Some((wait, held)) = wait.zip(arrow.held) else {
                    continue;
                };
                assert_eq!(wait.milliseconds, held.milliseconds, "{name}: {wait:?}");
                let message = format!("{} ms", wait.milliseconds);
                assert!(
                    arrow.sentence.contains(&message),
                    "{name}: {message} in {}",
                    arrow.sentence
                );
                waits += 1;
            }
        }
    }
    assert!(waits > 1);
}

#[test]
fn what_a_wire_does_is_the_arrows_outcome() {
    let scene = Scene::of(&committed("wire-lost-segment"));
    let diagram = &scene.connections[0];
    let lost: Vec<&Arrow> = diagram
        .arrows()
        .filter(|arrow| arrow.outcome == Outcome::Lost)
        .collect();
    let [lost] = lost[..] else { panic!("{diagram:?}") };
    assert_eq!(
        (lost.from, &*lost.data, lost.came.len()),
        (Side::Server, &b"1\n"[..], 0)
    );
    let carried = diagram.arrows().filter(|arrow| arrow.outcome == Outcome::Delivered);
    for arrow in carried {
        let [came] = arrow.came[..] else { panic!("{arrow:?}") };
        assert!(came > arrow.left, "{arrow:?}");
    }
}

#[test]
fn a_part_holds_the_frames_asked_for_and_what_lies_between() {
    let whole = Scene::of(&samples::two_writes().timeline());
    let part = whole.clone().frames(&FrameNumber::range(15..=22));
    let numbers: Vec<FrameNumber> = part.connections[0].marks.iter().filter_map(Mark::frame).collect();
    assert_eq!(numbers, (15..=22).map(FrameNumber).collect::<Vec<_>>());
    let [fold] = part.connections[0].folds[..] else {
        panic!("{part:?}")
    };
    assert_eq!(part.connections[0].marks[fold.mark].frame(), Some(FrameNumber(20)));
    // The fold before the first mark of a part is none of it.
    assert_eq!(whole.frames(&FrameNumber::range(20..=22)).connections[0].folds, []);
}

/// The events of a timeline that are marks, each of them once.
fn events_of(timeline: &Timeline) -> BTreeSet<EventId> {
    let alone = timeline.connections().len() == 1;
    let is_mark = |(id, event): (EventId, &timeline::Event)| {
        let drawn = match &event.kind {
            EventKind::State(_) => false,
            // The server's own connections are told by a process too.
            EventKind::Process(process) => {
                alone || (event.connection.is_some() && !matches!(process.kind, ProcessEventKind::Wrote { .. }))
            }
            _ => event.connection.is_some() || alone,
        };
        drawn.then_some(id)
    };
    timeline.iter().filter_map(is_mark).collect()
}

fn check(timeline: &Timeline) -> Result<(), TestCaseError> {
    let part = Extent {
        output: timeline.connections().len() == 1,
        ..Extent::default()
    };
    let scene = Scene::part_of(timeline, part);
    let lanes = Lanes::default();
    let without = Extent {
        sentences: false,
        ..lanes.part()
    };
    let bare = Scene::part_of(timeline, without);
    let mut arrows = bare.connections.iter().flat_map(Diagram::arrows);
    prop_assert!(arrows.all(|arrow| arrow.sentence.is_empty() && arrow.calls.is_empty()));
    // Lanes show no sentence, so they are the same without them.
    prop_assert_eq!(
        lanes.lines_of(&bare),
        lanes.lines_of(&Scene::part_of(timeline, lanes.part()))
    );
    let mut seen = BTreeSet::new();
    for diagram in &scene.connections {
        let places = diagram.marks.iter().map(Mark::event);
        prop_assert!(places.is_sorted());
        for mark in &diagram.marks {
            if !matches!(mark, Mark::State(_)) {
                prop_assert!(seen.insert(mark.event()), "{mark:?} twice");
            }
        }
        let arrows: BTreeSet<EventId> = diagram.arrows().map(|arrow| arrow.event).collect();
        for call in diagram.calls() {
            prop_assert!(call.arrows.iter().all(|arrow| arrows.contains(arrow)), "{call:?}");
        }
        for wait in &diagram.waits {
            prop_assert!(arrows.contains(&wait.arrow) && wait.since <= wait.until, "{wait:?}");
        }
        for fold in &diagram.folds {
            prop_assert!(fold.mark > 0 && fold.mark < diagram.marks.len(), "{fold:?}");
        }
    }
    prop_assert_eq!(seen, events_of(timeline));
    // All that a reader sees of it can only be read.
    let value = serde_json::to_value(&scene).unwrap();
    all_plain(&value)?;
    // A part of it holds together too.
    for frames in [0..=3, 2..=5, 7..=usize::MAX] {
        let part = scene.clone().frames(&FrameNumber::range(frames));
        for diagram in &part.connections {
            prop_assert!(
                diagram
                    .folds
                    .iter()
                    .all(|fold| fold.mark > 0 && fold.mark < diagram.marks.len())
            );
        }
    }
    Ok(())
}

fn all_plain(value: &Value) -> Result<(), TestCaseError> {
    match value {
        Value::String(text) => prop_assert!(text.chars().all(is_plain), "{text:?}"),
        Value::Array(values) => values.iter().try_for_each(all_plain)?,
        Value::Object(values) => values.values().try_for_each(all_plain)?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_is_one_mark(recording in arbitrary::recording()) {
        check(&recording.into_timeline())?;
    }
}
