//! Tests of `src/rules/mod.rs`, which see what is private there.

use super::*;

#[test]
fn a_name_is_read_as_it_is_written() {
    for rule in RULES {
        assert_eq!(rule.name.parse(), Ok(rule.id));
        let written = serde_json::to_value(rule.id).unwrap();
        assert_eq!(written, rule.name);
        assert_eq!(serde_json::from_value::<RuleId>(written).unwrap(), rule.id);
    }
}

#[test]
fn a_name_that_no_rule_has_is_an_error_with_all_there_are() {
    let error = serde_json::from_str::<RuleId>("\"split-replies\"").unwrap_err();
    let error = error.to_string();
    assert!(error.contains("\"split-replies\""), "{error}");
    assert!(RULES.iter().all(|rule| error.contains(rule.name)), "{error}");
}
