//! Tests of `src/observe/trace/waits.rs`, which see what is private there.

use super::*;

fn line(number: i64, arguments: [u64; 6]) -> String {
    let arguments = arguments.map(|argument| format!("{argument:#x}")).join(" ");
    format!("{number} {arguments} 0x7ffc00 0x7f00\n")
}

#[test]
fn a_limit_of_time_is_told_from_none() {
    let forever = u64::from((-1_i32).cast_unsigned());
    for (number, place, none, some) in [
        (libc::SYS_futex, 3, 0, 0x7ffc_1000),
        (libc::SYS_epoll_pwait, 3, forever, 100),
        (libc::SYS_ppoll, 2, 0, 0x7ffc_1000),
        (libc::SYS_pselect6, 4, 0, 0x7ffc_1000),
    ] {
        let with = |value| {
            let mut arguments = [5; 6];
            arguments[place] = value;
            is_timed(&line(number, arguments))
        };
        assert!(!with(none), "{number}");
        assert!(with(some), "{number}");
    }
    assert!(is_timed(&line(libc::SYS_clock_nanosleep, [0; 6])));
    assert!(!is_timed(&line(libc::SYS_accept4, [4; 6])));
}

#[test]
fn what_is_in_no_call_may_go_on() {
    assert!(is_timed("running\n"));
    assert!(is_timed(""));
}
