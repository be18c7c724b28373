//! From a call's entry and its exit to its record.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::num::NonZeroI32;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::libc;
use nix::sys::ptrace;
use nix::unistd::Pid;

use super::descriptors::given_up;
use super::endpoints::{Connected, Socket, Sockets};
use super::seccomp::{FOREIGN, Role, Stop};
use super::{arguments, bound};
use super::{memory, options, untraced};
use crate::lock::lock;
use crate::recorder::{Recorder, now};
use timeline::words::call_text;
use timeline::{
    Argument, Call, CallKind, ClientAction, ClientActionKind, Direction, Endpoints, Errno, ProcessEventKind, Record,
    Side, Timestamp, What,
};

/// The calls that tasks have entered and that have not returned, of those that are recorded.
#[derive(Default)]
pub(super) struct InFlight(Mutex<HashMap<Pid, Inside>>);

impl InFlight {
    /// Ends an observation: puts the calls that have not returned on the timeline, and closes the
    /// recorder to what comes after. A call that returns at this moment is there once.
    pub fn end_observation(&self, recorder: &Recorder) {
        let in_flight = lock(&self.0);
        let ended = now();
        let mut calls: Vec<(&Pid, &Pending)> = in_flight
            .iter()
            .filter_map(|(task, inside)| Some((task, inside.recorded_unfinished()?)))
            .collect();
        calls.sort_by_key(|(_, pending)| pending.entered);
        for (task, pending) in calls {
            if let Some(record) = record(pending.side, pending.on, pending.clone().call(*task, ended)) {
                recorder.push(record);
            }
        }
        recorder.close();
    }
}

/// What a task is inside of.
#[allow(clippy::large_enum_variant, reason = "a box would be an allocation at each call")]
enum Inside {
    Call(Pending),
    /// It is no call on a socket, and matters only if it succeeds.
    IoUringSetup,
    /// It matters only if it fails.
    StrictMode,
    /// A socket of this descriptor gets the address that these arguments point to.
    Bind(i32, [u64; 6]),
}

impl Inside {
    /// The call, if it is to be on the timeline although it has not returned. A server that waits for
    /// its next client is nothing to tell, and these others do not wait.
    fn recorded_unfinished(&self) -> Option<&Pending> {
        match self {
            Inside::IoUringSetup | Inside::StrictMode | Inside::Bind(..) => None,
            Inside::Call(pending) => match pending.kind {
                CallKind::Accept | CallKind::Listen | CallKind::SetOption => None,
                _ => Some(pending),
            },
        }
    }
}

/// A call between its entry and its exit.
#[derive(Clone)]
struct Pending {
    stop: &'static Stop,
    args: [u64; 6],
    kind: CallKind,
    fd: i32,
    on: Option<Endpoints>,
    /// Which end of it the program is.
    side: Side,
    /// The inode of a socket of which it is not known yet what it is.
    unnamed: Option<u64>,
    bytes: Vec<u8>,
    asked: Option<u64>,
    detail: Option<String>,
    argument: Option<Argument>,
    /// The process that the task is a thread of.
    process: Pid,
    entered: Timestamp,
    /// How long the task has stood still for us.
    tracer: Duration,
}

/// What a stop at a call's entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// A call to record: the task is to stop again at its exit.
    Recorded,
    /// A call that does not matter.
    Passed,
    /// A call of another architecture.
    Foreign,
}

/// Makes the records of one program's calls.
pub(super) struct Calls {
    /// Whose program it is. A client's calls become what a client does.
    side: Side,
    in_flight: Arc<InFlight>,
    sockets: Sockets,
    /// Options that reach the wire and were set before a socket listened or connected, by its inode. A
    /// listener's hold for the sockets that it accepts.
    early_options: HashMap<u64, Vec<Call>>,
    recorder: Arc<Recorder>,
}

