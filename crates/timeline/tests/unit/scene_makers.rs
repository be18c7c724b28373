//! Tests of `src/scene/makers.rs`, which see what is private there.

use super::letters;

#[test]
fn processes_are_named_as_columns_of_a_sheet_are() {
    assert_eq!(
        [0, 25, 26, 51, 52, 702].map(letters),
        ["A", "Z", "AA", "AZ", "BA", "AAA"]
    );
}
