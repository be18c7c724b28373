//! Tests of `src/learn/exercise.rs`, which see what is private there.

use super::*;

#[test]
fn a_finding_that_there_is_not_is_told_with_those_that_there_are() {
    let file = r#"{"order": 1, "title": "", "kind": "fix", "minutes": 1, "page": "", "gone": ["split-replies"]}"#;
    let error = serde_json::from_str::<About>(file).unwrap_err().to_string();
    assert!(
        error.contains("\"split-replies\"") && error.contains("split-reply, nagle-stall"),
        "{error}"
    );
}
