//! Tests of `src/trace.rs`, which see what is private there.

use super::*;

#[test]
fn what_the_kernel_dropped_is_told_with_its_cure() {
    assert_eq!(no_room(0), None);
    let told = no_room(3).unwrap().text;
    assert!(told.contains("no room for 3 packets: --buffer"), "{told}");
}
