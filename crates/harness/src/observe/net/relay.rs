//! The wire itself: a thread that takes each packet that leaves one host, and hands it to the other when
//! its [`Traffic`] says so. It is the exact record of both: a packet's stamp at its departure is the
//! kernel's, inside the call that sent it, and the one at its arrival is taken just before it is handed over.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::EventFd;
use nix::sys::prctl::set_timerslack;
use nix::sys::socket::{MsgFlags, sendmsg};
use nix::sys::time::TimeSpec;
use socket2::Socket;

use super::hosts::{Ends, Tap};
use super::joined::{self, join};
use super::netlink::tcp_view;
use crate::lock::lock;
use crate::observe::packets::{Ring, Taken, close_unawaited, set_option};
use crate::observe::spin::AdaptiveSpin;
use crate::observe::worker::Worker;
use crate::recorder::{Recorder, now};
use crate::wire::Wire;
use crate::wire::traffic::{Outcome, Traffic};
use timeline::{Both, LinkType, Passage, Record, Segment, Side, TcpViews, Timestamp, What, damaged};

/// A wire at work.
pub(crate) struct Relay {
    control: Arc<Control>,
    worker: Worker<io::Result<u64>>,
}

/// What the relay and those who give it orders share.
struct Control {
    traffic: Mutex<Traffic<Load>>,
    wake: EventFd,
    stop: std::sync::atomic::AtomicBool,
}

/// What the relay has to know of a packet.
struct Load {
    frame: Arc<[u8]>,
    left: Timestamp,
    segment: Option<Segment>,
    tcp: Option<Box<TcpViews>>,
}

/// The destination of a frame for several is odd in its first byte: what hosts say of themselves.
const GROUP: u8 = 1;
/// EtherTypes of IP.
const IP: [[u8; 2]; 2] = [[0x08, 0x00], [0x86, 0xdd]];

impl Control {
    fn traffic(&self) -> MutexGuard<'_, Traffic<Load>> {
        lock(&self.traffic)
    }

    fn wake(&self) {
        // eventfd(2): this fails only if the counter is full, and then the thread is awake.
        let _ = self.wake.write(1);
    }
}

impl Relay {
    pub fn start(
        wire: Wire,
        ends: Ends,
        snaplen: Option<u32>,
        buffer: u64,
        recorder: Arc<Recorder>,
    ) -> io::Result<Relay> {
        let length = joined::IP + usize::from(wire.largest());
        let Both { client, server } = ends.packets;
        let ring = |tap: Tap| {
            set_option(&tap.socket, libc::PACKET_VNET_HDR, &1_i32)?;
            set_option(&tap.socket, libc::PACKET_QDISC_BYPASS, &1_i32)?;
            Ring::new(tap.socket, tap.interface, length, buffer)
        };
        let rings = Both {
            client: ring(client)?,
            server: ring(server)?,
        };
        let control = Arc::new(Control {
            traffic: Mutex::new(Traffic::new(wire)),
            wake: EventFd::new()?,
            stop: false.into(),
        });
        let mut work = Work {
            rings,
            sockets: ends.sockets,
            snaplen: snaplen.map_or(usize::MAX, |length| length as usize),
            recorder,
            control: Arc::clone(&control),
            spin: AdaptiveSpin::new(),
            taken: 0,
        };
        let work = move || {
            // The kernel may let a timer expire so many nanoseconds late, to serve several at once: 50,000 unless told.
            // What is handed over late makes the wire slower than it was asked to be.
            let _ = set_timerslack(1);
            let done = work.run();
            close_unawaited(work);
            done
        };
        let told = Arc::clone(&control);
        let worker = Worker::start(work, move || {
            told.stop.store(true, std::sync::atomic::Ordering::Release);
            told.wake();
        })?;
        Ok(Relay { control, worker })
    }

    /// Pulls the cable: from when this returns nothing passes. What is on its way is lost.
    pub fn cut(&self, of: Option<Side>) {
        self.control.traffic().cut(of, "by the test");
        self.control.wake();
    }

    /// Puts the cable back.
    pub fn restore(&self, of: Option<Side>) {
        self.control.traffic().restore(of);
    }

    /// The statements of its script that have come to nothing so far.
    pub fn unmet(&self) -> Vec<String> {
        self.control.traffic().unmet()
    }

    /// True if nothing passes in some direction.
    pub fn is_cut(&self) -> bool {
        self.control.traffic().is_cut()
    }

    /// The same, and its script has nothing more to come, such as a cable that is put back.
    pub fn is_cut_for_good(&self) -> bool {
        self.is_cut() && self.unmet().is_empty()
    }

    /// True if nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.control.traffic().on_its_way() == 0
    }

    /// Ends it. How many packets the kernel had to drop because it did not keep up.
    pub fn stop(mut self) -> io::Result<u64> {
        self.worker.stop()
    }
}

