//! Tests of `src/events/numbers.rs`, which see what is private there.

use super::*;

#[test]
fn numbers_go_on_where_they_wrap() {
    assert_eq!(unwrapped(5, 0xffff_fff0), 0x1_0000_0005);
    assert_eq!(unwrapped(0xffff_fff0, 0x1_0000_0005), 0xffff_fff0);
    assert_eq!(unwrapped(7, 3), 7);
    // Nothing lies before the beginning.
    assert_eq!(unwrapped(u32::MAX, 0), 0);
    assert!(is_after(2, u32::MAX) && !is_after(u32::MAX, 2) && !is_after(2, 2));
}
