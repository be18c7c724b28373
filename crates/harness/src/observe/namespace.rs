//! Inside the process that holds a private network: it makes the network, and hands out sockets made there.
#![allow(
    unsafe_code,
    reason = "_exit, dup2, close_range and interface ioctls; each stands alone below"
)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getegid, geteuid, setsid};
use socket2::{Domain, Socket, Type};

use super::messages::{receive, send};

/// The largest packet on the private loopback interface, as on an Ethernet.
const MTU: i32 = 1500;

/// What the holder does first, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum SetupStep {
    Ready = 0,
    Unshare = 1,
    MapIds = 2,
    BringUp = 3,
    Congestion = 4,
    Start = 5,
}

impl SetupStep {
    pub fn from_number(number: i32) -> SetupStep {
        [
            SetupStep::Ready,
            SetupStep::Unshare,
            SetupStep::MapIds,
            SetupStep::BringUp,
            SetupStep::Congestion,
        ]
        .into_iter()
        .find(|step| *step as i32 == number)
        .unwrap_or(SetupStep::Start)
    }
}

/// The life of the holder: make the network, say so, hand out sockets until the parent is gone.
pub(super) fn hold(parent: OwnedFd, user: Option<&File>, congestion: Option<&str>) -> ! {
    let ids = (geteuid().as_raw(), getegid().as_raw());
    let entered = user.map(|user| setns(user, CloneFlags::CLONE_NEWUSER)).transpose();
    let parent = alone(parent);
    let entered = entered.map_err(|errno| (SetupStep::Unshare, errno));
    let made = entered.and_then(|entered| make_network(ids, entered.is_some()));
    let chosen = made.and_then(|made| congestion.map_or(Ok(()), choose_congestion).map(|()| made));
    let first = match chosen {
        Ok(has_user_namespace) => [SetupStep::Ready as i32, i32::from(has_user_namespace), 0],
        Err((step, errno)) => [step as i32, errno as i32, 0],
    };
    let told = send(parent, first, "", &[]);
    if chosen.is_ok() && told.is_ok() {
        while answer(parent).is_ok() {}
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
            // close_range(2) came with Linux 5.9. Before it, each descriptor is closed by itself.
            (1..1024).for_each(|fd| {
                libc::close(fd);
            });
        }
        BorrowedFd::borrow_raw(0)
    }
}

/// True if it took a user namespace; the step and the reason if it could not be done.
fn make_network(ids: (u32, u32), has_entered: bool) -> Result<bool, (SetupStep, Errno)> {
    // Root needs no user namespace. Everybody else does, and so does a root who may make a network and not configure it:
    // without CAP_SYS_ADMIN the first of these fails, without CAP_NET_ADMIN the second.
    let own = unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| (SetupStep::Unshare, errno));
    let has_user_namespace = match own.and_then(|()| configure()) {
        Ok(()) => has_entered,
        Err(refused) if has_entered => return Err(refused),
        Err(_) => {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
                .map_err(|errno| (SetupStep::Unshare, errno))?;
            map_ids(ids).map_err(|errno| (SetupStep::MapIds, errno))?;
            configure()?;
            true
        }
    };
    // Linux 6.7 and later: a client goes interactive, and delays its ACKs, from its first reply on.
    // Where the file is not there the kernel's threshold is fixed.
    let _ = write_file(c"/proc/sys/net/ipv4/tcp_pingpong_thresh", b"1");
    // The server under test may listen on a port below 1024, as it may be written to: in a network of its own it takes
    // nobody's.
    let _ = write_file(c"/proc/sys/net/ipv4/ip_unprivileged_port_start", b"0");
    // Between two hosts that lose packets a connection would begin with what the one before it has
    // learned of the way, such as its ssthresh: tcp_metrics(8). Each is to begin as the first.
    let _ = write_file(c"/proc/sys/net/ipv4/tcp_no_metrics_save", b"1");
    Ok(has_user_namespace)
}

/// What takes the right to configure the network that this process is in.
fn configure() -> Result<(), (SetupStep, Errno)> {
    let _ = take_a_small_socket_table();
    bring_up_loopback().map_err(|errno| (SetupStep::BringUp, errno))
}

fn choose_congestion(name: &str) -> Result<(), (SetupStep, Errno)> {
    let chosen = write_file(c"/proc/sys/net/ipv4/tcp_congestion_control", name.as_bytes());
    chosen.map_err(|errno| (SetupStep::Congestion, errno))
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

/// Answers one request: a setting is set, or a socket handed out, or the error that there was.
fn answer(parent: BorrowedFd<'_>) -> nix::Result<()> {
    let request = receive(parent)?;
    if let Some((name, value)) = request.text.split_once('=') {
        let set = std::fs::write(format!("/proc/sys/{}", name.replace('.', "/")), value);
        let errno = set.err().map_or(0, |error| number_of(&error));
        return send(parent, [0, errno, 0], "", &[]);
    }
    let [domain, kind, protocol] = request.numbers;
    match Socket::new(domain.into(), kind.into(), Some(protocol.into())) {
        Ok(socket) => send(parent, [0; 3], "", &[socket.as_raw_fd()]),
        Err(error) => send(parent, [0, number_of(&error), 0], "", &[]),
    }
}

/// The error's number; one that has none is told as EIO.
fn number_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// Makes `lo` look like an Ethernet and starts it: netdevice(7).
fn bring_up_loopback() -> nix::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None);
    let socket = socket.map_err(|error| Errno::from_raw(number_of(&error)))?;
    set_mtu(&socket, "lo", MTU)?;
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

/// Lets no packet on an interface be longer than this: netdevice(7), SIOCSIFMTU.
pub(super) fn set_mtu(socket: &impl AsRawFd, interface: &str, mtu: i32) -> nix::Result<()> {
    let mut request = named(interface);
    request.ifr_ifru.ifru_mtu = mtu;
    interface_ioctl(socket, libc::SIOCSIFMTU, &mut request)
}

/// A request about an interface.
pub(super) fn named(interface: &str) -> libc::ifreq {
    // SAFETY: `ifreq` is a name and a union of plain numbers and pointers; all zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The kernel reads the name up to a zero byte, so the last byte is never written.
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
