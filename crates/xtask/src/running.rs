//! A server that runs as anyone would run it: untraced, on the host's loopback interface; and several in turn, to see
//! which is quicker.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use socket2::SockRef;

/// What a client sends, and what it must get back.
const LINE: &[u8; 6] = b"hello\n";

/// A server that does not answer within this time is not going to.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server at a port that the kernel chose, until it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: String,
}

/// When a measurement ends: whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// After so many exchanges.
    pub exchanges: usize,
    /// After so much time.
    pub time: Duration,
}

impl Running {
    /// Starts a step, or what is told where to listen like one, and waits until it says that it
    /// does. `log` says which lines it writes, as env_logger's RUST_LOG: that one must be among them.
    ///
    /// # Errors
    ///
    /// If it cannot be started, or ends without a word.
    pub fn start(binary: &Path, arguments: &[&str], log: &str) -> Result<Running> {
        let mut command = Command::new(binary);
        Running::spawn(command.args(arguments).arg("127.0.0.1:0").env("RUST_LOG", log))
    }

    /// Runs a command that writes `listening on ADDRESS` to its standard error.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn spawn(command: &mut Command) -> Result<Running> {
        let name = command.get_program().display().to_string();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let log = child.stderr.take().context("the server has no standard error")?;
        let mut running = Running {
            child,
            address: String::new(),
        };
        let mut lines = BufReader::new(log).lines();
        let told = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("listening on ")?.1.to_owned()));
        running.address = told.with_context(|| format!("{name} did not say where it listens"))?;
        // Somebody has to read the log: a server whose pipe is full waits in its write.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(running)
    }

    /// Asks it to end, as ctrl-C does, and waits until it has.
    ///
    /// # Errors
    ///
    /// If it cannot be asked.
    #[cfg(target_os = "linux")]
    pub fn interrupt(mut self) -> Result<()> {
        let process = nix::unistd::Pid::from_raw(self.id().cast_signed());
        nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGINT)?;
        self.child.wait()?;
        Ok(())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sets TCP_NODELAY on the sockets that it listens on, from outside: on Linux an accepted socket
    /// inherits it, so the program itself stays as it is (pidfd_getfd(2); tcp(7)).
    ///
    /// # Errors
    ///
    /// If the system does not let us reach into the process, or it does not listen.
    #[cfg(target_os = "linux")]
    pub fn switch_nagle_off(&self) -> Result<()> {
        use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
        let mut listeners = 0;
        let pidfd = pidfd_open(Pid::from_child(&self.child), PidfdFlags::empty())?;
        for fd in procfs::process::Process::new(self.id().cast_signed())?.fd()? {
            let copy = pidfd_getfd(&pidfd, fd?.fd, PidfdGetfdFlags::empty());
            let socket = socket2::Socket::from(copy.context("cannot reach the server's sockets (pidfd_getfd)")?);
            if socket.is_listener().unwrap_or(false) {
                socket.set_tcp_nodelay(true).context("cannot set TCP_NODELAY")?;
                listeners += 1;
            }
        }
        ensure!(listeners > 0, "the server has no listening socket");
        Ok(())
    }

    /// Sets TCP_NODELAY from outside: on Linux only.
    ///
    /// # Errors
    ///
    /// Always.
    #[cfg(not(target_os = "linux"))]
    pub fn switch_nagle_off(&self) -> Result<()> {
        anyhow::bail!("only Linux lets one process set the options of another's sockets")
    }

    /// Connects a client.
    ///
    /// # Errors
    ///
    /// If it is refused.
    pub fn connect(&self) -> Result<TcpStream> {
        let stream =
            TcpStream::connect(&self.address).with_context(|| format!("cannot connect to {}", self.address))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a line and reads it back.
///
/// # Errors
///
/// If nothing comes back in time, or something else.
pub fn exchange(mut stream: impl Read + Write) -> Result<()> {
    let mut reply = [0; LINE.len()];
    stream.write_all(LINE).context("cannot send")?;
    stream.read_exact(&mut reply).context("the reply did not come")?;
    ensure!(reply == *LINE, "the reply was {:?}", String::from_utf8_lossy(&reply));
    Ok(())
}

/// One exchange after the other, without a pause; how long each took.
///
/// # Errors
///
/// As [`exchange`].
pub fn exchanges(mut stream: impl Read + Write, limit: Limit) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(limit.exchanges.min(1 << 20));
    let end = Instant::now() + limit.time;
    let mut began = Instant::now();
    while times.len() < limit.exchanges && began < end {
        exchange(&mut stream)?;
        let ended = Instant::now();
        times.push(ended - began);
        began = ended;
    }
    Ok(times)
}

/// A server that is measured in turn with others.
#[derive(Debug)]
pub struct Contender {
    /// Its name for a reader who wants to run it.
    pub name: &'static str,
    /// What a reply of it is.
    pub reply: &'static str,
    running: Running,
    /// Its fastest round: whatever else a machine does can only make one slower.
    pub best: Best,
    exchanges: usize,
    packets: u32,
}

/// A connection's first exchanges are not like the others: its ACKs are not delayed yet.
const WARM_UP: usize = 3;

impl Contender {
    /// A server that runs.
    pub fn new(name: &'static str, reply: &'static str, running: Running) -> Contender {
        Contender {
            name,
            reply,
            running,
            best: Best::default(),
            exchanges: 0,
            packets: 0,
        }
    }

    /// Packets for an exchange, by the count of the client's kernel.
    pub fn packets_per_exchange(&self) -> f64 {
        f64::from(self.packets) / self.exchanges as f64
    }

    fn round(&mut self, limit: Limit) -> Result<()> {
        let stream = self.running.connect()?;
        stream.set_nodelay(true)?;
        for _ in 0..WARM_UP {
            exchange(&stream)?;
        }
        let packets = || {
            let counters = harness::segment_counters(&SockRef::from(&stream));
            counters.map_or(0, |counted| counted.sent.get() + counted.received)
        };
        let before = packets();
        let times = exchanges(&stream, limit)?;
        self.packets += packets() - before;
        self.exchanges += times.len();
        self.best.take(times);
        Ok(())
    }
}

/// Measures servers in turn, each so many times.
///
/// # Errors
///
/// If one cannot be reached, or replies no more.
pub fn race(contenders: &mut [Contender], rounds: usize, limit: Limit) -> Result<()> {
    for _ in 0..rounds {
        for contender in &mut *contenders {
            contender.round(limit)?;
        }
    }
    Ok(())
}

/// The fastest of several rounds, each told by how long its exchanges took.
#[derive(Debug, Default)]
pub struct Best {
    /// Sorted, for the fastest round.
    times: Vec<Duration>,
}

impl Best {
    /// Takes a round if it is the fastest so far.
    pub fn take(&mut self, times: Vec<Duration>) {
        let round = Best { times };
        if round.per_second() > self.per_second() {
            *self = round;
            self.times.sort_unstable();
        }
    }

    /// Exchanges per second; 0 before the first round.
    pub fn per_second(&self) -> f64 {
        let seconds = self.times.iter().sum::<Duration>().as_secs_f64();
        if seconds > 0.0 {
            self.times.len() as f64 / seconds
        } else {
            0.0
        }
    }

    /// The time within which this part of the exchanges was over, in seconds.
    pub fn within(&self, part: f64) -> f64 {
        let last = self.times.len().saturating_sub(1) as f64;
        self.times
            .get((last * part) as usize)
            .map_or(0.0, Duration::as_secs_f64)
    }
}

#[cfg(test)]
#[path = "../tests/unit/running.rs"]
mod tests;
