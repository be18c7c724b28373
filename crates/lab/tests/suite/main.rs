//! All tests of the `lab` command in one program: each program more is linked, and kept, with the whole harness in it.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

mod command;
mod comparing;
mod drawing;
mod gate;
mod learning;
#[cfg(target_os = "linux")]
mod robust;
mod rough;
#[cfg(target_os = "linux")]
mod router;
mod teaching;
#[path = "../../../timeline/tests/suite/valid.rs"]
mod valid;
mod wireshark;

/// What `lab` wrote as JSON, if it is as the schema describes what has this name.
fn read_json(text: &[u8], name: &str) -> Result<Value> {
    let value = serde_json::from_slice(text)?;
    valid::check(&value, &course::schema(), name).map_err(anyhow::Error::msg)?;
    Ok(value)
}

fn main() -> ExitCode {
    harness::testing::run_all(&[
        // Those that take longest.
        ("rough", rough::TESTS),
        ("gate", gate::TESTS),
        ("command", command::TESTS),
        ("learning", learning::TESTS),
        #[cfg(target_os = "linux")]
        ("robust", robust::TESTS),
        #[cfg(target_os = "linux")]
        ("robust::large", robust::large::TESTS),
        #[cfg(target_os = "linux")]
        ("router", router::TESTS),
        ("wireshark", wireshark::TESTS),
        ("teaching", teaching::TESTS),
        ("drawing", drawing::TESTS),
        ("comparing", comparing::TESTS),
    ])
}
