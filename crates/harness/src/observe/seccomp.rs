//! The filter that makes the kernel stop a traced process at socket calls only.

use std::collections::BTreeMap;
use std::io;

use nix::libc;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// The calls that stop: those on sockets, and those by which a descriptor comes to stand for
/// something else. `read`, `write` and `close` on other files stop too, and go on at once.
pub(super) const STOPS: &[libc::c_long] = &[
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_shutdown,
    libc::SYS_close,
    libc::SYS_close_range,
    #[cfg(target_arch = "x86_64")] // newer architectures have dup3 alone
    libc::SYS_dup2,
    libc::SYS_dup3,
    libc::SYS_setsockopt,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_preadv2,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwritev2,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_io_uring_setup,
];

/// The filter as a program for this machine's architecture, to be applied in the child.
pub(super) fn program() -> io::Result<BpfProgram> {
    let arch = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let rules: BTreeMap<i64, Vec<_>> = STOPS.iter().map(|&number| (number, vec![])).collect();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Trace(0), arch);
    filter.and_then(TryInto::try_into).map_err(io::Error::other)
}
