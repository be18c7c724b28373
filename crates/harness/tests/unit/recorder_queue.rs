//! Tests of `src/recorder/queue.rs`, which see what is private there.

use super::*;
use timeline::{ProcessEvent, ProcessEventKind, Timestamp, What};

fn record() -> Record {
    let kind = ProcessEventKind::Started;
    Record {
        at: Timestamp(0),
        what: What::Process(ProcessEvent { pid: 1, kind }.into()),
    }
}

#[test]
fn who_puts_more_than_is_taken_waits() {
    let (sender, receiver) = queue();
    assert!((0..3).all(|_| sender.send(record(), 10)));
    assert!(!sender.is_beyond(30) && sender.is_beyond(29));
    let taker = std::thread::spawn(move || {
        let (_, size) = receiver.records.recv().unwrap();
        receiver.used(size);
        (size, receiver)
    });
    sender.wait(20);
    let (taken, receiver) = taker.join().unwrap();
    assert!(taken == 10 && !sender.is_beyond(20));
    drop(receiver);
    // The receiver is gone: `send` says so, and nobody waits for it.
    assert!(!sender.send(record(), 100) && !sender.is_beyond(20));
    sender.wait(20);
}

#[test]
fn a_follower_that_takes_nothing_is_given_up() {
    let (sender, receiver) = queue_with(Duration::from_millis(1));
    assert!(sender.send(record(), 10));
    sender.wait(5);
    assert!(!sender.is_beyond(5));
    assert!(receiver.records.try_recv().is_ok());
}
