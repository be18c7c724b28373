//! The place that all observers write to, and where others wait for what they wrote.

pub(crate) mod follow;
mod progress;
pub(crate) mod queue;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use self::progress::FlowProgress;
use self::queue::{Receiver, Sender, queue};
use crate::lock::lock;
use timeline::{
    Both, CallKind, ClientActionKind, Endpoints, Errno, Exit, Flags, ProcessEvent, ProcessEventKind, Record, Segment,
    Side, Timestamp, What,
};

/// This moment on `CLOCK_REALTIME`.
pub(crate) fn now() -> Timestamp {
    // Fails only for a clock before 1970, when no order could be trusted anyway.
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}

/// Collects records from several threads and wakes those who wait for one.
pub(crate) struct Recorder {
    seen: Mutex<Seen>,
    keep: Keep,
    /// Told of each record, while somebody waits for one.
    changed: Condvar,
    /// Told when the server listens, or a process of it ends.
    started: Condvar,
    /// Told of records after which a socket may be in another state.
    hinted: Condvar,
    /// How many bytes programs have read: the client, and the server.
    read: Both<AtomicU64>,
    /// Who is told of the server's ports, before it goes on.
    ports_wanted: OnceLock<TellPorts>,
    /// True if others use the network too, and their packets are not to be recorded.
    without_others: AtomicBool,
}

type TellPorts = Box<dyn Fn(&[u16]) + Send + Sync>;

/// How much is kept of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// So many records.
    pub records: usize,
    /// So many bytes of memory, all records together.
    pub bytes: usize,
    /// So many bytes may be on their way to one who follows. Then whatever is traced waits.
    pub queued: usize,
}

impl Keep {
    /// Everything.
    pub const ALL: Keep = Keep {
        records: usize::MAX,
        bytes: usize::MAX,
        queued: usize::MAX,
    };
}

/// An address that a server gave to a socket that is none of TCP, or could not have.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    Udp(SocketAddr),
    /// It may come to listen.
    Unix {
        pid: i32,
        fd: i32,
        path: String,
    },
    Refused {
        address: SocketAddr,
        errno: Errno,
    },
}

