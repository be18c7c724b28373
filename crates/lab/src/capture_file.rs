//! A capture file that is written while the run goes on, so that it has all of a run of which memory
//! keeps only the beginning.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use harness::format::pcapng::{self, Encoder};
use harness::timeline::{Level, Timeline};
use harness::{Follow, Server};

type Capture = Encoder<BufWriter<File>>;

/// A capture file, and who writes it.
#[derive(Debug)]
pub struct CaptureFile {
    path: PathBuf,
    program: String,
    writer: JoinHandle<io::Result<Capture>>,
}

impl CaptureFile {
    /// Begins to write what a server does from its start on.
    ///
    /// # Errors
    ///
    /// If the file cannot be created.
    pub fn start(server: &Server, program: &str, path: &Path) -> Result<CaptureFile> {
        let file = BufWriter::new(create(path)?);
        let (records, name, level) = (server.follow(), program.to_owned(), server.level());
        let writer = thread::Builder::new().spawn(move || write(records, file, &name, level));
        Ok(CaptureFile {
            path: path.to_owned(),
            program: program.to_owned(),
            writer: writer.context("cannot start to write the capture")?,
        })
    }

    /// Ends the file of a run that is over. If the timeline has all of it, the file is written anew,
    /// with a comment on each packet.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn finish(self, timeline: &Timeline) -> Result<()> {
        let written = self.writer.join().map_err(|_| anyhow!("the writer panicked"));
        let finished = written.and_then(|capture| {
            let mut capture = capture?;
            if timeline.not_kept == 0 {
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

fn write(records: Follow, file: BufWriter<File>, program: &str, level: Level) -> io::Result<Capture> {
    let mut capture = Encoder::new(file, program, level)?;
    for record in records {
        capture.record(&record)?;
    }
    Ok(capture)
}

/// Creates a file that the user has named.
///
/// # Errors
///
/// With its path.
pub fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot create {}", path.display()))
}
