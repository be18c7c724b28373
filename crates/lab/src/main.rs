//! The command that the recipes run: `cargo run --bin lab -- help`.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use harness::format::svg::{self, Picture};
use harness::format::text::Lanes;
use harness::format::{html, json, markdown, overview, pcapng};
use harness::overview::Overview;
use harness::scene::{Diagram, Scene};
use harness::timeline::{ConnectionId, Side, Timeline, printable};
use harness::{Server, Wire};
use lab::capture_file::{CaptureFile, create};
use lab::check::{self, Checked, Strictness};
use lab::doctor::Report;
#[cfg(target_os = "linux")]
use lab::live::Live;
use lab::show::Extent;
use lab::terminal::{Look, Theme};
use lab::trace::{self, Plan, Trouble};
use lab::wireshark::{Wireshark, type_lines};
use lab::{
    book, capture, checkout, experiments, explain, frames, languages, learn, newline, pages, pictures, quiz, show,
    steps, terminal, wire,
};

/// Runs, captures, shows and compares the steps, and keeps the pages true.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the steps
    Steps,
    /// Show what is in a step's committed capture, or in any capture file
    ///
    ///     lab show step1
    ///     lab show capture.pcap
    ///     tshark -i lo -w - | lab show -
    #[command(verbatim_doc_comment)]
    Show {
        /// A step (step1), an experiment of docs/wire.md (wire-lost-segment), an exercise that is about a
        /// capture, the path of a pcapng or pcap file, or - for standard input
        what: String,
        #[command(flatten)]
        part: Part,
        /// Show a row for each key that is pressed, with what there is to say of it
        #[arg(long, conflicts_with_all = ["output", "format"])]
        step: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Run a server, talk to it, and show what happened on one timeline
    ///
    ///     lab trace step1
    ///     lab trace -- ./my-server --port 3000
    ///     lab trace --send 'GET / HTTP/1.0\r\n\r\n' -- python3 -m http.server 8080
    #[command(verbatim_doc_comment)]
    Trace(TraceArguments),
    /// Run a server, talk to it, and print what the rules find
    ///
    /// Exit status: 0 nothing found, 1 findings, 2 it could not run, or nothing is proved: the server died, a client
    /// could not connect or hold its conversation, no reply came.
    #[command(verbatim_doc_comment)]
    Check {
        #[command(flatten)]
        plan: Plan,
        #[command(flatten)]
        strictness: Strictness,
        /// How to print the findings
        #[arg(long, value_enum, default_value_t = check::Format::Text)]
        format: check::Format,
    },
    /// Say what a finding, a fact or a word means: lab explain split-reply
    Explain {
        /// Its name, as a trace or a check prints it; without one, all names are listed
        name: Option<String>,
    },
    /// Open a shell in a server's private network: ss, nc, lsof, dumpcap work there without root
    ///
    /// When the shell ends, the server is stopped and its timeline drawn.
    #[command(verbatim_doc_comment)]
    Shell {
        /// With a wire: the host to be on, the client's unless told. Makes a wire without delay if
        /// nothing else is said of it
        #[arg(long, value_enum)]
        host: Option<Host>,
        #[command(flatten)]
        wire: wire::Options,
        /// A step (step1), in place of a command
        #[arg(conflicts_with = "command", required_unless_present = "command")]
        step: Option<String>,
        /// The server's command, after `--`
        #[arg(last = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Run a server and show what it does in a browser, while it does it
    ///
    ///     lab live step1                   a shell in its network, for nc and the like
    ///     lab live --stdin step1           lines that you type
    ///     lab live --client 'nc localhost 3000' -- ./my-server
    ///
    /// The page is for browsers on this machine that are given its address. When the shell or the client ends,
    /// so does the server, and the timeline is drawn.
    #[cfg(target_os = "linux")]
    #[command(verbatim_doc_comment)]
    Live {
        #[command(flatten)]
        plan: Plan,
        /// Where the page is to be found, in place of a free port of this machine: 192.0.2.1:8000 for browsers
        /// elsewhere, who need the secret in the address
        #[arg(long, default_value = "127.0.0.1:0")]
        address: std::net::SocketAddr,
    },
    /// Open Wireshark on a running server, or on a capture file, with the calls between the packets
    ///
    /// The default lines, or those of --send, are sent once; then type lines of your own.
    #[command(verbatim_doc_comment)]
    Wireshark {
        #[command(flatten)]
        plan: Plan,
        /// Of two hosts with a wire, show what could have been captured on this one
        #[arg(long, value_enum)]
        vantage: Option<Host>,
    },
    /// Exercises that the wire checks: predict, find, fix, break
    ///
    ///     lab learn              go on where you were
    ///     lab learn NAME         go on with this one
    ///     lab learn list
    ///     lab learn check NAME
    #[command(verbatim_doc_comment)]
    Learn(learn::Arguments),
    /// Make a capture for one learner, with a sheet of questions: ports, text and fault follow from a name
    Quiz(quiz::Arguments),
    /// Grade sheets of `lab quiz` by the captures that the teacher kept
    ///
    /// Exit status: 0 if every answer is right, 1 if not, 2 if a sheet cannot be graded.
    #[command(verbatim_doc_comment)]
    Grade(quiz::grade::Arguments),
    /// Say what this machine allows, why not more, and the cure
    ///
    /// Exit status: 0 if that is enough for the exercises, 1 if not, 2 if it could not be told.
    #[command(verbatim_doc_comment)]
    Doctor {
        /// How to say it
        #[arg(long, value_enum, default_value_t = Answer::Text)]
        format: Answer,
    },
    /// Run a step in a private network, an experiment of docs/wire.md, or an exercise, and write its capture anew
    Capture {
        /// A step, an experiment (wire-lost-segment), an exercise that is about a capture, or "all" of the
        /// first two
        step: String,
    },
    /// Show what differs between the sources of two steps
    Diff {
        /// A step
        from: String,
        /// Another step
        to: String,
    },
    /// Write the generated parts of the pages anew
    Docs {
        /// Change nothing; fail if a page has drifted
        #[arg(long)]
        check: bool,
    },
    /// Make a book of the pages, with mdBook: target/book/html/index.html
    Book {
        /// What mdBook asks for, as docs/book.toml tells it
        #[command(subcommand)]
        part: Option<BookPart>,
    },
    /// Run small echo servers in other languages and write the table into its page
    Languages,
    /// Measure speed, side by side with strace, tcpdump and tshark, and write the tables into docs/speed.md
    #[cfg(target_os = "linux")]
    Bench(lab::bench::Arguments),
    /// Measure what the newline costs, untraced, and write the table into the pages
    Newline {
        /// Exchanges in a round of a second, at most
        #[arg(long, default_value_t = 100_000)]
        exchanges: usize,
        /// Only print the table
        #[arg(long)]
        print: bool,
    },
}

#[derive(Args)]
struct TraceArguments {
    #[command(flatten)]
    plan: Plan,
    #[command(flatten)]
    output: Output,
    /// Write a capture for Wireshark to this file too, with the calls between the packets; - for
    /// standard output, in place of the lanes
    #[arg(long, value_name = "FILE")]
    pcapng: Option<PathBuf>,
    #[command(flatten)]
    more: More,
}

/// What the lanes and pictures of a run tell besides.
#[derive(Args, Clone, Copy, Default)]
struct More {
    /// Draw the lines that the server writes, too
    #[arg(long)]
    log: bool,
    /// Name the thread of each call; a process is named where several made calls
    #[arg(long)]
    threads: bool,
}

/// Which frames of a capture.
#[derive(Args)]
struct Part {
    /// Begin with this frame
    #[arg(long, value_name = "FRAME")]
    from: Option<usize>,
    /// End with this frame
    #[arg(long, value_name = "FRAME")]
    to: Option<usize>,
}

impl Part {
    fn is_all(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// The frames asked for, of a timeline that has them. `None` for all.
    fn of(&self, timeline: &Timeline) -> Result<Option<RangeInclusive<usize>>> {
        if self.is_all() {
            return Ok(None);
        }
        let last = timeline.last_frame();
        let (from, to) = (self.from.unwrap_or(1), self.to.unwrap_or(last));
        for (option, frame) in [("--from", from), ("--to", to)] {
            ensure!(
                (1..=last).contains(&frame),
                "{option} {frame}: this capture has the frames 1 to {last}"
            );
        }
        ensure!(
            from <= to,
            "--from {from} --to {to}: the first frame comes after the last; did you mean --from {to} --to {from}?"
        );
        Ok(Some(from..=to))
    }
}

/// What is shown, beside how.
struct Shown<'a> {
    /// What it is of: the name of a step, a file, a server.
    name: &'a str,
    /// What is told besides.
    more: More,
    /// Only these frames.
    frames: Option<RangeInclusive<usize>>,
}

impl Shown<'_> {
    /// What a page is called: the step, the server, or a file's name without its folder and its ending.
    fn title(&self) -> Cow<'_, str> {
        let stem = Path::new(self.name).file_stem();
        stem.map_or("a capture".into(), |stem| stem.to_string_lossy())
    }

    fn scene(&self, timeline: &Timeline, lanes: &Lanes) -> Scene {
        let scene = Scene::part_of(timeline, lanes.part());
        match &self.frames {
            Some(frames) => scene.frames(frames),
            None => scene,
        }
    }
}

