//! The door: start a server, connect clients, stop it, and have the timeline.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket};

use crate::client::{Client, state_of};
use crate::error::{Error, Output, Refused};
use crate::look::{Look, Outlook, SignalTo};
use crate::observe::{Network, Run};
use crate::recorder::follow::Follow;
use crate::spec::{Patience, Spec};
use crate::wire::{Wire, addresses};
use timeline::words::NO_STRICT_MODE;
use timeline::{
    Call, CallKind, Endpoints, Exit, Level, Passage, ProcessEventKind, Record, Recording, Segment, Side, Timeline, What,
};

/// How many records of a run are kept unless [`ServerBuilder::keep`] says otherwise.
pub const KEEP: usize = 2_000_000;

/// How many bytes of packets the kernel holds until they are taken, unless [told](ServerBuilder::buffer). Each capture
/// clears and maps so many: 16 MB take some 4 ms of a processor.
pub const BUFFER: u64 = 16 * 1024 * 1024;

/// A server under observation. Dropping it kills every process that it started.
pub struct Server {
    run: Run,
    name: String,
    settle: Patience,
    grace: Duration,
    reply: Duration,
}

/// How to run a server: see [`Server::build`].
#[derive(Clone, Debug)]
#[must_use = "no server runs until it is started"]
pub struct ServerBuilder {
    spec: Spec,
    /// The network of the server beside which it is to run, on that one's host; a network of its own if `None`.
    beside: Option<Arc<Network>>,
    listen: Duration,
    port: Option<u16>,
    settle: Patience,
    grace: Duration,
    reply: Duration,
}

/// What came of a client program: see [`Server::client_output`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOutput {
    /// How it ended; `None` if that could not be told.
    pub exit: Option<Exit>,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

/// How often a server that does not listen yet is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How often something is looked at that nothing tells of.
const LOOK_OFTEN: Duration = Duration::from_millis(10);

/// A thread that wakes up now and then does so within this time.
const MOMENT: Duration = Duration::from_millis(1200);

/// A server that waits for others than clients over TCP may take so long, asleep, until it listens for these too.
const SLEEPS: Duration = Duration::from_secs(1);

/// Where clients connect from in the private network, over IPv4.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

impl Server {
    /// Starts a program and waits until it listens.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`].
    pub fn start(program: impl Into<PathBuf>) -> Result<Server, Error> {
        Server::build(program).start()
    }

    /// Prepares to start a program.
    pub fn build(program: impl Into<PathBuf>) -> ServerBuilder {
        let spec = Spec {
            program: program.into(),
            keep: KEEP,
            buffer: BUFFER,
            ..Spec::default()
        };
        ServerBuilder {
            spec,
            beside: None,
            listen: Duration::from_secs(20),
            port: None,
            settle: Patience {
                asleep: Duration::from_millis(250),
                on_clock: Duration::from_secs(2),
            },
            grace: Duration::from_secs(2),
            reply: Duration::from_secs(20),
        }
    }

    /// How long a client waits for bytes from it.
    pub(crate) fn reply(&self) -> Duration {
        self.reply
    }

    /// How much of this run is observed.
    pub fn level(&self) -> Level {
        self.run.network().level()
    }

    /// The addresses that it listens on, in the order of its `listen` calls, as it bound them.
    pub fn listening(&self) -> Vec<SocketAddr> {
        self.run.network().recorder().with(|seen| seen.listening.clone())
    }

    /// Where clients connect to: the first address that it listens on. For a wildcard stands the
    /// loopback address, or behind a [wire](ServerBuilder::wire) that of the server's host.
    ///
    /// The address is of the server's network. Who connects to it from the test itself talks to whoever has that port on
    /// the host, if anybody: use [`connect`](Self::connect), [`tcp_stream`](Self::tcp_stream), [`inside`](Self::inside),
    /// [`run_client`](Self::run_client) or [`enter`](Self::enter).
    pub fn address(&self) -> SocketAddr {
        // The list is not empty, as `start` has waited until the server listened.
        self.reachable(self.listening()[0])
    }

    /// Where clients connect to for this port, if the server listens on it.
    pub fn address_of(&self, port: u16) -> Option<SocketAddr> {
        self.listening()
            .into_iter()
            .find(|address| address.port() == port)
            .map(|address| self.reachable(address))
    }

