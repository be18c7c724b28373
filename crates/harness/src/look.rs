//! What a server has at one moment, as the system tells it: plain data.

use std::fmt;
use std::time::Duration;

use timeline::Endpoints;

/// A look at all processes of a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    /// Its processes.
    pub processes: Vec<i32>,
    /// The first of them, which the others come from.
    pub main: i32,
    /// The most descriptors of any kind that one of them has.
    pub descriptors: usize,
    /// The descriptors of connections that were accepted: process, number, connection.
    pub held: Vec<(i32, i32, Endpoints)>,
    /// The memory that they have written to, in bytes: RssAnon of proc_pid_status(5).
    pub memory: u64,
    /// How often their threads have gone to sleep: voluntary_ctxt_switches of proc_pid_status(5).
    pub slept: u64,
    /// All threads sleep.
    pub idle: bool,
    /// All threads are stopped.
    pub stopped: bool,
    /// One of them sleeps until some moment, or nobody can tell that it does not.
    pub on_clock: bool,
}

/// A socket of the server's, as the kernel's table has it: proc_net_tcp(5).
#[derive(Clone, Debug)]
pub(crate) struct Socket {
    pub on: Endpoints,
    /// The number of its state in net/tcp_states.h.
    pub state: u8,
    /// How many bytes nobody has acknowledged.
    pub unsent: u64,
    /// The timer that the kernel has for it, if there is one, and when it goes off.
    pub timer: Option<(Timer, Duration)>,
}

/// What will tell a server that a client is gone, as its host and its threads stand at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Neither the server nor the kernel has the connection any more.
    LetGo,
    /// The kernel, once this timer has gone off, or gone off often enough.
    Kernel(Timer, Duration),
    /// The server may: a thread sleeps until some moment.
    Clock,
    /// The server may: its threads do something.
    Unseen,
    /// Nothing. Nothing is on its way, the kernel has no timer, no thread sleeps with a timeout, and none has woken up
    /// within a second.
    Nothing,
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outlook::LetGo => f.write_str("it is let go"),
            Outlook::Kernel(timer, within) => write!(f, "the kernel's {timer} timer goes off in {within:?}"),
            Outlook::Clock => {
                f.write_str("the kernel has no timer for it, and a thread sleeps until some moment: it may find it")
            }
            Outlook::Unseen => {
                f.write_str("the kernel has no timer for it, and what the server's threads wait for was not seen")
            }
            Outlook::Nothing => f.write_str(
                "it waits for ever, as the kernel has no timer for it, no thread sleeps with a timeout, and none wakes",
            ),
        }
    }
}

/// What the kernel waits for, by the numbers of proc_net_tcp(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// To send again.
    Retransmission,
    /// Another one, as keep-alive's.
    KeepAlive,
    /// The end of TIME_WAIT.
    TimeWait,
    /// To ask whether a window has opened.
    Probe,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Timer::Retransmission => "retransmission",
            Timer::KeepAlive => "keep-alive",
            Timer::TimeWait => "TIME_WAIT",
            Timer::Probe => "window probe",
        })
    }
}

/// Which processes of a server a signal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalTo {
    /// The first one.
    First,
    /// Each that there is.
    All,
    /// This one.
    One(i32),
}
