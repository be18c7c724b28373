//! Which addresses a server gives its sockets, of those that are none of TCP, and which it cannot have: bind(2).

use nix::libc;
use nix::unistd::Pid;
use procfs::net::{UdpNetEntry, UnixNetEntry};

use super::endpoints::socket_inode;
use super::memory;
use crate::recorder::Bound;
use timeline::Errno;

/// What a bind that returned `value` says; nothing of one that gave a TCP socket its address.
pub(super) fn look(task: Pid, fd: i32, args: &[u64; 6], value: i64) -> Option<Bound> {
    let inode = socket_inode(task, fd)?;
    let process = || procfs::process::Process::new(task.as_raw()).ok();
    if let Some(address) = memory::socket_address(task, args[1], args[2]) {
        if value < 0 {
            let errno = Errno(i32::try_from(-value).unwrap_or_default());
            return Some(Bound::Refused { address, errno });
        }
        // A socket that is bound to port 0 gets any free port, as a resolver's does. Nobody can know that port before,
        // so no client is waited for on it.
        if address.port() == 0 {
            return None;
        }
        let is_its = |entry: &UdpNetEntry| entry.inode == inode;
        let process = process()?;
        let mut udp = process.udp().into_iter().chain(process.udp6()).flatten();
        let address = udp.find(is_its)?.local_address;
        return Some(Bound::Udp(address));
    }
    let family = memory::number(task, args[1])? as u16;
    if value != 0 || i32::from(family) != libc::AF_UNIX {
        return None;
    }
    let is_its = |entry: &UnixNetEntry| entry.inode == inode;
    let entry = process()?.unix().ok()?.into_iter().find(is_its)?;
    Some(Bound::Unix {
        fd,
        pid: task.as_raw(),
        path: entry.path?.display().to_string(),
    })
}