/// How a timeline is written, and where.
#[derive(Args)]
struct Output {
    /// How to write the timeline
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write it to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Columns to draw in; the terminal's unless given
    #[arg(long)]
    width: Option<usize>,
    /// Colours of the terminal or of a picture; such as suit any ground unless told
    #[arg(long, value_enum)]
    theme: Option<Theme>,
    /// Draw this connection alone, by its number in the table of connections
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    connection: Option<u32>,
    /// Of two hosts with a wire, show the packets alone that could have been captured on this one; with
    /// --pcapng, let that file hold them, or those of both
    #[arg(long, value_enum)]
    vantage: Option<Vantage>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lanes, and what the rules find
    Text,
    /// A table of frames and a sentence on each
    Markdown,
    /// One object; docs/json.md describes it
    Json,
    /// A page to open in a browser, in one file; docs/page.md describes it
    Html,
    /// A picture: time runs down, each packet is an arrow
    Svg,
    /// A picture: the bytes of the server against time
    SvgBytes,
}

/// What mdBook runs while it makes the book.
#[derive(Subcommand)]
enum BookPart {
    /// Point the links of the chapters on standard input at what the book holds
    #[command(hide = true)]
    Chapters {
        /// mdBook asks with "supports html" whether this is for a renderer
        asked: Vec<String>,
    },
    /// Put beside the chapters what they link to
    #[command(hide = true)]
    Files,
}

