//! Runs any server on one timeline: what `lab trace` and `lab check` have in common.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use course::steps;
use harness::conversation::{Act, Ending, Wait};
use harness::timeline::{CallKind, Connection, Exit, Side, Timeline};
use harness::{Client, Conversation, How, LISTEN, Player, Server, ServerBuilder, testing};

use crate::interrupt::{Ended, until_interrupted};
use crate::says::Says;
use crate::wire;

/// What to run, and what its clients do.
#[derive(Args, Clone, Debug)]
pub struct Plan {
    /// A step (step1), in place of a command
    #[arg(conflicts_with = "command", required_unless_present = "command")]
    pub step: Option<String>,

    /// What each client says.
    #[command(flatten)]
    pub says: Says,

    /// Run this client in the server's network, traced too, in place of our own: --client 'nc localhost
    /// 3000', or with $SERVER and $PORT, which tell where the server listens
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["Says", "clients", "close"])]
    pub client: Option<String>,

    /// Send each line of standard input as it comes, and watch the lanes grow
    #[arg(long, conflicts_with_all = ["Says", "clients", "client"])]
    pub stdin: bool,

    /// How many clients hold that conversation, all connected at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub clients: u16,

    /// Let them talk at the same time. Without it all are connected, and talk one after the other
    #[arg(long, conflicts_with_all = ["stdin", "client"])]
    pub at_once: bool,

    /// How each client ends
    #[arg(long, value_name = "CLOSE", default_value = "fin", value_parser = endings())]
    pub close: Conversation,

    /// Wait at most SECONDS for the server to listen, for each reply, and for --client to end. Without it 20 s for the
    /// server to listen, and 5 s for each of the others; with --at-once, 1 s more for each 250 clients
    #[arg(long, value_name = "SECONDS", value_parser = some_seconds)]
    pub timeout: Option<Duration>,

    /// Give a server SECONDS to close what its clients have closed, when all its threads sleep. Without it 0.25 s, and
    /// 2 s if a thread sleeps until some moment. lab waits up to 5 s longer for a server that is still at work
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub settle: Option<Duration>,

    /// Keep this many events in memory, or as many as there is memory for; a file that --pcapng names has
    /// all of them
    #[arg(long, value_name = "EVENTS", default_value_t = harness::KEEP)]
    pub keep: usize,

    /// Capture the first BYTES of each packet, its headers first. Without it all of them; 96 are enough for all that is
    /// said here
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(96..))]
    pub snaplen: Option<u32>,

    /// Let the kernel hold this many megabytes of packets until they are taken; with a wire at either end
    #[arg(long, value_name = "MB", default_value_t = harness::BUFFER / MB, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub buffer: u64,

    /// Let each process of the server have at most N descriptors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(8..))]
    pub descriptors: Option<u64>,

    /// Give each socket of the private network buffers of BYTES, to send from and to receive into: with 4096 a long
    /// write takes only a part
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(2304..))]
    pub buffers: Option<u32>,

    /// Let at most N connections wait to be accepted, whatever the server asks for
    #[arg(long, value_name = "N")]
    pub backlog: Option<u32>,

    /// The port to talk to, of a server that listens on several: wait until it listens there
    #[arg(long)]
    pub port: Option<u16>,

    /// The wire between client and server.
    #[command(flatten)]
    pub wire: wire::Options,

    /// The server's command, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// How a client ends, by the names that `--close` takes.
fn endings() -> impl TypedValueParser<Value = Conversation> {
    let names = [
        ("fin", "Close: a FIN"),
        ("rst", "Reset: an RST"),
        ("half", "Close the sending half, read to the end, then close"),
        ("none", "Stay connected"),
    ];
    let names = names.map(|(name, help)| PossibleValue::new(name).help(help));
    PossibleValuesParser::new(names).map(|name| {
        Conversation::of_one(match name.as_str() {
            "rst" => vec![Act::Leave(Ending::Reset)],
            "half" => vec![Act::HalfClose, Act::Wait(Wait::End), Act::Leave(Ending::Close)],
            "none" => vec![Act::Leave(Ending::Stay)],
            _ => vec![Act::Leave(Ending::Close)],
        })
    })
}

