//! What the steps make of their clients' time, beside the shortest servers there can be.

use anyhow::Result;
use socket2::SockRef;

use super::{Best, Sizes, Table, grouped, times};
use crate::running::{Limit, Running, exchange, exchanges};
use course::steps;

/// The log lines that the steps write, as a filter of env_logger: the one that tells the address,
/// and no others. What a log costs is a row of its own.
pub(super) const QUIET: &str = "info/listening on";
const WITH_LOG: &str = "info";

/// A connection's first exchanges are not like the others: its ACKs are not delayed yet.
const WARM_UP: usize = 3;

/// A server that runs, and what it took so far.
struct Candidate {
    name: &'static str,
    reply: &'static str,
    running: Running,
    best: Best,
    exchanges: usize,
    packets: u32,
}

impl Candidate {
    fn new(name: &'static str, reply: &'static str, running: Running) -> Candidate {
        Candidate {
            name,
            reply,
            running,
            best: Best::default(),
            exchanges: 0,
            packets: 0,
        }
    }

    fn round(&mut self, sizes: Sizes) -> Result<()> {
        let limit = Limit {
            exchanges: sizes.exchanges,
            time: sizes.round,
        };
        let stream = self.running.connect()?;
        stream.set_nodelay(true)?;
        for _ in 0..WARM_UP {
            exchange(&stream)?;
        }
        let packets =
            || harness::segment_counters(&SockRef::from(&stream)).map_or(0, |counted| counted.sent + counted.received);
        let before = packets();
        let times = exchanges(&stream, limit)?;
        self.packets += packets() - before;
        self.exchanges += times.len();
        self.best.take(times);
        Ok(())
    }
}

pub(super) fn measure(sizes: Sizes) -> Result<Table> {
    let step = |name, log| Running::start(&steps::find(name)?.build()?, &[], log);
    let short = steps::build_example("bench-server")?;
    let without_nagle = step("step1", QUIET)?;
    without_nagle.switch_nagle_off()?;
    let mut candidates = [
        Candidate::new(
            "a thread that echoes bytes",
            "1 write",
            Running::start(&short, &["std"], QUIET)?,
        ),
        Candidate::new(
            "a tokio task that echoes bytes",
            "1 write",
            Running::start(&short, &["tokio"], QUIET)?,
        ),
        Candidate::new("`step3`", "1 write", step("step3", QUIET)?),
        Candidate::new("`step3`, with its log", "1 write", step("step3", WITH_LOG)?),
        Candidate::new("`step2`", "1 write", step("step2", QUIET)?),
        Candidate::new("`step1`, TCP_NODELAY", "2 writes", without_nagle),
        Candidate::new("`step1`", "2 writes", step("step1", QUIET)?),
    ];
    for _ in 0..sizes.rounds {
        for candidate in &mut candidates {
            candidate.round(sizes)?;
        }
    }
    let mut table = Table::new(&[
        "server",
        "a reply is",
        "exchanges per second",
        "median",
        "99 of 100 within",
        "median, times the first row's",
        "packets per exchange",
    ]);
    let mut first = None;
    for candidate in candidates {
        let median = candidate.best.within(0.5);
        table.rows.push(vec![
            candidate.name.to_owned(),
            candidate.reply.to_owned(),
            grouped(candidate.best.per_second()),
            milliseconds(median),
            milliseconds(candidate.best.within(0.99)),
            times(median, *first.get_or_insert(median)),
            format!("{:.1}", f64::from(candidate.packets) / candidate.exchanges as f64),
        ]);
    }
    Ok(table)
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.3} ms", seconds * 1000.0)
}
