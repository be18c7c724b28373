//! The socket table: `/proc/PID/net/tcp` and `tcp6`, as in proc_pid_net(5).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use procfs::FromReadSI;
use procfs::net::{TcpNetEntries, TcpNetEntry, TcpState as Proc};

use super::worker::Worker;
use crate::look::{Socket, Timer};
use crate::recorder::{Recorder, Seen, now};
use timeline::{Endpoints, Record, Side, StateChange, TcpState, What};

/// How long a sample may be old when nothing hints at a change: at first, and after a while. A look
/// at the table takes milliseconds of the machine that the server could use.
const IDLE_INTERVAL: Duration = Duration::from_millis(20);
const LONGEST_IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// All TCP sockets of the network that a process is in. Without IPv6 there is no second table; there is none
/// at all if the process is gone.
pub(crate) fn table(pid: i32) -> Vec<TcpNetEntry> {
    let read = |name: &str| {
        let file = File::open(format!("/proc/{pid}/net/{name}")).ok()?;
        let lines = Lines { file, ended: false };
        Some(TcpNetEntries::from_read(lines, procfs::current_system_info()).ok()?.0)
    };
    ["tcp", "tcp6"].into_iter().filter_map(read).flatten().collect()
}

/// A socket table that is not read once more to find its end, for which the kernel would walk through
/// all its buckets again. The kernel fills a page with whole lines as long as there is one that fits
/// (seq_file), so what has room for another is the last.
struct Lines {
    file: File,
    ended: bool,
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        /// The smallest page, without the longest line.
        const FULL: usize = 4096 - 256;
        if self.ended {
            return Ok(0);
        }
        let length = self.file.read(buffer)?;
        self.ended = length < FULL.min(buffer.len());
        Ok(length)
    }
}

/// An address with IPv4 mapped into IPv6 written as IPv4, as a dual-stack socket's peer is.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Watches the tables of the networks of processes for connections to the server's ports, until it is dropped: then it
/// takes a last sample. It records each state when it sees it.
pub(crate) fn watch_tables(pids: Vec<i32>, recorder: Arc<Recorder>) -> io::Result<Worker<()>> {
    let stop = Arc::new(AtomicBool::new(false));
    let (seen, records) = (Arc::clone(&stop), Arc::clone(&recorder));
    let work = move || watch(&pids, &records, &seen);
    Worker::start(work, move || {
        stop.store(true, Ordering::Release);
        recorder.wake();
    })
}

fn watch(pids: &[i32], recorder: &Recorder, stop: &AtomicBool) {
    let mut known = HashMap::new();
    let mut hints = 0;
    let mut idle = IDLE_INTERVAL;
    loop {
        let last = stop.load(Ordering::Acquire);
        hints = recorder.with(|seen| seen.state_hints.max(hints));
        let began = Instant::now();
        let ports = recorder.with(|seen| seen.listening.iter().map(SocketAddr::port).collect::<Vec<_>>());
        if !ports.is_empty() {
            sample(pids, &ports, &mut known, recorder);
        }
        if last {
            return;
        }
        // With thousands of sockets a sample takes its time; leave the machine to the server.
        let rest = began.elapsed() * 4;
        let stopped = || stop.load(Ordering::Acquire);
        let _ = recorder.wait_for_hint(Instant::now() + rest, |_| stopped().then_some(()));
        let changed = |seen: &Seen| (seen.state_hints > hints || stopped()).then_some(());
        idle = match recorder.wait_for_hint(Instant::now() + idle, changed) {
            Some(()) => IDLE_INTERVAL,
            None => LONGEST_IDLE_INTERVAL.min(idle * 2),
        };
    }
}

/// Reads the tables once and records what has changed.
fn sample(pids: &[i32], ports: &[u16], known: &mut HashMap<(Endpoints, Side), TcpState>, recorder: &Recorder) {
    let current: HashMap<_, _> = ends(pids, ports).collect();
    // When the process of a network has ended, its table cannot be read. That does not show that its sockets are gone,
    // so nothing is recorded.
    if !pids.iter().all(|pid| is_there(*pid)) {
        return;
    }
    let at = now();
    let record = |&(on, side): &(Endpoints, Side), from, to| {
        recorder.push(Record {
            at,
            what: What::State {
                on,
                change: StateChange { side, from, to },
            },
        });
    };
    for (socket, state) in &current {
        let before = known.get(socket).copied();
        if before != Some(*state) {
            record(socket, before, Some(*state));
        }
    }
    for (socket, state) in known.iter().filter(|(socket, _)| !current.contains_key(socket)) {
        record(socket, Some(*state), None);
    }
    *known = current;
}

