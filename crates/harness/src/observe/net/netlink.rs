//! Asks the kernel through netlink(7): to make interfaces and addresses (rtnetlink(7)), and what TCP says
//! of a socket (sock_diag(7)).
//!
//! By hand because there are eight kinds of messages, each a few numbers, and the crates that know all
//! messages of netlink would double the time of a learner's first build.
#![allow(unsafe_code, reason = "reads the kernel's struct tcp_info; it stands alone below")]

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, recv, send};
use socket2::Socket;

use crate::observe::sandbox::SocketKind;
use crate::observe::sockets::state_of;
use timeline::{CongestionState, TcpView};

/// A socket that configures a network.
pub(super) const ROUTE: SocketKind = netlink(libc::NETLINK_ROUTE);
/// A socket that asks for sockets.
pub(super) const SOCK_DIAG: SocketKind = netlink(libc::NETLINK_SOCK_DIAG);

const fn netlink(protocol: i32) -> SocketKind {
    SocketKind {
        domain: libc::AF_NETLINK,
        kind: libc::SOCK_RAW,
        protocol,
    }
}

/// `struct nlmsghdr`: length, type, flags, sequence number, port.
const HEADER: usize = 16;
/// Attributes and messages begin at multiples of this.
const ALIGN: usize = 4;

/// A hardware address.
pub(super) type Mac = [u8; 6];

/// A request while it is written.
struct Request {
    bytes: Vec<u8>,
}

impl Request {
    fn new(kind: u16, flags: i32, body: &[u8]) -> Request {
        let flags = flags | libc::NLM_F_REQUEST;
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags as u16).to_ne_bytes());
        bytes.extend(body);
        Request { bytes }
    }

    fn attribute(mut self, kind: u16, value: &[u8]) -> Request {
        let length = (ALIGN + value.len()) as u16;
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.pad()
    }

    /// An attribute that holds others, and before them `head`.
    fn nest(mut self, kind: u16, head: &[u8], inside: impl FnOnce(Request) -> Request) -> Request {
        let start = self.bytes.len();
        self.bytes.extend([0, 0]);
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(head);
        let mut request = inside(self);
        let length = (request.bytes.len() - start) as u16;
        request.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        request.pad()
    }

    fn pad(mut self) -> Request {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGN), 0);
        self
    }

    /// Sends it and reads the answer: the body of the first message, or what the kernel refused.
    fn ask(mut self, socket: &Socket) -> io::Result<Vec<u8>> {
        let length = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        send(socket.as_raw_fd(), &self.bytes, MsgFlags::empty())?;
        let mut answer = vec![0; 8192];
        let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        answer.truncate(length);
        let body = answer.get(HEADER..).ok_or(Errno::EIO)?;
        if u16::from_ne_bytes([answer[4], answer[5]]) != libc::NLMSG_ERROR as u16 {
            return Ok(body.to_vec());
        }
        match word(body, 0).map(u32::cast_signed) {
            Some(0) => Ok(Vec::new()),
            Some(error) => Err(io::Error::from_raw_os_error(-error)),
            None => Err(Errno::EIO.into()),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

const NEW: i32 = libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;

/// `struct ifinfomsg`, of an interface by its index, with these flags.
fn interface_header(index: u32, flags: i32) -> [u8; 16] {
    let mut header = [0; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..16].copy_from_slice(&flags.to_ne_bytes()); // which of them to change
    header
}

fn text(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}

/// One end of a pair of interfaces.
pub(super) struct Plug<'n> {
    pub name: &'n str,
    pub mac: Mac,
}

/// Makes a pair of interfaces (veth(4)): ours in the network of the socket, and its peer in another one.
pub(super) fn make_pair(
    socket: &Socket,
    mtu: u16,
    ours: Plug<'_>,
    theirs: Plug<'_>,
    network: BorrowedFd<'_>,
) -> io::Result<()> {
    /// `VETH_INFO_PEER` of linux/veth.h.
    const VETH_INFO_PEER: u16 = 1;
    let mtu = u32::from(mtu).to_ne_bytes();
    Request::new(libc::RTM_NEWLINK, NEW, &interface_header(0, 0))
        .attribute(libc::IFLA_IFNAME, &text(ours.name))
        .attribute(libc::IFLA_MTU, &mtu)
        .attribute(libc::IFLA_ADDRESS, &ours.mac)
        .nest(libc::IFLA_LINKINFO, &[], |info| {
            info.attribute(libc::IFLA_INFO_KIND, b"veth")
                .nest(libc::IFLA_INFO_DATA, &[], |data| {
                    data.nest(VETH_INFO_PEER, &interface_header(0, 0), |other| {
                        other
                            .attribute(libc::IFLA_IFNAME, &text(theirs.name))
                            .attribute(libc::IFLA_MTU, &mtu)
                            .attribute(libc::IFLA_ADDRESS, &theirs.mac)
                            .attribute(libc::IFLA_NET_NS_FD, &network.as_raw_fd().to_ne_bytes())
                    })
                })
        })
        .ask(socket)
        .map(drop)
}

/// Starts an interface. Its only addresses are those that it is given: none of its own is made for
/// IPv6, with which it would ask for others.
pub(super) fn start(socket: &Socket, index: u32) -> io::Result<()> {
    /// linux/if_link.h.
    const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
    const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
    let quiet = Request::new(libc::RTM_NEWLINK, libc::NLM_F_ACK, &interface_header(index, 0));
    // A kernel without IPv6 refuses this, and has no need of it.
    let _ = quiet
        .nest(libc::IFLA_AF_SPEC, &[], |families| {
            families.nest(libc::AF_INET6 as u16, &[], |ipv6| {
                ipv6.attribute(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE])
            })
        })
        .ask(socket);
    Request::new(
        libc::RTM_NEWLINK,
        libc::NLM_F_ACK,
        &interface_header(index, libc::IFF_UP),
    )
    .ask(socket)
    .map(drop)
}

