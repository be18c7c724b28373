//! What commands that show a timeline have in common: in which form, of what, and where to.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use harness::format::pcapng::Vantage;
use harness::format::svg::{self, Picture};
use harness::format::text::Lanes;
use harness::format::{follow, html, json, markdown, overview};
use harness::overview::Overview;
use harness::scene::{Diagram, Scene};
use harness::timeline::{ConnectionId, FrameNumber, Level, Side, Timeline, printable};

use crate::check::{self, Checked, Strictness};
use crate::filter::and_the_rest;
use crate::terminal::{self, Look, Theme};
use crate::trace::Trouble;

/// How a timeline is written, and where.
#[derive(Args, Debug)]
pub struct Output {
    /// How to write the timeline
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Write it to this file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Columns to draw in. Without it those of the terminal
    #[arg(long)]
    pub width: Option<usize>,
    /// Colours of the terminal or of a picture. Without it those that suit any ground
    #[arg(long, value_enum)]
    theme: Option<Theme>,
    /// Show this connection alone, by its number in the table of connections
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub connection: Option<u32>,
    /// Of two hosts with a wire, show the packets alone that could have been captured on this one; with
    /// --pcapng, let that file hold them, or those of both
    #[arg(long, value_parser = vantages())]
    pub vantage: Option<Vantage>,
}

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lanes, and what the rules find
    Text,
    /// A table of frames and a sentence on each
    Markdown,
    /// What both sides of each connection sent, a row for each line; what is no ASCII is escaped
    Bytes,
    /// One object; docs/json.md describes it
    Json,
    /// An object on each line, for what happens, when it happens; docs/json.md describes them
    Jsonl,
    /// A page to open in a browser, in one file; docs/page.md describes it
    Html,
    /// A picture: time runs down, each packet is an arrow
    Svg,
}