/// What came of a plan.
#[derive(Debug)]
pub struct Outcome {
    /// What happened.
    pub timeline: Timeline,
    /// What clients could not do. It is no error of ours: it may be what the user wants to see.
    pub troubles: Vec<Trouble>,
    /// True if the client program did not end in time and was killed: the exchange is not whole.
    pub client_timed_out: bool,
    /// True if the user ended it before its end.
    pub interrupted: bool,
}

/// Something that a client could not do, or that its user may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// In words.
    pub text: String,
    /// Why nothing is proved by an exchange that was to be had.
    pub leaves: Leaves,
}

/// What a trouble leaves of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// All of it: it is only worth a word.
    Whole,
    /// Some or all of it did not take place.
    Unproved,
    /// A reply did not come, which the rule `no-reply` is about.
    Unanswered,
}

impl Trouble {
    fn new(text: impl ToString, leaves: Leaves) -> Trouble {
        Trouble {
            text: text.to_string(),
            leaves,
        }
    }
}

/// Packets that the kernel had to drop, and what to do about it.
fn no_room(dropped: u64) -> Option<Trouble> {
    let text = format!(
        "the kernel had no room for {dropped} packets: --buffer 256 gives it more, and --snaplen 96 makes them small"
    );
    (dropped > 0).then(|| Trouble::new(text, Leaves::Whole))
}

/// What the wire was told to do and has not done: what was to be seen by it was not.
fn unmet(server: &Server) -> Vec<Trouble> {
    let statements = server.unmet_statements().into_iter();
    let told = statements.map(|statement| {
        let text = format!(
            "the wire was told \"{statement}\", and no such packet or moment has come: see docs/wire-reference.md"
        );
        Trouble::new(text, Leaves::Unproved)
    });
    told.collect()
}

/// What will tell the server that its clients are gone, once a cable was pulled.
fn outlook(server: &Server) -> Vec<Trouble> {
    let held = if server.is_cut() { server.held() } else { Vec::new() };
    let told = held.into_iter().map(|on| {
        let text = format!(
            "the cable is cut, and the server keeps {}: {}",
            on.client,
            server.outlook(on)
        );
        Trouble::new(text, Leaves::Whole)
    });
    told.collect()
}

const MB: u64 = 1024 * 1024;

/// A program that has to be loaded, or compiled, may take this long until it listens, where --timeout says nothing.
const STARTS: Duration = Duration::from_secs(20);

/// A reply may take this many seconds, where --timeout says nothing.
const REPLIES: u64 = 5;

/// A second more for so many clients at once: a thousand have taken 1.7 s on one processor of a busy machine.
const AT_ONCE_IN_A_SECOND: u64 = 250;

/// A server may take so long to end when it is asked to.
const GRACE: Duration = Duration::from_secs(2);

/// How long a server that listens may take until it has opened all its ports.
const OPENS_PORTS: Duration = Duration::from_secs(1);

impl Plan {
    /// Runs the server and its clients. With `--stdin`, `watch` sees the timeline grow.
    ///
    /// # Errors
    ///
    /// If the server cannot be built, started or observed, or it is not clear where to connect.
    pub fn run(&self, watch: impl FnMut(Timeline) -> Result<()>) -> Result<Outcome> {
        self.run_on(self.server()?, watch)
    }

