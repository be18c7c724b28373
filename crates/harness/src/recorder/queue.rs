//! The way of records to whoever follows a run: in order, and not without end. A follower that writes
//! them to a disk may be slower than the run, and the records between the two take memory.

use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::lock::lock;
use timeline::Record;

/// A follower that takes nothing for so long is not waited for again: it may never take anything.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Fill {
    /// How many bytes are on their way.
    bytes: usize,
    /// How often some were taken.
    taken: u64,
    /// Nobody waits for this follower any more.
    given_up: bool,
}

#[derive(Debug, Default)]
struct Shared {
    fill: Mutex<Fill>,
    fallen: Condvar,
}

impl Shared {
    fn fill(&self) -> MutexGuard<'_, Fill> {
        lock(&self.fill)
    }
}

/// Where records are put.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    records: mpsc::Sender<(Record, usize)>,
    shared: Arc<Shared>,
    patience: Duration,
}

/// Where they are taken.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// Each with how many bytes it takes.
    pub records: mpsc::Receiver<(Record, usize)>,
    shared: Arc<Shared>,
}

pub(crate) fn queue() -> (Sender, Receiver) {
    queue_with(PATIENCE)
}

fn queue_with(patience: Duration) -> (Sender, Receiver) {
    let (sender, receiver) = mpsc::channel();
    let shared = Arc::new(Shared::default());
    let sender = Sender {
        records: sender,
        shared: Arc::clone(&shared),
        patience,
    };
    let receiver = Receiver {
        records: receiver,
        shared,
    };
    (sender, receiver)
}

impl Sender {
    /// Puts a record that takes so many bytes. False if nobody will take it.
    pub fn send(&self, record: Record, size: usize) -> bool {
        self.shared.fill().bytes += size;
        self.records.send((record, size)).is_ok()
    }

    /// True if more than so many bytes are on their way to a follower that takes them.
    pub fn is_beyond(&self, limit: usize) -> bool {
        let fill = self.shared.fill();
        fill.bytes > limit && !fill.given_up
    }

    /// Waits until no more than so many bytes are on their way, as long as some are taken meanwhile.
    pub fn wait(&self, limit: usize) {
        let mut fill = self.shared.fill();
        let mut last = (fill.taken, Instant::now());
        while fill.bytes > limit && !fill.given_up {
            if fill.taken != last.0 {
                last = (fill.taken, Instant::now());
            }
            let left = self.patience.saturating_sub(last.1.elapsed());
            fill.given_up |= left.is_zero();
            let waited = self.shared.fallen.wait_timeout(fill, left);
            fill = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Receiver {
    /// So many bytes of what was received are used and gone. Until then they are on their way.
    pub fn used(&self, size: usize) {
        let mut fill = self.shared.fill();
        fill.bytes -= size;
        fill.taken += 1;
        drop(fill);
        self.shared.fallen.notify_all();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.fill().given_up = true;
        self.shared.fallen.notify_all();
    }
}

#[cfg(test)]
#[path = "../../tests/unit/recorder_queue.rs"]
mod tests;