    /// An address with one that clients can connect to in place of a wildcard.
    fn reachable(&self, address: SocketAddr) -> SocketAddr {
        let (v4, v6) = self.run.network().server_host();
        // A socket of IPv6 may be bound to an address of IPv4, as Java does.
        let ip = match address.ip().to_canonical() {
            IpAddr::V4(ip) if ip.is_unspecified() => v4.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => v6.into(),
            ip => ip,
        };
        SocketAddr::new(ip, address.port())
    }

    /// Fails for an address that no client can reach, as `::1` behind a wire. Packets to a loopback address of IPv4 are
    /// carried over the wire from now on: `route_localnet` of the kernel's ip-sysctl.
    ///
    /// # Errors
    ///
    /// [`Error::Loopback`], and [`Error::System`] if the kernel does not carry them.
    pub fn check_reachable(&self, address: SocketAddr) -> Result<(), Error> {
        let ip = address.ip().to_canonical();
        match ip {
            ip if !ip.is_loopback() || !self.run.network().has_wire() => Ok(()),
            IpAddr::V4(ip) => self.run.network().carry(ip).map_err(Error::system(
                "carry packets to a loopback address over the wire (route_localnet)",
            )),
            IpAddr::V6(_) => Err(Error::Loopback { address }),
        }
    }

    /// Pulls the cable of the [wire](ServerBuilder::wire), in both directions. When this returns, no
    /// packet comes any more, and what was on its way is lost.
    ///
    /// # Errors
    ///
    /// [`Error::NoWire`].
    pub fn cut(&self) -> Result<(), Error> {
        self.run.cut(None).then_some(()).ok_or(Error::NoWire)
    }

    /// As [`cut`](Self::cut), for what one side sends.
    ///
    /// # Errors
    ///
    /// [`Error::NoWire`].
    pub fn cut_from(&self, side: Side) -> Result<(), Error> {
        self.run.cut(Some(side)).then_some(()).ok_or(Error::NoWire)
    }

    /// Puts the cable back, in both directions, if it was pulled by [`cut`](Self::cut) or by a script.
    ///
    /// # Errors
    ///
    /// [`Error::NoWire`].
    pub fn restore(&self) -> Result<(), Error> {
        self.run.restore(None).then_some(()).ok_or(Error::NoWire)
    }

    /// True if the cable is pulled, in some direction.
    pub fn is_cut(&self) -> bool {
        self.run.is_cut()
    }

    /// The connections of which the server has a descriptor.
    pub fn held(&self) -> Vec<Endpoints> {
        let held: BTreeSet<Endpoints> = self.look().held.into_iter().map(|(_, _, on)| on).collect();
        held.into_iter().collect()
    }

    /// The same, and who has it: `process 12 holds descriptor 7 of 127.0.0.2:40000`.
    pub fn held_by(&self) -> Vec<(String, Endpoints)> {
        let held = self.look().held.into_iter();
        held.map(|(pid, fd, on)| (format!("process {pid} holds descriptor {fd} of {}", on.client), on))
            .collect()
    }

    /// What will tell the server that this client is gone: seen at once, however long that may take.
    pub fn outlook(&self, on: Endpoints) -> Outlook {
        // A thread may still be about to wake up for what has just happened, and sleep without a timeout afterwards. So
        // this waits a moment for that.
        self.until_within(MOMENT, || {
            let look = self.look();
            look.idle && !look.on_clock
        });
        let sockets = self.network().sockets();
        let socket = sockets.into_iter().find(|socket| socket.on == on);
        let timer = socket.as_ref().and_then(|socket| socket.timer);
        let is_held = || self.look().held.iter().any(|(_, _, held)| *held == on);
        match timer {
            Some((timer, within)) => Outlook::Kernel(timer, within),
            None if socket.is_none() && !is_held() => Outlook::LetGo,
            _ if self.look().on_clock => Outlook::Clock,
            _ if self.wakes() => Outlook::Unseen,
            _ => Outlook::Nothing,
        }
    }

    /// True if a thread of the server wakes up within a moment.
    pub(crate) fn wakes(&self) -> bool {
        let before = self.look().slept;
        self.until_within(MOMENT, || self.look().slept != before)
    }

