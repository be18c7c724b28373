//! Tests of `src/learn/screen.rs`, which see what is private there.

use super::*;

#[test]
fn a_bar_is_full_when_all_is_done() {
    assert_eq!(bar(1, 4, 4), "[█░░░] 1 of 4 done");
    assert_eq!(bar(4, 4, 4), "[████] 4 of 4 done");
    assert_eq!(bar(0, 0, 4), "[░░░░] 0 of 0 done");
}

#[test]
fn paragraphs_are_filled_and_commands_stay() {
    let text = "# Title\n\nOne two\nthree four.\n\n    cargo run\n\nLast.\n";
    let lines = page(text, 12);
    assert_eq!(
        lines,
        ["Title", "", "One two", "three four.", "", "    cargo run", "", "Last."]
    );
}
