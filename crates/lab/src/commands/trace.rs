//! `lab trace`

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use harness::conversation::signal;
use harness::format::pcapng;
use harness::ordeals::Ordeal;
use harness::timeline::Timeline;

use crate::capture_file::{self, CaptureFile};
use crate::output::{Format, More, Output, Shown, findings, is_standard_output, some, table, tell_troubles};
use crate::rough;
use crate::status::{Run, Status};
use crate::stream::Streaming;
use crate::terminal::{self, Growing};
use crate::trace::Plan;

/// Run a server, talk to it, and show what happened on one timeline
///
///     lab trace step1
///     lab trace -- ./my-server --port 3000
///     lab trace --send 'GET / HTTP/1.0\r\n\r\n' -- python3 -m http.server 8080
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    #[command(flatten)]
    plan: Plan,
    #[command(flatten)]
    output: Output,
    /// Write a capture for Wireshark to this file too, with the calls between the packets; - for
    /// standard output, in place of the lanes
    #[arg(long, value_name = "FILE")]
    pcapng: Option<PathBuf>,
    /// Show what happens in this ordeal of a rough day, in place of the gentle conversation (docs/ordeals.md)
    #[arg(long, value_name = "ORDEAL", value_parser = rough::named)]
    rough: Option<&'static Ordeal>,
    /// The signal by which that ordeal asks the server to stop; TERM if not given
    #[arg(long, value_name = "SIGNAL", requires = "rough", value_parser = signal)]
    stop_signal: Option<i32>,
    #[command(flatten)]
    more: More,
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        let output = &self.output;
        let piped = self.pcapng.as_deref().is_some_and(is_standard_output);
        output.can_be_written_beside(self.pcapng.as_deref())?;
        if let Some(ordeal) = self.rough {
            return self.run_ordeal(ordeal);
        }
        let streams = output.format == Format::Jsonl && !piped;
        let live = output.format == Format::Text && output.output.is_none() && !piped;
        let name = self.plan.name();
        let server = self.plan.server()?;
        let ends = output.vantage.zip(self.pcapng.as_deref());
        // A pipe gets the packets as they come; a file, at the end, with what is said of them too.
        let into_file = piped && is_regular(&io::stdout());
        let file = self.pcapng.as_deref().filter(|_| !into_file && ends.is_none());
        let capture = file.map(|path| CaptureFile::start(&server, &name, path)).transpose()?;
        let lines = streams.then(|| Streaming::start(&server, output)).transpose()?;
        let mut lanes = Growing::default();
        let outcome = self.plan.run_on(server, |timeline| {
            if live {
                lanes.draw(&output.seen(&timeline), output.look(self.more), false)?;
            }
            Ok(())
        })?;
        let timeline = &outcome.timeline;
        tell_troubles(&outcome.troubles)?;
        // A capture that cannot be written takes nothing else along.
        let captured = match (ends, piped, capture) {
            (Some((vantage, path)), ..) => capture_file::write_whole(timeline, &name, path, Some(vantage)),
            (None, true, None) => pcapng::write(timeline, &name, &mut io::stdout().lock()).map_err(Into::into),
            (None, _, Some(capture)) => finish(capture, timeline),
            (None, false, None) => Ok(()),
        };
        if live {
            self.draw(&output.seen(timeline), lanes)?;
        } else if let Some(lines) = lines {
            lines.finish(&output.seen(timeline))?;
        } else if !piped {
            output.write(&output.seen(timeline), &Shown::whole(&name, self.more))?;
        }
        if timeline.not_kept > 0 && self.pcapng.is_none() {
            let note =
                "the run was longer than what is kept: --pcapng FILE has all of it, and --snaplen 96 needs less memory";
            writeln!(io::stderr(), "lab: {note}")?;
        }
        // Whatever there is to be seen of it: an exchange that did not end is not the one that was asked for.
        captured.map(|()| Status::right_if(!outcome.client_timed_out))
    }
}

impl Arguments {
    /// Shows the run of an ordeal, and says how it ended.
    fn run_ordeal(&self, ordeal: &'static Ordeal) -> Result<Status> {
        let day = rough::Options::stopping_by(self.stop_signal).of(&self.plan)?;
        let (judged, timeline) = day.show(ordeal).map_err(anyhow::Error::msg)?;
        let name = self.plan.name();
        let path = self.pcapng.as_deref();
        let captured = path.map(|path| capture_file::write_whole(&timeline, &name, path, self.output.vantage));
        if !self.pcapng.as_deref().is_some_and(is_standard_output) {
            let shown = Shown::whole(&name, self.more);
            self.output.write(&self.output.seen(&timeline), &shown)?;
        }
        writeln!(
            io::stderr(),
            "lab: {}: {}: {}",
            ordeal.name,
            judged.verdict,
            judged.reason
        )?;
        captured.transpose().map(|_| Status::Well)
    }

    /// Draws what there is of the lanes besides what was drawn while they grew, and what follows below them.
    fn draw(&self, seen: &Timeline, mut lanes: Growing) -> Result<()> {
        let look = self.output.look(self.more);
        match self.output.chosen(seen)? {
            None => lanes.draw(seen, look, true)?,
            Some(chosen) => terminal::draw_scene(&some(seen, &chosen, &look.lanes()), look)?,
        }
        write!(io::stdout(), "\n{}", table(seen, self.output.width))?;
        Ok(terminal::findings(&findings(seen).lines(), look)?)
    }
}

/// True for standard output that goes into a file.
fn is_regular(output: &io::Stdout) -> bool {
    #[cfg(unix)]
    let copy = std::os::fd::AsFd::as_fd(output).try_clone_to_owned();
    #[cfg(windows)]
    let copy = std::os::windows::io::AsHandle::as_handle(output).try_clone_to_owned();
    copy.and_then(|copy| std::fs::File::from(copy).metadata())
        .is_ok_and(|file| file.is_file())
}

fn finish(capture: CaptureFile, timeline: &Timeline) -> Result<()> {
    capture.finish(timeline)?;
    if timeline.not_kept > 0 {
        let note = "the run was longer than what is kept; the capture file has all of it, without comments";
        writeln!(io::stderr(), "lab: {note}")?;
    }
    Ok(())
}
