//! Runs any server on one timeline: what `lab trace` and `lab check` have in common.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use harness::timeline::{Exit, Side, Timeline};
use harness::{Client, LISTEN, Server, ServerBuilder, testing};

use crate::{steps, wire};

/// What to run, and what its clients do.
#[derive(Args, Clone, Debug)]
pub struct Plan {
    /// A step (step1), in place of a command
    #[arg(conflicts_with = "command", required_unless_present = "command")]
    pub step: Option<String>,

    /// Send this and wait for the reply; may be repeated. Understands \n \r \t \0 \\ and \xHH
    #[arg(long = "send", value_name = "TEXT", value_parser = unescape)]
    pub send: Vec<Bytes>,

    /// Run this client in the server's network, traced too, in place of our own: --client 'nc localhost
    /// 3000', or with $SERVER and $PORT, which tell where the server listens
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["send", "clients", "pause", "close"])]
    pub client: Option<String>,

    /// Send each line of standard input as it comes, and watch the lanes grow
    #[arg(long, conflicts_with_all = ["send", "clients", "pause", "client"])]
    pub stdin: bool,

    /// How many clients hold that conversation, all connected at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub clients: u16,

    /// Wait so many milliseconds before each send but the first
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub pause: u64,

    /// How each client ends
    #[arg(long, value_enum, default_value_t = Close::Fin)]
    pub close: Close,

    /// Wait so many seconds for the server to listen, for each reply, and for --client to end
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,

    /// Keep so many events in memory; a file that --pcapng names has all of them
    #[arg(long, value_name = "EVENTS", default_value_t = harness::KEEP)]
    pub keep: usize,

    /// The port to talk to, of a server that listens on several
    #[arg(long)]
    pub port: Option<u16>,

    /// The wire between client and server.
    #[command(flatten)]
    pub wire: wire::Options,

    /// The server's command, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Bytes from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// How a client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Close {
    /// Close: a FIN
    Fin,
    /// Reset: an RST
    Rst,
    /// Close the sending half, read to the end, then close
    Half,
    /// Stay connected
    None,
}

/// What came of a plan.
#[derive(Debug)]
pub struct Outcome {
    /// What happened.
    pub timeline: Timeline,
    /// What clients could not do. It is no error of ours: it may be what the user wants to see.
    pub troubles: Vec<String>,
    /// True if the client program did not end in time and was killed: the exchange is not whole.
    pub client_timed_out: bool,
}

/// What came of the clients' talk.
#[derive(Debug)]
pub struct Talked {
    /// What they could not do.
    pub troubles: Vec<String>,
    /// Those that stay connected.
    pub open: Vec<Client>,
}

/// Without `--send`, two lines, the second as soon as the first is answered.
const LINES: [&[u8]; 2] = [b"1\n", b"2\n"];

/// A reply of which no line structure is known has come when so long nothing follows. Longer
/// than a delayed ACK, which may stand between two parts of it.
const REPLY_IS_OVER: Duration = Duration::from_millis(250);

