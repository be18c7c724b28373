//! What a program writes to its standard output and error: the end of it for messages, and its lines for
//! the timeline. A program may write without end, and without a newline, so both are bounded.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::error::Output;
use crate::recorder::{Recorder, now};
use timeline::{OutputStream, ProcessEvent, ProcessEventKind, Record, What};

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
        let mut sum = self.lock();
        Output(String::from_utf8_lossy(sum.end.make_contiguous()).into_owned())
    }

    fn lock(&self) -> MutexGuard<'_, Sum> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrote(&self, bytes: &[u8]) {
        let mut sum = self.lock();
        let last = &bytes[bytes.len().saturating_sub(END_KEPT)..];
        let excess = (sum.end.len() + last.len()).saturating_sub(END_KEPT);
        sum.end.drain(..excess);
        sum.end.extend(last);
    }

    /// Takes room for a line, if there is some.
    fn room_for(&self, line: &str) -> Room {
        let mut sum = self.lock();
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

/// Reads one stream of a program.
pub(super) struct Reader {
    pub kept: Arc<Kept>,
    pub recorder: Arc<Recorder>,
    pub pid: i32,
    pub stream: OutputStream,
}

impl Reader {
    /// Reads a pipe to its end on a thread of its own.
    pub fn start(self, mut pipe: impl Read + Send + 'static) -> io::Result<JoinHandle<()>> {
        let name = self.stream.to_string();
        Builder::new().name(name).spawn(move || {
            let mut part = vec![0; 16 * 1024];
            let mut lines = Lines::default();
            loop {
                match pipe.read(&mut part) {
                    Ok(0) => break,
                    Ok(length) => {
                        self.kept.wrote(&part[..length]);
                        lines.see(&part[..length], |line| self.tell(line));
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
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
        self.recorder.push(Record {
            at: now(),
            what: What::Process(ProcessEvent { pid: self.pid, kind }),
        });
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
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut told) = (Lines::default(), Vec::new());
        for part in parts {
            lines.see(part, |line| told.push(line));
        }
        lines.last(|line| told.push(line));
        told
    }

    #[test]
    fn bytes_become_lines_wherever_they_are_parted() {
        let expected = ["one", "", "two \u{fffd}", "three"];
        assert_eq!(lines(&[b"one\n\ntwo \xff\r\nthree"]), expected);
        assert_eq!(
            lines(&[b"on", b"e", b"\n", b"\n", b"two \xff\r", b"\nth", b"ree"]),
            expected
        );
        assert_eq!(lines(&[b"one\n"]), ["one"]);
    }

    #[test]
    fn of_a_long_line_the_beginning_is_kept() {
        let part = [b'x'; 1000];
        let mut parts = vec![&part[..]; 1000];
        parts.extend([&b"\nnext"[..], b"\n"]);
        let lines = lines(&parts);
        assert_eq!(lines, ["x".repeat(LINE_KEPT) + GOES_ON, "next".to_owned()]);
    }

    #[test]
    fn a_line_that_just_fits_is_whole() {
        let line = "x".repeat(LINE_KEPT);
        assert_eq!(lines(&[line.as_bytes(), b"\n"]), [line]);
    }

    #[test]
    fn of_all_that_is_written_the_end_is_kept_and_a_bounded_number_of_lines() {
        let kept = Kept::default();
        let part = [b'x'; 100_000];
        for _ in 0..100 {
            kept.wrote(&part);
        }
        kept.wrote(b"the end");
        let end = kept.end().0;
        assert!(end.len() == END_KEPT && end.ends_with("xthe end"), "{}", end.len());
        let places: Vec<Room> = (0..LINES_KEPT + 2).map(|_| kept.room_for("a line")).collect();
        assert!(places[..LINES_KEPT].iter().all(|place| *place == Room::OnTimeline));
        assert_eq!(places[LINES_KEPT..], [Room::FirstLeftOut, Room::LeftOut]);
        let kept = Kept::default();
        let long = "x".repeat(LINE_KEPT);
        let room = TEXT_KEPT / LINE_KEPT;
        let places: Vec<Room> = (0..=room).map(|_| kept.room_for(&long)).collect();
        assert!(places[..room].iter().all(|place| *place == Room::OnTimeline));
        assert_eq!(places[room], Room::FirstLeftOut);
        // Once a line was left out, a shorter one is too: what is kept is the beginning of the output, without a hole.
        assert_eq!(kept.room_for("short"), Room::LeftOut);
    }
}
