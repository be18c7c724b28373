//! Tests of `src/learn/progress.rs`, which see what is private there.

use super::*;

#[test]
fn a_file_may_tell_of_as_many_tries_as_there_can_be() {
    let most = r#"{"exercises":{"a":{"tries":4294967295,"hints":4294967295,"seconds":18446744073709551615}}}"#;
    let mut progress: Progress = serde_json::from_str(most).unwrap();
    progress.exercises.entry("a".to_owned()).or_default().last = now();
    progress.hint("a", usize::MAX);
    progress.checked("a", Outcome::Failed);
    let done = progress.of("a");
    assert_eq!((done.tries, done.hints, done.seconds), (u32::MAX, u32::MAX, u64::MAX));
}
