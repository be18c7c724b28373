//! Measures speed and writes docs/speed.md: `cargo bench -p xtask`. It is for Linux, as tracing is.
//!
//! Nothing here is a test. A test sees to it that each part runs and gives its rows.
#![cfg(target_os = "linux")]

mod measure;

use std::io::Write as _;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use measure::{FULL, Measurement, QUICK};
use xtask::pages;

/// What to measure, and what to do with the tables.
#[derive(Parser)]
#[command(bin_name = "cargo bench -p xtask --")]
struct Arguments {
    /// The parts to measure; all unless given
    #[arg(value_enum)]
    parts: Vec<Measurement>,
    /// Only print the tables
    #[arg(long)]
    print: bool,
    /// Tiny sizes, to see that all of it works; only prints
    #[arg(long)]
    quick: bool,
    /// `cargo bench` says this to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    /// Measures, prints the tables, and writes them into the pages.
    fn run(&self) -> Result<()> {
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

fn main() -> Result<()> {
    Arguments::parse().run()
}
