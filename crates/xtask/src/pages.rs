//! The generated parts of the pages: what stands between
//! `<!-- generated: ... -->` and `<!-- end -->`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use course::learn::exercise;
use course::quiz::sheet;
use course::steps::{self, Step};
use course::{capture, checkout, experiments};
use harness::facts::{Exchange, FactKind, Reason};
use harness::format::json;
use harness::format::line::Kind;
use harness::format::text::Lanes;
use harness::format::{markdown, overview};
use harness::ordeals::{Fault, ORDEALS};
use harness::overview::Overview;
use harness::timeline::{Closing, Connection, EventId, EventKind, FrameNumber, Side, Timeline};
use lab::check::{Format, Strictness};
use lab::commands::compare::Compared;
use serde_json::Value;
use similar::TextDiff;

use crate::{handout, options, schema};

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";

/// Parts that are measured, by the first word of their marker. [`generate`] leaves them as they are:
/// a stopwatch does not give the same twice.
const MEASURED: [&str; 4] = ["newline", "languages", "bench", "museum"];

/// A page of the project.
#[derive(Debug)]
pub struct Page {
    /// Where it is.
    pub path: PathBuf,
    /// What it says now.
    pub text: String,
}

/// All pages: the README, those in `docs`, and the captures' own.
///
/// # Errors
///
/// If one cannot be read.
pub fn all() -> Result<Vec<Page>> {
    let checkout = checkout::find()?;
    let docs = checkout.join("docs");
    let names = checkout::names_in(&docs)?
        .into_iter()
        .filter(|name| name.ends_with(".md"));
    let mut paths: Vec<PathBuf> = names.map(|name| docs.join(name)).collect();
    paths.extend(["README.md", "captures/README.md"].map(|name| checkout.join(name)));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Page { path, text })
    };
    paths.into_iter().map(read).collect()
}

/// The page's text with its generated parts made anew, but for those that are measured.
///
/// # Errors
///
/// If a marker is not understood or not closed, or what it names is not there.
pub fn generate(page: &Page) -> Result<String> {
    let is_doc = page.path.starts_with(checkout::find()?.join("docs"));
    let docs = if is_doc { "" } else { "docs/" };
    let is_measured = |what: &str| MEASURED.contains(&what.split_whitespace().next().unwrap_or_default());
    replace(&page.text, |what, old| match what {
        _ if is_measured(what) => Ok(old.to_owned()),
        "figures" => figures(docs),
        "exercises" => exercises(docs),
        "survives" => survives(docs),
        _ => body(what),
    })
}

/// Puts a measured table into every page that asks for it.
///
/// # Errors
///
/// If a page cannot be read or written.
pub fn write_measured(name: &str, table: &str) -> Result<()> {
    for page in all()? {
        let made = replace(&page.text, |what, old| {
            Ok(if what == name { table.to_owned() } else { old.to_owned() })
        })?;
        if made != page.text {
            std::fs::write(&page.path, made).with_context(|| format!("cannot write {}", page.path.display()))?;
        }
    }
    Ok(())
}

/// Replaces what stands between each pair of markers by what `make` gives for it.
fn replace(text: &str, make: impl Fn(&str, &str) -> Result<String>) -> Result<String> {
    let mut made = String::new();
    let mut lines = text.split_inclusive('\n').enumerate();
    while let Some((number, line)) = lines.next() {
        made += line;
        let marker = line.strip_prefix(BEGIN);
        let Some(what) = marker.and_then(|rest| rest.trim_end().strip_suffix(" -->")) else {
            continue;
        };
        let here = || format!("line {}: {}", number + 1, line.trim_end());
        let mut old = String::new();
        let end = loop {
            match lines.next() {
                Some((_, line)) if line.trim_end() == END => break line,
                Some((_, line)) if !line.starts_with(BEGIN) => old += line,
                _ => bail!("{}: there is no {END} for it", here()),
            }
        };
        made += &make(what, &old).with_context(here)?;
        made += end;
    }
    Ok(made)
}

