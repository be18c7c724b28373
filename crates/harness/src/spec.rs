//! What is to be run, and how.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::wire::Wire;
use timeline::Level;

/// As an argument of a server, stands for an address to listen on: `127.0.0.1:3000` in a private network,
/// `10.0.0.2:3000` behind a [wire](crate::ServerBuilder::wire), and port 0 of the loopback address where port 3000 may
/// be taken: on the host, and [beside](crate::ServerBuilder::beside) another server.
pub const LISTEN: &str = "{listen}";

/// What to run, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spec {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// Variables and their values; those without one are taken away.
    pub environment: Vec<(OsString, Option<OsString>)>,
    /// The folder that it runs in; that of this process if `None`.
    pub folder: Option<PathBuf>,
    /// What it reads from its standard input.
    pub input: Vec<u8>,
    /// The level to use; the best one if `None`.
    pub level: Option<Level>,
    /// How many records are kept.
    pub keep: usize,
    /// How many bytes of a frame are captured; all of them if `None`.
    pub snaplen: Option<u32>,
    /// How many bytes of frames the kernel may hold until they are taken, at each place where it captures.
    pub buffer: u64,
    /// The wire between the client's host and the server's; both are one host if there is none.
    pub wire: Option<Wire>,
    /// What makes this host a poorer one than it is.
    pub host: Host,
}

/// Settings of a private network's hosts, and limits of the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Host {
    /// Settings of the kernel by their names, as sysctl(8) has them: of both hosts, if there are two.
    pub sysctls: Vec<(String, String)>,
    /// The largest packet on the loopback interface, in bytes.
    pub mtu: Option<u16>,
    /// How many descriptors each process of the server may have (RLIMIT_NOFILE of getrlimit(2)).
    pub descriptors: Option<u64>,
    /// What the server's monotonic clock says when it starts.
    pub uptime: Option<Duration>,
}

impl Host {
    /// True if it has settings that take a private network.
    pub fn is_changed(&self) -> bool {
        self.changes_network() || self.uptime.is_some()
    }

    /// True if it has settings of a network, which all that run there share.
    pub fn changes_network(&self) -> bool {
        !self.sysctls.is_empty() || self.mtu.is_some()
    }
}

impl Spec {
    /// The program's name for messages.
    pub fn name(&self) -> String {
        self.program.display().to_string()
    }
}

/// How long to wait for a server that may still do its part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// With all its threads asleep until something happens.
    pub asleep: Duration,
    /// With one of them asleep until some moment.
    pub on_clock: Duration,
}
