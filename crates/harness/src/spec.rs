//! What is to be run, and how.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::wire::Wire;
use timeline::Level;

/// As an argument of a server, stands for an address to listen on: `127.0.0.1:3000` in a private network,
/// `10.0.0.2:3000` behind a [wire](crate::ServerBuilder::wire), and port 0 of the loopback address on the host, where
/// port 3000 may be taken.
pub const LISTEN: &str = "{listen}";

/// What to run, and how.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
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
