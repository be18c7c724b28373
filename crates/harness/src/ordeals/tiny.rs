//! Packets are small: a message comes in many segments.

use super::day::Day;
use super::ruling::{Ruling, not_judged};

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.converse_at_length()?;
    match day.longest() {
        0..=128 => not_judged("no reply is longer than such a packet: ask for a longer one"),
        bytes => Ok(format!(
            "the replies are the same in packets of 128 bytes, one of {bytes} bytes too"
        )),
    }
}
