//! Tests of `src/terminal/walk.rs`, which see what is private there.

use super::*;
use harness::format::text::Lanes;

fn walk() -> (Walk, Scene) {
    let file = std::fs::File::open("../../captures/step1-two-writes.pcapng").unwrap();
    let timeline = harness::format::pcapng::read(file).unwrap().into_timeline();
    let scene = Scene::of(&timeline);
    (Walk::new(Lanes::default().lines_of(&scene)), scene)
}

#[test]
fn each_step_shows_a_row_more_under_the_heading() {
    let (mut walk, _) = walk();
    assert_eq!(walk.screen(20).len(), 2, "the heading alone: {walk:?}");
    assert_eq!(walk.frame(), None);
    let mut frames = Vec::new();
    while walk.forward() {
        let screen = walk.screen(20);
        assert!(screen.len() <= 20 && is_heading(screen[1]));
        frames.extend(walk.frame());
    }
    assert_eq!(frames, (1..=28).collect::<Vec<_>>());
    let rows = walk.so_far().iter().filter(|line| is_row(line)).count();
    assert_eq!(rows, walk.rows.len());
}

#[test]
fn a_step_back_takes_the_last_row_away() {
    let (mut walk, _) = walk();
    walk.back();
    for _ in 0..5 {
        walk.forward();
    }
    walk.back();
    assert_eq!(walk.frame(), Some(FrameNumber(4)));
}

#[test]
fn another_width_leaves_the_place() {
    let (mut walk, scene) = walk();
    for _ in 0..7 {
        walk.forward();
    }
    walk.draw_anew(Lanes::with_width(60).lines_of(&scene));
    assert_eq!(walk.frame(), Some(FrameNumber(7)));
}

#[test]
fn each_frame_has_something_to_say() {
    let (_, scene) = walk();
    let said = sentences(&scene);
    assert_eq!(said.len(), 28);
    assert!(
        said[&FrameNumber(22)].starts_with("Held back: "),
        "{}",
        said[&FrameNumber(22)]
    );
    assert_eq!(said[&FrameNumber(25)], "The server's socket is CLOSE_WAIT now.");
}
