//! What a picture shows.

use std::collections::BTreeSet;

use proptest::prelude::*;
use roxmltree::{Document, Node};

use timeline::format::svg::*;
use timeline::scene::{Extent, Mark, Moment, Outcome, Scene};
use timeline::{EventId, FrameNumber, Timeline};

use crate::arbitrary;
use crate::samples::committed;

/// The groups of a picture that have this among their classes.
fn groups<'a>(document: &'a Document<'_>, class: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    let has = move |node: &Node<'_, '_>| {
        let classes = node.attribute("class").unwrap_or_default();
        node.has_tag_name("g") && classes.split(' ').any(|other| other == class)
    };
    document.descendants().filter(move |node| has(node))
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

/// From where to where the line of an arrow runs down.
fn way(group: Node<'_, '_>) -> (f64, f64) {
    let line = group
        .children()
        .find(|node| node.attribute("class") == Some("way"))
        .unwrap();
    (number(line, "y1"), number(line, "y2"))
}

fn of_frame<'a>(document: &'a Document<'_>, frame: &str) -> Node<'a, 'a> {
    groups(document, "arrow")
        .find(|group| group.attribute("data-frame") == Some(frame))
        .unwrap()
}

#[test]
fn each_packet_is_one_arrow_in_its_order() {
    for name in [
        "step1-two-writes",
        "step3-clean-close",
        "wire-lost-segment",
        "wire-cable-pulled",
    ] {
        let scene = Scene::of(&committed(name));
        let drawn = Picture::default().draw(&scene);
        let document = Document::parse(&drawn).unwrap();
        let frames: Vec<FrameNumber> = groups(&document, "arrow")
            .map(|group| group.attribute("data-frame").unwrap().parse().map(FrameNumber).unwrap())
            .collect();
        let arrows: Vec<FrameNumber> = scene.connections[0].arrows().filter_map(|arrow| arrow.frame).collect();
        assert_eq!(frames, arrows, "{name}");
        let places: Vec<f64> = groups(&document, "arrow").map(|group| way(group).0).collect();
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{name}: {places:?}");
    }
}

#[test]
fn an_arrow_slants_where_a_wire_lies_between_and_ends_in_a_cross_where_it_was_lost() {
    let drawn = Picture::default().draw(&Scene::of(&committed("wire-lost-segment")));
    let document = Document::parse(&drawn).unwrap();
    let mut lost = Vec::new();
    for group in groups(&document, "arrow") {
        let (from, to) = way(group);
        assert!(to > from, "{group:?}");
        let crossed = group.children().any(|node| node.attribute("class") == Some("cross"));
        let headed = group.children().any(|node| node.attribute("class") == Some("head"));
        assert_ne!(crossed, headed, "{group:?}");
        assert_eq!(crossed, group.attribute("data-outcome") == Some("lost"));
        lost.extend(group.attribute("data-frame").filter(|_| crossed));
    }
    assert_eq!(lost, ["12"]);
    // On one host both ends are the same moment.
    let drawn = Picture::default().draw(&Scene::of(&committed("step1-two-writes")));
    let document = Document::parse(&drawn).unwrap();
    assert!(groups(&document, "arrow").map(way).all(|(from, to)| from == to));
}

/// Where a call's bracket ends.
fn closes(document: &Document<'_>, event: EventId) -> f64 {
    let bracket = groups(document, "bracket").find(|group| group.attribute("data-event") == Some(&event.to_string()));
    let path = bracket
        .unwrap()
        .children()
        .find(|node| node.has_tag_name("path"))
        .unwrap();
    let path = path.attribute("d").unwrap();
    path[path.find('V').unwrap() + 1..path.rfind('H').unwrap()]
        .parse()
        .unwrap()
}