/// A program that has to be loaded, or compiled, may take so long until it listens.
const STARTS: Duration = Duration::from_secs(20);

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
        if let Some(client) = &self.client {
            // Ctrl-C is for the client; then comes the timeline of what there was.
            #[cfg(target_os = "linux")]
            let _passes = crate::linux::FirstInterrupt::passes();
            let ended = run_client(&server, self.address(&server)?, client, self.limit())?;
            return Ok(Outcome {
                timeline: server.stop()?,
                client_timed_out: matches!(ended, ClientEnd::TimedOut(_)),
                troubles: ended.trouble().into_iter().collect(),
            });
        }
        let talked = self.talk(&server, self.address(&server)?, watch)?;
        // Clients that stay connected do so until the observation has ended.
        let timeline = server.stop()?;
        Ok(Outcome {
            timeline,
            troubles: talked.troubles,
            client_timed_out: false,
        })
    }

    /// Connects the clients and lets them talk, one after the other.
    ///
    /// # Errors
    ///
    /// If standard input cannot be read, or `watch` fails.
    pub fn talk(
        &self,
        server: &Server,
        address: SocketAddr,
        mut watch: impl FnMut(Timeline) -> Result<()>,
    ) -> Result<Talked> {
        let mut troubles = Vec::new();
        let connect = |_| {
            server
                .connect_to(address)
                .map_err(|error| troubles.push(error.to_string()))
                .ok()
        };
        let clients: Vec<Client> = (0..self.clients).filter_map(connect).collect();
        let mut open = Vec::new();
        for mut client in clients {
            let talked = match self.stdin {
                true => self.read_along(server, &mut client, &mut watch)?,
                false => self.converse(&mut client),
            };
            troubles.extend(talked.err().map(|error| error.to_string()));
            match self.close {
                Close::Fin => client.close(),
                Close::Rst => client.reset()?,
                Close::Half => {
                    let ended = client.shutdown_write().and_then(|()| client.read_to_end());
                    troubles.extend(ended.err().map(|error| error.to_string()));
                    client.close();
                }
                Close::None => open.push(client),
            }
        }
        open.iter().for_each(Client::settle);
        Ok(Talked { troubles, open })
    }

    /// The server's name: the step's, or its program's.
    pub fn name(&self) -> String {
        if let Some(step) = self.step.as_deref().and_then(|step| steps::find(step).ok()) {
            return step.binary().to_owned();
        }
        let program = self.command.first().map(PathBuf::from);
        let file = program
            .as_deref()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy().into_owned());
        file.unwrap_or_default()
    }

    /// Starts the step or the command.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn server(&self) -> Result<Server> {
        let mut build = start(self.step.as_deref(), &self.command)?;
        let mut limit = self.limit();
        if let Some(wire) = self.wire.wire()? {
            // What the wire takes is not the server's time.
            limit += wire.round_trip() * 2;
            build = build.wire(wire);
        }
        let build = build.listen_within(limit.max(STARTS)).reply_within(limit);
        Ok(build.keep(self.keep).start()?)
    }

    /// The address to talk to: the only one, or the one with the port asked for.
    ///
    /// # Errors
    ///
    /// If the server listens on several ports and none was chosen, or not on the one chosen.
    pub fn address(&self, server: &Server) -> Result<SocketAddr> {
        server.wait_until_idle(OPENS_PORTS);
        let mut ports: Vec<u16> = server.listening().iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        let list = || ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let address = match self.port {
            None if ports.len() > 1 => bail!("the server listens on the ports {}: choose one with --port", list()),
            Some(port) if !ports.contains(&port) => {
                bail!("the server does not listen on port {port}, but on {}", list())
            }
            Some(port) => server.address_of(port).context("the port is not there any more")?,
            None => server.address(),
        };
        server.check_reachable(address)?;
        Ok(address)
    }

    /// Sends each line of standard input. The outer error is ours, the inner one the client's.
    fn read_along(
        &self,
        server: &Server,
        client: &mut Client,
        watch: &mut impl FnMut(Timeline) -> Result<()>,
    ) -> Result<Result<(), harness::Error>> {
        for line in io::stdin().lines() {
            let line = line.context("cannot read standard input")? + "\n";
            let replied = client.send(line).and_then(|()| read_any_reply(client, self.limit()));
            if let Err(error) = replied {
                return Ok(Err(error));
            }
            watch(server.so_far())?;
        }
        Ok(Ok(()))
    }

    fn converse(&self, client: &mut Client) -> Result<(), harness::Error> {
        let texts: Vec<&[u8]> = match self.send.is_empty() {
            true => LINES.to_vec(),
            false => self.send.iter().map(|text| text.0.as_slice()).collect(),
        };
        for (number, text) in texts.into_iter().enumerate() {
            if number > 0 && self.pause > 0 {
                // What the user asked for: nothing is waited for but the clock.
                std::thread::sleep(Duration::from_millis(self.pause));
            }
            client.send(text)?;
            if is_line(text) {
                client.read_line()?;
            } else {
                read_any_reply(client, self.limit())?;
            }
        }
        Ok(())
    }

    /// How long a reply may take, and a client program.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// What came of waiting for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replied {
    /// It came, and nothing more after it.
    Whole,
    /// The server closed the connection, with or without a reply before that.
    Closed,
    /// Nothing came.
    Nothing,
}