    /// As [`run`](Self::run), on a server that was started with [`server`](Self::server).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_on(&self, server: Server, watch: impl FnMut(Timeline) -> Result<()>) -> Result<Outcome> {
        let mut outcome = self.observe(server, watch)?;
        outcome.troubles.extend(no_room(outcome.timeline.dropped));
        outcome.troubles.extend(self.answered(&outcome.timeline));
        Ok(outcome)
    }

    /// That a server wrote after it had read, though it was said to answer nothing.
    pub fn answered(&self, timeline: &Timeline) -> Option<Trouble> {
        let answers = |connection: &Connection<'_>| {
            let mut moved = connection.calls().filter(|(_, call)| call.moved() > 0);
            moved.any(|(_, call)| call.kind == CallKind::Read) && moved.any(|(_, call)| call.kind == CallKind::Write)
        };
        let number = timeline
            .connections()
            .filter(|_| self.says.no_reply)
            .find(answers)?
            .id()
            .0
            + 1;
        let text = format!("connection {number}: the server answered, and --no-reply waits for no answer");
        Some(Trouble::new(text, Leaves::Unproved))
    }

    /// True if our own clients are to talk, and not only to be there.
    pub fn talks(&self) -> bool {
        self.stdin || self.says.is_given() || self.clients > 1 || self.at_once || self.asks_how_clients_end()
    }

    fn observe(&self, server: Server, watch: impl FnMut(Timeline) -> Result<()>) -> Result<Outcome> {
        // Ctrl-C is for a client program; then comes the timeline of what there was.
        #[cfg(target_os = "linux")]
        let _passes = self.client.as_ref().map(|_| crate::linux::FirstInterrupt::passes());
        let address = self.address(&server)?;
        let choice = self.choice(&server).map(|text| Trouble::new(text, Leaves::Whole));
        let mut troubles: Vec<Trouble> = choice.into_iter().collect();
        let outcome = |timeline, troubles| Outcome {
            timeline,
            troubles,
            client_timed_out: false,
            interrupted: false,
        };
        if let Some(client) = &self.client {
            let (trouble, client_timed_out) = run_client(&server, address, client, self.limit())?;
            troubles.extend(trouble.map(|text| Trouble::new(text, Leaves::Unproved)));
            server.settle();
            troubles.extend([unmet(&server), outlook(&server)].concat());
            return Ok(Outcome {
                client_timed_out,
                ..outcome(server.stop()?, troubles)
            });
        }
        let (plan, server) = (self.clone(), Arc::new(server));
        let talking = Arc::clone(&server);
        let talk = move |watch: &mut dyn FnMut(Timeline) -> Result<()>| {
            let talked = plan.talk(&talking, address, watch)?;
            // Here, where an interrupt is told: a server may be waited for as long as was asked for.
            talking.settle();
            Ok(talked)
        };
        let Ended::Done((talked, _open)) = until_interrupted(talk, watch)? else {
            troubles.push(Trouble::new(INTERRUPTED, Leaves::Unproved));
            return Ok(Outcome {
                interrupted: true,
                ..outcome(server.conclude()?, troubles)
            });
        };
        // Clients that stay connected do so until the observation has ended.
        let server = Arc::into_inner(server).context("the server is still in use")?;
        troubles.extend(talked);
        troubles.extend([unmet(&server), outlook(&server)].concat());
        Ok(outcome(server.stop()?, troubles))
    }

    /// Connects the clients and lets them talk, one after the other. Gives what they could not do, and those that stay
    /// connected.
    ///
    /// # Errors
    ///
    /// If standard input cannot be read, or `watch` fails.
    pub fn talk(
        &self,
        server: &Server,
        address: SocketAddr,
        mut watch: impl FnMut(Timeline) -> Result<()>,
    ) -> Result<(Vec<Trouble>, Vec<Client>)> {
        let conversation = self.says.conversation()?;
        let mut player = Player::new(server).at(address).within(self.limit());
        let mut troubles = Vec::new();
        // One that names several clients is held once. Any other is held by each client, and all are connected before.
        let names_several = conversation.clients().into_iter().any(|client| client > 1);
        if names_several && self.clients > 1 {
            bail!("the script says what each client does: leave --clients away");
        }
        for client in 1..=usize::from(if names_several { 0 } else { self.clients }) {
            let connect = Conversation::of_one([Act::Connect(None)]).held_by(client);
            let begun = Instant::now();
            let stopped = player.hold(&connect).trouble;
            let behind = usize::from(self.clients) - client;
            // Who comes behind one that nobody answered would wait as long. poll(2) waits for whole milliseconds, and may
            // end one early.
            let waited = begun.elapsed() + Duration::from_millis(1);
            let in_vain = stopped.is_some() && waited >= self.limit() && behind > 0;
            troubles.extend(stopped.map(|stopped| trouble(stopped, true)));
            if in_vain {
                let text = format!("{behind} more were to connect, and did not try");
                troubles.push(Trouble::new(text, Leaves::Unproved));
                break;
            }
        }
        if self.at_once {
            ensure!(!names_several, "the script says who talks when: leave --at-once away");
            let open = self.talk_at_once(&mut player, &conversation, &mut troubles)?;
            return Ok((troubles, open));
        }
        let connected = player.connected().into_iter();
        let parts: Vec<Conversation> = match names_several {
            true => vec![conversation],
            false => connected.map(|client| conversation.clone().held_by(client)).collect(),
        };
        for (place, part) in parts.into_iter().enumerate() {
            if self.stdin {
                let client = part.clients().first().copied().unwrap_or(1);
                troubles.extend(self.read_along(server, &mut player, client, &mut watch)?);
                troubles.extend(self.leave(&mut player, &part));
            } else {
                troubles.extend(self.hold(&mut player, &part, place == 0));
            }
        }
        Ok((troubles, player.finish()))
    }

    /// Lets a part of the clients talk, and end. What went wrong.
    fn hold(&self, player: &mut Player<'_>, part: &Conversation, is_first: bool) -> Vec<Trouble> {
        let held = player.hold(part);
        // What a later client hears before it asks may be what an earlier one said.
        let said = held.greeting.filter(|_| is_first);
        let counts = self.says.is_asked_for() || held.replies == 0;
        let stopped = held.trouble.map(|stopped| trouble(stopped, counts));
        let said = said.map(|said| {
            let text =
                format!("the server spoke first, which no request waited for: \"{said}\"; --greeting waits for it");
            Trouble::new(text, Leaves::Whole)
        });
        said.into_iter()
            .chain(stopped)
            .chain(self.leave(player, part))
            .collect()
    }

    /// Lets each client that is connected talk on a thread of its own: all begin when the last thread is there.
    fn talk_at_once(
        &self,
        player: &mut Player<'_>,
        conversation: &Conversation,
        troubles: &mut Vec<Trouble>,
    ) -> Result<Vec<Client>> {
        /// A client needs little, and thousands of threads may be asked for.
        const STACK: usize = 256 * 1024;
        let gate = Mutex::new(());
        let talk = |(place, (client, mut player)): (usize, (usize, Player<'_>))| {
            drop(gate.lock());
            let part = conversation.clone().held_by(client);
            (self.hold(&mut player, &part, place == 0), player.finish())
        };
        let talk = &talk;
        thread::scope(|scope| {
            let closed = gate.lock();
            let apart = player.apart().into_iter().enumerate();
            let threads = apart.map(|one| {
                thread::Builder::new()
                    .stack_size(STACK)
                    .spawn_scoped(scope, move || talk(one))
            });
            let threads: io::Result<Vec<_>> = threads.collect();
            drop(closed);
            let mut open = Vec::new();
            for thread in threads.context("cannot start a thread for each client")? {
                let (trouble, stays) = thread.join().map_err(|_| anyhow!("a client's thread has failed"))?;
                troubles.extend(trouble);
                open.extend(stays);
            }
            Ok(open)
        })
    }

    /// Lets clients end as they were told, if they have not left. What went wrong.
    fn leave(&self, player: &mut Player<'_>, part: &Conversation) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        for client in part.clients() {
            if !player.connected().contains(&client) {
                continue;
            }
            let left = player.hold(&self.close.clone().held_by(client));
            troubles.extend(left.trouble.map(|stopped| trouble(stopped, true)));
            if player.connected().contains(&client) {
                player.hold(&Conversation::of_one([Act::Leave(Ending::Close)]).held_by(client));
            }
        }
        troubles
    }

    /// The server's name: the step's, or its program's.
    pub fn name(&self) -> String {
        name(self.step.as_deref(), &self.command)
    }

    /// True if it is asked for how clients end.
    pub fn asks_how_clients_end(&self) -> bool {
        self.close != Conversation::of_one([Act::Leave(Ending::Close)])
    }

    /// Starts the step or the command.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn server(&self) -> Result<Server> {
        Ok(self.builder()?.given(self.port, ServerBuilder::port).start()?)
    }

    /// How to start the step or the command.
    ///
    /// # Errors
    ///
    /// If it cannot be built, or the wire is none.
    pub fn builder(&self) -> Result<ServerBuilder> {
        let mut build = start(self.step.as_deref(), &self.command)?.restarts(self.says.conversation()?.restarts());
        let mut limit = self.limit();
        if let Some(wire) = self.wire.wire()?.filter(|_| self.wire.wants_more_than_a_seed()) {
            // What the wire takes is not the server's time.
            limit += wire.round_trip() * 2;
            build = build.wire(wire);
        }
        let listens = if self.timeout.is_some() { limit } else { STARTS };
        build = build.listen_within(listens).reply_within(limit).keep(self.keep);
        build = build.buffer(self.buffer * MB).grace(GRACE.min(limit));
        build = build.given(self.settle, ServerBuilder::settle_for);
        build = build.given(self.snaplen, ServerBuilder::snaplen);
        build = build.given(self.descriptors, ServerBuilder::descriptors);
        build = build.given(self.buffers, ServerBuilder::buffers);
        Ok(build.given(self.backlog, ServerBuilder::backlog))
    }

    /// The address to talk to: the one with the port asked for, or else the first.
    ///
    /// # Errors
    ///
    /// If no client can reach it.
    pub fn address(&self, server: &Server) -> Result<SocketAddr> {
        let address = match self.port {
            // It was waited for.
            Some(port) => server.address_of(port).context("the port is not there any more")?,
            None => {
                server.wait_until_idle(OPENS_PORTS.min(self.limit()));
                server.address()
            }
        };
        server.check_reachable(address)?;
        Ok(address)
    }

    /// What to tell of a server that listens on several ports while none was asked for.
    pub fn choice(&self, server: &Server) -> Option<String> {
        let mut ports: Vec<u16> = server.listening().iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        let chosen = server.address().port();
        let list = || ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        (self.port.is_none() && ports.len() > 1).then(|| {
            format!(
                "the server listens on the ports {}: talking to {chosen}, its first; --port chooses another",
                list()
            )
        })
    }

    /// Lets a client send each line of standard input. Why it stopped, if that was not the end of the input.
    fn read_along(
        &self,
        server: &Server,
        player: &mut Player<'_>,
        client: usize,
        watch: &mut impl FnMut(Timeline) -> Result<()>,
    ) -> Result<Option<Trouble>> {
        // To look takes longer with each line. Of many lines in a row it may take half of the time.
        let (mut looked, mut took) = (Instant::now(), Duration::ZERO);
        for line in io::stdin().lines() {
            let line = line.context("cannot read standard input")? + "\n";
            let exchange = Conversation::of_one([Act::Send(line.into_bytes()), Act::Wait(Wait::Reply)]);
            if let Some(stopped) = player.hold(&exchange.catching_up().held_by(client)).trouble {
                return Ok(Some(trouble(stopped, true)));
            }
            if took < ALWAYS_LOOKS || looked.elapsed() >= took {
                let begun = Instant::now();
                watch(server.so_far())?;
                looked = Instant::now();
                took = looked.duration_since(begun);
            }
        }
        Ok(None)
    }

    /// How long a reply may take, and a client program. Of clients that talk at once each waits for the others too.
    pub fn limit(&self) -> Duration {
        let others = u64::from(self.clients) / AT_ONCE_IN_A_SECOND;
        let unless_told = Duration::from_secs(REPLIES + if self.at_once { others } else { 0 });
        self.timeout.unwrap_or(unless_told)
    }
}

