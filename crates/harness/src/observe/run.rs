//! One run of a server under observation.
#![allow(
    unsafe_code,
    reason = "getsockopt(TCP_INFO), which no crate here offers whole, and pre_exec"
)]

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::panic::resume_unwind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use procfs::ProcError;
use procfs::process::{Process, StatFlags};
use socket2::{Domain, Protocol, Socket, Type};

use super::machine::{host_packet_socket, no_proc, no_wire, packet_refusal, sandbox_cure, trace_cure};
use super::namespace::set_mtu;
use super::net::hosts::{Ends, Hosts, UDP};
use super::net::relay::Relay;
use super::packets::{Capture, PACKET_SOCKET};
use super::sandbox::{Doors, Sandbox, SocketKind, keep_network_rights};
use super::sockets::{self, watch_tables};
use super::trace::{HeldDescriptor, StartError, Tracer};
use super::worker::Worker;
use super::{guests, memory, output, spawn};
use crate::error::{Error, Output};
use crate::lock::lock;
use crate::look::{Look, SignalTo, Socket as LookedAt, Timer};
use crate::machine::Refusal;
use crate::recorder::{Keep, Recorder, Seen, now};
use crate::spec::{Patience, Spec};
use crate::wire::{Wire, addresses};
use timeline::{Exit, Level, OutputStream, ProcessEventKind, Recording, SegmentCounters, Settled, Side, TcpState};

/// What an argument `{listen}` stands for in a private network, on a host of its own, and where others may have that
/// port.
const LISTEN_INSIDE: &str = "127.0.0.1:3000";
const LISTEN_BEHIND_WIRE: &str = "10.0.0.2:3000";
const LISTEN_ANYWHERE: &str = "127.0.0.1:0";

/// However busy things are, settling ends after this time.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// How much longer it goes on while the server's kernel asks whether a client behind a cut cable is there.
const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// What was lost is sent again within this time, beyond the time that a packet is on its way: the
/// longest of Linux's first timeouts is that of a SYN, a second.
const SENT_AGAIN_WITHIN: Duration = Duration::from_millis(1200);

/// How long a look at the sockets may be old while they settle, at first.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// So many characters of a command are kept.
const COMMAND: usize = 200;

/// The end of a process is reported within this time after it has begun.
const END_LIMIT: Duration = Duration::from_secs(5);

/// A server that runs, and its observers. Fields are dropped in this order: the server first.
pub(crate) struct Run {
    tracer: Tracer,
    watch: Mutex<Option<Worker<()>>>,
    capture: Mutex<Option<Capture>>,
    relay: Mutex<Option<Relay>>,
    readers: Vec<JoinHandle<()>>,
    /// Shut down when what is left of the program's output is all that there will be.
    over: UnixStream,
    /// How things were when they had settled last.
    settled: Mutex<Option<(Settled, Silence)>>,
    network: Arc<Network>,
}

/// A time in which nothing came that could change a socket.
#[derive(Clone, Copy)]
struct Silence {
    since: Instant,
    /// The records at its end, so far.
    recorded: u64,
}

/// The network that a server and its clients share, and what is known of the server. It outlives
/// the server where a client does.
pub(crate) struct Network {
    placement: Placement,
    recorder: Arc<Recorder>,
    output: Arc<output::Kept>,
    level: Level,
    /// The loopback addresses of the server's that the wire carries packets to.
    carried: Mutex<Vec<Ipv4Addr>>,
}

/// Where the client and the server are.
enum Placement {
    /// Both on this host.
    Here,
    /// Both in a private network.
    Sandbox(Arc<Sandbox>),
    /// Each on a host of its own.
    Hosts(Box<(Hosts, Wire)>),
}

impl Placement {
    /// The private network that one side is in.
    fn of(&self, side: Side) -> Option<&Arc<Sandbox>> {
        match self {
            Placement::Here => None,
            Placement::Sandbox(sandbox) => Some(sandbox),
            Placement::Hosts(wired) => Some(wired.0.of(side)),
        }
    }

