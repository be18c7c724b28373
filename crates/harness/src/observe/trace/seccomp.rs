//! The calls at which a traced process stops, and the filter that makes the kernel stop it at no
//! others.

use std::collections::BTreeMap;
use std::io;

use nix::libc::{self, c_long};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use crate::timeline::CallKind::{self, Accept, Close, Connect, Listen, Read, SetOption, Shutdown, Write};

/// A system call at which a traced program stops.
#[derive(Debug)]
pub(super) struct Stop {
    pub number: c_long,
    /// As in section 2 of the manual.
    pub name: &'static str,
    pub role: Role,
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
}

/// The calls that stop: those on sockets, and those by which a descriptor comes to stand for
/// something else. `read`, `write` and `close` on other files stop too, and go on at once.
pub(super) const STOPS: &[Stop] = &[
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
    stop(libc::SYS_io_uring_setup, "io_uring_setup", Role::IoUringSetup),
];

const fn stop(number: c_long, name: &'static str, role: Role) -> Stop {
    Stop { number, name, role }
}

impl Stop {
    /// The call with this number, if it is one that stops.
    pub fn at(number: i64) -> Option<&'static Stop> {
        STOPS.iter().find(|stop| stop.number == number)
    }
}

/// The filter as a program for this machine's architecture, to be applied in the child.
pub(super) fn program() -> io::Result<BpfProgram> {
    let arch = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let rules: BTreeMap<i64, Vec<_>> = STOPS.iter().map(|stop| (stop.number, vec![])).collect();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Trace(0), arch);
    filter.and_then(TryInto::try_into).map_err(io::Error::other)
}
