//! Tests of `src/capture.rs`, which see what is private there.

use super::*;

#[test]
fn two_runs_agree_only_in_a_row() {
    let agreed = |attempts| {
        let mut results = [1, 2, 1, 3, 3, 4].into_iter();
        two_that_agree(
            (attempts, "it"),
            || results.next().context("run once too often"),
            i32::eq,
        )
    };
    assert!(agreed(4).unwrap_err().to_string().starts_with("no two of 4 runs of it"));
    assert_eq!(agreed(5).unwrap(), 3);
    assert_eq!(agreed(6).unwrap(), 3);
}

#[test]
fn a_run_that_fails_is_the_last() {
    let mut runs = 0;
    let fails = || {
        runs += 1;
        anyhow::bail!("it fails")
    };
    assert!(two_that_agree((3, "it"), fails, i32::eq).is_err());
    assert_eq!(runs, 1);
}
