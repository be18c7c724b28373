//! A class rehearsed on one machine: learners' folders, and what a check costs, of servers as they are given and solved.
//!
//! The learners take turns, without a network. `lab` and what it builds stand in a folder of their own: a checkout's
//! `target` does not grow by a class.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};

use super::sizes::Sizes;
use super::table::{Table, megabytes, seconds};
use super::watch::{self, Ran, Scratch};
use course::learn::class::median;
use course::learn::exercise::{self, Exercise};
use course::{checkout, steps};

/// The exercises that each learner checks: a reply, a macro, a close.
const CHECKED: [&str; 3] = ["one-write", "writeln", "close-wait"];

pub(super) fn measure(sizes: Sizes) -> Result<Table> {
    let scratch = Scratch::new()?;
    let room = Room::new(&scratch)?;
    let exercises = exercise::all()?;
    let checked = CHECKED[..sizes.checks].iter();
    let checked: Vec<&Exercise> = checked
        .map(|name| exercise::find(&exercises, name))
        .collect::<Result<_>>()?;
    // The libraries are built once, as on a machine that is ready for a class.
    let warm_up = room.folders.join("warm-up");
    room.run(&warm_up, &["list"])?;
    let warmed_up = room.check(&warm_up, checked[0], 1)?.took;
    let libraries = disk(&room.target)?;
    let (mut given, mut solved) = (Checks::default(), Checks::default());
    for learner in 0..sizes.learners {
        let folder = room.folders.join(learner.to_string());
        room.run(&folder, &["list"])?;
        for exercise in &checked {
            given.take(&room, &folder, exercise, 1)?;
            fs::write(folder.join(&exercise.slug).join("main.rs"), exercise.solution()?)?;
            solved.take(&room, &folder, exercise, 0)?;
        }
    }
    let mut table = Table::new(&[
        "the server is",
        "first check, median",
        "longest",
        "check again, median",
        "memory of `lab`, at most",
    ]);
    table.rows = vec![given.cells("as it is given"), solved.cells("solved")];
    let learners = sizes.learners as u64;
    table.left_out.push(format!(
        "Before that the libraries and the first server were built in {}, into {}. The compiler took {} of memory at most. \
         A learner's folder takes {} kB, and what is built of it {}.",
        seconds(warmed_up),
        megabytes(libraries),
        megabytes(most_memory_of_children()?),
        disk(&room.folders.join("0"))?.div_ceil(1000),
        megabytes(disk(&room.target)?.saturating_sub(libraries) / learners)
    ));
    Ok(table)
}

/// A program and a target folder outside of the checkout.
struct Room {
    lab: PathBuf,
    target: PathBuf,
    folders: PathBuf,
    checkout: PathBuf,
}

impl Room {
    fn new(scratch: &Scratch) -> Result<Room> {
        let room = Room {
            lab: scratch.path.join("lab"),
            target: scratch.path.join("target"),
            folders: scratch.path.join("folders"),
            checkout: checkout::find()?,
        };
        let lab = steps::build_program("lab")?;
        // From outside of the checkout it builds where the environment says.
        fs::copy(&lab, &room.lab).with_context(|| format!("cannot copy {}", lab.display()))?;
        fs::create_dir(&room.folders)?;
        Ok(room)
    }

    fn run(&self, folder: &Path, arguments: &[&str]) -> Result<Ran> {
        let mut command = Command::new(&self.lab);
        command.current_dir(&self.checkout).args(["learn", "--folder"]);
        command.arg(folder).args(arguments);
        command.env("CARGO_TARGET_DIR", &self.target);
        command.env("CARGO_NET_OFFLINE", "true");
        watch::run(&mut command)
    }

    fn check(&self, folder: &Path, exercise: &Exercise, expected: i32) -> Result<Ran> {
        let ran = self.run(folder, &["check", &exercise.name])?;
        ensure!(
            ran.status.code() == Some(expected),
            "a check of {} ended with {}, not {expected}",
            exercise.name,
            ran.status
        );
        Ok(ran)
    }
}

/// What checks have cost.
#[derive(Default)]
struct Checks {
    first: Vec<Duration>,
    again: Vec<Duration>,
    memory: u64,
}

impl Checks {
    fn take(&mut self, room: &Room, folder: &Path, exercise: &Exercise, expected: i32) -> Result<()> {
        for times in [&mut self.first, &mut self.again] {
            let ran = room.check(folder, exercise, expected)?;
            times.push(ran.took);
            self.memory = self.memory.max(ran.usage.memory);
        }
        Ok(())
    }

    fn cells(self, what: &str) -> Vec<String> {
        let longest = self.first.iter().max().copied().unwrap_or_default();
        vec![
            what.to_owned(),
            seconds(median(self.first).unwrap_or_default()),
            seconds(longest),
            seconds(median(self.again).unwrap_or_default()),
            megabytes(self.memory),
        ]
    }
}

/// The most memory that a child had, or a child of it, and so on: what compilers take is more than what all others do.
fn most_memory_of_children() -> Result<u64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("getrusage")?;
    Ok(u64::try_from(usage.max_rss())? * 1024) // getrusage(2): in kilobytes
}

/// What a folder takes of the disk, as du(1) counts: a file with two names once.
fn disk(folder: &Path) -> Result<u64> {
    let mut seen = std::collections::HashSet::new();
    let mut open = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry?;
            let about = entry.metadata()?;
            if about.is_dir() {
                open.push(entry.path());
            } else if seen.insert(about.ino()) {
                bytes += about.blocks() * 512; // stat(2): always in units of 512 bytes
            }
        }
    }
    Ok(bytes)
}