    /// The statements of the wire's script that have come to nothing so far: no packet was the one that they name, or
    /// their moment has not come. What was to be seen by them was not.
    pub fn unmet_statements(&self) -> Vec<String> {
        self.run.unmet()
    }

    /// Connects a client from a port that the kernel chooses.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`].
    pub fn connect(&self) -> Result<Client, Error> {
        self.open(self.address(), None)
    }

    /// Connects a client from a port of your choice.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`], also where the port is taken.
    pub fn connect_from(&self, port: u16) -> Result<Client, Error> {
        self.open(self.address(), Some(port))
    }

    /// Connects a client to an address of your choice: another of the server's, or the same port
    /// over the other version of IP.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`].
    pub fn connect_to(&self, address: SocketAddr) -> Result<Client, Error> {
        self.open(address, None)
    }

    /// Where a client of `address` connects from, if that is not left to the kernel. In the private
    /// network it has an address of its own, so that addresses tell who sent. IPv6 has only one there.
    fn client_address(&self, address: SocketAddr, port: Option<u16>) -> Option<SocketAddr> {
        let any = match address.ip() {
            IpAddr::V4(ip) if ip.is_loopback() && self.run.network().has_wire() => {
                let (client, _) = addresses(Side::Client);
                return Some(SocketAddr::from((client, port.unwrap_or(0))));
            }
            IpAddr::V4(ip) if ip.is_loopback() && self.level() == Level::Sandbox => {
                return Some(SocketAddr::from((CLIENT, port.unwrap_or(0))));
            }
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Some(SocketAddr::new(any, port?))
    }

    pub(crate) fn open(&self, address: SocketAddr, port: Option<u16>) -> Result<Client, Error> {
        let client = |socket| Client::new(socket, Arc::clone(self.network()), self.reply);
        self.connected(address, port, client)
    }

    fn connected<T>(
        &self,
        address: SocketAddr,
        port: Option<u16>,
        then: impl FnOnce(Socket) -> std::io::Result<T>,
    ) -> Result<T, Error> {
        self.check_reachable(address)?;
        let network = self.run.network();
        let from = self.client_address(address, port);
        let connected = network.socket(Domain::for_address(address), from).and_then(|socket| {
            socket.connect_timeout(&address.into(), self.reply)?;
            then(socket)
        });
        connected.map_err(|source| Error::Connect {
            address,
            source,
            server: state_of(network),
        })
    }

    /// Connects, and gives the stream, for a client of your own. What it does is seen by its packets alone. For tokio:
    /// `stream.set_nonblocking(true)`, then `tokio::net::TcpStream::from_std(stream)`.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`].
    pub fn tcp_stream(&self) -> Result<std::net::TcpStream, Error> {
        self.connected(self.address(), None, |socket| Ok(socket.into()))
    }

    /// Runs a closure whose sockets are made in the server's network, so that any client library reaches the server at
    /// [`address`](Self::address): on a thread of its own, and those that come of it while the closure runs are inside
    /// too. Sockets that were made before are where they were. What it does is seen by its packets alone.
    ///
    /// ```no_run
    /// # let server = harness::Server::start("server")?;
    /// let stream = server.inside(|| std::net::TcpStream::connect(server.address()))??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the kernel does not give such sockets: seccomp_unotify(2), Linux 5.14.
    ///
    /// # Panics
    ///
    /// If the closure does.
    pub fn inside<T: Send>(&self, body: impl FnOnce() -> T + Send) -> Result<T, Error> {
        self.check_reachable(self.address())?;
        let what = "run a closure in the private network (seccomp_unotify(2))";
        self.network().inside(body).map_err(Error::system(what))
    }

    /// Runs a client program in the server's network, or behind a wire on the client's host, until it
    /// and its children have ended, and puts its calls on the timeline: what it sends, receives and
    /// closes, as for a [`Client`]. How it ended; `None` if that could not be told.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`] if it cannot be started.
    pub fn run_client(&self, command: std::process::Command) -> Result<Option<Exit>, Error> {
        self.run_client_within(command, Duration::MAX)
    }

    /// As [`run_client`](Self::run_client), but kills all its processes when it has taken so long. What
    /// it has done until then is on the timeline.
    ///
    /// # Errors
    ///
    /// As [`run_client`](Self::run_client), and [`Error::ClientTimedOut`].
    pub fn run_client_within(&self, command: std::process::Command, limit: Duration) -> Result<Option<Exit>, Error> {
        self.check_reachable(self.address())?;
        self.run.client(command, limit)
    }

    /// As [`run_client_within`](Self::run_client_within), and gives what it wrote to its standard output and error.
    ///
    /// # Errors
    ///
    /// As [`run_client_within`](Self::run_client_within), and [`Error::System`] where there can be no pipe.
    pub fn client_output(&self, command: std::process::Command, limit: Duration) -> Result<ClientOutput, Error> {
        self.check_reachable(self.address())?;
        let (exit, [stdout, stderr]) = self.run.client_output(command, limit)?;
        Ok(ClientOutput { exit, stdout, stderr })
    }

    /// Makes a command run in the server's network, where it can connect to the server and
    /// capture its packets without root. At the lower levels that is the host's network, and behind a
    /// wire that of the client's host.
    ///
    /// The command is not traced. Its packets are on the timeline.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the network cannot be handed over.
    pub fn enter(&self, command: &mut std::process::Command) -> Result<(), Error> {
        self.enter_host(Side::Client, command)
    }

    /// As [`enter`](Self::enter), on the host of one side. Without a wire both are on the same.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the network cannot be handed over.
    pub fn enter_host(&self, host: Side, command: &mut std::process::Command) -> Result<(), Error> {
        let entered = self.run.network().enter(host, command);
        entered.map_err(Error::system("let a command into the private network"))
    }

    /// Sends a signal to the server's first process: signal(7). At the lower levels too; false if it has ended.
    pub fn signal(&self, number: i32) -> bool {
        self.run.signal(number, SignalTo::First)
    }

    /// Sends a signal to each process of the server. False if all have ended.
    pub fn signal_all(&self, number: i32) -> bool {
        self.run.signal(number, SignalTo::All)
    }

    /// Stops the program by this signal and waits until it is started again, at once, and listens: if it was built with
    /// [`restarts`](ServerBuilder::restarts). Each of both may take as long as a client waits for a reply.
    ///
    /// # Errors
    ///
    /// [`Error::Restart`].
    pub fn restart(&self, signal: i32) -> Result<(), Error> {
        let listens = || {
            let listens = |record: &&Record| matches!(&record.what, What::Call { call, .. } if call.kind == CallKind::Listen && matches!(call.result, Some(Ok(_))));
            let recorder = self.network().recorder();
            recorder.with(|seen| seen.records.iter().filter(listens).count())
        };
        let before = listens();
        let first = self.stop_first(signal)?;
        if !self.until(|| !self.look().processes.contains(&first)) {
            let why = format!("its process {first} does not end within {:?}", self.reply);
            return Err(Error::Restart(why));
        }
        self.until(|| self.ended().is_some() || listens() > before);
        let why = match self.ended() {
            None if listens() > before => return Ok(()),
            None => format!("it does not listen within {:?}", self.reply),
            Some(exit) => format!("it ended: {exit}{}", self.output()),
        };
        Err(Error::Restart(format!("started again, {why}")))
    }

    /// Sends a signal to the program that runs now, if it is to be started again: its process.
    pub(crate) fn stop_first(&self, signal: i32) -> Result<i32, Error> {
        let look = self.look();
        let first = look.processes.into_iter().find(|pid| *pid != look.main);
        first
            .filter(|first| self.run.signal(signal, SignalTo::One(*first)))
            .ok_or_else(|| Error::Restart("no process of it is left that would be started again".to_owned()))
    }

    /// Waits until something is so that nothing tells of, at most as long as a client waits for a reply. Whether it is.
    fn until(&self, is_so: impl Fn() -> bool) -> bool {
        self.until_within(self.reply, is_so)
    }

    pub(crate) fn until_within(&self, limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + limit;
        while !is_so() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(LOOK_OFTEN);
        }
        true
    }

