//! What can go wrong, for those who match on it.

use std::time::Duration;

use timeline::{Errno, Exit, Level};

/// Why a server could not be started, observed or talked to.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This system has no way to observe a server.
    #[error(
        "cannot run {program}: observing a server needs Linux (ptrace, seccomp); on this system captures can be read and shown only"
    )]
    Unsupported {
        /// The program.
        program: String,
    },
    /// The program could not be started.
    #[error("cannot start {program}: {source}: {cure}")]
    Spawn {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
        /// What that means here, and what to do.
        cure: String,
    },
    /// The program was to be started again, and was not.
    #[error("cannot start the server again: {0}")]
    Restart(String),
    /// The system's files about processes are not there, so nothing can be known of a socket.
    #[error("cannot observe {program}: {reason}: mount it: mount -t proc proc /proc")]
    NoProc {
        /// The program.
        program: String,
        /// What is wrong with `/proc`.
        reason: String,
    },
    /// The system does not let us trace, so no system call can be counted.
    #[error("cannot trace {program}: ptrace was refused ({reason}): {cure}")]
    TraceRefused {
        /// The program.
        program: String,
        /// What the system said.
        reason: String,
        /// What to do.
        cure: String,
    },
    /// A level was asked for that this machine does not allow.
    #[error("cannot observe {program} at level \"{level}\": {reason}: {cure}")]
    LevelRefused {
        /// The program.
        program: String,
        /// The level.
        level: timeline::Level,
        /// What the system said.
        reason: String,
        /// What to do.
        cure: String,
    },
    /// There can be no two hosts with a wire between them on this machine.
    #[error("cannot run {program} behind a wire: {reason}: {cure}")]
    WireRefused {
        /// The program.
        program: String,
        /// What the system said.
        reason: String,
        /// What to do.
        cure: String,
    },
    /// What a wire is told is not understood.
    #[error(transparent)]
    Script(#[from] crate::ScriptError),
    /// A setting of the private network was refused.
    #[error("cannot set {setting} in the private network: {source}: does this kernel have it? sysctl(8) lists them")]
    Setting {
        /// Its name and the value.
        setting: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The cable was to be cut or restored, and there is none.
    #[error("there is no wire to cut or to restore: start the server with Server::build(..).wire(Wire::new())")]
    NoWire,
    /// The server listens where no other host can reach it.
    #[error(
        "no client can reach {address} from another host: Linux carries no packet to ::1 over a wire, as it does to \
         127.0.0.1: let the server listen on 127.0.0.1, 0.0.0.0 or ::, or write {{listen}} for its address"
    )]
    Loopback {
        /// Where it listens.
        address: std::net::SocketAddr,
    },
    /// The server ended before it listened.
    #[error("{program} ended ({exit}) before it listened on a port{}{strict}{output}", Refused::of(.refused))]
    ExitedEarly {
        /// The program.
        program: String,
        /// How it ended.
        exit: Exit,
        /// The address that it could not have, if there is one.
        refused: Option<Refused>,
        /// What it was refused since it is traced, ready to follow the sentence.
        strict: String,
        /// What it wrote, ready to follow the sentence.
        output: Output,
    },
    /// The server did not listen in time.
    #[error(
        "{program} did not listen on a TCP port within {waited:?}: it runs, but has made no listen call that succeeded{}{output}",
        Refused::of(.refused)
    )]
    NeverListened {
        /// The program.
        program: String,
        /// How long we waited.
        waited: Duration,
        /// The address that it could not have, if there is one.
        refused: Option<Refused>,
        /// What it wrote, ready to follow the sentence.
        output: Output,
    },
    /// The server waits for others than clients over TCP.
    #[error("{program} waits on {where_}, and on no TCP port: only TCP is followed here{output}")]
    NotTcp {
        /// The program.
        program: String,
        /// Where it waits: `UDP 127.0.0.1:53`, `the Unix socket /run/server`.
        where_: String,
        /// What it wrote, ready to follow the sentence.
        output: Output,
    },
    /// The server listens, and nobody but root may see where.
    #[error(
        "{program} listens, and who is not root may not see on what: it has made itself undumpable (PR_SET_DUMPABLE of \
         prctl(2)), or runs with other rights: run it as root, or without that{output}"
    )]
    Hidden {
        /// The program.
        program: String,
        /// What it wrote, ready to follow the sentence.
        output: Output,
    },
    /// The server listens, and not on the port that was asked for.
    #[error("{program} does not listen on port {port}, but on {}: it was waited for {waited:?}", ports(.others))]
    NotOnPort {
        /// The program.
        program: String,
        /// The port that was asked for.
        port: u16,
        /// Where it listens.
        others: Vec<std::net::SocketAddr>,
        /// How long we waited.
        waited: Duration,
    },
    /// A client could not connect.
    #[error("cannot connect to {address}: {source}{}{server}", cure(source))]
    Connect {
        /// Where to.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
        /// What is known of the server, ready to follow the sentence.
        server: String,
    },
    /// A client could not do what it was told.
    #[error("the client could not {what}: {source}{server}")]
    Client {
        /// What it tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
        /// What is known of the server, ready to follow the sentence.
        server: String,
    },
    /// A client program did not end in time.
    #[error("the client {program} had not ended after {waited:?} and was killed")]
    ClientTimedOut {
        /// The program.
        program: String,
        /// How long we waited.
        waited: Duration,
    },
    /// Some other call failed.
    #[error("cannot {what}: {source}{}", cure(source))]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// As [`Display`](std::fmt::Display) has it: a test that returns it, as `#[test]` may, prints this.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// What to do where a limit of this process stands in the way, ready to follow the reason: getrlimit(2).
