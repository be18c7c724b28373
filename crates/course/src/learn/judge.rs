//! Whether an exercise is solved: by what was seen on the wire and in the calls, never by comparing output.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use harness::rules::{Finding, Rule, RuleId, Severity};
use harness::timeline::{
    ClientActionKind, Connection, EventId, EventKind, Level, OutputStream, ProcessEvent, ProcessEventKind, Side,
    Timeline, printable,
};
use harness::{Error, LISTEN, Machine, Server};

use super::advice::{self, Advice, Case};
use super::attempt::CallOff;
use super::exercise::{Exercise, Kind};
use super::measure::{self, Measure};
use super::play::{self, How, Ran, Script, Trouble};
use crate::capture;

/// A learner's server, or one of ours in its place.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The program.
    pub program: PathBuf,
    /// What is set in its environment.
    pub environment: Vec<(String, String)>,
    /// Its source.
    pub source: String,
    /// How much may be observed; all that the machine allows unless told.
    pub level: Option<Level>,
}

/// What a check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Solved.
    Passed,
    /// Not solved.
    Failed,
    /// It cannot be told.
    Unknown,
}

/// A row of the lanes to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The event, as an index into the timeline.
    pub event: EventId,
    /// Its number among those that were counted, where some were.
    pub count: Option<usize>,
}

/// What a check comes to, and what to show for it.
#[derive(Debug)]
pub struct Verdict {
    /// What it comes to.
    pub outcome: Outcome,
    /// What is so, in lines.
    pub said: Vec<String>,
    /// The run to show.
    pub timeline: Option<Timeline>,
    /// Where to look.
    pub marks: Vec<Mark>,
    /// What to do next, if it is not solved.
    pub advice: Option<Advice>,
    /// What could not be observed, or stands in for it.
    pub notes: Vec<String>,
    /// Which answers are right, where answers were judged.
    pub right: Vec<bool>,
}

/// What is wrong with a server.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It did not come to listen.
    Start(String),
    /// A client did not get what it had to.
    Reply(Trouble),
    /// A finding that has to go is there.
    Found(Finding),
    /// A finding is there that was not there before.
    Worse(Finding),
    /// Each reply takes time in which nothing happens.
    Slow {
        /// The shortest time from request to reply.
        waited: Duration,
        /// The events of that exchange.
        evidence: Vec<EventId>,
    },
    /// A measure has another value than it must.
    Must {
        /// The measure.
        measure: &'static Measure,
        /// What it has to be.
        wanted: String,
        /// What it is.
        got: String,
        /// What shows it.
        evidence: Vec<EventId>,
    },
    /// A finding that has to be there is not.
    Missing(&'static Rule),
    /// Without a tracer it does something else.
    Untraced(Untraced),
}

/// What a run that nobody traced did otherwise than the traced one.
#[derive(Clone, Debug)]
pub enum Untraced {
    /// It did not come to listen on the address that it was given.
    Listening(SocketAddr),
    /// What it did.
    Behaviour(&'static str),
    /// How many segments it sent, for so many replies.
    Segments(u32, u32),
}

impl fmt::Display for Untraced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Untraced::Listening(address) => {
                return write!(
                    f,
                    "Run once more, without a tracer and with the argument {address}, the server did not come to listen \
                     there."
                );
            }
            Untraced::Behaviour(what) => (*what).to_owned(),
            Untraced::Segments(count, replies) => format!("sends {count} segments for {replies} replies"),
        };
        write!(f, "Run without a tracer, the server {what}; traced it does not.")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Start(error) => f.write_str(error),
            Fault::Reply(trouble) => trouble.fmt(f),
            Fault::Found(finding) => write!(f, "still there: {}: {}", finding.rule.name, finding.rule.summary),
            Fault::Worse(finding) => write!(f, "new: {}: {}", finding.rule.name, finding.rule.summary),
            Fault::Slow { waited, .. } => {
                write!(
                    f,
                    "no reply comes sooner than {} ms after its request",
                    waited.as_millis()
                )
            }
            Fault::Must {
                measure, wanted, got, ..
            } => write!(f, "{}: {got}, and it has to be {wanted}", measure.summary),
            Fault::Missing(rule) => write!(f, "not there yet: {}: {}", rule.name, rule.summary),
            Fault::Untraced(difference) => difference.fmt(f),
        }
    }
}

