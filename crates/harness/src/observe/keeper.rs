//! The process that makes the holders of private networks: a copy of this one, made once.
//!
//! A fork copies the page tables of its process, and a page that both then have is copied by whoever writes it first. A
//! holder lives as long as its network. So to fork each holder from a test program with a large heap, where many
//! networks come and go, was a fifth of all work. The keeper is forked when the first network is made, writes next to
//! nothing, and forks the holders.
//!
//! What the memory of this process was at that moment stays in memory as long as the process.
#![allow(unsafe_code, reason = "fork, signal and _exit; each stands alone below")]

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, Once};

use nix::errno::Errno;
use nix::libc;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, gettid};

use super::messages::{Message, pair, receive, send};
use super::namespace::{alone, hold};
use crate::forks;
use crate::lock::lock;

/// The keeper of this process, once there is one.
static KEEPER: Mutex<Option<Arc<Keeper>>> = Mutex::new(None);

/// What holds a network is a child of the keeper. It obeys the other end of a socket pair, and lives as long as this
/// value.
pub(super) struct Holder {
    pair: Option<OwnedFd>,
    pid: Pid,
    keeper: Arc<Keeper>,
}

struct Keeper {
    /// Our end of the socket pair; one request and its answer at a time.
    requests: Mutex<Option<OwnedFd>>,
    pid: Pid,
    rights: String,
}

/// What the first number of a request asks for: a holder, that obeys the descriptor which comes with it, or the end of
/// the holder that the second number names.
const HOLD: i32 = 1;
const WAIT: i32 = 2;

impl Holder {
    /// Starts one: see [`hold`].
    pub fn start(user: Option<&File>, congestion: Option<&str>) -> nix::Result<Holder> {
        let (ours, theirs) = pair()?;
        let keeper = Keeper::of_this_process()?;
        let fds: Vec<RawFd> = [theirs.as_raw_fd()]
            .into_iter()
            .chain(user.map(AsRawFd::as_raw_fd))
            .collect();
        let pid = keeper.ask([HOLD, 0, 0], congestion.unwrap_or_default(), &fds)?;
        Ok(Holder {
            pair: Some(ours),
            pid: Pid::from_raw(pid),
            keeper,
        })
    }

    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Our end of the pair.
    pub fn pair(&self) -> nix::Result<BorrowedFd<'_>> {
        Ok(self.pair.as_ref().ok_or(Errno::EBADF)?.as_fd())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It ends when it reads the end of file.
        self.pair = None;
        let _ = self.keeper.ask([WAIT, self.pid(), 0], "", &[]);
    }
}

impl Keeper {
    /// One with the rights of this thread, which the holders will have too.
    fn of_this_process() -> nix::Result<Arc<Keeper>> {
        let mut known = lock(&KEEPER);
        let rights = rights();
        match known
            .as_ref()
            .filter(|keeper| keeper.rights == rights && keeper.lives())
        {
            Some(keeper) => Ok(Arc::clone(keeper)),
            // No keeper was started, or somebody has killed it. Or this process is a fork and the keeper is its
            // parent's, or the process has given up rights since the keeper was started.
            None => Ok(Arc::clone(known.insert(Arc::new(Keeper::start(rights)?)))),
        }
    }

    fn start(rights: String) -> nix::Result<Keeper> {
        let (ours, theirs) = pair()?;
        // Its first message comes when it has closed our descriptors.
        let _under_way = forks::under_way();
        // SAFETY: fork(2). The child calls only `keep`, which makes system calls and, to take descriptors, allocates:
        // glibc and musl keep malloc usable in the child of a process with threads. It never returns into the
        // caller's code.
        let pid = match unsafe { fork() }? {
            ForkResult::Child => keep(theirs),
            ForkResult::Parent { child } => child,
        };
        drop(theirs);
        let ready = answer(ours.as_fd());
        let keeper = Keeper {
            requests: Mutex::new(Some(ours)),
            pid,
            rights,
        };
        ready?;
        static AT_EXIT: Once = Once::new();
        AT_EXIT.call_once(|| {
            // SAFETY: atexit(3) with a function that takes nothing and does not unwind.
            unsafe { libc::atexit(end) };
        });
        Ok(keeper)
    }

