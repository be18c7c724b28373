//! Tests of `src/trace.rs`, which see what is private there.

use super::*;

#[test]
fn a_reply_may_take_longer_among_many_at_once() {
    let limit = |arguments: &str| {
        let command = Plan::augment_args(clap::Command::new("lab").no_binary_name(true));
        let matches = command.get_matches_from(arguments.split_whitespace());
        <Plan as clap::FromArgMatches>::from_arg_matches(&matches)
            .unwrap()
            .limit()
            .as_secs()
    };
    assert_eq!(limit("step1"), REPLIES);
    assert_eq!(limit("step1 --clients 4000"), REPLIES);
    assert_eq!(limit("step1 --clients 100 --at-once"), REPLIES);
    assert_eq!(limit("step1 --clients 4000 --at-once"), REPLIES + 16);
    assert_eq!(limit("step1 --clients 4000 --at-once --timeout 3"), 3);
}

#[test]
fn what_the_kernel_dropped_is_told_with_its_cure() {
    assert_eq!(no_room(0), None);
    let told = no_room(3).unwrap().text;
    assert!(told.contains("no room for 3 packets: --buffer"), "{told}");
}
