//! The tracer: runs a program and records the socket calls of all its threads and children.
//!
//! ptrace(2) belongs to a thread, so one thread does all of it. The program is started with
//! PTRACE_SEIZE before it runs its first instruction, stops only where [`seccomp`] says, and ends
//! with the tracer (PTRACE_O_EXITKILL).
//!
//! - [`stops`] waits for a task to stop, finds out why, and lets it go on.
//! - [`process`] follows the life of tasks and processes, [`rights`] what programs are refused.
//! - [`calls`] makes a record of a call from what is known at its entry and at its exit:
//!   [`arguments`] and [`options`] say what it asks, [`memory`] reads what its arguments point to,
//!   [`endpoints`] and [`descriptors`] tell which connection it is made on.
//! - [`untraced`] leaves no child without a tracer.
//! - [`has`], [`held`] and [`waits`] ask the system what a program has, and what it waits for.
#![allow(
    unsafe_code,
    reason = "waitpid, ptrace resume, seccomp and pre_exec; each stands alone below"
)]

mod arguments;
mod bound;
mod calls;
mod descriptors;
mod endpoints;
mod has;
mod held;
mod memory;
mod options;
mod process;
mod rights;
mod seccomp;
mod stops;
mod untraced;
mod waits;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, parent_id};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno as SystemErrno;
use nix::libc;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use self::calls::InFlight;
use self::endpoints::Connected;
pub(crate) use self::held::HeldDescriptor;
use self::process::Tasks;
use self::stops::Trace;
use super::sandbox::Doors;
use crate::forks;
use crate::lock::lock;
use crate::look::{Look, SignalTo};
use crate::recorder::{Keep, Recorder};
use timeline::{Exit, Side};

/// A traced program.
pub(crate) struct Tracer {
    main: Pid,
    tasks: Arc<Tasks>,
    in_flight: Arc<InFlight>,
    connected: Arc<Connected>,
    recorder: Arc<Recorder>,
    thread: Option<JoinHandle<()>>,
}

/// What kept a program from being started and traced.
#[derive(Debug)]
pub(crate) enum StartError {
    /// ptrace(2) was refused.
    Ptrace(SystemErrno),
    /// The program could not be executed, or its process not be prepared.
    Spawn(io::Error),
    /// What prepares its process was refused.
    Preparation(&'static Preparation, SystemErrno),
}

/// A program that did not end in time.
#[derive(Debug)]
pub(crate) struct TimedOut;

/// What is done in a program's process before it is executed, and may be refused.
#[derive(Debug)]
pub(crate) struct Preparation {
    /// What, as the end of "could not".
    pub what: &'static str,
    /// The system call.
    pub call: &'static str,
    /// The child tells of a failure by its error number, which is below a thousand, and so many thousands.
    thousands: i32,
}

const ENTER: Preparation = Preparation {
    what: "enter its private network",
    call: "setns",
    thousands: 1,
};
const FILTER: Preparation = Preparation {
    what: "be made to stop at its calls",
    call: "seccomp",
    thousands: 2,
};

impl Preparation {
    /// As the child tells of it.
    fn failed(&self, error: &io::Error) -> io::Error {
        io::Error::from_raw_os_error(self.thousands * 1000 + error.raw_os_error().unwrap_or(libc::EPERM))
    }