    /// True if it is a child of this process, and has not ended.
    fn lives(&self) -> bool {
        waitpid(self.pid, Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive)
    }

    fn ask(&self, numbers: [i32; 3], text: &str, fds: &[RawFd]) -> nix::Result<i32> {
        let requests = lock(&self.requests);
        let requests = requests.as_ref().ok_or(Errno::EBADF)?.as_fd();
        send(requests, numbers, text, fds)?;
        answer(requests)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // It ends when it reads the end of file.
        lock(&self.requests).take();
        let _ = waitpid(self.pid, None);
    }
}

/// Ends the keeper with this process, and waits for it: a first process that waits for nobody, as in many containers,
/// would have it for good.
extern "C" fn end() {
    // A thread that holds the lock is about to start a keeper. To wait for it here could last for ever, as the process
    // is ending.
    let keeper = KEEPER.try_lock().ok().and_then(|mut known| known.take());
    if let Some(keeper) = keeper
        && let Ok(mut requests) = keeper.requests.try_lock()
    {
        requests.take();
        // In a fork of the process that started it there is nobody to wait for.
        let _ = waitpid(keeper.pid, None);
    }
}

/// What decides what this thread may do, as proc_pid_status(5) tells it. A thread that is not as the first one of its
/// process may be as no other: that it has a filter of calls is told, and not which.
fn rights() -> String {
    let of = |task: &str| {
        let status = std::fs::read_to_string(format!("/proc/{task}/status")).unwrap_or_default();
        let decide = |line: &&str| {
            let names = ["Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp"];
            names.iter().any(|name| line.starts_with(name))
        };
        let namespace = std::fs::read_link(format!("/proc/{task}/ns/user")).unwrap_or_default();
        let lines: Vec<&str> = status.lines().filter(decide).collect();
        format!("{}\n{}", lines.join("\n"), namespace.display())
    };
    let rights = of("thread-self");
    match rights == of("self") {
        true => rights,
        false => format!("{rights}\n{}", gettid()),
    }
}

/// An answer is a number, and how it failed or 0.
fn answer(requests: BorrowedFd<'_>) -> nix::Result<i32> {
    match receive(requests)?.numbers {
        [number, 0, _] => Ok(number),
        [_, errno, _] => Err(Errno::from_raw(errno)),
    }
}

/// The life of the keeper: say that it is there, and do what is asked until the other end is closed.
fn keep(ours: OwnedFd) -> ! {
    let requests = alone(ours);
    // SAFETY: signal(2). What the program does when a child ends is not to be done for a holder.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    let mut told = send(requests, [0; 3], "", &[]);
    while told.is_ok() {
        told = serve(requests);
    }
    // SAFETY: _exit(2) never returns; no destructor or exit handler of the parent's program runs.
    unsafe { libc::_exit(0) }
}

fn serve(requests: BorrowedFd<'_>) -> nix::Result<()> {
    let Message { numbers, text, fds } = receive(requests)?;
    let mut fds = fds.into_iter();
    let done = match (numbers, fds.next()) {
        ([HOLD, ..], Some(pair)) => {
            let user = fds.next().map(File::from);
            let congestion = Some(&*text).filter(|name| !name.is_empty());
            // SAFETY: fork(2) of a process with one thread. The child never returns.
            match unsafe { fork() } {
                Ok(ForkResult::Child) => hold(pair, user.as_ref(), congestion),
                Ok(ForkResult::Parent { child }) => Ok(child.as_raw()),
                Err(errno) => Err(errno),
            }
        }
        ([WAIT, pid, _], _) => waitpid(Pid::from_raw(pid), None).map(|_| 0),
        _ => Err(Errno::EINVAL),
    };
    let answer = match done {
        Ok(number) => [number, 0, 0],
        Err(errno) => [0, errno as i32, 0],
    };
    send(requests, answer, "", &[])
}
