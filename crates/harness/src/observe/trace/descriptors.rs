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
mod tests {
    use super::*;

    const ONE: Pid = Pid::from_raw(1);
    const OTHER: Pid = Pid::from_raw(2);

    /// What a look would find, and nothing where there must be none.
    fn socket(inode: u64) -> impl FnOnce() -> Option<OpenFile> {
        move || Some(OpenFile::Socket(inode))
    }

    fn no_look() -> Option<OpenFile> {
        panic!("it is known already")
    }

    #[test]
    fn what_was_found_is_not_looked_for_again() {
        let mut descriptors = Descriptors::default();
        assert_eq!(descriptors.open_file(ONE, 5, socket(50)), Some(OpenFile::Socket(50)));
        assert_eq!(descriptors.open_file(ONE, 5, no_look), Some(OpenFile::Socket(50)));
    }

    #[test]
    fn a_closed_descriptor_is_looked_for_each_time() {
        let mut descriptors = Descriptors::default();
        assert_eq!(descriptors.open_file(ONE, 5, || None), None);
        assert_eq!(descriptors.open_file(ONE, 5, socket(50)), Some(OpenFile::Socket(50)));
    }

    #[test]
    fn each_task_may_have_a_table_of_its_own() {
        let mut descriptors = Descriptors::default();
        descriptors.open_file(ONE, 5, socket(50));
        assert_eq!(descriptors.open_file(OTHER, 5, socket(51)), Some(OpenFile::Socket(51)));
        assert_eq!(descriptors.open_file(ONE, 5, socket(50)), Some(OpenFile::Socket(50)));
    }

    #[test]
    fn what_one_task_gives_up_is_forgotten_for_all() {
        let mut descriptors = Descriptors::default();
        descriptors.open_file(ONE, 5, socket(50));
        descriptors.gives_up(OTHER, 5..=5);
        descriptors.stopped(OTHER);
        assert_eq!(descriptors.open_file(ONE, 5, socket(51)), Some(OpenFile::Socket(51)));
    }

    #[test]
    fn what_is_found_during_a_close_is_not_kept() {
        let mut descriptors = Descriptors::default();
        descriptors.gives_up(OTHER, 4..=6);
        assert_eq!(descriptors.open_file(ONE, 5, socket(50)), Some(OpenFile::Socket(50)));
        assert_eq!(descriptors.open_file(ONE, 5, socket(51)), Some(OpenFile::Socket(51)));
        descriptors.open_file(ONE, 7, socket(70));
        assert_eq!(descriptors.open_file(ONE, 7, no_look), Some(OpenFile::Socket(70)));
        descriptors.stopped(OTHER);
        descriptors.open_file(ONE, 5, socket(52));
        assert_eq!(descriptors.open_file(ONE, 5, no_look), Some(OpenFile::Socket(52)));
    }

    #[test]
    fn calls_give_up_descriptors() {
        assert_eq!(given_up(libc::SYS_close, &[5, 0, 0, 0, 0, 0]), Some(5..=5));
        assert_eq!(given_up(libc::SYS_dup3, &[4, 6, 0, 0, 0, 0]), Some(6..=6));
        let to_the_end = [3, u64::from(u32::MAX), 0, 0, 0, 0];
        assert_eq!(given_up(libc::SYS_close_range, &to_the_end), Some(3..=i32::MAX));
        assert_eq!(given_up(libc::SYS_read, &[5, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn an_ended_task_leaves_nothing_to_the_next_of_its_number() {
        let mut descriptors = Descriptors::default();
        descriptors.open_file(ONE, 5, socket(50));
        descriptors.ended(ONE);
        assert_eq!(descriptors.open_file(ONE, 5, socket(51)), Some(OpenFile::Socket(51)));
    }

    #[test]
    fn nothing_is_kept_once_descriptors_close_without_a_call() {
        let mut descriptors = Descriptors::default();
        descriptors.open_file(ONE, 5, socket(50));
        descriptors.distrust();
        assert_eq!(descriptors.open_file(ONE, 5, socket(51)), Some(OpenFile::Socket(51)));
        assert_eq!(descriptors.open_file(ONE, 5, socket(52)), Some(OpenFile::Socket(52)));
    }
}
