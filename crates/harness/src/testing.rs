//! Tests that look at the machine before they run.
//!
//! A test that cannot run here must not pass unseen, and the built-in test runner can ignore a
//! test only when it is compiled. So a suite has `harness = false` in its `[[test]]` and one
//! [`suite!`](crate::suite!) in place of `#[test]` on each function. Its output, arguments and
//! exit status are those of `cargo test`. `--list --ignored` names those that cannot run here, and cargo-nextest skips
//! them; told to run them, it sees them fail.
//!
//! ```no_run
//! use harness::testing::Needs::*;
//!
//! fn a_reply_is_one_write() -> anyhow::Result<()> {
//!     let server = harness::Server::start("target/debug/my-server")?;
//!     let mut client = server.connect()?;
//!     client.exchange("hello\n")?;
//!     client.close();
//!     assert_eq!(server.stop()?.writes_per_reply(), [1]);
//!     Ok(())
//! }
//!
//! harness::suite! {
//!     a_reply_is_one_write needs [Calls];
//! }
//! ```

mod snapshot;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

pub use self::snapshot::snapshot;
use crate::lock::lock;
use crate::machine::{Machine, Refusal};
use crate::observe::{processors, stay_on, wire_refusal};
use timeline::Level;

/// What a test needs of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Tracing of system calls.
    Calls,
    /// Captured packets, wherever they come from. Includes [`Calls`](Self::Calls).
    Packets,
    /// A private network. Includes [`Packets`](Self::Packets).
    Sandbox,
    /// Two hosts and a [`Wire`](crate::Wire) between them. Includes [`Sandbox`](Self::Sandbox).
    Wire,
    /// Packets captured on the host's own loopback interface. Includes [`Calls`](Self::Calls).
    HostCapture,
    /// IPv6 on the loopback interface.
    Ipv6,
    /// A program on the PATH.
    Program(&'static str),
    /// A cargo to run, and a folder beside the test that it may build in.
    Cargo,
    /// To be asked for, with `-- --ignored` or `-- --include-ignored`; the text says why.
    Request(&'static str),
}

/// A test, as [`suite!`](crate::suite!) makes it.
pub struct Test {
    /// The function's name.
    pub name: &'static str,
    /// What it needs.
    pub needs: &'static [Needs],
    /// The function.
    pub run: fn() -> anyhow::Result<()>,
}

/// Declares the `main` of a suite: see [the module](mod@crate::testing).
#[macro_export]
macro_rules! suite {
    ($($tests:tt)+) => {
        $crate::tests! { $($tests)+ }

        fn main() -> ::std::process::ExitCode {
            $crate::testing::run(TESTS)
        }
    };
}

/// Declares the tests of a module of a suite, `TESTS`, for [`run_all`].
#[macro_export]
macro_rules! tests {
    ($($(#[$attribute:meta])* $($name:ident)::+ needs [$($needs:expr),* $(,)?];)+) => {
        /// The tests of this module.
        pub const TESTS: &[$crate::testing::Test] = &[$($(#[$attribute])* $crate::testing::Test {
            name: stringify!($($name)::+),
            needs: &[$($needs),*],
            run: $($name)::+,
        }),+];
    };
}

/// Tests of servers wait more than they work, so more of them run at once than there are cores.
const TESTS_AT_ONCE: usize = 12;

/// Runs tests with the arguments of this process.
pub fn run(tests: &'static [Test]) -> ExitCode {
    run_all(&[("", tests)])
}

/// Runs the tests of several modules, each with its name, as one program: `module::test`.
pub fn run_all(modules: &[(&str, &'static [Test])]) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(TESTS_AT_ONCE);
    // Who asks which tests are ignored goes by the answer, as cargo-nextest does: it runs none of these. Else it is said
    // when the turn of a test comes, with the reason.
    let is_asked = arguments.list || arguments.ignored;
    let of_module = |(name, tests): &(&str, &'static [Test])| {
        let prefix = if name.is_empty() {
            String::new()
        } else {
            format!("{name}::")
        };
        tests.iter().map(move |test| trial(test, &prefix, is_asked))
    };
    let trials = modules.iter().flat_map(of_module).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let re_runs = RE_RUNS.map(|of| *lock(of)).iter().sum::<usize>();
    if re_runs > 0 {
        println!("re-runs: {re_runs}, of tests that failed while the machine was paused\n");
    }
    conclusion.exit_code()
}

/// Runs the cases of one test at once, as each waits more than it works, and gives the first error.
///
/// # Errors
///
/// Those of `run`.
///
/// # Panics
///
/// If `run` does, once all have ended.
pub fn at_once<T: Send>(
    cases: impl IntoIterator<Item = T>,
    run: impl Fn(T) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let run = &run;
    std::thread::scope(|scope| {
        let runs: Vec<_> = cases.into_iter().map(|case| scope.spawn(move || run(case))).collect();
        runs.into_iter()
            .try_for_each(|run| run.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// How often a test is tried at the most. More tries would let a test pass that fails every other time.
const TRIES: usize = 5;

/// How many runs were made again. Who runs again holds the lock: no other such run shares the machine with it. The cases
/// have a lock of their own, since a case that runs again may stand in a test that does.
static RE_RUNS: [&Mutex<usize>; 2] = [&CASES, &TESTS];
static CASES: Mutex<usize> = Mutex::new(0);
static TESTS: Mutex<usize> = Mutex::new(0);

/// Runs one of many cases of a test until it passes, or fails while the machine kept its time.
///
/// A kernel decides by the clock when it sends an ACK alone: a server that gets no processor for 40 ms takes a packet
/// more. So a failure while the machine was paused proves nothing, and the case runs again, and no other such case beside
/// it. The machine kept its time if on each processor a thread that slept for a millisecond, again and again, was never
/// woken late: one processor of a virtual machine may stand still while the other goes on.
///
/// A test of a [`suite!`](crate::suite!) that observes something runs in this way as a whole. What a pause could make
/// *right* must not be tested like this: that no stall is seen, for instance, where there may be one.
///
/// # Errors
///
/// Those of `run`, with the name.
///
/// # Panics
///
/// If `run` does.
pub fn in_time(name: &str, run: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    until_in_time(name, &CASES, run, pauses).map_err(|error| error.context(Case(name.to_owned())))
}

/// What a case has failed of, it has failed in time: the test around it is not to run again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Case(String);

/// Watches the machine; what it gives tells whether there was a pause since.
fn pauses() -> impl FnOnce() -> bool {
    let pauses = Pauses::watch();
    move || pauses.seen()
}

/// Whoever runs again takes the lock first, and counts. A machine's pauses are told by what `watch` gives.
fn until_in_time<W: FnOnce() -> bool>(
    name: &str,
    re_runs: &Mutex<usize>,
    run: impl Fn() -> anyhow::Result<()>,
    watch: impl Fn() -> W,
) -> anyhow::Result<()> {
    let mut alone = None;
    for _ in 1..TRIES {
        let was_paused = watch();
        // A case that panics leaves nothing half changed behind: all that it changes is its own, and is dropped with
        // it.
        let outcome = catch_unwind(AssertUnwindSafe(&run));
        let is_decided = match &outcome {
            Ok(Ok(())) => true,
            Ok(Err(error)) => error.is::<Case>(),
            Err(_) => false,
        };
        if is_decided || !was_paused() {
            return outcome.unwrap_or_else(|panic| resume_unwind(panic));
        }
        let why = outcome
            .map_or(None, Result::err)
            .map_or(String::new(), |error| format!(" ({error:#})"));
        eprintln!("{name} failed while the machine was paused, which proves nothing, and runs again{why}");
        **alone.get_or_insert_with(|| lock(re_runs)) += 1;
        wait_for_calm(&watch);
    }
    run()
}

/// Waits until the machine has kept its time for a moment, or for two seconds: other tests may be compiling beside.
fn wait_for_calm<W: FnOnce() -> bool>(watch: &impl Fn() -> W) {
    for _ in 0..8 {
        let was_paused = watch();
        // In the unit tests the machine counts as paused for ever, so they wait for a shorter time.
        std::thread::sleep(Duration::from_millis(if cfg!(test) { 1 } else { 250 }));
        if !was_paused() {
            return;
        }
    }
}

/// Whether the machine keeps a program waiting that has something to do: for each canary, how often it was late before.
struct Pauses(Vec<(&'static Canary, u64)>);

/// A thread that sleeps for a millisecond, again and again.
struct Canary {
    started: Instant,
    /// When it began to sleep, in nanoseconds after that.
    slept: AtomicU64,
    /// How often it was woken late.
    late: AtomicU64,
}

impl Canary {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            slept: AtomicU64::new(0),
            late: AtomicU64::new(0),
        }
    }

    /// Sleeps for so long each time.
    const STEP: Duration = Duration::from_millis(1);
    /// A program that waits for a processor several times in a row, each time for so long, is soon late by 40 ms.
    const LATE: Duration = Duration::from_millis(4);

    fn sing(&self) {
        loop {
            self.slept.store(self.now(), Ordering::SeqCst);
            // This sleep waits for nothing. How much longer it takes than it should is what is measured.
            std::thread::sleep(Self::STEP);
            if self.is_late() {
                self.late.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn is_late(&self) -> bool {
        let slept = self.slept.load(Ordering::SeqCst);
        u128::from(self.now().saturating_sub(slept)) >= (Self::STEP + Self::LATE).as_nanos()
    }
}

impl Pauses {
    fn watch() -> Self {
        static CANARIES: OnceLock<Vec<&Canary>> = OnceLock::new();
        Self::seen_by(CANARIES.get_or_init(|| {
            let on = |processor| {
                let canary: &Canary = Box::leak(Box::new(Canary::new()));
                std::thread::spawn(move || {
                    stay_on(processor);
                    canary.sing();
                });
                canary
            };
            processors().into_iter().map(on).collect()
        }))
    }

    fn seen_by(canaries: &[&'static Canary]) -> Self {
        let before = |canary: &&'static Canary| (*canary, canary.late.load(Ordering::SeqCst));
        Self(canaries.iter().map(before).collect())
    }

    /// Whether there was one since.
    fn seen(&self) -> bool {
        let late =
            |(canary, before): &(&Canary, u64)| canary.is_late() || canary.late.load(Ordering::SeqCst) != *before;
        self.0.iter().any(late)
    }
}

fn trial(test: &'static Test, prefix: &str, is_asked: bool) -> Trial {
    let request = test.needs.iter().find_map(|needs| match needs {
        Needs::Request(why) => Some(*why),
        _ => None,
    });
    // `stringify!` puts spaces around `::`, and the name of a test has none.
    let name = prefix.to_owned() + &test.name.replace(" ", "");
    let trial = Trial::ignorable_test(name, move || attempt(test));
    match request {
        Some(why) => trial.with_ignored_flag(true).with_kind(why),
        None => trial.with_ignored_flag(is_asked && test.missing().is_some()),
    }
}

impl Test {
    /// What the machine does not give of what it needs; `None` if it can run.
    fn missing(&self) -> Option<String> {
        static MACHINE: OnceLock<Machine> = OnceLock::new();
        let missing = |needs: &Needs| needs.missing(MACHINE.get_or_init(Machine::look));
        self.needs.iter().find_map(missing)
    }
}

fn attempt(test: &Test) -> Result<Completion, Failed> {
    match test.missing() {
        // cargo-nextest sees no more of a test than its exit status. It sets this variable.
        Some(reason) if std::env::var_os("NEXTEST").is_some() => Err(reason.into()),
        Some(reason) => Ok(Completion::ignored_with(reason)),
        None if test.needs.iter().any(|needs| needs.observes()) => {
            completed(until_in_time(test.name, &TESTS, test.run, pauses))
        }
        None => completed((test.run)()),
    }
}

fn completed(outcome: anyhow::Result<()>) -> Result<Completion, Failed> {
    outcome
        .map(|()| Completion::Completed)
        .map_err(|error| format!("{error:#}").into())
}

impl Needs {
    /// Whether a test that needs this looks at processes or packets.
    fn observes(&self) -> bool {
        matches!(
            self,
            Needs::Calls | Needs::Packets | Needs::Sandbox | Needs::Wire | Needs::HostCapture
        )
    }

    /// Why a machine does not give what is needed; `None` if it does.
    fn missing(self, machine: &Machine) -> Option<String> {
        let refusal = |what: &str, refusals: &[&Option<Refusal>]| {
            let why: Vec<String> = refusals
                .iter()
                .filter_map(|r| r.as_ref().map(ToString::to_string))
                .collect();
            Some(format!("needs {what}; {}", why.join("; ")))
        };
        let below = |level: Level| machine.level.is_none_or(|best| best < level);
        match self {
            Needs::Calls if machine.level.is_none() => refusal("system calls traced", &[&machine.no_trace]),
            Needs::Packets if below(Level::Loopback) => refusal(
                "packets",
                &[&machine.no_trace, &machine.no_sandbox, &machine.no_host_capture],
            ),
            Needs::Sandbox if below(Level::Sandbox) => {
                refusal("a private network", &[&machine.no_trace, &machine.no_sandbox])
            }
            Needs::Wire if below(Level::Sandbox) => Needs::Sandbox.missing(machine),
            Needs::Wire => {
                static REFUSAL: OnceLock<Option<Refusal>> = OnceLock::new();
                let why = REFUSAL.get_or_init(wire_refusal).as_ref()?;
                Some(format!("needs two hosts and a wire; {why}"))
            }
            Needs::HostCapture if machine.no_trace.is_some() || machine.no_host_capture.is_some() => refusal(
                "packets of the host's loopback interface",
                &[&machine.no_trace, &machine.no_host_capture],
            ),
            Needs::Ipv6 if !machine.ipv6 => Some("needs IPv6 on the loopback interface, and there is none".into()),
            Needs::Cargo => no_cargo(),
            Needs::Program(name) if find_program(name).is_none() => {
                Some(format!("needs the program {name} on the PATH"))
            }
            _ => None,
        }
    }
}

/// Why cargo cannot build here; `None` if it can.
fn no_cargo() -> Option<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    if find_program(&cargo).is_none() {
        return Some(format!("needs cargo, and {} cannot be run", cargo.display()));
    }
    // Permissions alone do not say whether this folder may be written (it may be mounted read-only), so this tries.
    let test = std::env::current_exe().ok()?;
    let file = test.with_extension(format!("may-build-{}", std::process::id()));
    let made = std::fs::File::create(&file).and_then(|_| std::fs::remove_file(&file));
    let folder = test
        .parent()
        .map(|folder| folder.display().to_string())
        .unwrap_or_default();
    made.err()
        .map(|error| format!("needs a target folder to build in, and {folder} is none: {error}"))
}

/// The file of a program on the PATH, by its name; `None` if there is none.
pub fn find_program(name: impl AsRef<Path>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file())
}

/// The path of a program of this package that cargo built beside the test that asks, for as long as the test runs.
///
/// `env!("CARGO_BIN_EXE_my-server")` names the place where the test was compiled. In a tree that was copied or moved with
/// its target folder, that is another tree's program. Cargo takes such a test for up to date.
///
/// # Panics
///
/// If the test has no path: the system's affair.
pub fn built(name: &str) -> &'static str {
    let test = std::env::current_exe().expect("a running program has a path");
    // Cargo puts this test at target/debug/deps/test-0123456789abcdef, and programs in target/debug.
    let folder = test.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
    let folder = folder.expect("a program stands in a folder");
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    Box::leak(path.to_string_lossy().into_owned().into_boxed_str())
}

#[cfg(test)]
#[path = "../tests/unit/testing.rs"]
mod tests;
