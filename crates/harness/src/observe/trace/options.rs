//! Socket options: setsockopt(2), socket(7), tcp(7), ip(7), ipv6(7).

use nix::libc;

use timeline::SocketOption;

/// So many bytes of an option's value are looked at. No value that is shown is longer.
pub(super) const VALUE: usize = 16;

/// How an option's value is written.
enum Value {
    /// An `int`.
    Number,
    /// A `struct linger`.
    Linger,
    /// A `struct timeval`.
    Time,
    /// A name, such as a congestion control's.
    Name,
    /// A structure that is not shown.
    Opaque,
}

/// Which of these options has this number: its name, and how its value is written.
macro_rules! one_of {
    ($option:expr; $($shape:ident: $($name:ident)+;)+) => {
        match $option {
            $($($name => (stringify!($name), Value::$shape),)+)+
            _ => return None,
        }
    };
}

/// The options that programs set on the sockets of TCP, by name.
fn known(level: i32, option: i32) -> Option<(&'static str, Value)> {
    use nix::libc::*;
    Some(match level {
        SOL_SOCKET => one_of! { option;
            Number: SO_REUSEADDR SO_REUSEPORT SO_SNDBUF SO_SNDBUFFORCE SO_RCVBUF SO_RCVBUFFORCE SO_RCVLOWAT
                SO_KEEPALIVE SO_OOBINLINE SO_PRIORITY SO_INCOMING_CPU SO_ZEROCOPY SO_BUSY_POLL SO_BUSY_POLL_BUDGET
                SO_PREFER_BUSY_POLL SO_BROADCAST SO_DONTROUTE SO_DEBUG SO_MARK SO_MAX_PACING_RATE SO_PASSCRED
                SO_PEEK_OFF SO_TIMESTAMP SO_TIMESTAMPNS SO_TIMESTAMPING SO_RXQ_OVFL SO_LOCK_FILTER SO_ATTACH_BPF
                SO_DETACH_FILTER SO_ATTACH_REUSEPORT_EBPF;
            Linger: SO_LINGER;
            Time: SO_RCVTIMEO SO_SNDTIMEO;
            Name: SO_BINDTODEVICE;
            Opaque: SO_ATTACH_FILTER SO_ATTACH_REUSEPORT_CBPF SO_TXTIME;
        },
        IPPROTO_TCP => one_of! { option;
            Number: TCP_NODELAY TCP_MAXSEG TCP_CORK TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT TCP_SYNCNT TCP_LINGER2
                TCP_DEFER_ACCEPT TCP_WINDOW_CLAMP TCP_QUICKACK TCP_THIN_LINEAR_TIMEOUTS TCP_THIN_DUPACK TCP_USER_TIMEOUT
                TCP_REPAIR TCP_REPAIR_QUEUE TCP_QUEUE_SEQ TCP_FASTOPEN TCP_TIMESTAMP TCP_NOTSENT_LOWAT TCP_SAVE_SYN
                TCP_FASTOPEN_CONNECT TCP_FASTOPEN_NO_COOKIE TCP_INQ TCP_TX_DELAY;
            Name: TCP_CONGESTION TCP_ULP;
            Opaque: TCP_MD5SIG TCP_FASTOPEN_KEY TCP_REPAIR_OPTIONS;
        },
        IPPROTO_IP => one_of! { option;
            Number: IP_TOS IP_TTL IP_HDRINCL IP_RECVTTL IP_RECVTOS IP_PKTINFO IP_MTU_DISCOVER IP_RECVERR IP_FREEBIND
                IP_TRANSPARENT IP_MINTTL IP_BIND_ADDRESS_NO_PORT IP_MULTICAST_TTL IP_MULTICAST_LOOP;
            Opaque: IP_OPTIONS IP_ADD_MEMBERSHIP;
        },
        IPPROTO_IPV6 => one_of! { option;
            Number: IPV6_V6ONLY IPV6_TCLASS IPV6_UNICAST_HOPS IPV6_MULTICAST_HOPS IPV6_MULTICAST_LOOP
                IPV6_RECVPKTINFO IPV6_RECVTCLASS IPV6_RECVHOPLIMIT IPV6_MTU_DISCOVER IPV6_RECVERR IPV6_FREEBIND
                IPV6_TRANSPARENT IPV6_DONTFRAG IPV6_ADDR_PREFERENCES;
        },
        SOL_TLS => one_of! { option;
            Opaque: TLS_TX TLS_RX;
        },
        _ => return None,
    })
}

