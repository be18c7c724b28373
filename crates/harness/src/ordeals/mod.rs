//! The rough day of a server: its kernel is only poorer, and its clients are only ruder. Nothing is faked.
//!
//! First the server's conversation is held gently, in two processes, and the replies are kept. Then each [`Ordeal`] makes
//! the day rough in one way, and judges by what came, in which order, and what is left; never by how long it took.
//!
//! ```no_run
//! use harness::{LISTEN, Server, ordeals};
//!
//! let server = Server::build("target/debug/my-server").arg(LISTEN);
//! let report = ordeals::Rough::of(server).run();
//! assert!(report.failed().next().is_none(), "{report}");
//! ```
//!
//! An ordeal is a file: its conversation and its criterion. Its lever stands there or in the table below, and its words
//! stand in `ordeals.json`.

mod day;
mod fault;
mod ground;
mod ordeal;
mod rough;
mod ruling;
mod talk;

mod body;
mod bytewise;
mod closes;
mod endless;
mod few_descriptors;
mod full_house;
mod gone;
mod goodbye;
mod half_close;
mod lossy;
mod old_host;
mod paused;
mod pipelined;
mod poor;
mod reset;
mod restart;
mod silent;
mod slow_reader;
mod stop;
mod tiny;
mod urgent;

use std::sync::LazyLock;

use self::day::Day;
use self::ground::Ground;
use self::ruling::Ruling;
use crate::server::ServerBuilder;
use crate::wire::Wire;

pub use self::fault::Fault;
pub use self::ordeal::{Judged, Ordeal};
pub use self::rough::{Report, Rough};
pub use timeline::rules::Verdict;

/// What is written of each ordeal and each fault, as `ordeals.json` has it.
#[derive(serde::Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Words {
    ordeals: Box<[Ordeal; 21]>,
    faults: [fault::Entry; 8],
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let words = include_str!("../../ordeals.json");
    serde_json::from_str(words).expect("the tests read this file, so it is well formed")
});

/// All ordeals, in the order of their table.
pub static ORDEALS: LazyLock<[&Ordeal; 21]> = LazyLock::new(|| WORDS.ordeals.each_ref());

/// What the server's host is, and its wire.
type Host = fn(ServerBuilder, &Ground) -> ServerBuilder;

/// The conversation, and how it is judged.
type Run = fn(&Day<'_>) -> Ruling;

/// What becomes of each ordeal's day, by the ordeal's name.
const WAYS: [(&str, Host, Run); 21] = [
    ("closes", gentle_host, closes::run),
    ("bytewise", gentle_host, bytewise::run),
    ("pipelined", gentle_host, pipelined::run),
    ("poor", poor_host, poor::run),
    ("tiny", |server, _| server.mtu(128), tiny::run),
    ("slow-reader", poor_host, slow_reader::run),
    ("half-close", gentle_host, half_close::run),
    ("reset", poor_host, reset::run),
    ("body", body::HOST, body::run),
    ("gone", gone::HOST, gone::run),
    ("few-descriptors", few_descriptors::HOST, few_descriptors::run),
    ("full-house", |server, _| server.backlog(1), full_house::run),
    ("stop", poor_host, stop::run),
    ("restart", |server, _| server.restarts(1), restart::run),
    ("lossy", lossy::HOST, lossy::run),
    ("endless", |server, _| server.snaplen(96).keep(10_000), endless::run),
    ("goodbye", goodbye::HOST, goodbye::run),
    ("silent", gentle_host, silent::run),
    ("paused", poor_host, paused::run),
    ("urgent", gentle_host, urgent::run),
    ("old-host", old_host::HOST, old_host::run),
];

/// The host as it is.
fn gentle_host(server: ServerBuilder, _: &Ground) -> ServerBuilder {
    server
}

/// Small buffers on both sides: what does not fit waits in the server. What the kernel rounds up is a page of it.
fn poor_host(server: ServerBuilder, _: &Ground) -> ServerBuilder {
    server.buffers(4096)
}

/// Behind a wire with this script.
fn behind(script: &str, server: ServerBuilder) -> ServerBuilder {
    let wire = Wire::new().script(script);
    server.wire(wire.unwrap_or_else(|error| unreachable!("{error}")))
}

impl Ordeal {
    /// The ordeal with this name.
    pub fn named(name: &str) -> Option<&'static Ordeal> {
        ORDEALS.into_iter().find(|ordeal| ordeal.name == name)
    }

    fn way(&self) -> (Host, Run) {
        let way = WAYS.into_iter().find(|(name, ..)| *name == self.name);
        let (_, host, run) = way.expect("the tests find the way of each ordeal");
        (host, run)
    }
}

#[cfg(test)]
#[path = "../../tests/unit/ordeals.rs"]
mod tests;
