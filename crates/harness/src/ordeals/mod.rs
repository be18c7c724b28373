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
//! An ordeal is a file: its lever, its conversation, its criterion, its words.

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

pub use self::fault::Fault;
pub use self::ordeal::{Judged, Ordeal};
pub use self::rough::{Report, Rough};
pub use timeline::rules::Verdict;

/// All ordeals, in the order of their table.
pub const ORDEALS: [&Ordeal; 21] = [
    &closes::ORDEAL,
    &bytewise::ORDEAL,
    &pipelined::ORDEAL,
    &poor::ORDEAL,
    &tiny::ORDEAL,
    &slow_reader::ORDEAL,
    &half_close::ORDEAL,
    &reset::ORDEAL,
    &body::ORDEAL,
    &gone::ORDEAL,
    &few_descriptors::ORDEAL,
    &full_house::ORDEAL,
    &stop::ORDEAL,
    &restart::ORDEAL,
    &lossy::ORDEAL,
    &endless::ORDEAL,
    &goodbye::ORDEAL,
    &silent::ORDEAL,
    &paused::ORDEAL,
    &urgent::ORDEAL,
    &old_host::ORDEAL,
];

impl Ordeal {
    /// The ordeal with this name.
    pub fn named(name: &str) -> Option<&'static Ordeal> {
        ORDEALS.into_iter().find(|ordeal| ordeal.name == name)
    }
}
