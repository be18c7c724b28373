//! Tests of `src/observe/trace/options.rs`, which see what is private there.

use super::*;

fn ints(numbers: &[i32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

#[test]
fn an_option_that_decides_is_told_and_written() {
    use SocketOption::*;
    use libc::{
        SO_KEEPALIVE, SO_LINGER, SO_RCVBUF, SO_SNDBUF, TCP_CORK, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_NODELAY,
        TCP_QUICKACK, TCP_USER_TIMEOUT,
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