/// What the thread works with.
struct Work {
    rings: Both<Ring>,
    sockets: Both<Socket>,
    /// So many bytes of a frame are recorded. All of them are handed over.
    snaplen: usize,
    recorder: Arc<Recorder>,
    control: Arc<Control>,
    spin: AdaptiveSpin,
    /// How many packets have left the hosts.
    taken: usize,
}

/// The allocator is asked for the memory of so many packets at once, and keeps it when it is given back. glibc's makes
/// a thread's memory usable by 4 KB else (mprotect(2)), which takes as long as to hand over a packet.
const AT_ONCE: usize = 1024;

/// So many packets are handed over before they are recorded, in one call at best.
const TOGETHER: usize = 45;

/// A `virtio_net_hdr` before a packet that is not to be cut.
const WHOLE: [u8; 10] = [0; 10];

/// How late a timer wakes us, usually. So much earlier it is set, and the rest is waited for awake.
const WAKES_LATE: Duration = Duration::from_micros(60);

impl Work {
    fn run(&mut self) -> io::Result<u64> {
        let control = Arc::clone(&self.control);
        loop {
            let mut traffic = control.traffic();
            self.take(&mut traffic)?;
            self.deliver(&mut traffic)?;
            if control.stop.load(std::sync::atomic::Ordering::Acquire) {
                let rest: Vec<_> = traffic.rest().collect();
                rest.into_iter().for_each(|outcome| self.record(outcome, Vec::new()));
                return Ok(self.rings.client.dropped()? + self.rings.server.dropped()?);
            }
            let next = traffic.next();
            drop(traffic);
            self.sleep(next)?;
        }
    }

    /// Takes what has left the hosts, in the order in which it did.
    fn take(&mut self, traffic: &mut Traffic<Load>) -> io::Result<()> {
        loop {
            let left = Both::of(|side| self.rings[side].next_stamp());
            let side = match (left.client, left.server) {
                (None, None) => return Ok(()),
                (Some(client), Some(server)) if server < client => Side::Server,
                (Some(_), _) => Side::Client,
                (None, Some(_)) => Side::Server,
            };
            let Some(Taken { at, frame, .. }) = self.rings[side].take() else {
                return Ok(());
            };
            if self.is_beside(&frame) {
                self.send(side, &WHOLE, &frame)?;
                continue;
            }
            if self.taken.is_multiple_of(AT_ONCE) {
                drop(black_box(Vec::<u8>::with_capacity(AT_ONCE * 4096)));
            }
            self.taken += 1;
            let segment = Segment::from_ethernet(&frame);
            traffic.has_read(at, self.recorder.bytes_read());
            let lost = traffic.send(side, at, segment, frame.len(), |of_interest, segment| {
                let tcp = segment.as_ref().filter(|_| of_interest);
                Load {
                    tcp: tcp.and_then(|segment| views(&self.sockets, side, segment)),
                    segment,
                    frame,
                    left: at,
                }
            });
            if let Some(lost) = lost {
                self.record(lost, Vec::new());
            }
        }
    }

    /// True for what is no packet of a program: it passes at once, and is not on the timeline.
    fn is_beside(&self, frame: &[u8]) -> bool {
        let to_several = frame.first().is_some_and(|first| first & GROUP != 0);
        to_several || !IP.iter().any(|kind| frame.get(12..14) == Some(kind))
    }

    /// Hands over what is due, and records it.
    fn deliver(&mut self, traffic: &mut Traffic<Load>) -> io::Result<()> {
        traffic.has_read(now(), self.recorder.bytes_read());
        traffic.tick(now());
        loop {
            let due = std::iter::from_fn(|| traffic.due(now()));
            let mut due: VecDeque<_> = due.take(TOGETHER).collect();
            if due.is_empty() {
                return Ok(());
            }
            let mut joined = VecDeque::new();
            while let Some(first) = due.front() {
                if joined.is_empty() {
                    joined = self.hand_over_joined(first.from, &due)?;
                }
                let arrivals = match joined.pop_front() {
                    Some(at) => vec![at],
                    None => self.hand_over(first)?,
                };
                if let Some(outcome) = due.pop_front() {
                    self.record(outcome, arrivals);
                }
            }
        }
    }

    /// Gives the first of one side's to the other's host in one call, as many as may be. When each of them came.
    fn hand_over_joined(&self, from: Side, due: &VecDeque<Outcome<Load>>) -> io::Result<VecDeque<Timestamp>> {
        let is_plain = |next: &&Outcome<Load>| next.from == from && next.copies == 1 && !next.corrupted;
        let frames = due.iter().take_while(is_plain).map(|next| &*next.load.frame);
        let Some((count, how, packet)) = join(frames) else {
            return Ok(VecDeque::new());
        };
        let socket = self.rings[from.peer()].socket();
        let stamps = (0..count).map(|_| now()).collect();
        // Only the queue has packets cut.
        set_option(socket, libc::PACKET_QDISC_BYPASS, &0_i32)?;
        let taken = self.send(from, &how, &packet)?;
        set_option(socket, libc::PACKET_QDISC_BYPASS, &1_i32)?;
        Ok(if taken { stamps } else { VecDeque::new() })
    }