/// True if a process has the files of its network.
fn is_there(pid: i32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}/net/tcp")).exists()
}

/// Both ends of every connection to the server's ports, with their states, in the networks of these
/// processes.
pub(crate) fn ends(pids: &[i32], ports: &[u16]) -> impl Iterator<Item = ((Endpoints, Side), TcpState)> {
    pids.iter()
        .flat_map(|pid| table(*pid))
        .filter_map(|entry| Some((identify(&entry, ports)?, state_of(entry.state)?)))
        // A listener is no connection.
        .filter(|(_, state)| *state != TcpState::Listen)
}

/// Which end of which connection an entry is, if it is one to the server's ports.
fn identify(entry: &TcpNetEntry, ports: &[u16]) -> Option<(Endpoints, Side)> {
    let (local, remote) = (canonical(entry.local_address), canonical(entry.remote_address));
    let on = |client, server| Endpoints { client, server };
    match (ports.contains(&local.port()), ports.contains(&remote.port())) {
        (true, _) => Some((on(remote, local), Side::Server)),
        (false, true) => Some((on(local, remote), Side::Client)),
        (false, false) => None,
    }
}

/// A closed socket is as good as gone.
pub(crate) fn state_of(state: Proc) -> Option<TcpState> {
    Some(match state {
        Proc::Established => TcpState::Established,
        Proc::SynSent => TcpState::SynSent,
        Proc::SynRecv | Proc::NewSynRecv => TcpState::SynReceived,
        Proc::FinWait1 => TcpState::FinWait1,
        Proc::FinWait2 => TcpState::FinWait2,
        Proc::TimeWait => TcpState::TimeWait,
        Proc::CloseWait => TcpState::CloseWait,
        Proc::LastAck => TcpState::LastAck,
        Proc::Closing => TcpState::Closing,
        Proc::Listen => TcpState::Listen,
        Proc::Close => return None,
    })
}

/// The ends at these ports in the network of a process, with their timers. `/proc/net/tcp` is read by hand here, since
/// procfs leaves the timers out.
pub(crate) fn with_timers(pid: i32, ports: &[u16]) -> Vec<Socket> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default();
    let text = read("tcp") + &read("tcp6");
    let looked_at = text.lines().filter_map(parse);
    looked_at
        .filter(|socket| ports.contains(&socket.on.server.port()))
        .collect()
}

/// A line such as `0: 0100007F:0BB8 0200007F:E078 01 00000000:00000000 00:00000000 00000000 0 0 1234`.
fn parse(line: &str) -> Option<Socket> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let hexadecimal = |text: &str| u64::from_str_radix(text, 16).ok();
    let pair = |text: &str| text.split_once(':').map(|(a, b)| (a.to_owned(), b.to_owned()));
    let address = |text: &str| {
        let (ip, port) = pair(text)?;
        let words: Option<Vec<u8>> = (0..ip.len() / 8)
            .map(|word| Some((hexadecimal(&ip[word * 8..word * 8 + 8])? as u32).to_ne_bytes()))
            .collect::<Option<Vec<_>>>()
            .map(|words| words.concat());
        let octets = words?;
        let ip: std::net::IpAddr = match octets.len() {
            4 => <[u8; 4]>::try_from(octets).ok()?.into(),
            _ => <[u8; 16]>::try_from(octets).ok()?.into(),
        };
        Some(canonical(SocketAddr::new(ip, hexadecimal(&port)? as u16)))
    };
    let (unsent, _) = pair(words.get(4)?)?;
    let (timer, when) = pair(words.get(5)?)?;
    let timer = match hexadecimal(&timer)? {
        1 => Some(Timer::Retransmission),
        2 => Some(Timer::KeepAlive),
        3 => Some(Timer::TimeWait),
        4 => Some(Timer::Probe),
        _ => None,
    };
    // In hundredths of a second: USER_HZ, which is 100 on each architecture that is observed here.
    let when = Duration::from_millis(hexadecimal(&when)? * 10);
    Some(Socket {
        on: Endpoints {
            server: address(words.get(1)?)?,
            client: address(words.get(2)?)?,
        },
        state: hexadecimal(words.get(3)?)? as u8,
        unsent: hexadecimal(&unsent)?,
        timer: timer.map(|timer| (timer, when)),
    })
}

/// A counter of `/proc/PID/net/netstat`: how often a listener's queue was full.
pub(crate) fn overflows(pid: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/netstat")).ok()?;
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let place = names.split_whitespace().position(|name| name == "ListenOverflows")?;
    values.split_whitespace().nth(place)?.parse().ok()
}

#[cfg(test)]
#[path = "../../tests/unit/observe_sockets.rs"]
mod tests;
