//! What a program writes to its standard output and error: the end of it for messages, and its lines for
//! the timeline. A program may write without end, and without a newline, so both are bounded.

use std::collections::VecDeque;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::Output;
use crate::lock::lock;
use crate::recorder::{Recorder, now};
use timeline::{OutputStream, ProcessEventKind};

/// So many bytes of all that a program wrote are kept for messages: its end.
const END_KEPT: usize = 64 * 1024;

/// So many bytes of a line are on the timeline, and so much of all lines.
pub(super) const LINE_KEPT: usize = 4096;
pub(super) const LINES_KEPT: usize = 50_000;
pub(super) const TEXT_KEPT: usize = 8 * 1024 * 1024;

/// What stands at the end of a line of which no more is kept.
const GOES_ON: &str = " [the line goes on]";

/// What is kept of both streams of a program.
#[derive(Default)]
pub(super) struct Kept(Mutex<Sum>);

#[derive(Default)]
struct Sum {
    end: VecDeque<u8>,
    lines: usize,
    text: usize,
    /// True once the timeline says that no more lines are kept, which it says once.
    told: bool,
}

/// Whether there is room for a line on the timeline.
#[derive(Debug, PartialEq, Eq)]
enum Room {
    OnTimeline,
    /// It is the first one for which there is no room.
    FirstLeftOut,
    LeftOut,
}

impl Kept {
    /// The end of what the program has written so far.
    pub fn end(&self) -> Output {
        let mut sum = lock(&self.0);
        Output(String::from_utf8_lossy(sum.end.make_contiguous()).into_owned())
    }

    fn wrote(&self, bytes: &[u8]) {
        let mut sum = lock(&self.0);
        let last = &bytes[bytes.len().saturating_sub(END_KEPT)..];
        let excess = (sum.end.len() + last.len()).saturating_sub(END_KEPT);
        sum.end.drain(..excess);
        sum.end.extend(last);
    }

    /// Takes room for a line, if there is some.
    fn room_for(&self, line: &str) -> Room {
        let mut sum = lock(&self.0);
        if sum.lines < LINES_KEPT && sum.text + line.len() <= TEXT_KEPT && !sum.told {
            sum.lines += 1;
            sum.text += line.len();
            return Room::OnTimeline;
        }
        match std::mem::replace(&mut sum.told, true) {
            false => Room::FirstLeftOut,
            true => Room::LeftOut,
        }
    }
}

/// Reads a pipe to its end; or, once the other end of `over` is shut down, what is in it: somebody who was given a copy
/// of it may have it for good.
pub(super) fn read(mut pipe: PipeReader, over: &UnixStream, mut see: impl FnMut(&[u8])) {
    let mut part = vec![0; 16 * 1024];
    let mut is_over = false;
    loop {
        let mut ready = [pipe.as_fd(), over.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let wait = if is_over { PollTimeout::ZERO } else { PollTimeout::NONE };
        match poll(&mut ready, wait) {
            Err(Errno::EINTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        if ready[0].any() == Some(true) {
            match pipe.read(&mut part) {
                Ok(0) => return,
                Ok(length) => see(&part[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        } else if is_over {
            return;
        } else {
            is_over = ready[1].any() == Some(true);
        }
    }
}

/// Reads one stream of a program.
pub(super) struct Reader {
    pub kept: Arc<Kept>,
    pub recorder: Arc<Recorder>,
    pub pid: i32,
    pub stream: OutputStream,
}

impl Reader {
    /// Reads a pipe on a thread of its own, as [`read`] does.
    pub fn start(self, pipe: impl Into<PipeReader>, over: UnixStream) -> io::Result<JoinHandle<()>> {
        let (name, pipe) = (self.stream.to_string(), pipe.into());
        Builder::new().name(name).spawn(move || {
            let mut lines = Lines::default();
            read(pipe, &over, |part| {
                self.kept.wrote(part);
                lines.see(part, |line| self.tell(line));
            });
            lines.last(|line| self.tell(line));
        })
    }

    fn tell(&self, line: String) {
        let kind = match self.kept.room_for(&line) {
            Room::OnTimeline => ProcessEventKind::Wrote {
                stream: self.stream,
                line,
            },
            Room::FirstLeftOut => ProcessEventKind::OutputNotKept,
            Room::LeftOut => return,
        };
        self.recorder.process(now(), self.pid, kind);
    }
}

/// Bytes become lines, of each of which the beginning is kept.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    /// True if the beginning of this line was told, and the rest of it is skipped.
    told: bool,
}

impl Lines {
    fn see(&mut self, mut bytes: &[u8], mut tell: impl FnMut(String)) {
        while let Some(newline) = bytes.iter().position(|byte| *byte == b'\n') {
            self.add(&bytes[..newline], &mut tell);
            self.end(&mut tell);
            bytes = &bytes[newline + 1..];
        }
        if !bytes.is_empty() {
            self.add(bytes, &mut tell);
        }
    }

    fn add(&mut self, bytes: &[u8], tell: &mut impl FnMut(String)) {
        if self.told {
            return;
        }
        let room = LINE_KEPT - self.line.len();
        if bytes.len() <= room {
            self.line.extend_from_slice(bytes);
            return;
        }
        self.line.extend_from_slice(&bytes[..room]);
        self.told = true;
        tell(text(&self.line) + GOES_ON);
        self.line.clear();
    }

    /// The line is over: it is told, unless its beginning was.
    fn end(&mut self, tell: &mut impl FnMut(String)) {
        if !std::mem::take(&mut self.told) {
            tell(text(&self.line));
        }
        self.line.clear();
    }

    /// The stream is over, perhaps in the middle of a line: then what there is of that is told.
    fn last(&mut self, mut tell: impl FnMut(String)) {
        if !self.line.is_empty() {
            self.end(&mut tell);
        }
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end().to_owned()
}

#[cfg(test)]
#[path = "../../tests/unit/observe_output.rs"]
mod tests;
