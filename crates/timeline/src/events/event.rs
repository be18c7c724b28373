//! The events of a timeline: plain data, made by the observers, read by everything else.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroI32, NonZeroU32};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::bytes::{self, Bytes};
use super::explanation::Explanation;
use super::ids::{ConnectionId, FrameNumber, Side};
use super::link_type::LinkType;
use super::segment::Segment;

/// A moment on `CLOCK_REALTIME`, in nanoseconds since the Unix epoch.
///
/// Packets are stamped by the kernel, calls by the tracer, both on this clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// How long after `earlier` this moment is; zero if it is not after it.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// The two addresses that name a connection. IPv4 mapped into IPv6 is written as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoints {
    /// Where the connection came from.
    pub client: SocketAddr,
    /// Where it was accepted.
    pub server: SocketAddr,
}

/// One thing that happened, when, and on which connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its place on the timeline. A call that waits for the peer (accept, connect, the read family)
    /// stands where it returned, or at the end of the observation if it has not; any other call where
    /// it was entered.
    pub at: Timestamp,
    /// The connection it belongs to, if it belongs to one.
    pub connection: Option<ConnectionId>,
    /// What happened.
    pub kind: EventKind,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A frame passed the wire.
    Packet(Box<Packet>),
    /// The server made a system call on a socket.
    Call(Box<Call>),
    /// The test's client did something.
    Client(Box<ClientAction>),
    /// A socket changed its TCP state.
    State(StateChange),
    /// The server's process did something that is no socket call.
    Process(Box<ProcessEvent>),
}

/// A captured frame with its TCP segment, as seen on its connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    /// The frame's number in the capture, from 1, as Wireshark counts.
    pub number: FrameNumber,
    /// Who sent it.
    pub from: Side,
    /// The decoded segment, with the numbers that are on the wire.
    pub segment: Box<Segment>,
    /// Sequence number relative to the sender's SYN, as Wireshark shows it.
    pub seq: u32,
    /// Acknowledgment number relative to the receiver's SYN; 0 where the ACK flag is not set.
    pub ack: u32,
    /// Receive window in bytes, scaled as the handshake agreed
    /// ([RFC 7323, section 2](https://www.rfc-editor.org/rfc/rfc7323#section-2)).
    /// Unscaled where the handshake was not captured.
    pub window: u32,
    /// The frame as the kernel handed it over, link-layer header included, up to the capture's limit.
    pub frame: Arc<[u8]>,
    /// What the frame's link-layer header is.
    pub link_type: LinkType,
    /// The frame's length on the wire, in bytes.
    pub wire_len: u32,
    /// A comment that a capture file holds for this packet. Few have one, so the others have a thin pointer's room for it.
    pub comment: Option<Box<Box<str>>>,
    /// What a file of this crate says of it, where not all of the run is here to find it again.
    pub told: Option<Box<Explanation>>,
    /// What became of it between the two hosts, where both were observed. `None` where it was
    /// captured in one place: then the place of its event in time is all that is known, and what the
    /// other host saw of it follows only from what that host sends.
    pub passage: Option<Box<Passage>>,
}

/// What became of a packet on its way from one host to the other. Its event stands where it left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// When it came to the other host: once, several times if it was duplicated, or never.
    pub arrivals: Vec<Timestamp>,
    /// What the wire did to it, in words, other than to carry it: `lost: "server data 2"`. `None` if
    /// it was carried, late as that may be.
    pub what: Option<String>,
    /// True if it came [`damaged`], so that the other host's kernel threw it away for its checksum.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub corrupted: bool,
    /// How many packets waited before it for the wire to be free, when it left its host.
    #[serde(default)]
    pub queue: u32,
    /// What TCP said of the two sockets at that moment, where the wire asked: see [`TcpView`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Box<TcpViews>>,
}

impl Passage {
    /// What stands in `what` of a packet that had not come when the observation ended, and that nothing had lost.
    pub const ON_ITS_WAY: &str = "still on its way when the observation ended";

    /// True if it never came to the other host, though the observation lasted.
    pub fn is_lost(&self) -> bool {
        self.arrivals.is_empty() && self.what.as_deref() != Some(Passage::ON_ITS_WAY)
    }
}

/// A frame as a wire that corrupts it hands it over: the lowest bit of its last byte is another one.
pub fn damaged(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if let Some(last) = frame.last_mut() {
        *last ^= 1;
    }
    frame
}

