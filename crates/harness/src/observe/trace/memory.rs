//! The memory of a stopped task, in the shapes that socket calls use. Only 64-bit programs are read.

use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::libc;
use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::unistd::Pid;

/// Reads memory of a stopped task: process_vm_readv(2). Empty if the address is bad.
pub(super) fn read(task: Pid, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let remote = [RemoteIoVec {
        base: address as usize,
        len: length,
    }];
    let got = process_vm_readv(task, &mut [IoSliceMut::new(&mut bytes)], &remote).unwrap_or(0);
    bytes.truncate(got);
    bytes
}

/// Writes into memory of a stopped task: process_vm_writev(2). Nothing if the address is bad.
pub(super) fn write(task: Pid, address: u64, bytes: &[u8]) {
    let remote = [RemoteIoVec {
        base: address as usize,
        len: bytes.len(),
    }];
    let _ = process_vm_writev(task, &[IoSlice::new(bytes)], &remote);
}

/// A number of 32 bits.
pub(super) fn number(task: Pid, address: u64) -> Option<u32> {
    Some(u32::from_ne_bytes(read(task, address, 4).try_into().ok()?))
}

/// A number of the task's word size among bytes of its memory.
fn word(bytes: &[u8], index: usize) -> Option<u64> {
    let bytes = bytes.get(index * 8..index * 8 + 8)?;
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

/// Address and length of each buffer of an `iovec` array: iovec(3type).
pub(super) fn buffers(task: Pid, address: u64, count: u64) -> Vec<(u64, u64)> {
    // IOV_MAX is 1024; a program may ask for more and be refused.
    let count = count.min(1024) as usize;
    let array = read(task, address, count * 16);
    (0..count)
        .map_while(|i| Some((word(&array, 2 * i)?, word(&array, 2 * i + 1)?)))
        .collect()
}

/// The buffers of a `msghdr`: recvmsg(2). `msg_iov` and `msg_iovlen` are its third and fourth words.
pub(super) fn message_buffers(task: Pid, address: u64) -> Vec<(u64, u64)> {
    let header = read(task, address, 32);
    match (word(&header, 2), word(&header, 3)) {
        (Some(array), Some(count)) => buffers(task, array, count),
        _ => Vec::new(),
    }
}

/// `struct mmsghdr` of sendmmsg(2) is a `msghdr` of 56 bytes and the length moved, padded.
const MESSAGE_SIZE: u64 = 64;
const MESSAGE_LENGTH_AT: u64 = 56;

/// The buffers of all messages of a `mmsghdr` array: sendmmsg(2).
pub(super) fn buffers_of_messages(task: Pid, address: u64, count: u64) -> Vec<(u64, u64)> {
    (0..count.min(64))
        .flat_map(|i| message_buffers(task, address + i * MESSAGE_SIZE))
        .collect()
}

/// The bytes that the first `count` messages of a `mmsghdr` array moved.
pub(super) fn message_lengths(task: Pid, address: u64, count: u64) -> u64 {
    let length = |i: u64| number(task, address + i * MESSAGE_SIZE + MESSAGE_LENGTH_AT).map_or(0, u64::from);
    (0..count.min(1024)).map(length).sum()
}

/// A `sockaddr_in` or `sockaddr_in6`: ip(7), ipv6(7).
pub(super) fn socket_address(task: Pid, address: u64, length: u64) -> Option<SocketAddr> {
    let bytes = read(task, address, length.min(28) as usize);
    let family = i32::from(u16::from_ne_bytes([*bytes.first()?, *bytes.get(1)?]));
    let port = u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]);
    let ip = match family {
        libc::AF_INET => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(4..8)?).ok()?)),
        libc::AF_INET6 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(8..24)?).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}
