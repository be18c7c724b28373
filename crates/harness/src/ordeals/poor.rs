//! Buffers are small: a write takes a part of a reply, and the rest has to follow.

use super::day::Day;
use super::ruling::{Ruling, not_judged};

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.converse_at_length()?;
    match day.longest() {
        0..=8192 => not_judged("no reply is longer than the small buffers: ask for a longer one"),
        bytes => Ok(format!(
            "the replies are the same where buffers are small, one of {bytes} bytes too"
        )),
    }
}