/// How the doctor answers.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Answer {
    /// For people
    Text,
    /// One line, an object, for a program that asks many machines
    Json,
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    // These tell "found something" (1) from "could not run" (2).
    let failed = if matches!(
        command,
        Command::Check { .. } | Command::Doctor { .. } | Command::Learn(_) | Command::Grade(_)
    ) {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    };
    let is_check = matches!(command, Command::Check { .. });
    match run(command) {
        Ok(status) => status,
        // Whoever reads our output has seen enough. A check is not clean for that.
        Err(error) if is_broken_pipe(&error) && !is_check => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => failed,
        Err(error) => {
            // A standard error that is closed too leaves nobody to tell.
            let _ = writeln!(io::stderr(), "lab: {}", shown(&told(&error)));
            failed
        }
    }
}

/// An error and its causes, each said once: some name their cause themselves.
fn told(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |told, cause| {
        let cause = cause.to_string();
        match (told.is_empty(), told.contains(&cause)) {
            (true, _) => cause,
            (false, true) => told,
            (false, false) => told + ": " + &cause,
        }
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Steps => {
            for step in steps::all()? {
                writeln!(io::stdout(), "{}  {}", step.binary(), step.slug)?;
            }
        }
        Command::Show {
            what,
            part,
            step,
            output,
        } => show(&what, &part, step, &output)?,
        Command::Trace(arguments) => return trace_server(&arguments),
        Command::Check {
            plan,
            strictness,
            format,
        } => {
            return check_server(&plan, &strictness, format);
        }
        Command::Explain { name } => {
            let width = terminal::terminal_width().unwrap_or(80);
            let lines = match name {
                Some(name) => explain::explain(&name, width)?,
                None => explain::names(width),
            };
            terminal::print(&lines)?;
        }
        Command::Shell {
            host,
            wire,
            step,
            command,
        } => {
            let wire = wire.wire()?.or(host.map(|_| Wire::new()));
            let build = trace::start(step.as_deref(), &command)?;
            let server = match wire {
                Some(wire) => build.wire(wire),
                None => build,
            };
            shell(server.start()?, host.unwrap_or(Host::Client).into())?;
        }
        #[cfg(target_os = "linux")]
        Command::Live { plan, address } => live(&plan, address)?,
        Command::Wireshark { plan, vantage } => wireshark(plan, vantage)?,
        Command::Doctor { format } => {
            let report = Report::look();
            let told = match format {
                Answer::Text => report.text(),
                Answer::Json => report.json(),
            };
            io::stdout().write_all(told.as_bytes())?;
            if !report.is_ready() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Learn(arguments) => return Ok(ExitCode::from(arguments.run()?)),
        Command::Quiz(arguments) => arguments.run()?,
        Command::Grade(arguments) => return Ok(ExitCode::from(arguments.run()?)),
        Command::Capture { step } => capture_steps(&step)?,
        Command::Diff { from, to } => {
            let diff = pages::diff(&steps::find(&from)?, &steps::find(&to)?)?;
            io::stdout().write_all(diff.as_bytes())?;
        }
        Command::Docs { check } => return docs(check),
        Command::Book { part: None } => {
            writeln!(io::stdout(), "the book is at {}", book::build()?.display())?;
        }
        Command::Book {
            part: Some(BookPart::Chapters { asked }),
        } => {
            // The answer to "supports RENDERER" is the exit status. The one after mdBook's own reads no chapters.
            match &asked[..] {
                [] => book::preprocess(io::stdin().lock(), io::stdout().lock())?,
                [.., renderer] if renderer == "html" => {}
                _ => return Ok(ExitCode::FAILURE),
            }
        }
        Command::Book {
            part: Some(BookPart::Files),
        } => book::add_files(io::stdin().lock())?,
        Command::Languages => {
            let survey = languages::survey()?;
            write!(io::stdout(), "{survey}")?;
            survey.write_page()?;
        }
        #[cfg(target_os = "linux")]
        Command::Bench(arguments) => arguments.run()?,
        Command::Newline { exchanges, print } => {
            let table = newline::table(&newline::measure(exchanges)?);
            io::stdout().write_all(table.as_bytes())?;
            if !print {
                pages::write_measured("newline", &table)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where packets are captured, of two hosts with a wire.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Vantage {
    /// On the client's host
    Client,
    /// On the server's host
    Server,
    /// On both, each with an interface of its own
    Both,
}

impl From<Vantage> for pcapng::Vantage {
    fn from(vantage: Vantage) -> pcapng::Vantage {
        match vantage {
            Vantage::Client => pcapng::Vantage::At(Side::Client),
            Vantage::Server => pcapng::Vantage::At(Side::Server),
            Vantage::Both => pcapng::Vantage::Both,
        }
    }
}

/// Writes what was captured at an end of the wire.
fn write_vantage(timeline: &Timeline, vantage: Vantage, path: &Path) -> Result<()> {
    let written = match is_standard_output(path) {
        true => pcapng::write_ends(timeline, vantage.into(), &mut io::stdout().lock()),
        false => pcapng::write_ends(timeline, vantage.into(), &mut BufWriter::new(create(path)?)),
    };
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Runs a server and its clients, and says what the rules find. What could not be run is said in the format too.
fn check_server(plan: &Plan, strictness: &Strictness, format: check::Format) -> Result<ExitCode> {
    let outcome = match plan.run(|_| Ok(())) {
        Ok(outcome) => outcome,
        Err(error) if format == check::Format::Text => return Err(error),
        Err(error) => {
            let checked = Checked::not_made(format!("{error:#}"));
            io::stdout().write_all(checked.show(format).as_bytes())?;
            return Err(error);
        }
    };
    // Whether somebody reads them changes no verdict.
    let _ = tell_troubles(&outcome.troubles);
    let checked = strictness.check_run(&outcome.timeline, &outcome.troubles);
    let told = checked.show(format);
    let shown = match format {
        check::Format::Text => terminal::findings(&told, Look::default()),
        check::Format::Json | check::Format::Github => io::stdout().write_all(told.as_bytes()),
    };
    match shown {
        // The status stands, whoever reads what was found.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::from(checked.status())),
    }
}

/// Its status is 1 if the client program did not end in time, whatever there is to be seen.
fn trace_server(arguments: &TraceArguments) -> Result<ExitCode> {
    let outcome = trace_and_show(arguments)?;
    Ok(if outcome.client_timed_out {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn trace_and_show(arguments: &TraceArguments) -> Result<trace::Outcome> {
    let mut lanes = terminal::Growing::default();
    let piped = arguments.pcapng.as_deref().is_some_and(is_standard_output);
    let output = &arguments.output;
    output.can_be_written_beside(arguments.pcapng.as_deref())?;
    let live = output.format == Format::Text && output.output.is_none() && !piped;
    let name = arguments.plan.name();
    let server = arguments.plan.server()?;
    let ends = output.vantage.zip(arguments.pcapng.as_deref());
    let file = arguments.pcapng.as_deref().filter(|_| !piped && ends.is_none());
    let capture = file.map(|path| CaptureFile::start(&server, &name, path)).transpose()?;
    let outcome = arguments.plan.run_on(server, |timeline| {
        if live {
            lanes.draw(&output.seen(&timeline), output.look(arguments.more), false)?;
        }
        Ok(())
    })?;
    let timeline = &outcome.timeline;
    tell_troubles(&outcome.troubles)?;
    // A capture that cannot be written takes nothing else along.
    let captured = match (ends, piped, capture) {
        (Some((vantage, path)), ..) => write_vantage(timeline, vantage, path),
        (None, true, _) => pcapng::write(timeline, &name, &mut io::stdout().lock()).map_err(Into::into),
        (None, false, Some(capture)) => finish(capture, timeline),
        (None, false, None) => Ok(()),
    };
    let seen = output.seen(timeline);
    if live {
        let look = output.look(arguments.more);
        match output.chosen(&seen)? {
            None => lanes.draw(&seen, look, true)?,
            Some(chosen) => terminal::draw_scene(&some(&seen, &chosen, &look.lanes()), look)?,
        }
        write!(io::stdout(), "\n{}", table(&seen, output.width))?;
        terminal::findings(&findings(&seen), look)?;
    } else if !piped {
        let shown = Shown {
            name: &name,
            more: arguments.more,
            frames: None,
        };
        output.write(&seen, &shown)?;
    }
    drop(seen);
    if timeline.not_kept > 0 && arguments.pcapng.is_none() {
        let note =
            "the run was longer than what is kept: --pcapng FILE has all of it, and --snaplen 96 needs less memory";
        writeln!(io::stderr(), "lab: {note}")?;
    }
    captured.map(|()| outcome)
}

fn finish(capture: CaptureFile, timeline: &Timeline) -> Result<()> {
    capture.finish(timeline)?;
    if timeline.not_kept > 0 {
        let note = "the run was longer than what is kept; the capture file has all of it, without comments";
        writeln!(io::stderr(), "lab: {note}")?;
    }
    Ok(())
}

impl Output {
    /// What of a timeline is to be shown.
    fn seen<'t>(&self, timeline: &'t Timeline) -> Cow<'t, Timeline> {
        match self.vantage.map(pcapng::Vantage::from) {
            Some(pcapng::Vantage::At(host)) => Cow::Owned(timeline.captured_at(host)),
            _ => Cow::Borrowed(timeline),
        }
    }

    /// How it looks in a terminal.
    fn look(&self, more: More) -> Look {
        Look {
            width: self.width,
            theme: self.theme,
            output: more.log,
            threads: more.threads,
        }
    }

    /// Makes sure, before anything runs, that the file can be written, and that it is not the capture's.
    fn can_be_written_beside(&self, capture: Option<&Path>) -> Result<()> {
        let Some(path) = &self.output else { return Ok(()) };
        anyhow::ensure!(
            !capture.is_some_and(|capture| same_file(capture, path)),
            "-o and --pcapng name the same file, {}: name two",
            path.display()
        );
        // What is in it stays there until there is something to write.
        let opened = File::options().append(true).create(true).open(path);
        opened
            .map(drop)
            .with_context(|| format!("cannot create {}", path.display()))
    }

    /// The connections to draw, if not all: the one asked for, or of many the worst.
    fn chosen(&self, timeline: &Timeline) -> Result<Option<Vec<ConnectionId>>> {
        let all = timeline.endpoints.len();
        match self.connection {
            Some(number) if number as usize > all => {
                anyhow::bail!("there is no connection {number}: the last one is {all}")
            }
            Some(number) => Ok(Some(vec![ConnectionId(number as usize - 1)])),
            None if all > DRAWN => Ok(Some(Overview::of(timeline).worst(DRAWN))),
            None => Ok(None),
        }
    }

    /// Writes a timeline to the file, or to standard output.
    fn write(&self, timeline: &Timeline, shown: &Shown<'_>) -> Result<()> {
        let Some(path) = &self.output else {
            return Ok(self.write_to(timeline, shown, &mut BufWriter::new(io::stdout().lock()))?);
        };
        let written = self.write_to(timeline, shown, &mut BufWriter::new(create(path)?));
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    fn picture(&self, name: &str) -> Picture {
        Picture {
            theme: match self.theme {
                None => svg::Theme::Auto,
                Some(Theme::Light) => svg::Theme::Light,
                Some(Theme::Dark) => svg::Theme::Dark,
                Some(Theme::Mono) => svg::Theme::Mono,
            },
            ..Picture::titled(format!("{name}: what client, wire and server do"))
        }
    }

    fn write_to(&self, timeline: &Timeline, shown: &Shown<'_>, out: &mut impl Write) -> io::Result<()> {
        let lanes = Lanes {
            output: shown.more.log,
            threads: shown.more.threads,
            ..Lanes::with_width(self.width.unwrap_or(80))
        };
        match self.format {
            Format::Text => {
                let scene = match self.chosen(timeline).map_err(io::Error::other)? {
                    Some(chosen) => some(timeline, &chosen, &lanes),
                    None => shown.scene(timeline, &lanes),
                };
                for line in lanes.lines_of(&scene) {
                    writeln!(out, "{line}")?;
                }
                write!(out, "\n{}{}", table(timeline, self.width), findings(timeline))?;
            }
            Format::Markdown => {
                let frames = shown.frames.clone().unwrap_or(1..=usize::MAX);
                out.write_all(markdown::frames(timeline, frames).as_bytes())?;
            }
            Format::Json => json::write(timeline, out)?,
            Format::Html => html::write(timeline, &shown.title(), out)?,
            Format::Svg => {
                let picture = self.picture(shown.name);
                out.write_all(picture.draw(&shown.scene(timeline, &lanes)).as_bytes())?;
            }
            Format::SvgBytes => {
                let picture = self.picture(shown.name);
                out.write_all(picture.draw_bytes(&shown.scene(timeline, &lanes)).as_bytes())?;
            }
        }
        out.flush()
    }
}

/// True if two paths lead to one file, or will when it is made.
fn same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| {
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let made = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
        path.canonicalize().ok().or_else(made)
    };
    // A device takes whatever comes.
    let is_device = one.exists() && !one.is_file();
    !is_device && (one == other || (real(one).is_some() && real(one) == real(other)))
}

fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// Some of a timeline's connections, in this order.
fn some(timeline: &Timeline, chosen: &[ConnectionId], lanes: &Lanes) -> Scene {
    let part = harness::scene::Part {
        connections: chosen.iter().map(|id| id.0 + 1).max().unwrap_or_default(),
        ..lanes.part()
    };
    let mut scene = Scene::part_of(timeline, part);
    let place = |diagram: &Diagram| chosen.iter().position(|id| id.0 == diagram.connection);
    scene.connections.retain(|diagram| place(diagram).is_some());
    scene.connections.sort_by_key(place);
    scene
}

/// Of more connections than this the worst are drawn.
const DRAWN: usize = 3;

/// A row for each connection, where there are several.
fn table(timeline: &Timeline, width: Option<usize>) -> String {
    if timeline.endpoints.len() < 2 {
        return String::new();
    }
    let width = width.or_else(terminal::terminal_width).unwrap_or(80);
    overview::table(&Overview::of(timeline), width) + "\n"
}

fn findings(timeline: &Timeline) -> String {
    Strictness::default().check(timeline).show(check::Format::Text)
}

/// One of the two hosts.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Host {
    Client,
    Server,
}

impl From<Host> for Side {
    fn from(host: Host) -> Side {
        match host {
            Host::Client => Side::Client,
            Host::Server => Side::Server,
        }
    }
}

fn shell(server: Server, host: Side) -> Result<()> {
    writeln!(
        io::stderr(),
        "the server listens on {}; this shell is in its network, and the timeline follows when you leave it",
        server.address()
    )?;
    in_shell(&server, host)?;
    Ok(terminal::draw(&server.stop()?, Look::default())?)
}

/// Opens a shell on a host of a server's network, until it is left.
fn in_shell(server: &Server, host: Side) -> Result<()> {
    let program = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
    // The shell's own status is its user's affair.
    trace::inside(server, host, &mut process::Command::new(program))?;
    Ok(())
}

/// Shows a run in a browser while it goes on.
#[cfg(target_os = "linux")]
fn live(plan: &Plan, address: std::net::SocketAddr) -> Result<()> {
    let name = plan.name();
    let server = plan.server()?;
    let page = Live::start(address, html::live(&name))?;
    writeln!(io::stderr(), "{} in a browser: {}", name, page.url())?;
    if !address.ip().is_loopback() {
        writeln!(
            io::stderr(),
            "lab: whoever has this address, and reaches this machine, sees the run"
        )?;
    }
    let data = |timeline: &Timeline| html::data(timeline, &name);
    let timeline = lab::live::watch(page, server, data, |server| {
        if let Some(client) = &plan.client {
            let trouble = trace::run_client(server, plan.address(server)?, client, plan.limit())?.trouble();
            return trouble.map_or(Ok(()), |text| Ok(writeln!(io::stderr(), "lab: {}", shown(&text))?));
        }
        let says = &plan.says;
        if plan.stdin || says.greeting || says.script.is_some() || !says.send.is_empty() {
            let talked = plan.talk(server, plan.address(server)?, |_| Ok(()))?;
            tell_troubles(&talked.troubles)?;
            if io::stdin().is_terminal() && !plan.stdin {
                writeln!(io::stderr(), "press enter to end; the page goes on until then")?;
                io::stdin().read_line(&mut String::new())?;
            }
            return Ok(());
        }
        writeln!(
            io::stderr(),
            "the server listens on {}; this shell is in its network: talk to it, and leave the shell to end",
            server.address()
        )?;
        in_shell(server, Side::Client)
    })?;
    Ok(terminal::draw(&timeline, Look::default())?)
}

fn wireshark(plan: Plan, vantage: Option<Host>) -> Result<()> {
    let window = Wireshark::find()?.at_host(vantage.map(Side::from));
    if let Some(file) = plan.step.as_deref().map(Path::new).filter(|path| path.is_file()) {
        return window.open(file);
    }
    let server = plan.server()?;
    let address = plan.address(&server)?;
    let name = plan.name();
    window.watch(server, &name, move |server| {
        if let Some(client) = &plan.client {
            let trouble = trace::run_client(server, address, client, plan.limit())?.trouble();
            return trouble.map_or(Ok(()), |text| Ok(writeln!(io::stderr(), "lab: {}", shown(&text))?));
        }
        // Clients that are to stay connected do so while we type.
        let talked = plan.talk(server, address, |_| Ok(()))?;
        tell_troubles(&talked.troubles)?;
        if io::stdin().is_terminal() && !plan.stdin {
            type_lines(server, address, io::stdin().lock(), io::stdout())?;
        }
        Ok(())
    })
}

/// What the clients could not do, where it does not mix with the result.
fn tell_troubles<'t>(troubles: impl IntoIterator<Item = &'t Trouble>) -> io::Result<()> {
    let troubles: Vec<&Trouble> = troubles.into_iter().collect();
    // The first line says what it is; what the server wrote until then may follow.
    for alike in troubles.chunk_by(|one, other| one.text.lines().next() == other.text.lines().next()) {
        let times = match alike.len() {
            1 => String::new(),
            times => format!("{times} times: "),
        };
        let last = alike.last().map_or("", |trouble| trouble.text.as_str());
        writeln!(io::stderr(), "lab: {times}{}", shown(last))?;
    }
    Ok(())
}

/// A message for a terminal: it may name a file or repeat what a program wrote.
fn shown(message: &str) -> String {
    let lines: Vec<String> = message.lines().map(printable).collect();
    lines.join("\n")
}

fn show(what: &str, part: &Part, step: bool, output: &Output) -> Result<()> {
    // What is to be found in an exercise's capture is not said below it.
    let asked = learn::exercise::all()
        .unwrap_or_default()
        .into_iter()
        .find(|exercise| exercise.name == what && exercise.about.kind == learn::exercise::Kind::Find)
        .and_then(|exercise| exercise.capture());
    let is_asked = asked.is_some();
    let path = match steps::find(what) {
        Ok(step) => step.capture(),
        Err(_) if is_asked => asked.unwrap_or_default(),
        Err(_) if experiments::find(what).is_some() => experiments::capture_of(what)?,
        Err(_) if what == "-" || Path::new(what).exists() => PathBuf::from(what),
        Err(_) if learn::exercise::all().is_ok_and(|all| learn::exercise::find(&all, what).is_ok()) => {
            anyhow::bail!("{what:?} is an exercise without a capture: lab learn check {what} runs what you have of it")
        }
        Err(error) => return Err(error.context(format!("{what:?} is neither a step nor a file"))),
    };
    ensure!(
        part.is_all() || output.format != Format::Html,
        "--from and --to choose what is drawn, and a page has all of a capture: open it with #frame=N behind its name"
    );
    ensure!(
        part.is_all() || output.format != Format::Json,
        "--from and --to choose what is drawn, and JSON has all of a capture: filter its frames, as with jq"
    );
    let extent = match (output.format, output.vantage) {
        // An excerpt leaves out frames that were asked for.
        (Format::Text | Format::Svg, None) if part.is_all() && output.connection.is_none() => Extent::Excerpt,
        _ => Extent::Whole,
    };
    show::read(&path, extent, |timeline| {
        let timeline = &output.seen(timeline);
        let shown = Shown {
            name: what,
            more: More::default(),
            frames: part.of(timeline)?,
        };
        if output.format != Format::Text || output.output.is_some() {
            return output.write(timeline, &shown);
        }
        let look = output.look(More::default());
        let mut scene = match output.connection.and(output.chosen(timeline)?) {
            Some(chosen) => some(timeline, &chosen, &look.lanes()),
            None => shown.scene(timeline, &look.lanes()),
        };
        if is_asked {
            scene
                .connections
                .iter_mut()
                .for_each(|connection| connection.verdict.clear());
        }
        if step && !terminal::step(&scene, look)? {
            return Ok(());
        }
        if !step {
            terminal::draw_scene(&scene, look)?;
        }
        if is_asked {
            return Ok(());
        }
        writeln!(io::stdout())?;
        Ok(terminal::findings(&findings(timeline), look)?)
    })
}

fn capture_steps(name: &str) -> Result<()> {
    if let Some(exercise) = learn::exercise::all()?.iter().find(|exercise| exercise.name == name) {
        let path = learn::recapture::write(exercise)?;
        writeln!(io::stdout(), "written to {}", path.display())?;
        return Ok(());
    }
    let (chosen, behind_wires) = match (name, experiments::find(name)) {
        ("all", _) => (steps::all()?, experiments::ALL.to_vec()),
        (_, Some(experiment)) => (vec![], vec![experiment]),
        (_, None) => (vec![steps::find(name)?], vec![]),
    };
    let checkout = checkout::find()?;
    for experiment in behind_wires {
        let timeline = experiment.write()?;
        let path = experiment.capture()?;
        let path = path.strip_prefix(&checkout).unwrap_or(&path);
        writeln!(io::stdout(), "{timeline}\nwritten to {}", path.display())?;
    }
    for step in chosen {
        let capture::Written { timeline, renumbered } = capture::write(&step)?;
        let path = step.capture();
        let path = path.strip_prefix(&checkout).unwrap_or(&path);
        writeln!(
            io::stdout(),
            "{timeline}\nwritten to {}; the pages follow with: cargo run --bin lab -- docs",
            path.display()
        )?;
        if renumbered {
            let note =
                "frames have other numbers than before: `lab docs` tells which sentences of the pages name others now";
            writeln!(io::stdout(), "{note}")?;
        }
    }
    Ok(())
}

fn docs(check: bool) -> Result<ExitCode> {
    let mut misnamed = false;
    // The captures first: all else is made of them.
    let captures = experiments::commented()?;
    let mut drifted = write_anew(captures, "what is said of its packets today", check)?;
    let checkout = checkout::find()?;
    for page in pages::all()? {
        let name = page
            .path
            .strip_prefix(&checkout)
            .unwrap_or(&page.path)
            .display()
            .to_string();
        let made = pages::generate(&page).with_context(|| format!("in {name}"))?;
        // What a sentence means no command can write.
        for complaint in frames::check(&page.text).with_context(|| format!("in {name}"))? {
            misnamed = true;
            writeln!(io::stdout(), "{name}: {complaint}")?;
        }
        if made == page.text {
            continue;
        }
        drifted = true;
        if check {
            writeln!(
                io::stdout(),
                "{name} has drifted from its captures or sources:\n{}",
                pages::changes(&page.text, &made)
            )?;
        } else {
            std::fs::write(&page.path, &made).with_context(|| format!("cannot write {name}"))?;
            writeln!(io::stdout(), "{name} written")?;
        }
    }
    let (path, text, made) = learn::catalog::source()?;
    if made != text {
        drifted = true;
        let name = path.strip_prefix(&checkout).unwrap_or(&path).display();
        if check {
            writeln!(io::stdout(), "{name} has drifted from the folders of the exercises")?;
        } else {
            std::fs::write(&path, &made).with_context(|| format!("cannot write {name}"))?;
            writeln!(io::stdout(), "{name} written")?;
        }
    }
    let pictures = pictures::all()?.into_iter();
    let pictures = pictures.map(|drawn| (drawn.path, drawn.text.into_bytes()));
    drifted |= write_anew(pictures, "its capture", check)?;
    Ok(if misnamed || (check && drifted) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Writes files anew that are made of others, or only looks. True if one was another.
fn write_anew(made: impl IntoIterator<Item = (PathBuf, Vec<u8>)>, of: &str, check: bool) -> Result<bool> {
    let mut drifted = false;
    let checkout = checkout::find()?;
    for (path, file) in made {
        let name = path.strip_prefix(&checkout).unwrap_or(&path).display();
        if std::fs::read(&path).is_ok_and(|old| old == file) {
            continue;
        }
        drifted = true;
        if check {
            writeln!(io::stdout(), "{name} has drifted from {of}")?;
        } else {
            std::fs::write(&path, &file).with_context(|| format!("cannot write {name}"))?;
            writeln!(io::stdout(), "{name} written")?;
        }
    }
    Ok(drifted)
}
