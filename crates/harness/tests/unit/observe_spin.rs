//! Tests of `src/observe/spin.rs`, which see what is private there.

use super::*;

/// How many of the waits spin, if such a one is in time or not by turns.
fn spinning(waits: usize, in_time: &[bool]) -> usize {
    let mut spin = AdaptiveSpin::new();
    let mut turns = in_time.iter().cycle();
    let mut spins = || {
        let spins = !spin.limit().is_zero();
        if spins && let Some(in_time) = turns.next() {
            spin.learn(*in_time);
        }
        spins
    };
    (0..waits).filter(|_| spins()).count()
}

#[test]
fn a_long_pause_among_short_ones_changes_nothing() {
    assert_eq!(spinning(1000, &[true, true, true, false]), 1000);
}

#[test]
fn in_vain_it_is_hardly_tried() {
    assert!(spinning(10_000, &[false]) < 200);
}

#[test]
fn it_is_tried_again_once_it_helps() {
    let mut spin = AdaptiveSpin::new();
    for _ in 0..1000 {
        if !spin.limit().is_zero() {
            spin.learn(false);
        }
    }
    let spinning = (0..1000).filter(|_| {
        let spins = !spin.limit().is_zero();
        if spins {
            spin.learn(true);
        }
        spins
    });
    assert!(spinning.count() > 900);
}
