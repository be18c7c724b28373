//! Measures speed, always side by side in one run: what counts is how one row compares to another.
//!
//! Nothing here is a test. Tests see to it that each part runs and gives its rows.

mod capture;
mod class;
mod connections;
mod servers;
mod show;
mod tracer;
mod wire;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use procfs::process::Process;

use crate::pages;

/// What to measure, and what to do with the tables.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// The parts to measure; all unless given
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Only print the tables
    #[arg(long)]
    print: bool,
    /// Tiny sizes, to see that all of it works; only prints
    #[arg(long)]
    quick: bool,
}

/// A part of the benchmark: a table in docs/speed.md, unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// What the steps make of their clients' time
    Servers,
    /// The tracer beside strace
    Tracer,
    /// The capture beside tcpdump
    Capture,
    /// `lab show` beside tshark
    Show,
    /// Many connections at once
    Connections,
    /// The wire between two hosts beside a cable alone
    Wire,
    /// How exactly a wire keeps its delay
    Delay,
    /// A class of thirty: what a check of an exercise costs. A table in docs/workshop.md
    Class,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Everything compared is measured so many times in turn; the best time counts. Whatever else the
    /// machine does can only make it worse.
    rounds: usize,
    /// A round of exchanges ends after this time, if not before.
    round: Duration,
    /// Exchanges in a round, at most.
    exchanges: usize,
    /// Packets to capture.
    packets: usize,
    /// Bytes of the capture file to show.
    file: u64,
    /// Connections at once.
    connections: usize,
    /// Packets to delay.
    delayed: usize,
    /// Bytes to send in one stream.
    stream: u64,
    /// Learners of a class.
    learners: usize,
    /// Exercises that each of them checks.
    checks: usize,
}

const FULL: Sizes = Sizes {
    rounds: 10,
    round: Duration::from_secs(1),
    exchanges: 100_000,
    packets: 1_000_000,
    file: 100_000_000,
    connections: 10_000,
    delayed: 10_000,
    stream: 1_000_000_000,
    learners: 30,
    checks: 3,
};

const QUICK: Sizes = Sizes {
    rounds: 1,
    round: Duration::from_millis(200),
    exchanges: 20,
    packets: 100,
    file: 100_000,
    connections: 20,
    delayed: 20,
    stream: 100_000,
    learners: 3,
    checks: 2,
};

impl Arguments {
    /// Measures, prints the tables, and writes them into the pages.
    ///
    /// # Errors
    ///
    /// If something cannot be started or measured, or a page cannot be written.
    pub fn run(&self) -> Result<()> {
        let parts = match self.parts.is_empty() {
            true => Part::value_variants(),
            false => &self.parts,
        };
        let sizes = if self.quick { QUICK } else { FULL };
        for part in parts {
            let table = part.measure(sizes)?.to_string();
            let name = part.to_possible_value().map(|value| value.get_name().to_owned());
            let name = format!("bench {}", name.unwrap_or_default());
            writeln!(std::io::stdout(), "{name}\n\n{table}")?;
            if !self.print && !self.quick {
                pages::write_measured(&name, &table)?;
            }
        }
        Ok(())
    }
}

impl Part {
    fn measure(self, sizes: Sizes) -> Result<Table> {
        match self {
            Part::Servers => servers::measure(sizes),
            Part::Tracer => tracer::measure(sizes),
            Part::Capture => capture::measure(sizes),
            Part::Show => show::measure(sizes),
            Part::Connections => connections::measure(sizes),
            Part::Wire => wire::measure(sizes),
            Part::Delay => wire::measure_delay(sizes),
            Part::Class => class::measure(sizes),
        }
    }
}

/// A table for a page, with a line below it about what could not be measured.
struct Table {
    headings: &'static [&'static str],
    rows: Vec<Vec<String>>,
    left_out: Vec<String>,
}

