//! Whether the cost of a run grows with it, or with its square: clients that come one after the other.

use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use course::steps;
use harness::testing::find_program;
use harness::{LISTEN, Server};

use super::sizes::{QUIET, Sizes};
use super::table::{Table, grouped, seconds, times};
use super::tracer::Straced;
use xtask::running::{Running, exchange};

pub(super) fn measure(sizes: Sizes) -> Result<Table> {
    let server = steps::find("step3")?.build()?;
    let mut table = Table::new(&[
        "connections, one after the other",
        "nobody watches",
        "`strace -f --seccomp-bpf`, the same calls",
        "this project",
        "until there is a timeline",
        "times strace's",
        "connections on the timeline",
        "packets lost",
    ]);
    let has_strace = find_program("strace").is_some();
    if !has_strace {
        let why = "strace is not installed, so there is nothing to compare with.";
        table.left_out.push(why.into());
    }
    for count in sizes.connections.iter().copied() {
        let alone = {
            let running = Running::start(&server, &[], QUIET)?;
            in_a_row(count, || running.connect())?
        };
        let strace = match has_strace {
            true => {
                let straced = Straced::start(&server, true)?;
                Some(in_a_row(count, || straced.0.connect())?)
            }
            false => None,
        };
        let observed = observed(&server, count)?;
        table.rows.push(vec![
            grouped(count as f64),
            seconds(alone),
            strace.map(seconds).unwrap_or_default(),
            seconds(observed.talked),
            seconds(observed.whole),
            strace.map_or_else(String::new, |strace| {
                times(observed.talked.as_secs_f64(), strace.as_secs_f64())
            }),
            grouped(observed.connections as f64),
            grouped(observed.lost as f64),
        ]);
    }
    Ok(table)
}

struct Observed {
    talked: Duration,
    whole: Duration,
    connections: usize,
    lost: u64,
}

fn observed(server: &Path, count: usize) -> Result<Observed> {
    let server = Server::build(server).arg(LISTEN).env("RUST_LOG", QUIET).start()?;
    let began = Instant::now();
    let talked = in_a_row(count, || Ok(server.tcp_stream()?))?;
    let timeline = server.stop()?;
    Ok(Observed {
        talked,
        connections: timeline.connections().count(),
        whole: began.elapsed(),
        lost: timeline.dropped,
    })
}

/// How long it takes that so many clients connect, have one exchange, and close.
fn in_a_row(count: usize, connect: impl Fn() -> Result<TcpStream>) -> Result<Duration> {
    let began = Instant::now();
    for _ in 0..count {
        exchange(connect()?)?;
    }
    Ok(began.elapsed())
}
