//! What this process, the keeper and the holders of networks say to each other: three numbers, and a text or
//! descriptors with them (unix(7), SOCK_SEQPACKET and SCM_RIGHTS).
#![allow(unsafe_code, reason = "descriptors that were passed")]

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, recvmsg, sendmsg,
    socketpair,
};

/// A text is at most so long.
const TEXT: usize = 244;
/// So many descriptors come with a message, at most.
const FDS: usize = 2;

/// A message that has come.
pub(super) struct Message {
    pub numbers: [i32; 3],
    pub text: String,
    pub fds: Vec<OwnedFd>,
}

/// The two ends of a conversation.
pub(super) fn pair() -> nix::Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
}

pub(super) fn send(to: BorrowedFd<'_>, numbers: [i32; 3], text: &str, fds: &[RawFd]) -> nix::Result<()> {
    let numbers = numbers.map(i32::to_ne_bytes).concat();
    let parts = [IoSlice::new(&numbers), IoSlice::new(text.as_bytes())];
    let rights = [ControlMessage::ScmRights(fds)];
    let controls = if fds.is_empty() { &[] } else { &rights[..] };
    sendmsg::<()>(to.as_raw_fd(), &parts, controls, MsgFlags::MSG_NOSIGNAL, None).map(drop)
}

/// Waits for a message. EPIPE if the other end is closed, EMFILE if there is no room for a descriptor in our table.
pub(super) fn receive(from: BorrowedFd<'_>) -> nix::Result<Message> {
    let mut bytes = [0; 12 + TEXT];
    let mut buffers = [IoSliceMut::new(&mut bytes)];
    let mut space = nix::cmsg_space!([RawFd; FDS]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let received = recvmsg::<UnixAddr>(from.as_raw_fd(), &mut buffers, Some(&mut space), flags)?;
    // What does not fit into our table of descriptors is cut off, and nix says that there was no room.
    let controls = received.cmsgs().map_err(|errno| match errno {
        Errno::ENOBUFS => Errno::EMFILE,
        other => other,
    })?;
    let mut fds = Vec::new();
    for control in controls {
        if let ControlMessageOwned::ScmRights(passed) = control {
            // SAFETY: unix(7): SCM_RIGHTS made these descriptors for us; nobody else has them.
            fds.extend(passed.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    let length = received.bytes;
    let (numbers, text) = bytes[..length].split_at_checked(12).ok_or(Errno::EPIPE)?;
    let number = |at: usize| i32::from_ne_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]]);
    Ok(Message {
        numbers: [0, 4, 8].map(number),
        text: String::from_utf8_lossy(text).into_owned(),
        fds,
    })
}