fn octets(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(ip) => (libc::AF_INET as u8, ip.octets().to_vec()),
        IpAddr::V6(ip) => (libc::AF_INET6 as u8, ip.octets().to_vec()),
    }
}

/// Gives an interface an address, at once: nobody is asked whether it is taken. Or takes it from there, and with it the
/// routes to it.
pub(super) fn set_address(socket: &Socket, index: u32, address: (IpAddr, u8), is_there: bool) -> io::Result<()> {
    let (kind, flags) = match is_there {
        true => (libc::RTM_NEWADDR, NEW),
        false => (libc::RTM_DELADDR, libc::NLM_F_ACK),
    };
    let ((family, octets), prefix) = (octets(address.0), address.1);
    // struct ifaddrmsg: family, prefix length, flags, scope, index.
    let mut header = vec![family, prefix, libc::IFA_F_NODAD as u8, 0];
    header.extend(index.to_ne_bytes());
    Request::new(kind, flags, &header)
        .attribute(libc::IFA_LOCAL, &octets)
        .attribute(libc::IFA_ADDRESS, &octets)
        .ask(socket)
        .map(drop)
}

/// Sends what is for an address out at an interface.
pub(super) fn add_route(socket: &Socket, index: u32, address: Ipv4Addr) -> io::Result<()> {
    // struct rtmsg: family, lengths of destination and source, service, table, protocol, scope, type, flags.
    let header = [
        libc::AF_INET as u8,
        32,
        0,
        0,
        libc::RT_TABLE_MAIN,
        libc::RTPROT_BOOT,
        libc::RT_SCOPE_LINK,
        libc::RTN_UNICAST,
        0,
        0,
        0,
        0,
    ];
    Request::new(libc::RTM_NEWROUTE, NEW, &header)
        .attribute(libc::RTA_DST, &address.octets())
        .attribute(libc::RTA_OIF, &index.to_ne_bytes())
        .ask(socket)
        .map(drop)
}

