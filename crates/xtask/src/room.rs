//! One archive for a room of machines without a network: what is committed here, and beside it the crates that it takes.
//! Cargo looks for its settings in the folders above a checkout too, so the checkout itself stays as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use course::checkout;

/// The folder in the archive.
const ROOM: &str = "tcp-room";

/// How cargo finds the crates there: the path begins at the folder that holds `.cargo`.
const SETTINGS: &str = "[source.crates-io]\nreplace-with = \"room\"\n\n[source.room]\ndirectory = \"vendor\"\n";

/// Makes the archive, and gives its path.
///
/// # Errors
///
/// If git, cargo or tar fail; they have said why.
pub fn write() -> Result<PathBuf> {
    let checkout = checkout::find()?;
    let target = checkout.join("target");
    let room = target.join(ROOM);
    if room.exists() {
        fs::remove_dir_all(&room).context("cannot remove the room of last time")?;
    }
    fs::create_dir_all(room.join(".cargo"))?;
    // The last commit alone, which names nobody's folder.
    let ours = format!("file://{}", checkout.display());
    run(&room, "git", &["clone", "--quiet", "--depth", "1", &ours, "checkout"])?;
    run(&room.join("checkout"), "git", &["remote", "remove", "origin"])?;
    let manifest = ["--manifest-path", "checkout/Cargo.toml"];
    run(
        &room,
        "cargo",
        &[&["vendor", "--locked", "--quiet"], &manifest[..], &["vendor"]].concat(),
    )?;
    fs::write(room.join(".cargo/config.toml"), SETTINGS)?;
    // Root that unpacks it owns it.
    let owner = ["--owner=0", "--group=0", "--numeric-owner"];
    run(
        &target,
        "tar",
        &[&["-czf", "tcp-room.tar.gz"], &owner[..], &[ROOM]].concat(),
    )?;
    fs::remove_dir_all(&room)?;
    Ok(target.join("tcp-room.tar.gz"))
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program).args(arguments).current_dir(folder).status();
    let status = status.with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program} failed; it has said why");
    Ok(())
}
