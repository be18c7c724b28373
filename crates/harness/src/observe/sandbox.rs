//! The private network: a network namespace of one's own, without root.
//!
//! A holder process stands in the new [namespaces](super::namespace) and hands out sockets made there, so that no
//! thread of this process ever leaves the host's network.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Mutex;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl::set_dumpable;
use nix::time::{ClockId, clock_gettime};
use rustix::thread::{CapabilitySet, capabilities, configure_capability_in_ambient_set, set_capabilities};

use super::keeper::Holder;
use super::messages::{receive, send};
use super::namespace::SetupStep;
use crate::lock::lock;

/// A private network that lives as long as this value.
pub(crate) struct Sandbox {
    holder: Holder,
    /// One request of it and its answer at a time.
    asks: Mutex<()>,
    user_namespace: Option<File>,
    network_namespace: File,
}

/// Why there is no private network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    step: SetupStep,
    errno: Errno,
}

impl Refused {
    /// True if all that was refused is the congestion control.
    pub fn is_congestion(&self) -> bool {
        self.step == SetupStep::Congestion
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.step {
            SetupStep::Unshare => "making a network namespace (unshare)",
            SetupStep::MapIds => "mapping ids in the user namespace (/proc/self/uid_map)",
            SetupStep::Congestion => "choosing the congestion control",
            SetupStep::BringUp => "bringing up the loopback interface",
            SetupStep::Ready | SetupStep::Start => "starting the process that holds the private network",
        };
        write!(f, "{what} failed: {}", self.errno)
    }
}

impl Sandbox {
    /// Makes the private network.
    pub fn open() -> Result<Sandbox, Refused> {
        Sandbox::make(None, None)
    }

    /// Makes a private network for a host with a congestion control of its own, in the user namespace of
    /// `beside`, if that is given: then who may configure the one may configure the other, and connect them.
    pub fn make(beside: Option<&Sandbox>, congestion: Option<&str>) -> Result<Sandbox, Refused> {
        let user = beside.and_then(|other| other.user_namespace.as_ref());
        let start = |errno| Refused {
            step: SetupStep::Start,
            errno,
        };
        let holder = Holder::start(user, congestion).map_err(start)?;
        let first = holder.pair().and_then(receive).map_err(start)?;
        let has_user_namespace = Self::made(first.numbers)?;
        let open = |name: &str| {
            File::open(format!("/proc/{}/ns/{name}", holder.pid()))
                .map_err(|error| start(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))))
        };
        Ok(Sandbox {
            user_namespace: if has_user_namespace { Some(open("user")?) } else { None },
            network_namespace: open("net")?,
            holder,
            asks: Mutex::new(()),
        })
    }

    /// What the holder's first message says: whether it took a user namespace, or what failed.
    fn made([step, code, _]: [i32; 3]) -> Result<bool, Refused> {
        match step == SetupStep::Ready as i32 {
            true => Ok(code != 0),
            false => Err(Refused {
                step: SetupStep::from_number(step),
                errno: Errno::from_raw(code),
            }),
        }
    }

    /// The process whose `/proc/PID/net` shows this network.
    pub fn pid(&self) -> i32 {
        self.holder.pid()
    }

    /// The network, for whoever is to connect it with another.
    pub fn network(&self) -> BorrowedFd<'_> {
        self.network_namespace.as_fd()
    }

    /// A socket made inside.
    pub fn socket(&self, kind: SocketKind) -> io::Result<socket2::Socket> {
        let _asks = lock(&self.asks);
        let pair = self.holder.pair()?;
        send(pair, [kind.domain, kind.kind, kind.protocol], "", &[])?;
        let answer = receive(pair)?;
        match answer.fds.into_iter().next() {
            Some(fd) => Ok(fd.into()),
            None => Err(Errno::from_raw(answer.numbers[1]).into()),
        }
    }

    /// Sets a setting of the kernel for this network, by its name as sysctl(8) has it.
    pub fn set(&self, name: &str, value: &str) -> io::Result<()> {
        let _asks = lock(&self.asks);
        let pair = self.holder.pair()?;
        send(pair, [0; 3], &format!("{name}={value}"), &[])?;
        match receive(pair)?.numbers[1] {
            0 => Ok(()),
            errno => Err(Errno::from_raw(errno).into()),
        }
    }

    /// What a child process does to join this network. See [`Doors::enter`].
    pub fn doors(&self) -> io::Result<Doors> {
        Ok(Doors {
            uptime: None,
            user: self.user_namespace.as_ref().map(File::try_clone).transpose()?,
            network: self.network_namespace.try_clone()?,
        })
    }
}

/// What kind of a socket is wanted, in the numbers of socket(2).
#[derive(Clone, Copy)]
pub(crate) struct SocketKind {
    pub domain: i32,
    pub kind: i32,
    pub protocol: i32,
}

/// The namespaces of a [`Sandbox`], for a child to enter.
pub(crate) struct Doors {
    user: Option<File>,
    network: File,
    /// What the monotonic clock says inside.
    pub uptime: Option<Duration>,
}

impl Doors {
    /// Moves the calling process, which must have one thread, into the private network.
    pub fn enter(&self) -> io::Result<()> {
        if let Some(user) = &self.user {
            setns(user.as_fd(), CloneFlags::CLONE_NEWUSER)?;
        }
        setns(self.network.as_fd(), CloneFlags::CLONE_NEWNET)?;
        self.uptime.map_or(Ok(()), set_uptime)
    }
}

/// Gives the program that this process executes next a monotonic clock that says this: time_namespaces(7). A process
/// enters the namespace that it has made when it executes a program, since Linux 5.6.
fn set_uptime(uptime: Duration) -> io::Result<()> {
    let offset = |clock| -> io::Result<i64> {
        let now = Duration::from(clock_gettime(clock)?);
        Ok(uptime.as_secs() as i64 - now.as_secs() as i64)
    };
    unshare(CloneFlags::from_bits_retain(libc::CLONE_NEWTIME))?;
    // Who has entered a user namespace may not be looked at, and its files in /proc are root's: proc(5).
    set_dumpable(true)?;
    let (monotonic, boottime) = (offset(ClockId::CLOCK_MONOTONIC)?, offset(ClockId::CLOCK_BOOTTIME)?);
    std::fs::write(
        "/proc/self/timens_offsets",
        format!("monotonic {monotonic} 0\nboottime {boottime} 0\n"),
    )
}

/// In a child that has entered a private network: keeps the rights to configure and capture it
/// when another program is executed (capabilities(7), ambient capabilities). Without this a
/// program that is not run by root would lose them, and dumpcap would see nothing.
pub(super) fn keep_network_rights() -> io::Result<()> {
    const RIGHTS: [CapabilitySet; 3] = [
        CapabilitySet::NET_BIND_SERVICE,
        CapabilitySet::NET_ADMIN,
        CapabilitySet::NET_RAW,
    ];
    let mut sets = capabilities(None)?;
    sets.inheritable |= CapabilitySet::from_iter(RIGHTS) & sets.permitted;
    set_capabilities(None, sets)?;
    for right in RIGHTS {
        // It fails for a right that we do not have.
        let _ = configure_capability_in_ambient_set(right, true);
    }
    Ok(())
}