/// TCP's view of both sockets of a connection, of those that there were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpViews {
    /// The client's socket.
    pub client: Option<TcpView>,
    /// The server's socket.
    pub server: Option<TcpView>,
}

impl TcpViews {
    /// One side's.
    pub fn of(&self, side: Side) -> Option<&TcpView> {
        match side {
            Side::Client => self.client.as_ref(),
            Side::Server => self.server.as_ref(),
        }
    }
}

/// What TCP says of a socket: `struct tcp_info` of linux/tcp.h, whose names of fields stand below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpView {
    /// `tcpi_state`; `None` for a number that has no name here.
    pub state: Option<TcpState>,
    /// `tcpi_ca_state`.
    pub congestion: CongestionState,
    /// `tcpi_snd_cwnd`: the congestion window, in segments.
    pub cwnd: u32,
    /// `tcpi_snd_ssthresh`, in segments: below it the congestion window doubles each round trip. `None`
    /// as long as no loss has set it.
    pub ssthresh: Option<u32>,
    /// `tcpi_rtt`: the smoothed round-trip time.
    pub rtt: Duration,
    /// `tcpi_rttvar`: its mean deviation.
    pub rttvar: Duration,
    /// `tcpi_rto`: how long an ACK may take until a segment is sent again.
    pub rto: Duration,
    /// `tcpi_unacked`: segments sent and not acknowledged.
    pub unacked: u32,
    /// `tcpi_sacked`: those of them that the other side has, out of order.
    pub sacked: u32,
    /// `tcpi_lost`: those of them that are taken for lost.
    pub lost: u32,
    /// `tcpi_retransmits`: timeouts in a row without an ACK.
    pub retransmits: u32,
    /// `tcpi_total_retrans`: segments sent again since the beginning.
    pub total_retransmits: u32,
}

shown! {
    /// What Linux is about in its congestion control (`enum tcp_ca_state` of linux/tcp.h).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum CongestionState {
        /// Nothing is amiss.
        Open = "open",
        /// ACKs tell of a hole, which reordering may have made.
        Disorder = "disorder",
        /// The window was reduced, as the network asked (ECN), or as the machine itself was congested.
        Reduced = "cwr",
        /// A loss was found by its ACKs, and is being repaired: fast retransmit.
        Recovery = "recovery",
        /// A loss was found by a timeout.
        Loss = "loss",
    }
}

/// As `ss -i` writes it: `cwnd 10 rtt 50.3 ms rto 252 ms unacked 2`.
impl fmt::Display for TcpView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(f, "cwnd {}", self.cwnd)?;
        if let Some(ssthresh) = self.ssthresh {
            write!(f, " ssthresh {ssthresh}")?;
        }
        write!(f, " rtt {:.1} ms rto {:.0} ms", ms(self.rtt), ms(self.rto))?;
        let counts = [
            ("unacked", self.unacked),
            ("sacked", self.sacked),
            ("lost", self.lost),
            ("retransmits", self.retransmits),
        ];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, " {name} {count}")?;
        }
        match self.congestion {
            CongestionState::Open => Ok(()),
            state => write!(f, " {state}"),
        }
    }
}

