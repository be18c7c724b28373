//! Where events come from.
//!
//! On Linux each observer fills one [`Recorder`](recorder::Recorder) and knows nothing of the
//! others; [`Run`] holds them together. Elsewhere there is nothing to observe with.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::timeline::Level;

#[cfg_attr(
    not(all(target_os = "linux", not(no_observe))),
    allow(dead_code, reason = "where nothing is observed nothing is recorded")
)]
pub(crate) mod recorder;

#[cfg_attr(
    not(all(target_os = "linux", not(no_observe))),
    allow(dead_code, reason = "where nothing is observed nothing progresses")
)]
mod progress;

#[cfg_attr(
    not(all(target_os = "linux", not(no_observe))),
    allow(dead_code, reason = "where nothing is recorded nobody follows")
)]
pub(crate) mod queue;

#[cfg_attr(
    not(all(target_os = "linux", not(no_observe))),
    allow(dead_code, reason = "where nothing is observed no process is made")
)]
pub(crate) mod forks;

#[cfg(all(target_os = "linux", not(no_observe)))]
mod filter;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod keeper;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod memory;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod messages;
pub(crate) mod net;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod output;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod packets;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod sandbox;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod sockets;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod spawn;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod spin;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod trace;

#[cfg(all(target_os = "linux", not(no_observe)))]
mod machine;
#[cfg(not(all(target_os = "linux", not(no_observe))))]
#[path = "elsewhere.rs"]
mod machine;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod run;

#[cfg(not(all(target_os = "linux", not(no_observe))))]
pub(crate) use machine::{Network, Run};
#[cfg(not(all(target_os = "linux", not(no_observe))))]
pub use machine::{segment_counters, traced_calls};
#[cfg(all(target_os = "linux", not(no_observe)))]
pub use run::segment_counters;
#[cfg(all(target_os = "linux", not(no_observe)))]
pub(crate) use run::{Network, Run};
#[cfg(all(target_os = "linux", not(no_observe)))]
pub use trace::traced_calls;

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
    pub wire: Option<net::Wire>,
}

impl Spec {
    /// The program's name for messages.
    pub fn name(&self) -> String {
        self.program.display().to_string()
    }
}

/// How long to wait for a server that may still do its part.
#[cfg_attr(
    not(all(target_os = "linux", not(no_observe))),
    allow(dead_code, reason = "where nothing is observed nothing is waited for")
)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// With all its threads asleep until something happens.
    pub asleep: Duration,
    /// With one of them asleep until some moment.
    pub on_clock: Duration,
}

/// Something that the machine refused: why, and the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was tried and what the system said.
    pub reason: String,
    /// What to do about it.
    pub cure: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.reason, self.cure)
    }
}

/// What a run on this machine can observe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The best level; `None` if nothing can be observed.
    pub level: Option<Level>,
    /// Why there is no private network, if there is none.
    pub no_sandbox: Option<Refusal>,
    /// Why packets cannot be captured on the host's own loopback interface, if they cannot.
    pub no_host_capture: Option<Refusal>,
    /// Why system calls cannot be traced, if they cannot.
    pub no_trace: Option<Refusal>,
    /// True if connections over IPv6 work on the loopback interface.
    pub ipv6: bool,
}

/// Why there can be no two hosts and no [`Wire`](crate::Wire) between them on this machine, if there cannot.
pub fn wire_refusal() -> Option<Refusal> {
    machine::wire_refusal()
}

impl Machine {
    /// Looks at the machine: traces a process, makes a private network, and throws both away.
    pub fn look() -> Machine {
        machine::look()
    }
}
