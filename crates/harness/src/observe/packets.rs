//! The capture: every frame of an interface, stamped by the kernel, through a ring that the
//! kernel and this process share (packet(7), and the kernel's packet_mmap document).
#![allow(
    unsafe_code,
    reason = "mapping and reading the shared ring; each use stands alone below"
)]

use std::collections::VecDeque;
use std::io;
use std::mem::size_of;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::Builder;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, munmap};
use socket2::Socket;

use super::filter::Wanted;
use super::memory;
use super::sandbox::SocketKind;
use super::worker::Worker;
use crate::recorder::Recorder;
use timeline::{LinkType, Record, Segment, Timestamp, What};

/// The ring, which is divided into slots: each holds a whole frame and its header.
const BLOCK_SIZE: usize = 128 * 1024;

/// Where memory is short a ring may take one part in so many of it, and at least so many blocks.
const RING_SHARE: u64 = 8;
const LEAST_BLOCKS: u64 = 16;

/// What the kernel puts before a frame: a `tpacket2_hdr`, an address, and what aligns them.
const SLOT_HEADER: usize = 128;

/// A frame on the loopback interface: 1500 bytes, and the header of an Ethernet.
const LOOPBACK_FRAME: usize = 1514;

/// How long packets gather once some have been read, in milliseconds. Whoever sends a packet has to
/// wake us if we wait for it, which takes longer than to send it. The ring holds thousands.
const GATHER_MS: u8 = 1;

/// So many frames are decoded before the ring is looked at again: within some tenth of a millisecond.
const DECODED_AT_ONCE: usize = 64;

/// The frames that are yet to be decoded may take one part in so many of the memory that there is.
const BACKLOG_SHARE: u64 = 8;

/// A packet socket. With protocol 0 it captures nothing until it is bound.
pub(crate) const PACKET_SOCKET: SocketKind = SocketKind {
    domain: libc::AF_PACKET,
    kind: libc::SOCK_RAW,
    protocol: 0,
};

/// Closes a packet socket, or what holds one, without waiting for it: the kernel takes some 15 ms,
/// until no processor can be handling a packet for it any more (`synchronize_net`).
pub(crate) fn close_unawaited(socket: impl Send + 'static) {
    // Where no thread can be made, `spawn` drops the closure here, and the socket with it: that only takes its time.
    let _ = Builder::new().spawn(move || drop(socket));
}

/// A running capture: how many packets the kernel had to drop.
pub(crate) type Capture = Worker<io::Result<u64>>;

impl Capture {
    /// Captures what arrives on the loopback interface of the socket's network.
    ///
    /// Each frame is recorded once: on a loopback interface a packet socket would see it leave
    /// and arrive.
    ///
    /// On a network that others use too, what is to or from the server's ports is kept: the kernel forgets the rest
    /// as soon as there is such a port. Of each frame so much is kept as `snaplen` says, and the kernel holds so many
    /// bytes as `buffer` says until we take them.
    pub fn of_loopback(
        socket: Socket,
        snaplen: Option<u32>,
        buffer: u64,
        recorder: Arc<Recorder>,
    ) -> io::Result<Capture> {
        let index = nix::net::if_::if_nametoindex("lo").unwrap_or(1);
        if let Some(length) = snaplen {
            Wanted { ports: None, length }.attach(&socket)?;
        }
        if recorder.leaves_others_out() {
            let socket = socket.try_clone()?;
            let length = snaplen.unwrap_or(u32::MAX);
            recorder.tell_ports(move |ports| {
                let ports = Some(ports.to_vec());
                // Where the kernel refuses the filter, packets of others come too, and `is_servers` sorts them out.
                let _ = Wanted { ports, length }.attach(&socket);
            });
        }
        let longest = snaplen.map_or(LOOPBACK_FRAME, |length| LOOPBACK_FRAME.min(length as usize));
        let ring = Ring::new(socket, index, longest, buffer)?;
        let wake = Arc::new(EventFd::new()?);
        let stop = Arc::clone(&wake);
        let work = move || {
            let mut work = Work {
                ring,
                recorder,
                backlog: VecDeque::new(),
                waiting: 0,
                most: memory::available() / BACKLOG_SHARE,
            };
            let captured = work.run(&stop);
            close_unawaited(work.ring);
            captured
        };
        // eventfd(2): this fails only if the counter is full, and then the thread is awake.
        Worker::start(work, move || _ = wake.write(1))
    }
}

