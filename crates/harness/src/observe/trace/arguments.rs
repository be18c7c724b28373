//! What a call asks of the kernel, from its arguments.

use nix::libc;
use nix::unistd::Pid;

use super::{memory, options};
use timeline::{Argument, Call, CallKind, Direction};

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

/// What a call asks beside descriptor, data and length, where that decides something: as strace would
/// write it, and as what it means.
pub(super) fn decisive(task: Pid, number: i64, kind: CallKind, args: &[u64; 6]) -> (Option<String>, Option<Argument>) {
    match kind {
        CallKind::Read | CallKind::Write => flag(number, args).unzip(),
        CallKind::Shutdown => {
            let (name, direction) = match args[1] as i32 {
                libc::SHUT_RD => ("SHUT_RD", Some(Direction::Read)),
                libc::SHUT_WR => ("SHUT_WR", Some(Direction::Write)),
                libc::SHUT_RDWR => ("SHUT_RDWR", Some(Direction::Both)),
                _ => ("?", None),
            };
            (Some(name.to_owned()), direction.map(Argument::Shutdown))
        }
        CallKind::SetOption => {
            let value = memory::read(task, args[3], (args[4] as u32 as usize).min(options::VALUE));
            let (text, option) = options::decode(args[1] as i32, args[2] as i32, &value);
            (Some(text), option.map(Argument::Option))
        }
        _ => (None, None),
    }
}

/// The flag of a read or a write that decides what becomes of its bytes: send(2), recv(2), splice(2).
fn flag(number: i64, args: &[u64; 6]) -> Option<(String, Argument)> {
    let flags = match number {
        libc::SYS_sendto | libc::SYS_sendmmsg | libc::SYS_recvfrom | libc::SYS_recvmmsg => args[3] as i32,
        libc::SYS_sendmsg | libc::SYS_recvmsg => args[2] as i32,
        libc::SYS_splice if args[5] as u32 & libc::SPLICE_F_MORE != 0 => {
            return Some(("SPLICE_F_MORE".to_owned(), Argument::More));
        }
        _ => return None,
    };
    let known = [
        (libc::MSG_PEEK, "MSG_PEEK", Argument::Peek),
        (libc::MSG_OOB, "MSG_OOB", Argument::OutOfBand),
        (libc::MSG_MORE, "MSG_MORE", Argument::More),
    ];
    let (_, name, argument) = known.into_iter().find(|(flag, ..)| flags & flag != 0)?;
    Some((name.to_owned(), argument))
}
