//! The tracer: runs a program and records the socket calls of all its threads and children.
//!
//! ptrace(2) belongs to a thread, so one thread does all of it. The program is started with
//! PTRACE_SEIZE before it runs its first instruction, stops only where [`seccomp`](super::seccomp)
//! says, and ends with the tracer (PTRACE_O_EXITKILL).
#![allow(unsafe_code, reason = "waitpid, ptrace resume and pre_exec; each stands alone below")]

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{self, IoSliceMut, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno as SystemErrno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::descriptors::{Behind, Descriptors, given_up};
use super::patience::Patience;
use super::recorder::{Recorder, now};
use super::sandbox::Doors;
use super::seccomp::{Role, Stop};
use super::{forks, seccomp, sockets};
use crate::timeline::{
    Call, CallKind, ClientAction, ClientActionKind, Endpoints, Errno, Exit, ProcessEvent, ProcessEventKind, Record,
    Side, Timestamp, What,
};

/// A traced program.
pub(crate) struct Tracer {
    main: Pid,
    shared: Arc<Shared>,
    recorder: Arc<Recorder>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// The tasks (threads) being traced.
    tasks: Mutex<Vec<Pid>>,
    /// How the first process ended.
    exit: Mutex<Option<Exit>>,
    /// Set once everything is to be killed, so that a child that is just being born is too.
    killing: AtomicBool,
}

/// What kept a program from being started and traced.
#[derive(Debug)]
pub(crate) enum StartError {
    /// ptrace(2) was refused.
    Ptrace(SystemErrno),
    /// The program could not be executed, or its process not be prepared.
    Spawn(io::Error),
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> StartError {
        StartError::Spawn(error)
    }
}

impl Tracer {
    /// Starts `command`, in a private network if there is one, and records what it does.
    pub fn start(
        side: Side,
        mut command: Command,
        doors: Option<Doors>,
        recorder: Arc<Recorder>,
    ) -> Result<(Tracer, Child), StartError> {
        let filter = seccomp::program()?;
        let (ours, theirs) = UnixStream::pair()?;
        let prepare = move || {
            wait_for_tracer(&theirs)?;
            if let Some(doors) = &doors {
                doors.enter()?;
            }
            if side == Side::Server {
                close_on_exec_from(3);
            }
            seccompiler::apply_filter(&filter).map_err(|_| io::Error::last_os_error())
        };
        // SAFETY: between fork and exec the closure makes system calls on what it owns and, on
        // success, allocates nothing.
        unsafe { command.pre_exec(prepare) };
        if side == Side::Server {
            // A key that interrupts us must not end the server: we stop it. A client program stays
            // where it can read from the terminal.
            command.process_group(0);
        }

        let shared = Arc::new(Shared::default());
        let task = Trace::new(side, Arc::clone(&shared), Arc::clone(&recorder));
        let thread = std::thread::spawn(move || task.run(ours));
        // Blocks until the program has been executed, which the tracer lets it do.
        let fork = forks::under_way();
        let spawned = command.spawn();
        drop(fork);
        // The child's end of the pair goes with the command, so a tracer that still waits wakes.
        drop(command);
        match spawned {
            Ok(child) => {
                let main = Pid::from_raw(child.id().cast_signed());
                Ok((
                    Tracer {
                        main,
                        shared,
                        recorder,
                        thread: Some(thread),
                    },
                    child,
                ))
            }
            Err(error) => {
                let _ = thread.join();
                Err(match error.raw_os_error() {
                    Some(REFUSED) => StartError::Ptrace(SystemErrno::EPERM),
                    _ => StartError::Spawn(error),
                })
            }
        }
    }

    /// Waits until every process of the program has ended. How the first one did.
    pub fn wait(mut self) -> Option<Exit> {
        if let Some(thread) = self.thread.take() {
            // It cannot panic; if it did, its tracees were killed with it.
            let _ = thread.join();
        }
        *self.shared.exit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the first process to end (SIGTERM).
    pub fn terminate(&self) {
        // It may have ended already.
        let _ = kill(self.main, Signal::SIGTERM);
    }

    /// True if every thread of the program is asleep: it waits for something.
    pub fn is_idle(&self) -> bool {
        let tasks = self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tasks.iter().all(|task| is_asleep(*task))
    }

    /// Kills every process of the program and waits until all are gone.
    pub fn kill(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.killing.store(true, Ordering::Release);
        loop {
            for task in self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                let _ = kill(*task, Signal::SIGKILL);
            }
            // A task may have been born between the list and the signal: look again.
            let again = Instant::now() + Duration::from_millis(50);
            if self
                .recorder
                .wait(again, |seen| seen.tracer_done.then_some(()))
                .is_some()
            {
                break;
            }
        }
        let _ = thread.join();
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Why nothing can be traced on this machine, found by tracing `/bin/true` or, where there is
/// none, a program that cannot be executed: the attempt to trace comes first.
pub(crate) fn refused() -> Option<String> {
    let attempt = Tracer::start(
        Side::Server,
        Command::new("/bin/true"),
        None,
        Arc::new(Recorder::new(usize::MAX)),
    );
    match attempt {
        Err(StartError::Ptrace(errno)) => Some(format!("tracing a child process (ptrace) failed: {errno}")),
        Ok(_) | Err(StartError::Spawn(_)) => None,
    }
}

/// The error number by which the child tells that it could not be traced. It is none that
/// starting a program gives.
const REFUSED: i32 = libc::EXFULL;

/// In the child: tells the tracer its process id and waits to be seized.
fn wait_for_tracer(mut tracer: &UnixStream) -> io::Result<()> {
    tracer.write_all(&std::process::id().to_ne_bytes())?;
    let mut answer = [0];
    match tracer.read(&mut answer) {
        Ok(1) if answer == [1] => Ok(()),
        _ => Err(io::Error::from_raw_os_error(REFUSED)),
    }
}

/// In the child: the program gets descriptors 0 to 2 and no others that we happen to have open,
/// so its descriptor numbers are the same in every run.
fn close_on_exec_from(first: u32) {
    const CLOSE_RANGE_CLOEXEC: i32 = 4;
    // SAFETY: close_range(2) with this flag closes nothing now. Before Linux 5.11 it fails, and
    // what is left open then is what the parent left open.
    unsafe { libc::close_range(first, u32::MAX, CLOSE_RANGE_CLOEXEC) };
}

fn is_asleep(task: Pid) -> bool {
    match procfs::process::Process::new(task.as_raw()).and_then(|process| process.stat()) {
        Ok(stat) => matches!(stat.state, 'S' | 'Z' | 'X' | 'T'),
        Err(_) => true, // it is gone
    }
}

/// The tracing thread.
struct Trace {
    /// Whose program it is. A client's calls become what a client does.
    side: Side,
    /// The first process.
    first: Option<Pid>,
    shared: Arc<Shared>,
    recorder: Arc<Recorder>,
    /// Calls that have been entered and not returned, by task.
    inside: HashMap<Pid, Inside>,
    /// What is known of each socket, by inode. An inode names a socket through dup, fork and
    /// descriptor passing.
    sockets: HashMap<u64, Socket>,
    descriptors: Descriptors,
    patience: Patience,
    /// Set when the program runs.
    executed: bool,
    /// The process of each task.
    process_of: HashMap<Pid, Pid>,
    /// Tasks that were heard of before their parent told of their birth.
    early: HashSet<Pid>,
}

#[derive(Clone, Copy)]
enum Socket {
    Listener(SocketAddr),
    Connection(Endpoints),
}

/// What a task is inside of.
enum Inside {
    Call(Pending),
    /// It is no call on a socket, and matters only if it succeeds.
    IoUringSetup,
}

/// A call between its entry and its exit.
struct Pending {
    stop: &'static Stop,
    args: [u64; 6],
    kind: CallKind,
    fd: i32,
    on: Option<Endpoints>,
    bytes: Vec<u8>,
    asked: Option<u64>,
    entered: Timestamp,
}

impl Trace {
    fn new(side: Side, shared: Arc<Shared>, recorder: Arc<Recorder>) -> Trace {
        Trace {
            side,
            first: None,
            shared,
            recorder,
            inside: HashMap::new(),
            sockets: HashMap::new(),
            descriptors: Descriptors::default(),
            patience: Patience::new(),
            executed: false,
            process_of: HashMap::new(),
            early: HashSet::new(),
        }
    }

    fn run(mut self, child: UnixStream) {
        if self.seize(child).is_some() {
            while let Some((task, status)) = self.next() {
                self.step(task, status);
            }
        }
        if self.side == Side::Server {
            self.recorder.tracer_done();
        }
    }

    /// The next stop or end of a task. `None` when there is none left, or the child ended before it
    /// was executed: then whoever started it waits for its end, which only one can be told of.
    fn next(&mut self) -> Option<(Pid, i32)> {
        if !self.executed && ends_next() {
            return None;
        }
        let awake = self.patience.awake();
        let began = Instant::now();
        while began.elapsed() < awake {
            if let Some(found) = wait_for_any(libc::WNOHANG) {
                self.patience.learn(true);
                return Some(found);
            }
        }
        if !awake.is_zero() {
            self.patience.learn(false);
        }
        wait_for_any(0)
    }

    /// Attaches to the child that waits at the other end.
    fn seize(&mut self, mut child: UnixStream) -> Option<()> {
        let mut pid = [0; 4];
        child.read_exact(&mut pid).ok()?;
        let pid = Pid::from_raw(i32::from_ne_bytes(pid));
        let options = Options::PTRACE_O_EXITKILL
            | Options::PTRACE_O_TRACESECCOMP
            | Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC;
        let seized = ptrace::seize(pid, options);
        if seized.is_ok() {
            self.first = Some(pid);
            self.begin(pid, pid);
        }
        child.write_all(&[u8::from(seized.is_ok())]).ok()?;
        seized.ok()
    }

    fn step(&mut self, task: Pid, status: i32) {
        self.descriptors.stopped(task);
        if libc::WIFEXITED(status) {
            return self.end(task, Exit::Status(libc::WEXITSTATUS(status)));
        }
        if libc::WIFSIGNALED(status) {
            return self.end(task, Exit::Signal(libc::WTERMSIG(status)));
        }
        let signal = libc::WSTOPSIG(status);
        match status >> 16 {
            libc::PTRACE_EVENT_SECCOMP => self.entry(task),
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => self.birth(task),
            libc::PTRACE_EVENT_EXEC => self.exec(task),
            libc::PTRACE_EVENT_STOP if signal == libc::SIGTRAP => self.arrive(task),
            // Job control: the task stays stopped until it is continued, as it would untraced.
            libc::PTRACE_EVENT_STOP => resume(task, libc::PTRACE_LISTEN, 0),
            _ if signal == libc::SIGTRAP | 0x80 => self.exit(task),
            // A signal is on its way to the program: let it through.
            0 => resume(task, libc::PTRACE_CONT, signal),
            _ => resume(task, libc::PTRACE_CONT, 0),
        }
    }

    /// Takes in a task; false if it is known.
    fn begin(&mut self, task: Pid, process: Pid) -> bool {
        let mut tasks = self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.contains(&task) {
            return false;
        }
        tasks.push(task);
        drop(tasks);
        self.process_of.insert(task, process);
        if task == process {
            self.process_event(task, ProcessEventKind::Started);
        }
        true
    }

    fn end(&mut self, task: Pid, exit: Exit) {
        self.shared
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|known| *known != task);
        self.inside.remove(&task);
        self.descriptors.ended(task);
        match self.process_of.remove(&task) {
            Some(process) if process == task => {
                if self.first == Some(task) {
                    *self.shared.exit.lock().unwrap_or_else(PoisonError::into_inner) = Some(exit);
                }
                self.process_event(task, ProcessEventKind::Exited(exit));
            }
            Some(_) => {}
            None => {
                self.early.insert(task);
            }
        }
    }

    fn process_event(&self, pid: Pid, kind: ProcessEventKind) {
        if self.side == Side::Client {
            return;
        }
        let event = ProcessEvent {
            pid: pid.as_raw(),
            kind,
        };
        self.recorder.push(Record {
            at: now(),
            what: What::Process(event),
        });
    }

    /// A task made another one.
    fn birth(&mut self, parent: Pid) {
        if let Ok(child) = ptrace::getevent(parent) {
            self.born(Pid::from_raw(child as i32));
        }
        resume(parent, libc::PTRACE_CONT, 0);
    }

    /// A parent tells of a task, which may have ended by then.
    fn born(&mut self, child: Pid) {
        if !self.early.remove(&child) {
            self.begin(child, process_of(child).unwrap_or(child));
        }
    }

    /// A new task's first stop. It may come before its parent's.
    fn arrive(&mut self, task: Pid) {
        if self.begin(task, process_of(task).unwrap_or(task)) {
            self.early.insert(task);
        }
        if self.shared.killing.load(Ordering::Acquire) {
            let _ = kill(task, Signal::SIGKILL);
        }
        resume(task, libc::PTRACE_CONT, 0);
    }

    /// A process executed another program: its other threads are gone, and if one of them did it,
    /// that one now has the process's id.
    fn exec(&mut self, task: Pid) {
        self.executed = true;
        self.descriptors.executed();
        if let Ok(former) = ptrace::getevent(task) {
            let former = Pid::from_raw(former as i32);
            self.inside.remove(&former);
            if former != task {
                self.shared
                    .tasks
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .retain(|known| *known != former);
                self.process_of.remove(&former);
            }
        }
        resume(task, libc::PTRACE_CONT, 0);
    }

    /// A call that the filter names is about to begin.
    fn entry(&mut self, task: Pid) {
        let inside = ptrace::syscall_info(task).ok().and_then(|info| {
            // SAFETY: ptrace(2): at this stop `op` is PTRACE_SYSCALL_INFO_SECCOMP and the kernel
            // filled in `seccomp`.
            let (op, seccomp) = (info.op, unsafe { info.u.seccomp });
            if op != libc::PTRACE_SYSCALL_INFO_SECCOMP {
                return None;
            }
            let stop = Stop::at(seccomp.nr.cast_signed())?;
            let inside = match stop.role {
                Role::IoUringSetup => Some(Inside::IoUringSetup),
                _ => self.interest(task, stop, seccomp.args).map(Inside::Call),
            };
            if let Some(fds) = given_up(stop.number, &seccomp.args) {
                self.descriptors.gives_up(task, fds);
            }
            inside
        });
        match inside {
            Some(mut inside) => {
                if let Inside::Call(pending) = &mut inside {
                    pending.entered = now();
                }
                self.inside.insert(task, inside);
                resume(task, libc::PTRACE_SYSCALL, 0);
            }
            None => resume(task, libc::PTRACE_CONT, 0),
        }
    }

    /// Whether a call is one to record, and what is known of it at its entry.
    fn interest(&mut self, task: Pid, stop: &'static Stop, args: [u64; 6]) -> Option<Pending> {
        let (kind, fd) = self.classify(task, stop.role, &args)?;
        let on = match (kind, self.socket(task, fd)) {
            (CallKind::Listen | CallKind::Connect, _) => None,
            (CallKind::Accept, Some(Socket::Listener(_))) => None,
            (CallKind::SetOption | CallKind::Close, Some(Socket::Listener(_))) => None,
            (_, Some(Socket::Connection(on))) => Some(on),
            _ => return None,
        };
        let asked = bytes_asked(task, stop.number, &args);
        let bytes = match kind {
            CallKind::Write => data(task, stop.number, &args, asked.unwrap_or(0)),
            _ => Vec::new(),
        };
        Some(Pending {
            stop,
            args,
            kind,
            fd,
            on,
            bytes,
            asked,
            entered: Timestamp::default(),
        })
    }

    /// A call's family, and the descriptor that matters.
    fn classify(&mut self, task: Pid, role: Role, args: &[u64; 6]) -> Option<(CallKind, i32)> {
        let [from, _, to, ..] = args.map(|argument| argument as i32);
        match role {
            Role::On(kind) => Some((kind, from)),
            Role::Splice if self.is_connection(task, to) => Some((CallKind::Write, to)),
            Role::Splice => Some((CallKind::Read, from)),
            Role::Descriptors | Role::IoUringSetup => None,
        }
    }

    fn is_connection(&mut self, task: Pid, fd: i32) -> bool {
        matches!(self.socket(task, fd), Some(Socket::Connection(_)))
    }

    /// What is known of the socket behind a descriptor.
    fn socket(&mut self, task: Pid, fd: i32) -> Option<Socket> {
        match self.descriptors.behind(task, fd, || behind(task, fd))? {
            Behind::Socket(inode) => self.sockets.get(&inode).copied(),
            Behind::Other => None,
        }
    }

    /// A recorded call has returned.
    fn exit(&mut self, task: Pid) {
        let ended = now();
        let result = ptrace::syscall_info(task).ok().and_then(|info| {
            // SAFETY: ptrace(2): at an exit stop `op` is PTRACE_SYSCALL_INFO_EXIT and the kernel
            // filled in `exit`.
            let (op, exit) = (info.op, unsafe { info.u.exit });
            (op == libc::PTRACE_SYSCALL_INFO_EXIT).then_some(exit.sval)
        });
        match (self.inside.remove(&task), result) {
            (Some(Inside::Call(pending)), Some(value)) => self.record(task, pending, value, ended),
            (Some(Inside::IoUringSetup), Some(0..)) => {
                let process = self.process_of.get(&task).copied().unwrap_or(task);
                self.process_event(process, ProcessEventKind::UsesIoUring);
                self.descriptors.distrust();
            }
            _ => {}
        }
        resume(task, libc::PTRACE_CONT, 0);
    }

    fn record(&mut self, task: Pid, pending: Pending, value: i64, ended: Timestamp) {
        let result = u64::try_from(value).map_err(|_| Errno(i32::try_from(-value).unwrap_or(0)));
        let Pending {
            stop,
            args,
            kind,
            fd,
            mut on,
            mut bytes,
            asked,
            entered,
        } = pending;
        let mut detail = None;
        let moved_in_messages = match (stop.number, result) {
            (libc::SYS_sendmmsg | libc::SYS_recvmmsg, Ok(count)) => Some(message_lengths(task, args[1], count)),
            _ => None,
        };
        let moved = moved_in_messages.or(result.ok());
        match (kind, result) {
            (CallKind::Listen, Ok(_)) => {
                let Some(address) = self.learn_listener(task, fd) else {
                    return;
                };
                detail = Some(address.to_string());
            }
            (CallKind::Listen, Err(_)) => {}
            (CallKind::Accept, Ok(new)) => on = self.learn_connection(task, fd, new as i32, &args),
            (CallKind::Read, Ok(_)) => bytes = data(task, stop.number, &args, moved.unwrap_or(0)),
            (CallKind::Shutdown, _) => detail = Some(shutdown_name(args[1]).to_string()),
            (CallKind::SetOption, _) => detail = Some(option_text(task, &args)),
            (CallKind::Connect, _) if self.side == Side::Client => on = self.learn_connected(task, fd, &args, result),
            (CallKind::Connect, _) => {
                let Some(address) = socket_address(task, args[1], args[2]) else {
                    return;
                };
                detail = Some(address.to_string());
            }
            _ => {}
        }
        if let Some(length) = moved
            && kind == CallKind::Write
        {
            bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        }
        let waits = matches!(kind, CallKind::Accept | CallKind::Read | CallKind::Connect);
        let call = Call {
            thread: task.as_raw(),
            name: Cow::Borrowed(stop.name),
            kind,
            fd,
            asked,
            bytes,
            detail,
            argument: None,
            result: Some(result),
            moved_in_messages,
            entered,
            ended,
        };
        let at = if waits { ended } else { entered };
        let what = match (self.side, on) {
            (Side::Server, _) => What::Call { on, call },
            (Side::Client, Some(on)) => match client_action(call) {
                Some(action) => What::Client { on, action },
                None => return,
            },
            (Side::Client, None) => return,
        };
        self.recorder.push(Record { at, what });
    }

    fn learn_listener(&mut self, task: Pid, fd: i32) -> Option<SocketAddr> {
        let inode = socket_inode(task, fd)?;
        let entry = sockets::table(task.as_raw())
            .into_iter()
            .find(|entry| entry.inode == inode)?;
        self.sockets.insert(inode, Socket::Listener(entry.local_address));
        self.recorder.listening(entry.local_address);
        Some(entry.local_address)
    }

    /// Learns where a client program has connected to, as the socket table tells.
    fn learn_connected(
        &mut self,
        task: Pid,
        fd: i32,
        args: &[u64; 6],
        result: Result<u64, Errno>,
    ) -> Option<Endpoints> {
        if !matches!(result, Ok(_) | Err(Errno::EINPROGRESS)) {
            return None;
        }
        let inode = socket_inode(task, fd)?;
        let server = sockets::canonical(socket_address(task, args[1], args[2])?);
        let entry = sockets::table(task.as_raw())
            .into_iter()
            .find(|entry| entry.inode == inode)?;
        let on = Endpoints {
            client: sockets::canonical(entry.local_address),
            server,
        };
        self.sockets.insert(inode, Socket::Connection(on));
        Some(on)
    }

    /// Learns whose socket an accepted one is: from the address that accept(2) filled in, or else
    /// from the socket table.
    fn learn_connection(&mut self, task: Pid, listener: i32, fd: i32, args: &[u64; 6]) -> Option<Endpoints> {
        let inode = socket_inode(task, fd)?;
        let listening = socket_inode(task, listener).and_then(|inode| match self.sockets.get(&inode) {
            Some(Socket::Listener(address)) => Some(*address),
            _ => None,
        })?;
        let peer = accepted_peer(task, args).filter(|_| !listening.ip().is_unspecified());
        let on = match peer {
            Some(client) => Endpoints {
                client,
                server: sockets::canonical(listening),
            },
            None => {
                let table = sockets::table(task.as_raw());
                let entry = table.into_iter().find(|entry| entry.inode == inode);
                match entry {
                    Some(entry) => Endpoints {
                        client: sockets::canonical(entry.remote_address),
                        server: sockets::canonical(entry.local_address),
                    },
                    // It was reset before it was accepted, and has left the table.
                    None => Endpoints {
                        client: accepted_peer(task, args)?,
                        server: sockets::canonical(listening),
                    },
                }
            }
        };
        self.sockets.insert(inode, Socket::Connection(on));
        Some(on)
    }
}

/// Waits for any task of this thread's, and leaves what it finds to be waited for again. True if
/// it is an end.
fn ends_next() -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::All, flags | WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD) {
            Ok(status) => return matches!(status, WaitStatus::Exited(..) | WaitStatus::Signaled(..)),
            Err(SystemErrno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

/// A client program's call as what a client does. Calls that told it to wait are not on the
/// timeline, as they are not for a client of our own.
fn client_action(call: Call) -> Option<ClientAction> {
    let (bytes, len) = (call.bytes.clone(), call.moved());
    let kind = match (call.kind, call.result) {
        (CallKind::Connect, Some(Ok(_) | Err(Errno::EINPROGRESS))) => ClientActionKind::Connected,
        _ if call.would_block() => return None,
        (_, Some(Err(errno))) => ClientActionKind::Failed(format!("{}: {errno}", call.name)),
        (_, None) => return None,
        (CallKind::Write, _) => ClientActionKind::Sent { bytes, len },
        (CallKind::Read, _) if call.is_end_of_file() => ClientActionKind::EndOfFile,
        (CallKind::Read, _) => ClientActionKind::Received { bytes, len },
        (CallKind::Shutdown, _) => ClientActionKind::ShutdownWrite,
        (CallKind::Close, _) => ClientActionKind::Closed,
        (CallKind::Listen | CallKind::Accept | CallKind::SetOption, _) => return None,
    };
    Some(ClientAction {
        kind,
        counters: None,
        call: Some(call),
    })
}

/// Waits for any task of this thread's. `None` when there is none left, or with the flag WNOHANG
/// none that has anything to tell.
///
/// By hand because a stop may be for a real-time signal, which nix cannot express and reports as
/// an error, losing the stop.
fn wait_for_any(flags: i32) -> Option<(Pid, i32)> {
    loop {
        let mut status = 0;
        // SAFETY: waitpid(2) writes one int. __WNOTHREAD leaves other threads' children alone.
        let pid = unsafe { libc::waitpid(-1, &mut status, flags | libc::__WALL | libc::__WNOTHREAD) };
        match SystemErrno::result(pid) {
            Ok(0) => return None,
            Ok(pid) => return Some((Pid::from_raw(pid), status)),
            Err(SystemErrno::EINTR) => {}
            Err(_) => return None,
        }
    }
}

/// Lets a stopped task go on. By hand for the same reason as [`wait_for_any`].
fn resume(task: Pid, request: libc::c_uint, signal: i32) {
    // SAFETY: ptrace(2): these requests take no address, and a signal number as data. It fails
    // with ESRCH if the task was killed while it was stopped; its end is reported next.
    unsafe { libc::ptrace(request, task.as_raw(), 0_usize, signal as usize) };
}

/// The process that a task is a thread of.
fn process_of(task: Pid) -> Option<Pid> {
    let status = procfs::process::Process::new(task.as_raw())
        .and_then(|process| process.status())
        .ok()?;
    Some(Pid::from_raw(status.tgid))
}

/// What is behind a descriptor: proc_pid_fd(5). `None` if it is closed.
fn behind(task: Pid, fd: i32) -> Option<Behind> {
    let target = nix::fcntl::readlink(format!("/proc/{task}/fd/{fd}").as_str()).ok()?;
    let inode = target.to_str().and_then(|target| {
        let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
        inode.parse().ok()
    });
    Some(inode.map_or(Behind::Other, Behind::Socket))
}

/// The inode of the socket behind a descriptor, if it is a socket.
fn socket_inode(task: Pid, fd: i32) -> Option<u64> {
    match behind(task, fd)? {
        Behind::Socket(inode) => Some(inode),
        Behind::Other => None,
    }
}

/// Reads memory of a stopped task: process_vm_readv(2). Empty if the address is bad.
fn memory(task: Pid, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let remote = [RemoteIoVec {
        base: address as usize,
        len: length,
    }];
    let got = process_vm_readv(task, &mut [IoSliceMut::new(&mut bytes)], &remote).unwrap_or(0);
    bytes.truncate(got);
    bytes
}

/// A number of the task's word size in its memory. Only 64-bit programs are traced.
fn word(bytes: &[u8], index: usize) -> Option<u64> {
    let bytes = bytes.get(index * 8..index * 8 + 8)?;
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

/// The buffers of an `iovec` array: iovec(3type).
fn buffers(task: Pid, address: u64, count: u64) -> Vec<(u64, u64)> {
    // IOV_MAX is 1024; a program may ask for more and be refused.
    let count = count.min(1024) as usize;
    let array = memory(task, address, count * 16);
    (0..count)
        .map_while(|i| Some((word(&array, 2 * i)?, word(&array, 2 * i + 1)?)))
        .collect()
}

/// The buffers that a call reads from or writes to.
fn buffers_of(task: Pid, number: i64, args: &[u64; 6]) -> Vec<(u64, u64)> {
    match number {
        libc::SYS_read | libc::SYS_write | libc::SYS_recvfrom | libc::SYS_sendto => vec![(args[1], args[2])],
        libc::SYS_readv | libc::SYS_writev | libc::SYS_preadv2 | libc::SYS_pwritev2 => buffers(task, args[1], args[2]),
        libc::SYS_recvmsg | libc::SYS_sendmsg => message_buffers(task, args[1]),
        libc::SYS_recvmmsg | libc::SYS_sendmmsg => (0..args[2].min(64))
            .flat_map(|i| message_buffers(task, args[1] + i * MESSAGE_SIZE))
            .collect(),
        _ => Vec::new(),
    }
}

/// The buffers of a `msghdr`: recvmsg(2). `msg_iov` and `msg_iovlen` are its third and fourth words.
fn message_buffers(task: Pid, address: u64) -> Vec<(u64, u64)> {
    let header = memory(task, address, 32);
    match (word(&header, 2), word(&header, 3)) {
        (Some(array), Some(count)) => buffers(task, array, count),
        _ => Vec::new(),
    }
}

/// `struct mmsghdr` of sendmmsg(2) is a `msghdr` of 56 bytes and the length moved, padded.
const MESSAGE_SIZE: u64 = 64;
const MESSAGE_LENGTH_AT: u64 = 56;

/// The bytes that the first `count` messages of a `mmsghdr` array moved.
fn message_lengths(task: Pid, address: u64, count: u64) -> u64 {
    let length = |i: u64| {
        let bytes = memory(task, address + i * MESSAGE_SIZE + MESSAGE_LENGTH_AT, 4);
        bytes.try_into().map_or(0, |bytes| u64::from(u32::from_ne_bytes(bytes)))
    };
    (0..count.min(1024)).map(length).sum()
}

/// How many bytes a call asks to move.
fn bytes_asked(task: Pid, number: i64, args: &[u64; 6]) -> Option<u64> {
    match number {
        libc::SYS_sendfile => Some(args[3]),
        libc::SYS_splice => Some(args[4]),
        _ => {
            let buffers = buffers_of(task, number, args);
            (!buffers.is_empty()).then(|| {
                buffers
                    .iter()
                    .fold(0_u64, |sum, (_, length)| sum.saturating_add(*length))
            })
        }
    }
}

/// The first bytes of `length` in a call's buffers.
fn data(task: Pid, number: i64, args: &[u64; 6], length: u64) -> Vec<u8> {
    let mut wanted = (length as usize).min(Call::KEEP);
    let mut bytes = Vec::with_capacity(wanted);
    for (address, size) in buffers_of(task, number, args) {
        let part = memory(task, address, wanted.min(size as usize));
        wanted -= part.len();
        bytes.extend(part);
        if wanted == 0 {
            break;
        }
    }
    bytes
}

/// The peer that accept(2) wrote for the program, if it asked for one.
fn accepted_peer(task: Pid, args: &[u64; 6]) -> Option<SocketAddr> {
    if args[1] == 0 || args[2] == 0 {
        return None;
    }
    let length = memory(task, args[2], 4);
    let length = u32::from_ne_bytes(length.try_into().ok()?);
    socket_address(task, args[1], length.into()).map(sockets::canonical)
}

/// A `sockaddr_in` or `sockaddr_in6` in a task's memory: ip(7), ipv6(7).
fn socket_address(task: Pid, address: u64, length: u64) -> Option<SocketAddr> {
    let bytes = memory(task, address, length.min(28) as usize);
    let family = i32::from(u16::from_ne_bytes([*bytes.first()?, *bytes.get(1)?]));
    let port = u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]);
    let ip = match family {
        libc::AF_INET => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(4..8)?).ok()?)),
        libc::AF_INET6 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(8..24)?).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn shutdown_name(how: u64) -> &'static str {
    match how as i32 {
        libc::SHUT_RD => "SHUT_RD",
        libc::SHUT_WR => "SHUT_WR",
        libc::SHUT_RDWR => "SHUT_RDWR",
        _ => "?",
    }
}

