//! Tests of `src/recorder/follow.rs`, which see what is private there.

use super::*;
use crate::recorder::queue::queue;
use timeline::{ProcessEvent, ProcessEventKind, What};

fn record(at: Timestamp, pid: i32) -> Record {
    let kind = ProcessEventKind::Started;
    let what = What::Process(ProcessEvent { pid, kind }.into());
    Record { at, what }
}

fn pids(records: impl Iterator<Item = Record>) -> Vec<i32> {
    let pid = |record: Record| match record.what {
        What::Process(event) => event.pid,
        _ => 0,
    };
    records.map(pid).collect()
}

#[test]
fn what_comes_within_the_hold_is_put_into_order() {
    let (sender, receiver) = queue();
    let start = now();
    for (offset, pid) in [(20, 1), (10, 2), (10, 3), (0, 4)] {
        assert!(sender.send(record(Timestamp(start.0 + offset), pid), 1));
    }
    let mut follow = Follow::new(receiver, Duration::ZERO, None);
    assert_eq!(pids(follow.by_ref().take(2)), [4, 2]);
    // Its place was before records that were handed out already: it comes at once, out of order.
    assert!(sender.send(record(Timestamp(start.0 - 1_000_000_000), 5), 1));
    drop(sender);
    assert_eq!(pids(follow), [5, 3, 1]);
}

#[test]
fn a_record_comes_while_the_run_goes_on_even_if_the_clock_was_set_back() {
    let (sender, receiver) = queue();
    let in_an_hour = Timestamp(now().0 + 3_600_000_000_000);
    assert!(sender.send(record(in_an_hour, 1), 1));
    assert_eq!(pids(Follow::new(receiver, Duration::ZERO, None).take(1)), [1]);
    drop(sender);
}
