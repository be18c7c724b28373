//! What each socket of a traced program is: the address that it listens on, or the two addresses of
//! its connection.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use nix::sys::stat::fstat;
use nix::unistd::Pid;
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::{Protocol, SockAddr};

use super::descriptors::{Descriptors, OpenFile};
use super::memory;
use crate::lock::lock;
use crate::observe::sockets::{canonical, table};
use timeline::{Endpoints, Errno as CallError};

/// What is known of a socket.
#[derive(Clone, Copy)]
pub(super) enum Socket {
    Listener(SocketAddr),
    Connection(Endpoints),
    /// A connection that the server under test made itself: it is the client there.
    Dialed(Endpoints),
    /// Neither, or not yet: its inode.
    Other(u64),
}

/// What is known of each socket, by inode. An inode names a socket through dup, fork and descriptor
/// passing.
pub(super) struct Sockets {
    known: HashMap<u64, Socket>,
    pub descriptors: Descriptors,
    connected: Arc<Connected>,
}

/// The connection that each connected socket stands for, by its inode, for those outside of the tracing thread; with the
/// process and the descriptor that had it first.
#[derive(Default)]
pub(super) struct Connected(Mutex<HashMap<u64, (Endpoints, Owner)>>);

/// A process and its descriptor.
type Owner = (i32, i32);

impl Connected {
    /// Which connection a socket of this inode is.
    pub fn connection(&self, inode: u64) -> Option<(Endpoints, Owner)> {
        lock(&self.0).get(&inode).copied()
    }

    fn insert(&self, inode: u64, on: Endpoints, (process, fd): (Pid, i32)) {
        lock(&self.0).insert(inode, (on, (process.as_raw(), fd)));
    }
}

impl Sockets {
    pub fn new(connected: Arc<Connected>) -> Sockets {
        Sockets {
            known: HashMap::new(),
            descriptors: Descriptors::default(),
            connected,
        }
    }

    /// What is known of the socket that a descriptor refers to. `None` if it is no socket.
    pub fn get(&mut self, task: Pid, fd: i32) -> Option<Socket> {
        let inode = self.inode(task, fd)?;
        Some(self.known.get(&inode).copied().unwrap_or(Socket::Other(inode)))
    }

    /// The inode of the socket that a descriptor refers to.
    pub fn inode(&mut self, task: Pid, fd: i32) -> Option<u64> {
        match self.descriptors.open_file(task, fd, || open_file(task, fd))? {
            OpenFile::Socket(inode) => Some(inode),
            OpenFile::Other => None,
        }
    }

    pub fn is_connection(&mut self, task: Pid, fd: i32) -> bool {
        matches!(self.get(task, fd), Some(Socket::Connection(_) | Socket::Dialed(_)))
    }

    /// A socket has begun to listen. `None` if it is no TCP socket.
    pub fn listens(&mut self, task: Pid, fd: i32) -> Option<SocketAddr> {
        let inode = socket_inode(task, fd)?;
        let entry = table(task.as_raw()).into_iter().find(|entry| entry.inode == inode)?;
        self.known.insert(inode, Socket::Listener(entry.local_address));
        Some(entry.local_address)
    }

    /// Learns where a program has connected to, as its socket tells. `None` if it has not, or had before: whoever
    /// does not wait may connect again, to find out how it went (connect(2), EINPROGRESS).
    pub fn connected(
        &mut self,
        (task, process): (Pid, Pid),
        (fd, args): (i32, &[u64; 6]),
        result: Result<u64, CallError>,
        kind: fn(Endpoints) -> Socket,
    ) -> Option<Endpoints> {
        if !matches!(result, Ok(_) | Err(CallError::EINPROGRESS)) {
            return None;
        }
        let inode = socket_inode(task, fd)?;
        if self.known.contains_key(&inode) {
            return None;
        }
        let server = canonical(memory::socket_address(task, args[1], args[2])?);
        let (client, _) = ends(process, fd, inode)?;
        let on = Endpoints { client, server };
        self.known.insert(inode, kind(on));
        self.connected.insert(inode, on, (process, fd));
        Some(on)
    }