#[test]
fn a_bracket_holds_what_its_call_caused_and_not_what_was_held_back() {
    let scene = Scene::of(&committed("step1-two-writes"));
    let diagram = &scene.connections[0];
    let drawn = Picture::default().draw(&scene);
    let document = Document::parse(&drawn).unwrap();
    // The write of frame 10 caused its segment and the ACK of it.
    let place = |frame: &str| way(of_frame(&document, frame)).0;
    let event = |frame: usize| {
        diagram
            .marks
            .iter()
            .find(|mark| mark.frame() == Some(FrameNumber::of(frame)))
            .unwrap()
            .event()
    };
    assert!(closes(&document, event(10)) > place("12"));
    assert!(closes(&document, event(10)) < place("14"));
    // That of frame 20 had returned when its segment left, in frame 22.
    assert!(closes(&document, event(20)) < place("21"));
    let wait = groups(&document, "waiting").find(|group| group.attribute("data-event") == Some(&event(22).to_string()));
    let line = wait
        .unwrap()
        .children()
        .find(|node| node.attribute("class") == Some("wait"))
        .unwrap();
    assert!(number(line, "y1") > closes(&document, event(20)));
    assert_eq!(number(line, "y2"), place("22"));
}

#[test]
fn what_is_left_open_is_open_at_the_bottom() {
    let bottom = |name: &str| {
        let drawn = Picture::default().draw(&Scene::of(&committed(name)));
        let document = Document::parse(&drawn).unwrap();
        let bars = document
            .descendants()
            .filter(|node| node.attribute("class") == Some("band close-wait"));
        // Another stands in the legend.
        let bars = bars.filter(|bar| bar.parent().unwrap().attribute("class") == Some("state server"));
        let ends: Vec<f64> = bars.map(|bar| number(bar, "y") + number(bar, "height")).collect();
        let lives = document
            .descendants()
            .filter(|node| node.attribute("class") == Some("life"));
        let life = lives.map(|line| number(line, "y2")).fold(0.0, f64::max);
        (
            ends.into_iter().fold(0.0, f64::max) > life,
            drawn.contains(">still CLOSE_WAIT<"),
        )
    };
    assert_eq!(bottom("step1-two-writes"), (true, true));
    assert_eq!(bottom("step3-clean-close"), (false, false));
}

#[test]
fn findings_are_told_and_show_where_their_evidence_is() {
    let scene = Scene::of(&committed("step1-two-writes"));
    let told = |scene: &Scene| Picture::default().draw(scene).matches("class=\"words sign\"").count();
    // Four writes, the held one, the ACK that let it go, its segment and the read of the end; and a list of three.
    assert_eq!(told(&scene), 10);
    // A part has those that show in it.
    let part = scene.frames(&FrameNumber::range(2..=4));
    assert_eq!(told(&part), 0);
}

/// What a reader has to know of an element: colour, width, dashes or lines, by the classes that give them.
fn signs(node: Node<'_, '_>) -> Vec<String> {
    let class = node.attribute("class").unwrap_or_default();
    let of_parent = |name: &str| {
        let classes = node
            .parent()
            .and_then(|parent| parent.attribute("class"))
            .unwrap_or_default();
        classes.split(' ').any(|class| class == name)
    };
    match class {
        "way" => {
            let of_arrow = ["client", "server", "data", "again"].into_iter();
            of_arrow
                .filter(|name| of_parent(name))
                .map(|name| format!("arrow: {name}"))
                .collect()
        }
        "cross" | "call" | "dot" | "wait" | "held" | "cut" => vec![class.to_owned()],
        _ if class.starts_with("band ") => {
            let hatch = node
                .next_sibling_element()
                .filter(|next| next.attribute("class") == Some("hatch"));
            // Of each set of lines the slope: a piece may be too short for its lines.
            let lines = hatch.map_or("", |hatch| hatch.attribute("d").unwrap());
            let mut slopes: Vec<String> = lines.split('M').skip(1).map(slope).collect();
            slopes.dedup();
            slopes.sort();
            slopes.dedup();
            vec![class.to_owned(), format!("{class} {}", slopes.join(","))]
        }
        _ => vec![],
    }
}

/// How much a line of a hatching rises.
fn slope(line: &str) -> String {
    let (from, to) = line.split_once('L').unwrap();
    let y = |point: &str| point.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap();
    format!("{:.0}", y(from) - y(to))
}