    /// A process in each of the networks.
    fn pids(&self) -> Vec<i32> {
        match self {
            Placement::Here => vec![std::process::id().cast_signed()],
            Placement::Sandbox(sandbox) => vec![sandbox.pid()],
            Placement::Hosts(wired) => vec![wired.0.client.pid(), wired.0.server.pid()],
        }
    }

    /// How a child of ours gets to one side.
    fn doors(&self, side: Side) -> io::Result<Option<Doors>> {
        self.of(side).map(|sandbox| sandbox.doors()).transpose()
    }
}

/// What a run needs, before anything of it is started.
type Stage = (Level, Placement, Source);

/// Where packets come from.
enum Source {
    Nowhere,
    Loopback(Socket),
    Wire(Ends),
}

impl Run {
    /// Starts the observers, then the program: in the network of the server `beside` which it is to run, or its own.
    pub fn start(spec: &Spec, beside: Option<&Network>) -> Result<Run, Error> {
        if let Some(reason) = no_proc() {
            let program = spec.name();
            return Err(Error::NoProc { program, reason });
        }
        let keep = Keep {
            records: spec.keep,
            bytes: memory::part(memory::OF_RECORDS),
            queued: memory::part(memory::OF_FOLLOWERS),
        };
        let recorder = Arc::new(Recorder::new(keep));
        let (level, placement, packets) = stage(spec, beside)?;
        prepare(spec, &placement, beside.is_some())?;
        if let Some(first) = beside {
            first.recorder.leave_others_out();
        }
        if level != Level::Sandbox || beside.is_some() {
            recorder.leave_others_out();
        }
        let (mut capture, mut relay) = (None, None);
        match (packets, &placement) {
            (Source::Loopback(socket), _) => {
                let started = Capture::of_loopback(socket, spec.snaplen, spec.buffer, Arc::clone(&recorder));
                capture = Some(started.map_err(Error::system("start the packet capture"))?);
            }
            (Source::Wire(ends), Placement::Hosts(wired)) => {
                let wire = wired.1.clone();
                let started = Relay::start(wire, ends, spec.snaplen, spec.buffer, Arc::clone(&recorder));
                relay = Some(started.map_err(Error::system("start the wire"))?);
            }
            _ => {}
        }
        let watch = watch_tables(placement.pids(), Arc::clone(&recorder));
        let watch = watch.map_err(Error::system("watch the socket table"))?;

        let mut doors = placement
            .doors(Side::Server)
            .map_err(Error::system("open the private network"))?;
        if let Some(doors) = &mut doors {
            doors.uptime = spec.host.uptime;
        }
        let listen = match (&placement, level) {
            (Placement::Hosts(..), _) => LISTEN_BEHIND_WIRE,
            (_, Level::Sandbox) if beside.is_none() => LISTEN_INSIDE,
            _ => LISTEN_ANYWHERE,
        };
        let stdin = input(&spec.input).map_err(Error::system("write what it is to read from its standard input"))?;
        let started = Tracer::start(Side::Server, command(spec, listen, stdin), doors, Arc::clone(&recorder));
        let (tracer, mut child) = started.map_err(|error| explain(spec.name(), error))?;
        let output: Arc<output::Kept> = Arc::default();
        let pid = child.id().cast_signed();
        let reader = |stream| output::Reader {
            kept: Arc::clone(&output),
            recorder: Arc::clone(&recorder),
            pid,
            stream,
        };
        let mut readers = || {
            let (over, theirs) = UnixStream::pair()?;
            let mut readers = Vec::new();
            if let Some(pipe) = child.stdout.take() {
                readers.push(reader(OutputStream::Stdout).start(OwnedFd::from(pipe), theirs.try_clone()?)?);
            }
            if let Some(pipe) = child.stderr.take() {
                readers.push(reader(OutputStream::Stderr).start(OwnedFd::from(pipe), theirs)?);
            }
            io::Result::Ok((readers, over))
        };
        let (readers, over) = readers().map_err(Error::system("start to read what the program writes"))?;
        let network = Arc::new(Network {
            placement,
            recorder,
            output,
            level,
            carried: Mutex::default(),
        });
        Ok(Run {
            tracer,
            watch: Mutex::new(Some(watch)),
            capture: Mutex::new(capture),
            relay: Mutex::new(relay),
            readers,
            over,
            settled: Mutex::new(None),
            network,
        })
    }