/// What has been recorded so far, and what follows from it.
#[derive(Default)]
pub(crate) struct Seen {
    pub records: Vec<Record>,
    /// How many bytes of memory they take.
    bytes: usize,
    /// How many came when there were enough. Followers have them too.
    pub not_kept: u64,
    /// The addresses that the server listens on, in the order of its `listen` calls.
    pub listening: Vec<SocketAddr>,
    /// Sockets with addresses, and those that could not have them, in order.
    bound: Vec<Bound>,
    /// Where the server waits for others than clients over TCP, in words.
    pub elsewhere: Vec<String>,
    /// True if it listens where we may not look.
    pub hidden: bool,
    /// The ports that the server has connected to, or is about to.
    dialed: HashSet<u16>,
    /// The first process, once it has ended.
    pub exit: Option<Exit>,
    /// Set when the tracer has no process left to trace.
    pub tracer_done: bool,
    /// Counts records after which a socket may be in another state.
    pub state_hints: u64,
    /// Connections whose client has closed its socket.
    pub left_by_client: HashSet<Endpoints>,
    /// The process that was started.
    pub first_pid: Option<i32>,
    /// How many processes of the server run, and how many have ended.
    running: usize,
    processes_ended: u64,
    flows: HashMap<(SocketAddr, u16), FlowProgress>,
    closed_to_new: bool,
    /// How many wait for the next record. Most of the time nobody does, and then nobody is woken:
    /// that would cost each record a system call.
    waiting: usize,
    /// Those who are told of each record.
    followers: Vec<Sender>,
}

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        // A panicking observer has not left a record half written: pushing is one operation.
        lock(&self.seen)
    }

    /// A recorder that keeps so much.
    pub fn new(keep: Keep) -> Recorder {
        Recorder {
            seen: Mutex::default(),
            keep,
            changed: Condvar::new(),
            started: Condvar::new(),
            hinted: Condvar::new(),
            read: Both::default(),
            ports_wanted: OnceLock::new(),
            without_others: AtomicBool::default(),
        }
    }

    /// From now on others use the network too, whose packets are not the server's.
    pub fn leave_others_out(&self) {
        self.without_others.store(true, Ordering::Release);
    }

    pub fn leaves_others_out(&self) -> bool {
        self.without_others.load(Ordering::Acquire)
    }

    /// Has the ports told that the server listens on, or connects to, all of them each time there is a new one.
    pub fn tell_ports(&self, tell: impl Fn(&[u16]) + Send + Sync + 'static) {
        // `set` fails if somebody has asked before. A run has one capture, which asks once.
        let _ = self.ports_wanted.set(Box::new(tell));
    }

    /// How many bytes the client has read so far, and the server, of all connections.
    pub fn bytes_read(&self) -> Both<u64> {
        Both::of(|side| self.read[side].load(Ordering::Acquire))
    }

    fn count_bytes_read(&self, what: &What) {
        let (of, bytes) = match what {
            What::Call { call, .. } if call.kind == CallKind::Read => (Side::Server, call.moved()),
            What::Client { action, .. } => match action.kind {
                ClientActionKind::Received { len, .. } => (Side::Client, len),
                _ => return,
            },
            _ => return,
        };
        self.read[of].fetch_add(bytes, Ordering::Release);
    }

    pub fn push(&self, record: Record) {
        self.push_all([record]);
        self.wait_for_followers(self.keep.queued);
    }

    /// What a process did at this moment.
    pub fn process(&self, at: Timestamp, pid: i32, kind: ProcessEventKind) {
        let what = What::Process(ProcessEvent { pid, kind }.into());
        self.push(Record { at, what });
    }

    /// As [`push_all`](Self::push_all), for packets. Whoever records them waits last: before that the server
    /// and the client wait, in a call, so that no more come.
    pub fn push_packets(&self, records: impl IntoIterator<Item = Record>) {
        self.push_all(records);
        self.wait_for_followers(self.keep.queued.saturating_mul(2));
    }

    fn wait_for_followers(&self, limit: usize) {
        let is_slow = |follower: &&Sender| follower.is_beyond(limit);
        let slow = self.lock().followers.iter().find(is_slow).cloned();
        if let Some(follower) = slow {
            follower.wait(limit);
        }
    }

    /// Takes in several records at once: who records a hundred thousand a second is not to ask for the
    /// lock as often.
    fn push_all(&self, records: impl IntoIterator<Item = Record>) {
        let mut seen = self.lock();
        let (hints, ended) = (seen.state_hints, seen.processes_ended);
        for record in records {
            self.count_bytes_read(&record.what);
            seen.take(record, self.keep);
        }
        let (is_awaited, is_hint) = (seen.waiting > 0, seen.state_hints != hints);
        let has_ended = seen.processes_ended != ended;
        drop(seen);
        if is_awaited {
            self.changed.notify_all();
        }
        if is_hint {
            self.hinted.notify_all();
        }
        if has_ended {
            self.started.notify_all();
        }
    }

    /// A socket has an address, or could not have it.
    pub fn bound(&self, bound: Bound) {
        let mut seen = self.lock();
        if let Bound::Udp(address) = &bound {
            seen.elsewhere.push(format!("UDP {address}"));
        }
        seen.bound.push(bound);
        drop(seen);
        self.changed.notify_all();
    }

    /// A socket that is none of TCP listens.
    pub fn listens_elsewhere(&self, pid: i32, fd: i32) {
        let mut seen = self.lock();
        let is_it =
            |bound: &&Bound| matches!(bound, Bound::Unix { pid: its, fd: its_fd, .. } if (*its, *its_fd) == (pid, fd));
        if let Some(Bound::Unix { path, .. }) = seen.bound.iter().rfind(is_it) {
            let words = format!("the Unix socket {path}");
            seen.elsewhere.push(words);
        }
        drop(seen);
        self.changed.notify_all();
    }

    /// The server listens, and nobody may see on what.
    pub fn hides(&self) {
        self.lock().hidden = true;
        self.changed.notify_all();
        self.started.notify_all();
    }

    /// The server is about to connect to a port: its packets are the server's too.
    pub fn dials(&self, port: u16) {
        let mut seen = self.lock();
        if seen.dialed.insert(port) {
            self.tell(&seen);
        }
    }

    fn tell(&self, seen: &Seen) {
        if let Some(tell) = self.ports_wanted.get() {
            let listening = seen.listening.iter().map(SocketAddr::port);
            let ports: Vec<u16> = listening.chain(seen.dialed.iter().copied()).collect();
            tell(&ports);
        }
    }

    pub fn listening(&self, address: SocketAddr) {
        let mut seen = self.lock();
        if !seen.listening.contains(&address) {
            seen.listening.push(address);
        }
        self.tell(&seen);
        drop(seen);
        self.changed.notify_all();
        self.started.notify_all();
    }

    /// True if a segment is to or from a port that the server listens on.
    pub fn is_servers(&self, segment: &Segment) -> bool {
        let ports = [segment.source().port(), segment.destination().port()];
        let seen = self.lock();
        seen.listening.iter().any(|address| ports.contains(&address.port()))
            || ports.iter().any(|port| seen.dialed.contains(port))
    }

    /// Lets those who [`wait`](Self::wait) look again, at something that is not recorded here.
    pub fn wake(&self) {
        drop(self.lock());
        self.changed.notify_all();
        self.hinted.notify_all();
    }

    pub fn tracer_done(&self) {
        self.lock().tracer_done = true;
        self.changed.notify_all();
        self.started.notify_all();
    }

    /// All records from the first one on, until this is closed.
    pub fn follow(&self) -> Receiver {
        let (follower, records) = queue();
        let mut seen = self.lock();
        for record in &seen.records {
            // These records are kept anyway, so they count as no bytes, and nobody has to wait until they are taken.
            follower.send(record.clone(), 0);
        }
        if !seen.closed_to_new {
            seen.followers.push(follower);
        }
        records
    }

    /// Takes no records from here on: what follows is the server's end, which we cause.
    pub fn close(&self) {
        let mut seen = self.lock();
        seen.closed_to_new = true;
        seen.followers.clear();
    }

    /// What was kept, and how many records were not.
    pub fn take(&self) -> (Vec<Record>, u64) {
        let mut seen = self.lock();
        (std::mem::take(&mut seen.records), seen.not_kept)
    }

    pub fn with<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.lock())
    }

    /// Waits until `ready` gives something, at most until `deadline`. It is asked after each record.
    pub fn wait<T>(&self, deadline: Instant, ready: impl FnMut(&Seen) -> Option<T>) -> Option<T> {
        let mut seen = self.lock();
        seen.waiting += 1;
        let (mut seen, found) = wait_on(&self.changed, seen, deadline, ready);
        seen.waiting -= 1;
        found
    }

    /// As [`wait`](Self::wait), for somebody who wants to know whether the server listens, or has ended:
    /// `ready` is asked only then. A server may write a million lines before.
    pub fn wait_for_start<T>(&self, deadline: Instant, ready: impl FnMut(&Seen) -> Option<T>) -> Option<T> {
        wait_on(&self.started, self.lock(), deadline, ready).1
    }

    /// As [`wait`](Self::wait), for somebody who wants to know of sockets' states: `ready` is asked
    /// only after a record that may have changed one.
    pub fn wait_for_hint<T>(&self, deadline: Instant, ready: impl FnMut(&Seen) -> Option<T>) -> Option<T> {
        wait_on(&self.hinted, self.lock(), deadline, ready).1
    }
}