/// Reads a reply, each part when it comes, until nothing follows or the server closes. It has to begin within
/// `limit`.
///
/// # Errors
///
/// Those of the client.
pub fn read_reply(
    client: &mut Client,
    limit: Duration,
    mut take: impl FnMut(&[u8]),
) -> Result<Replied, harness::Error> {
    let mut replied = Replied::Nothing;
    let mut wait = limit;
    while let Some(part) = client.read_within(wait)? {
        if part.is_empty() {
            return Ok(Replied::Closed);
        }
        take(&part);
        (replied, wait) = (Replied::Whole, REPLY_IS_OVER);
    }
    Ok(replied)
}

/// Reads a reply that has to come.
fn read_any_reply(client: &mut Client, limit: Duration) -> Result<(), harness::Error> {
    match read_reply(client, limit, |_| {})? {
        Replied::Nothing => Err(client.give_up("read a reply", "a reply", limit)),
        Replied::Whole | Replied::Closed => Ok(()),
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

/// How a client program ended.
#[derive(Debug)]
pub enum ClientEnd {
    /// It did what it was told.
    Well,
    /// What went wrong with it.
    Badly(String),
    /// It did not end in time and was killed, in words.
    TimedOut(String),
}

impl ClientEnd {
    /// What went wrong, if something did.
    pub fn trouble(self) -> Option<String> {
        match self {
            ClientEnd::Well => None,
            ClientEnd::Badly(trouble) | ClientEnd::TimedOut(trouble) => Some(trouble),
        }
    }
}

/// Runs a client program in the server's network, at most so long.
///
/// # Errors
///
/// If it cannot be started.
pub fn run_client(server: &Server, address: SocketAddr, client: &str, limit: Duration) -> Result<ClientEnd> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(client);
    shell.env("SERVER", address.ip().to_string());
    shell.env("PORT", address.port().to_string());
    Ok(match server.run_client_within(shell, limit) {
        Ok(Some(Exit::Status(0))) => ClientEnd::Well,
        Ok(Some(exit)) => ClientEnd::Badly(format!("the client {client:?}: {exit}")),
        Ok(None) => ClientEnd::Badly(format!("the client {client:?} ended, and nobody knows how")),
        Err(error) if error.is_timeout() => ClientEnd::TimedOut(format!(
            "the client {client:?} had not ended after {limit:?} and was killed; --timeout gives it longer"
        )),
        Err(error) => return Err(error.into()),
    })
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

/// A single line is answered by a line. Anything else has an end that only its protocol knows.
fn is_line(text: &[u8]) -> bool {
    text.ends_with(b"\n") && text.iter().filter(|byte| **byte == b'\n').count() == 1
}

/// The program as a shell would find it: by its path, or on the PATH.
pub(crate) fn find_program(program: &OsStr) -> Result<PathBuf> {
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

/// Reads the escapes of a text.
///
/// # Errors
///
/// What is wrong with it, for clap to show.
pub fn unescape(text: &str) -> Result<Bytes, String> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        bytes.push(match rest.next() {
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                let two = digits.len() == 2 && digits.chars().all(|c| c.is_ascii_hexdigit());
                let number = two.then(|| u8::from_str_radix(&digits, 16).ok()).flatten();
                number.ok_or_else(|| format!("\\x takes two hexadecimal digits, not {digits:?}"))?
            }
            Some(other) => {
                return Err(format!(
                    "\\{other} is no escape; there are \\n \\r \\t \\0 \\\\ and \\xHH"
                ));
            }
            None => return Err("a single \\ at the end; write \\\\ for one".to_owned()),
        });
    }
    Ok(Bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_bytes() {
        assert_eq!(
            unescape(r"GET / HTTP/1.0\r\n\r\n").unwrap().0,
            b"GET / HTTP/1.0\r\n\r\n"
        );
        assert_eq!(unescape(r"\x00\xfF\\\té").unwrap().0, b"\x00\xff\\\t\xc3\xa9");
        assert_eq!(unescape("").unwrap().0, b"");
    }

    #[test]
    fn what_is_no_escape_is_named() {
        assert!(unescape(r"\q").unwrap_err().contains(r"\q"));
        assert!(unescape(r"\x+1").unwrap_err().contains("+1"));
        assert!(unescape(r"\xé").unwrap_err().contains("two"));
        assert!(unescape("\\").unwrap_err().contains("end"));
    }

    #[test]
    fn a_line_ends_where_its_only_newline_is() {
        assert!(is_line(b"1\n") && is_line(b"\n"));
        assert!(!is_line(b"1") && !is_line(b"") && !is_line(b"a\nb\n"));
    }
}
