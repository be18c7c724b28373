//! Tests of `src/says.rs`, which see what is private there.

use super::*;

fn says(send: &[&str], expect: &[&str]) -> Says {
    Says {
        send: send.iter().map(|text| unescape(text).unwrap()).collect(),
        expect: expect.iter().map(|text| Pattern::parse(text).unwrap()).collect(),
        ..Says::default()
    }
}

#[test]
fn each_reply_has_its_expectation() {
    let held = |says: &Says| -> Vec<String> {
        let acts = says.acts().unwrap();
        acts.iter().map(|act| format!("{act:?}")).collect()
    };
    let both = held(&says(&["a\\n", "b\\n"], &["x", "y"]));
    assert!(both[1].contains("\"x\"") && both[3].contains("\"y\""), "{both:?}");
    let one = held(&says(&["a\\n", "b\\n"], &["x"]));
    assert!(one[1].contains("\"x\"") && one[3].contains("\"x\""), "{one:?}");
    let greeted = held(&Says {
        greeting: true,
        ..says(&["a\\n"], &["x", "y"])
    });
    assert!(
        greeted[0].contains("\"x\"") && greeted[2].contains("\"y\""),
        "{greeted:?}"
    );
    let error = says(&["a\\n", "b\\n", "c\\n"], &["x", "y"]).conversation().unwrap_err();
    assert!(error.to_string().contains("2 of --expect for 3 replies"), "{error}");
}

#[test]
fn what_is_said_by_default_may_end_early() {
    assert!(!Says::default().is_asked_for());
    assert!(says(&["a\\n"], &[]).is_asked_for());
}