/// What is told of a run that ctrl-C has ended.
pub const INTERRUPTED: &str = "interrupted: this is what there was until then";

/// A look that takes no longer is taken after each line.
const ALWAYS_LOOKS: Duration = Duration::from_millis(5);

/// What a conversation that was not held to its end leaves. It does not count where nobody asked for all of it.
fn trouble(stopped: harness::Trouble, counts: bool) -> Trouble {
    let leaves = match stopped.how {
        How::Silence | How::Closed | How::StaysOpen => Leaves::Unanswered,
        How::GoesOn | How::Differs | How::Refused | How::Admitted => Leaves::Unproved,
        How::Failed | How::Unsent if counts => Leaves::Unproved,
        How::Failed | How::Unsent => Leaves::Whole,
    };
    let cure = match stopped.how {
        How::GoesOn => "; --timeout gives it longer, --expect says where it ends",
        _ => "",
    };
    Trouble::new(stopped.text + cure, leaves)
}

/// Reads a number of seconds, which may have a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .strip_suffix('s')
        .unwrap_or(text)
        .parse()
        .map_err(|_| "give a number of seconds, such as 0.5".to_owned())?;
    match Duration::try_from_secs_f64(number) {
        Ok(time) if time <= Duration::from_secs(3600) => Ok(time),
        _ => Err("give a number of seconds from 0 to 3600".to_owned()),
    }
}