/// The rules that count the writes of a reply.
const WRITES: [RuleId; 2] = [RuleId::SplitReply, RuleId::NagleStall];

/// No machine is so busy that each of many exchanges takes so long.
const SLOW: Duration = Duration::from_millis(20);

impl Subject {
    fn start(&self, descriptors: Option<u32>) -> Result<Server, Error> {
        let mut build = match descriptors {
            None => Server::build(&self.program),
            // The shell becomes the server, under its limit.
            Some(most) => Server::build("/bin/sh")
                .args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &most.to_string()])
                .arg(&self.program),
        }
        .arg(LISTEN);
        for (name, value) in &self.environment {
            build = build.env(name, value);
        }
        if let Some(level) = self.level {
            build = build.level(level);
        }
        build
            .listen_within(Duration::from_secs(5))
            .reply_within(play::PATIENCE)
            .start()
    }

    /// Runs it. `Err` of the inner result: it did not come to listen.
    fn run(&self, exercise: &Exercise, scripts: &[Script<'_>]) -> Result<Result<Ran, String>> {
        match self.start(exercise.about.descriptors) {
            Ok(server) => Ok(Ok(play::play(server, scripts)?)),
            Err(error @ (Error::ExitedEarly { .. } | Error::NeverListened { .. })) => Ok(Err(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}

/// Checks a server against an exercise that is solved by one.
///
/// # Errors
///
/// If it cannot be run or observed at all, or the check was called off.
pub fn server(exercise: &Exercise, subject: &Subject, call_off: &CallOff) -> Result<Verdict> {
    if exercise.about.crowd > 0 {
        let ran = match subject.run(exercise, &vec![exercise.script(); exercise.about.crowd])? {
            Ok(ran) => ran,
            Err(error) => return Ok(not_started(&error)),
        };
        if let Some(fault) = fault(exercise, &ran) {
            return Ok(failed(ran.timeline, &fault, subject, &exercise.about.stays));
        }
    }
    let ran = match subject.run(exercise, &[exercise.script()])? {
        Ok(ran) => ran,
        Err(error) => return Ok(not_started(&error)),
    };
    if let Some(fault) = fault(exercise, &ran) {
        return Ok(failed(ran.timeline, &fault, subject, &exercise.about.stays));
    }
    if exercise.about.kind == Kind::Fix
        && let Some(verdict) = otherwise(exercise, subject, &ran.timeline, call_off)?
    {
        return Ok(verdict);
    }
    let about = &exercise.about;
    let asked = |rule: &&Rule| about.gone.contains(&rule.id) || about.shows.contains(&rule.id);
    let unknown: Vec<&str> = ran
        .timeline
        .unknown_rules()
        .filter(asked)
        .map(|rule| rule.name)
        .collect();
    if !unknown.is_empty() {
        return Ok(unknown_for_want(ran.timeline, &unknown));
    }
    Ok(Verdict {
        outcome: Outcome::Passed,
        said: passed(exercise, &ran.timeline),
        marks: what_passed(exercise, &ran.timeline),
        timeline: Some(ran.timeline),
        advice: None,
        notes: Vec::new(),
        right: Vec::new(),
    })
}

/// What is wrong with a server that did well in the run that is shown: with other inputs, with the clock, without a
/// tracer. `None` if nothing is.
fn otherwise(exercise: &Exercise, subject: &Subject, shown: &Timeline, call_off: &CallOff) -> Result<Option<Verdict>> {
    ensure!(!call_off.is_so(), "the check was called off");
    let own = match exercise.about.echo {
        true => play::echo_probes(&token()),
        false => Vec::new(),
    };
    let probes = exercise.about.probes.iter().chain(&own);
    let scripts: Vec<Script<'_>> = probes
        .map(|steps| Script {
            steps,
            echo: exercise.about.echo,
        })
        .collect();
    if !scripts.is_empty() {
        let ran = match subject.run(exercise, &scripts)? {
            Ok(ran) => ran,
            Err(error) => return Ok(Some(not_started(&error))),
        };
        if let Some(fault) = probe_fault(exercise, &scripts, &ran) {
            return Ok(Some(failed(ran.timeline, &fault, subject, &exercise.about.stays)));
        }
        let quickest = [&ran.timeline, shown]
            .into_iter()
            .filter_map(quickest)
            .min_by_key(|(time, _)| *time);
        if let Some((waited, evidence)) = quickest.filter(|(waited, _)| *waited >= SLOW) {
            return Ok(Some(failed(
                ran.timeline,
                &Fault::Slow { waited, evidence },
                subject,
                &exercise.about.stays,
            )));
        }
    }
    ensure!(!call_off.is_so(), "the check was called off");
    #[cfg(target_os = "linux")]
    if let Some(difference) = super::untraced::differs(exercise, subject, shown)? {
        return Ok(Some(failed(
            shown.clone(),
            &Fault::Untraced(difference),
            subject,
            &exercise.about.stays,
        )));
    }
    Ok(None)
}

/// What is wrong with the run that is shown.
fn fault(exercise: &Exercise, ran: &Ran) -> Option<Fault> {
    let about = &exercise.about;
    let findings = ran.timeline.findings();
    let of = |id: RuleId| findings.iter().find(|finding| finding.rule.id == id).cloned();
    let found = about.gone.iter().find_map(|id| of(*id)).map(Fault::Found);
    match &ran.trouble {
        // An end that fails is what a reset looks like to a client: the finding says more.
        Some(trouble) if trouble.how == How::Failed && trouble.wanted.is_empty() && found.is_some() => return found,
        Some(trouble) => return Some(Fault::Reply(trouble.clone())),
        None if found.is_some() => return found,
        None => {}
    }
    if let Some(missing) = about.shows.iter().find(|id| of(**id).is_none()) {
        let missing = missing.rule();
        let can_tell = ran.timeline.unknown_rules().all(|unknown| unknown != missing);
        if can_tell {
            return Some(Fault::Missing(missing));
        }
    }
    if about.kind == Kind::Fix
        && let Some(finding) = worse(exercise, &findings)
    {
        return Some(Fault::Worse(finding));
    }
    about.must.iter().find_map(|must| {
        let measure = measure::find(&must.measure)?;
        let got = measure.ask(&ran.timeline, must.of);
        let is_right = got.as_ref().is_some_and(|got| got.right.contains(&must.is));
        (!is_right).then(|| Fault::Must {
            measure,
            wanted: must.is.clone(),
            got: got.as_ref().map_or_else(|| "unknown".to_owned(), |got| got.shown()),
            evidence: got.map(|got| got.evidence).unwrap_or_default(),
        })
    })
}

/// What is wrong with other conversations.
fn probe_fault(exercise: &Exercise, scripts: &[Script<'_>], ran: &Ran) -> Option<Fault> {
    if let Some(trouble) = &ran.trouble {
        return Some(Fault::Reply(trouble.clone()));
    }
    let mut findings = ran.timeline.findings();
    // A write for each line is not one too many where several lines came at once.
    let lines = |step: &play::Step| step.send.iter().flat_map(|text| text.matches('\n')).count();
    let several = |connection: usize| {
        let script = ran.scripts.get(connection).and_then(|&place| scripts.get(place));
        script.is_some_and(|script| script.steps.iter().any(|step| lines(step) > 1))
    };
    findings.retain(|finding| !(WRITES.contains(&finding.rule.id) && several(finding.connection.0)));
    let is_gone = |finding: &&Finding| exercise.about.gone.contains(&finding.rule.id);
    let found = findings.iter().find(is_gone).cloned().map(Fault::Found);
    found.or_else(|| worse(exercise, &findings).map(Fault::Worse))
}

fn worse(exercise: &Exercise, findings: &[Finding]) -> Option<Finding> {
    let stays = |finding: &&Finding| exercise.about.stays.contains(&finding.rule.id);
    let counts = |finding: &&Finding| finding.severity == Severity::Warning && !stays(finding);
    findings.iter().find(counts).cloned()
}

fn not_started(error: &str) -> Verdict {
    Verdict {
        outcome: Outcome::Failed,
        said: error.lines().map(str::to_owned).collect(),
        timeline: None,
        marks: Vec::new(),
        advice: Some(Advice {
            id: "does-not-listen",
            text: "The server has to listen on the address that it is given as its argument, and to go on running."
                .to_owned(),
            evidence: Vec::new(),
        }),
        notes: Vec::new(),
        right: Vec::new(),
    }
}

fn failed(timeline: Timeline, fault: &Fault, subject: &Subject, stays: &[RuleId]) -> Verdict {
    let advice = advice::advise(&Case {
        timeline: &timeline,
        fault,
        source: &without_comments(&subject.source),
        stays,
    });
    Verdict {
        outcome: Outcome::Failed,
        said: [fault.to_string()].into_iter().chain(panicked(&timeline)).collect(),
        marks: marked(&advice.evidence),
        timeline: Some(timeline),
        advice: Some(advice),
        notes: Vec::new(),
        right: Vec::new(),
    }
}

/// What a panic of the server has said: where it was, and why.
fn panicked(timeline: &Timeline) -> Option<String> {
    let mut written = timeline.events.iter().filter_map(|event| match &event.kind {
        EventKind::Process(ProcessEvent {
            kind:
                ProcessEventKind::Wrote {
                    stream: OutputStream::Stderr,
                    line,
                },
            ..
        }) => Some(line),
        _ => None,
    });
    let place = written.find(|line| line.contains(" panicked at "))?;
    let why = written.next().map(String::as_str).unwrap_or_default();
    Some(printable(&format!("The server wrote: {place} {why}")))
}

fn unknown_for_want(timeline: Timeline, unknown: &[&str]) -> Verdict {
    let mut notes = vec![format!("the level of this run: {}", timeline.level)];
    notes.extend(refusals());
    Verdict {
        outcome: Outcome::Unknown,
        said: vec![format!(
            "As far as this machine lets us look, nothing is wrong. Unknown, for want of evidence: {}",
            unknown.join(", ")
        )],
        timeline: Some(timeline),
        marks: Vec::new(),
        advice: None,
        notes,
        right: Vec::new(),
    }
}

/// What stands in the way of observing all, with the cures.
pub fn refusals() -> Vec<String> {
    let machine = Machine::look();
    let all = [&machine.no_trace, &machine.no_sandbox];
    all.into_iter().flatten().map(ToString::to_string).collect()
}

fn marked(evidence: &[EventId]) -> Vec<Mark> {
    evidence.iter().map(|&event| Mark { event, count: None }).collect()
}

/// What the rows of a solved exercise show.
fn what_passed(exercise: &Exercise, timeline: &Timeline) -> Vec<Mark> {
    let findings = timeline.findings();
    let shown = findings
        .iter()
        .filter(|finding| exercise.about.shows.contains(&finding.rule.id));
    marked(&shown.flat_map(|finding| finding.evidence.clone()).collect::<Vec<_>>())
}

fn passed(exercise: &Exercise, timeline: &Timeline) -> Vec<String> {
    let mut said = Vec::new();
    let about = &exercise.about;
    if !about.gone.is_empty() {
        let gone: Vec<&str> = about.gone.iter().map(|id| id.name()).collect();
        said.push(format!("Gone: {}. The bytes are right.", gone.join(", ")));
    }
    let musts = about
        .must
        .iter()
        .filter_map(|must| Some((measure::find(&must.measure)?, must)));
    said.extend(musts.map(|(measure, must)| format!("{}: {}, as it has to be.", capital(measure.summary), must.is)));
    let findings = timeline.findings();
    for id in &about.shows {
        said.extend(
            findings
                .iter()
                .find(|finding| finding.rule.id == *id)
                .map(ToString::to_string),
        );
    }
    said
}

/// A sentence begins with a capital.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// The shortest time from a request to the last write of its reply, with the events of that exchange.
fn quickest(timeline: &Timeline) -> Option<(Duration, Vec<EventId>)> {
    timeline
        .connections()
        .filter_map(quickest_of)
        .min_by_key(|(time, _)| *time)
}

fn quickest_of(connection: Connection<'_>) -> Option<(Duration, Vec<EventId>)> {
    let mut best: Option<(Duration, Vec<EventId>)> = None;
    let (mut asked, mut last) = (None, None);
    let mut replied = |asked: &mut Option<_>, last: &mut Option<_>| {
        let (Some((at, _)), Some((index, entered))) = (asked.take(), last.take()) else {
            return;
        };
        let time = harness::timeline::Timestamp::since(entered, at);
        if best.as_ref().is_none_or(|best| time < best.0) {
            best = Some((time, vec![index]));
        }
    };
    for (index, event) in connection.events() {
        match &event.kind {
            EventKind::Client(action) if matches!(action.kind, ClientActionKind::Sent { .. }) => {
                if last.is_some() {
                    replied(&mut asked, &mut last);
                }
                asked = Some((event.at, index));
            }
            EventKind::Call(call) if call.kind == harness::timeline::CallKind::Write && call.moved() > 0 => {
                last = asked.is_some().then_some((index, call.entered));
            }
            _ => {}
        }
    }
    replied(&mut asked, &mut last);
    best
}

/// A word that nobody can know before.
fn token() -> String {
    use std::hash::{BuildHasher, Hasher};
    // Its keys are random in each process, and others in each instance.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{random:016x}")
}

/// A source without its line comments: what is said there is no code.
fn without_comments(source: &str) -> String {
    let code = |line: &str| line.split_once("//").map_or(line, |(code, _)| code).to_owned();
    source.lines().map(code).collect::<Vec<_>>().join("\n")
}

/// An answer to each question, as it was given.
///
/// # Errors
///
/// If the server cannot be run, or the capture cannot be read.
pub fn answers(exercise: &Exercise, subject: Option<&Subject>, answers: &[Vec<String>]) -> Result<Verdict> {
    Ok(graded(exercise, evidence(exercise, subject)?, answers))
}

/// As [`answers`], where there is a run to look at.
pub fn graded(exercise: &Exercise, evidence: Evidence, answers: &[Vec<String>]) -> Verdict {
    let Evidence { timeline, notes } = evidence;
    let questions = &exercise.about.questions;
    let mut verdict = Verdict {
        outcome: Outcome::Passed,
        said: Vec::new(),
        timeline: None,
        marks: Vec::new(),
        advice: None,
        notes,
        right: Vec::new(),
    };
    for (question, answer) in questions.iter().zip(answers) {
        let measured = measure::find(&question.measure)
            .and_then(|measure| Some((measure.form, measure.ask(&timeline, question.of)?)));
        let Some((form, measured)) = measured else {
            verdict
                .said
                .push(format!("?  {}  This run does not tell.", question.ask));
            verdict.right.push(false);
            if verdict.outcome == Outcome::Passed {
                verdict.outcome = Outcome::Unknown;
            }
            continue;
        };
        let given = answer.join(" ");
        let is_right = measured.is_right(form, answer);
        verdict.right.push(is_right);
        if is_right {
            verdict.said.push(format!("✓  {}  {given}", question.ask));
            let counts = form == measure::Form::Number && measured.shown() == measured.evidence.len().to_string();
            verdict
                .marks
                .extend(measured.evidence.iter().enumerate().map(|(place, &event)| Mark {
                    event,
                    count: counts.then_some(place + 1),
                }));
        } else {
            verdict.said.push(format!("✗  {}  Not {given}.", question.ask));
            verdict.outcome = Outcome::Failed;
            verdict.advice.get_or_insert_with(|| Advice {
                id: "look",
                text: question.look.clone(),
                evidence: Vec::new(),
            });
        }
    }
    if verdict.outcome == Outcome::Passed {
        verdict.timeline = Some(timeline);
    } else {
        verdict.marks.clear();
    }
    verdict
}

/// The right answers, as a run or the capture gives them: for whoever makes exercises, and for tests.
///
/// # Errors
///
/// As [`answers`], and if one is not told.
pub fn right_answers(exercise: &Exercise, subject: Option<&Subject>) -> Result<Vec<Vec<String>>> {
    let Evidence { timeline, .. } = evidence(exercise, subject)?;
    let answers = exercise
        .about
        .questions
        .iter()
        .zip(tell(exercise, &timeline))
        .map(|(question, right)| {
            let right = right.ok_or_else(|| anyhow::anyhow!("{}: no answer to {:?}", exercise.slug, question.ask))?;
            // Any one will do, but where all of them are asked for.
            Ok(match measure::find(&question.measure).map(|measure| measure.form) {
                Some(measure::Form::Frames) => right,
                _ => right.into_iter().take(1).collect(),
            })
        });
    answers.collect()
}

/// What answers the questions of an exercise.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// A run, or the committed capture.
    pub timeline: Timeline,
    /// Why the capture stands in for a run, if it does.
    pub notes: Vec<String>,
}

/// Makes the run, or reads the capture.
///
/// # Errors
///
/// As [`answers`].
pub fn evidence(exercise: &Exercise, subject: Option<&Subject>) -> Result<Evidence> {
    let of = |timeline, notes| Evidence { timeline, notes };
    let read = |path: &std::path::Path, notes| Ok(of(capture::read(path)?, notes));
    match (exercise.about.kind, exercise.capture(), subject) {
        (Kind::Find, Some(path), _) | (_, Some(path), None) => read(&path, Vec::new()),
        (_, path, Some(subject)) => {
            let run = typical(exercise, subject);
            let tells = |timeline: &Timeline| tell(exercise, timeline).iter().all(Option::is_some);
            match (run, path) {
                (Ok(run), _) if tells(&run) => Ok(of(run, Vec::new())),
                (run, Some(path)) => {
                    let mut notes = vec![format!(
                        "answered by the committed capture {}, as a run here does not tell",
                        path.file_name().unwrap_or_default().display()
                    )];
                    notes.extend(run.err().map(|error| format!("{error:#}")));
                    notes.extend(refusals());
                    read(&path, notes)
                }
                (run, None) => Ok(of(run?, refusals())),
            }
        }
        (_, None, None) => anyhow::bail!("there is neither a server to run nor a capture"),
    }
}

/// Runs it until two runs in a row answer the questions alike: see [`capture::two_that_agree`].
pub(super) fn typical(exercise: &Exercise, subject: &Subject) -> Result<Timeline> {
    let run = || match subject.run(exercise, &[exercise.script()])? {
        Ok(ran) => Ok(ran.timeline),
        Err(error) => anyhow::bail!(error),
    };
    let same = |one: &Timeline, other: &Timeline| tell(exercise, one) == tell(exercise, other);
    let agreed = capture::two_that_agree(6, run, same)?;
    agreed.ok_or_else(|| anyhow::anyhow!("no two of 6 runs in a row did the same: is the machine very busy?"))
}

pub(super) fn tell(exercise: &Exercise, timeline: &Timeline) -> Vec<Option<Vec<String>>> {
    let answer = |question: &super::exercise::Question| {
        let measure = measure::find(&question.measure)?;
        Some(measure.ask(timeline, question.of)?.right)
    };
    exercise.about.questions.iter().map(answer).collect()
}

/// True if the server closed its side in this run.
pub fn server_closes(timeline: &Timeline) -> bool {
    timeline
        .connections()
        .all(|connection| connection.closing().fins.contains(&Side::Server))
}
