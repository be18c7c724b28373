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

/// The options that programs set on the sockets of TCP, by name.
fn known(level: i32, option: i32) -> Option<(&'static str, Value)> {
    use Value::{Linger, Name, Number, Opaque, Time};
    Some(match level {
        libc::SOL_SOCKET => match option {
            libc::SO_REUSEADDR => ("SO_REUSEADDR", Number),
            libc::SO_REUSEPORT => ("SO_REUSEPORT", Number),
            libc::SO_SNDBUF => ("SO_SNDBUF", Number),
            libc::SO_SNDBUFFORCE => ("SO_SNDBUFFORCE", Number),
            libc::SO_RCVBUF => ("SO_RCVBUF", Number),
            libc::SO_RCVBUFFORCE => ("SO_RCVBUFFORCE", Number),
            libc::SO_RCVLOWAT => ("SO_RCVLOWAT", Number),
            libc::SO_KEEPALIVE => ("SO_KEEPALIVE", Number),
            libc::SO_OOBINLINE => ("SO_OOBINLINE", Number),
            libc::SO_PRIORITY => ("SO_PRIORITY", Number),
            libc::SO_INCOMING_CPU => ("SO_INCOMING_CPU", Number),
            libc::SO_ZEROCOPY => ("SO_ZEROCOPY", Number),
            libc::SO_BUSY_POLL => ("SO_BUSY_POLL", Number),
            libc::SO_BUSY_POLL_BUDGET => ("SO_BUSY_POLL_BUDGET", Number),
            libc::SO_PREFER_BUSY_POLL => ("SO_PREFER_BUSY_POLL", Number),
            libc::SO_BROADCAST => ("SO_BROADCAST", Number),
            libc::SO_DONTROUTE => ("SO_DONTROUTE", Number),
            libc::SO_DEBUG => ("SO_DEBUG", Number),
            libc::SO_MARK => ("SO_MARK", Number),
            libc::SO_MAX_PACING_RATE => ("SO_MAX_PACING_RATE", Number),
            libc::SO_PASSCRED => ("SO_PASSCRED", Number),
            libc::SO_PEEK_OFF => ("SO_PEEK_OFF", Number),
            libc::SO_TIMESTAMP => ("SO_TIMESTAMP", Number),
            libc::SO_TIMESTAMPNS => ("SO_TIMESTAMPNS", Number),
            libc::SO_TIMESTAMPING => ("SO_TIMESTAMPING", Number),
            libc::SO_RXQ_OVFL => ("SO_RXQ_OVFL", Number),
            libc::SO_LOCK_FILTER => ("SO_LOCK_FILTER", Number),
            libc::SO_ATTACH_BPF => ("SO_ATTACH_BPF", Number),
            libc::SO_DETACH_FILTER => ("SO_DETACH_FILTER", Number),
            libc::SO_ATTACH_REUSEPORT_EBPF => ("SO_ATTACH_REUSEPORT_EBPF", Number),
            libc::SO_LINGER => ("SO_LINGER", Linger),
            libc::SO_RCVTIMEO => ("SO_RCVTIMEO", Time),
            libc::SO_SNDTIMEO => ("SO_SNDTIMEO", Time),
            libc::SO_BINDTODEVICE => ("SO_BINDTODEVICE", Name),
            libc::SO_ATTACH_FILTER => ("SO_ATTACH_FILTER", Opaque),
            libc::SO_ATTACH_REUSEPORT_CBPF => ("SO_ATTACH_REUSEPORT_CBPF", Opaque),
            libc::SO_TXTIME => ("SO_TXTIME", Opaque),
            _ => return None,
        },
        libc::IPPROTO_TCP => match option {
            libc::TCP_NODELAY => ("TCP_NODELAY", Number),
            libc::TCP_MAXSEG => ("TCP_MAXSEG", Number),
            libc::TCP_CORK => ("TCP_CORK", Number),
            libc::TCP_KEEPIDLE => ("TCP_KEEPIDLE", Number),
            libc::TCP_KEEPINTVL => ("TCP_KEEPINTVL", Number),
            libc::TCP_KEEPCNT => ("TCP_KEEPCNT", Number),
            libc::TCP_SYNCNT => ("TCP_SYNCNT", Number),
            libc::TCP_LINGER2 => ("TCP_LINGER2", Number),
            libc::TCP_DEFER_ACCEPT => ("TCP_DEFER_ACCEPT", Number),
            libc::TCP_WINDOW_CLAMP => ("TCP_WINDOW_CLAMP", Number),
            libc::TCP_QUICKACK => ("TCP_QUICKACK", Number),
            libc::TCP_THIN_LINEAR_TIMEOUTS => ("TCP_THIN_LINEAR_TIMEOUTS", Number),
            libc::TCP_THIN_DUPACK => ("TCP_THIN_DUPACK", Number),
            libc::TCP_USER_TIMEOUT => ("TCP_USER_TIMEOUT", Number),
            libc::TCP_REPAIR => ("TCP_REPAIR", Number),
            libc::TCP_REPAIR_QUEUE => ("TCP_REPAIR_QUEUE", Number),
            libc::TCP_QUEUE_SEQ => ("TCP_QUEUE_SEQ", Number),
            libc::TCP_FASTOPEN => ("TCP_FASTOPEN", Number),
            libc::TCP_TIMESTAMP => ("TCP_TIMESTAMP", Number),
            libc::TCP_NOTSENT_LOWAT => ("TCP_NOTSENT_LOWAT", Number),
            libc::TCP_SAVE_SYN => ("TCP_SAVE_SYN", Number),
            libc::TCP_FASTOPEN_CONNECT => ("TCP_FASTOPEN_CONNECT", Number),
            libc::TCP_FASTOPEN_NO_COOKIE => ("TCP_FASTOPEN_NO_COOKIE", Number),
            libc::TCP_INQ => ("TCP_INQ", Number),
            libc::TCP_CONGESTION => ("TCP_CONGESTION", Name),
            libc::TCP_ULP => ("TCP_ULP", Name),
            libc::TCP_MD5SIG => ("TCP_MD5SIG", Opaque),
            libc::TCP_FASTOPEN_KEY => ("TCP_FASTOPEN_KEY", Opaque),
            libc::TCP_REPAIR_OPTIONS => ("TCP_REPAIR_OPTIONS", Opaque),
            TCP_TX_DELAY => ("TCP_TX_DELAY", Number),
            _ => return None,
        },
        libc::IPPROTO_IP => match option {
            libc::IP_TOS => ("IP_TOS", Number),
            libc::IP_TTL => ("IP_TTL", Number),
            libc::IP_HDRINCL => ("IP_HDRINCL", Number),
            libc::IP_RECVTTL => ("IP_RECVTTL", Number),
            libc::IP_RECVTOS => ("IP_RECVTOS", Number),
            libc::IP_PKTINFO => ("IP_PKTINFO", Number),
            libc::IP_MTU_DISCOVER => ("IP_MTU_DISCOVER", Number),
            libc::IP_RECVERR => ("IP_RECVERR", Number),
            libc::IP_FREEBIND => ("IP_FREEBIND", Number),
            libc::IP_TRANSPARENT => ("IP_TRANSPARENT", Number),
            libc::IP_MINTTL => ("IP_MINTTL", Number),
            libc::IP_BIND_ADDRESS_NO_PORT => ("IP_BIND_ADDRESS_NO_PORT", Number),
            libc::IP_MULTICAST_TTL => ("IP_MULTICAST_TTL", Number),
            libc::IP_MULTICAST_LOOP => ("IP_MULTICAST_LOOP", Number),
            libc::IP_OPTIONS => ("IP_OPTIONS", Opaque),
            libc::IP_ADD_MEMBERSHIP => ("IP_ADD_MEMBERSHIP", Opaque),
            _ => return None,
        },
        libc::IPPROTO_IPV6 => match option {
            libc::IPV6_V6ONLY => ("IPV6_V6ONLY", Number),
            libc::IPV6_TCLASS => ("IPV6_TCLASS", Number),
            libc::IPV6_UNICAST_HOPS => ("IPV6_UNICAST_HOPS", Number),
            libc::IPV6_MULTICAST_HOPS => ("IPV6_MULTICAST_HOPS", Number),
            libc::IPV6_MULTICAST_LOOP => ("IPV6_MULTICAST_LOOP", Number),
            libc::IPV6_RECVPKTINFO => ("IPV6_RECVPKTINFO", Number),
            libc::IPV6_RECVTCLASS => ("IPV6_RECVTCLASS", Number),
            libc::IPV6_RECVHOPLIMIT => ("IPV6_RECVHOPLIMIT", Number),
            libc::IPV6_MTU_DISCOVER => ("IPV6_MTU_DISCOVER", Number),
            libc::IPV6_RECVERR => ("IPV6_RECVERR", Number),
            libc::IPV6_FREEBIND => ("IPV6_FREEBIND", Number),
            libc::IPV6_TRANSPARENT => ("IPV6_TRANSPARENT", Number),
            libc::IPV6_DONTFRAG => ("IPV6_DONTFRAG", Number),
            libc::IPV6_ADDR_PREFERENCES => ("IPV6_ADDR_PREFERENCES", Number),
            _ => return None,
        },
        libc::SOL_TLS => match option {
            libc::TLS_TX => ("TLS_TX", Opaque),
            libc::TLS_RX => ("TLS_RX", Opaque),
            _ => return None,
        },
        _ => return None,
    })
}

