//! Code of this process whose sockets are made in a private network.
//!
//! A thread cannot enter the network of another user namespace: setns(2) refuses that to a process of several threads. So
//! the kernel stops the thread, and all that come of it, at socket(2), and they get a socket that the network's holder
//! has made: seccomp_unotify(2).
#![allow(unsafe_code, reason = "seccomp(2) and its ioctls, which no crate here offers")]

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::sync::mpsc::channel;
use std::thread::Builder;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_no_new_privs;

use super::sandbox::{Sandbox, SocketKind};

/// Runs `body` on a thread whose sockets are made in `network`.
pub(super) fn run<T: Send>(network: &Sandbox, body: impl FnOnce() -> T + Send) -> io::Result<T> {
    let (over, ours) = UnixStream::pair()?;
    let (tell, told) = channel();
    std::thread::scope(|scope| {
        let guest = Builder::new().spawn_scoped(scope, move || {
            let _over = Over(over);
            let listener = listener();
            let is_stopped = listener.is_ok();
            // This cannot fail: the receiver outlives this thread, which it waits for.
            let _ = tell.send(listener);
            is_stopped.then(body)
        })?;
        let served = told.recv().map_err(io::Error::other).and_then(|listener| listener);
        // When it ends the listener is closed, and nobody waits for an answer any more.
        let served = served.and_then(|listener| serve(&listener, &ours, network));
        let value = guest.join().unwrap_or_else(|panic| resume_unwind(panic));
        served.and_then(|()| value.ok_or_else(|| Errno::ECANCELED.into()))
    })
}

/// Tells the other end when the thread is through, and whoever else may have a copy of this one.
struct Over(UnixStream);

impl Drop for Over {
    fn drop(&mut self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Makes the kernel ask at each socket of IPv4 and IPv6 that this thread makes, and those that come of it.
fn listener() -> io::Result<OwnedFd> {
    /// AUDIT_ARCH of linux/audit.h: another architecture's numbers mean other calls.
    const NATIVE: u32 = if cfg!(target_arch = "x86_64") {
        0xc000_003e
    } else {
        0xc000_00b7
    };
    let code = |code: u32| u16::try_from(code).unwrap_or_default();
    let instruction = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let load = |at: usize| instruction(code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS), 0, 0, at as u32);
    let is = |k: u32, jt, jf| instruction(code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K), jt, jf, k);
    let answer = |k| instruction(code(libc::BPF_RET | libc::BPF_K), 0, 0, k);
    let mut filter = [
        load(std::mem::offset_of!(libc::seccomp_data, arch)),
        is(NATIVE, 0, 5),
        load(std::mem::offset_of!(libc::seccomp_data, nr)),
        is(libc::SYS_socket as u32, 0, 3),
        // The lower half of the first argument, as both machines have it.
        load(std::mem::offset_of!(libc::seccomp_data, args)),
        is(libc::AF_INET as u32, 2, 0),
        is(libc::AF_INET6 as u32, 1, 0),
        answer(libc::SECCOMP_RET_ALLOW),
        answer(libc::SECCOMP_RET_USER_NOTIF),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    set_no_new_privs()?;
    // SAFETY: seccomp(2) reads the program, which outlives the call, and gives a descriptor that nobody else has.
    unsafe {
        let made = libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        );
        Ok(OwnedFd::from_raw_fd(Errno::result(made)? as i32))
    }
}

/// Answers until the other end of `over` is closed.
fn serve(listener: &OwnedFd, over: &UnixStream, network: &Sandbox) -> io::Result<()> {
    loop {
        let mut ready = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(over.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut ready, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            polled => drop(polled?),
        }
        if ready[1].any() == Some(true) {
            return Ok(());
        }
        // SAFETY: the struct is numbers, and all zero is what the ioctl asks for: seccomp_unotify(2).
        let mut asked: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the ioctl writes one struct of this type.
        let received = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut asked) };
        match Errno::result(received) {
            // A signal interrupted this thread or the one that asked, or the one that asked has ended.
            Err(Errno::EINTR | Errno::ENOENT) => continue,
            received => received?,
        };
        let [domain, kind, protocol, ..] = asked.data.args.map(|argument| argument as i32);
        let kind = SocketKind { domain, kind, protocol };
        let given = network.socket(kind).and_then(|socket| {
            let add = libc::seccomp_notif_addfd {
                id: asked.id,
                flags: libc::SECCOMP_ADDFD_FLAG_SEND as u32,
                srcfd: socket.as_raw_fd().cast_unsigned(),
                newfd: 0,
                newfd_flags: (kind.kind & libc::SOCK_CLOEXEC).cast_unsigned(),
            };
            // SAFETY: the ioctl reads one struct of this type, and copies the descriptor.
            let added = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw const add) };
            Errno::result(added).map(drop).map_err(io::Error::from)
        });
        if let Err(error) = given {
            let refusal = libc::seccomp_notif_resp {
                id: asked.id,
                val: 0,
                error: -error.raw_os_error().unwrap_or(libc::EIO),
                flags: 0,
            };
            // SAFETY: the ioctl reads one struct of this type. It fails if who asked is gone.
            unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const refusal) };
        }
    }
}
