//! What a program takes, seen from outside.

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use procfs::process::Process;

/// What a process has used: proc_pid_stat(5), proc_pid_status(5).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Time on the processors, in the program and in the kernel for it, to a hundredth of a second.
    pub cpu: Duration,
    /// The most memory that it had at a time, in bytes. Unlike `ru_maxrss` of getrusage(2) it
    /// counts from the program's start, and not also what this process had before.
    pub memory: u64,
}

impl Usage {
    /// `None` once the process has ended.
    pub fn of(process: &Process) -> Option<Usage> {
        let (stat, status) = (process.stat().ok()?, process.status().ok()?);
        Some(Usage {
            cpu: Duration::from_secs_f64((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64),
            memory: status.vmhwm? * 1024,
        })
    }
}

/// Looks at something until it has been the same for a while, for as long as `patience` lasts. Nothing
/// tells when another process is done with it.
pub(super) fn once_still<T: PartialEq>(
    mut look: impl FnMut() -> Result<T>,
    still: Duration,
    patience: Duration,
) -> Result<T> {
    let end = Instant::now() + patience;
    let mut last = (look()?, Instant::now());
    while last.1.elapsed() < still && Instant::now() < end {
        std::thread::sleep(still / 20);
        let now = look()?;
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
    Ok(last.0)
}

/// A folder that is gone when this is.
pub(super) struct Scratch {
    pub path: PathBuf,
}

impl Scratch {
    pub fn new() -> Result<Scratch> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("lab-bench-{}-{:x}", std::process::id(), now.as_nanos());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Scratch { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in a folder for what is temporary.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A program that has run to its end.
pub(super) struct Ran {
    pub took: Duration,
    pub usage: Usage,
    pub status: ExitStatus,
}

/// How often a process is looked at, to see its memory before it ends.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Runs a command whose output nobody reads.
pub(super) fn run(command: &mut Command) -> Result<Ran> {
    let name = command.get_program().display().to_string();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let process = Process::new(child.id().cast_signed())?;
    let mut usage = Usage::default();
    loop {
        if let Some(status) = child.try_wait()? {
            let took = began.elapsed();
            return Ok(Ran { took, usage, status });
        }
        usage = Usage::of(&process).unwrap_or(usage);
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// The packets that an interface has received and sent, by a command that runs in its network: proc_pid_net(5), `dev`.
pub(super) fn packets(cat: &mut Command, interface: &str) -> Result<[u64; 2]> {
    let output = cat.arg("/proc/self/net/dev").output().context("cannot run cat")?;
    let table = String::from_utf8_lossy(&output.stdout);
    let prefix = format!("{interface}:");
    let line = table.lines().find_map(|line| line.trim().strip_prefix(&prefix));
    let columns: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
    let column = |place: usize| columns.get(place).and_then(|text| text.parse().ok());
    let found = column(1).zip(column(9)).map(<[u64; 2]>::from);
    found.with_context(|| format!("there is no interface {interface}"))
}
