//! Children that are not to be traced (CLONE_UNTRACED of clone(2)).
//!
//! Such a child has the filter of its parent and no tracer, so each call that the filter names fails with ENOSYS:
//! seccomp(2), SECCOMP_RET_TRACE. And nobody ends it with the others. So the flag is taken away before the kernel sees
//! it: whether a child is traced changes nothing else.

use nix::libc;
use nix::sys::ptrace;
use nix::unistd::Pid;

use super::memory;

const FLAG: u64 = libc::CLONE_UNTRACED as u64;

/// At the entry of clone(2) or clone3(2): takes the flag away.
pub(super) fn never(task: Pid, number: i64, args: &[u64; 6]) {
    if number == libc::SYS_clone3 {
        // `flags` is the first word of `struct clone_args`.
        let flags = memory::read(task, args[0], 8).try_into().map(u64::from_ne_bytes);
        if let Ok(flags) = flags
            && flags & FLAG != 0
        {
            memory::write(task, args[0], &(flags & !FLAG).to_ne_bytes());
        }
    } else if args[0] & FLAG != 0
        && let Ok(mut registers) = ptrace::getregs(task)
    {
        #[cfg(target_arch = "x86_64")]
        let first = &mut registers.rdi;
        #[cfg(target_arch = "aarch64")]
        let first = &mut registers.regs[0];
        *first &= !FLAG;
        // A task that was killed meanwhile has no registers.
        let _ = ptrace::setregs(task, registers);
    }
}
