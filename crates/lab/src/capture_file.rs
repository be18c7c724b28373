//! A capture file that is written while the run goes on, so that it has all of a run of which memory
//! keeps only the beginning.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use harness::format::pcapng::{self, Encoder, Vantage};
use harness::timeline::{Level, Timeline};
use harness::{Follow, Server};

use crate::output::{cannot_create, is_no_input, is_standard_output};

type Sink = BufWriter<Box<dyn Write + Send>>;

/// A capture, and who writes it.
#[derive(Debug)]
pub struct CaptureFile {
    path: PathBuf,
    program: String,
    /// What is written to a pipe or a device stands there. A file can be written anew.
    is_file: bool,
    writer: JoinHandle<io::Result<Encoder<Sink>>>,
}

impl CaptureFile {
    /// Begins to write what a server does from its start on. All that there is to write is written before anybody waits
    /// for more: who reads a pipe, or the file, sees the run go on.
    ///
    /// # Errors
    ///
    /// If the file cannot be created.
    pub fn start(server: &Server, program: &str, path: &Path) -> Result<CaptureFile> {
        let (sink, is_file): (Box<dyn Write + Send>, bool) = if is_standard_output(path) {
            (Box::new(io::stdout()), false)
        } else {
            let file = create(path)?;
            let is_file = file.metadata().is_ok_and(|file| file.is_file());
            (Box::new(file), is_file)
        };
        let sink = BufWriter::new(sink);
        let (records, name, level) = (server.follow(), program.to_owned(), server.level());
        let writer = thread::Builder::new().spawn(move || write(records, sink, &name, level));
        Ok(CaptureFile {
            path: path.to_owned(),
            program: program.to_owned(),
            is_file,
            writer: writer.context("cannot start to write the capture")?,
        })
    }

    /// Ends the capture of a run that is over. If it is a file, and the timeline has all of it, the file is written anew,
    /// with a comment on each packet.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn finish(self, timeline: &Timeline) -> Result<()> {
        let written = self.writer.join().map_err(|_| anyhow!("the writer panicked"));
        let finished = written.and_then(|capture| {
            let mut capture = capture?;
            if timeline.not_kept == 0 && self.is_file {
                drop(capture);
                let mut file = BufWriter::new(create(&self.path)?);
                pcapng::write(timeline, &self.program, &mut file)?;
                return Ok(file.flush()?);
            }
            if let Some(last) = timeline.events.last().filter(|_| timeline.dropped > 0) {
                capture.dropped(last.at, timeline.dropped)?;
            }
            Ok(capture.finish()?)
        });
        finished.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Writes records as a capture, each when it comes, until there are no more.
///
/// # Errors
///
/// What `sink` says; a broken pipe if its reader has had enough.
pub fn write<W: Write>(mut records: Follow, sink: W, program: &str, level: Level) -> io::Result<Encoder<W>> {
    let mut capture = Encoder::new(sink, program, level)?;
    capture.flush()?;
    while let Some(record) = records.next() {
        capture.record(&record)?;
        if records.would_wait() {
            capture.flush()?;
        }
    }
    Ok(capture)
}

/// Writes a whole run, or what could have been captured at an end of its wire; `-` stands for standard output.
pub fn write_whole(timeline: &Timeline, name: &str, path: &Path, ends: Option<Vantage>) -> Result<()> {
    let seen_at = |vantage: Vantage| {
        let mut bytes = Vec::new();
        pcapng::write_ends(timeline, vantage, &mut bytes).map(|()| bytes)
    };
    // Before the file is touched: there may be no ends.
    let seen = ends.map(seen_at).transpose();
    let seen = seen.map_err(|error| anyhow!("cannot write {}: {error}: leave --vantage away", path.display()))?;
    let mut out: Box<dyn Write> = match is_standard_output(path) {
        true => Box::new(io::stdout().lock()),
        false => Box::new(BufWriter::new(create(path)?)),
    };
    let written = match seen {
        Some(bytes) => out.write_all(&bytes).and_then(|()| out.flush()),
        None => pcapng::write(timeline, name, &mut out),
    };
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Creates a file that the user has named.
///
/// # Errors
///
/// With its path.
pub fn create(path: &Path) -> Result<File> {
    is_no_input(path)?;
    File::create(path).with_context(|| cannot_create(path))
}
