//! `lab show`

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::Args;
use course::learn::exercise::{self, Exercise, Kind};
use course::learn::folder::Folder;
use course::learn::progress::Progress;
use course::{experiments, steps};
use harness::format::pcapng;
use harness::format::text::Lanes;
use harness::scene::{Mark, Scene};
use harness::timeline::{ConnectionId, Level, Timeline};

use crate::filter::Filter;
use crate::output::{Format, FrameRange, More, Output, Shown, findings, some, table};
use crate::show::{Survey, read};
use crate::status::{Run, Status};
use crate::terminal;

/// Show what is in a step's committed capture, or in any capture file
///
///     lab show step1
///     lab show capture.pcap
///     tshark -i lo -w - | lab show -
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// A step (step1), an experiment of docs/wire.md (wire-lost-segment), an exercise that is about a
    /// capture, the path of a pcapng or pcap file, or - for standard input
    what: String,
    #[command(flatten)]
    part: FrameRange,
    #[command(flatten)]
    filter: Filter,
    /// Show a row for each key that is pressed, with what there is to say of it
    #[arg(long, conflicts_with_all = ["output", "format"])]
    step: bool,
    #[command(flatten)]
    output: Output,
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        let (path, is_asked) = capture(&self.what)?;
        let is_asked = is_asked && !is_found(&self.what)?;
        let (part, output) = (&self.part, &self.output);
        ensure!(
            !is_asked || (output.format == Format::Text && output.output.is_none()),
            "{} asks for what a page, a picture and JSON tell: find it in the lanes first, and all is shown",
            self.what
        );
        ensure!(
            part.is_all() || output.format != Format::Html,
            "--from and --to choose what is drawn, and a page has all of a capture: open it with #frame=N behind its name"
        );
        ensure!(
            part.is_all() || !matches!(output.format, Format::Json | Format::Jsonl | Format::Bytes),
            "--from and --to choose what is drawn; JSON and bytes are those of a whole capture: filter their frames, as with jq"
        );
        output.can_be_written_from(&path)?;
        // What frames and places were asked for, is known when all is read.
        if output.vantage.is_some() || !part.is_all() {
            read(&path, |timeline| {
                ensure!(
                    output.vantage.is_none() || timeline.level != Level::Capture,
                    "--vantage chooses one of the two hosts of a run with a wire, and this capture has packets alone"
                );
                let seen = output.seen(timeline);
                match self.filter.is_all() {
                    true => self.show(&seen, is_asked),
                    false => self.show(&self.filter.part_of(&seen)?, is_asked),
                }
            })?;
            return Ok(Status::Well);
        }
        let is_drawn = matches!(output.format, Format::Text | Format::Svg);
        let is_all = self.filter.is_all() && output.connection.is_none();
        let is_for_programs = matches!(output.format, Format::Json | Format::Jsonl);
        let survey = Survey::of(&path, is_for_programs)?;
        survey.show(&path, |survey| {
            let part = |timeline| match self.filter.is_all() {
                true => Ok(Cow::Borrowed(timeline)),
                false => self.filter.part_of(timeline).map(Cow::Owned),
            };
            let is_of_packets = survey.timeline.level == Level::Capture;
            if survey.timeline.is_whole() || is_drawn && is_all && !is_of_packets {
                return self.show(&*part(&survey.timeline)?, is_asked);
            }
            if !is_of_packets {
                // What the calls of a long run tell is judged by all of them.
                let (recording, _) = pcapng::read_as_far(survey.input.open()?);
                return self.show(&*part(&recording.into_timeline())?, is_asked);
            }
            let part = part(&survey.timeline)?;
            let here = || part.connections().map(|connection| connection.id());
            if is_drawn {
                let chosen = output
                    .chosen(&part)?
                    .unwrap_or_else(|| here().take(Lanes::default().connections).collect());
                return self.show(&*survey.with_packets_of(&part, &chosen)?, is_asked);
            }
            let asked = output.connection.and(output.chosen(&part)?);
            let chosen = asked.unwrap_or_else(|| here().collect());
            match is_for_programs {
                true => output.write_again(part.part(&chosen), survey.input.open()?),
                false => self.show(&survey.page_of(chosen)?, is_asked),
            }
        })?;
        Ok(Status::Well)
    }
}

