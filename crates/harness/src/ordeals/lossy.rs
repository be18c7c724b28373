//! The wire loses, swaps and repeats packets: the stream is the same.

use super::day::Day;
use super::ground::Ground;
use super::ruling::{Ruling, not_judged};
use crate::server::ServerBuilder;
use crate::wire::Wire;

pub(super) fn host(server: ServerBuilder, ground: &Ground) -> ServerBuilder {
    let script = "loss 10%\nduplicate client data 1\nduplicate server data 2\nswap server data 1\nswap client data 2";
    let wire = Wire::new().script(&format!("seed {}\n{script}", ground.seed));
    server.wire(wire.unwrap_or_else(|error| unreachable!("{error}")))
}

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
