//! Tests of `src/bench/table.rs`, which see what is private there.

use super::*;

#[test]
fn thousands_stand_apart() {
    assert_eq!(grouped(7.4), "7");
    assert_eq!(grouped(999.0), "999");
    assert_eq!(grouped(1_234_567.0), "1,234,567");
}

#[test]
fn a_ratio_has_as_many_digits_as_it_deserves() {
    assert_eq!(times(1.0, 3.0), "0.33");
    assert_eq!(times(4.0, 3.0), "1.3");
    assert_eq!(times(41_000.0, 30.0), "1,367");
}

#[test]
fn a_table_is_markdown() {
    let mut table = Table::new(&["what", "how much"]);
    table.rows.push(vec!["this".into(), "2".into()]);
    table.left_out.push("Not measured: that.".into());
    assert_eq!(
        table.to_string(),
        "| what | how much |\n|---|--:|\n| this | 2 |\n\nNot measured: that.\n"
    );
}