fn wait_on<'a, T>(
    condition: &Condvar,
    mut seen: MutexGuard<'a, Seen>,
    deadline: Instant,
    mut ready: impl FnMut(&Seen) -> Option<T>,
) -> (MutexGuard<'a, Seen>, Option<T>) {
    loop {
        if let Some(found) = ready(&seen) {
            return (seen, Some(found));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return (seen, None);
        }
        seen = condition
            .wait_timeout(seen, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

/// How many bytes of memory a record takes, roughly: what it is, and what it owns.
fn size(what: &What) -> usize {
    let owned = match what {
        What::Frame { frame, segment, .. } => {
            frame.len() + segment.as_ref().map_or(0, |segment| segment.payload.len()) + ALLOCATION
        }
        What::Call { call, .. } => call.bytes.len() + ALLOCATION,
        What::Process(event) => match &event.kind {
            ProcessEventKind::Wrote { line, .. } => line.len() + ALLOCATION,
            _ => 0,
        },
        What::Client { .. } => ALLOCATION,
        What::State { .. } => 0,
    };
    size_of::<Record>() + owned
}

/// What an allocator adds to small allocations of a record.
const ALLOCATION: usize = 64;

impl Seen {
    /// How many records came, kept or not.
    pub fn recorded(&self) -> u64 {
        self.records.len() as u64 + self.not_kept
    }

    /// Takes in a record; keeps it if there is room.
    fn take(&mut self, record: Record, keep: Keep) {
        if self.closed_to_new {
            if let What::Process(event) = &record.what {
                self.process(event.pid, &event.kind);
            }
            return;
        }
        self.note(&record);
        // A follower that was dropped takes no record, and is forgotten.
        let size = size(&record.what);
        self.followers.retain(|follower| follower.send(record.clone(), size));
        // Once a record was left out, all later ones are: what is kept is the beginning of the run, without a hole.
        if self.not_kept == 0 && self.records.len() < keep.records && self.bytes + size <= keep.bytes {
            self.bytes += size;
            self.records.push(record);
        } else {
            self.not_kept += 1;
        }
    }

    fn note(&mut self, record: &Record) {
        match &record.what {
            What::Frame {
                segment: Some(segment),
                passage,
                ..
            } => {
                let came = passage
                    .as_ref()
                    .is_none_or(|passage| !passage.arrivals.is_empty() && !passage.corrupted);
                self.segment(segment, came);
            }
            What::Call { call, .. } => {
                let may_change = matches!(call.kind, CallKind::Accept | CallKind::Shutdown | CallKind::Close);
                self.state_hints += u64::from(may_change || call.is_end_of_file());
            }
            What::Client { on, action } => {
                self.state_hints += 1;
                match action.kind {
                    ClientActionKind::Connected => drop(self.left_by_client.remove(on)),
                    ClientActionKind::Closed | ClientActionKind::Reset => drop(self.left_by_client.insert(*on)),
                    _ => {}
                }
            }
            What::Process(event) => self.process(event.pid, &event.kind),
            What::Frame { .. } | What::State { .. } => {}
        }
    }

    fn process(&mut self, pid: i32, kind: &ProcessEventKind) {
        match kind {
            ProcessEventKind::Started => {
                self.running += 1;
                self.first_pid.get_or_insert(pid);
            }
            ProcessEventKind::Exited(exit) => {
                self.running = self.running.saturating_sub(1);
                self.processes_ended += 1;
                if self.first_pid == Some(pid) {
                    self.exit = Some(*exit);
                }
            }
            _ => {}
        }
    }

    /// A segment went by; with `came` the other host has it.
    fn segment(&mut self, segment: &Segment, came: bool) {
        let forth = (segment.source(), segment.destination().port());
        let back = (segment.destination(), segment.source().port());
        let (key, side) = if self.flows.contains_key(&back) {
            (back, Side::Server)
        } else {
            (forth, Side::Client)
        };
        let flow = self.flows.entry(key).or_default();
        if side == Side::Client && segment.flags.has(Flags::SYN) {
            *flow = FlowProgress::default();
        }
        flow.see(side, segment, came);
        self.state_hints += u64::from(flow.closing || segment.flags.has(Flags::SYN));
    }

    /// The last address that the server could not have, and why.
    pub fn refused_address(&self) -> Option<(SocketAddr, Errno)> {
        self.bound.iter().rev().find_map(|bound| match bound {
            Bound::Refused { address, errno } => Some((*address, *errno)),
            _ => None,
        })
    }

    /// How the server ended. A first process that ends well and leaves others behind, as a daemon's
    /// does, has not ended it.
    pub fn ended(&self) -> Option<Exit> {
        self.exit.filter(|exit| self.running == 0 || *exit != Exit::Status(0))
    }

    /// True if something was sent on a connection that is not acknowledged and may be sent again.
    pub fn awaits_ack(&self) -> bool {
        self.flows.values().any(FlowProgress::awaits_ack)
    }

    /// True if all that both ends of a connection have sent is acknowledged, and that is at least so
    /// much: bytes of data, and one for a FIN. Packets are seen a moment after they have arrived.
    pub fn is_quiet(&self, on: &Endpoints, client_sent: u64, server_sent: u64) -> bool {
        self.flows
            .get(&(on.client, on.server.port()))
            .is_some_and(|flow| flow.is_quiet(client_sent, server_sent))
    }
}

#[cfg(test)]
#[path = "../../tests/unit/recorder.rs"]
mod tests;