/// What a marker asks for.
fn body(what: &str) -> Result<String> {
    let words: Vec<&str> = what.split_whitespace().collect();
    match words[..] {
        ["frames", name, range] => frames(name, frame_range(range)?),
        ["lanes", name] => lanes(name, FrameNumber::range(1..=usize::MAX)),
        ["lanes", name, range] => lanes(name, frame_range(range)?),
        ["wire", name, range] => wire(name, frame_range(range)?),
        ["code", step, function] => code(&steps::find(step)?, function),
        ["diff", from, to] => Ok(fenced("diff", &steps::diff(&steps::find(from)?, &steps::find(to)?)?)),
        // The words for what is so of a packet.
        ["facts"] => {
            let row = |kind: FactKind| {
                let field = kind.wireshark().map_or_else(String::new, |field| format!("`{field}`"));
                format!("`{kind}` | {} | {field}", kind.summary())
            };
            let head = "fact | meaning | in Wireshark, `tcp.analysis.`";
            Ok(meanings(head, FactKind::ALL.into_iter().map(row)))
        }
        // The words for why a packet left when it did.
        ["reasons"] => {
            let row = |reason: &Reason| format!("`{}` | {}", reason.name(), reason.summary());
            Ok(meanings("reason | meaning", Reason::ALL.iter().map(row)))
        }
        ["ordeals"] => Ok(ordeals()),
        // What a server fails by that has a name.
        ["faults"] => {
            let row = |fault: &Fault| format!("`{fault}` | {}", fault.about());
            Ok(meanings("fault | meaning", Fault::ALL.iter().map(row)))
        }
        ["json"] => Ok(schema::tables()),
        // What `lab check` says of a run.
        ["check", name] => {
            let checked = Strictness::default().check_run(&whole(name)?, &[]);
            Ok(fenced("text", &checked.show(Format::Text)))
        }
        ["overview", name] => {
            let table = overview::table(&Overview::of(&whole(name)?), 80);
            Ok(fenced("text", &table))
        }
        ["compare", before, after] => {
            let compared = Compared::of(vec![before.to_owned()], vec![after.to_owned()], 1.1)?;
            Ok(fenced("text", &compared.show(Format::Text)))
        }
        ["event", name, frame, ref fields @ ..] => event(name, frame, fields),
        ["options", command, ref others @ ..] => options::table(command, others),
        ["questions", step] => handout::questions(step),
        ["key", step] => handout::key(step, &whole(step)?),
        ["list", name] => Ok(fenced("text", &sheet::list(&whole(name)?))),
        _ => bail!(
            "nothing is generated by this name: there are facts, reasons, ordeals, faults, survives, json, options COMMAND [COMMAND...], check CAPTURE, compare CAPTURE CAPTURE, overview CAPTURE, event CAPTURE FRAME FIELD..., figures, exercises, frames CAPTURE RANGE, lanes CAPTURE[@client|@server] [RANGE], \
             wire CAPTURE RANGE, list CAPTURE, questions STEP, key STEP, code STEP FUNCTION, diff STEP STEP, newline, languages and bench PART"
        ),
    }
}

/// A table of words and what they mean, with what else its head names.
fn meanings(head: &str, rows: impl Iterator<Item = String>) -> String {
    let columns = head.split('|').map(|_| "---|").collect::<String>();
    let rows: String = rows.map(|row| format!("| {row} |\n")).collect();
    format!("| {head} |\n|{columns}\n{rows}")
}

/// What makes a day rough, a section each: `lab explain` reads them too.
fn ordeals() -> String {
    let mut text = String::new();
    for ordeal in ORDEALS.iter() {
        let takes = if ordeal.quick { "quick" } else { "not quick" };
        text += &format!(
            "\n### {}\n\n{}.\n\n- rough: {}\n- failed: {}\n- cure: {}\n- {takes}\n",
            ordeal.name, ordeal.about, ordeal.lever, ordeal.fails, ordeal.cure
        );
    }
    text + "\n"
}

