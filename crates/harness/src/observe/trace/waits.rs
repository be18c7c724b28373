//! Whether a sleeping task will go on by itself: `/proc/PID/syscall` says which call it is in, with its arguments
//! (proc_pid_syscall(5)).

use nix::libc;
use nix::unistd::Pid;

/// True if a task waits until some moment, whatever else it waits for, or if that cannot be told.
///
/// What it cannot see: a time limit of a socket (SO_RCVTIMEO of socket(7)), and timers that send a signal.
pub(super) fn on_clock(task: Pid) -> bool {
    match std::fs::read_to_string(format!("/proc/{task}/syscall")) {
        Ok(line) => is_timed(&line),
        // The task has ended, or its file may not be read. Only the second leaves it open whether it waits for a time,
        // and counts as if it did.
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

/// Reads a line such as `202 0x7f 0x80 0x2 0x0 0x7f 0x0 0x7ffc 0x7f`: a number, six arguments, two registers.
/// `running` stands for a task that is in no call, or not asleep.
fn is_timed(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let Some(number) = words.next().and_then(|word| word.parse::<i64>().ok()) else {
        return true;
    };
    let number_of = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).unwrap_or(0);
    let arguments: Vec<u64> = words.map(number_of).collect();
    let argument = |index: usize| arguments.get(index).copied().unwrap_or(0);
    // In these a pointer to a time stands for a limit, and a null pointer for none.
    let is_given = |index| argument(index) != 0;
    // In these a negative number of milliseconds stands for none.
    let is_positive = |index| argument(index) as i32 > 0;
    match number {
        libc::SYS_nanosleep | libc::SYS_clock_nanosleep | libc::SYS_restart_syscall => true,
        libc::SYS_futex => is_given(3),
        libc::SYS_ppoll => is_given(2),
        libc::SYS_pselect6 => is_given(4),
        libc::SYS_epoll_pwait => is_positive(3),
        libc::SYS_epoll_pwait2 => is_given(3),
        libc::SYS_rt_sigtimedwait => is_given(2),
        libc::SYS_semtimedop => is_given(3),
        libc::SYS_recvmmsg => is_given(4),
        #[cfg(target_arch = "x86_64")] // newer architectures have only those above
        libc::SYS_poll => is_positive(2),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait => is_positive(3),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_select => is_given(4),
        _ => false,
    }
}

#[cfg(test)]
#[path = "../../../tests/unit/observe_trace_waits.rs"]
mod tests;
