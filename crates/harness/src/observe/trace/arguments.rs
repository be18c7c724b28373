//! What a call asks of the kernel, from its arguments.

use nix::libc;
use nix::unistd::Pid;

use super::memory;
use crate::timeline::{Call, CallKind};

/// The buffers that a call reads from or writes to.
fn buffers_of(task: Pid, number: i64, args: &[u64; 6]) -> Vec<(u64, u64)> {
    match number {
        libc::SYS_read | libc::SYS_write | libc::SYS_recvfrom | libc::SYS_sendto => vec![(args[1], args[2])],
        libc::SYS_readv | libc::SYS_writev | libc::SYS_preadv2 | libc::SYS_pwritev2 => {
            memory::buffers(task, args[1], args[2])
        }
        libc::SYS_recvmsg | libc::SYS_sendmsg => memory::message_buffers(task, args[1]),
        libc::SYS_recvmmsg | libc::SYS_sendmmsg => memory::buffers_of_messages(task, args[1], args[2]),
        _ => Vec::new(),
    }
}

/// How many bytes a call asks to move.
pub(super) fn bytes_asked(task: Pid, number: i64, args: &[u64; 6]) -> Option<u64> {
    match number {
        libc::SYS_sendfile => Some(args[3]),
        libc::SYS_splice => Some(args[4]),
        _ => {
            let buffers = buffers_of(task, number, args);
            (!buffers.is_empty()).then(|| {
                buffers
                    .iter()
                    .fold(0_u64, |sum, (_, length)| sum.saturating_add(*length))
            })
        }
    }
}

/// The first bytes of `length` in a call's buffers.
pub(super) fn data(task: Pid, number: i64, args: &[u64; 6], length: u64) -> Vec<u8> {
    let mut wanted = (length as usize).min(Call::KEEP);
    let mut bytes = Vec::with_capacity(wanted);
    for (address, size) in buffers_of(task, number, args) {
        let part = memory::read(task, address, wanted.min(size as usize));
        wanted -= part.len();
        bytes.extend(part);
        if wanted == 0 {
            break;
        }
    }
    bytes
}

/// A call's arguments as strace would write them, beside descriptor, data and length, where they
/// decide something.
pub(super) fn detail(task: Pid, kind: CallKind, args: &[u64; 6]) -> Option<String> {
    match kind {
        CallKind::Shutdown => Some(shutdown_name(args[1]).to_string()),
        CallKind::SetOption => Some(option_text(task, args)),
        _ => None,
    }
}

fn shutdown_name(how: u64) -> &'static str {
    match how as i32 {
        libc::SHUT_RD => "SHUT_RD",
        libc::SHUT_WR => "SHUT_WR",
        libc::SHUT_RDWR => "SHUT_RDWR",
        _ => "?",
    }
}

/// An option and its value as strace writes them, for those that change what is on the wire.
fn option_text(task: Pid, args: &[u64; 6]) -> String {
    let name = match (args[1] as i32, args[2] as i32) {
        (libc::IPPROTO_TCP, libc::TCP_NODELAY) => "TCP_NODELAY",
        (libc::IPPROTO_TCP, libc::TCP_CORK) => "TCP_CORK",
        (libc::IPPROTO_TCP, libc::TCP_QUICKACK) => "TCP_QUICKACK",
        (libc::SOL_SOCKET, libc::SO_LINGER) => "SO_LINGER",
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => "SO_KEEPALIVE",
        (libc::SOL_SOCKET, libc::SO_REUSEADDR) => "SO_REUSEADDR",
        (libc::SOL_SOCKET, libc::SO_SNDBUF) => "SO_SNDBUF",
        (libc::SOL_SOCKET, libc::SO_RCVBUF) => "SO_RCVBUF",
        (level, option) => return format!("level {level}, option {option}"),
    };
    let value = memory::read(task, args[3], (args[4] as usize).min(8));
    let number = |at: usize| {
        let bytes = value.get(at..at + 4)?;
        Some(i32::from_ne_bytes(bytes.try_into().ok()?))
    };
    match (number(0), number(4)) {
        (Some(on), Some(seconds)) => format!("{name}, {{{on}, {seconds}}}"),
        (Some(value), None) => format!("{name}, {value}"),
        _ => name.to_string(),
    }
}
