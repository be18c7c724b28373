//! What a machine allows.

use timeline::Level;

/// Something that the machine refused: why, and the cure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {cure}")]
pub struct Refusal {
    /// What was tried and what the system said.
    pub reason: String,
    /// What to do about it.
    pub cure: String,
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
