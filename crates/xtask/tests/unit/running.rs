//! Tests of `src/running.rs`, which see what is private there.

use super::*;

#[test]
fn the_fastest_round_counts() {
    let round = |milliseconds: &[u64]| milliseconds.iter().copied().map(Duration::from_millis).collect();
    let mut best = Best::default();
    assert_eq!(best.per_second(), 0.0);
    best.take(round(&[20, 20]));
    best.take(round(&[30, 1, 2]));
    best.take(round(&[12]));
    assert_eq!((best.within(0.5), best.within(1.0)), (0.002, 0.03));
    assert_eq!(best.per_second().round(), 91.0);
}
