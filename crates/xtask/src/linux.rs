//! A call of Linux that has no safe form in the libraries here.
#![allow(unsafe_code, reason = "pidfd_getfd, alone below")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::Child;

use nix::errno::Errno;
use nix::libc;

/// Our own copy of a descriptor of a child: pidfd_open(2), pidfd_getfd(2).
///
/// # Errors
///
/// What the system says: EPERM where we may not trace it, ENOSYS before Linux 5.6.
pub fn descriptor_of(child: &Child, fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: both calls take numbers and return a descriptor that is ours to close.
    unsafe {
        let pidfd = Errno::result(libc::syscall(libc::SYS_pidfd_open, child.id(), 0))?;
        let pidfd = OwnedFd::from_raw_fd(pidfd as i32);
        let copy = Errno::result(libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0))?;
        Ok(OwnedFd::from_raw_fd(copy as i32))
    }
}