    /// What the server has at this moment: its descriptors, memory, what its threads wait for.
    pub(crate) fn look(&self) -> Look {
        self.run.look()
    }

    pub(crate) fn network(&self) -> &Arc<Network> {
        self.run.network()
    }

    /// How the server ended, if it has.
    pub fn ended(&self) -> Option<Exit> {
        self.run.network().ended()
    }

    /// The end of what it has written to its standard output and error.
    pub fn output(&self) -> Output {
        self.run.network().output()
    }

    /// Waits until the server has made a call that `wanted` accepts, at most as long as a client
    /// waits for a reply. Returns whether it has.
    pub fn wait_for_call(&self, wanted: impl Fn(&Call) -> bool) -> bool {
        self.wait_for(|what| matches!(what, What::Call { call, .. } if wanted(call)))
    }

    /// Waits until a segment has gone by that `wanted` accepts, at most as long as a client waits for a
    /// reply. Returns whether it has. Behind a wire `wanted` is also told what became of it.
    pub fn wait_for_segment(&self, wanted: impl Fn(&Segment, Option<&Passage>) -> bool) -> bool {
        self.wait_for(|what| match what {
            What::Frame {
                segment: Some(segment),
                passage,
                ..
            } => wanted(segment, passage.as_deref()),
            _ => false,
        })
    }

