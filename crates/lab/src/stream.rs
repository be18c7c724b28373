//! Lines that are written while a run goes on.

use std::io::{self, Write};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use harness::format::json::Lines;
use harness::format::pcapng::Vantage;
use harness::timeline::{Level, Timeline};
use harness::{Follow, Server};

use crate::capture_file::create;
use crate::output::Output;

type Sink = Box<dyn Write + Send>;

/// What a run is as lines, and who writes them.
#[derive(Debug)]
pub struct Streaming {
    writer: JoinHandle<io::Result<Lines<Sink>>>,
}

impl Streaming {
    /// Begins to write what a server does from its start on.
    ///
    /// # Errors
    ///
    /// If the file cannot be created that was asked for.
    pub fn start(server: &Server, output: &Output) -> Result<Streaming> {
        let sink: Sink = match &output.output {
            Some(path) => Box::new(create(path)?),
            None => Box::new(io::stdout()),
        };
        let records = match output.vantage {
            Some(Vantage::At(host)) => server.follow_at(host),
            _ => server.follow(),
        };
        let level = server.level();
        let writer = thread::Builder::new().spawn(move || write(records, sink, level));
        Ok(Streaming {
            writer: writer.context("cannot start to write the lines")?,
        })
    }

    /// Ends the lines of a run that is over.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn finish(self, timeline: &Timeline) -> Result<()> {
        let written = self.writer.join().map_err(|_| anyhow!("the writer panicked"))?;
        Ok(written?.end(timeline)?)
    }
}

fn write(records: Follow, sink: Sink, level: Level) -> io::Result<Lines<Sink>> {
    let mut lines = Lines::begin(sink, level)?;
    for record in records {
        lines.record(record)?;
    }
    Ok(lines)
}