/// A system call that the server made, from its entry to its exit.
///
/// # How exact its times are
///
/// `entered` is stamped just before the kernel may begin with the call, and `ended` just after it has
/// finished and before the program goes on, on the clock that stamps packets. So these are sure:
///
/// - What the kernel did in the call, it did between the two. A packet stamped before `entered` or after
///   `ended` did not leave in this call, though it may carry its bytes.
/// - Of two calls the one that had ended when the other was entered came first. Of two that overlap, as
///   calls of two threads may, nothing is known by their times; see
///   [`facts::writes`](crate::facts::writes) for what the bytes tell.
/// - What the program does after the call, it does after `ended`.
///
/// And this is not: whether a packet between the two came before or after the call's own work. The
/// stamps are as far from that work as the tracer is late. That was 3 microseconds at either end for half of
/// 400 writes, and 8 milliseconds for one where other programs wanted the processors. So there is no fixed
/// margin: a call's own span is it. For the same reason a call that waits seems to return late by as much.
///
/// Whoever sets the system's clock during a run moves all of this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The process that made it: its thread group's id, which programs call the pid. `None` where it was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<NonZeroI32>,
    /// The thread that made it (a kernel task id). That of a process's first thread is the process's.
    pub thread: i32,
    /// Its name, as in section 2 of the manual: `sendto`.
    #[serde(deserialize_with = "name")]
    pub name: Cow<'static, str>,
    /// The family it belongs to.
    pub kind: CallKind,
    /// The descriptor it was made on.
    pub fd: i32,
    /// How many bytes were asked for, for the read and write families; for a listen, its backlog.
    pub asked: Option<u64>,
    /// The first bytes that it moved, or for a failed write tried to move (at most [`Call::KEEP`]).
    #[serde(with = "bytes")]
    pub bytes: Bytes,
    /// Arguments worth showing, as strace would write them: `SHUT_WR`, `TCP_NODELAY, 1`. Few calls have some.
    pub detail: Option<Box<Box<str>>>,
    /// The argument that decides what the kernel does with the connection, if it has one.
    pub argument: Option<Box<Argument>>,
    /// What it returned: a value, or the error's number. `None` if it had not returned when the
    /// observation ended; strace writes `<unfinished ...>` then.
    pub result: Option<Result<u64, Errno>>,
    /// How many bytes it moved, where the result counts something else: `sendmmsg` and `recvmmsg`
    /// return a number of messages.
    pub moved_in_messages: Option<Box<u64>>,
    /// When it was entered.
    pub entered: Timestamp,
    /// When it returned; for a call that has not, when the observation ended.
    pub ended: Timestamp,
    /// How long the thread stood still for the tracer before and after the call, as far as the tracer
    /// knows: from when it was told of the stop. How long the system took to wake it, and then the thread,
    /// it does not know.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub tracer: Duration,
}

/// The name of a call in a file. Those of which a run has most take no room of their own.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, str>, D::Error> {
    const MOST: [&str; 8] = [
        "read", "readv", "recvfrom", "recvmsg", "write", "writev", "sendto", "sendmsg",
    ];
    let name = String::deserialize(deserializer)?;
    let known = MOST.into_iter().find(|known| *known == name);
    Ok(known.map_or(Cow::Owned(name), Cow::Borrowed))
}

/// What a call asked of the kernel that decides when a segment leaves, or how a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Argument {
    /// `MSG_MORE` of send(2), or `SPLICE_F_MORE` of splice(2): more data is coming, so a segment that
    /// is not full may wait for it.
    More,
    /// `MSG_OOB` of send(2) or recv(2): the last byte is urgent, or the urgent byte is read.
    OutOfBand,
    /// `MSG_PEEK` of recv(2): the bytes stay unread, so [`Call::moved`] counts none.
    Peek,
    /// Which direction shutdown(2) ends.
    Shutdown(Direction),
    /// What setsockopt(2) set.
    Option(SocketOption),
    /// Where a listen(2) listens, or whom a connect(2) that failed had asked for a connection.
    Address(SocketAddr),
}

/// A direction of a connection, as its owner sees it: shutdown(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// `SHUT_RD`: nothing more will be read. Nothing of it is on the wire.
    Read,
    /// `SHUT_WR`: nothing more will be written, so a FIN leaves.
    Write,
    /// `SHUT_RDWR`: both.
    Both,
}

/// A socket option and its value, of those that decide when a segment leaves or how a connection
/// ends: socket(7), tcp(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SocketOption {
    /// `TCP_NODELAY`: Nagle's algorithm is off.
    NoDelay(bool),
    /// `TCP_CORK`: only full segments leave, until the timer of a probe.
    Cork(bool),
    /// `TCP_QUICKACK`: ACKs leave at once. It does not last.
    QuickAck(bool),
    /// `SO_LINGER`: the time in seconds that close(2) waits, or `None` if it is off. With 0 seconds a
    /// close sends a reset.
    Linger(Option<u32>),
    /// `SO_KEEPALIVE`: an idle connection is probed.
    KeepAlive(bool),
    /// `TCP_KEEPIDLE`: seconds of idleness before the first probe.
    KeepIdle(u32),
    /// `TCP_KEEPINTVL`: seconds between two probes.
    KeepInterval(u32),
    /// `TCP_KEEPCNT`: probes without an answer before the connection is reset.
    KeepCount(u32),
    /// `TCP_USER_TIMEOUT`: milliseconds that sent data may stay without an ACK; 0 is the system's default.
    UserTimeout(u32),
    /// `SO_RCVBUF`: bytes asked for; Linux doubles them.
    ReceiveBuffer(u32),
    /// `SO_SNDBUF`: bytes asked for; Linux doubles them.
    SendBuffer(u32),
}

