//! Tests of `src/format/pcapng/encode.rs`, which see what is private there.

use super::fitting;

#[test]
fn a_comment_too_long_for_an_option_is_cut_between_characters() {
    assert_eq!(fitting(&"é".repeat(40_000), 65_535).len(), 65_534);
    assert_eq!(fitting("short", 65_535), "short");
}
