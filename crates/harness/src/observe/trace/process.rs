//! The life of the traced tasks and processes: birth, execution of another program, end.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use nix::unistd::Pid;

use super::rights;
use crate::lock::lock;
use crate::recorder::{Recorder, now};
use timeline::{Exit, ProcessEventKind, Side};

/// What the tracing thread shares with those who hold a [`Tracer`](super::Tracer).
#[derive(Default)]
pub(super) struct Tasks {
    /// The tasks (threads) being traced.
    tasks: Mutex<Vec<Pid>>,
    /// How the first process ended.
    pub exit: Mutex<Option<Exit>>,
    /// Set when the first program has been executed.
    pub executed: AtomicBool,
    /// Set once everything is to be killed, so that a child that is just being born is too.
    pub killing: AtomicBool,
    /// Set when no task is left.
    over: Mutex<bool>,
    ended: Condvar,
}

impl Tasks {
    pub fn all(&self) -> Vec<Pid> {
        lock(&self.tasks).clone()
    }

    /// The processes that the tasks are threads of, each once.
    pub fn processes(&self) -> Vec<Pid> {
        let mut processes: Vec<Pid> = self.all().into_iter().filter_map(process_of).collect();
        processes.sort_unstable();
        processes.dedup();
        processes
    }

    /// No task is left.
    pub fn set_over(&self) {
        *lock(&self.over) = true;
        self.ended.notify_all();
    }

    /// Waits until no task is left, at most so long. Whether none is.
    pub fn wait_until_over(&self, limit: Duration) -> bool {
        let over = lock(&self.over);
        let waited = self.ended.wait_timeout_while(over, limit, |over| !*over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The tasks of one program, and the processes that they are threads of.
pub(super) struct Processes {
    /// Whose program it is. What becomes of a client's processes is not on the timeline.
    side: Side,
    /// The first process.
    first: Option<Pid>,
    /// Set when the program runs.
    pub executed: bool,
    /// The process of each task.
    process_of: HashMap<Pid, Pid>,
    /// Tasks that were heard of before their parent told of their birth.
    early: HashSet<Pid>,
    /// Processes that made calls of another architecture.
    foreign: HashSet<Pid>,
    tasks: Arc<Tasks>,
    recorder: Arc<Recorder>,
}

impl Processes {
    pub fn new(side: Side, tasks: Arc<Tasks>, recorder: Arc<Recorder>) -> Processes {
        Processes {
            side,
            first: None,
            executed: false,
            process_of: HashMap::new(),
            early: HashSet::new(),
            foreign: HashSet::new(),
            tasks,
            recorder,
        }
    }

    pub fn begin_first(&mut self, pid: Pid) {
        self.first = Some(pid);
        self.begin(pid, pid);
    }

    /// Takes in a task; false if it is known.
    fn begin(&mut self, task: Pid, process: Pid) -> bool {
        let mut tasks = lock(&self.tasks.tasks);
        if tasks.contains(&task) {
            return false;
        }
        tasks.push(task);
        drop(tasks);
        self.process_of.insert(task, process);
        if task == process {
            self.tell(task, ProcessEventKind::Started);
        }
        true
    }

    /// A parent tells of a task, which may have ended by then.
    pub fn born(&mut self, child: Pid) {
        if !self.early.remove(&child) {
            self.begin(child, process_of(child).unwrap_or(child));
        }
    }

    /// A new task has stopped for the first time. It may do so before its parent tells of it.
    /// False if it is to be killed.
    pub fn arrived(&mut self, task: Pid) -> bool {
        if self.begin(task, process_of(task).unwrap_or(task)) {
            self.early.insert(task);
        }
        !self.tasks.killing.load(Ordering::Acquire)
    }

    /// A process executed another program: its other threads are gone, and if one of them did it,
    /// `former`, that one now has the process's id.
    pub fn executed(&mut self, task: Pid, former: Pid) {
        self.executed = true;
        self.tasks.executed.store(true, Ordering::Release);
        if former != task {
            lock(&self.tasks.tasks).retain(|known| *known != former);
            self.process_of.remove(&former);
        }
        if self.side == Side::Server
            && let Some((program, rights)) = rights::missing(task)
        {
            self.tell(task, ProcessEventKind::WithoutRights { program, rights });
        }
    }

    /// A task made a call of another architecture. That is told once of a process.
    pub fn made_foreign_call(&mut self, task: Pid) {
        let process = self.of(task);
        if self.foreign.insert(process) {
            self.tell(process, ProcessEventKind::ForeignCalls);
        }
    }

    pub fn ended(&mut self, task: Pid, exit: Exit) {
        lock(&self.tasks.tasks).retain(|known| *known != task);
        match self.process_of.remove(&task) {
            Some(process) if process == task => {
                self.foreign.remove(&task);
                if self.first == Some(task) {
                    *lock(&self.tasks.exit) = Some(exit);
                }
                self.tell(task, ProcessEventKind::Exited(exit));
            }
            Some(_) => {}
            None => {
                self.early.insert(task);
            }
        }
    }

    /// The process that a task is a thread of.
    pub fn of(&self, task: Pid) -> Pid {
        self.process_of.get(&task).copied().unwrap_or(task)
    }

    /// Puts what happened to a process on the timeline.
    pub fn tell(&self, process: Pid, kind: ProcessEventKind) {
        if self.side == Side::Client {
            return;
        }
        self.recorder.process(now(), process.as_raw(), kind);
    }
}

/// The process that a task is a thread of, as the system tells: proc_pid_status(5).
fn process_of(task: Pid) -> Option<Pid> {
    let status = procfs::process::Process::new(task.as_raw())
        .and_then(|process| process.status())
        .ok()?;
    Some(Pid::from_raw(status.tgid))
}

/// True if a task waits for something, or is gone. One that has ended, of which the tracer is still to be told, is
/// neither: its end belongs on the timeline.
pub(super) fn is_asleep(task: Pid) -> bool {
    let Ok(process) = procfs::process::Process::new(task.as_raw()) else {
        return true;
    };
    match process.stat().map(|stat| stat.state) {
        // A first thread that has ended stays until the others have: proc_pid_stat(5).
        Ok('Z') => process.tasks().is_ok_and(|tasks| tasks.count() > 1),
        Ok(state) => matches!(state, 'S' | 'T'),
        Err(_) => true,
    }
}

#[cfg(test)]
#[path = "../../../tests/unit/observe_trace_process.rs"]
mod tests;
