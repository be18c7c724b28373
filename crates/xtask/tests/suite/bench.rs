//! `cargo bench -p xtask` gives its rows. How fast anything is, no test asks. It is for Linux, as tracing is.

use anyhow::{Context, Result};
use clap::ValueEnum;
use harness::testing::Needs::{self, Calls, Program, Request, Sandbox, Wire};

use measure::table::{grouped, times};
use measure::{Measurement, QUICK, Table};

#[path = "../../benches/speed/measure/mod.rs"]
#[allow(unused_imports, dead_code, reason = "only the bench measures in full")]
mod measure;

/// One of them is enough on a reader's machine.
const ASKED: Needs = Request("measures: run with --ignored");

/// The first cells of a part's rows, measured in tiny sizes.
fn rows(part: &str) -> Result<Vec<String>> {
    let part = Measurement::from_str(part, false)
        .ok()
        .context("there is no such part")?;
    let Table { headings, rows, .. } = part.measure(QUICK)?;
    for row in &rows {
        assert_eq!(row.len(), headings.len(), "{row:?}");
    }
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next()).collect())
}

fn servers() -> Result<()> {
    assert_eq!(rows("servers")?.len(), 7);
    Ok(())
}

fn tracer() -> Result<()> {
    let rows = rows("tracer")?;
    assert!(rows.iter().any(|row| row.starts_with("this project")), "{rows:?}");
    Ok(())
}

fn tracer_beside_strace() -> Result<()> {
    let rows = rows("tracer")?;
    assert!(rows.iter().any(|row| row.contains("--seccomp-bpf")), "{rows:?}");
    Ok(())
}

fn connections() -> Result<()> {
    assert_eq!(rows("connections")?, ["10", "20"]);
    Ok(())
}

fn capture() -> Result<()> {
    let rows = rows("capture")?;
    assert!(rows[0].starts_with("this project"), "{rows:?}");
    Ok(())
}

fn wire() -> Result<()> {
    assert_eq!(rows("wire")?.len(), 5);
    assert_eq!(rows("delay")?.len(), 1);
    Ok(())
}

fn show() -> Result<()> {
    let rows = rows("show")?;
    assert_eq!(rows.iter().filter(|row| *row == "`lab show`").count(), 2, "{rows:?}");
    Ok(())
}

fn thousands_stand_apart() -> Result<()> {
    assert_eq!(grouped(7.4), "7");
    assert_eq!(grouped(999.0), "999");
    assert_eq!(grouped(1_234_567.0), "1,234,567");
    Ok(())
}

fn a_ratio_has_as_many_digits_as_it_deserves() -> Result<()> {
    assert_eq!(times(1.0, 3.0), "0.33");
    assert_eq!(times(4.0, 3.0), "1.3");
    assert_eq!(times(41_000.0, 30.0), "1,367");
    Ok(())
}

fn a_table_is_markdown() -> Result<()> {
    let mut table = Table::new(&["what", "how much"]);
    table.rows.push(vec!["this".into(), "2".into()]);
    table.left_out.push("Not measured: that.".into());
    assert_eq!(
        table.to_string(),
        "| what | how much |\n|---|--:|\n| this | 2 |\n\nNot measured: that.\n"
    );
    Ok(())
}

harness::tests! {
    thousands_stand_apart needs [];
    a_ratio_has_as_many_digits_as_it_deserves needs [];
    a_table_is_markdown needs [];
    servers needs [ASKED, Calls];
    tracer needs [ASKED, Calls];
    tracer_beside_strace needs [ASKED, Calls, Program("strace")];
    connections needs [ASKED, Calls];
    capture needs [ASKED, Sandbox];
    wire needs [ASKED, Wire, Program("ip")];
    show needs [ASKED, Calls];
}