    /// Sends a signal to processes of the server. False if it reached none.
    pub fn signal(&self, number: i32, to: SignalTo) -> bool {
        self.tracer.signal(number, to)
    }

    /// What the server has now.
    pub fn look(&self) -> Look {
        self.tracer.look()
    }

    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Runs a client program in the server's network, traced as well, until all its processes have
    /// ended, at most so long. How the first one did.
    pub fn client(&self, command: Command, limit: Duration) -> Result<Option<Exit>, Error> {
        let program = command.get_program().display().to_string();
        let doors = self.network.placement.doors(Side::Client);
        let doors = doors.map_err(Error::system("open the private network"))?;
        let started = Tracer::start(Side::Client, command, doors, Arc::clone(&self.network.recorder));
        let (tracer, _) = started.map_err(|error| explain(program.clone(), error))?;
        tracer
            .wait(limit)
            .map_err(|_| Error::ClientTimedOut { program, waited: limit })
    }

    /// As [`client`](Self::client), with what it writes to its standard output and error.
    pub fn client_output(&self, mut command: Command, limit: Duration) -> Result<(Option<Exit>, [Vec<u8>; 2]), Error> {
        let system = Error::system("read what the client writes");
        let piped = || Ok((UnixStream::pair()?, io::pipe()?, io::pipe()?));
        let ((over, theirs), (stdout, writes_out), (stderr, writes_err)) = piped().map_err(&system)?;
        command.stdout(writes_out).stderr(writes_err);
        let read = |pipe| {
            let mut all = Vec::new();
            output::read(pipe, &theirs, |part| all.extend_from_slice(part));
            all
        };
        std::thread::scope(|scope| {
            let start = |pipe| Builder::new().spawn_scoped(scope, move || read(pipe)).map_err(&system);
            let readers = [start(stdout)?, start(stderr)?];
            let ended = self.client(command, limit);
            let _ = over.shutdown(Shutdown::Both);
            let wrote = readers.map(|reader| reader.join().unwrap_or_else(|panic| resume_unwind(panic)));
            Ok((ended?, wrote))
        })
    }

    /// Pulls the cable. False if there is none.
    pub fn cut(&self, of: Option<Side>) -> bool {
        lock(&self.relay).as_ref().map(|relay| relay.cut(of)).is_some()
    }

    /// Puts the cable back. False if there is none.
    pub fn restore(&self, of: Option<Side>) -> bool {
        lock(&self.relay).as_ref().map(|relay| relay.restore(of)).is_some()
    }

    /// True if the cable is pulled, in some direction.
    pub fn is_cut(&self) -> bool {
        lock(&self.relay).as_ref().is_some_and(Relay::is_cut)
    }

    /// The statements of the wire's script that have come to nothing so far.
    pub fn unmet(&self) -> Vec<String> {
        lock(&self.relay).as_ref().map(Relay::unmet).unwrap_or_default()
    }

    /// How much longer than `patience` it may take until something comes: a packet is on its way, or
    /// one that was lost is yet to be sent again.
    fn more_patience(&self) -> Duration {
        let relay = lock(&self.relay);
        let Some(relay) = relay.as_ref() else {
            return Duration::ZERO;
        };
        let awaits_ack = self.network.recorder.with(Seen::awaits_ack);
        let is_repaired = awaits_ack && !relay.is_cut();
        if is_repaired || !relay.is_empty() {
            self.network.slow_by() + SENT_AGAIN_WITHIN
        } else {
            self.network.slow_by()
        }
    }