/// Some time at least: in none nothing comes.
fn some_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("give a number of seconds, such as 2 or 0.5".to_owned()),
        time => Ok(time),
    }
}

/// Runs a command in the server's network, or behind a wire on the host of one side, and waits for its end.
///
/// # Errors
///
/// If it cannot be started.
pub fn inside(server: &Server, host: Side, command: &mut Command) -> Result<ExitStatus> {
    server.enter_host(host, command)?;
    command
        .status()
        .with_context(|| format!("cannot start {}", command.get_program().display()))
}

/// Runs a client program in the server's network, at most so long. Gives what went wrong, if something did, and whether it
/// did not end in time and was killed.
///
/// # Errors
///
/// If it cannot be started.
pub fn run_client(
    server: &Server,
    address: SocketAddr,
    client: &str,
    limit: Duration,
) -> Result<(Option<String>, bool)> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(client);
    shell.env("SERVER", address.ip().to_string());
    shell.env("PORT", address.port().to_string());
    // Standard output is for what we say of it.
    #[cfg(unix)]
    if let Ok(stderr) = std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned() {
        shell.stdout(stderr);
    }
    let ended = server.run_client_within(shell, limit);
    let timed_out = ended.as_ref().is_err_and(harness::Error::is_timeout);
    let trouble = match ended {
        Ok(Some(Exit::Status(0))) => return Ok((None, false)),
        // Of the shell: sh(1).
        Ok(Some(Exit::Status(127))) => ": the shell found no such program".to_owned(),
        Ok(Some(exit)) => format!(": {exit}"),
        Ok(None) => " ended, and nobody knows how".to_owned(),
        Err(_) if timed_out => format!(" had not ended after {limit:?} and was killed; --timeout gives it longer"),
        Err(error) => return Err(error.into()),
    };
    Ok((Some(format!("the client {client:?}{trouble}")), timed_out))
}