impl Call {
    /// How many bytes of a call's data are kept.
    pub const KEEP: usize = 64;

    /// The argument that decides what the kernel does with the connection, if it has one.
    pub fn argument(&self) -> Option<Argument> {
        self.argument.as_deref().copied()
    }

    /// True for a read that leaves what it reads in the socket (`MSG_PEEK`).
    pub fn is_peek(&self) -> bool {
        self.argument() == Some(Argument::Peek)
    }

    /// Where a listen listens. A file of version 0.2 or before has the address in words alone.
    pub fn listens_at(&self) -> Option<SocketAddr> {
        match (self.kind, self.argument()) {
            (CallKind::Listen, Some(Argument::Address(address))) => Some(address),
            (CallKind::Listen, _) => self.detail.as_ref()?.parse().ok(),
            _ => None,
        }
    }

    /// When it switched Nagle's algorithm off, or on again, if it did.
    pub(crate) fn switches_no_delay(&self) -> Option<(Timestamp, bool)> {
        match self.argument() {
            Some(Argument::Option(SocketOption::NoDelay(off))) if self.result == Some(Ok(0)) => Some((self.ended, off)),
            _ => None,
        }
    }

    /// The bytes that this call moved; 0 if it failed, has not returned, or moves none. A peek moves
    /// none.
    pub fn moved(&self) -> u64 {
        match (self.kind, self.result) {
            _ if self.is_peek() => 0,
            (CallKind::Read | CallKind::Write, Some(Ok(n))) => self.moved_in_messages.as_deref().copied().unwrap_or(n),
            _ => 0,
        }
    }

    /// True for a read that returned 0: the peer's FIN has been read. A peek reads nothing.
    pub fn is_end_of_file(&self) -> bool {
        self.kind == CallKind::Read && self.result == Some(Ok(0)) && self.asked != Some(0) && !self.is_peek()
    }

    /// True if it failed only because it would have had to wait (EAGAIN).
    pub fn would_block(&self) -> bool {
        self.result == Some(Err(Errno::EAGAIN))
    }

    /// True if it is an accept that failed for another reason than that nobody had connected.
    pub fn cannot_accept(&self) -> bool {
        self.kind == CallKind::Accept && matches!(self.result, Some(Err(_))) && !self.would_block()
    }
}

/// The sum of what calls moved. A file may say of each that it moved as much as a number holds.
pub(crate) fn added(moved: impl Iterator<Item = u64>) -> u64 {
    moved.fold(0, u64::saturating_add)
}

/// What a call does, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CallKind {
    /// `listen`.
    Listen,
    /// `accept`, `accept4`. [`Call::fd`] is the listening descriptor, the result the new one.
    Accept,
    /// `connect`.
    Connect,
    /// `read`, `readv`, `recvfrom`, `recvmsg`, ...
    Read,
    /// `write`, `writev`, `pwritev2`, `sendto`, `sendmsg`, `sendmmsg`, `sendfile`, `splice`.
    Write,
    /// `shutdown`.
    Shutdown,
    /// `close`.
    Close,
    /// `setsockopt`.
    SetOption,
}

/// An error number of this system, as in errno(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Errno(pub i32);

