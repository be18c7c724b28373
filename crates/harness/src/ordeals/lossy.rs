//! The wire loses, swaps and repeats packets: the stream is the same.

use super::day::Day;
use super::ground::Ground;
use super::ordeal::Ordeal;
use super::ruling::{Ruling, not_judged};
use crate::server::ServerBuilder;
use crate::wire::Wire;

/// See the module.
pub(super) const ORDEAL: Ordeal = Ordeal {
    name: "lossy",
    about: "The wire loses, swaps and repeats packets: the stream is the same",
    lever: "a wire that loses 10 of 100 packets, by a seed, and swaps and repeats some",
    fails: "another reply",
    cure: "go by what came, and not by how long it took: a message that comes late is no other message",
    quick: false,
    host,
    run,
};

fn host(server: ServerBuilder, ground: &Ground) -> ServerBuilder {
    let script = "loss 10%\nduplicate client data 1\nduplicate server data 2\nswap server data 1\nswap client data 2";
    let wire = Wire::new().script(&format!("seed {}\n{script}", ground.seed));
    server.wire(wire.unwrap_or_else(|error| unreachable!("{error}")))
}

const ENOUGH: usize = 3;

fn run(day: &Day<'_>) -> Ruling {
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