/// Says which hardware address an address has, so that nobody has to ask for it.
pub(super) fn add_neighbour(socket: &Socket, index: u32, address: IpAddr, mac: Mac) -> io::Result<()> {
    let (family, octets) = octets(address);
    // struct ndmsg: family, padding, index, state, flags, type.
    let mut header = vec![family, 0, 0, 0];
    header.extend(index.to_ne_bytes());
    header.extend(libc::NUD_PERMANENT.to_ne_bytes());
    header.extend([0, 0]);
    Request::new(libc::RTM_NEWNEIGH, NEW, &header)
        .attribute(libc::NDA_DST, &octets)
        .attribute(libc::NDA_LLADDR, &mac)
        .ask(socket)
        .map(drop)
}

/// What TCP says of the socket with these addresses in the network of a [`SOCK_DIAG`] socket. `None` if
/// there is none, or it is one that has no such things any more, as in TIME_WAIT.
pub(super) fn tcp_view(socket: &Socket, local: SocketAddr, remote: SocketAddr) -> Option<TcpView> {
    /// `SOCK_DIAG_BY_FAMILY` of linux/sock_diag.h; the others of linux/inet_diag.h.
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const INET_DIAG_INFO: u16 = 2;
    /// `struct inet_diag_msg`.
    const ANSWER: usize = 72;
    let (family, from) = octets(local.ip());
    let (_, to) = octets(remote.ip());
    // struct inet_diag_req_v2: family, protocol, extensions, padding, states, and a struct inet_diag_sockid.
    let mut request = vec![family, libc::IPPROTO_TCP as u8, 1 << (INET_DIAG_INFO - 1), 0];
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(local.port().to_be_bytes());
    request.extend(remote.port().to_be_bytes());
    for mut address in [from, to] {
        address.resize(16, 0);
        request.extend(address);
    }
    request.extend(0_u32.to_ne_bytes()); // any interface
    request.extend([0xff; 8]); // whatever its cookie
    let answer = Request::new(SOCK_DIAG_BY_FAMILY, 0, &request).ask(socket).ok()?;
    let mut rest = answer.get(ANSWER..)?;
    loop {
        let head = word(rest, 0)?.to_ne_bytes();
        let (length, kind) = (
            u16::from_ne_bytes([head[0], head[1]]),
            u16::from_ne_bytes([head[2], head[3]]),
        );
        if kind == INET_DIAG_INFO {
            return view(rest.get(ALIGN..usize::from(length))?);
        }
        rest = rest.get(usize::from(length).max(ALIGN).next_multiple_of(ALIGN)..)?;
    }
}

/// Reads a `struct tcp_info`, of which a kernel may have less or more than we know.
fn view(bytes: &[u8]) -> Option<TcpView> {
    /// Up to `tcpi_total_retrans`, as every kernel has it.
    const LEAST: usize = std::mem::offset_of!(libc::tcp_info, tcpi_total_retrans) + size_of::<u32>();
    /// `TCP_INFINITE_SSTHRESH` of net/tcp.h.
    const INFINITE: u32 = 0x7fff_ffff;
    if bytes.len() < LEAST {
        return None;
    }
    // SAFETY: `tcp_info` is plain numbers, for which all bytes are valid; no more than it holds is copied,
    // and no more than there is.
    let info = unsafe {
        let mut info: libc::tcp_info = std::mem::zeroed();
        let length = bytes.len().min(size_of::<libc::tcp_info>());
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut info).cast(), length);
        info
    };
    let micros = |number: u32| Duration::from_micros(number.into());
    Some(TcpView {
        state: procfs::net::TcpState::from_u8(info.tcpi_state).and_then(state_of),
        congestion: match info.tcpi_ca_state {
            1 => CongestionState::Disorder,
            2 => CongestionState::Reduced,
            3 => CongestionState::Recovery,
            4 => CongestionState::Loss,
            _ => CongestionState::Open,
        },
        cwnd: info.tcpi_snd_cwnd,
        ssthresh: (info.tcpi_snd_ssthresh < INFINITE).then_some(info.tcpi_snd_ssthresh),
        rtt: micros(info.tcpi_rtt),
        rttvar: micros(info.tcpi_rttvar),
        rto: micros(info.tcpi_rto),
        unacked: info.tcpi_unacked,
        sacked: info.tcpi_sacked,
        lost: info.tcpi_lost,
        retransmits: info.tcpi_retransmits.into(),
        total_retransmits: info.tcpi_total_retrans,
    })
}