/// A frame that has left the ring and is yet to be decoded.
pub(super) struct Taken {
    pub at: Timestamp,
    pub frame: Arc<[u8]>,
    /// How long it was on the wire: more may not have been captured.
    wire_len: u32,
}

/// What the capturing thread works with.
///
/// The ring holds what comes within a tenth of a second where traffic is fast, and nothing makes it
/// larger once it is there. So all that is in it is taken out at once, which is cheap, and decoded a few
/// frames at a time.
struct Work {
    ring: Ring,
    recorder: Arc<Recorder>,
    backlog: VecDeque<Taken>,
    /// How many bytes wait in the backlog, and how many may.
    waiting: u64,
    most: u64,
}

impl Work {
    fn run(&mut self, stop: &EventFd) -> io::Result<u64> {
        loop {
            let mut fds = [
                PollFd::new(self.ring.socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(stop.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) | Ok(_) => {}
                Err(errno) => return Err(errno.into()),
            }
            let is_over = fds[1].any().unwrap_or(false);
            self.drain();
            if is_over {
                return self.ring.dropped();
            }
            // This wait only lets packets gather. It may end early or fail: the wait at the head of the loop finds out
            // what there is to do.
            let _ = poll(&mut [PollFd::new(stop.as_fd(), PollFlags::POLLIN)], GATHER_MS);
        }
    }

    /// Records all frames that the kernel has put into the ring.
    fn drain(&mut self) {
        loop {
            self.take();
            if self.backlog.is_empty() {
                return;
            }
            let few = self.backlog.len().min(DECODED_AT_ONCE);
            let few = self
                .backlog
                .drain(..few)
                .inspect(|taken| self.waiting -= taken.frame.len() as u64);
            let (all, recorder) = (!self.recorder.leaves_others_out(), &self.recorder);
            let records: Vec<Record> = few
                .map(record)
                .filter(|record| all || is_servers(record, recorder))
                .collect();
            recorder.push_packets(records);
        }
    }

    fn take(&mut self) {
        while self.waiting < self.most
            && let Some(taken) = self.ring.take()
        {
            self.waiting += taken.frame.len() as u64;
            self.backlog.push_back(taken);
        }
    }
}

fn record(Taken { at, frame, wire_len }: Taken) -> Record {
    Record {
        at,
        what: What::Frame {
            segment: Segment::from_frame(LinkType::ETHERNET, &frame, wire_len).map(Box::new),
            frame,
            link_type: LinkType::ETHERNET,
            wire_len,
            comment: None,
            passage: None,
        },
    }
}

fn is_servers(record: &Record, recorder: &Recorder) -> bool {
    match &record.what {
        What::Frame {
            segment: Some(segment), ..
        } => recorder.is_servers(segment),
        _ => false,
    }
}

/// A packet socket and its ring.
pub(super) struct Ring {
    socket: Socket,
    memory: NonNull<libc::c_void>,
    /// The size of all of it, that of a slot, and how many slots there are.
    size: NonZeroUsize,
    slot: usize,
    slots: usize,
    next: usize,
}

// SAFETY: the mapping belongs to this value alone, and any thread may read it.
unsafe impl Send for Ring {}

impl Ring {
    /// Captures what arrives on an interface of the socket's network, in frames of at most so many bytes and a ring
    /// of about as many bytes as asked for, or what there is memory for.
    pub fn new(socket: Socket, interface: u32, longest: usize, buffer: u64) -> io::Result<Ring> {
        set_option(
            &socket,
            libc::PACKET_VERSION,
            &(libc::tpacket_versions::TPACKET_V2 as libc::c_int),
        )?;
        set_option(&socket, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
        let slot = (longest + SLOT_HEADER).next_power_of_two();
        let room = (memory::available() / RING_SHARE / BLOCK_SIZE as u64).max(LEAST_BLOCKS);
        let blocks = buffer.div_ceil(BLOCK_SIZE as u64).clamp(1, room) as usize;
        let size = NonZeroUsize::MIN.saturating_add(blocks * BLOCK_SIZE - 1);
        let slots = size.get() / slot;
        let request = libc::tpacket_req {
            tp_block_size: BLOCK_SIZE as u32,
            tp_block_nr: blocks as u32,
            tp_frame_size: slot as u32,
            tp_frame_nr: slots as u32,
        };
        set_option(&socket, libc::PACKET_RX_RING, &request)?;
        stamp_on_arrival(&socket)?;
        // SAFETY: mmap(2) of a packet socket's ring, at an address that the kernel chooses.
        let memory = unsafe {
            mmap(
                None,
                size,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_SHARED,
                socket.as_fd(),
                0,
            )?
        };
        // A child has no use for the ring. Where many servers start at once, to copy the page tables of all their rings
        // for each of them was nearly half of the work.
        // SAFETY: madvise(2) of the mapping that was just made; what it forbids to children is no memory of Rust's.
        let _ = unsafe { madvise(memory, size.get(), MmapAdvise::MADV_DONTFORK) };
        let ring = Ring {
            socket,
            memory,
            size,
            slot,
            slots,
            next: 0,
        };
        bind_to(&ring.socket, interface)?;
        Ok(ring)
    }

    /// The packet socket, which is readable when there is a frame, and sends frames.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The packets that found no place in the ring, since the last time this was asked.
    pub fn dropped(&self) -> io::Result<u64> {
        let mut stats = libc::tpacket_stats {
            tp_packets: 0,
            tp_drops: 0,
        };
        let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
        // SAFETY: packet(7): PACKET_STATISTICS fills a `tpacket_stats`.
        let done = unsafe {
            let target = (&raw mut stats).cast();
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                target,
                &mut length,
            )
        };
        Errno::result(done)?;
        Ok(u64::from(stats.tp_drops))
    }