/// `TCP_TX_DELAY` of linux/tcp.h, which libc does not have.
const TCP_TX_DELAY: i32 = 37;

/// A level as the manual names it.
fn level_name(level: i32) -> String {
    let name = match level {
        libc::SOL_SOCKET => "SOL_SOCKET",
        libc::IPPROTO_TCP => "IPPROTO_TCP",
        libc::IPPROTO_IP => "IPPROTO_IP",
        libc::IPPROTO_IPV6 => "IPPROTO_IPV6",
        libc::SOL_TLS => "SOL_TLS",
        libc::SOL_UDP => "SOL_UDP",
        libc::IPPROTO_MPTCP => "IPPROTO_MPTCP",
        _ => return format!("level {level}"),
    };
    name.to_owned()
}

/// An option and its value as strace writes them, and what they mean if they decide when a segment
/// leaves or how a connection ends.
pub(super) fn decode(level: i32, option: i32, value: &[u8]) -> (String, Option<SocketOption>) {
    let Some((name, shape)) = known(level, option) else {
        return (format!("{}, option {option}", level_name(level)), None);
    };
    let shown = match shape {
        Value::Number => int(value, 0).map(|number| number.to_string()),
        Value::Linger => int(value, 0)
            .zip(int(value, 4))
            .map(|(on, seconds)| format!("{{{on}, {seconds}}}")),
        Value::Time => long(value, 0)
            .zip(long(value, 8))
            .map(|(seconds, micros)| format!("{{{seconds}, {micros}}}")),
        Value::Opaque => None,
        Value::Name => {
            let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
            Some(format!("\"{}\"", value[..end].escape_ascii()))
        }
    };
    let text = match shown {
        Some(shown) => format!("{name}, {shown}"),
        None => name.to_owned(),
    };
    (text, meaning(level, option, value))
}

/// What an option means, of those that decide.
fn meaning(level: i32, option: i32, value: &[u8]) -> Option<SocketOption> {
    let number = int(value, 0)?.cast_unsigned();
    let on = number != 0;
    Some(match (level, option) {
        (libc::SOL_SOCKET, libc::SO_LINGER) => {
            let seconds = int(value, 4)?.cast_unsigned();
            SocketOption::Linger(on.then_some(seconds))
        }
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => SocketOption::KeepAlive(on),
        (libc::SOL_SOCKET, libc::SO_RCVBUF | libc::SO_RCVBUFFORCE) => SocketOption::ReceiveBuffer(number),
        (libc::SOL_SOCKET, libc::SO_SNDBUF | libc::SO_SNDBUFFORCE) => SocketOption::SendBuffer(number),
        (libc::IPPROTO_TCP, libc::TCP_NODELAY) => SocketOption::NoDelay(on),
        (libc::IPPROTO_TCP, libc::TCP_CORK) => SocketOption::Cork(on),
        (libc::IPPROTO_TCP, libc::TCP_QUICKACK) => SocketOption::QuickAck(on),
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE) => SocketOption::KeepIdle(number),
        (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL) => SocketOption::KeepInterval(number),
        (libc::IPPROTO_TCP, libc::TCP_KEEPCNT) => SocketOption::KeepCount(number),
        (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT) => SocketOption::UserTimeout(number),
        _ => return None,
    })
}

/// True for an option that may change what is on the wire, unlike SO_REUSEADDR, which every server sets.
pub(super) fn reaches_the_wire(level: i32, option: i32) -> bool {
    let of_socket = [
        libc::SO_LINGER,
        libc::SO_KEEPALIVE,
        libc::SO_RCVBUF,
        libc::SO_RCVBUFFORCE,
        libc::SO_SNDBUF,
        libc::SO_SNDBUFFORCE,
    ];
    level == libc::IPPROTO_TCP || (level == libc::SOL_SOCKET && of_socket.contains(&option))
}

fn int(value: &[u8], at: usize) -> Option<i32> {
    let bytes = value.get(at..at + 4)?;
    Some(i32::from_ne_bytes(bytes.try_into().ok()?))
}

/// A `long`, of a 64-bit program.
fn long(value: &[u8], at: usize) -> Option<i64> {
    let bytes = value.get(at..at + 8)?;
    Some(i64::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
#[path = "../../../tests/unit/observe_trace_options.rs"]
mod tests;
