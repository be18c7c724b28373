//! Many connections at once, and what is left of them.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use procfs::net::TcpState;
use procfs::process::Process;

use super::servers::QUIET;
use super::{Sizes, Table, grouped, once_still};
use crate::running::{Running, exchange};
use course::steps;

/// Descriptors of a process besides one for each connection.
const OTHER_DESCRIPTORS: u64 = 100;

/// The server is given so long to close what its clients have closed.
const CLOSES_WITHIN: Duration = Duration::from_secs(10);
/// Numbers that do not change for so long are not about to.
const STANDS_STILL: Duration = Duration::from_secs(1);

pub(super) fn measure(sizes: Sizes) -> Result<Table> {
    let mut table = Table::new(&[
        "server",
        "connections at once",
        "memory for each",
        "CLOSE_WAIT after the clients have left",
        "descriptors open then",
    ]);
    let connections = allowed(sizes.connections)?;
    if connections < sizes.connections {
        let wanted = sizes.connections;
        table.left_out.push(format!(
            "Here a process may open {connections} connections, not {wanted}: ulimit -Hn."
        ));
    }
    for step in ["step2", "step3"] {
        table.rows.push(row(step, connections)?);
    }
    Ok(table)
}

/// Raises this process's limit of open descriptors, which its children inherit. How many
/// connections it allows.
fn allowed(wanted: usize) -> Result<usize> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let limit = (wanted as u64 + OTHER_DESCRIPTORS).min(hard);
    if limit > soft {
        setrlimit(Resource::RLIMIT_NOFILE, limit, hard).context("cannot raise the limit of open files")?;
    }
    Ok(wanted.min(limit.saturating_sub(OTHER_DESCRIPTORS) as usize))
}

fn row(step: &str, count: usize) -> Result<Vec<String>> {
    let server = Running::start(&steps::find(step)?.build()?, &[], QUIET)?;
    let process = Process::new(server.id().cast_signed())?;
    let memory = || -> Result<u64> { process.status()?.vmrss.context("the server's memory is not told") };
    // The first one makes the server start what it starts only once.
    exchange(server.connect()?)?;
    let before = memory()?;
    let mut clients: Vec<TcpStream> = Vec::with_capacity(count);
    for _ in 0..count {
        let client = server
            .connect()
            .with_context(|| format!("after {} connections", clients.len()))?;
        exchange(&client)?;
        clients.push(client);
    }
    let after = memory()?;
    drop(clients);
    let (left, descriptors) = still_open(&server, &process)?;
    let each = (after.saturating_sub(before)) as f64 / count as f64;
    Ok(vec![
        format!("`{step}`"),
        grouped(count as f64),
        format!("{each:.1} KiB"),
        grouped(left as f64),
        grouped(descriptors as f64),
    ])
}

/// The server's sockets in CLOSE_WAIT, and its open descriptors, once their numbers stand still.
fn still_open(server: &Running, process: &Process) -> Result<(usize, usize)> {
    let address = server.address.parse().context("the server's address is none")?;
    let count = || -> Result<(usize, usize)> {
        let table = process.tcp()?;
        let ours = table.iter().filter(|entry| entry.local_address == address);
        let left = ours.filter(|entry| entry.state == TcpState::CloseWait).count();
        Ok((left, process.fd_count()?))
    };
    once_still(count, STANDS_STILL, CLOSES_WITHIN)
}