#[test]
fn a_legend_has_an_entry_for_each_sign() {
    let step = |step: &str| (step.to_owned(), Scene::of(&committed(&format!("wire-25ms-{step}"))));
    let scenes = ["step1", "step2", "step3"].map(step);
    let beside = ("side by side", side_by_side("three steps", &scenes, Theme::Auto));
    let names = [
        "step1-two-writes",
        "step3-clean-close",
        "step7-slow-reader",
        "step8-dead-peer",
        "step9-restart",
        "wire-lost-segment",
        "wire-cable-pulled",
        "write-says-ok",
        "loss-twice",
    ];
    let drawn = names.map(|name| (name, Picture::default().draw(&Scene::of(&committed(name)))));
    for (name, drawn) in drawn.into_iter().chain([beside]) {
        let document = Document::parse(&drawn).unwrap();
        let in_legend = |node: &Node<'_, '_>| node.ancestors().any(|node| node.attribute("class") == Some("legend"));
        let (told, used): (Vec<Node<'_, '_>>, Vec<Node<'_, '_>>) = document.descendants().partition(in_legend);
        let told: BTreeSet<String> = told.into_iter().flat_map(signs).collect();
        // A bar that is shorter than its lines are apart shows its colour alone.
        let used: BTreeSet<String> = used
            .into_iter()
            .flat_map(signs)
            .filter(|sign| !sign.ends_with(' '))
            .collect();
        let missing: Vec<&String> = used.difference(&told).collect();
        assert!(
            missing.is_empty() && used.len() > 5,
            "{name}: {missing:?} not in {told:?}"
        );
        // Each state is told apart from all others.
        let bars = told
            .iter()
            .filter(|sign| sign.starts_with("band ") && sign.split(' ').count() == 3);
        let states = groups(&document, "state").map(|group| {
            let title = group.children().find(|node| node.has_tag_name("title")).unwrap();
            title
                .text()
                .unwrap()
                .split([' ', ','])
                .find(|word| word.len() > 5 && *word == word.to_uppercase())
                .unwrap()
        });
        let states: BTreeSet<&str> = states.collect();
        let unsure = usize::from(drawn.contains("changed meanwhile"));
        assert_eq!(bars.count(), states.len() + unsure, "{name}: {states:?}, {told:?}");
    }
}

#[test]
fn equal_times_have_equal_lengths_or_the_picture_says_that_they_have_not() {
    for name in ["step1-two-writes", "wire-lost-segment", "wire-25ms-step1", "loss-twice"] {
        let drawn = Picture::default().draw(&Scene::of(&committed(name)));
        assert!(drawn.contains(">Times are not to scale"), "{name}");
    }
    let step = |step: &str| (step.to_owned(), Scene::of(&committed(&format!("wire-25ms-{step}"))));
    let scenes = ["step1", "step2", "step3"].map(step);
    let drawn = side_by_side("three steps", &scenes, Theme::Auto);
    assert!(drawn.contains(">Times are to scale."));
    let document = Document::parse(&drawn).unwrap();
    for (panel, (name, scene)) in groups(&document, "diagram").zip(&scenes) {
        let drawn: Vec<(f64, f64)> = panel
            .children()
            .filter(|node| node.attribute("class").is_some_and(|class| class.starts_with("arrow")))
            .map(way)
            .collect();
        let first = scene.connections[0].arrows().next().unwrap();
        let unit = (drawn[0].1 - drawn[0].0) / (first.came[0].0 - first.left.0) as f64;
        for (arrow, (from, to)) in scene.connections[0].arrows().zip(&drawn) {
            let since = |moment: Moment| drawn[0].0 + (moment.0 - first.left.0) as f64 * unit;
            assert!((since(arrow.left) - from).abs() < 1.0, "{name}: {arrow:?} from {from}");
            assert!((since(arrow.came[0]) - to).abs() < 1.0, "{name}: {arrow:?} to {to}");
        }
    }
}

#[test]
fn what_is_not_known_of_a_state_is_hatched() {
    let unsure = |name: &str| {
        Picture::default()
            .draw(&Scene::of(&committed(name)))
            .contains("band unsure")
    };
    assert!(unsure("wire-lost-segment"));
    assert!(!unsure("step1-two-writes"));
}

