//! Reads any capture file, however long.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use harness::format::pcapng;
use harness::format::text::Lanes;
use harness::timeline::{Excerpt, Timeline};

use crate::unpack::unpacked;

/// How much of a capture is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What lanes can show of it: of a long one the first connections, and the beginning and the end of
    /// each. Memory does not grow with the file.
    Excerpt,
    /// The beginning, as much as a page can hold.
    Beginning,
    /// All of it.
    Whole,
}

/// So many bytes of frames, and of what they take besides, are on a page: it takes ten times that of memory to make.
const PAGE: usize = 32 << 20;

/// Reads a capture file and hands on its timeline; `-` stands for standard input.
///
/// # Errors
///
/// If it cannot be opened or is no capture that we understand. What comes before the place where
/// it is cut or damaged is handed on all the same. What `show` says.
pub fn read(path: &Path, extent: Extent, show: impl FnOnce(&Timeline) -> Result<()>) -> Result<()> {
    let file = open(path)?;
    let (timeline, end, is_empty) = match extent {
        Extent::Excerpt => {
            let mut excerpt = Excerpt::new(Lanes::default().limits());
            let end = pcapng::read_into(file, &mut excerpt);
            let is_empty = excerpt.is_empty();
            (excerpt.into_timeline(), end, is_empty)
        }
        Extent::Beginning | Extent::Whole => {
            let most = if extent == Extent::Whole { usize::MAX } else { PAGE };
            let (recording, end) = pcapng::read_beginning(file, most);
            let is_empty = recording.records.is_empty();
            (recording.into_timeline(), end, is_empty)
        }
    };
    if end.is_err() && is_empty {
        return end.with_context(|| format!("cannot read {}", name(path)));
    }
    show(&timeline)?;
    end.with_context(|| format!("cannot read all of {}, only what is shown", name(path)))
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

fn name(path: &Path) -> String {
    if is_standard_input(path) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

fn open(path: &Path) -> Result<Box<dyn Read>> {
    if is_standard_input(path) {
        if io::stdin().is_terminal() {
            bail!("standard input is a terminal: pipe a capture into it, as in tcpdump -w - | lab show -");
        }
        return unpacked(TellingReader::new(io::stdin().lock(), None), None);
    }
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let about = file
        .metadata()
        .with_context(|| format!("cannot open {}", path.display()))?;
    if about.is_dir() {
        bail!("{} is a folder: name a capture file in it", path.display());
    }
    let length = about.is_file().then_some(about.len());
    unpacked(TellingReader::new(file, length), length).with_context(|| format!("cannot read {}", path.display()))
}

/// A file that tells how far it has been read, if that takes long and somebody looks.
struct TellingReader<R> {
    input: R,
    /// How long it is, where that is known.
    length: Option<u64>,
    read: u64,
    /// When to tell next; `None` if nobody looks.
    tell_at: Option<Instant>,
    told: bool,
}

/// Nothing is told before, and not more often.
const PATIENCE: Duration = Duration::from_millis(200);

impl<R: Read> TellingReader<R> {
    fn new(input: R, length: Option<u64>) -> TellingReader<R> {
        TellingReader {
            input,
            length,
            read: 0,
            tell_at: io::stderr().is_terminal().then(|| Instant::now() + PATIENCE),
            told: false,
        }
    }

    fn tell(&mut self) {
        let now = Instant::now();
        if self.tell_at.is_none_or(|at| now < at) {
            return;
        }
        self.tell_at = Some(now + PATIENCE);
        self.told = true;
        // A standard error that is closed leaves nobody to tell.
        let _ = write!(io::stderr(), "\r{}\x1b[K", bar(self.read, self.length));
    }
}

impl<R: Read> Read for TellingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.read += read as u64;
        self.tell();
        Ok(read)
    }
}

/// The line goes when the reading ends.
impl<R> Drop for TellingReader<R> {
    fn drop(&mut self) {
        if self.told {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// `reading [█████               ] 25% of 100 MB`
fn bar(read: u64, length: Option<u64>) -> String {
    const MEGABYTE: u64 = 1_000_000;
    const CELLS: u64 = 20;
    // A file that is still written may be read beyond the length that it had.
    let Some(length) = length.filter(|&length| length >= read.max(1)) else {
        return format!("reading, {} MB so far", read / MEGABYTE);
    };
    let part = |of: u64| u64::try_from(u128::from(read) * u128::from(of) / u128::from(length)).unwrap_or(of);
    let full = usize::try_from(part(CELLS)).unwrap_or_default();
    let bar = format!("{:<1$}", "█".repeat(full), CELLS as usize);
    format!("reading [{bar}] {}% of {} MB", part(100), length / MEGABYTE)
}

#[cfg(test)]
#[path = "../tests/unit/show.rs"]
mod tests;
