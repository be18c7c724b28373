//! Tests of `src/facts/coverage.rs`, which see what is private there.

use super::*;

#[test]
fn a_hole_is_filled_in_parts() {
    let mut seen = Coverage::default();
    assert_eq!(seen.see(0, 10), Novelty::Next);
    assert_eq!(seen.see(10, 20), Novelty::Next);
    assert_eq!(seen.see(50, 60), Novelty::Beyond);
    assert!(!seen.has(20, 50) && seen.has(0, 20) && seen.has(50, 60));
    assert_eq!(seen.see(30, 40), Novelty::Fills);
    assert_eq!(seen.see(35, 45), Novelty::Old);
    assert_eq!(seen.see(20, 30), Novelty::Fills);
    assert_eq!(seen.see(0, 10), Novelty::Old);
    assert_eq!(seen.see(45, 70), Novelty::Overlaps);
    assert!(seen.has(0, 70) && seen.next == 70);
}

#[test]
fn what_was_acknowledged_unseen_is_a_hole() {
    let mut seen = Coverage::default();
    seen.see(0, 10);
    seen.assume_below(30);
    assert_eq!(seen.see(10, 20), Novelty::Late);
    assert_eq!(seen.see(20, 30), Novelty::Late);
    assert_eq!(seen.see(10, 30), Novelty::Old);
}

#[test]
fn what_follows_acknowledged_bytes_that_were_not_seen_is_beyond_a_hole() {
    let mut seen = Coverage::default();
    seen.see(0, 10);
    seen.assume_below(30);
    assert_eq!(seen.see(30, 40), Novelty::Beyond);
    assert_eq!(seen.see(40, 50), Novelty::Next, "said once");
    assert_eq!(seen.see(10, 30), Novelty::Fills, "bytes beyond have been seen by now");
    seen.assume_below(60);
    assert_eq!(seen.see(70, 80), Novelty::Beyond);
    assert_eq!(seen.see(80, 90), Novelty::Next, "and once where more is missing");
}

#[test]
fn new_bytes_of_which_some_were_acknowledged_are_no_repetition() {
    let mut seen = Coverage::default();
    seen.see(0, 10);
    seen.assume_below(15);
    assert_eq!(seen.see(10, 30), Novelty::Late);
    assert_eq!(seen.see(30, 40), Novelty::Next);
    assert_eq!(seen.see(35, 45), Novelty::Overlaps);
}

#[test]
fn a_number_beyond_the_highest_tells_of_a_hole_once() {
    let mut seen = Coverage::default();
    assert!(!seen.goes_on_at(5), "the first that is known");
    seen.see(0, 10);
    assert!(!seen.goes_on_at(10) && !seen.goes_on_at(9));
    assert!(seen.goes_on_at(20));
    assert!(!seen.goes_on_at(20));
    assert_eq!(seen.see(20, 30), Novelty::Next);
    assert_eq!(seen.see(10, 20), Novelty::Fills);
    seen.assume_below(50);
    assert!(seen.goes_on_at(50));
    assert!(!seen.goes_on_at(50));
    assert_eq!(seen.see(50, 60), Novelty::Next);
}

#[test]
fn a_capture_of_holes_stays_small() {
    let mut seen = Coverage::default();
    for at in 0..10_000 {
        seen.see(at * 10, at * 10 + 1);
    }
    assert!(seen.holes.len() <= MOST_HOLES);
}