    /// Learns whose socket an accepted one is: from the address that accept(2) filled in, or else
    /// from the socket itself.
    pub fn accepted(
        &mut self,
        (task, process): (Pid, Pid),
        listener: i32,
        fd: i32,
        args: &[u64; 6],
    ) -> Option<Endpoints> {
        let inode = socket_inode(task, fd)?;
        let listening = socket_inode(task, listener).and_then(|inode| match self.known.get(&inode) {
            Some(Socket::Listener(address)) => Some(*address),
            _ => None,
        })?;
        let peer = accepted_peer(task, args).filter(|_| !listening.ip().is_unspecified());
        let on = match peer {
            Some(client) => Endpoints {
                client,
                server: canonical(listening),
            },
            None => match ends(process, fd, inode) {
                Some((server, Some(client))) => Endpoints { client, server },
                // The client reset the connection before it was accepted, so the socket has no peer. The call's own
                // arguments name the client.
                _ => Endpoints {
                    client: accepted_peer(task, args)?,
                    server: canonical(listening),
                },
            },
        };
        self.known.insert(inode, Socket::Connection(on));
        self.connected.insert(inode, on, (process, fd));
        Some(on)
    }
}

/// The two ends of a process's socket, its own first, as a copy of it tells (pidfd_getfd(2)): it takes the same time
/// however many sockets there are. Where the system gives no copy, its table of sockets tells.
fn ends(process: Pid, fd: i32, inode: u64) -> Option<(SocketAddr, Option<SocketAddr>)> {
    let Ok(socket) = copy(process, fd) else {
        let entry = table(process.as_raw()).into_iter().find(|entry| entry.inode == inode)?;
        let remote = canonical(entry.remote_address);
        return Some((canonical(entry.local_address), Some(remote)));
    };
    // Another thread may have closed the descriptor, and opened another. A socket of UDP may be connected too.
    let is_it = fstat(&socket).is_ok_and(|stat| stat.st_ino == inode)
        && socket.protocol().is_ok_and(|protocol| protocol == Some(Protocol::TCP));
    let address = |address: SockAddr| address.as_socket().map(canonical);
    let own = socket.local_addr().ok().and_then(address).filter(|_| is_it)?;
    Some((own, socket.peer_addr().ok().and_then(address)))
}

fn copy(process: Pid, fd: i32) -> rustix::io::Result<socket2::Socket> {
    let process = rustix::process::Pid::from_raw(process.as_raw()).ok_or(Errno::SRCH)?;
    let pidfd = pidfd_open(process, PidfdFlags::empty())?;
    Ok(pidfd_getfd(pidfd, fd, PidfdGetfdFlags::empty())?.into())
}

/// The peer that accept(2) wrote for the program, if it asked for one.
fn accepted_peer(task: Pid, args: &[u64; 6]) -> Option<SocketAddr> {
    if args[1] == 0 || args[2] == 0 {
        return None;
    }
    let length = memory::number(task, args[2])?;
    memory::socket_address(task, args[1], length.into()).map(canonical)
}

/// What a descriptor refers to: proc_pid_fd(5). `None` if it is closed.
pub(super) fn open_file(task: Pid, fd: i32) -> Option<OpenFile> {
    let target = nix::fcntl::readlink(format!("/proc/{task}/fd/{fd}").as_str()).ok()?;
    let inode = target.to_str().and_then(|target| {
        let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
        inode.parse().ok()
    });
    Some(inode.map_or(OpenFile::Other, OpenFile::Socket))
}

/// The inode of the socket that a descriptor refers to, if it is a socket.
pub(super) fn socket_inode(task: Pid, fd: i32) -> Option<u64> {
    match open_file(task, fd)? {
        OpenFile::Socket(inode) => Some(inode),
        OpenFile::Other => None,
    }
}
