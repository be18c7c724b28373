//! The private network: a network namespace of one's own, without root.
//!
//! A holder process stands in the new namespaces and hands out sockets made there, so that no
//! thread of this process ever leaves the host's network.
#![allow(unsafe_code, reason = "_exit, setns and interface ioctls; each stands alone below")]

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getegid, geteuid, setsid};

use super::keeper::Holder;
use super::messages::{receive, send};

/// The largest packet on the private loopback interface, as on an Ethernet.
const MTU: i32 = 1500;

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
    step: Step,
    errno: Errno,
}

/// What the holder does first, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
enum Step {
    Ready = 0,
    Unshare = 1,
    MapIds = 2,
    BringUp = 3,
    Congestion = 4,
    Start = 5,
}

impl Step {
    fn from_number(number: i32) -> Step {
        [
            Step::Ready,
            Step::Unshare,
            Step::MapIds,
            Step::BringUp,
            Step::Congestion,
        ]
        .into_iter()
        .find(|step| *step as i32 == number)
        .unwrap_or(Step::Start)
    }
}

impl Refused {
    /// True if all that was refused is the congestion control.
    pub fn is_congestion(&self) -> bool {
        self.step == Step::Congestion
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.step {
            Step::Unshare => "making a network namespace (unshare)",
            Step::MapIds => "mapping ids in the user namespace (/proc/self/uid_map)",
            Step::Congestion => "choosing the congestion control",
            Step::BringUp => "bringing up the loopback interface",
            Step::Ready | Step::Start => "starting the process that holds the private network",
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
    pub fn open_host(beside: Option<&Sandbox>, congestion: &str) -> Result<Sandbox, Refused> {
        Sandbox::make(beside, Some(congestion))
    }

    fn make(beside: Option<&Sandbox>, congestion: Option<&str>) -> Result<Sandbox, Refused> {
        let user = beside.and_then(|other| other.user_namespace.as_ref());
        let start = |errno| Refused {
            step: Step::Start,
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
        match step == Step::Ready as i32 {
            true => Ok(code != 0),
            false => Err(Refused {
                step: Step::from_number(step),
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

    /// A socket made inside: see socket(2) for the numbers.
    pub fn socket(&self, domain: i32, kind: i32, protocol: i32) -> io::Result<socket2::Socket> {
        let _asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = self.holder.pair()?;
        send(pair, [domain, kind, protocol], "", &[])?;
        let answer = receive(pair)?;
        match answer.fds.into_iter().next() {
            Some(fd) => Ok(fd.into()),
            None => Err(Errno::from_raw(answer.numbers[1]).into()),
        }
    }

    /// What a child process does to join this network. See [`Doors::enter`].
    pub fn doors(&self) -> io::Result<Doors> {
        Ok(Doors {
            user: self.user_namespace.as_ref().map(File::try_clone).transpose()?,
            network: self.network_namespace.try_clone()?,
        })
    }
}

/// The namespaces of a [`Sandbox`], for a child to enter.
pub(crate) struct Doors {
    user: Option<File>,
    network: File,
}

impl Doors {
    /// Moves the calling process, which must have one thread, into the private network.
    pub fn enter(&self) -> io::Result<()> {
        if let Some(user) = &self.user {
            setns(user.as_fd(), CloneFlags::CLONE_NEWUSER)?;
        }
        Ok(setns(self.network.as_fd(), CloneFlags::CLONE_NEWNET)?)
    }
}

/// In a child that has entered a private network: keeps the rights to configure and capture it
/// when another program is executed (capabilities(7), ambient capabilities). Without this a
/// program that is not run by root would lose them, and dumpcap would see nothing.
pub(super) fn keep_network_rights() -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    const RIGHTS: [u32; 3] = [10, 12, 13]; // CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW
    let mut header = [VERSION_3, 0];
    // Effective, permitted and inheritable bits: three words for each half of the set.
    let mut bits = [0_u32; 6];
    // SAFETY: capget(2) and capset(2) take a header of two words and, in version 3, two structs of
    // three words each.
    unsafe {
        Errno::result(libc::syscall(libc::SYS_capget, header.as_mut_ptr(), bits.as_mut_ptr()))?;
        bits[2] |= RIGHTS.iter().fold(0, |set, right| set | (1 << right)) & bits[1];
        Errno::result(libc::syscall(libc::SYS_capset, header.as_mut_ptr(), bits.as_ptr()))?;
    }
    for right in RIGHTS {
        // SAFETY: prctl(2) with numbers only. It fails for a right that we do not have.
        unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, right, 0, 0) };
    }
    Ok(())
}

/// The life of the holder: make the network, say so, hand out sockets until the parent is gone.
pub(super) fn hold(parent: OwnedFd, user: Option<&File>, congestion: Option<&str>) -> ! {
    let ids = (geteuid().as_raw(), getegid().as_raw());
    let entered = user.map(|user| setns(user, CloneFlags::CLONE_NEWUSER)).transpose();
    let parent = alone(parent);
    let entered = entered.map_err(|errno| (Step::Unshare, errno));
    let made = entered.and_then(|entered| make_network(ids, entered.is_some()));
    let chosen = made.and_then(|made| congestion.map_or(Ok(()), choose_congestion).map(|()| made));
    let first = match chosen {
        Ok(has_user_namespace) => [Step::Ready as i32, i32::from(has_user_namespace), 0],
        Err((step, errno)) => [step as i32, errno as i32, 0],
    };
    let told = send(parent, first, "", &[]);
    if chosen.is_ok() && told.is_ok() {
        while hand_out_a_socket(parent).is_ok() {}
    }
    // SAFETY: _exit(2) never returns; no destructor or exit handler of the parent's program runs.
    unsafe { libc::_exit(0) }
}

/// Leaves the parent's terminal and closes every descriptor but one, which becomes number 0.
/// Otherwise this process would keep the parent's pipes, and other holders' sockets, open.
pub(super) fn alone(keep: OwnedFd) -> BorrowedFd<'static> {
    let _ = setsid();
    // SAFETY: dup2(2) and close_range(2) on this process's own table. Nothing here uses another
    // descriptor afterwards, and `keep` is never dropped, as `hold` does not return.
    unsafe {
        libc::dup2(keep.as_raw_fd(), 0);
        std::mem::forget(keep); // its number is about to be closed, and must not be closed again
        if libc::close_range(1, u32::MAX, 0) != 0 {
            // Before Linux 5.9 one by one.
            (1..1024).for_each(|fd| {
                libc::close(fd);
            });
        }
        BorrowedFd::borrow_raw(0)
    }
}

/// True if it took a user namespace; the step and the reason if it could not be done.
fn make_network(ids: (u32, u32), has_entered: bool) -> Result<bool, (Step, Errno)> {
    // Root needs no user namespace. Everybody else, and a root without CAP_SYS_ADMIN, does.
    let has_user_namespace = match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => has_entered,
        Err(errno) if has_entered => return Err((Step::Unshare, errno)),
        Err(_) => {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).map_err(|errno| (Step::Unshare, errno))?;
            map_ids(ids).map_err(|errno| (Step::MapIds, errno))?;
            true
        }
    };
    let _ = take_a_small_socket_table();
    bring_up_loopback().map_err(|errno| (Step::BringUp, errno))?;
    // Linux 6.5 and later: a client goes interactive, and delays its ACKs, from its first reply on.
    // Where the file is not there the kernel's threshold is fixed.
    let _ = write_file(c"/proc/sys/net/ipv4/tcp_pingpong_thresh", b"1");
    // Here everybody may listen on port 80.
    let _ = write_file(c"/proc/sys/net/ipv4/ip_unprivileged_port_start", b"0");
    // Between two hosts that lose packets a connection would begin with what the one before it has
    // learned of the way, such as its ssthresh: tcp_metrics(8). Each is to begin as the first.
    let _ = write_file(c"/proc/sys/net/ipv4/tcp_no_metrics_save", b"1");
    Ok(has_user_namespace)
}

fn choose_congestion(name: &str) -> Result<(), (Step, Errno)> {
    let chosen = write_file(c"/proc/sys/net/ipv4/tcp_congestion_control", name.as_bytes());
    chosen.map_err(|errno| (Step::Congestion, errno))
}

/// Moves on to a network whose TCP sockets have a hash table of their own: `tcp_child_ehash_entries`
/// in the kernel's ip-sysctl, Linux 6.1 and later. Otherwise they are in the one of the whole system,
/// and who reads `/proc/net/tcp` walks its buckets: a quarter of a million, eight milliseconds.
fn take_a_small_socket_table() -> io::Result<()> {
    /// What the kernel sizes after the table, which is to stay as on the host.
    const SIZED_AFTER_IT: [&str; 2] = ["tcp_max_tw_buckets", "tcp_max_syn_backlog"];
    let path = |name: &str| format!("/proc/sys/net/ipv4/{name}");
    let before = SIZED_AFTER_IT.map(|name| std::fs::read(path(name)));
    std::fs::write(path("tcp_child_ehash_entries"), b"512")?;
    unshare(CloneFlags::CLONE_NEWNET)?;
    for (name, value) in SIZED_AFTER_IT.iter().zip(before) {
        std::fs::write(path(name), value?)?;
    }
    Ok(())
}

/// Inside, ids are what they are outside: user_namespaces(7).
fn map_ids((uid, gid): (u32, u32)) -> nix::Result<()> {
    write_file(c"/proc/self/setgroups", b"deny")?;
    write_file(c"/proc/self/uid_map", format!("{uid} {uid} 1").as_bytes())?;
    write_file(c"/proc/self/gid_map", format!("{gid} {gid} 1").as_bytes())
}

fn write_file(path: &std::ffi::CStr, text: &[u8]) -> nix::Result<()> {
    let file = nix::fcntl::open(path, nix::fcntl::OFlag::O_WRONLY, nix::sys::stat::Mode::empty())?;
    nix::unistd::write(file, text).map(drop)
}

/// Answers one request: a socket, or the error that socket(2) gave.
fn hand_out_a_socket(parent: BorrowedFd<'_>) -> nix::Result<()> {
    let [domain, kind, protocol] = receive(parent)?.numbers;
    // SAFETY: socket(2) takes numbers and returns a descriptor that is ours to close.
    let made = Errno::result(unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) })
        .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    match &made {
        Ok(socket) => send(parent, [0; 3], "", &[socket.as_raw_fd()]),
        Err(errno) => send(parent, [0, *errno as i32, 0], "", &[]),
    }
}

