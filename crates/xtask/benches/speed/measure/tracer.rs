//! The tracer beside strace: the same server, the same client, the same calls.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use course::steps;
use harness::testing::find_program;
use harness::timeline::{EventKind, Level};
use harness::{LISTEN, Machine, Server};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::Process;

use super::sizes::{QUIET, Sizes};
use super::table::{Table, grouped, times};
use xtask::running::{Best, Running, exchanges};

/// Who watches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watcher {
    Nobody,
    /// This project: all of it, or without the packets.
    Harness(Level),
    /// A tracer that stops it at its calls, and does nothing else.
    Idle,
    /// strace, stopping at the harness's calls only, or at all.
    Strace {
        bpf: bool,
    },
}

const BASE: Watcher = Watcher::Strace { bpf: true };

/// What a watcher saw, and how fast the server was meanwhile.
#[derive(Default)]
struct Observed {
    best: Best,
    exchanges: usize,
    calls: usize,
    packets: usize,
    dropped: u64,
}

pub(super) fn measure(sizes: Sizes) -> Result<Table> {
    let server = steps::find("step2")?.build()?;
    let best = Machine::look()
        .level
        .context("nothing can be traced here: see lab doctor")?;
    let idle = steps::build_example("idle-tracer")?;
    let mut watchers = vec![Watcher::Nobody, Watcher::Idle, Watcher::Harness(best)];
    if best != Level::NoPackets {
        watchers.push(Watcher::Harness(Level::NoPackets));
    }
    let mut table = Table::new(&[
        "watched by",
        "exchanges per second",
        "times strace's",
        "calls seen, per exchange",
        "packets seen, per exchange",
    ]);
    if find_program("strace").is_some() {
        watchers.extend([BASE, Watcher::Strace { bpf: false }]);
    } else {
        table
            .left_out
            .push("strace is not installed, so there is nothing to compare with.".into());
    }
    let mut watchers: Vec<(Watcher, Observed)> = watchers
        .into_iter()
        .map(|watcher| (watcher, Observed::default()))
        .collect();
    for _ in 0..sizes.rounds {
        for (watcher, seen) in &mut watchers {
            watcher.round(&server, &idle, sizes, seen)?;
        }
    }
    let base = watchers.iter().find(|(watcher, _)| *watcher == BASE);
    let base = base.map(|(_, seen)| seen.best.per_second());
    for (watcher, seen) in watchers {
        if seen.dropped > 0 {
            table
                .left_out
                .push(format!("The capture lost {} packets.", seen.dropped));
        }
        let rate = seen.best.per_second();
        let per_exchange = |count: usize| match count {
            0 => String::new(),
            _ => format!("{:.1}", count as f64 / seen.exchanges as f64),
        };
        table.rows.push(vec![
            watcher.name(),
            grouped(rate),
            base.map_or_else(String::new, |base| times(rate, base)),
            per_exchange(seen.calls),
            per_exchange(seen.packets),
        ]);
    }
    Ok(table)
}

impl Watcher {
    fn name(self) -> String {
        match self {
            Watcher::Nobody => "nobody".to_owned(),
            Watcher::Idle => "a tracer that writes nothing down, the same calls".to_owned(),
            Watcher::Harness(Level::NoPackets) => "this project, calls alone".to_owned(),
            Watcher::Harness(_) => "this project: calls and packets".to_owned(),
            Watcher::Strace { bpf: true } => "`strace -f --seccomp-bpf`, the same calls".to_owned(),
            Watcher::Strace { bpf: false } => "`strace -f`, all calls".to_owned(),
        }
    }

    fn round(self, server: &Path, idle: &Path, sizes: Sizes, seen: &mut Observed) -> Result<()> {
        let limit = sizes.round();
        let took = match self {
            Watcher::Nobody => exchanges(Running::start(server, &[], QUIET)?.connect()?, limit)?,
            Watcher::Idle => {
                let mut command = Command::new(idle);
                command.arg(server).arg("127.0.0.1:0").env("RUST_LOG", QUIET);
                exchanges(Straced(Running::spawn(&mut command)?).0.connect()?, limit)?
            }
            Watcher::Strace { bpf } => exchanges(Straced::start(server, bpf)?.0.connect()?, limit)?,
            Watcher::Harness(level) => {
                let server = Server::build(server).arg(LISTEN).env("RUST_LOG", QUIET).level(level);
                let server = server.start()?;
                let client = server.connect()?;
                // On the bare socket, as what the client does is not to be recorded: strace watches the server alone too.
                let took = exchanges(client.socket(), limit)?;
                drop(client);
                let timeline = server.stop()?;
                seen.dropped += timeline.dropped;
                for event in &timeline.events {
                    seen.calls += usize::from(matches!(event.kind, EventKind::Call(_)));
                    seen.packets += usize::from(matches!(event.kind, EventKind::Packet(_)));
                }
                took
            }
        };
        seen.exchanges += took.len();
        seen.best.take(took);
        Ok(())
    }
}

/// A server under strace, or another tracer.
pub(super) struct Straced(pub Running);

impl Straced {
    pub fn start(server: &Path, bpf: bool) -> Result<Straced> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null"]);
        if bpf {
            strace
                .args(["--seccomp-bpf", "-e"])
                .arg(format!("trace={}", harness::traced_calls().join(",")));
        }
        strace.arg("--").arg(server).arg("127.0.0.1:0").env("RUST_LOG", QUIET);
        Ok(Straced(Running::spawn(&mut strace)?))
    }
}

impl Drop for Straced {
    fn drop(&mut self) {
        // Without strace the server would live on; without the server a tracer ends.
        let task = Process::new(self.0.id().cast_signed()).and_then(|strace| strace.task_main_thread());
        for child in task.and_then(|task| task.children()).unwrap_or_default() {
            let _ = kill(Pid::from_raw(child.cast_signed()), Signal::SIGKILL);
        }
    }
}
