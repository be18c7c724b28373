//! Tests of `src/format/svg.rs`, which see what is private there.

use super::*;

#[test]
fn ticks_are_round_and_few() {
    assert_eq!(
        ticks(417.0, 10),
        [0.0, 50.0, 100.0, 150.0, 200.0, 250.0, 300.0, 350.0, 400.0]
    );
    assert_eq!(ticks(5.0, 6), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(ticks(0.3, 3), [0.0, 0.1, 0.2, 0.3]);
    assert_eq!(ticks(0.0, 6), [0.0]);
    assert_eq!(ticks(f64::NAN, 6), [0.0]);
}
