//! What the newline costs: the same exchange with two writes, one write, and two writes on a
//! socket without Nagle's algorithm. Untraced, one after the other in one run.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::running::{Limit, Running, exchanges};
use crate::steps;

/// Two minutes for each server, however slow it is.
const TIME: Duration = Duration::from_secs(120);

/// What one server took.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What is special about it.
    pub what: &'static str,
    /// Its name for a reader who wants to run it.
    pub server: &'static str,
    /// Exchanges per second over the whole run.
    pub per_second: f64,
    /// The middle one of the exchanges' times.
    pub median: Duration,
}

/// Measures all servers with so many exchanges each.
///
/// # Errors
///
/// If a server cannot be built, started or talked to.
pub fn measure(count: usize) -> Result<Vec<Measured>> {
    ensure!(count > 0, "there is nothing to measure in 0 exchanges");
    let limit = Limit {
        exchanges: count,
        time: TIME,
    };
    let mut servers = vec![("two writes", "step1", false), ("one write", "step2", false)];
    if cfg!(target_os = "linux") {
        servers.push(("two writes, TCP_NODELAY", "step1", true));
    }
    let measure = |(what, server, no_delay)| {
        let running = Running::start(&steps::find(server)?.build()?, &[], "info")?;
        if no_delay {
            running.switch_nagle_off()?;
        }
        let mut times = exchanges(running.connect()?, limit)?;
        let total: Duration = times.iter().sum();
        times.sort();
        Ok(Measured {
            what,
            server,
            per_second: times.len() as f64 / total.as_secs_f64(),
            median: times[times.len() / 2],
        })
    };
    servers.into_iter().map(measure).collect()
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