/// What the kernel returns of a call that a signal interrupted, before it has moved or done anything
/// (ERESTARTSYS and others of linux/errno.h). No program sees it: the kernel makes the call again, with
/// another stop at its entry, or fails it with EINTR if a handler asks for that. Which of the two is
/// decided later, so a call that fails so is not on the timeline.
const RESTARTS: RangeInclusive<i64> = -516..=-512;

/// So many sockets' early options are kept. A program that makes more sockets than that and neither
/// listens nor connects on them is no TCP server.
const EARLY_SOCKETS: usize = 1024;

impl Calls {
    pub fn new(side: Side, in_flight: Arc<InFlight>, connected: Arc<Connected>, recorder: Arc<Recorder>) -> Calls {
        Calls {
            side,
            in_flight,
            sockets: Sockets::new(connected),
            early_options: HashMap::new(),
            recorder,
        }
    }

    /// A task has stopped again, so that it is past the call that it was in.
    pub fn stopped(&mut self, task: Pid) {
        self.sockets.descriptors.stopped(task);
    }

    /// A task has ended, perhaps inside a call.
    pub fn ended(&mut self, task: Pid) {
        let inside = lock(&self.in_flight.0).remove(&task);
        if let Some(pending) = inside.as_ref().and_then(Inside::recorded_unfinished) {
            self.push(pending.side, pending.on, pending.clone().call(task, now()));
        }
        self.sockets.descriptors.ended(task);
    }

    /// A task has executed another program.
    pub fn executed(&mut self, task: Pid) {
        lock(&self.in_flight.0).remove(&task);
        self.sockets.descriptors.executed();
    }

    /// A task, a thread of this process, is about to enter a call.
    pub fn enter(&mut self, task: Pid, process: Pid) -> Entered {
        let stopped = now();
        let Ok(info) = ptrace::syscall_info(task) else {
            return Entered::Passed;
        };
        // SAFETY: ptrace(2): at this stop `op` is PTRACE_SYSCALL_INFO_SECCOMP and the kernel filled in
        // `seccomp`.
        let (op, seccomp) = (info.op, unsafe { info.u.seccomp });
        if op != libc::PTRACE_SYSCALL_INFO_SECCOMP {
            return Entered::Passed;
        }
        if seccomp.ret_data == FOREIGN {
            // We do not know the calls of that architecture by their numbers. Any of them may close a descriptor.
            self.sockets.descriptors.distrust();
            return Entered::Foreign;
        }
        let Some(mut inside) = self.begin(task, seccomp.nr.cast_signed(), seccomp.args) else {
            return Entered::Passed;
        };
        let mut in_flight = lock(&self.in_flight.0);
        if let Inside::Call(pending) = &mut inside {
            pending.process = process;
            pending.entered = now();
            pending.tracer = pending.entered.since(stopped);
        }
        in_flight.insert(task, inside);
        Entered::Recorded
    }

    /// What a task is inside of from now on, if that matters.
    fn begin(&mut self, task: Pid, number: i64, args: [u64; 6]) -> Option<Inside> {
        let stop = Stop::at(number)?;
        let inside = match stop.role {
            Role::IoUringSetup => Some(Inside::IoUringSetup),
            Role::StrictMode => Some(Inside::StrictMode),
            Role::Clone => {
                untraced::never(task, number, &args);
                None
            }
            Role::Bind => (self.side == Side::Server).then_some(Inside::Bind(args[0] as i32, args)),
            _ => self.interest(task, stop, args).map(Inside::Call),
        };
        if let Some(fds) = given_up(number, &args) {
            self.sockets.descriptors.gives_up(task, fds);
        }
        inside
    }

