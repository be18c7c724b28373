//! Packets are small: a message comes in many segments.

use super::day::Day;
use super::ground::Ground;
use super::ordeal::Ordeal;
use super::ruling::{Ruling, not_judged};
use crate::server::ServerBuilder;

/// See the module.
pub(super) const ORDEAL: Ordeal = Ordeal {
    name: "tiny",
    about: "Packets are small: a message comes in many segments",
    lever: "no packet is longer than 128 bytes; a line of 100,000 bytes beside the conversation",
    fails: "a reply that is cut or changed",
    cure: "read until the message is whole: a segment is no message",
    quick: true,
    host,
    run,
};

fn host(server: ServerBuilder, _: &Ground) -> ServerBuilder {
    server.mtu(128)
}

fn run(day: &Day<'_>) -> Ruling {
    day.converse_at_length()?;
    match day.longest() {
        0..=128 => not_judged("no reply is longer than such a packet: ask for a longer one"),
        bytes => Ok(format!(
            "the replies are the same in packets of 128 bytes, one of {bytes} bytes too"
        )),
    }
}
