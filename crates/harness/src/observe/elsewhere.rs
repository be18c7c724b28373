//! Observing a server takes Linux. Here the same names exist and say so.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket};

use crate::error::{Error, Output};
use crate::machine::{Machine, Refusal};
use crate::recorder::Recorder;
use crate::spec::{Patience, Spec};
use crate::timeline::{Exit, Level, Recording, SegmentCounters, Side};

impl Machine {
    /// Says that nothing can be observed on this system.
    pub fn look() -> Machine {
        let refusal = Some(Refusal {
            reason: "this system is not Linux".into(),
            cure: "observe servers on Linux (a virtual machine or a container will do)".into(),
        });
        Machine {
            level: None,
            no_sandbox: refusal.clone(),
            no_host_capture: refusal.clone(),
            no_trace: refusal,
            ipv6: false,
        }
    }
}

/// Why there is no wire on this system: there are no private networks to connect with one.
pub fn wire_refusal() -> Option<Refusal> {
    Machine::look().no_sandbox
}

/// A run that cannot be.
pub(crate) enum Run {}

/// A network that cannot be.
pub(crate) enum Network {}

impl Run {
    pub fn start(spec: &Spec) -> Result<Run, Error> {
        Err(Error::Unsupported { program: spec.name() })
    }

    pub fn network(&self) -> &Arc<Network> {
        match *self {}
    }

    pub fn cut(&self, _of: Option<Side>) -> bool {
        match *self {}
    }

    pub fn restore(&self, _of: Option<Side>) -> bool {
        match *self {}
    }

    pub fn conclude(&self) -> Result<Recording, Error> {
        match *self {}
    }

    pub fn settle(&self, _patience: Patience) {
        match *self {}
    }

    pub fn is_idle(&self) -> bool {
        match *self {}
    }

    pub fn wait_until_idle(&self, _limit: Duration) -> bool {
        match *self {}
    }

    pub fn client(&self, _command: Command, _limit: Duration) -> Result<Option<Exit>, Error> {
        match *self {}
    }

    pub fn finish(self, _grace: Duration) -> Result<Recording, Error> {
        match self {}
    }

    pub fn last_output(self) -> Output {
        match self {}
    }
}

impl Network {
    pub fn level(&self) -> Level {
        match *self {}
    }

    pub fn recorder(&self) -> &Arc<Recorder> {
        match *self {}
    }

    pub fn socket(&self, _domain: Domain, _from: Option<SocketAddr>) -> std::io::Result<Socket> {
        match *self {}
    }

    pub fn enter(&self, _host: Side, _command: &mut Command) -> std::io::Result<()> {
        match *self {}
    }

    pub fn has_wire(&self) -> bool {
        match *self {}
    }

    pub fn server_host(&self) -> (Ipv4Addr, Ipv6Addr) {
        match *self {}
    }

    pub fn slow_by(&self) -> Duration {
        match *self {}
    }

    pub fn output(&self) -> Output {
        match *self {}
    }

    pub fn ended(&self) -> Option<Exit> {
        match *self {}
    }
}

/// TCP_INFO's counters of a socket: on Linux only.
pub fn segment_counters(_socket: &Socket) -> Option<SegmentCounters> {
    None
}

/// The names of the calls that a traced program is stopped at: none, as it cannot be traced.
pub fn traced_calls() -> Vec<&'static str> {
    Vec::new()
}
