//! The records of a run while it goes.

use std::collections::BTreeMap;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use super::now;
use super::queue::Receiver;
use crate::wire::seen_at;
use timeline::{Record, Side, Timestamp};

/// How long a record is held back. Most calls return, and every packet is read, well within it;
/// to a person it is at once.
const HOLD: Duration = Duration::from_millis(50);

/// The records of a run as they come, by time: see [`Server::follow`](crate::Server::follow).
///
/// A call is recorded when it returns, and its place is often its entry, before the packets that it
/// caused. So each record is held back for 50 ms, for what may come before it. What comes later
/// still, as a write does that was blocked for longer, follows at once, out of order by then. Behind a
/// wire a packet is recorded when it comes and stands where it left: then it is so much more.
///
/// `next` waits for a record. There is none any more once the observation has ended.
#[derive(Debug)]
pub struct Follow {
    arriving: Receiver,
    /// By time, and for records of the same moment in the order of their arrival.
    /// With each the bytes that it takes.
    waiting: BTreeMap<(Timestamp, u64), (Record, usize)>,
    arrived: u64,
    hold: Duration,
    /// The host whose packets these are, if it is one's alone.
    at: Option<Side>,
}

impl Follow {
    /// `more`: how much longer than on one host a packet may take.
    pub(crate) fn new(arriving: Receiver, more: Duration, at: Option<Side>) -> Follow {
        Follow {
            at,
            hold: HOLD + more,
            arriving,
            waiting: BTreeMap::new(),
            arrived: 0,
        }
    }

    fn hold(&mut self, (record, mut size): (Record, usize)) {
        let records = match self.at {
            Some(host) => seen_at(host, record),
            None => vec![record],
        };
        for record in records {
            let size = std::mem::take(&mut size);
            self.waiting.insert((record.at, self.arrived), (record, size));
            self.arrived += 1;
        }
        // A record that is not seen from this host waits for nobody: its bytes are given back now.
        self.arriving.used(size);
    }

    /// How long the first of the waiting records is still held back.
    fn left(&self) -> Option<Duration> {
        let ((at, _), _) = self.waiting.first_key_value()?;
        Some(self.hold.saturating_sub(now().since(*at)))
    }
}

impl Iterator for Follow {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            while let Ok(record) = self.arriving.try_recv() {
                self.hold(record);
            }
            let arrived = match self.left() {
                None => self.arriving.recv().map_err(RecvTimeoutError::from),
                Some(left) => self.arriving.recv_timeout(left),
            };
            match arrived {
                Ok(record) => self.hold(record),
                // It has waited long enough, or nothing can come before it any more.
                Err(_) => {
                    let (_, (record, size)) = self.waiting.pop_first()?;
                    self.arriving.used(size);
                    return Some(record);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::queue::queue;
    use timeline::{ProcessEvent, ProcessEventKind, What};

    fn record(at: Timestamp, pid: i32) -> Record {
        let kind = ProcessEventKind::Started;
        let what = What::Process(ProcessEvent { pid, kind });
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
}
