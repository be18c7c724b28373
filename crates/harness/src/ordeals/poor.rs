//! Buffers are small: a write takes a part of a reply, and the rest has to follow.

use super::day::Day;
use super::ordeal::{Ordeal, poor_host};
use super::ruling::{Ruling, not_judged};

/// See the module.
pub(super) const ORDEAL: Ordeal = Ordeal {
    name: "poor",
    about: "Buffers are small: a write takes a part of a reply, and the rest has to follow",
    lever: "buffers of 4096 bytes on both sides; a line of 100,000 bytes beside the conversation",
    fails: "a reply that is cut or changed",
    cure: "write until all is written: a short count or EAGAIN is no end (write_all, and wait until the socket takes more)",
    quick: true,
    host: poor_host,
    run,
};

fn run(day: &Day<'_>) -> Ruling {
    day.converse_at_length()?;
    match day.longest() {
        0..=8192 => not_judged("no reply is longer than the small buffers: ask for a longer one"),
        bytes => Ok(format!(
            "the replies are the same where buffers are small, one of {bytes} bytes too"
        )),
    }
}