impl Output {
    /// What of a timeline is to be shown.
    pub fn seen<'t>(&self, timeline: &'t Timeline) -> Cow<'t, Timeline> {
        match self.vantage {
            Some(Vantage::At(host)) => Cow::Owned(timeline.captured_at(host)),
            _ => Cow::Borrowed(timeline),
        }
    }

    /// How it looks in a terminal.
    pub fn look(&self, more: More) -> Look {
        Look {
            width: self.width,
            theme: self.theme,
            output: more.log,
            threads: more.threads,
        }
    }

    /// Makes sure, before anything runs, that the file can be written, and that it is not the capture's.
    pub fn can_be_written_beside(&self, capture: Option<&Path>) -> Result<()> {
        let Some(path) = &self.output else { return Ok(()) };
        ensure!(
            !capture.is_some_and(|capture| same_file(capture, path)),
            "-o and --pcapng name the same file, {}: name two",
            path.display()
        );
        NewFile::begin(path).map(drop)
    }

    /// Makes sure that a file which is read is not the one that is written.
    pub fn can_be_written_from(&self, input: &Path) -> Result<()> {
        let is_input = self.output.as_deref().is_some_and(|path| same_file(input, path));
        ensure!(
            !is_input,
            "-o names the capture itself, {}: name another file",
            input.display()
        );
        Ok(())
    }

    /// The connections to draw, if not all: the one asked for, or of many the worst.
    pub fn chosen(&self, timeline: &Timeline) -> Result<Option<Vec<ConnectionId>>> {
        let asked = self.connection.map(|number| ConnectionId(number - 1));
        let mut here = timeline.connections().map(|connection| connection.id());
        match asked {
            Some(asked) if here.any(|id| id == asked) => Ok(Some(vec![asked])),
            Some(place) if place.index() < timeline.endpoints.len() => {
                bail!("connection {} does not fit --filter or --odd", place.index() + 1)
            }
            Some(ConnectionId(place)) => {
                bail!(
                    "there is no connection {}: the last one is {}{}",
                    place + 1,
                    timeline.endpoints.len(),
                    and_the_rest(timeline)
                )
            }
            None if here.len() > DRAWN => Ok(Some(Overview::of(timeline).worst(DRAWN))),
            None => Ok(None),
        }
    }

    /// The connection that was asked for. Lanes choose what they draw, and count it among all.
    fn part_of<'t>(&self, timeline: &'t Timeline) -> Result<Cow<'t, Timeline>> {
        let chosen = self.connection.and(self.chosen(timeline)?);
        match chosen.filter(|_| self.format != Format::Text && timeline.connections().len() > 1) {
            Some(chosen) => Ok(Cow::Owned(timeline.part(&chosen))),
            None => Ok(Cow::Borrowed(timeline)),
        }
    }

    /// Writes a timeline to the file, or to standard output.
    pub fn write(&self, timeline: &Timeline, shown: &Shown<'_>) -> Result<()> {
        let part = self.part_of(timeline)?;
        self.write_by(|mut out| self.write_to(&part, shown, &mut out))
    }

    /// Writes JSON of a capture that is too long to keep, while it is read once more.
    pub fn write_again(&self, survey: Timeline, input: Box<dyn Read>) -> Result<()> {
        self.write_by(|mut out| {
            match self.format {
                Format::Jsonl => json::retell_lines(survey, input, &mut out),
                _ => json::retell(survey, input, &mut out),
            }?;
            out.flush()
        })
    }

    fn write_by(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let Some(path) = &self.output else {
            return Ok(write(&mut BufWriter::new(io::stdout().lock()))?);
        };
        let file = NewFile::begin(path)?;
        let written = write(&mut BufWriter::new(&file.file));
        written
            .and_then(|()| file.finish())
            .with_context(|| format!("cannot write {}", path.display()))
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

    /// Writes lanes, or what stands below them alone: verdicts, the table of connections, and what the rules find.
    fn write_lanes(
        &self,
        timeline: &Timeline,
        shown: &Shown<'_>,
        (lanes, are_drawn): (&Lanes, bool),
        out: &mut impl Write,
    ) -> io::Result<()> {
        let scene = match self.chosen(timeline).map_err(io::Error::other)? {
            Some(chosen) => some(timeline, &chosen, lanes),
            None => shown.scene(timeline, lanes),
        };
        let scene = match are_drawn {
            true => scene,
            false => scene.frames(&FrameNumber::range(0..=0)),
        };
        for line in lanes.lines_of(&scene) {
            writeln!(out, "{line}")?;
        }
        let found = findings(timeline).show(check::Format::Text);
        write!(out, "\n{}{found}", table(timeline, self.width))
    }

    fn write_to(&self, timeline: &Timeline, shown: &Shown<'_>, out: &mut impl Write) -> io::Result<()> {
        let lanes = Lanes {
            output: shown.more.log,
            threads: shown.more.threads,
            ..Lanes::with_width(self.width.unwrap_or(80))
        };
        match self.format {
            Format::Text => self.write_lanes(timeline, shown, (&lanes, true), out)?,
            Format::Markdown => {
                let frames = shown.frames.clone().unwrap_or(FrameNumber::range(1..=usize::MAX));
                out.write_all(markdown::frames(timeline, frames).as_bytes())?;
                writeln!(out, "\n```text")?;
                self.write_lanes(timeline, shown, (&lanes, false), out)?;
                writeln!(out, "```")?;
            }
            Format::Bytes => {
                for connection in timeline.connections() {
                    follow::write(connection, lanes.width, out)?;
                }
                if let later @ 1.. = timeline.not_kept {
                    writeln!(
                        out,
                        "[{later} later events are not here: --connection and --filter choose others]"
                    )?;
                }
                if let alone @ 1.. = timeline.lone_fragments() {
                    writeln!(
                        out,
                        "[{alone} IP fragments are not read, as others of their packets are missing]"
                    )?;
                }
            }
            Format::Json => json::write(timeline, out)?,
            Format::Jsonl => json::write_lines(timeline, out)?,
            Format::Html => html::write(timeline, &shown.title(), out)?,
            Format::Svg => {
                let picture = self.picture(shown.name);
                out.write_all(picture.draw(&shown.scene(timeline, &lanes)).as_bytes())?;
            }
        }
        out.flush()
    }
}

/// A file that takes its place when it is whole: until then the old one stays, and a run that fails leaves none.
#[derive(Debug)]
struct NewFile {
    file: File,
    /// Where it is, and where it is to be. `None` of one that is written in place: a device, a pipe, or a file in a
    /// folder that no other may be made in.
    moves: Option<(PathBuf, PathBuf)>,
}