    /// Waits until every connection that has begun to close has either closed or will not, and until
    /// the server is past the calls that did it.
    ///
    /// "Will not" means: all threads of the server are asleep, and for as long as `patience` says no event came, and
    /// the socket is still there, or a descriptor of one that is gone.
    pub fn settle(&self, patience: Patience) {
        let cut = lock(&self.relay).as_ref().is_some_and(Relay::is_cut_for_good);
        let probed = if cut { PROBE_LIMIT } else { Duration::ZERO };
        let limit = Instant::now() + SETTLE_LIMIT + probed + patience.on_clock + self.network.slow_by() * 2;
        let recorder = &self.network.recorder;
        // If things have settled before and nothing was recorded since, the silence goes on from then.
        let counts = |seen: &Seen| (seen.state_hints, seen.recorded());
        let (mut heard, recorded) = recorder.with(counts);
        let before = lock(&self.settled).map(|(_, silence)| silence);
        let mut silent = before
            .filter(|before| before.recorded == recorded)
            .unwrap_or_else(|| Silence {
                since: Instant::now(),
                recorded,
            });
        let settled = loop {
            let (hints, recorded) = recorder.with(counts);
            silent.recorded = recorded;
            if hints != heard {
                (heard, silent.since) = (hints, Instant::now());
            }
            let looked = Instant::now();
            let closed = !self.network.has_closing_sockets(cut);
            // The cable is cut, so no client can answer a probe. A kernel that probes one will give it up, and that is
            // worth waiting for.
            let asks = |socket: &LookedAt| matches!(socket.timer, Some((Timer::KeepAlive, _)));
            let asks = cut && self.network.sockets().iter().any(asks);
            let cost = looked.elapsed();
            // A socket may be gone while the call that closed it has yet to return, so look at the server
            // after the sockets.
            let more = self.more_patience();
            let silence = silent.since.elapsed();
            let quiet = silence >= patience.asleep + more;
            let idle = self.tracer.is_idle();
            let on_clock = quiet && idle && self.tracer.waits_on_clock();
            let closed = closed && lock(&self.relay).as_ref().is_none_or(Relay::is_empty);
            let over = closed && !asks && (quiet || idle) && !self.keeps().iter().any(|(_, over)| *over);
            let stuck = quiet && idle && !asks && (!on_clock || silence >= patience.on_clock + more);
            if over || stuck || Instant::now() >= limit {
                break Settled {
                    asleep: idle,
                    on_clock,
                    quiet: silence,
                };
            }
            // The last packet is seen a moment before the kernel acts on it: look again without a hint too.
            // The longer nothing has come, the less is there to see; and on a host that has room for many sockets a look
            // takes milliseconds.
            let again = Instant::now() + LOOK_AGAIN.max(cost * 4).max(silence / 10);
            let changed = |seen: &Seen| (seen.state_hints != hints).then_some(());
            let _ = recorder.wait_for_hint(again, changed);
        };
        *lock(&self.settled) = Some((settled, silent));
    }

    /// The descriptors of the server that keep a socket: each whose connection is over, as the kernel has done with it; and
    /// each that is another than the first of a connection that the peer has closed. With whether it is over.
    fn keeps(&self) -> Vec<(HeldDescriptor, bool)> {
        let held = self.tracer.held();
        if held.is_empty() {
            return Vec::new();
        }
        let pids = self.network.placement.pids();
        let tables = pids.into_iter().flat_map(sockets::table);
        let alive: HashMap<u64, procfs::net::TcpState> = tables.map(|entry| (entry.inode, entry.state)).collect();
        let keeps = |held: HeldDescriptor| match alive.get(&held.inode) {
            None => Some((held, true)),
            Some(procfs::net::TcpState::CloseWait) if !held.is_first => Some((held, false)),
            Some(_) => None,
        };
        held.into_iter().filter_map(keeps).collect()
    }