    /// What the child told of, if that was a step.
    fn told(error: &io::Error) -> Option<StartError> {
        let code = error.raw_os_error()?;
        let step = [&ENTER, &FILTER]
            .into_iter()
            .find(|step| step.thousands == code / 1000)?;
        Some(StartError::Preparation(step, SystemErrno::from_raw(code % 1000)))
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> StartError {
        StartError::Spawn(error)
    }
}

impl Tracer {
    /// Starts `command`, in a private network if there is one, and records what it does.
    pub fn start(
        side: Side,
        mut command: Command,
        doors: Option<Doors>,
        recorder: Arc<Recorder>,
    ) -> Result<(Tracer, Child), StartError> {
        let filter = seccomp::program()?;
        let (ours, theirs) = UnixStream::pair()?;
        let parent = std::process::id();
        let prepare = move || {
            wait_for_tracer(&theirs, parent)?;
            if let Some(doors) = &doors {
                doors.enter().map_err(|error| ENTER.failed(&error))?;
            }
            if side == Side::Server {
                close_on_exec_from(3);
            }
            seccomp::install(&filter).map_err(|error| FILTER.failed(&error))
        };
        // SAFETY: between fork and exec the closure makes system calls on what it owns and, on
        // success, allocates nothing.
        unsafe { command.pre_exec(prepare) };
        if side == Side::Server {
            // A key that interrupts us must not end the server: we stop it. A client program stays
            // where it can read from the terminal.
            command.process_group(0);
        }

        let tasks = Arc::new(Tasks::default());
        let in_flight = Arc::new(InFlight::default());
        let connected = Arc::new(Connected::default());
        let (tell_spawned, spawned) = channel();
        let trace = Trace::new(
            side,
            spawned,
            Arc::clone(&tasks),
            Arc::clone(&in_flight),
            Arc::clone(&connected),
            Arc::clone(&recorder),
        );
        let thread = Builder::new().spawn(move || trace.run(ours))?;
        // Blocks until the program has been executed, which the tracer lets it do.
        let fork = forks::under_way();
        let spawned = command.spawn();
        drop(fork);
        // The child's end of the pair goes with the command, so a tracer that still waits wakes.
        drop(command);
        match spawned {
            Ok(child) => {
                // This fails only if the tracer has ended, and then nobody waits for it.
                let _ = tell_spawned.send(());
                let tracer = Tracer {
                    main: Pid::from_raw(child.id().cast_signed()),
                    tasks,
                    in_flight,
                    connected,
                    recorder,
                    thread: Some(thread),
                };
                Ok((tracer, child))
            }
            Err(error) => {
                drop(tell_spawned);
                let _ = thread.join();
                Err(match error.raw_os_error() {
                    Some(REFUSED) => StartError::Ptrace(SystemErrno::EPERM),
                    _ => Preparation::told(&error).unwrap_or(StartError::Spawn(error)),
                })
            }
        }
    }

    /// Waits until every process of the program has ended, at most so long; then those that are left
    /// are killed. How the first one ended by itself, as far as that is known.
    pub fn wait(mut self, limit: Duration) -> Result<Option<Exit>, TimedOut> {
        let in_time = self.tasks.wait_until_over(limit);
        self.kill();
        let exit = *lock(&self.tasks.exit);
        in_time.then_some(exit).ok_or(TimedOut)
    }

    /// Ends the observation: calls that have not returned are put on the timeline as such, and
    /// nothing that comes after is recorded.
    pub fn end_observation(&self) {
        self.in_flight.end_observation(&self.recorder);
    }

    /// Asks the first process to end (SIGTERM).
    pub fn terminate(&self) {
        // The signal reaches nobody if the process has ended already, which is as good.
        self.signal(libc::SIGTERM, SignalTo::First);
    }

