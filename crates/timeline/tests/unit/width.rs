//! Tests of `src/width.rs`, which see what is private there.

use super::*;

#[test]
fn a_line_ends_at_spaces_or_within_a_word_that_is_too_wide() {
    assert_eq!(wrapped("one two  three four ", 10), ["one two", "three four"]);
    assert_eq!(wrapped("  ääääääääääää b", 10), ["  ääääääää", "ääää b"]);
    assert_eq!(wrapped("漢字漢字 字", 5), ["漢字", "漢字", "字"]);
    assert_eq!(wrapped("漢字", 1), ["漢", "字"]);
    assert_eq!(wrapped("", 5), [""]);
    assert_eq!(broken("one two three", 13, 1).iter().collect::<Vec<_>>(), [&(0..13)]);
    assert_eq!(broken("one two three", 7, 5), [0..7, 8..13]);
}

#[test]
fn what_is_cut_says_so_and_is_no_wider() {
    assert_eq!(
        ["漢字漢", "❤\u{fe0f}❤\u{fe0f}", "abc"].map(|text| cut(text, 3)),
        ["漢…", "❤\u{fe0f}…", "abc"]
    );
    assert_eq!([cut("漢字", 2), cut("漢字", 1), cut("漢字", 0)], ["…", "…", ""]);
    assert_eq!([padded("漢", 4), padded("漢字漢", 4)], ["漢  ", "漢字漢"]);
}