    /// Records what the server is left at.
    fn record_what_is_left(&self) {
        let record = |pid, kind| self.network.recorder.process(now(), pid, kind);
        for (HeldDescriptor { pid, fd, on, .. }, over) in self.keeps() {
            // A process that has just ended has no command line any more: its words are empty.
            let words = Process::new(pid).and_then(|process| process.cmdline());
            let command = words.unwrap_or_default().join(" ").chars().take(COMMAND).collect();
            let on = on.into();
            record(pid, ProcessEventKind::Holds { fd, on, over, command });
        }
        let settled = *lock(&self.settled);
        if let Some((settled, _)) = settled {
            record(self.tracer.pid(), ProcessEventKind::Settled(settled));
        }
    }

    /// True if the program runs, or ran.
    pub fn was_executed(&self) -> bool {
        self.tracer.was_executed()
    }

    /// True if all threads of the program are asleep.
    pub fn is_idle(&self) -> bool {
        self.tracer.is_idle()
    }

    /// Waits until all threads of the program are asleep, and still are a moment later.
    pub fn wait_until_idle(&self, limit: Duration) -> bool {
        const MOMENT: Duration = Duration::from_millis(20);
        let deadline = Instant::now() + limit;
        let mut idle = 0;
        while idle < 2 && Instant::now() < deadline {
            idle = if self.tracer.is_idle() { idle + 1 } else { 0 };
            // The kernel does not tell when a thread falls asleep, so this looks again and again.
            let _: Option<()> = self.network.recorder.wait(Instant::now() + MOMENT, |_| None);
        }
        idle >= 2
    }

    /// Ends the observation. The server goes on, and nothing of it is recorded.
    pub fn conclude(&self) -> Result<Recording, Error> {
        drop(lock(&self.watch).take());
        let (capture, relay) = (lock(&self.capture).take(), lock(&self.relay).take());
        let stopped = match (capture, relay) {
            (Some(mut capture), _) => capture.stop(),
            (None, Some(relay)) => relay.stop(),
            (None, None) => Ok(0),
        };
        let dropped = stopped.map_err(Error::system("read the packet capture"))?;
        // A server that has begun to end is waited for, so that its end is in the recording.
        let _ = self.network.ended();
        self.record_what_is_left();
        self.tracer.end_observation();
        let (records, not_kept) = self.network.recorder.take();
        Ok(Recording {
            level: self.network.level,
            records,
            dropped,
            not_kept,
            ..Recording::default()
        })
    }

    /// Ends the observation, then the server: it is asked to end, given `grace`, and killed.
    pub fn finish(mut self, grace: Duration) -> Result<Recording, Error> {
        let recording = self.conclude()?;
        self.tracer.terminate();
        let _ = self.network.recorder.wait_for_start(Instant::now() + grace, |seen| {
            (seen.exit.is_some() || seen.tracer_done).then_some(())
        });
        self.end();
        Ok(recording)
    }

    /// All that the program wrote, once it has ended.
    pub fn last_output(mut self) -> Output {
        self.end();
        self.network.output()
    }

