//! One archive for a room of machines without a network: `room.sh` says what is in it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use course::checkout;

/// Makes the archive, and gives its path.
///
/// # Errors
///
/// If git, cargo or tar fail; they have said why.
pub fn write() -> Result<PathBuf> {
    let checkout = checkout::find()?;
    let mut shell = Command::new("sh");
    shell.args(["-c", include_str!("../room.sh"), "room"]).arg(&checkout);
    let status = shell.status().context("cannot run sh")?;
    ensure!(status.success(), "the archive could not be made");
    Ok(checkout.join("target/tcp-room.tar.gz"))
}