#[test]
fn a_theme_is_the_readers_unless_one_is_asked_for() {
    let scene = Scene::of(&committed("step2-one-write"));
    let themed = |theme| {
        Picture {
            theme,
            ..Picture::default()
        }
        .draw(&scene)
        .contains("prefers-color-scheme")
    };
    assert!(themed(Theme::Auto));
    assert!(!themed(Theme::Dark) && !themed(Theme::Light) && !themed(Theme::Mono));
}

#[test]
fn rows_that_are_too_many_are_said() {
    let scene = Scene::of(&committed("step1-two-writes"));
    let picture = Picture {
        rows: 10,
        ..Picture::default()
    };
    let drawn = picture.draw(&scene);
    assert!(drawn.contains("rows are left out here"), "{drawn}");
    let document = Document::parse(&drawn).unwrap();
    assert!(groups(&document, "arrow").count() < 10);
}

#[test]
fn diagrams_beside_each_other_have_one_scale() {
    let scenes: Vec<(String, Scene)> = ["step1", "step2", "step3"]
        .map(|step| (step.to_owned(), Scene::of(&committed(&format!("wire-25ms-{step}")))))
        .to_vec();
    let drawn = side_by_side("three steps", &scenes, Theme::Auto);
    let document = Document::parse(&drawn).unwrap();
    let panels: Vec<Node<'_, '_>> = groups(&document, "diagram").collect();
    assert_eq!(panels.len(), 3);
    // The first arrow of each is the SYN, which takes the same 25 ms.
    let first = |panel: &Node<'_, '_>| {
        let arrow = panel
            .children()
            .find(|node| node.attribute("class").is_some_and(|class| class.starts_with("arrow")));
        way(arrow.unwrap())
    };
    let ways: Vec<(f64, f64)> = panels.iter().map(first).collect();
    assert!(
        ways.iter()
            .all(|way| way.0 == ways[0].0 && (way.1 - ways[0].1).abs() < 2.0),
        "{ways:?}"
    );
}

fn check(timeline: &Timeline) -> Result<(), TestCaseError> {
    let scene = Scene::part_of(
        timeline,
        Extent {
            output: true,
            ..Extent::default()
        },
    );
    let drawn = Picture::default().draw(&scene);
    let document = Document::parse(&drawn).unwrap();
    let diagrams: Vec<Node<'_, '_>> = groups(&document, "diagram").collect();
    prop_assert_eq!(diagrams.len(), scene.connections.len());
    for (drawn, diagram) in diagrams.iter().zip(&scene.connections) {
        let events = |class: &str| {
            let of_class = drawn.children().filter(|node| {
                node.attribute("class")
                    .is_some_and(|classes| classes.split(' ').next() == Some(class))
            });
            let events = of_class.map(|node| node.attribute("data-event").unwrap().parse().map(EventId).unwrap());
            events.collect::<Vec<EventId>>()
        };
        let arrows: Vec<EventId> = diagram.arrows().map(|arrow| arrow.event).collect();
        prop_assert_eq!(events("arrow"), arrows);
        let calls = diagram.calls().filter(|call| !call.quiet).map(|call| call.event);
        prop_assert_eq!(events("bracket"), calls.collect::<Vec<_>>());
        let lost = diagram.arrows().filter(|arrow| arrow.outcome == Outcome::Lost).count();
        let crosses = drawn
            .descendants()
            .filter(|node| node.attribute("class") == Some("cross"))
            .count();
        prop_assert!(crosses >= lost);
        // What has a number shows it.
        let numbers = diagram
            .marks
            .iter()
            .filter(|mark| !mark.is_quiet())
            .filter_map(Mark::frame);
        for frame in numbers {
            let shown = drawn.descendants().any(|node| node.text() == Some(&frame.to_string()));
            prop_assert!(shown, "frame {frame} is not in:\n{drawn:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_recorded_each_event_is_drawn_once(recording in arbitrary::recording()) {
        check(&recording.into_timeline())?;
    }
}
