//! Tests of `src/testing.rs`, which see what is private there.

use std::cell::Cell;

use super::*;

#[test]
fn a_program_is_found_by_its_name() {
    let shell = find_program("sh").unwrap();
    assert!(shell.is_file() && shell.ends_with("sh"), "{shell:?}");
    assert_eq!(find_program("there-is-no-such-program"), None);
}

/// The runs of a case that passes or fails in this order, on a machine that is paused or not, and whether it passes.
/// All runs but the first are counted.
fn runs(outcomes: &[bool], is_paused: bool) -> (usize, bool) {
    let (made, re_runs) = (Cell::new(0), Mutex::new(0));
    let run = || {
        let passes = outcomes[made.replace(made.get() + 1)];
        anyhow::ensure!(passes, "it differs");
        Ok(())
    };
    let passes = until_in_time("a case", &re_runs, run, || move || is_paused);
    assert_eq!(*lock(&re_runs), made.get() - 1);
    (made.get(), passes.is_ok())
}

#[test]
fn a_case_that_fails_while_the_machine_is_paused_runs_again() {
    assert_eq!(runs(&[true], true), (1, true));
    assert_eq!(runs(&[false, false, true], true), (3, true));
    assert_eq!(runs(&[false; 50], true), (TRIES, false));
}

#[test]
fn a_case_that_fails_while_the_machine_keeps_its_time_fails() {
    assert_eq!(runs(&[true], false), (1, true));
    assert_eq!(runs(&[false, true], false), (1, false));
}

#[test]
fn a_test_does_not_run_again_for_a_case_that_did() {
    let made = Cell::new(0);
    let run = || {
        made.set(made.get() + 1);
        in_time("a case", || anyhow::bail!("it differs"))
    };
    let failed = until_in_time("a test", &Mutex::new(0), run, || || true).unwrap_err();
    assert_eq!((made.get(), format!("{failed:#}").as_str()), (1, "a case: it differs"));
}

#[test]
fn a_panic_is_a_failure() {
    let made = Cell::new(0);
    let run = || {
        assert!(made.replace(made.get() + 1) == 1, "the first run");
        Ok(())
    };
    until_in_time("a case", &Mutex::new(0), run, || || true).unwrap();
    let run = || panic!("any run");
    let in_time = || until_in_time("a case", &Mutex::new(0), run, || || false);
    assert!(catch_unwind(in_time).is_err());
}

#[test]
fn a_pause_is_seen_while_it_lasts_and_later_by_whoever_was_there() {
    let canary: &Canary = Box::leak(Box::new(Canary::new()));
    let before = Pauses::seen_by(&[canary]);
    while !before.seen() {}
    assert!(canary.now() >= 5_000_000, "{}", canary.now());
    canary.late.fetch_add(1, Ordering::SeqCst);
    canary.slept.store(u64::MAX, Ordering::SeqCst);
    assert!(before.seen() && !Pauses::seen_by(&[canary]).seen());
}

/// A thread that lets nobody else run on one processor is a pause of that processor alone.
#[test]
fn there_is_a_canary_on_each_processor() {
    assert_eq!(Pauses::watch().0.len(), processors().len());
}