impl Errno {
    /// The call would have had to wait. Linux's number on the architectures this crate traces.
    pub const EAGAIN: Errno = Errno(11);
    /// The process has as many descriptors open as it may.
    pub const EMFILE: Errno = Errno(24);
    /// A non-blocking connect has begun, and goes on without its caller.
    pub const EINPROGRESS: Errno = Errno(115);
    /// The program may not have that port.
    pub const EACCES: Errno = Errno(13);
    /// Another socket has that address.
    pub const EADDRINUSE: Errno = Errno(98);
    /// The host has no such address.
    pub const EADDRNOTAVAIL: Errno = Errno(99);
    /// An earlier non-blocking connect of this socket has not ended yet.
    pub const EALREADY: Errno = Errno(114);
    /// The socket is connected already.
    pub const EISCONN: Errno = Errno(106);
    /// The peer has closed or reset the connection, and there is nobody to write to.
    pub const EPIPE: Errno = Errno(32);
    /// The peer has reset the connection.
    pub const ECONNRESET: Errno = Errno(104);
    /// Nobody listens there.
    pub const ECONNREFUSED: Errno = Errno(111);
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match errno_name(self.0) {
            Some(name) => f.pad(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

/// The names that sockets return on Linux. Here by hand because timelines are also read where
/// the system's own table is another one.
fn errno_name(number: i32) -> Option<&'static str> {
    macro_rules! named {
        ($($known:literal $name:ident)+) => {
            match number {
                $($known => stringify!($name),)+
                // The kernel's own codes for a call that a signal interrupted and that will be made again.
                512..=516 => "ERESTART",
                _ => return None,
            }
        };
    }
    Some(named! {
        1 EPERM 4 EINTR 5 EIO 9 EBADF 11 EAGAIN 12 ENOMEM 13 EACCES 14 EFAULT 22 EINVAL 23 ENFILE 24 EMFILE 32 EPIPE
        88 ENOTSOCK 90 EMSGSIZE 92 ENOPROTOOPT 95 EOPNOTSUPP 98 EADDRINUSE 99 EADDRNOTAVAIL 101 ENETUNREACH 103
        ECONNABORTED 104 ECONNRESET 105 ENOBUFS 106 EISCONN 107 ENOTCONN 110 ETIMEDOUT 111 ECONNREFUSED 113
        EHOSTUNREACH 114 EALREADY 115 EINPROGRESS
    })
}

/// What the test's client did with its socket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientAction {
    /// What it did.
    pub kind: ClientActionKind,
    /// The kernel's segment counters of the client's socket at that moment, where it has them.
    pub counters: Option<SegmentCounters>,
    /// The system call, where the client is a program that was traced too.
    pub call: Option<Box<Call>>,
}

/// What a client can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ClientActionKind {
    /// The connection is established.
    Connected,
    /// Sent these bytes (at most [`Call::KEEP`] are kept) of so many.
    Sent {
        /// The first of them.
        #[serde(with = "bytes")]
        bytes: Bytes,
        /// How many there were.
        len: u64,
    },
    /// Received these bytes (at most [`Call::KEEP`] are kept) of so many.
    Received {
        /// The first of them.
        #[serde(with = "bytes")]
        bytes: Bytes,
        /// How many there were.
        len: u64,
    },
    /// Read the end of file: the server's FIN.
    EndOfFile,
    /// Said that it will send no more (`shutdown` with `SHUT_WR` or `SHUT_RDWR`).
    ShutdownWrite,
    /// Closed its socket.
    Closed,
    /// Closed its socket with a reset (`SO_LINGER` with a time of 0).
    Reset,
    /// A read or a write failed.
    Failed(String),
    /// Gave up waiting for the server. It is what a client of ours does; of a client program nobody knows what
    /// it waits for.
    GaveUp {
        /// What it waited for: `a line`.
        wanted: String,
        /// How long it had waited. `None` if the server ended the connection meanwhile.
        waited: Option<Duration>,
    },
    /// Made another call on its socket, as strace writes it: one that sets an option, peeks, shuts
    /// down reading alone, or has not returned. [`ClientAction::call`] has it.
    Called(String),
}

/// TCP_INFO's counters of one socket: all segments that it sent and received, with or without
/// data (`tcpi_segs_out` and `tcpi_segs_in` of `struct tcp_info`, linux/tcp.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentCounters {
    /// Segments sent, SYN included, so that it is one at least.
    pub sent: NonZeroU32,
    /// Segments received.
    pub received: u32,
}

/// A socket's new state, as the kernel's socket table shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// Whose socket.
    pub side: Side,
    /// Its state before; `None` if it was not in the table.
    pub from: Option<TcpState>,
    /// Its state now; `None` if it is gone from the table.
    pub to: Option<TcpState>,
}

shown! {
    /// The states of a TCP socket ([RFC 9293, section 3.3.2](https://www.rfc-editor.org/rfc/rfc9293#section-3.3.2)),
    /// with Linux's names.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[allow(missing_docs, reason = "the names are the RFC's")]
    pub enum TcpState {
        Established = "ESTABLISHED",
        SynSent = "SYN_SENT",
        SynReceived = "SYN_RECV",
        FinWait1 = "FIN_WAIT1",
        FinWait2 = "FIN_WAIT2",
        TimeWait = "TIME_WAIT",
        CloseWait = "CLOSE_WAIT",
        LastAck = "LAST_ACK",
        Listen = "LISTEN",
        Closing = "CLOSING",
    }
}