/// `TCP_TX_DELAY` of linux/tcp.h.
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
mod tests {
    use super::*;

    fn ints(numbers: &[i32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
    }

    #[test]
    fn an_option_that_decides_is_told_and_written() {
        use SocketOption::*;
        use libc::{
            SO_KEEPALIVE, SO_LINGER, SO_RCVBUF, SO_SNDBUF, TCP_CORK, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL,
            TCP_NODELAY, TCP_QUICKACK, TCP_USER_TIMEOUT,
        };
        let (socket, tcp) = (libc::SOL_SOCKET, libc::IPPROTO_TCP);
        for (level, option, value, text, meaning) in [
            (tcp, TCP_NODELAY, &[1][..], "TCP_NODELAY, 1", NoDelay(true)),
            (tcp, TCP_CORK, &[0], "TCP_CORK, 0", Cork(false)),
            (tcp, TCP_QUICKACK, &[1], "TCP_QUICKACK, 1", QuickAck(true)),
            (tcp, TCP_KEEPIDLE, &[60], "TCP_KEEPIDLE, 60", KeepIdle(60)),
            (tcp, TCP_KEEPINTVL, &[5], "TCP_KEEPINTVL, 5", KeepInterval(5)),
            (tcp, TCP_KEEPCNT, &[3], "TCP_KEEPCNT, 3", KeepCount(3)),
            (
                tcp,
                TCP_USER_TIMEOUT,
                &[1000],
                "TCP_USER_TIMEOUT, 1000",
                UserTimeout(1000),
            ),
            (socket, SO_LINGER, &[1, 0], "SO_LINGER, {1, 0}", Linger(Some(0))),
            (socket, SO_LINGER, &[0, 9], "SO_LINGER, {0, 9}", Linger(None)),
            (socket, SO_KEEPALIVE, &[1], "SO_KEEPALIVE, 1", KeepAlive(true)),
            (socket, SO_RCVBUF, &[4096], "SO_RCVBUF, 4096", ReceiveBuffer(4096)),
            (socket, SO_SNDBUF, &[4096], "SO_SNDBUF, 4096", SendBuffer(4096)),
        ] {
            let decoded = decode(level, option, &ints(value));
            assert_eq!(decoded, (text.to_owned(), Some(meaning)), "{text}");
        }
    }

    #[test]
    fn other_options_are_written() {
        let text = |level, option, value: &[u8]| decode(level, option, value).0;
        let (socket, tcp) = (libc::SOL_SOCKET, libc::IPPROTO_TCP);
        let five_seconds = [5_i64, 250_000].map(i64::to_ne_bytes).concat();
        for (written, expected) in [
            (text(socket, libc::SO_REUSEADDR, &ints(&[1])), "SO_REUSEADDR, 1"),
            (
                text(tcp, libc::TCP_CONGESTION, b"reno\0\x1b"),
                r#"TCP_CONGESTION, "reno""#,
            ),
            (
                text(socket, libc::SO_RCVTIMEO, &five_seconds),
                "SO_RCVTIMEO, {5, 250000}",
            ),
            (text(libc::IPPROTO_IP, libc::IP_TTL, &ints(&[3])), "IP_TTL, 3"),
            (text(libc::SOL_TLS, libc::TLS_TX, &ints(&[3])), "TLS_TX"),
            (text(socket, 999, &ints(&[1])), "SOL_SOCKET, option 999"),
            (text(tcp, 999, &ints(&[1])), "IPPROTO_TCP, option 999"),
            (text(999, 4, &ints(&[1])), "level 999, option 4"),
        ] {
            assert_eq!(written, expected);
        }
    }

    /// The kernel refuses a value that is too short, and one at a bad address cannot be read.
    #[test]
    fn a_value_that_is_too_short_means_nothing() {
        for length in [0, 3] {
            let (text, meaning) = decode(libc::IPPROTO_TCP, libc::TCP_NODELAY, &[1; 4][..length]);
            assert_eq!((text.as_str(), meaning), ("TCP_NODELAY", None));
        }
        let (text, meaning) = decode(libc::SOL_SOCKET, libc::SO_LINGER, &ints(&[1]));
        assert_eq!((text.as_str(), meaning), ("SO_LINGER", None));
    }
}