    /// Whether a call is one to record, and what is known of it at its entry.
    fn interest(&mut self, task: Pid, stop: &'static Stop, args: [u64; 6]) -> Option<Pending> {
        let (kind, fd) = self.classify(task, stop.role, &args)?;
        let socket = self.sockets.get(task, fd);
        let on = match (kind, socket) {
            (CallKind::Listen | CallKind::Connect, _) => None,
            (CallKind::SetOption, Some(Socket::Other(_)))
                if options::reaches_the_wire(args[1] as i32, args[2] as i32) =>
            {
                None
            }
            (CallKind::Accept, Some(Socket::Listener(_))) => None,
            (CallKind::SetOption | CallKind::Close, Some(Socket::Listener(_))) => None,
            (_, Some(Socket::Connection(on) | Socket::Dialed(on))) => Some(on),
            _ => return None,
        };
        let asked = match kind {
            // The backlog is an int of C: the upper half of its register means nothing.
            CallKind::Listen => Some(u64::from(args[1] as u32)),
            _ => arguments::bytes_asked(task, stop.number, &args),
        };
        let bytes = match kind {
            CallKind::Write => arguments::data(task, stop.number, &args, asked.unwrap_or(0)),
            _ => Vec::new(),
        };
        if kind == CallKind::Connect
            && self.side == Side::Server
            && let Some(address) = memory::socket_address(task, args[1], args[2])
        {
            self.recorder.dials(address.port());
        }
        let (detail, argument) = arguments::decisive(task, stop.number, kind, &args);
        Some(Pending {
            stop,
            args,
            kind,
            fd,
            on,
            side: match socket {
                Some(Socket::Dialed(_)) => Side::Client,
                _ => self.side,
            },
            unnamed: match socket {
                Some(Socket::Other(inode)) => Some(inode),
                _ => None,
            },
            bytes,
            asked,
            detail,
            argument,
            process: task,
            entered: Timestamp::default(),
            tracer: Duration::ZERO,
        })
    }

    /// A call's family, and the descriptor that matters.
    fn classify(&mut self, task: Pid, role: Role, args: &[u64; 6]) -> Option<(CallKind, i32)> {
        let [from, _, to, ..] = args.map(|argument| argument as i32);
        match role {
            Role::On(kind) => Some((kind, from)),
            Role::Splice if self.sockets.is_connection(task, to) => Some((CallKind::Write, to)),
            Role::Splice => Some((CallKind::Read, from)),
            Role::Descriptors | Role::IoUringSetup | Role::StrictMode | Role::Clone | Role::Bind => None,
        }
    }

    /// A task is about to leave a call. What is so of its process from now on, other than what the call's record tells.
    pub fn leave(&mut self, task: Pid) -> Option<ProcessEventKind> {
        let ended = now();
        let result = ptrace::syscall_info(task).ok().and_then(|info| {
            // SAFETY: ptrace(2): at an exit stop `op` is PTRACE_SYSCALL_INFO_EXIT and the kernel
            // filled in `exit`.
            let (op, exit) = (info.op, unsafe { info.u.exit });
            (op == libc::PTRACE_SYSCALL_INFO_EXIT).then_some(exit.sval)
        });
        // Locked until the record is made, so that whoever ends the observation finds the call either
        // here or recorded.
        let all = Arc::clone(&self.in_flight);
        let mut in_flight = lock(&all.0);
        match (in_flight.remove(&task), result) {
            (Some(Inside::Call(_)), Some(value)) if RESTARTS.contains(&value) => {}
            (Some(Inside::Call(pending)), Some(value)) => self.record(task, pending, value, ended),
            (Some(Inside::Bind(fd, args)), Some(value)) => {
                if let Some(bound) = bound::look(task, fd, &args, value) {
                    self.recorder.bound(bound);
                }
            }
            (Some(Inside::IoUringSetup), Some(0..)) => {
                self.sockets.descriptors.distrust();
                return Some(ProcessEventKind::UsesIoUring);
            }
            (Some(Inside::StrictMode), Some(value))
                if value == -i64::from(libc::EINVAL) && has_our_filter_alone(task) =>
            {
                return Some(ProcessEventKind::NoStrictMode);
            }
            _ => {}
        }
        None
    }

