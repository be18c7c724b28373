//! The tracing thread: waits for a task to stop, finds out why, and lets it go on.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::calls::{Calls, Entered, InFlight};
use super::endpoints::Connected;
use super::process::{Processes, Tasks};
use crate::observe::spin::AdaptiveSpin;
use crate::recorder::Recorder;
use timeline::{Exit, Side};

/// The tracing thread.
pub(super) struct Trace {
    side: Side,
    /// Told when the program has been started, as far as whoever starts it knows; closed if it could not be.
    spawned: Receiver<()>,
    processes: Processes,
    calls: Calls,
    spin: AdaptiveSpin,
    tasks: Arc<Tasks>,
    recorder: Arc<Recorder>,
}

impl Trace {
    pub fn new(
        side: Side,
        spawned: Receiver<()>,
        tasks: Arc<Tasks>,
        in_flight: Arc<InFlight>,
        connected: Arc<Connected>,
        recorder: Arc<Recorder>,
    ) -> Trace {
        Trace {
            side,
            spawned,
            processes: Processes::new(side, Arc::clone(&tasks), Arc::clone(&recorder)),
            calls: Calls::new(side, in_flight, connected, Arc::clone(&recorder)),
            spin: AdaptiveSpin::new(),
            tasks,
            recorder,
        }
    }

    /// Traces the child that waits at the other end, until no task of it is left.
    pub fn run(mut self, child: UnixStream) {
        if self.seize(child).is_some() {
            while let Some((task, status)) = self.next() {
                self.step(task, status);
            }
        }
        if self.side == Side::Server {
            self.recorder.tracer_done();
        }
    }

    /// Attaches to the child.
    fn seize(&mut self, mut child: UnixStream) -> Option<()> {
        let mut pid = [0; 4];
        child.read_exact(&mut pid).ok()?;
        let pid = Pid::from_raw(i32::from_ne_bytes(pid));
        let options = Options::PTRACE_O_EXITKILL
            | Options::PTRACE_O_TRACESECCOMP
            | Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC;
        let seized = ptrace::seize(pid, options);
        if seized.is_ok() {
            self.processes.begin_first(pid);
        }
        child.write_all(&[u8::from(seized.is_ok())]).ok()?;
        seized.ok()
    }

    /// The next stop or end of a task. `None` when there is none left, or the child could not execute its program:
    /// then whoever started it waits for its end, which only one can be told of. One whom the kernel kills while it
    /// executes the program has closed all that is closed then, and seems started.
    fn next(&mut self) -> Option<(Pid, i32)> {
        if !self.processes.executed && ends_next() {
            self.spawned.recv().ok()?;
        }
        let spin = self.spin.limit();
        let began = Instant::now();
        while began.elapsed() < spin {
            if let Some(found) = wait_for_any(libc::WNOHANG) {
                self.spin.learn(true);
                return Some(found);
            }
        }
        if !spin.is_zero() {
            self.spin.learn(false);
        }
        wait_for_any(0)
    }

    fn step(&mut self, task: Pid, status: i32) {
        self.calls.stopped(task);
        if libc::WIFEXITED(status) {
            return self.end(task, Exit::Status(libc::WEXITSTATUS(status)));
        }
        if libc::WIFSIGNALED(status) {
            return self.end(task, Exit::Signal(libc::WTERMSIG(status)));
        }
        let signal = libc::WSTOPSIG(status);
        match status >> 16 {
            libc::PTRACE_EVENT_SECCOMP => self.entry(task),
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => self.birth(task),
            libc::PTRACE_EVENT_EXEC => self.exec(task),
            libc::PTRACE_EVENT_STOP if signal == libc::SIGTRAP => self.arrive(task),
            // Job control: the task stays stopped until it is continued, as it would untraced.
            libc::PTRACE_EVENT_STOP => resume(task, libc::PTRACE_LISTEN, 0),
            _ if signal == libc::SIGTRAP | 0x80 => self.exit(task),
            // A signal is on its way to the program: let it through.
            0 => resume(task, libc::PTRACE_CONT, signal),
            _ => resume(task, libc::PTRACE_CONT, 0),
        }
    }

    fn end(&mut self, task: Pid, exit: Exit) {
        self.calls.ended(task);
        self.processes.ended(task, exit);
    }

    /// A task made another one.
    fn birth(&mut self, parent: Pid) {
        if let Ok(child) = ptrace::getevent(parent) {
            self.processes.born(Pid::from_raw(child as i32));
        }
        resume(parent, libc::PTRACE_CONT, 0);
    }

    fn arrive(&mut self, task: Pid) {
        if !self.processes.arrived(task) {
            let _ = kill(task, Signal::SIGKILL);
        }
        resume(task, libc::PTRACE_CONT, 0);
    }

    fn exec(&mut self, task: Pid) {
        let former = ptrace::getevent(task).map_or(task, |former| Pid::from_raw(former as i32));
        self.calls.executed(former);
        self.processes.executed(task, former);
        resume(task, libc::PTRACE_CONT, 0);
    }

    /// A call that the filter names is about to begin.
    fn entry(&mut self, task: Pid) {
        let request = match self.calls.enter(task, self.processes.of(task)) {
            Entered::Recorded => libc::PTRACE_SYSCALL,
            Entered::Passed => libc::PTRACE_CONT,
            Entered::Foreign => {
                self.processes.made_foreign_call(task);
                libc::PTRACE_CONT
            }
        };
        resume(task, request, 0);
    }

    /// A call that is recorded has returned.
    fn exit(&mut self, task: Pid) {
        if let Some(news) = self.calls.leave(task) {
            let process = self.processes.of(task);
            self.processes.tell(process, news);
        }
        resume(task, libc::PTRACE_CONT, 0);
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.tasks.set_over();
    }
}

/// Waits for any task of this thread's, and leaves what it finds to be waited for again. True if
/// it is an end.
fn ends_next() -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::All, flags | WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD) {
            Ok(status) => return matches!(status, WaitStatus::Exited(..) | WaitStatus::Signaled(..)),
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

/// Waits for any task of this thread's. `None` when there is none left, or with the flag WNOHANG
/// none that has anything to tell.
///
/// By hand because a stop may be for a real-time signal, which nix cannot express and reports as
/// an error, losing the stop.
fn wait_for_any(flags: i32) -> Option<(Pid, i32)> {
    loop {
        let mut status = 0;
        // SAFETY: waitpid(2) writes one int. __WNOTHREAD leaves other threads' children alone.
        let pid = unsafe { libc::waitpid(-1, &mut status, flags | libc::__WALL | libc::__WNOTHREAD) };
        match Errno::result(pid) {
            Ok(0) => return None,
            Ok(pid) => return Some((Pid::from_raw(pid), status)),
            Err(Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
}

/// Lets a stopped task go on. By hand for the same reason as [`wait_for_any`].
fn resume(task: Pid, request: libc::c_uint, signal: i32) {
    // SAFETY: ptrace(2): these requests take no address, and a signal number as data. It fails
    // with ESRCH if the task was killed while it was stopped; its end is reported next.
    unsafe { libc::ptrace(request, task.as_raw(), 0_usize, signal as usize) };
}