    /// Waits for a record; looks at each once.
    fn wait_for(&self, wanted: impl Fn(&What) -> bool) -> bool {
        let mut looked = 0;
        let found = self.run.network().recorder().wait(Instant::now() + self.reply, |seen| {
            let new = &seen.records[looked..];
            looked = seen.records.len();
            new.iter().any(|record| wanted(&record.what)).then_some(())
        });
        found.is_some()
    }

    /// What has been recorded so far. The observation goes on.
    pub fn so_far(&self) -> Timeline {
        let recorder = self.run.network().recorder();
        let (records, not_kept) = recorder.with(|seen| (seen.records.clone(), seen.not_kept));
        Recording {
            level: self.level(),
            records,
            not_kept,
            ..Recording::default()
        }
        .into_timeline()
    }

    /// True if all threads of the server are asleep at this moment: each waits for something.
    pub fn is_idle(&self) -> bool {
        self.run.is_idle()
    }

    /// Waits until all threads of the server are asleep, at most so long. A server that has just
    /// begun to listen may still open another port. Returns whether it sleeps.
    pub fn wait_until_idle(&self, limit: Duration) -> bool {
        self.run.wait_until_idle(limit)
    }

    /// The records of this run from its beginning on, while it goes, until it is
    /// [stopped](Self::stop). With an [`Encoder`](timeline::format::pcapng::Encoder) they become a
    /// live capture.
    pub fn follow(&self) -> Follow {
        let network = self.run.network();
        Follow::new(network.recorder().follow(), network.slow_by(), None)
    }

    /// As [`follow`](Self::follow), with those packets that could have been captured on one host: its own
    /// when they left, and those of the other host when they came, if they did. Without a wire there is
    /// one host only.
    pub fn follow_at(&self, host: Side) -> Follow {
        let network = self.run.network();
        Follow::new(network.recorder().follow(), network.slow_by(), Some(host))
    }

    /// Waits until every connection that has begun to close is closed, or will not close.
    /// [`stop`](Self::stop) does this by itself.
    pub fn settle(&self) {
        self.run.settle(self.settle);
    }

    /// Ends the observation here and now, and gives what there is: for somebody who will not wait. Nothing
    /// has settled, so connections may be in states that they would have left by themselves. The server
    /// runs on, unobserved, until it is stopped or dropped; then there is nothing more to tell.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the capture failed.
    pub fn conclude(&self) -> Result<Timeline, Error> {
        Ok(self.run.conclude()?.into_timeline())
    }

    /// Lets things settle, ends the observation, stops the server, and gives the timeline.
    ///
    /// The timeline ends before the server is told to end: what its death does to the connections
    /// is not on it. Clients that are still connected stay so until they are dropped, and are
    /// of no use then.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the capture failed.
    pub fn stop(self) -> Result<Timeline, Error> {
        self.run.settle(self.settle);
        Ok(self.run.finish(self.grace)?.into_timeline())
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("program", &self.name)
            .field("listening", &self.listening())
            .finish()
    }
}