    /// Sends a signal to processes of the program. False if it reached none. Whom SIGSTOP has reached is stopped then:
    /// each of its threads stops by itself, and the tracer is asked first, which takes a moment.
    pub fn signal(&self, number: i32, to: SignalTo) -> bool {
        /// A thread that waits for a device stops only then.
        const SOON: Duration = Duration::from_secs(2);
        let processes = match to {
            SignalTo::First => vec![self.main],
            SignalTo::All => self.tasks.processes(),
            SignalTo::One(pid) => vec![Pid::from_raw(pid)],
        };
        // SAFETY: kill(2) takes two numbers. By hand because nix has no real-time signals.
        let sent = |process: &Pid| unsafe { libc::kill(process.as_raw(), number) } == 0;
        let reached: Vec<Pid> = processes.into_iter().filter(sent).collect();
        if number == libc::SIGSTOP {
            let deadline = Instant::now() + SOON;
            // The tracer stops a thread for a moment at each of its calls, which looks the same. So a thread counts as
            // stopped only if it is seen stopped twice.
            let are_stopped = || reached.iter().all(|process| has::all_stopped(*process));
            while !(are_stopped() && are_stopped()) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        !reached.is_empty()
    }

    /// What its processes have now.
    pub fn look(&self) -> Look {
        let held = self.held().into_iter();
        Look {
            held: held.map(|held| (held.pid, held.fd, held.on)).collect(),
            idle: self.is_idle(),
            on_clock: self.waits_on_clock(),
            main: self.pid(),
            ..has::of(&self.tasks.processes(), &self.tasks.all())
        }
    }

    /// True if the program runs, or ran: the kernel may have killed it while it was executed.
    pub fn was_executed(&self) -> bool {
        self.tasks.executed.load(Ordering::Acquire)
    }

    /// True if every thread of the program is asleep: it waits for something.
    pub fn is_idle(&self) -> bool {
        self.tasks.all().into_iter().all(process::is_asleep)
    }

    /// True if a thread of the program waits for a moment in time, among other things, or nobody can tell that it
    /// does not: it may go on by itself.
    pub fn waits_on_clock(&self) -> bool {
        self.tasks.all().into_iter().any(waits::on_clock)
    }

    /// The descriptors that the program's processes have of connections that they accepted.
    pub fn held(&self) -> Vec<HeldDescriptor> {
        held::of(&self.tasks.processes(), &self.connected)
    }

    /// Its first process.
    pub fn pid(&self) -> i32 {
        self.main.as_raw()
    }

    /// Kills every process of the program and waits until all are gone.
    pub fn kill(&mut self) {
        /// A task may have been born between a look at all of them and the signal: look again.
        const AGAIN: Duration = Duration::from_millis(50);
        let Some(thread) = self.thread.take() else { return };
        self.tasks.killing.store(true, Ordering::Release);
        while !thread.is_finished() {
            for task in self.tasks.all() {
                let _ = kill(task, Signal::SIGKILL);
            }
            if self.tasks.wait_until_over(AGAIN) {
                break;
            }
        }
        let _ = thread.join();
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Why nothing can be traced on this machine, found by tracing `/bin/true` or, where there is
/// none, a program that cannot be executed: the attempt to trace comes first.
pub(crate) fn refused() -> Option<String> {
    let attempt = Tracer::start(
        Side::Server,
        Command::new("/bin/true"),
        None,
        Arc::new(Recorder::new(Keep::ALL)),
    );
    match attempt {
        Err(StartError::Ptrace(errno)) => Some(format!("tracing a child process (ptrace) failed: {errno}")),
        Err(StartError::Preparation(step, errno)) => {
            Some(format!("a child could not {}: {}: {errno}", step.what, step.call))
        }
        Ok(_) | Err(StartError::Spawn(_)) => None,
    }
}

/// The names of the calls that a traced program is stopped at, as in section 2 of the manual.
pub fn traced_calls() -> Vec<&'static str> {
    seccomp::STOPS.iter().map(|stop| stop.name).collect()
}

/// The error number by which the child tells that it could not be traced. It is none that
/// starting a program gives.
const REFUSED: i32 = libc::EXFULL;

/// In the child: tells the tracer its process id and waits to be seized.
///
/// The child has a copy of the tracer's end until it executes the program, so it would wait for ever if its parent died
/// meanwhile. It dies with the parent until it has been seized; from then on the tracer sees to that (PTRACE_O_EXITKILL).
fn wait_for_tracer(mut tracer: &UnixStream, parent: u32) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    let refused = || Err(io::Error::from_raw_os_error(REFUSED));
    if parent_id() != parent {
        return refused();
    }
    tracer.write_all(&std::process::id().to_ne_bytes())?;
    let mut answer = [0];
    match tracer.read(&mut answer) {
        Ok(1) if answer == [1] => Ok(set_pdeathsig(None)?),
        _ => refused(),
    }
}

/// In the child: the program gets descriptors 0 to 2 and no others that we happen to have open,
/// so its descriptor numbers are the same in every run.
fn close_on_exec_from(first: u32) {
    const CLOSE_RANGE_CLOEXEC: i32 = 4;
    // SAFETY: close_range(2) with this flag closes nothing now. Before Linux 5.11 it fails, and
    // what is left open then is what the parent left open.
    unsafe { libc::close_range(first, u32::MAX, CLOSE_RANGE_CLOEXEC) };
}
