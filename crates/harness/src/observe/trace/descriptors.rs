//! What a traced program's descriptors refer to, without asking the system at each of its calls.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use nix::libc;
use nix::unistd::Pid;

/// What a descriptor refers to: an open file description, as open(2) calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenFile {
    /// A socket, by its inode.
    Socket(u64),
    /// Any other file.
    Other,
}

/// What descriptors were found to refer to. That holds until a call that closes or replaces one, of which
/// this is told: a new file gets a descriptor that was free before (open(2)).
///
/// Threads share a table of descriptors, and so may processes; any task may also leave it
/// (unshare(2)). So what was found counts for the task that it was found for, and what one task
/// gives up is forgotten for all.
#[derive(Default)]
pub(super) struct Descriptors {
    found: HashMap<i32, (Pid, OpenFile)>,
    /// What a task is about to give up. Its next stop tells that it has; meanwhile nothing that is
    /// found there is kept.
    changing: HashMap<Pid, RangeInclusive<i32>>,
    /// Set when descriptors may be closed without a call.
    unreliable: bool,
}

impl Descriptors {
    /// What a descriptor of a task refers to, as found before or by `look`. `None` if it is closed.
    pub fn open_file(&mut self, task: Pid, fd: i32, look: impl FnOnce() -> Option<OpenFile>) -> Option<OpenFile> {
        if let Some((owner, file)) = self.found.get(&fd)
            && *owner == task
        {
            return Some(*file);
        }
        let file = look()?;
        if !self.unreliable && !self.changing.values().any(|fds| fds.contains(&fd)) {
            self.found.insert(fd, (task, file));
        }
        Some(file)
    }

    /// A task enters a call that closes or replaces these descriptors.
    pub fn gives_up(&mut self, task: Pid, fds: RangeInclusive<i32>) {
        if fds.start() == fds.end() {
            self.found.remove(fds.start());
        } else {
            self.found.clear();
        }
        self.changing.insert(task, fds);
    }

    /// A task has stopped again, so that it is past the call that it was in.
    pub fn stopped(&mut self, task: Pid) {
        if !self.changing.is_empty() {
            self.changing.remove(&task);
        }
    }

    /// A task has ended. Another may get its number.
    pub fn ended(&mut self, task: Pid) {
        self.changing.remove(&task);
        self.found.retain(|_, (owner, _)| *owner != task);
    }

    /// A program was executed: that closes what is marked so, without a call.
    pub fn executed(&mut self) {
        self.found.clear();
    }

    /// From now on descriptors may be closed without a call, as through io_uring.
    pub fn distrust(&mut self) {
        self.found.clear();
        self.unreliable = true;
    }
}

/// The descriptors that a call closes or makes stand for something else: close(2), dup(2),
/// close_range(2).
pub(super) fn given_up(number: i64, args: &[u64; 6]) -> Option<RangeInclusive<i32>> {
    let descriptor = |argument: u64| i32::try_from(argument as u32).unwrap_or(i32::MAX);
    match number {
        libc::SYS_close => Some(descriptor(args[0])..=descriptor(args[0])),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_dup2 => Some(descriptor(args[1])..=descriptor(args[1])),
        libc::SYS_dup3 => Some(descriptor(args[1])..=descriptor(args[1])),
        libc::SYS_close_range => Some(descriptor(args[0])..=descriptor(args[1])),
        _ => None,
    }
}

#[cfg(test)]
#[path = "../../../tests/unit/observe_trace_descriptors.rs"]
mod tests;