impl ServerBuilder {
    /// Adds an argument. [`LISTEN`](crate::LISTEN) stands for an address to listen on.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.spec.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Sets something to this, if it is given: `given(mtu, ServerBuilder::mtu)`.
    pub fn given<T>(self, value: Option<T>, set: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => set(self, value),
            None => self,
        }
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.spec.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.spec.environment.push((name.into(), Some(value.into())));
        self
    }

    /// Takes an environment variable away, which it would have of this process.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.spec.environment.push((name.into(), None));
        self
    }

    /// The folder that it runs in; that of this process unless told. A path of the program that is not absolute is
    /// looked for as [`Command::current_dir`](std::process::Command::current_dir) says.
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spec.folder = Some(folder.into());
        self
    }

    /// What it reads from its standard input, and then the end of it. Unless told there is nothing to read.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.spec.input = bytes.into();
        self
    }

    /// Uses this level and no other, instead of the best that the machine allows.
    pub fn level(mut self, level: Level) -> Self {
        self.spec.level = Some(level);
        self
    }

    /// Puts the client and the server on two hosts, with a wire between them that does what it is told.
    /// The server's host is 10.0.0.2 and fd00::2, the client's 10.0.0.1 and fd00::1.
    ///
    /// The server has to listen on an address that the other host can reach: a wildcard, or
    /// [`LISTEN`](crate::LISTEN), which stands for 10.0.0.2:3000. Packets are captured on the wire, not
    /// what the server sends to itself.
    pub fn wire(mut self, wire: Wire) -> Self {
        self.spec.wire = Some(wire);
        self
    }

    /// Runs it in the network of a server that was started before, on the same host and at the same level: each reaches
    /// the other at the address where it [listens](Server::address), as a proxy its upstream. Each has a timeline of its
    /// own, with its own calls, and the packets of the ports that it listens on or connects to.
    ///
    /// It takes a port of its own: [`LISTEN`](crate::LISTEN) stands for one that is free. The network is there until
    /// both are stopped. Its kernel's settings are those that the first one was given.
    ///
    /// ```no_run
    /// # use harness::{LISTEN, Server};
    /// let upstream = Server::build("upstream").arg(LISTEN).start()?;
    /// let proxy = Server::build("proxy").arg(LISTEN).arg(upstream.address().to_string());
    /// let proxy = proxy.beside(&upstream).start()?;
    /// # Ok::<(), harness::Error>(())
    /// ```
    pub fn beside(mut self, other: &Server) -> Self {
        self.beside = Some(Arc::clone(other.network()));
        self
    }

    /// Sets a setting of the kernel, by its name as sysctl(8) has it, in the private network alone: before the server
    /// starts, and for both hosts if there are two. `net.ipv4.tcp_wmem` and the like are a network's own, so this
    /// takes no root.
    pub fn sysctl(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.spec.host.sysctls.push((name.into(), value.into()));
        self
    }

    /// Gives each socket buffers of so many bytes, to send from and to receive into: `net.ipv4.tcp_wmem` and
    /// `tcp_rmem` of tcp(7). Linux takes 4096 at least for the one, and 2304 for the other.
    pub fn buffers(self, bytes: u32) -> Self {
        let sizes = format!("{bytes} {bytes} {bytes}");
        self.sysctl("net.ipv4.tcp_wmem", sizes.as_str())
            .sysctl("net.ipv4.tcp_rmem", sizes)
    }

    /// Lets so many connections wait to be accepted, whatever the server asks for: `net.core.somaxconn`, as in
    /// listen(2). Linux lets one more wait.
    pub fn backlog(self, connections: u32) -> Self {
        self.sysctl("net.core.somaxconn", connections.to_string())
    }

    /// Lets each process of the server have so many descriptors: RLIMIT_NOFILE of getrlimit(2).
    pub fn descriptors(mut self, descriptors: u64) -> Self {
        self.spec.host.descriptors = Some(descriptors);
        self
    }

    /// Lets a shell start the program, and so many times more when it has ended, in one network: see
    /// [`Server::restart`]. The shell is the first process then, until it has become the program that is started last.
    pub fn restarts(mut self, times: usize) -> Self {
        if times == 0 {
            return self;
        }
        let script = "\"$0\" \"$@\"; ".repeat(times) + "exec \"$0\" \"$@\"";
        let shell = [OsString::from("-c"), script.into()];
        let program = std::mem::replace(&mut self.spec.program, "/bin/sh".into());
        let arguments = std::mem::take(&mut self.spec.arguments).into_iter();
        self.spec.arguments = shell.into_iter().chain([program.into()]).chain(arguments).collect();
        self
    }

    /// Lets no packet be longer than this on the loopback interface of the private network; 1500 bytes unless told.
    /// Less than 1280 leaves no IPv6 there (RFC 8200, section 5). For a wire see [`Wire::mtu`](crate::Wire::mtu).
    pub fn mtu(mut self, bytes: u16) -> Self {
        self.spec.host.mtu = Some(bytes);
        self
    }

    /// Starts the server's monotonic clock at this time, as if the host had been up for so long: time_namespaces(7).
    pub fn uptime(mut self, uptime: Duration) -> Self {
        self.spec.host.uptime = Some(uptime);
        self
    }

    /// Keeps at most so many packets, calls, states and lines of output in memory: two million unless
    /// told, and no more than take a quarter of the memory that there is, by the machine and by the control
    /// group's limit. What comes later is counted, in [`Seen::not_kept`](timeline::Seen::not_kept), and
    /// [`Server::follow`] still gives it.
    pub fn keep(mut self, records: usize) -> Self {
        self.spec.keep = records;
        self
    }

    /// Captures so many bytes of each frame, its headers first; all of them unless told. Less than 96 cuts
    /// headers off. The kernel then has room for more packets, and a timeline for more events.
    pub fn snaplen(mut self, bytes: u32) -> Self {
        self.spec.snaplen = Some(bytes);
        self
    }

    /// Lets the kernel hold so many bytes of packets until they are taken, at either end of a wire or on the one
    /// interface: 16 MB unless told, some 8,000 packets, and never more than an eighth of the memory that there is. A
    /// packet for which there is no room is counted, in [`Seen::dropped`](timeline::Seen::dropped), and is in no
    /// other way on the timeline.
    ///
    /// A busy machine may keep this process waiting for some hundredths of a second, in which a fast server sends
    /// more than that.
    pub fn buffer(mut self, bytes: u64) -> Self {
        self.spec.buffer = bytes;
        self
    }

    /// How long the program may take until it listens; 20 s unless told.
    pub fn listen_within(mut self, limit: Duration) -> Self {
        self.listen = limit;
        self
    }

    /// The port that is to be talked to, of a server that listens on several: [`start`](Self::start) waits until it
    /// listens there, and not only on another.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// How long a client waits for bytes from the server; 20 s unless told.
    pub fn reply_within(mut self, limit: Duration) -> Self {
        self.reply = limit;
        self
    }

    /// How long a server whose threads are all asleep may keep a connection that its client has closed before it
    /// is taken to be left open. Unless told it is 250 ms, and 2 s for one that has a thread which sleeps until
    /// some moment, as in a pause of its own or with a ticking clock. [`Seen::settled`](timeline::Seen::settled) says
    /// what it was.
    pub fn settle_for(mut self, patience: Duration) -> Self {
        self.settle = Patience {
            asleep: patience,
            on_clock: patience,
        };
        self
    }

    /// How long the server may take to end after SIGTERM before it is killed; 2 s unless told.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Starts the program and waits until it listens on a TCP port. The one that listens may also
    /// be a child that the program leaves behind when it ends, as daemons do.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`], [`Error::TraceRefused`], [`Error::LevelRefused`], [`Error::WireRefused`],
    /// [`Error::System`] if it
    /// cannot be run or observed; [`Error::ExitedEarly`] and [`Error::NeverListened`] if it does
    /// not come to listen.
    pub fn start(self) -> Result<Server, Error> {
        let run = Run::start(&self.spec, self.beside.as_deref())?;
        if let Err(failed) = self.wait_until_it_listens(&run) {
            return Err(self.explain(failed, run));
        }
        Ok(Server {
            run,
            name: self.spec.name(),
            settle: self.settle,
            grace: self.grace,
            reply: self.reply,
        })
    }

    /// Waits until the server listens where it is to be talked to.
    fn wait_until_it_listens(&self, run: &Run) -> Result<(), NotListening> {
        let deadline = Instant::now() + self.listen;
        let mut asleep_since = None;
        // Once the server listens on another port, the one that is asked for may take as long as a reply may.
        let mut on_another = None;
        loop {
            let look = (Instant::now() + LOOK_AGAIN).min(deadline);
            let ready = run.network().recorder().wait_for_start(look, |seen| {
                let is_wanted = |address: &&SocketAddr| self.port.is_none_or(|port| address.port() == port);
                match (seen.listening.iter().find(is_wanted), seen.ended()) {
                    (Some(_), _) => Some(Ok(())),
                    (None, Some(exit)) => Some(Err(NotListening::Exited(exit))),
                    (None, None) if seen.hidden => Some(Err(NotListening::Hidden)),
                    (None, None) => None,
                }
            });
            if let Some(ready) = ready {
                return ready;
            }
            if run.network().recorder().with(|seen| !seen.listening.is_empty()) {
                let since = *on_another.get_or_insert_with(Instant::now);
                if since.elapsed() >= self.reply {
                    return Err(NotListening::TimedOut);
                }
            }
            // A server that listens elsewhere, and sleeps, will not begin to listen here by itself.
            let recorder = run.network().recorder();
            let elsewhere = recorder.with(|seen| seen.listening.is_empty() && !seen.elsewhere.is_empty());
            match (elsewhere && run.is_idle(), asleep_since) {
                (false, _) => asleep_since = None,
                (true, None) => asleep_since = Some(Instant::now()),
                (true, Some(since)) if since.elapsed() >= SLEEPS => return Err(NotListening::Elsewhere),
                (true, Some(_)) => {}
            }
            match Instant::now() >= deadline {
                true if elsewhere => return Err(NotListening::Elsewhere),
                true => return Err(NotListening::TimedOut),
                false => {}
            }
        }
    }

    /// Why a server does not listen where it should.
    fn explain(&self, failed: NotListening, run: Run) -> Error {
        let program = self.spec.name();
        let level = run.network().level();
        let is_strict = |record: &Record| matches!(&record.what, What::Process(event) if event.kind == ProcessEventKind::NoStrictMode);
        let recorder = run.network().recorder();
        let strict = recorder.with(|seen| {
            seen.records
                .iter()
                .any(is_strict)
                .then(|| format!(": it {NO_STRICT_MODE}"))
        });
        let (refused, others) = recorder.with(|seen| (seen.refused_address(), seen.listening.clone()));
        let elsewhere = recorder.with(|seen| seen.elsewhere.join(" and "));
        let executed = run.was_executed();
        let output = match failed {
            NotListening::Exited(_) => run.last_output(),
            _ => run.network().output(),
        };
        let refused = refused.filter(|_| others.is_empty());
        let refused = refused.map(|(address, errno)| Refused { address, errno, level });
        match (failed, self.port) {
            (NotListening::Elsewhere, _) => Error::NotTcp {
                program,
                where_: elsewhere,
                output,
            },
            (NotListening::TimedOut, Some(port)) if !others.is_empty() => Error::NotOnPort {
                program,
                port,
                others,
                waited: self.reply.min(self.listen),
            },
            (NotListening::Hidden, _) => Error::Hidden { program, output },
            (NotListening::Exited(exit), _) if !executed => Error::Spawn {
                program,
                source: std::io::Error::other(format!("the kernel ended it while it was executed ({exit})")),
                cure:
                    "it is damaged or badly linked (see readelf -l), or needs more memory than it may have (ulimit -v)"
                        .into(),
            },
            (NotListening::Exited(exit), _) => Error::ExitedEarly {
                program,
                exit,
                refused,
                strict: strict.unwrap_or_default(),
                output,
            },
            (NotListening::TimedOut, _) => Error::NeverListened {
                program,
                waited: self.listen,
                refused,
                output,
            },
        }
    }
}

/// Why a server was not waited for any longer.
#[derive(Clone, Copy, Debug)]
enum NotListening {
    Exited(Exit),
    TimedOut,
    Elsewhere,
    Hidden,
}