    fn record(&mut self, task: Pid, mut pending: Pending, value: i64, ended: Timestamp) {
        let result = u64::try_from(value).map_err(|_| Errno(i32::try_from(-value).unwrap_or(0)));
        let (fd, args, number) = (pending.fd, pending.args, pending.stop.number);
        let moved_in_messages = match (number, result) {
            (libc::SYS_sendmmsg | libc::SYS_recvmmsg, Ok(count)) => Some(memory::message_lengths(task, args[1], count)),
            _ => None,
        };
        let moved = moved_in_messages.or(result.ok());
        match (pending.kind, result) {
            (CallKind::Listen, Ok(_)) => {
                let Some(address) = self.sockets.listens(task, fd) else {
                    match hides_descriptors(task) {
                        true => self.recorder.hides(),
                        false => self.recorder.listens_elsewhere(task.as_raw(), fd),
                    }
                    return;
                };
                self.recorder.listening(address);
                pending.detail = Some(address.to_string());
                pending.argument = Some(Argument::Address(address));
                self.tell_early_options(task, fd, None);
            }
            (CallKind::Listen, Err(_)) => {}
            (CallKind::Accept, Ok(new)) => {
                let who = (task, pending.process);
                pending.on = self.sockets.accepted(who, fd, new as i32, &args);
            }
            (CallKind::Read, Ok(_)) => pending.bytes = arguments::data(task, number, &args, moved.unwrap_or(0)),
            (CallKind::Connect, _) if self.is_told_again(task, fd, result) => return,
            (CallKind::Connect, _) if self.side == Side::Client => {
                pending.on = self
                    .sockets
                    .connected((task, pending.process), (fd, &args), result, Socket::Connection);
                if pending.on.is_some() {
                    self.tell_early_options(task, fd, pending.on);
                }
            }
            (CallKind::Connect, _) => {
                if let Some(on) = self
                    .sockets
                    .connected((task, pending.process), (fd, &args), result, Socket::Dialed)
                {
                    // Here the server is a client: it has connected to another server, or to itself.
                    let dials = ProcessEventKind::Dials { on: on.into() };
                    self.recorder.process(pending.entered, pending.process.as_raw(), dials);
                    (pending.on, pending.side) = (Some(on), Side::Client);
                    self.tell_early_options(task, fd, pending.on);
                } else if result.is_ok() {
                    return;
                } else if let Some(address) = memory::socket_address(task, args[1], args[2]) {
                    // On one host a connect that does not wait may have been refused when it returns: then its socket
                    // is in no table any more.
                    pending.detail = Some(address.to_string());
                    pending.argument = Some(Argument::Address(address));
                } else {
                    return;
                }
            }
            _ => {}
        }
        if let Some(length) = moved
            && pending.kind == CallKind::Write
        {
            pending.bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        }
        let (on, unnamed, side) = (pending.on, pending.unnamed, pending.side);
        let mut call = pending.call(task, ended);
        call.result = Some(result);
        call.moved_in_messages = moved_in_messages.map(Box::new);
        call.tracer += now().since(ended);
        match unnamed {
            Some(inode) if call.kind == CallKind::SetOption => {
                if self.early_options.len() >= EARLY_SOCKETS {
                    self.early_options.clear();
                }
                self.early_options.entry(inode).or_default().push(call);
            }
            _ => self.push(side, on, call),
        }
    }

    /// True for a connect that only says how an earlier one went.
    fn is_told_again(&mut self, task: Pid, fd: i32, result: Result<u64, Errno>) -> bool {
        let tells = matches!(
            result,
            Ok(_) | Err(Errno::EINPROGRESS | Errno::EALREADY | Errno::EISCONN)
        );
        self.sockets.is_connection(task, fd) && tells
    }

    fn push(&self, side: Side, on: Option<Endpoints>, call: Call) {
        if let Some(record) = record(side, on, call) {
            self.recorder.push(record);
        }
    }