impl NewFile {
    fn begin(path: &Path) -> Result<NewFile> {
        is_no_input(path)?;
        let cannot = || cannot_create(path);
        let target = target_of(path);
        let old = target.metadata().ok();
        let in_place = |file: File| NewFile { file, moves: None };
        if old.as_ref().is_some_and(|old| !old.is_file()) {
            let file = File::options().write(true).open(&target);
            return file.map(in_place).with_context(cannot);
        }
        // Who may not write the old one may not replace it either.
        let writable = old.map(|old| File::options().append(true).open(&target).map(|file| (file, old)));
        let writable = writable.transpose().with_context(cannot)?;
        let name = target.file_name().with_context(cannot)?.to_string_lossy();
        let new = target.with_file_name(format!(".{name}.{}", std::process::id()));
        match (File::create(&new), writable) {
            (Ok(file), writable) => {
                // Where the mode cannot be kept the new file has the usual one.
                let _ = writable.map(|(_, old)| file.set_permissions(old.permissions()));
                let moves = Some((new, target));
                Ok(NewFile { file, moves })
            }
            (Err(_), Some(_)) => File::create(&target).map(in_place).with_context(cannot),
            (Err(error), None) => Err(error).with_context(cannot),
        }
    }

    /// Lets it take its place.
    fn finish(mut self) -> io::Result<()> {
        match self.moves.take() {
            Some((new, target)) => std::fs::rename(new, target),
            None => Ok(()),
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some((new, _)) = self.moves.take() {
            // It is of no use to anybody; if it cannot be removed it does no harm.
            let _ = std::fs::remove_file(new);
        }
    }
}

/// Where a path leads, through symbolic links, also to a file that is not there.
fn target_of(path: &Path) -> PathBuf {
    /// More links in a row are a ring: path_resolution(7).
    const MOST: usize = 40;
    let mut target = path.to_owned();
    for _ in 0..MOST {
        let Ok(next) = target.read_link() else { break };
        target = target.parent().map_or(next.clone(), |folder| folder.join(&next));
    }
    target
}

/// What is shown, beside how.
pub struct Shown<'a> {
    /// What it is of: the name of a step, a file, a server.
    pub name: &'a str,
    /// What is told besides.
    pub more: More,
    /// Only these frames.
    pub frames: Option<RangeInclusive<FrameNumber>>,
}

impl<'a> Shown<'a> {
    /// All of it.
    pub fn whole(name: &'a str, more: More) -> Self {
        let frames = None;
        Shown { name, more, frames }
    }

    /// What a page is called: the step, the server, or a file's name without its folder and its ending.
    fn title(&self) -> Cow<'_, str> {
        let stem = Path::new(self.name).file_stem();
        stem.map_or("a capture".into(), |stem| stem.to_string_lossy())
    }

    /// What is to be drawn of a timeline.
    pub fn scene(&self, timeline: &Timeline, lanes: &Lanes) -> Scene {
        let scene = Scene::part_of(timeline, lanes.part());
        match &self.frames {
            Some(frames) => scene.frames(frames),
            None => scene,
        }
    }
}

/// What the lanes and pictures of a run tell besides.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct More {
    /// Draw the lines that the server writes, too
    #[arg(long)]
    log: bool,
    /// Name the thread of each call; a process is named where several made calls
    #[arg(long)]
    threads: bool,
}

/// Which frames of a capture.
#[derive(Args, Debug)]
pub struct FrameRange {
    /// Begin with this frame
    #[arg(long, value_name = "FRAME")]
    from: Option<usize>,
    /// End with this frame
    #[arg(long, value_name = "FRAME")]
    to: Option<usize>,
}

