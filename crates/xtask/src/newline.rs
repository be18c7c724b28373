//! What the newline costs: the same exchange with two writes, one write, and two writes on a
//! socket without Nagle's algorithm. Untraced, in turn, in one run.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use course::steps;

use crate::pages;
use crate::running::{Limit, Running, exchanges};

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
        let table = table(&measure(self.exchanges)?);
        io::stdout().write_all(table.as_bytes())?;
        match self.print {
            true => Ok(()),
            false => pages::write_measured("newline", &table),
        }
    }
}

/// Each server has so many rounds, in turn with the others, and the fastest counts: whatever else a machine does can
/// only make a round slower.
const ROUNDS: usize = 5;

/// How long a round is, unless it comes to its number of exchanges before.
const ROUND: Duration = Duration::from_secs(1);

/// What one server took.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What is special about it.
    pub what: &'static str,
    /// Its name for a reader who wants to run it.
    pub server: &'static str,
    /// Exchanges per second in its fastest round.
    pub per_second: f64,
    /// The middle one of the exchanges' times in that round.
    pub median: Duration,
}

/// Measures all servers, with at most so many exchanges in a round.
///
/// # Errors
///
/// If a server cannot be built, started or talked to.
pub fn measure(most: usize) -> Result<Vec<Measured>> {
    ensure!(most > 0, "there is nothing to measure in 0 exchanges");
    let mut servers = vec![("two writes", "step1", false), ("one write", "step2", false)];
    if cfg!(target_os = "linux") {
        servers.push(("two writes, TCP_NODELAY", "step1", true));
    }
    let start = |(what, server, no_delay)| {
        let running = Running::start(&steps::find(server)?.build()?, &[], "info")?;
        if no_delay {
            running.switch_nagle_off()?;
        }
        Ok((what, server, running))
    };
    let running: Vec<_> = servers.into_iter().map(start).collect::<Result<_>>()?;
    let mut fastest: Vec<Option<Measured>> = vec![None; running.len()];
    for _ in 0..ROUNDS {
        for ((what, server, running), fastest) in running.iter().zip(&mut fastest) {
            let now = round(what, server, running, most)?;
            if fastest.as_ref().is_none_or(|before| now.median < before.median) {
                *fastest = Some(now);
            }
        }
    }
    Ok(fastest.into_iter().flatten().collect())
}

fn round(what: &'static str, server: &'static str, running: &Running, most: usize) -> Result<Measured> {
    let limit = Limit {
        exchanges: most,
        time: ROUND,
    };
    let mut times = exchanges(running.connect()?, limit)?;
    let total: Duration = times.iter().sum();
    times.sort();
    Ok(Measured {
        what,
        server,
        per_second: times.len() as f64 / total.as_secs_f64(),
        median: times[times.len() / 2],
    })
}

/// The measurements as a table for a page.
pub fn table(measured: &[Measured]) -> String {
    let mut table =
        String::from("| a reply is | server | exchanges per second | median exchange |\n|---|---|--:|--:|\n");
    for Measured {
        what,
        server,
        per_second,
        median,
    } in measured
    {
        let milliseconds = median.as_secs_f64() * 1000.0;
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {what} | `{server}` | {per_second:.0} | {milliseconds:.3} ms |"
        );
    }
    table
}