/// Makes `lo` look like an Ethernet and starts it: netdevice(7).
fn bring_up_loopback() -> nix::Result<()> {
    // SAFETY: socket(2); the descriptor is ours.
    let socket = unsafe {
        let fd = Errno::result(libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0))?;
        OwnedFd::from_raw_fd(fd)
    };
    let mut request = named("lo");
    request.ifr_ifru.ifru_mtu = MTU;
    interface_ioctl(&socket, libc::SIOCSIFMTU, &mut request)?;
    // Segments as a network would carry them: no merging on either side (linux/ethtool.h:
    // ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO). Transmit checksums cannot be switched on.
    switch_off(&socket, "lo", &[0x1f, 0x24, 0x2c])?;
    let mut request = named("lo");
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    interface_ioctl(&socket, libc::SIOCSIFFLAGS, &mut request)
}

/// `struct ethtool_value` of linux/ethtool.h.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// Switches features of an interface off, each by its command in linux/ethtool.h.
pub(super) fn switch_off(socket: &impl AsRawFd, interface: &str, commands: &[u32]) -> nix::Result<()> {
    for command in commands {
        let mut value = EthtoolValue {
            command: *command,
            data: 0,
        };
        let mut request = named(interface);
        request.ifr_ifru.ifru_data = (&raw mut value).cast();
        interface_ioctl(socket, libc::SIOCETHTOOL, &mut request)?;
    }
    Ok(())
}

/// A request about an interface.
pub(super) fn named(interface: &str) -> libc::ifreq {
    // SAFETY: `ifreq` is a name and a union of plain numbers and pointers; all zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays 0, whatever the name.
    let room = request.ifr_name.len() - 1;
    for (place, byte) in request.ifr_name[..room].iter_mut().zip(interface.bytes()) {
        *place = byte as libc::c_char;
    }
    request
}

pub(super) fn interface_ioctl(
    socket: &impl AsRawFd,
    number: libc::Ioctl,
    request: &mut libc::ifreq,
) -> nix::Result<()> {
    // SAFETY: netdevice(7): these requests read or fill an `ifreq`, and SIOCETHTOOL reads the
    // `ethtool_value` that it points to; both outlive the call.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), number, request) }).map(drop)
}
