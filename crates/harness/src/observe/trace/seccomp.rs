//! The calls at which a traced process stops, and the filter that makes the kernel stop it at no
//! others: seccomp(2).

use std::collections::BTreeMap;
use std::io;

use nix::errno::Errno;
use nix::libc::{self, c_long, sock_filter};
use nix::sys::prctl::set_no_new_privs;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use timeline::CallKind::{self, Accept, Close, Connect, Listen, Read, SetOption, Shutdown, Write};

/// A system call at which a traced program stops.
#[derive(Debug)]
pub(super) struct Stop {
    pub number: c_long,
    /// As in section 2 of the manual.
    pub name: &'static str,
    pub role: Role,
    /// It stops only if these of its arguments, from 0, are so.
    only: &'static [(u8, u64)],
}

/// Why a call matters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// It does this to its first argument, which may be a socket.
    On(CallKind),
    /// splice(2) moves from its first argument to its third; either may be a socket.
    Splice,
    /// Descriptors come to stand for something else.
    Descriptors,
    /// From now on calls may be made without a stop.
    IoUringSetup,
    /// The strict mode of seccomp is asked for, which nobody gets who has a filter.
    StrictMode,
    /// A child comes, which is to be traced whatever its parent says.
    Clone,
    /// A socket gets an address, which tells a server that is none of TCP, or why it cannot listen.
    Bind,
}

/// The calls that stop: those on sockets, and those by which a descriptor comes to stand for
/// something else. `read`, `write` and `close` on other files stop too, and go on at once.
pub(super) const STOPS: &[Stop] = &[
    stop(libc::SYS_bind, "bind", Role::Bind),
    stop(libc::SYS_listen, "listen", Role::On(Listen)),
    stop(libc::SYS_accept, "accept", Role::On(Accept)),
    stop(libc::SYS_accept4, "accept4", Role::On(Accept)),
    stop(libc::SYS_connect, "connect", Role::On(Connect)),
    stop(libc::SYS_shutdown, "shutdown", Role::On(Shutdown)),
    stop(libc::SYS_close, "close", Role::On(Close)),
    stop(libc::SYS_close_range, "close_range", Role::Descriptors),
    #[cfg(target_arch = "x86_64")] // newer architectures have dup3 alone
    stop(libc::SYS_dup2, "dup2", Role::Descriptors),
    stop(libc::SYS_dup3, "dup3", Role::Descriptors),
    stop(libc::SYS_setsockopt, "setsockopt", Role::On(SetOption)),
    stop(libc::SYS_read, "read", Role::On(Read)),
    stop(libc::SYS_readv, "readv", Role::On(Read)),
    stop(libc::SYS_preadv2, "preadv2", Role::On(Read)),
    stop(libc::SYS_recvfrom, "recvfrom", Role::On(Read)),
    stop(libc::SYS_recvmsg, "recvmsg", Role::On(Read)),
    stop(libc::SYS_recvmmsg, "recvmmsg", Role::On(Read)),
    stop(libc::SYS_write, "write", Role::On(Write)),
    stop(libc::SYS_writev, "writev", Role::On(Write)),
    stop(libc::SYS_pwritev2, "pwritev2", Role::On(Write)),
    stop(libc::SYS_sendto, "sendto", Role::On(Write)),
    stop(libc::SYS_sendmsg, "sendmsg", Role::On(Write)),
    stop(libc::SYS_sendmmsg, "sendmmsg", Role::On(Write)),
    stop(libc::SYS_sendfile, "sendfile", Role::On(Write)),
    stop(libc::SYS_splice, "splice", Role::Splice),
    stop(libc::SYS_clone, "clone", Role::Clone),
    stop(libc::SYS_clone3, "clone3", Role::Clone),
    stop(libc::SYS_io_uring_setup, "io_uring_setup", Role::IoUringSetup),
    Stop {
        only: &[(0, libc::PR_SET_SECCOMP as u64), (1, libc::SECCOMP_MODE_STRICT as u64)],
        ..stop(libc::SYS_prctl, "prctl", Role::StrictMode)
    },
    Stop {
        only: &[(0, libc::SECCOMP_SET_MODE_STRICT as u64)],
        ..stop(libc::SYS_seccomp, "seccomp", Role::StrictMode)
    },
];

