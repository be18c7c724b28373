//! Where events come from.
//!
//! On Linux each observer fills one [`Recorder`](recorder::Recorder) and knows nothing of the
//! others; [`Run`] holds them together. Elsewhere there is nothing to observe with.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::timeline::Level;

#[cfg_attr(
    not(all(target_os = "linux", not(no_observe))),
    allow(dead_code, reason = "where nothing is observed nothing is recorded")
)]
pub(crate) mod recorder;

#[cfg(all(target_os = "linux", not(no_observe)))]
mod packets;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod sandbox;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod seccomp;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod sockets;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod syscalls;

#[cfg(all(target_os = "linux", not(no_observe)))]
mod machine;
#[cfg(not(all(target_os = "linux", not(no_observe))))]
#[path = "elsewhere.rs"]
mod machine;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod run;

pub use machine::{Machine, Refusal};
#[cfg(not(all(target_os = "linux", not(no_observe))))]
pub(crate) use machine::{Network, Run, segment_counters};
#[cfg(all(target_os = "linux", not(no_observe)))]
pub(crate) use run::{Network, Run, segment_counters};

/// What to run, and how.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
    /// The level to use; the best one if `None`.
    pub level: Option<Level>,
}

impl Spec {
    /// The program's name for messages.
    pub fn name(&self) -> String {
        self.program.display().to_string()
    }
}
