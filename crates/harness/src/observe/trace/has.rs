//! What a program's processes have: memory, descriptors, how their threads sleep.

use nix::unistd::Pid;
use procfs::process::{Process, Status};

use crate::look::Look;

/// Who is traced is in a "tracing stop" while it is stopped.
fn is_stopped(status: &Status) -> bool {
    status.state.starts_with(['T', 't'])
}

/// True if each thread of a process is stopped, or it has ended.
pub(super) fn all_stopped(process: Pid) -> bool {
    let Ok(tasks) = Process::new(process.as_raw()).and_then(|process| process.tasks()) else {
        return true;
    };
    tasks
        .flatten()
        .filter_map(|task| task.status().ok())
        .all(|status| is_stopped(&status))
}

/// What these processes and tasks have. One that has just ended has nothing.
pub(super) fn of(processes: &[Pid], tasks: &[Pid]) -> Look {
    let mut look = Look {
        processes: processes.iter().map(|pid| pid.as_raw()).collect(),
        stopped: true,
        ..Look::default()
    };
    for pid in processes {
        let Ok(process) = Process::new(pid.as_raw()) else {
            continue;
        };
        if let Ok(status) = process.status() {
            look.memory += status.rssanon.unwrap_or(0) * 1024;
        }
        if let Ok(descriptors) = process.fd_count() {
            look.descriptors = look.descriptors.max(descriptors);
        }
    }
    for task in tasks {
        let Ok(status) = Process::new(task.as_raw()).and_then(|task| task.status()) else {
            continue;
        };
        look.slept += status.voluntary_ctxt_switches.unwrap_or(0);
        look.stopped &= is_stopped(&status);
    }
    look
}
