//! A class rehearsed on one machine: learners' folders, unsolved, half solved and solved, and what a check of each costs.
//!
//! The learners take turns, without a network. `lab` and what it builds stand in a folder of their own: a checkout's
//! `target` does not grow by a class.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use procfs::process::Process;

use super::{Scratch, Sizes, Table, Usage, megabytes, seconds};
use course::learn::class::median;
use course::learn::exercise::{self, Exercise};
use course::{checkout, steps};

/// The exercises that each learner checks: a reply, a macro, a close.
const CHECKED: [&str; 3] = ["one-write", "writeln", "close-wait"];

/// How often a process is looked at, to see its memory before it ends.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How far a learner has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unsolved,
    Half,
    Solved,
}

impl State {
    const ALL: [State; 3] = [State::Unsolved, State::Half, State::Solved];

    fn word(self) -> &'static str {
        match self {
            State::Unsolved => "unsolved",
            State::Half => "half solved",
            State::Solved => "solved",
        }
    }

    /// Of so many exercises, how many are solved.
    fn solved(self, all: usize) -> usize {
        match self {
            State::Unsolved => 0,
            State::Half => all / 2,
            State::Solved => all,
        }
    }
}

pub(super) fn measure(sizes: Sizes) -> Result<Table> {
    let scratch = Scratch::new()?;
    let room = Room::new(&scratch)?;
    let exercises = exercise::all()?;
    let mut checked = CHECKED
        .iter()
        .map(|name| exercise::find(&exercises, name))
        .collect::<Result<Vec<_>>>()?;
    checked.truncate(sizes.checks);
    let began = Instant::now();
    room.warm_up(checked[0])?;
    let warmed_up = began.elapsed();
    let libraries = disk(&room.target)?;
    let mut table = Table::new(&[
        "learners are",
        "first check, median",
        "longest",
        "check again, median",
        "memory of `lab`, at most",
        "a learner's folder",
        "what is built of it",
    ]);
    for state in State::ALL {
        let mut row = Row::default();
        for learner in 0..sizes.learners / State::ALL.len() {
            room.learner(&format!("{}-{learner}", state.word()), state, &checked, &mut row)?;
        }
        table.rows.push(row.cells(state));
    }
    table.left_out.push(format!(
        "Before that the libraries and the first server were built in {}, into {}. The compiler took {} of memory at most.",
        seconds(warmed_up),
        megabytes(libraries),
        megabytes(most_memory_of_children()?)
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

/// What the learners of a state have cost.
#[derive(Default)]
struct Row {
    first: Vec<Duration>,
    again: Vec<Duration>,
    memory: u64,
    folder: u64,
    built: u64,
}

impl Row {
    fn cells(self, state: State) -> Vec<String> {
        let longest = self.first.iter().max().copied().unwrap_or_default();
        vec![
            state.word().to_owned(),
            seconds(median(self.first).unwrap_or_default()),
            seconds(longest),
            seconds(median(self.again).unwrap_or_default()),
            megabytes(self.memory),
            format!("{} kB", self.folder.div_ceil(1000)),
            megabytes(self.built),
        ]
    }
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

    /// The libraries are built once, as on a machine that is ready for a class.
    fn warm_up(&self, exercise: &Exercise) -> Result<()> {
        let folder = self.folders.join("warm-up");
        self.run(&folder, &["list"])?;
        let (_, _, status) = self.run(&folder, &["check", &exercise.name])?;
        ensure!(
            status == Some(1),
            "{} as it is given has to be unsolved; status {status:?}",
            exercise.name
        );
        Ok(())
    }

    fn learner(&self, name: &str, state: State, checked: &[&Exercise], row: &mut Row) -> Result<()> {
        let folder = self.folders.join(name.replace(' ', "-"));
        self.run(&folder, &["list"])?;
        let solved = state.solved(checked.len());
        for exercise in &checked[..solved] {
            fs::write(folder.join(&exercise.slug).join("main.rs"), exercise.solution()?)?;
        }
        let before = disk(&self.target)?;
        for (place, exercise) in checked.iter().enumerate() {
            let expected = if place < solved { 0 } else { 1 };
            for times in [&mut row.first, &mut row.again] {
                let (took, usage, status) = self.run(&folder, &["check", &exercise.name])?;
                ensure!(
                    status == Some(expected),
                    "{name}: a check of {} ended with {status:?}, not {expected}",
                    exercise.name
                );
                times.push(took);
                row.memory = row.memory.max(usage.memory);
            }
        }
        row.built = row.built.max(disk(&self.target)?.saturating_sub(before));
        row.folder = row.folder.max(disk(&folder)?);
        Ok(())
    }

    fn run(&self, folder: &Path, arguments: &[&str]) -> Result<(Duration, Usage, Option<i32>)> {
        let mut command = Command::new(&self.lab);
        command
            .current_dir(&self.checkout)
            .args(["learn", "--folder"])
            .arg(folder)
            .args(arguments);
        command
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_NET_OFFLINE", "true");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", self.lab.display()))?;
        let process = Process::new(child.id().cast_signed())?;
        let mut usage = Usage::default();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok((began.elapsed(), usage, status.code()));
            }
            usage = Usage::of(&process).unwrap_or(usage);
            std::thread::sleep(LOOK_AGAIN);
        }
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