/// The file that is meant by a name or a path, and whether an exercise asks what is to be found in it.
///
/// # Errors
///
/// If nothing is.
pub fn capture(what: &str) -> Result<(PathBuf, bool)> {
    let exercises = exercise::all();
    let asked = exercises.iter().flatten().find(|exercise| exercise.name == what);
    let asked = asked.filter(|exercise| exercise.about.kind == Kind::Find);
    let no_step = match steps::find(what) {
        Ok(step) => return Ok((step.capture(), false)),
        Err(error) => error,
    };
    if let Some(capture) = asked.and_then(Exercise::capture) {
        return Ok((capture, true));
    }
    if experiments::find(what).is_some() {
        return Ok((experiments::capture_of(what)?, false));
    }
    if what == "-" || Path::new(what).exists() {
        return Ok((PathBuf::from(what), false));
    }
    if exercises.is_ok_and(|all| exercise::find(&all, what).is_ok()) {
        bail!("{what:?} is an exercise without a capture: lab learn check {what} runs what you have of it")
    }
    if what.contains(['/', '.']) {
        bail!("there is no file {what}");
    }
    match experiments::capture_of(what) {
        Ok(capture) => Ok((capture, false)),
        Err(_) => Err(no_step.context(format!("{what:?} is neither a step nor a capture"))),
    }
}

/// True if a learner has found what this exercise asks for.
fn is_found(name: &str) -> Result<bool> {
    let (progress, _) = Progress::read(&Folder::find(None)?.path)?;
    Ok(progress.of(name).passed)
}

/// Leaves frames without a word that explains one.
fn unexplained(scene: &mut Scene) {
    for connection in &mut scene.connections {
        connection.verdict.clear();
        connection.findings.clear();
        connection.waits.clear();
        for mark in &mut connection.marks {
            if let Mark::Arrow(arrow) = mark {
                (arrow.held, arrow.repeats) = (None, false);
                arrow.facts.clear();
                arrow.carries.clear();
                arrow.words.clear();
                arrow.sentence.clear();
            }
        }
    }
}

impl Arguments {
    /// Shows a timeline. What is to be found in it is not said.
    fn show(&self, timeline: &Timeline, is_asked: bool) -> Result<()> {
        let output = &self.output;
        let shown = Shown {
            name: &self.what,
            more: More::default(),
            frames: self.part.of(timeline)?,
        };
        if output.format != Format::Text || output.output.is_some() {
            return output.write(timeline, &shown);
        }
        let look = output.look(More::default());
        // Of a long run only a part is here, and no figure of all is right.
        let is_counted = timeline.is_whole() || timeline.level == Level::Capture;
        let is_list = is_counted && output.connection.is_none() && self.part.is_all() && !self.step;
        if is_list {
            write!(io::stdout(), "{}", table(timeline, output.width))?;
        }
        let chosen = output.chosen(timeline)?;
        let mut scene = match chosen.filter(|_| is_list || output.connection.is_some()) {
            Some(chosen) => some(timeline, &chosen, &look.lanes()),
            None => shown.scene(timeline, &look.lanes()),
        };
        if is_asked {
            unexplained(&mut scene);
        }
        if !self.step {
            terminal::draw_scene(&scene, look)?;
        } else if !terminal::step(&scene, look)? {
            return Ok(());
        }
        if is_asked {
            let what = &self.what;
            writeln!(
                io::stderr(),
                "lab: what there is to say of it follows when {what} is solved: lab learn {what}"
            )?;
            return Ok(());
        }
        writeln!(io::stdout())?;
        let asked = output.connection.map(|number| ConnectionId::of(number as usize - 1));
        let part = asked.map(|asked| timeline.part(&[asked]));
        Ok(terminal::findings(
            &findings(part.as_ref().unwrap_or(timeline)).lines(),
            look,
        )?)
    }
}
