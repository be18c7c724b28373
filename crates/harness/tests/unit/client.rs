//! Tests of `src/client.rs`, which see what is private there.

use super::*;

#[test]
fn a_line_that_comes_in_parts_is_searched_once() {
    let mut unread = Unread::default();
    for part in 1..=100 {
        unread.bytes.extend_from_slice(&[b'x'; 1000]);
        assert_eq!(unread.line(), None);
        assert_eq!(unread.searched, part * 1000);
    }
    unread.bytes.extend_from_slice(b"\nand\n more");
    assert_eq!(unread.line().map(|line| line.len()), Some(100_001));
    assert_eq!(unread.line().as_deref(), Some(&b"and\n"[..]));
    assert_eq!(unread.line(), None);
    assert_eq!(unread.take(2), b" m");
    unread.bytes.push(b'\n');
    assert_eq!(unread.line().as_deref(), Some(&b"ore\n"[..]));
    assert_eq!(unread.take_all(), b"");
}