    /// Gives a packet to the other's host. When it came: never if nobody is there to take it.
    fn hand_over(&self, outcome: &Outcome<Load>) -> io::Result<Vec<Timestamp>> {
        let mut arrivals = Vec::with_capacity(outcome.copies.into());
        for _ in 0..outcome.copies {
            let at = now();
            let taken = match outcome.corrupted {
                true => self.send(outcome.from, &WHOLE, &damaged(&outcome.load.frame))?,
                false => self.send(outcome.from, &WHOLE, &outcome.load.frame)?,
            };
            arrivals.extend(taken.then_some(at));
        }
        Ok(arrivals)
    }

    /// Sends a frame behind what the kernel has to know to cut it. False if nobody is there to take it.
    fn send(&self, from: Side, how: &[u8], frame: &[u8]) -> io::Result<bool> {
        let ring = &self.rings[from.peer()];
        let parts = [IoSlice::new(how), IoSlice::new(frame)];
        loop {
            match sendmsg::<()>(ring.socket().as_raw_fd(), &parts, &[], MsgFlags::empty(), None) {
                Ok(_) => return Ok(true),
                Err(Errno::EINTR) => {}
                // The host's interface was shut down (ENOBUFS, as it is not asked to wait), or the host is gone.
                Err(Errno::ENOBUFS | Errno::ENETDOWN | Errno::ENXIO | Errno::ENODEV) => return Ok(false),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn record(&self, outcome: Outcome<Load>, arrivals: Vec<Timestamp>) {
        let Outcome { load, .. } = outcome;
        let is_down = arrivals.len() < outcome.copies.into();
        let what = is_down.then(|| "lost: the other host's interface is down".to_owned());
        let wire_len = u32::try_from(load.frame.len()).unwrap_or(u32::MAX);
        let (frame, segment) = match load.frame.get(..self.snaplen) {
            None => (load.frame, load.segment),
            Some(first) => (first.into(), Segment::from_frame(LinkType::ETHERNET, first, wire_len)),
        };
        self.recorder.push(Record {
            at: load.left,
            what: What::Frame {
                wire_len,
                frame,
                link_type: LinkType::ETHERNET,
                comment: None,
                passage: Some(Box::new(Passage {
                    arrivals,
                    what: what.or(outcome.what),
                    corrupted: outcome.corrupted,
                    queue: outcome.queue,
                    tcp: load.tcp,
                })),
                segment: segment.map(Box::new),
            },
        });
    }

    /// Waits for a packet, an order, or a moment.
    fn sleep(&mut self, until: Option<Timestamp>) -> io::Result<()> {
        if self.stay_awake(until) {
            return Ok(());
        }
        let left = until.map(|until| TimeSpec::from_duration(until.since(now()).saturating_sub(WAKES_LATE)));
        let mut fds = [
            PollFd::new(self.rings.client.socket().as_fd(), PollFlags::POLLIN),
            PollFd::new(self.rings.server.socket().as_fd(), PollFlags::POLLIN),
            PollFd::new(self.control.wake.as_fd(), PollFlags::POLLIN),
        ];
        match ppoll(&mut fds, left, None) {
            Err(Errno::EINTR) | Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        if fds[2].any().unwrap_or(false) {
            let _ = self.control.wake.read();
        }
        Ok(())
    }

    /// Waits awake where that is short: until a moment that is near, or for a packet as long as packets
    /// have come soon. False if it was in vain.
    fn stay_awake(&mut self, until: Option<Timestamp>) -> bool {
        let began = now();
        let near = until.filter(|until| until.since(began) <= WAKES_LATE);
        let length = match near {
            Some(until) => until.since(began),
            None => self.spin.limit(),
        };
        if length.is_zero() {
            return near.is_some();
        }
        let mut came = false;
        while !came && now().since(began) < length {
            std::hint::spin_loop();
            came = self
                .rings
                .client
                .next_stamp()
                .or(self.rings.server.next_stamp())
                .is_some();
        }
        if near.is_none() {
            self.spin.learn(came);
        }
        came || near.is_some()
    }
}

/// TCP's view of both sockets of a segment that one side sent.
fn views(sockets: &Both<Socket>, from: Side, segment: &Segment) -> Option<Box<TcpViews>> {
    let view = |side: Side| match side == from {
        true => tcp_view(&sockets[side], segment.source(), segment.destination()),
        false => tcp_view(&sockets[side], segment.destination(), segment.source()),
    };
    let views = TcpViews {
        client: view(Side::Client),
        server: view(Side::Server),
    };
    (views.client.is_some() || views.server.is_some()).then(|| Box::new(views))
}