    /// Kills what is left of the program and reads its output to the end.
    fn end(&mut self) {
        self.tracer.kill();
        let _ = self.over.shutdown(Shutdown::Both);
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

impl Network {
    pub fn level(&self) -> Level {
        self.level
    }

    pub fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// True if the client and the server each have a host of their own.
    pub fn has_wire(&self) -> bool {
        matches!(self.placement, Placement::Hosts(..))
    }

    /// The loopback addresses of a host that both share, or the addresses of the server's.
    pub fn server_host(&self) -> (Ipv4Addr, Ipv6Addr) {
        match self.placement {
            Placement::Hosts(..) => addresses(Side::Server),
            _ => (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
        }
    }

    /// How much later what is caused over the wire may come than on one host: twice there and back.
    pub fn slow_by(&self) -> Duration {
        match &self.placement {
            Placement::Hosts(wired) => (wired.1.round_trip() + wired.1.longest_delay()) * 2,
            _ => Duration::ZERO,
        }
    }

    /// A TCP socket where the client is, with an address, if one is given. A port of 0 is chosen when it connects and not
    /// now: many connections to one server may have ports of earlier ones in TIME_WAIT
    /// ([ip(7)](https://man7.org/linux/man-pages/man7/ip.7.html), IP_BIND_ADDRESS_NO_PORT).
    pub fn socket(&self, domain: Domain, from: Option<SocketAddr>) -> io::Result<Socket> {
        let socket = match self.placement.of(Side::Client) {
            Some(sandbox) => sandbox.socket(SocketKind {
                domain: domain.into(),
                kind: Type::STREAM.into(),
                protocol: Protocol::TCP.into(),
            })?,
            None => Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?,
        };
        if let Some(from) = from {
            setsockopt(&socket, IpBindAddressNoPort, &(from.port() == 0))?;
            socket.bind(&from.into())?;
        }
        Ok(socket)
    }

    /// Lets a client on another host reach this loopback address of the server's, from now on.
    pub fn carry(&self, address: Ipv4Addr) -> io::Result<()> {
        let Placement::Hosts(wired) = &self.placement else {
            return Ok(());
        };
        let mut carried = lock(&self.carried);
        if !carried.contains(&address) {
            wired.0.carry(address)?;
            carried.push(address);
        }
        Ok(())
    }

    /// The server's ends of connections to its ports, as the kernel's table has them, with their timers.
    pub fn sockets(&self) -> Vec<LookedAt> {
        let ports: Vec<u16> = self
            .recorder
            .with(|seen| seen.listening.iter().map(SocketAddr::port).collect());
        let pid = match &self.placement {
            Placement::Hosts(wired) => wired.0.server.pid(),
            other => other.pids()[0],
        };
        sockets::with_timers(pid, &ports)
    }

    /// How often the queue of a listener was full, on the server's host: ListenOverflows of proc_pid_net(5).
    pub fn overflows(&self) -> Option<u64> {
        let pid = self.placement.of(Side::Server)?.pid();
        sockets::overflows(pid)
    }

    /// Makes a command run where one side is, with the right to capture there.
    pub fn enter(&self, host: Side, command: &mut Command) -> io::Result<()> {
        let Some(doors) = self.placement.doors(host)? else {
            return Ok(());
        };
        // SAFETY: between fork and exec the closure makes system calls only.
        unsafe {
            command.pre_exec(move || {
                doors.enter()?;
                keep_network_rights()
            })
        };
        Ok(())
    }

    /// Runs code of this process whose sockets are made where the client is.
    pub fn inside<T: Send>(&self, body: impl FnOnce() -> T + Send) -> io::Result<T> {
        match self.placement.of(Side::Client) {
            Some(network) => guests::run(network, body),
            None => Ok(body()),
        }
    }

    /// The end of what the program has written so far.
    pub fn output(&self) -> Output {
        self.output.end()
    }

    /// How the server ended, if it has. A process that is about to end is waited for: it closes its
    /// sockets, which a client sees, before its end is reported.
    pub fn ended(&self) -> Option<Exit> {
        let limit = Instant::now() + END_LIMIT;
        loop {
            let (ended, running) = self
                .recorder
                .with(|seen| (seen.ended(), seen.first_pid.filter(|_| seen.exit.is_none())));
            if ended.is_some() || Instant::now() >= limit || !running.is_some_and(is_exiting) {
                return ended;
            }
            let _ = self
                .recorder
                .wait(Instant::now() + Duration::from_millis(10), Seen::ended);
        }
    }

    /// True if a connection has begun to close and is still there. Behind a cable that is `cut` a client never comes to the
    /// end of its own.
    fn has_closing_sockets(&self, cut: bool) -> bool {
        let (ports, left) = self.recorder.with(|seen| {
            let ports: Vec<u16> = seen.listening.iter().map(SocketAddr::port).collect();
            (ports, seen.left_by_client.clone())
        });
        sockets::ends(&self.placement.pids(), &ports).any(|((on, side), state)| {
            // A child that another thread has just forked may hold a copy of a socket that its client has
            // closed, until it executes its program: the FIN is still to come.
            let begins = side == Side::Client && state == TcpState::Established && left.contains(&on);
            (begins || is_closing(state)) && !(cut && side == Side::Client)
        })
    }
}

/// True if a process has begun to end (`PF_EXITING` of linux/sched.h), or is gone.
fn is_exiting(pid: i32) -> bool {
    match Process::new(pid).and_then(|process| process.stat()) {
        Ok(stat) => StatFlags::from_bits_truncate(stat.flags).contains(StatFlags::PF_EXITING),
        // Another error, such as too many open files in this process, does not show that the process has ended.
        Err(error) => matches!(error, ProcError::NotFound(_)),
    }
}

/// States from which a socket goes on to be closed, if its owner does his part.
fn is_closing(state: TcpState) -> bool {
    use TcpState::{CloseWait, Closing, FinWait1, FinWait2, LastAck};
    matches!(state, CloseWait | Closing | FinWait1 | FinWait2 | LastAck)
}

/// The best level, or the one asked for, with what it takes.
fn stage(spec: &Spec, beside: Option<&Network>) -> Result<Stage, Error> {
    if let Some(wire) = &spec.wire {
        return behind_wire(spec, wire, beside.is_some());
    }
    let level = beside.map(|first| first.level).or(spec.level);
    if level.is_none_or(|level| level == Level::Sandbox) {
        let shared = beside.and_then(|first| first.placement.of(Side::Server));
        match shared.map_or_else(|| Sandbox::open().map(Arc::new), |shared| Ok(Arc::clone(shared))) {
            Ok(sandbox) => {
                let socket = sandbox.socket(PACKET_SOCKET);
                let socket = socket.map_err(Error::system("open a packet socket"))?;
                return Ok((Level::Sandbox, Placement::Sandbox(sandbox), Source::Loopback(socket)));
            }
            Err(error) if level.is_some() => {
                return Err(refused(spec, Level::Sandbox, error.to_string(), sandbox_cure()));
            }
            Err(_) => {}
        }
    }
    if level.is_none_or(|level| level == Level::Loopback) {
        match host_packet_socket() {
            Ok(socket) => {
                return Ok((Level::Loopback, Placement::Here, Source::Loopback(socket)));
            }
            Err(error) if level.is_some() => {
                let refusal = packet_refusal(&error);
                return Err(refused(spec, Level::Loopback, refusal.reason, refusal.cure));
            }
            Err(_) => {}
        }
    }
    Ok((Level::NoPackets, Placement::Here, Source::Nowhere))
}

/// Two hosts and a wire, which are nowhere but in private networks.
fn behind_wire(spec: &Spec, wire: &Wire, is_beside: bool) -> Result<Stage, Error> {
    let refused = |refusal: Refusal| Error::WireRefused {
        program: spec.name(),
        reason: refusal.reason,
        cure: refusal.cure,
    };
    if is_beside {
        return Err(refused(Refusal {
            reason: "it is to run beside another server, whose network is there already".into(),
            cure: "give the wire to the server that starts first".into(),
        }));
    }
    if let Some(level) = spec.level.filter(|level| *level != Level::Sandbox) {
        return Err(refused(Refusal {
            reason: format!("at level \"{level}\" client and server are on one host"),
            cure: "ask for no level, or for a sandbox".into(),
        }));
    }
    let (hosts, ends) = Hosts::open(wire).map_err(|error| refused(no_wire(&error)))?;
    Ok((
        Level::Sandbox,
        Placement::Hosts(Box::new((hosts, wire.clone()))),
        Source::Wire(ends),
    ))
}

/// A level that cannot be had, or not as it is asked for.
fn refused(spec: &Spec, level: Level, reason: String, cure: String) -> Error {
    Error::LevelRefused {
        program: spec.name(),
        level,
        reason,
        cure,
    }
}

/// Makes the hosts what they are to be.
fn prepare(spec: &Spec, placement: &Placement, is_beside: bool) -> Result<(), Error> {
    let host = &spec.host;
    let sandboxes = match placement {
        _ if is_beside && host.changes_network() => {
            let why =
                "it is to run beside another server, and the kernel's settings are of the network that both share";
            let cure = "set them for the server that starts first";
            return Err(refused(spec, Level::Sandbox, why.into(), cure.into()));
        }
        Placement::Here if host.is_changed() => {
            let why = "the kernel's settings are changed in a private network only, and there is none";
            return Err(refused(spec, Level::Sandbox, why.into(), sandbox_cure()));
        }
        Placement::Here => vec![],
        Placement::Sandbox(sandbox) => vec![sandbox],
        Placement::Hosts(wired) => vec![&wired.0.client, &wired.0.server],
    };
    for sandbox in sandboxes {
        for (name, value) in &host.sysctls {
            sandbox.set(name, value).map_err(|source| Error::Setting {
                setting: format!("{name} = {value}"),
                source,
            })?;
        }
        if let Some(mtu) = host.mtu {
            let set = sandbox.socket(UDP).and_then(|socket| {
                set_mtu(&socket, "lo", mtu.into())?;
                Ok(())
            });
            set.map_err(|source| Error::Setting {
                setting: format!("the MTU of lo = {mtu}"),
                source,
            })?;
        }
    }
    Ok(())
}

fn command(spec: &Spec, listen: &str, stdin: Stdio) -> Command {
    let mut command = Command::new(&spec.program);
    for argument in &spec.arguments {
        command.arg(if argument == crate::spec::LISTEN {
            listen.as_ref()
        } else {
            argument.as_os_str()
        });
    }
    for (name, value) in &spec.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(folder) = &spec.folder {
        command.current_dir(folder);
    }
    if let Some(descriptors) = spec.host.descriptors {
        let limit = move || Ok(setrlimit(Resource::RLIMIT_NOFILE, descriptors, descriptors)?);
        // SAFETY: between fork and exec the closure makes one system call.
        unsafe { command.pre_exec(limit) };
    }
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A standard input that holds these bytes: a file without a name.
fn input(bytes: &[u8]) -> io::Result<Stdio> {
    if bytes.is_empty() {
        return Ok(Stdio::null());
    }
    let mut file = File::from(memfd_create("stdin", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

fn explain(program: String, error: StartError) -> Error {
    match error {
        StartError::Ptrace(errno) => Error::TraceRefused {
            program,
            reason: errno.to_string(),
            cure: trace_cure(),
        },
        StartError::Preparation(step, errno) => Error::Spawn {
            program,
            source: io::Error::other(format!("its process could not {}: {}: {errno}", step.what, step.call)),
            cure:
                "something around lab denies this call, as a container or a sandbox may: run it outside, or have the \
                   call allowed"
                    .into(),
        },
        StartError::Spawn(source) => Error::Spawn {
            cure: spawn::cure(Path::new(&program), &source),
            program,
            source,
        },
    }
}

/// TCP_INFO's counters of a socket: tcp(7), `struct tcp_info` in linux/tcp.h.
/// `None` where the kernel does not count (before Linux 4.2).
pub fn segment_counters(socket: &Socket) -> Option<SegmentCounters> {
    // SAFETY: `tcp_info` is plain numbers; all zero is valid. getsockopt(2) fills at most `length`
    // bytes of it and says how many.
    let (info, length) = unsafe {
        let mut info: libc::tcp_info = std::mem::zeroed();
        let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
        let target = (&raw mut info).cast();
        let fd = socket.as_raw_fd();
        Errno::result(libc::getsockopt(
            fd,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            target,
            &mut length,
        ))
        .ok()?;
        (info, length as usize)
    };
    let needed = std::mem::offset_of!(libc::tcp_info, tcpi_segs_in) + size_of::<u32>();
    let sent = NonZeroU32::new(info.tcpi_segs_out)?;
    (length >= needed).then_some(SegmentCounters {
        sent,
        received: info.tcpi_segs_in,
    })
}
