//! Calls of Linux that have no safe form in the libraries here.
#![allow(unsafe_code, reason = "sigaction and a handler's calls, each alone below")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::termios::Termios;

/// Lets a write beyond the limit of a file's size (RLIMIT_FSIZE of getrlimit(2)) fail, where else the kernel ends this
/// process. A handler, unlike SIG_IGN, is not inherited by programs that we start (execve(2)).
pub fn large_files_are_errors() {
    extern "C" fn nothing(_: i32) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::SA_RESTART, SigSet::empty());
    // Where that is refused, it is as it was.
    let _ = replace(Signal::SIGXFSZ, &action);
}

/// While it lives, the first ctrl-C does not end this process. It is for a program in the foreground beside us,
/// which gets the signal too. The second one ends both.
#[derive(Debug)]
pub struct FirstInterrupt {
    before: Option<SigAction>,
}

impl FirstInterrupt {
    /// Begins to let one pass. A handler, unlike SIG_IGN, is not inherited by programs that we start (execve(2)).
    pub fn passes() -> FirstInterrupt {
        extern "C" fn nothing(_: i32) {}
        let once = SaFlags::SA_RESETHAND | SaFlags::SA_RESTART;
        let action = SigAction::new(SigHandler::Handler(nothing), once, SigSet::empty());
        FirstInterrupt {
            before: replace(Signal::SIGINT, &action).ok(),
        }
    }
}

impl Drop for FirstInterrupt {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // It was valid before.
            let _ = replace(Signal::SIGINT, before);
        }
    }
}

/// While it lives, the first ctrl-C is told through a pipe and does nothing else. The second one ends this
/// process, as any would.
#[derive(Debug)]
pub struct ToldInterrupt {
    before: SigAction,
    writer: std::io::PipeWriter,
}

/// The pipe's end that the handler writes to; -1 if there is none.
static INTERRUPTED: AtomicI32 = AtomicI32::new(-1);

impl ToldInterrupt {
    /// Begins. What is read from the pipe is a byte for the interrupt, or the end when this is dropped.
    ///
    /// # Errors
    ///
    /// What the system says of pipe(2) or sigaction(2).
    pub fn begin() -> io::Result<(ToldInterrupt, std::io::PipeReader)> {
        extern "C" fn tell(_: i32) {
            let byte = 0_u8;
            // SAFETY: signal-safety(7) allows write(2), of a byte that lives long enough. The number is that of a
            // pipe as long as this handler may run; if it is -1 the call fails.
            unsafe { libc::write(INTERRUPTED.load(Ordering::Acquire), (&raw const byte).cast(), 1) };
        }
        let (reader, writer) = std::io::pipe()?;
        INTERRUPTED.store(writer.as_raw_fd(), Ordering::Release);
        let once = SaFlags::SA_RESETHAND | SaFlags::SA_RESTART;
        let action = SigAction::new(SigHandler::Handler(tell), once, SigSet::empty());
        let before = replace(Signal::SIGINT, &action)?;
        Ok((ToldInterrupt { before, writer }, reader))
    }
}

impl Drop for ToldInterrupt {
    fn drop(&mut self) {
        // It was valid before.
        let _ = replace(Signal::SIGINT, &self.before);
        INTERRUPTED.store(-1, Ordering::Release);
        let _ = &self.writer;
    }
}

/// Has a signal that ends this process put a terminal back first. It is for the first terminal that is named, as it was
/// then; a signal that is not to end us, as SIGHUP under nohup(1), is left alone.
pub fn put_back_when_ended(terminal: &impl AsFd, as_it_was: &Termios) {
    static TERMINAL: OnceLock<(RawFd, libc::termios)> = OnceLock::new();
    extern "C" fn put_back(signal: i32) {
        if let Some((terminal, as_it_was)) = TERMINAL.get() {
            // SAFETY: signal-safety(7) allows tcsetattr(3), of what lives as long as this process. If the descriptor is
            // closed the call fails.
            unsafe { libc::tcsetattr(*terminal, libc::TCSANOW, as_it_was) };
        }
        // SAFETY: it is allowed too. There is no handler any more, so the signal ends us once this one returns.
        unsafe { libc::raise(signal) };
    }
    let named = (terminal.as_fd().as_raw_fd(), as_it_was.clone().into());
    if TERMINAL.set(named).is_err() {
        return;
    }
    let once = SigAction::new(SigHandler::Handler(put_back), SaFlags::SA_RESETHAND, SigSet::empty());
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
        if let Ok(before) = replace(signal, &once)
            && !matches!(before.handler(), SigHandler::SigDfl)
        {
            // It was valid before.
            let _ = replace(signal, &before);
        }
    }
}

fn replace(signal: Signal, action: &SigAction) -> nix::Result<SigAction> {
    // SAFETY: sigaction(2) with a handler of this module, or with what it gave us before.
    unsafe { sigaction(signal, action) }
}