impl Table {
    fn new(headings: &'static [&'static str]) -> Table {
        Table {
            headings,
            rows: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "| {} |", self.headings.join(" | "))?;
        writeln!(f, "|---|{}", "--:|".repeat(self.headings.len() - 1))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        for line in &self.left_out {
            writeln!(f, "\n{line}")?;
        }
        Ok(())
    }
}

/// What a process has used: proc_pid_stat(5), proc_pid_status(5).
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    /// Time on the processors, in the program and in the kernel for it, to a hundredth of a second.
    cpu: Duration,
    /// The most memory that it had at a time, in bytes. Unlike `ru_maxrss` of getrusage(2) it
    /// counts from the program's start, and not also what this process had before.
    memory: u64,
}

impl Usage {
    /// `None` once the process has ended.
    fn of(process: &Process) -> Option<Usage> {
        let (stat, status) = (process.stat().ok()?, process.status().ok()?);
        Some(Usage {
            cpu: Duration::from_secs_f64((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64),
            memory: status.vmhwm? * 1024,
        })
    }
}

/// Looks at something until it has been the same for a while, for as long as `patience` lasts. Nothing
/// tells when another process is done with it.
fn once_still<T: PartialEq>(mut look: impl FnMut() -> Result<T>, still: Duration, patience: Duration) -> Result<T> {
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
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> Result<Scratch> {
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

/// The fastest of several rounds, each told by how long its exchanges took.
#[derive(Debug, Default)]
struct Best {
    /// Sorted, for the fastest round.
    times: Vec<Duration>,
}

impl Best {
    /// Takes a round if it is the fastest so far.
    fn take(&mut self, times: Vec<Duration>) {
        let round = Best { times };
        if round.per_second() > self.per_second() {
            *self = round;
            self.times.sort_unstable();
        }
    }

    /// Exchanges per second; 0 before the first round.
    fn per_second(&self) -> f64 {
        let seconds = self.times.iter().sum::<Duration>().as_secs_f64();
        if seconds > 0.0 {
            self.times.len() as f64 / seconds
        } else {
            0.0
        }
    }

    /// The time within which this part of the exchanges was over, in seconds.
    fn within(&self, part: f64) -> f64 {
        let last = self.times.len().saturating_sub(1) as f64;
        self.times
            .get((last * part) as usize)
            .map_or(0.0, Duration::as_secs_f64)
    }
}

/// A number with its thousands apart: `1,234,567`.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many times one number is another: `1.3`, and `1,400`.
fn times(number: f64, base: f64) -> String {
    let ratio = number / base;
    match ratio {
        10.0.. => grouped(ratio),
        1.0.. => format!("{ratio:.1}"),
        _ => format!("{ratio:.2}"),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", grouped(bytes as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(grouped(7.4), "7");
        assert_eq!(grouped(999.0), "999");
        assert_eq!(grouped(1_234_567.0), "1,234,567");
    }

    #[test]
    fn a_ratio_has_as_many_digits_as_it_deserves() {
        assert_eq!(times(1.0, 3.0), "0.33");
        assert_eq!(times(4.0, 3.0), "1.3");
        assert_eq!(times(41_000.0, 30.0), "1,367");
    }

    #[test]
    fn the_fastest_round_counts() {
        let round = |milliseconds: &[u64]| milliseconds.iter().copied().map(Duration::from_millis).collect();
        let mut best = Best::default();
        assert_eq!(best.per_second(), 0.0);
        best.take(round(&[20, 20]));
        best.take(round(&[30, 1, 2]));
        best.take(round(&[12]));
        assert_eq!((best.within(0.5), best.within(1.0)), (0.002, 0.03));
        assert_eq!(best.per_second().round(), 91.0);
    }

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(&["what", "how much"]);
        table.rows.push(vec!["this".into(), "2".into()]);
        table.left_out.push("Not measured: that.".into());
        assert_eq!(
            table.to_string(),
            "| what | how much |\n|---|--:|\n| this | 2 |\n\nNot measured: that.\n"
        );
    }
}
