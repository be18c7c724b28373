//! How much is measured, in full or only to see that all of it works.

use std::time::Duration;

use xtask::running::Limit;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Everything compared is measured so many times in turn; the best time counts. Whatever else the
    /// machine does can only make it worse.
    pub rounds: usize,
    /// A round of exchanges ends after this time, if not before.
    pub round: Duration,
    /// Exchanges in a round, at most.
    pub exchanges: usize,
    /// Packets to capture.
    pub packets: usize,
    /// How many clients come one after the other.
    pub connections: &'static [usize],
    /// Bytes of the capture file to show.
    pub file: u64,
    /// Packets to delay.
    pub delayed: usize,
    /// Bytes to send in one stream.
    pub stream: u64,
}

pub(crate) const FULL: Sizes = Sizes {
    rounds: 10,
    round: Duration::from_secs(1),
    exchanges: 100_000,
    packets: 1_000_000,
    connections: &[1_000, 4_000, 16_000, 100_000],
    file: 100_000_000,
    delayed: 10_000,
    stream: 1_000_000_000,
};

pub(crate) const QUICK: Sizes = Sizes {
    rounds: 1,
    round: Duration::from_millis(200),
    exchanges: 20,
    packets: 100,
    connections: &[10, 20],
    file: 100_000,
    delayed: 20,
    stream: 100_000,
};

impl Sizes {
    /// When a round ends.
    pub fn round(self) -> Limit {
        Limit {
            exchanges: self.exchanges,
            time: self.round,
        }
    }
}

/// The log lines that the steps write, as a filter of env_logger: the one that tells the address, and no others.
pub(crate) const QUIET: &str = "info/listening on";
