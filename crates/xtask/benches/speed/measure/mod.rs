//! What is measured, always side by side in one run: what counts is how one row compares to another.

mod capture;
mod connections;
mod servers;
mod show;
mod sizes;
pub(crate) mod table;
mod tracer;
mod watch;
mod wire;

use anyhow::Result;
use clap::ValueEnum;

pub(crate) use sizes::{FULL, QUICK, Sizes};
pub(crate) use table::Table;

/// What is measured: a table in docs/speed.md, unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measurement {
    /// What the steps make of their clients' time
    Servers,
    /// The tracer beside strace
    Tracer,
    /// Clients one after the other: how the cost grows
    Connections,
    /// The capture beside tcpdump
    Capture,
    /// `lab show` beside tshark
    Show,
    /// The wire between two hosts beside a cable alone
    Wire,
    /// How exactly a wire keeps its delay
    Delay,
}

impl Measurement {
    pub(crate) fn measure(self, sizes: Sizes) -> Result<Table> {
        match self {
            Measurement::Servers => servers::measure(sizes),
            Measurement::Tracer => tracer::measure(sizes),
            Measurement::Connections => connections::measure(sizes),
            Measurement::Capture => capture::measure(sizes),
            Measurement::Show => show::measure(sizes),
            Measurement::Wire => wire::measure(sizes),
            Measurement::Delay => wire::measure_delay(sizes),
        }
    }
}
