//! Tests of `src/steps.rs`, which see what is private there.

use super::*;
use crate::lesson::Shown;

fn step(order: u32, binary: &str) -> Step {
    Step {
        slug: format!("{binary}-of-{order}"),
        lesson: Lesson {
            order,
            binary: binary.to_owned(),
            page: String::new(),
            client: harness::Conversation::default(),
            expected: Shown {
                writes_per_reply: Vec::new(),
                facts: Vec::new(),
                reasons: Vec::new(),
                findings: Vec::new(),
            },
        },
        checkout: PathBuf::new(),
    }
}

#[test]
fn the_tenth_lesson_comes_after_the_second() {
    let steps = in_order(vec![step(10, "step10"), step(2, "step2"), step(1, "step1")]).unwrap();
    let order: Vec<&str> = steps.iter().map(Step::binary).collect();
    assert_eq!(order, ["step1", "step2", "step10"]);
}

#[test]
fn two_lessons_in_one_place_are_refused() {
    let error = in_order(vec![step(2, "step2"), step(2, "step3")]).unwrap_err();
    assert!(error.to_string().contains("both have the order 2"), "{error}");
    let error = in_order(vec![step(2, "step2"), step(3, "step2")]).unwrap_err();
    assert!(error.to_string().contains("both have the binary \"step2\""), "{error}");
}