    /// It is known now what a socket is: puts the options that were set on it on the timeline, at the
    /// time when they were.
    fn tell_early_options(&mut self, task: Pid, fd: i32, on: Option<Endpoints>) {
        let inode = self.sockets.inode(task, fd);
        let early = inode.and_then(|inode| self.early_options.remove(&inode));
        for call in early.unwrap_or_default() {
            let side = if on.is_some() { Side::Client } else { self.side };
            self.push(side, on, call);
        }
    }
}

impl Pending {
    /// The call as it stands, without a result.
    fn call(self, task: Pid, ended: Timestamp) -> Call {
        Call {
            process: NonZeroI32::new(self.process.as_raw()),
            thread: task.as_raw(),
            name: Cow::Borrowed(self.stop.name),
            kind: self.kind,
            fd: self.fd,
            asked: self.asked,
            bytes: self.bytes.into(),
            detail: self.detail.map(|detail| Box::new(detail.into())),
            argument: self.argument.map(Box::new),
            result: None,
            moved_in_messages: None,
            entered: self.entered,
            ended,
            tracer: self.tracer,
        }
    }
}

/// Whether a task has no filter but the one by which it is traced: proc_pid_status(5), `Seccomp_filters`. Linux before 5.9
/// does not say.
fn has_our_filter_alone(task: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{task}/status")).unwrap_or_default();
    status.lines().any(|line| line == "Seccomp_filters:\t1")
}

/// True if we may not see what a program's descriptors are: it has said that nobody may look into it (PR_SET_DUMPABLE of
/// prctl(2)), and we are not root.
fn hides_descriptors(task: Pid) -> bool {
    let found = std::fs::read_dir(format!("/proc/{task}/fd"));
    found.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// A call at its place in time. `None` if it has none on the timeline.
fn record(side: Side, on: Option<Endpoints>, call: Call) -> Option<Record> {
    let waits = matches!(call.kind, CallKind::Accept | CallKind::Read | CallKind::Connect);
    let at = if waits { call.ended } else { call.entered };
    let what = match side {
        Side::Server => What::Call { on, call: call.into() },
        Side::Client => What::Client {
            on: on?,
            action: client_action(call)?.into(),
        },
    };
    Some(Record { at, what })
}

/// A client program's call as what a client does. Calls that told it to wait are not on the
/// timeline, as they are not for a client of our own.
fn client_action(call: Call) -> Option<ClientAction> {
    let (bytes, len) = (call.bytes.clone(), call.moved());
    let kind = match (call.kind, call.result) {
        (CallKind::Connect, Some(Ok(_) | Err(Errno::EINPROGRESS))) => ClientActionKind::Connected,
        _ if call.would_block() => return None,
        (_, Some(Err(errno))) => ClientActionKind::Failed(format!("{}: {errno}", call.name)),
        (_, None) => ClientActionKind::Called(call_text(&call)),
        (CallKind::Write, _) => ClientActionKind::Sent { bytes, len },
        (CallKind::Read, _) if call.is_peek() => ClientActionKind::Called(call_text(&call)),
        (CallKind::Read, _) if call.is_end_of_file() => ClientActionKind::EndOfFile,
        (CallKind::Read, _) => ClientActionKind::Received { bytes, len },
        // To stop reading sends no segment: it is named as a call, not as what a client does on the wire.
        (CallKind::Shutdown, _) if call.argument() == Some(Argument::Shutdown(Direction::Read)) => {
            ClientActionKind::Called(call_text(&call))
        }
        (CallKind::Shutdown, _) => ClientActionKind::ShutdownWrite,
        (CallKind::Close, _) => ClientActionKind::Closed,
        (CallKind::SetOption, _) => ClientActionKind::Called(call_text(&call)),
        (CallKind::Listen | CallKind::Accept, _) => return None,
    };
    Some(ClientAction {
        kind,
        counters: None,
        call: Some(Box::new(call)),
    })
}
