//! Tests of `src/observe/trace/process.rs`, which see what is private there.

use nix::libc;

use super::*;

/// Where the parent gets no processor meanwhile, a thread may have done its work and ended.
#[test]
fn a_task_that_has_ended_is_not_born() {
    let tasks = Arc::new(Tasks::default());
    let recorder = Arc::new(Recorder::new(crate::recorder::Keep::ALL));
    let mut processes = Processes::new(Side::Server, Arc::clone(&tasks), recorder);
    // No process has so large a number.
    let task = Pid::from_raw(i32::MAX);
    for _ in 0..2 {
        processes.arrived(task);
        assert_eq!(tasks.all(), [task]);
        processes.ended(task, Exit::Status(0));
        processes.born(task);
        assert_eq!(tasks.all(), []);
    }
    processes.ended(task, Exit::Signal(libc::SIGKILL));
    processes.born(task);
    assert_eq!(tasks.all(), []);
    processes.born(task);
    processes.arrived(task);
    assert_eq!(tasks.all(), [task]);
    processes.ended(task, Exit::Status(0));
    assert_eq!(tasks.all(), []);
}
