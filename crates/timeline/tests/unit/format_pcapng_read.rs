//! Tests of `src/format/pcapng/read.rs`, which see what is private there.

use super::*;

#[test]
fn times_that_fit_no_clock_do_not_lose_the_packet() {
    assert_eq!(moment(1, 6, -5), Timestamp(0));
    assert_eq!(moment(u64::MAX, 0, i64::MAX), Timestamp(u64::MAX));
    assert_eq!(moment(u64::MAX, 127, 3), Timestamp(3_000_000_000));
    assert_eq!(moment(u64::MAX, 0xff, 3), Timestamp(3_000_000_000));
}
