//! What the newline costs: the same exchange with two writes, one write, and two writes on a
//! socket without Nagle's algorithm. Untraced, in turn, in one run.

use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use course::steps;

use crate::pages;
use crate::running::{Contender, Limit, Running, race};

/// Measure what the newline costs, untraced, and write the table into the pages
#[derive(Args, Debug)]
pub struct Arguments {
    /// Exchanges in a round of a second, at most
    #[arg(long, default_value_t = 100_000)]
    exchanges: usize,
    /// Only print the table
    #[arg(long)]
    print: bool,
}

impl Arguments {
    /// Does it.
    ///
    /// # Errors
    ///
    /// As [`measure`], and if a page cannot be written.
    pub fn run(&self) -> Result<()> {
        let table = measure(self.exchanges)?;
        io::stdout().write_all(table.as_bytes())?;
        match self.print {
            true => Ok(()),
            false => pages::write_measured("newline", &table),
        }
    }
}

/// Each server has so many rounds, in turn with the others, and the fastest counts.
const ROUNDS: usize = 5;

/// How long a round is, unless it comes to its number of exchanges before.
const ROUND: Duration = Duration::from_secs(1);

/// Measures all servers, with at most so many exchanges in a round, and gives a table for a page.
///
/// # Errors
///
/// If a server cannot be built, started or talked to.
pub fn measure(most: usize) -> Result<String> {
    ensure!(most > 0, "there is nothing to measure in 0 exchanges");
    let start = |step| Running::start(&steps::find(step)?.build()?, &[], "info");
    let mut contenders = vec![
        Contender::new("step1", "two writes", start("step1")?),
        Contender::new("step2", "one write", start("step2")?),
    ];
    if cfg!(target_os = "linux") {
        let without_nagle = start("step1")?;
        without_nagle.switch_nagle_off()?;
        contenders.push(Contender::new("step1", "two writes, TCP_NODELAY", without_nagle));
    }
    let limit = Limit {
        exchanges: most,
        time: ROUND,
    };
    race(&mut contenders, ROUNDS, limit)?;
    let mut table =
        String::from("| a reply is | server | exchanges per second | median exchange |\n|---|---|--:|--:|\n");
    for Contender { name, reply, best, .. } in contenders {
        let (per_second, milliseconds) = (best.per_second(), best.within(0.5) * 1000.0);
        table += &format!("| {reply} | `{name}` | {per_second:.0} | {milliseconds:.3} ms |\n");
    }
    Ok(table)
}