    /// The next frame's stamp, if there is a frame.
    pub fn next_stamp(&self) -> Option<Timestamp> {
        self.header().map(|(_, header)| stamp(&header))
    }

    /// Takes the next frame out of the ring, if there is one.
    pub fn take(&mut self) -> Option<Taken> {
        let (slot, header) = self.header()?;
        let start = usize::from(header.tp_mac).min(self.slot);
        let length = (header.tp_snaplen as usize).min(self.slot - start);
        // SAFETY: `start + length` lies inside the slot, which is ours to read until its status word, that
        // it shares with the kernel and begins with, says that it is the kernel's again.
        let frame = unsafe {
            let frame = std::slice::from_raw_parts(slot.add(start), length).into();
            AtomicU32::from_ptr(slot.cast()).store(0, Ordering::Release); // TP_STATUS_KERNEL
            frame
        };
        self.next = (self.next + 1) % self.slots;
        Some(Taken {
            at: stamp(&header),
            frame,
            wire_len: header.tp_len,
        })
    }

    /// The next slot and its header, if it holds a frame.
    fn header(&self) -> Option<(*mut u8, libc::tpacket2_hdr)> {
        // SAFETY: `next` is below `slots`, so the slot lies inside the mapping; the kernel puts a
        // `tpacket2_hdr` at its start. Its status word is shared with the kernel, hence atomic
        // (it is aligned to 4, as a slot starts at a multiple of its size). While the status
        // says USER the rest of the slot is ours to read.
        unsafe {
            let slot = self.memory.cast::<u8>().add(self.next * self.slot).as_ptr();
            let status = AtomicU32::from_ptr(slot.cast());
            if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                return None;
            }
            Some((slot, slot.cast::<libc::tpacket2_hdr>().read()))
        }
    }
}

fn stamp(header: &libc::tpacket2_hdr) -> Timestamp {
    Timestamp(u64::from(header.tp_sec) * 1_000_000_000 + u64::from(header.tp_nsec))
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: munmap(2) of the mapping that `new` made; nothing borrows from it any more.
        let _ = unsafe { munmap(self.memory, self.size.get()) };
    }
}

/// Asks for stamps at the moment a packet is handed to the receiving side, which on a loopback
/// interface is inside the call that sent it. Otherwise a busy machine may stamp it later.
fn stamp_on_arrival(socket: &Socket) -> io::Result<()> {
    nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::ReceiveTimestampns, &true).map_err(Into::into)
}

fn bind_to(socket: &Socket, interface: u32) -> io::Result<()> {
    // SAFETY: packet(7): bind takes a `sockaddr_ll`; all zero but for the three fields set is valid.
    unsafe {
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = interface.cast_signed();
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        Errno::result(libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length))?;
    }
    Ok(())
}

pub(super) fn set_option<T>(socket: &Socket, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: packet(7): the kernel reads `length` bytes of a value that outlives the call.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            std::ptr::from_ref(value).cast(),
            length,
        )
    };
    Ok(Errno::result(done).map(drop)?)
}