/// The server's name: the step's, or its program's.
pub fn name(step: Option<&str>, command: &[OsString]) -> String {
    if let Some(step) = step.and_then(|step| steps::find(step).ok()) {
        return step.binary().to_owned();
    }
    let file = command.first().map(Path::new).and_then(Path::file_name);
    file.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Prepares to run a step, built if need be, or a command.
///
/// # Errors
///
/// If there is no such step or program, or it cannot be built.
pub fn start(step: Option<&str>, command: &[OsString]) -> Result<ServerBuilder> {
    match (step, command.split_first()) {
        (Some(step), _) => Ok(Server::build(steps::find(step)?.build()?).arg(LISTEN)),
        (None, Some((program, arguments))) => Ok(Server::build(find_program(program)?).args(arguments)),
        (None, None) => bail!("give a step, or a command after --"),
    }
}

/// The program as a shell would find it: by its path, or on the PATH.
fn find_program(program: &OsStr) -> Result<PathBuf> {
    let path = Path::new(program);
    if path.components().count() > 1 {
        return Ok(path.to_owned());
    }
    testing::find_program(path).with_context(|| {
        format!(
            "there is no program {} on the PATH; a program in this folder is ./{0}",
            path.display()
        )
    })
}

#[cfg(test)]
#[path = "../tests/unit/trace.rs"]
mod tests;
