//! Reads any capture file, however long.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use harness::format::pcapng::{self, ReadError};
use harness::format::text::Lanes;
use harness::timeline::{ConnectionId, Excerpt, Limits, Timeline};

use crate::unpack::unpacked;

/// So many bytes of frames, and of what they take besides, are on a page: it takes ten times that of memory to make.
const PAGE: usize = 32 << 20;

/// So many exchanges of a long capture are timed one by one.
const TIMED: usize = 1 << 20;

/// Reads all of a capture file and hands on its timeline; `-` stands for standard input.
///
/// # Errors
///
/// If it cannot be opened or is no capture that we understand. What comes before the place where
/// it is cut or damaged is handed on all the same. What `show` says.
pub fn read(path: &Path, show: impl FnOnce(&Timeline) -> Result<()>) -> Result<()> {
    let (recording, end) = pcapng::read_as_far(Input::of(path).open()?);
    let is_empty = recording.records.is_empty();
    ended(path, end, is_empty, || show(&recording.into_timeline()))
}

/// Shows what was read of a file. It is an error if that is nothing, or not all.
fn ended(path: &Path, end: Result<(), ReadError>, is_empty: bool, show: impl FnOnce() -> Result<()>) -> Result<()> {
    if end.is_err() && is_empty {
        return end.with_context(|| format!("cannot read {}", name(path)));
    }
    show()?;
    end.with_context(|| format!("cannot read all of {}, only what is shown", name(path)))
}

/// A capture file that was read once, however long it is, in memory that does not grow with it.
#[derive(Debug)]
pub struct Survey {
    /// The file, to be read once more.
    pub(crate) input: Input,
    limits: Limits,
    /// All of it, or of a long one an excerpt.
    pub timeline: Timeline,
    is_empty: bool,
    end: Result<(), ReadError>,
}

impl Survey {
    /// Reads a file once, and counts for it what a program wants to know of each exchange.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn of(path: &Path, is_for_programs: bool) -> Result<Survey> {
        let input = Input::of(path).that_can_be_read_again()?;
        let limits = Limits {
            exchanges: if is_for_programs { TIMED } else { 0 },
            ..Lanes::default().limits()
        };
        let mut excerpt = Excerpt::new(limits);
        let end = pcapng::read_into(input.open()?, &mut excerpt);
        let is_empty = excerpt.is_empty();
        Ok(Survey {
            input,
            limits,
            timeline: excerpt.into_timeline(),
            is_empty,
            end,
        })
    }

    /// A part with the packets of these connections.
    ///
    /// # Errors
    ///
    /// If it cannot be opened once more.
    pub fn with_packets_of<'t>(&self, part: &'t Timeline, chosen: &[ConnectionId]) -> Result<Cow<'t, Timeline>> {
        let are_here = chosen.iter().all(|id| id.index() < self.limits.connections);
        if are_here {
            return Ok(Cow::Borrowed(part));
        }
        let mut excerpt = Excerpt::of(self.limits, chosen.iter().copied());
        // Where it ends is known.
        let _ = pcapng::read_into(self.input.open()?, &mut excerpt);
        Ok(Cow::Owned(part.clone().with_packets_of(excerpt.into_timeline())))
    }

    /// All of these connections, or as much of it as a page holds.
    ///
    /// # Errors
    ///
    /// If it cannot be opened once more.
    pub fn page_of(&self, connections: impl IntoIterator<Item = ConnectionId>) -> Result<Timeline> {
        let mut excerpt = Excerpt::whole_of(self.limits, connections, PAGE);
        let _ = pcapng::read_into(self.input.open()?, &mut excerpt);
        Ok(excerpt.into_timeline())
    }

    /// Shows what was read. It is an error if that is nothing, or not all.
    ///
    /// # Errors
    ///
    /// What reading said, and what `show` says.
    pub fn show(mut self, path: &Path, show: impl FnOnce(&Survey) -> Result<()>) -> Result<()> {
        let end = std::mem::replace(&mut self.end, Ok(()));
        ended(path, end, self.is_empty, || show(&self))
    }
}

fn name(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Where a capture is read from.
#[derive(Debug)]
pub(crate) enum Input {
    Standard,
    Path(PathBuf),
    /// What came from a pipe. It has no name any more, and goes with this program.
    Copied(File),
}

impl Input {
    fn of(path: &Path) -> Input {
        match path == Path::new("-") {
            true => Input::Standard,
            false => Input::Path(path.to_owned()),
        }
    }

    /// The same file, or a copy of what comes from a pipe.
    fn that_can_be_read_again(self) -> Result<Input> {
        let input: Box<dyn Read> = match &self {
            Input::Standard => Box::new(standard_input()?),
            Input::Path(path) if path.exists() && !path.is_file() && !path.is_dir() => Box::new(File::open(path)?),
            _ => return Ok(self),
        };
        let copy = || -> io::Result<File> {
            let path = std::env::temp_dir().join(format!("lab-{}.capture", std::process::id()));
            let mut file = File::options().read(true).write(true).create_new(true).open(&path)?;
            std::fs::remove_file(path)?;
            io::copy(&mut TellingReader::new(input, None), &mut file)?;
            Ok(file)
        };
        let copy = copy().context(
            "cannot keep a copy of what comes from a pipe, to read it twice: name a file, or set TMPDIR to a folder with room",
        )?;
        Ok(Input::Copied(copy))
    }

    pub fn open(&self) -> Result<Box<dyn Read>> {
        let (mut file, path) = match self {
            Input::Standard => return unpacked(TellingReader::new(standard_input()?, None), None),
            Input::Copied(file) => (file.try_clone()?, Path::new("the copy of the capture")),
            Input::Path(path) => {
                let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
                (file, path.as_path())
            }
        };
        let about = file
            .metadata()
            .with_context(|| format!("cannot open {}", path.display()))?;
        if about.is_dir() {
            bail!("{} is a folder: name a capture file in it", path.display());
        }
        let length = about.is_file().then_some(about.len());
        if length.is_some() {
            file.rewind()?;
        }
        unpacked(TellingReader::new(file, length), length).with_context(|| format!("cannot read {}", path.display()))
    }
}

fn standard_input() -> Result<impl Read + 'static> {
    if io::stdin().is_terminal() {
        bail!("standard input is a terminal: pipe a capture into it, as in tcpdump -w - | lab show -");
    }
    Ok(io::stdin().lock())
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
