//! A tracer that writes nothing down: it stops a program at the calls on its sockets, at their beginning and at their
//! end, and lets it go on at once. No tracer that sees both can be faster: ptrace(2), seccomp(2).
#![allow(unsafe_code, reason = "Command::pre_exec")]

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use anyhow::{Context, Result};
    use nix::libc::{self, c_long};
    use nix::sys::ptrace::{self, Options};
    use nix::sys::signal::Signal;
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    use nix::unistd::Pid;
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

    /// What the steps do with a socket while they talk.
    const CALLS: [c_long; 4] = [libc::SYS_read, libc::SYS_write, libc::SYS_recvfrom, libc::SYS_sendto];

    /// Awake for so long, as whoever sleeps has to be woken first.
    const AWAKE: Duration = Duration::from_micros(30);

    fn wait() -> nix::Result<WaitStatus> {
        let began = Instant::now();
        loop {
            let status = waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG))?;
            if status != WaitStatus::StillAlive {
                return Ok(status);
            }
            if began.elapsed() > AWAKE {
                return waitpid(None, Some(WaitPidFlag::__WALL));
            }
        }
    }

    pub fn main() -> Result<()> {
        let mut arguments = std::env::args_os().skip(1);
        let mut command = Command::new(arguments.next().context("which program?")?);
        command.args(arguments);
        let filter = SeccompFilter::new(
            BTreeMap::from(CALLS.map(|call| (call, Vec::new()))),
            SeccompAction::Allow,
            SeccompAction::Trace(0),
            std::env::consts::ARCH.try_into()?,
        )?;
        let filter = BpfProgram::try_from(filter)?;
        let begin = move || {
            ptrace::traceme()?;
            seccompiler::apply_filter(&filter).map_err(|_| std::io::ErrorKind::PermissionDenied.into())
        };
        // SAFETY: signal-safety(7): between fork and exec it makes two system calls, and allocates nothing.
        let child = unsafe { command.pre_exec(begin) }.spawn()?;
        let child = Pid::from_raw(child.id().cast_signed());
        waitpid(child, None)?;
        let options = Options::PTRACE_O_TRACESECCOMP
            | Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_EXITKILL;
        ptrace::setoptions(child, options)?;
        ptrace::cont(child, None)?;
        loop {
            let status = wait()?;
            // A thread may be gone before it is let go on.
            let _ = match status {
                WaitStatus::PtraceEvent(pid, _, libc::PTRACE_EVENT_SECCOMP) => ptrace::syscall(pid, None),
                WaitStatus::PtraceEvent(pid, ..) | WaitStatus::PtraceSyscall(pid) => ptrace::cont(pid, None),
                // A new thread begins with a stop of its own.
                WaitStatus::Stopped(pid, Signal::SIGSTOP) => ptrace::cont(pid, None),
                WaitStatus::Stopped(pid, signal) => ptrace::cont(pid, signal),
                WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) if pid == child => return Ok(()),
                _ => Ok(()),
            };
        }
    }
}