fn cure(error: &std::io::Error) -> &'static str {
    // These are Linux's error numbers. Other systems have others, and this process meets such limits only where it
    // observes.
    if error.kind() == std::io::ErrorKind::TimedOut {
        return ": no answer to its SYN: the queue of connections to accept may be full, or a filter drops it";
    }
    match error.raw_os_error() {
        Some(11) => ": a limit of threads, or of memory for one more, is reached: raise it (ulimit -u, ulimit -v)",
        Some(12) => ": there is not enough memory: raise the limit, if there is one (ulimit -v)",
        Some(24) => ": raise the limit of open files (ulimit -n)",
        _ => "",
    }
}

impl Error {
    /// What the system said of what was tried.
    pub(crate) fn system(what: &'static str) -> impl Fn(std::io::Error) -> Error {
        move |source| Error::System { what, source }
    }

    /// True if a client gave up waiting for bytes, or a client program was not waited for any longer.
    pub fn is_timeout(&self) -> bool {
        self.is_client_of(std::io::ErrorKind::TimedOut) || matches!(self, Error::ClientTimedOut { .. })
    }

    /// True if a client waited for bytes that did not come, in time or before the server closed.
    pub fn is_no_reply(&self) -> bool {
        self.is_client_of(std::io::ErrorKind::TimedOut) || self.is_client_of(std::io::ErrorKind::UnexpectedEof)
    }

    /// True if a client of ours said so.
    fn is_client_of(&self, kind: std::io::ErrorKind) -> bool {
        // A client of ours that gives up makes an error without a number. One with a number came from the system: TCP
        // has given up.
        let gave_up = |source: &std::io::Error| source.raw_os_error().is_some();
        match self {
            Error::Client { source, .. } => source.kind() == kind && !gave_up(source),
            _ => false,
        }
    }
}

/// An address that a server asked for and could not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address}: bind failed with {errno} ({})", self.cure())]
pub struct Refused {
    /// The address.
    pub address: std::net::SocketAddr,
    /// What bind(2) said.
    pub errno: Errno,
    /// Where the server ran.
    pub level: Level,
}

impl Refused {
    /// As the end of a sentence; nothing if none was refused.
    fn of(refused: &Option<Refused>) -> String {
        refused
            .map(|refused| format!(", as it cannot have {refused}"))
            .unwrap_or_default()
    }

    fn cure(&self) -> &'static str {
        match (self.errno, self.level) {
            (Errno::EADDRNOTAVAIL, Level::Sandbox) => {
                "the private network has no addresses of this host: let it listen on 127.0.0.1, ::1, 0.0.0.0 or ::, \
                 or write {listen} for its address"
            }
            (Errno::EADDRNOTAVAIL, _) => "this host has no such address: let it listen on 127.0.0.1 or 0.0.0.0",
            (Errno::EADDRINUSE, Level::Sandbox) => {
                "the private network has this program alone, and those that were started beside it: one of them has \
                 that port"
            }
            (Errno::EADDRINUSE, _) => {
                "another program has that port: choose another, or write {listen} for its address"
            }
            (Errno::EACCES, _) => {
                "ports below 1024 are for root on this host: choose another, or \
                 sysctl net.ipv4.ip_unprivileged_port_start=0"
            }
            _ => "see bind(2)",
        }
    }
}

fn ports(addresses: &[std::net::SocketAddr]) -> String {
    let mut ports: Vec<u16> = addresses.iter().map(std::net::SocketAddr::port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

/// The end of what a program wrote to its standard output and error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output(pub String);

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.trim_end() {
            "" => f.write_str("; it wrote nothing to its standard output and error"),
            text => write!(f, "; it wrote:\n{text}"),
        }
    }
}
