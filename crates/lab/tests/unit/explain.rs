//! Tests of `src/explain.rs`, which see what is private there.

use super::*;
use harness::timeline::width::columns;

fn told(name: &str) -> String {
    let lines = explain(name, 80).unwrap();
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Each has a section of its page; a rule without one would be found only when somebody asks.
#[test]
fn every_finding_fact_and_word_is_explained() {
    for (kind, names) in names_by_kind() {
        for name in names {
            let told = told(&name);
            assert!(told.split_whitespace().count() > 5, "{kind} {name}: {told:?}");
            assert!(told.lines().all(|line| columns(line) <= 80), "{told}");
            assert!(!told.contains("](") && !told.contains("**"), "{told}");
        }
    }
    for rule in RULES {
        assert!(told(rule.name).contains("Cure"), "{}", rule.name);
    }
}

#[test]
fn a_finding_is_what_its_page_says() {
    let told = told("split-reply");
    assert!(told.starts_with("split-reply\n"), "{told}");
    assert!(told.contains("- Evidence: two write-family calls in a row"), "{told}");
    assert!(!told.contains("nagle-stall\n\n"), "{told}");
}

#[test]
fn a_name_may_be_written_in_any_way() {
    assert_eq!(told("CLOSE_WAIT"), told("close-wait"));
    // A word, a fact of a packet and a reason.
    let told = told("delayed ack");
    assert!(
        told.contains("of a packet:") && told.contains("why a packet left"),
        "{told}"
    );
}

#[test]
fn what_there_is_not_is_told_with_what_is_like_it() {
    let error = explain("nagle", 80).map(|_| ()).err();
    assert_eq!(error.map(|error| error.to_string()), None, "a reason has this name");
    let error = explain("stall", 80).unwrap_err().to_string();
    assert!(error.contains("nagle-stall"), "{error}");
    // Words written as one, and letters that are others.
    for (typed, meant) in [("splitreply", "split-reply"), ("naggle-stal", "nagle-stall")] {
        let error = explain(typed, 80).unwrap_err().to_string();
        assert!(error.contains(&format!("one of these? {meant}")), "{typed}: {error}");
    }
    let error = explain("xyzzy", 80).unwrap_err().to_string();
    assert!(error.contains("without a name lists all"), "{error}");
}
