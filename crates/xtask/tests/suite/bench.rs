//! `cargo xtask bench` gives its rows. How fast anything is, no test asks. It is for Linux, as tracing is.

use std::process::Command;

use anyhow::{Result, ensure};
use harness::testing::Needs::{self, Calls, Program, Request, Sandbox, Wire};
use harness::testing::built;

/// One of them is enough on a reader's machine.
const ASKED: Needs = Request("measures: run with --ignored");

/// The first cells of a part's rows, measured in tiny sizes.
fn rows(part: &str) -> Result<Vec<String>> {
    let output = Command::new(built("xtask")).args(["bench", "--quick", part]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{text}{error}");
    assert!(text.starts_with(&format!("bench {part}\n\n| ")), "{text}");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("| "));
    let columns = |line: &str| line.split(" | ").count();
    let headings = lines.next().unwrap_or_default();
    let rows: Vec<&str> = lines.collect();
    for row in &rows {
        assert_eq!(columns(row), columns(headings), "{text}");
    }
    Ok(rows
        .into_iter()
        .filter_map(|row| Some(row.split(" | ").next()?.to_owned()))
        .collect())
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
    assert_eq!(rows("wire")?.len(), 4);
    assert_eq!(rows("delay")?.len(), 1);
    Ok(())
}

fn show() -> Result<()> {
    let rows = rows("show")?;
    assert_eq!(rows.iter().filter(|row| *row == "`lab show`").count(), 2, "{rows:?}");
    Ok(())
}

harness::tests! {
    servers needs [ASKED, Calls];
    tracer needs [ASKED, Calls];
    tracer_beside_strace needs [ASKED, Calls, Program("strace")];
    connections needs [ASKED, Calls];
    capture needs [ASKED, Sandbox];
    wire needs [ASKED, Wire];
    show needs [ASKED, Calls];
}
