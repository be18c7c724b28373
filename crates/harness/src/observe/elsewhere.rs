//! Observing a server takes Linux. Here the same names exist and say so.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket};

use crate::error::{Error, Output};
use crate::look::{Look, SignalTo, Socket as LookedAt};
use crate::machine::{Machine, Refusal};
use crate::recorder::Recorder;
use crate::spec::{Patience, Spec};
use timeline::{Exit, Level, Recording, SegmentCounters, Side};

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

/// Where nothing is observed, no test asks whether the machine keeps its time.
pub(crate) fn processors() -> Vec<usize> {
    Vec::new()
}

pub(crate) fn stay_on(_: usize) {}

/// Methods of a type that has no value: nobody calls them.
macro_rules! never {
    ($($name:ident($($of:ty),*) -> $result:ty;)+) => {
        $(pub fn $name(&self, $(_: $of),*) -> $result {
            match *self {}
        })+
    };
}

/// A run that cannot be.
pub(crate) enum Run {}

/// A network that cannot be.
#[derive(Debug)]
pub(crate) enum Network {}

impl Run {
    pub fn start(spec: &Spec, _: Option<&Network>) -> Result<Run, Error> {
        Err(Error::Unsupported { program: spec.name() })
    }

    never! {
        network() -> &Arc<Network>;
        cut(Option<Side>) -> bool;
        signal(i32, SignalTo) -> bool;
        unmet() -> Vec<String>;
        is_cut() -> bool;
        was_executed() -> bool;
        look() -> Look;
        restore(Option<Side>) -> bool;
        conclude() -> Result<Recording, Error>;
        settle(Patience) -> ();
        is_idle() -> bool;
        wait_until_idle(Duration) -> bool;
        client(Command, Duration) -> Result<Option<Exit>, Error>;
        client_output(Command, Duration) -> Result<(Option<Exit>, [Vec<u8>; 2]), Error>;
        finish(Duration) -> Result<Recording, Error>;
        last_output() -> Output;
    }
}

impl Network {
    never! {
        level() -> Level;
        recorder() -> &Arc<Recorder>;
        socket(Domain, Option<SocketAddr>) -> std::io::Result<Socket>;
        enter(Side, &mut Command) -> std::io::Result<()>;
        has_wire() -> bool;
        carry(Ipv4Addr) -> std::io::Result<()>;
        sockets() -> Vec<LookedAt>;
        overflows() -> Option<u64>;
        server_host() -> (Ipv4Addr, Ipv6Addr);
        slow_by() -> Duration;
        output() -> Output;
        ended() -> Option<Exit>;
    }

    pub fn inside<T>(&self, _: impl FnOnce() -> T) -> std::io::Result<T> {
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
