//! Socket options: setsockopt(2), socket(7), tcp(7), ip(7), ipv6(7).

use nix::libc;

use crate::timeline::SocketOption;

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
}

/// The options that change what is on the wire or how long a call waits, and those that programs set
/// often.
fn known(level: i32, option: i32) -> Option<(&'static str, Value)> {
    use Value::{Linger, Name, Number, Time};
    Some(match (level, option) {
        (libc::SOL_SOCKET, option) => match option {
            libc::SO_REUSEADDR => ("SO_REUSEADDR", Number),
            libc::SO_REUSEPORT => ("SO_REUSEPORT", Number),
            libc::SO_SNDBUF => ("SO_SNDBUF", Number),
            libc::SO_SNDBUFFORCE => ("SO_SNDBUFFORCE", Number),
            libc::SO_RCVBUF => ("SO_RCVBUF", Number),
            libc::SO_RCVBUFFORCE => ("SO_RCVBUFFORCE", Number),
            libc::SO_RCVLOWAT => ("SO_RCVLOWAT", Number),
            libc::SO_KEEPALIVE => ("SO_KEEPALIVE", Number),
            libc::SO_LINGER => ("SO_LINGER", Linger),
            libc::SO_OOBINLINE => ("SO_OOBINLINE", Number),
            libc::SO_RCVTIMEO => ("SO_RCVTIMEO", Time),
            libc::SO_SNDTIMEO => ("SO_SNDTIMEO", Time),
            libc::SO_PRIORITY => ("SO_PRIORITY", Number),
            libc::SO_INCOMING_CPU => ("SO_INCOMING_CPU", Number),
            libc::SO_ZEROCOPY => ("SO_ZEROCOPY", Number),
            libc::SO_BUSY_POLL => ("SO_BUSY_POLL", Number),
            _ => return None,
        },
        (libc::IPPROTO_TCP, option) => match option {
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
            libc::TCP_CONGESTION => ("TCP_CONGESTION", Name),
            libc::TCP_USER_TIMEOUT => ("TCP_USER_TIMEOUT", Number),
            libc::TCP_FASTOPEN => ("TCP_FASTOPEN", Number),
            libc::TCP_FASTOPEN_CONNECT => ("TCP_FASTOPEN_CONNECT", Number),
            libc::TCP_NOTSENT_LOWAT => ("TCP_NOTSENT_LOWAT", Number),
            libc::TCP_ULP => ("TCP_ULP", Name),
            _ => return None,
        },
        (libc::IPPROTO_IP, libc::IP_TOS) => ("IP_TOS", Number),
        (libc::IPPROTO_IP, libc::IP_TTL) => ("IP_TTL", Number),
        (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) => ("IPV6_V6ONLY", Number),
        (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => ("IPV6_TCLASS", Number),
        _ => return None,
    })
}

/// An option and its value as strace writes them, and what they mean if they decide when a segment
/// leaves or how a connection ends.
pub(super) fn decode(level: i32, option: i32, value: &[u8]) -> (String, Option<SocketOption>) {
    let Some((name, shape)) = known(level, option) else {
        return (format!("level {level}, option {option}"), None);
    };
    let shown = match shape {
        Value::Number => int(value, 0).map(|number| number.to_string()),
        Value::Linger => int(value, 0)
            .zip(int(value, 4))
            .map(|(on, seconds)| format!("{{{on}, {seconds}}}")),
        Value::Time => long(value, 0)
            .zip(long(value, 8))
            .map(|(seconds, micros)| format!("{{{seconds}, {micros}}}")),
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
        let (socket, tcp) = (libc::SOL_SOCKET, libc::IPPROTO_TCP);
        for (level, option, value, text, meaning) in [
            (
                tcp,
                libc::TCP_NODELAY,
                &[1][..],
                "TCP_NODELAY, 1",
                SocketOption::NoDelay(true),
            ),
            (tcp, libc::TCP_CORK, &[0], "TCP_CORK, 0", SocketOption::Cork(false)),
            (
                tcp,
                libc::TCP_QUICKACK,
                &[1],
                "TCP_QUICKACK, 1",
                SocketOption::QuickAck(true),
            ),
            (
                tcp,
                libc::TCP_KEEPIDLE,
                &[60],
                "TCP_KEEPIDLE, 60",
                SocketOption::KeepIdle(60),
            ),
            (
                tcp,
                libc::TCP_KEEPINTVL,
                &[5],
                "TCP_KEEPINTVL, 5",
                SocketOption::KeepInterval(5),
            ),
            (
                tcp,
                libc::TCP_KEEPCNT,
                &[3],
                "TCP_KEEPCNT, 3",
                SocketOption::KeepCount(3),
            ),
            (
                tcp,
                libc::TCP_USER_TIMEOUT,
                &[1000],
                "TCP_USER_TIMEOUT, 1000",
                SocketOption::UserTimeout(1000),
            ),
            (
                socket,
                libc::SO_LINGER,
                &[1, 0],
                "SO_LINGER, {1, 0}",
                SocketOption::Linger(Some(0)),
            ),
            (
                socket,
                libc::SO_LINGER,
                &[0, 9],
                "SO_LINGER, {0, 9}",
                SocketOption::Linger(None),
            ),
            (
                socket,
                libc::SO_KEEPALIVE,
                &[1],
                "SO_KEEPALIVE, 1",
                SocketOption::KeepAlive(true),
            ),
            (
                socket,
                libc::SO_RCVBUF,
                &[4096],
                "SO_RCVBUF, 4096",
                SocketOption::ReceiveBuffer(4096),
            ),
            (
                socket,
                libc::SO_SNDBUF,
                &[4096],
                "SO_SNDBUF, 4096",
                SocketOption::SendBuffer(4096),
            ),
        ] {
            assert_eq!(
                decode(level, option, &ints(value)),
                (text.to_owned(), Some(meaning)),
                "{text}"
            );
        }
    }

    #[test]
    fn other_options_are_written() {
        let text = |level, option, value: &[u8]| decode(level, option, value).0;
        let (socket, tcp) = (libc::SOL_SOCKET, libc::IPPROTO_TCP);
        assert_eq!(text(socket, libc::SO_REUSEADDR, &ints(&[1])), "SO_REUSEADDR, 1");
        assert_eq!(
            text(tcp, libc::TCP_CONGESTION, b"reno\0\x1b"),
            "TCP_CONGESTION, \"reno\""
        );
        let five_seconds = [5_i64, 250_000].map(i64::to_ne_bytes).concat();
        assert_eq!(
            text(socket, libc::SO_RCVTIMEO, &five_seconds),
            "SO_RCVTIMEO, {5, 250000}"
        );
        assert_eq!(text(socket, 999, &ints(&[1])), "level 1, option 999");
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
