//! Tests of `src/observe/trace/descriptors.rs`, which see what is private there.

use super::*;

const ONE: Pid = Pid::from_raw(1);
const OTHER: Pid = Pid::from_raw(2);

/// What a look would find, and nothing where there must be none.
fn socket(inode: u64) -> impl FnOnce() -> Option<OpenFile> {
    move || Some(OpenFile::Socket(inode))
}

fn no_look() -> Option<OpenFile> {
    panic!("it is known already")
}

#[test]
fn what_was_found_is_not_looked_for_again() {
    let mut descriptors = Descriptors::default();
    assert_eq!(descriptors.open_file(ONE, 5, socket(50)), Some(OpenFile::Socket(50)));
    assert_eq!(descriptors.open_file(ONE, 5, no_look), Some(OpenFile::Socket(50)));
}

#[test]
fn a_closed_descriptor_is_looked_for_each_time() {
    let mut descriptors = Descriptors::default();
    assert_eq!(descriptors.open_file(ONE, 5, || None), None);
    assert_eq!(descriptors.open_file(ONE, 5, socket(50)), Some(OpenFile::Socket(50)));
}

#[test]
fn each_task_may_have_a_table_of_its_own() {
    let mut descriptors = Descriptors::default();
    descriptors.open_file(ONE, 5, socket(50));
    assert_eq!(descriptors.open_file(OTHER, 5, socket(51)), Some(OpenFile::Socket(51)));
    assert_eq!(descriptors.open_file(ONE, 5, socket(50)), Some(OpenFile::Socket(50)));
}

#[test]
fn what_one_task_gives_up_is_forgotten_for_all() {
    let mut descriptors = Descriptors::default();
    descriptors.open_file(ONE, 5, socket(50));
    descriptors.gives_up(OTHER, 5..=5);
    descriptors.stopped(OTHER);
    assert_eq!(descriptors.open_file(ONE, 5, socket(51)), Some(OpenFile::Socket(51)));
}

#[test]
fn what_is_found_during_a_close_is_not_kept() {
    let mut descriptors = Descriptors::default();
    descriptors.gives_up(OTHER, 4..=6);
    assert_eq!(descriptors.open_file(ONE, 5, socket(50)), Some(OpenFile::Socket(50)));
    assert_eq!(descriptors.open_file(ONE, 5, socket(51)), Some(OpenFile::Socket(51)));
    descriptors.open_file(ONE, 7, socket(70));
    assert_eq!(descriptors.open_file(ONE, 7, no_look), Some(OpenFile::Socket(70)));
    descriptors.stopped(OTHER);
    descriptors.open_file(ONE, 5, socket(52));
    assert_eq!(descriptors.open_file(ONE, 5, no_look), Some(OpenFile::Socket(52)));
}

#[test]
fn calls_give_up_descriptors() {
    assert_eq!(given_up(libc::SYS_close, &[5, 0, 0, 0, 0, 0]), Some(5..=5));
    assert_eq!(given_up(libc::SYS_dup3, &[4, 6, 0, 0, 0, 0]), Some(6..=6));
    let to_the_end = [3, u64::from(u32::MAX), 0, 0, 0, 0];
    assert_eq!(given_up(libc::SYS_close_range, &to_the_end), Some(3..=i32::MAX));
    assert_eq!(given_up(libc::SYS_read, &[5, 0, 0, 0, 0, 0]), None);
}

#[test]
fn an_ended_task_leaves_nothing_to_the_next_of_its_number() {
    let mut descriptors = Descriptors::default();
    descriptors.open_file(ONE, 5, socket(50));
    descriptors.ended(ONE);
    assert_eq!(descriptors.open_file(ONE, 5, socket(51)), Some(OpenFile::Socket(51)));
}

#[test]
fn nothing_is_kept_once_descriptors_close_without_a_call() {
    let mut descriptors = Descriptors::default();
    descriptors.open_file(ONE, 5, socket(50));
    descriptors.distrust();
    assert_eq!(descriptors.open_file(ONE, 5, socket(51)), Some(OpenFile::Socket(51)));
    assert_eq!(descriptors.open_file(ONE, 5, socket(52)), Some(OpenFile::Socket(52)));
}