/// What became of a process of the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessEvent {
    /// Its process id.
    pub pid: i32,
    /// What happened to it.
    pub kind: ProcessEventKind,
}

/// What can happen to a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ProcessEventKind {
    /// It was started, or a process of the server forked it.
    Started,
    /// It exited, or a signal ended it.
    Exited(Exit),
    /// It set up an io_uring: what it does through that is no system call and not on this timeline.
    UsesIoUring,
    /// It made system calls of another architecture than this machine's, as a 32-bit program does: they
    /// are let through, and are not on this timeline.
    ForeignCalls,
    /// It asked for the strict mode of seccomp(2) and was refused with EINVAL, as it has a filter already: the one, and no
    /// other, by which it is traced. Untraced it would have got it.
    NoStrictMode,
    /// It executed a program without what the program's file gives, such as another user's id
    /// (execve(2)): a program that is traced, or in a user namespace, does not get it unless root runs it.
    WithoutRights {
        /// The program's path.
        program: String,
        /// What it did not get: `set-user-ID`, `set-group-ID`, `file capabilities`.
        rights: String,
    },
    /// It still had this descriptor when the observation ended, although the connection was over, or its peer had closed
    /// it and this is not the descriptor that accept or connect gave. So `/proc/PID/fd` said, and the socket table.
    Holds {
        /// The descriptor.
        fd: i32,
        /// The connection that it stands for.
        on: Box<Endpoints>,
        /// True if it was over: both sides had closed it, or one had reset it.
        #[serde(default = "yes")]
        over: bool,
        /// What the process was started as: `/proc/PID/cmdline`, with blanks between its words.
        #[serde(default)]
        command: String,
    },
    /// It connected to somebody, perhaps to another process of the server: on this connection it is the client, and
    /// what it does there are a client's actions.
    Dials {
        /// The connection.
        on: Box<Endpoints>,
    },
    /// The observation of all processes has ended; `pid` is the first one.
    Settled(Settled),
    /// What the server writes from here on is not on the timeline: 50,000 lines are, or eight million
    /// bytes of them.
    OutputNotKept,
    /// The server wrote a line. The time is when we read it, which is a little later.
    Wrote {
        /// Where to.
        stream: OutputStream,
        /// The line, without its end; of one that is longer than 4096 bytes the beginning.
        line: String,
    },
}

/// What the files say that do not tell.
fn yes() -> bool {
    true
}

/// What a server was left at when an observation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// True if all its threads were asleep: each waited for something.
    pub asleep: bool,
    /// True if one of them waited for a moment in time, among other things: it may go on by itself.
    pub on_clock: bool,
    /// For so long nothing had happened on any connection.
    pub quiet: Duration,
}

/// In words, as the end of a sentence: `after 250 ms in which nothing happened and all threads slept`.
impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} ms in which nothing happened", self.quiet.as_millis())?;
        match (self.asleep, self.on_clock) {
            (true, false) => f.write_str(" and all threads slept"),
            (true, true) => f.write_str(" and all threads slept, one of them until some moment"),
            (false, _) => f.write_str(", with a thread still at work"),
        }
    }
}

shown! {
    /// Where a program's output goes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum OutputStream {
        /// Standard output.
        Stdout = "stdout",
        /// Standard error.
        Stderr = "stderr",
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// With an exit status.
    Status(i32),
    /// By a signal's number.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Status(status) => write!(f, "exit status {status}"),
            Exit::Signal(signal) => write!(f, "killed by signal {signal}"),
        }
    }
}

shown! {
    /// How much of a run could be observed.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    pub enum Level {
        /// A capture file of somebody else's: packets, and nothing of who made them. A file of this crate
        /// has the level of the run that is in it.
        #[default]
        Capture = "capture file",
        /// System calls and socket states; the kernel's segment counters in place of packets.
        NoPackets = "no packets",
        /// Packets too, captured on the host's own loopback interface.
        Loopback = "loopback",
        /// All of it, in a private network.
        Sandbox = "sandbox",
    }
}

#[cfg(test)]
#[path = "../../tests/unit/events_event.rs"]
mod tests;