impl FrameRange {
    /// True if nothing is left out.
    pub fn is_all(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// The frames asked for, of a timeline that has them. `None` for all.
    pub fn of(&self, timeline: &Timeline) -> Result<Option<RangeInclusive<FrameNumber>>> {
        if self.is_all() {
            return Ok(None);
        }
        let last = timeline.last_frame().index();
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
        Ok(Some(FrameNumber::range(from..=to)))
    }
}

/// Where packets are captured, of two hosts with a wire, by the names that `--vantage` takes.
fn vantages() -> impl TypedValueParser<Value = Vantage> {
    let names = [
        ("client", "On the client's host"),
        ("server", "On the server's host"),
        ("both", "On both, each with an interface of its own"),
    ];
    let names = names.map(|(name, help)| PossibleValue::new(name).help(help));
    PossibleValuesParser::new(names).map(|name| match name.as_str() {
        "client" => Vantage::At(Side::Client),
        "server" => Vantage::At(Side::Server),
        _ => Vantage::Both,
    })
}

/// One of the two hosts, by its name.
pub fn hosts() -> impl TypedValueParser<Value = Side> {
    let side = |name: String| if name == "client" { Side::Client } else { Side::Server };
    PossibleValuesParser::new(["client", "server"]).map(side)
}

/// Why a file that the user has named is not written, to begin with.
pub fn cannot_create(path: &Path) -> String {
    let parent = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let cure = parent.map(|folder| format!(": there is no folder {}", folder.display()));
    format!("cannot create {}{}", path.display(), cure.unwrap_or_default())
}

/// Makes sure that a file which is there is not read or run by this very command: no other argument names it, as a
/// capture, a script or the program, and it is not the standard input.
///
/// # Errors
///
/// With its path.
pub fn is_no_input(path: &Path) -> Result<()> {
    let is_it = |name: &OsStr| same_file(Path::new(name), path);
    let value = |argument: &OsString| Some(OsString::from(argument.to_str()?.split_once('=')?.1));
    let names = |argument: &OsString| is_it(argument) || value(argument).is_some_and(|value| is_it(&value));
    // It is named once as what is written.
    let is_named_again = std::env::args_os().skip(1).filter(names).nth(1).is_some();
    ensure!(
        !path.is_file() || !(is_named_again || is_it("/dev/stdin".as_ref())),
        "{} is read or run by this command, and would be lost: name another file to write",
        path.display()
    );
    Ok(())
}

/// True if two paths lead to one file, or will when it is made.
fn same_file(one: &Path, other: &Path) -> bool {
    let (one, other) = (&target_of(one), &target_of(other));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        // A second name of the same file is as good as the first.
        let place = |path: &Path| {
            path.metadata()
                .ok()
                .filter(|file| file.is_file())
                .map(|file| (file.dev(), file.ino()))
        };
        if place(one).is_some() && place(one) == place(other) {
            return true;
        }
    }
    let real = |path: &Path| {
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let made = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
        path.canonicalize().ok().or_else(made)
    };
    // Two names of one device, such as /dev/null, do no harm: it keeps neither.
    let is_device = one.exists() && !one.is_file();
    !is_device && (one == other || (real(one).is_some() && real(one) == real(other)))
}

/// True for the `-` that stands for standard output.
pub fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// Some of a timeline's connections, in this order.
pub fn some(timeline: &Timeline, chosen: &[ConnectionId], lanes: &Lanes) -> Scene {
    let part = harness::scene::Extent {
        connections: chosen.iter().map(|id| id.index() + 1).max().unwrap_or_default(),
        ..lanes.part()
    };
    let mut scene = Scene::part_of(timeline, part);
    let place = |diagram: &Diagram| chosen.iter().position(|id| id.index() == diagram.connection);
    scene.connections.retain(|diagram| place(diagram).is_some());
    scene.connections.sort_by_key(place);
    scene
}

/// Of more connections than this the worst are drawn.
const DRAWN: usize = 3;

/// A row for each connection, where there are several.
pub fn table(timeline: &Timeline, width: Option<usize>) -> String {
    if timeline.connections().len() < 2 {
        return String::new();
    }
    let width = width.or_else(terminal::terminal_width).unwrap_or(80);
    match timeline.level {
        Level::Capture => overview::survey(timeline, width) + "\n",
        _ => overview::table(&Overview::of(timeline), width) + "\n",
    }
}

/// What the rules find in it.
pub fn findings(timeline: &Timeline) -> Checked {
    Strictness::default().check(timeline)
}

/// What the clients could not do, where it does not mix with the result.
pub fn tell_troubles<'t>(troubles: impl IntoIterator<Item = &'t Trouble>) -> io::Result<()> {
    let troubles: Vec<&Trouble> = troubles.into_iter().collect();
    // The first line says what it is; what the server wrote until then may follow.
    for alike in troubles.chunk_by(|one, other| one.text.lines().next() == other.text.lines().next()) {
        let times = match alike.len() {
            1 => String::new(),
            times => format!("{times} times: "),
        };
        let last = alike.last().map_or("", |trouble| trouble.text.as_str());
        writeln!(io::stderr(), "lab: {times}{}", printable_lines(last))?;
    }
    Ok(())
}

/// A message for a terminal: it may name a file or repeat what a program wrote.
pub fn printable_lines(message: &str) -> String {
    let lines: Vec<String> = message.lines().map(printable).collect();
    lines.join("\n")
}