/// How servers came through the rough day, as it was measured last: docs/ordeals.json, which `.ci/rough --write` writes.
fn survives(docs: &str) -> Result<String> {
    let path = checkout::find()?.join("docs/ordeals.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let measured: BTreeMap<String, Vec<MeasuredServer>> =
        serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let servers = measured
        .get("servers")
        .with_context(|| format!("{} has no servers", path.display()))?;
    let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
    let mut table = format!(
        "| ordeal | {} |\n|---|{}\n",
        names.join(" | "),
        ":-:|".repeat(names.len())
    );
    for ordeal in ORDEALS.iter() {
        let sign = |server: &MeasuredServer| match server.verdicts.get(ordeal.name).map(String::as_str) {
            Some("passed") => "✓",
            Some("failed") => "**✗**",
            Some("policy") => "p",
            _ => "·",
        };
        let signs = servers.iter().map(sign).collect::<Vec<_>>().join(" | ");
        table += &format!("| [{0}]({docs}ordeals.md#{0}) | {signs} |\n", ordeal.name);
    }
    Ok(table)
}

/// What `.ci/rough` measured of a server.
#[derive(serde::Deserialize)]
struct MeasuredServer {
    name: String,
    verdicts: BTreeMap<String, String>,
}

fn fenced(language: &str, text: &str) -> String {
    format!("```{language}\n{}\n```\n", text.trim_end())
}

/// `4-9`, or `4`.
fn frame_range(text: &str) -> Result<RangeInclusive<FrameNumber>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        text.parse::<FrameNumber>()
            .with_context(|| format!("{text:?} is no frame number"))
    };
    Ok(number(first)?..=number(last)?)
}

fn whole(name: &str) -> Result<Timeline> {
    committed(name, &FrameNumber::range(1..=usize::MAX))
}

/// The committed capture of a step or an experiment, which must hold the frames that a page speaks of.
fn committed(name: &str, frames: &RangeInclusive<FrameNumber>) -> Result<Timeline> {
    // `NAME@client` is what a capture at that host alone would have.
    let (name, host) = name
        .split_once('@')
        .map_or((name, None), |(name, host)| (name, Some(host)));
    let whole = capture::read(&experiments::capture_of(name)?)?;
    let timeline = match host {
        None => whole,
        Some("client") => whole.captured_at(Side::Client),
        Some("server") => whole.captured_at(Side::Server),
        Some(other) => bail!("{other:?} is no host: client or server"),
    };
    let count = timeline.last_frame();
    let last = *frames.end();
    if last.0 != u32::MAX && (last > count || frames.is_empty()) {
        bail!(
            "the capture of {name} has frames 1-{count}, not {}-{last}",
            frames.start()
        );
    }
    Ok(timeline)
}

fn frames(name: &str, range: RangeInclusive<FrameNumber>) -> Result<String> {
    Ok(format!("\n{}\n", markdown::frames(&committed(name, &range)?, range).trim_end()) + "\n")
}

/// The lanes under their two headings. The verdict comes along with the last frame.
fn lanes(name: &str, range: RangeInclusive<FrameNumber>) -> Result<String> {
    let timeline = committed(name, &range)?;
    let mut inside = false;
    let mut lines = Lanes::default().lines(&timeline);
    lines.retain(|line| match line.kind {
        Kind::Title | Kind::Heading => true,
        Kind::Row(Some(frame)) => {
            inside = range.contains(&frame);
            inside
        }
        Kind::Row(None) | Kind::Other => inside,
    });
    // A connection of which nothing is drawn needs no heading.
    let heads_nothing = |place: usize| {
        let next = lines[place + 1..].iter().find(|line| line.kind != Kind::Heading);
        matches!(lines[place].kind, Kind::Title | Kind::Heading) && next.is_none_or(|line| line.kind == Kind::Title)
    };
    let drawn = lines.iter().enumerate().filter(|(place, _)| !heads_nothing(*place));
    let text: Vec<String> = drawn.map(|(_, line)| line.to_string()).collect();
    Ok(fenced("text", &text.join("\n")))
}

/// Fields of an event, as JSON has them.
fn event(name: &str, frame: &str, fields: &[&str]) -> Result<String> {
    let range = frame_range(frame)?;
    let mut lines = Vec::new();
    json::write_lines(&committed(name, &range)?, &mut lines)?;
    let mut events = lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let event = events
        .find(|event| event["frame"] == range.start().0)
        .with_context(|| format!("no event of {name} is frame {frame}"))?;
    let field = |field: &&str| match &event[field] {
        Value::Null => bail!("frame {frame} of {name} has no {field}"),
        value => Ok(format!("  \"{field}\": {value}")),
    };
    let fields = fields.iter().map(field).collect::<Result<Vec<_>>>()?;
    Ok(fenced("json", &format!("{{\n{}\n}}", fields.join(",\n"))))
}

