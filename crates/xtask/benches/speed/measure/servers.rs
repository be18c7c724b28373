//! What the steps make of their clients' time, beside the shortest servers there can be.

use anyhow::Result;
use course::steps;

use super::sizes::{QUIET, Sizes};
use super::table::{Table, grouped};
use xtask::running::{Contender, Running, race};

/// What a step logs unless told. What that costs is a row of its own.
const WITH_LOG: &str = "info";

pub(super) fn measure(sizes: Sizes) -> Result<Table> {
    let step = |name, log| Running::start(&steps::find(name)?.build()?, &[], log);
    let short = steps::build_example("bench-server")?;
    let short = |what| Running::start(&short, &[what], QUIET);
    let without_nagle = step("step1", QUIET)?;
    without_nagle.switch_nagle_off()?;
    let mut contenders = [
        Contender::new("a thread that echoes bytes", "1 write", short("std")?),
        Contender::new("a tokio task that echoes bytes", "1 write", short("tokio")?),
        Contender::new("`step3`", "1 write", step("step3", QUIET)?),
        Contender::new("`step3`, with its log", "1 write", step("step3", WITH_LOG)?),
        Contender::new("`step2`", "1 write", step("step2", QUIET)?),
        Contender::new("`step1`, TCP_NODELAY", "2 writes", without_nagle),
        Contender::new("`step1`", "2 writes", step("step1", QUIET)?),
    ];
    race(&mut contenders, sizes.rounds, sizes.round())?;
    let mut table = Table::new(&[
        "server",
        "a reply is",
        "exchanges per second",
        "median",
        "99 of 100 within",
        "packets per exchange",
    ]);
    for contender in contenders {
        table.rows.push(vec![
            contender.name.to_owned(),
            contender.reply.to_owned(),
            grouped(contender.best.per_second()),
            milliseconds(contender.best.within(0.5)),
            milliseconds(contender.best.within(0.99)),
            format!("{:.1}", contender.packets_per_exchange()),
        ]);
    }
    Ok(table)
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.3} ms", seconds * 1000.0)
}