const fn stop(number: c_long, name: &'static str, role: Role) -> Stop {
    Stop {
        number,
        name,
        role,
        only: &[],
    }
}

impl Stop {
    /// The call with this number, if it is one that stops.
    pub fn at(number: i64) -> Option<&'static Stop> {
        STOPS.iter().find(|stop| stop.number == number)
    }
}

/// What the filter says of a stop, for `ret_data` of PTRACE_GET_SYSCALL_INFO: it is one of [`STOPS`],
/// or a call of another architecture, whose numbers mean other calls.
const NATIVE: u32 = 0;
pub(super) const FOREIGN: u32 = 1;

/// The filter as a program for this machine's architecture, to be [installed](install) in the child.
pub(super) fn program() -> io::Result<Vec<sock_filter>> {
    let arch = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let is = |&(argument, value)| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value);
    let rules = |stop: &Stop| match stop.only {
        [] => Ok(vec![]),
        only => SeccompRule::new(only.iter().map(is).collect::<Result<_, _>>()?).map(|rule| vec![rule]),
    };
    let rules: Result<BTreeMap<i64, Vec<_>>, seccompiler::BackendError> =
        STOPS.iter().map(|stop| Ok((stop.number, rules(stop)?))).collect();
    let rules = rules.map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Trace(NATIVE), arch);
    let native: BpfProgram = filter.and_then(TryInto::try_into).map_err(io::Error::other)?;
    let native: Vec<_> = native.iter().map(|i| instruction(i.code, i.jt, i.jf, i.k)).collect();
    // It begins with a look at the architecture, and kills whoever has another.
    let [_, is_native, ..] = native[..] else {
        return Err(io::Error::other("the filter is empty"));
    };
    Ok(foreign_first(is_native.k).chain(native).collect())
}

/// The beginning of a filter that stops at every call of another architecture than `native` (an
/// AUDIT_ARCH of linux/audit.h), so that it can be told that there was one. The rest of the filter
/// sees none.
///
/// A 64-bit program may make them too: `int 0x80` on x86_64 is a call of i386, and a number from
/// 0x40000000 on is one of the x32 ABI.
fn foreign_first(native: u32) -> impl Iterator<Item = sock_filter> {
    use libc::{BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_TRACE};
    const X32: u32 = 0x4000_0000;
    /// Negative numbers are no calls, and some programs make one to see what becomes of it.
    const NEGATIVE: u32 = 0x8000_0000;
    let code = |code: u32| u16::try_from(code).unwrap_or_default();
    let load = |at: usize| instruction(code(BPF_LD | BPF_W | BPF_ABS), 0, 0, at as u32);
    let jump = |test: u32, value: u32, then: u8, or: u8| instruction(code(BPF_JMP | test | BPF_K), then, or, value);
    let stop = instruction(code(BPF_RET | BPF_K), 0, 0, SECCOMP_RET_TRACE | FOREIGN);
    let other_architecture = [
        load(std::mem::offset_of!(libc::seccomp_data, arch)),
        jump(BPF_JEQ, native, 1, 0),
        stop,
    ];
    let x32 = [
        load(std::mem::offset_of!(libc::seccomp_data, nr)),
        jump(BPF_JGE, NEGATIVE, 2, 0),
        jump(BPF_JGE, X32, 0, 1),
        stop,
    ];
    let x32 = x32.into_iter().filter(|_| cfg!(target_arch = "x86_64"));
    other_architecture.into_iter().chain(x32)
}

fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// In the child: makes the kernel apply a filter to it and to all that come of it.
///
/// Who has CAP_SYS_ADMIN in his user namespace may do so as he is. Anybody else has to give up first
/// what programs that he executes may give him (PR_SET_NO_NEW_PRIVS of prctl(2)): their set-user-ID
/// bits and file capabilities. So that is done only where it must be.
pub(super) fn install(filter: &[sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(io::Error::other)?,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: seccomp(2) reads the program, which outlives the call, and writes nothing.
    let set = || unsafe {
        Errno::result(libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0_usize,
            &raw const program,
        ))
    };
    match set() {
        Err(Errno::EACCES) => {
            set_no_new_privs()?;
            set()?;
        }
        done => drop(done?),
    }
    Ok(())
}