fn wire(name: &str, range: RangeInclusive<FrameNumber>) -> Result<String> {
    let timeline = committed(name, &range)?;
    let mut lines = String::new();
    for event in &timeline.events {
        if let EventKind::Packet(packet) = &event.kind
            && range.contains(&packet.number)
        {
            lines += &format!("{:>2}  {}\n", packet.number, packet.short());
        }
    }
    Ok(fenced("text", &lines))
}

/// A function of a step's source, with the comments right above it.
fn code(step: &Step, function: &str) -> Result<String> {
    let source = step.read_source()?;
    let lines: Vec<&str> = source.lines().collect();
    let opens = |line: &&str| !line.starts_with(' ') && line.contains(&format!("fn {function}("));
    let at = lines.iter().position(opens);
    let at = at.with_context(|| format!("{} has no function {function}", step.slug))?;
    let belongs = |line: &&&str| line.starts_with("//") || line.starts_with("#[");
    let above = lines[..at].iter().rev().take_while(belongs).count();
    let below = lines[at..].iter().position(|line| *line == "}");
    let below = below.context("the function has no end")?;
    Ok(fenced("rust", &lines[at - above..=at + below].join("\n")))
}

/// What a page would become.
pub fn changes(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(1)
        .to_string()
}

/// The steps side by side, from their captures. `docs` leads from the page to the steps' pages.
fn figures(docs: &str) -> Result<String> {
    let mut table = String::from(
        "| step | | writes per reply | packets per exchange | held back | packets to close | sockets left |\n\
         |---|---|---|---|---|--:|---|\n",
    );
    for step in steps::all()? {
        let timeline = capture::read(&step.capture())?;
        let connection = timeline.only();
        let page = step.lesson.page.strip_prefix("docs/").unwrap_or(&step.lesson.page);
        table += &format!(
            "| [{slug}]({docs}{page}) | {} | {} | {} | {} | {} | {} |\n",
            step.about()?,
            listed(connection.writes_per_reply(), ""),
            listed(connection.packets_per_exchange(), ""),
            held_back(connection),
            connection.closing().packets.len(),
            left(&connection.closing()),
            slug = step.slug
        );
    }
    Ok(table)
}

/// The exercises, in order. `docs` leads from the page to the pages that teach them.
fn exercises(docs: &str) -> Result<String> {
    let mut table = String::from("|  | exercise | | kind | minutes | taught by |\n|--:|---|---|---|--:|---|\n");
    let mut minutes = 0;
    for exercise in exercise::all()? {
        let about = &exercise.about;
        let page = about.page.strip_prefix("docs/").unwrap_or(&about.page);
        let name = page.split(['.', '#']).next().unwrap_or(page);
        minutes += about.minutes;
        table += &format!(
            "| {} | `{}` | {} | {} | {} | [{name}]({docs}{page}) |\n",
            about.order,
            exercise.name,
            about.title,
            about.kind.word(),
            about.minutes
        );
    }
    table += &format!("| | | | | {minutes} | |\n");
    Ok(table)
}

/// These with commas between, or a word for none.
pub(crate) fn listed<T: ToString>(all: impl IntoIterator<Item = T>, none: &str) -> String {
    let words: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    match words.is_empty() {
        true => none.to_owned(),
        false => words.join(", "),
    }
}

/// The exchanges in which a segment waited for an ACK, counted from 1.
fn held_back(connection: Connection<'_>) -> String {
    let held: Vec<EventId> = connection.held_segments().map(|(id, _)| id).collect();
    let waits = |exchange: &Exchange| exchange.packets.iter().any(|packet| held.contains(packet));
    let exchanges = connection.exchanges();
    let waiting = (1..).zip(&exchanges).filter(|(_, exchange)| waits(exchange));
    listed(waiting.map(|(number, _)| format!("exchange {number}")), "none")
}

/// What the two kernels still hold of a connection at the end of the capture.
fn left(closing: &Closing) -> String {
    let sides = [("server", closing.server_left), ("client", closing.client_left)];
    let sockets = sides.into_iter();
    let sockets = sockets.filter_map(|(side, state)| Some(format!("the {side}'s in {}", state?)));
    listed(sockets, "nothing")
}

#[cfg(test)]
#[path = "../tests/unit/pages.rs"]
mod tests;
