//! Tests of `src/show.rs`, which see what is private there.

use super::*;

#[test]
fn a_bar_grows() {
    assert_eq!(
        bar(25_000_000, Some(100_000_000)),
        "reading [█████               ] 25% of 100 MB"
    );
    assert_eq!(
        bar(u64::MAX, Some(u64::MAX)),
        "reading [████████████████████] 100% of 18446744073709 MB"
    );
    assert_eq!(bar(7_500_000, None), "reading, 7 MB so far");
    assert_eq!(bar(7_500_000, Some(0)), "reading, 7 MB so far");
}