/// An option and its value as strace writes them, for those that change what is on the wire.
fn option_text(task: Pid, args: &[u64; 6]) -> String {
    let name = match (args[1] as i32, args[2] as i32) {
        (libc::IPPROTO_TCP, libc::TCP_NODELAY) => "TCP_NODELAY",
        (libc::IPPROTO_TCP, libc::TCP_CORK) => "TCP_CORK",
        (libc::IPPROTO_TCP, libc::TCP_QUICKACK) => "TCP_QUICKACK",
        (libc::SOL_SOCKET, libc::SO_LINGER) => "SO_LINGER",
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => "SO_KEEPALIVE",
        (libc::SOL_SOCKET, libc::SO_REUSEADDR) => "SO_REUSEADDR",
        (libc::SOL_SOCKET, libc::SO_SNDBUF) => "SO_SNDBUF",
        (libc::SOL_SOCKET, libc::SO_RCVBUF) => "SO_RCVBUF",
        (level, option) => return format!("level {level}, option {option}"),
    };
    let value = memory(task, args[3], (args[4] as usize).min(8));
    let number = |at: usize| {
        let bytes = value.get(at..at + 4)?;
        Some(i32::from_ne_bytes(bytes.try_into().ok()?))
    };
    match (number(0), number(4)) {
        (Some(on), Some(seconds)) => format!("{name}, {{{on}, {seconds}}}"),
        (Some(value), None) => format!("{name}, {value}"),
        _ => name.to_string(),
    }
}

/// The names of the calls that a traced program is stopped at, as in section 2 of the manual.
pub fn traced_calls() -> Vec<&'static str> {
    seccomp::STOPS.iter().map(|stop| stop.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the parent gets no processor meanwhile, a thread may have done its work and ended.
    #[test]
    fn a_task_that_has_ended_is_not_born() {
        let shared = Arc::new(Shared::default());
        let mut trace = Trace::new(Side::Server, Arc::clone(&shared), Arc::new(Recorder::new(usize::MAX)));
        let tasks = || shared.tasks.lock().unwrap().clone();
        // No process has so large a number: it can be resumed without effect.
        let task = Pid::from_raw(i32::MAX);
        for _ in 0..2 {
            trace.arrive(task);
            assert_eq!(tasks(), [task]);
            trace.end(task, Exit::Status(0));
            trace.born(task);
            assert_eq!(tasks(), []);
        }
        trace.end(task, Exit::Signal(libc::SIGKILL));
        trace.born(task);
        assert_eq!(tasks(), []);
        trace.born(task);
        trace.arrive(task);
        assert_eq!(tasks(), [task]);
        trace.end(task, Exit::Status(0));
        assert_eq!(tasks(), []);
    }
}
