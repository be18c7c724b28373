//! The wire loses, swaps and repeats packets: the stream is the same.

use super::day::Day;
use super::ruling::{Ruling, not_judged};
use super::{Host, behind};

pub(super) const HOST: Host = |server, ground| {
    let script = "loss 10%\nduplicate client data 1\nduplicate server data 2\nswap server data 1\nswap client data 2";
    behind(&format!("seed {}\n{script}", ground.seed), server)
};

const ENOUGH: usize = 3;

pub(super) fn run(day: &Day<'_>) -> Ruling {
    // A long reply has enough segments for several losses in one round. Short replies may need more rounds.
    for _ in 0..3 {
        day.converse_at_length()?;
        if day.count_lost() >= ENOUGH {
            break;
        }
    }
    match day.count_lost() {
        0 => not_judged("no packet was lost"),
        lost => Ok(format!("the replies are the same though {lost} packets were lost")),
    }
}
