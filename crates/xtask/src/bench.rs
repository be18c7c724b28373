//! Measures speed, always side by side in one run: what counts is how one row compares to another.
//!
//! Nothing here is a test. Tests see to it that each part runs and gives its rows.

mod capture;
mod connections;
mod servers;
mod show;
mod sizes;
mod table;
mod tracer;
mod watch;
mod wire;

use std::io::Write as _;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::pages;
use sizes::{FULL, QUICK, Sizes};
use table::Table;

/// What to measure, and what to do with the tables.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// The parts to measure; all unless given
    #[arg(value_enum)]
    parts: Vec<Measurement>,
    /// Only print the tables
    #[arg(long)]
    print: bool,
    /// Tiny sizes, to see that all of it works; only prints
    #[arg(long)]
    quick: bool,
}

/// What is measured: a table in docs/speed.md, unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Measurement {
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

impl Arguments {
    /// Measures, prints the tables, and writes them into the pages.
    ///
    /// # Errors
    ///
    /// If something cannot be started or measured, or a page cannot be written.
    pub fn run(&self) -> Result<()> {
        let parts = match self.parts.is_empty() {
            true => Measurement::value_variants(),
            false => &self.parts,
        };
        let sizes = if self.quick { QUICK } else { FULL };
        for part in parts {
            let table = part.measure(sizes)?.to_string();
            let name = part.to_possible_value().map(|value| value.get_name().to_owned());
            let name = format!("bench {}", name.unwrap_or_default());
            writeln!(std::io::stdout(), "{name}\n\n{table}")?;
            if !self.print && !self.quick {
                pages::write_measured(&name, &table)?;
            }
        }
        Ok(())
    }
}

impl Measurement {
    fn measure(self, sizes: Sizes) -> Result<Table> {
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
