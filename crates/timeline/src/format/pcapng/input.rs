//! A file read through a window.

use std::io::{self, Read};
use std::ops::Range;

use super::error::ReadError;

/// A file of which a window is in memory. The window is as long as what is asked for, and grows
/// with what the file holds, not with what a damaged length announces.
pub(super) struct Input<R> {
    input: R,
    window: Vec<u8>,
    /// Where in the window the input has got to.
    at: usize,
    /// Where what was read ends.
    end: usize,
    /// Where the window begins in the file.
    offset: u64,
    /// What was passed last, which can still be looked at.
    passed: usize,
}

/// The window at first.
const WINDOW: usize = 256 << 10;

impl<R: Read> Input<R> {
    pub fn new(input: R) -> Input<R> {
        Input {
            input,
            window: vec![0; WINDOW],
            at: 0,
            end: 0,
            offset: 0,
            passed: 0,
        }
    }

    /// Where in the file the input has got to.
    pub fn offset(&self) -> u64 {
        self.offset + (self.at + self.passed) as u64
    }

    /// Reads until so many bytes are there, or all that are left. Gives how many there are then.
    pub fn have(&mut self, wanted: usize) -> Result<usize, ReadError> {
        self.at += self.passed;
        self.passed = 0;
        while self.end - self.at < wanted {
            self.make_room();
            match self.input.read(&mut self.window[self.end..]) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let offset = self.offset + self.end as u64;
                    return Err(ReadError::Io { offset, source });
                }
            }
        }
        Ok(wanted.min(self.end - self.at))
    }

    /// Reads until so many bytes are there, or fails.
    pub fn whole(&mut self, needed: usize, expected: &'static str) -> Result<(), ReadError> {
        let found = self.have(needed)?;
        if found == needed {
            return Ok(());
        }
        Err(ReadError::Cut {
            offset: self.offset(),
            expected,
            needed: needed as u64,
            found: found as u64,
        })
    }

    /// Bytes that are there, counted from where the input has got to, or was before it passed on.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.window[self.at..self.end][range]
    }

    /// Passes on. What was passed can be looked at until more is asked for.
    pub fn pass(&mut self, bytes: usize) {
        self.passed = bytes;
    }

    /// Makes room for at least one byte more.
    fn make_room(&mut self) {
        if self.end < self.window.len() {
            return;
        }
        if self.at == 0 {
            self.window.resize(self.window.len() * 2, 0);
            return;
        }
        self.window.copy_within(self.at..self.end, 0);
        self.offset += self.at as u64;
        self.end -= self.at;
        self.at = 0;
    }
}
