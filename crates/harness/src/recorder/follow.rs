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

    /// True if [`next`](Iterator::next) would wait now: what to do before is to be done first.
    pub fn would_wait(&mut self) -> bool {
        self.take_what_has_come();
        self.left().is_none_or(|left| !left.is_zero())
    }

    fn take_what_has_come(&mut self) {
        while let Ok(record) = self.arriving.records.try_recv() {
            self.hold(record);
        }
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
            self.take_what_has_come();
            let arrived = match self.left() {
                None => self.arriving.records.recv().map_err(RecvTimeoutError::from),
                Some(left) => self.arriving.records.recv_timeout(left),
            };
            match arrived {
                Ok(record) => self.hold(record),
                // The first of the records that wait has waited long enough, or the run is over and nothing can come
                // before it any more.
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
#[path = "../../tests/unit/recorder_follow.rs"]
mod tests;
