//! Whether an exercise is solved: by what was seen on the wire and in the calls, never by comparing output.

use std::time::Duration;

use anyhow::Result;
use harness::conversation::Act;
use harness::rules::{Finding, Rule, RuleId, Severity};
use harness::timeline::{
    CallKind, ClientActionKind, Connection, EventId, EventKind, OutputStream, Timeline, Timestamp, printable,
};
use harness::{Conversation, How};

use super::advice::{self, Advice, Case};
use super::call_off::CallOff;
use super::exercise::{Exercise, Kind};
use super::fault::Fault;
use super::measure;
use super::play::{self, Entertained, Ran};
use super::subject::{Subject, refusals};
use super::verdict::{MarkedRow, Outcome, Verdict};

/// The rules that count the writes of a reply.
const WRITES: [RuleId; 2] = [RuleId::SplitReply, RuleId::NagleStall];

/// The rules about what is kept of clients that have left.
const LEAKS: [RuleId; 3] = [RuleId::CloseWaitLeak, RuleId::DescriptorLeak, RuleId::UnreadEof];

/// A client that stays so long has outstayed whoever closes by the clock.
const LONGER: Duration = Duration::from_secs(5);

/// No machine is so busy that each of many exchanges takes so long.
const SLOW: Duration = Duration::from_millis(20);

/// Checks a server against an exercise that is solved by one.
///
/// # Errors
///
/// If it cannot be run or observed at all, or the check was called off.
pub fn server(exercise: &Exercise, subject: &Subject, call_off: &CallOff) -> Result<Verdict> {
    match (Check { exercise, subject }).all(call_off) {
        Ok(verdict) => Ok(verdict),
        Err(Stop::Failed(verdict)) => Ok(*verdict),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// A server, and what is asked of it.
struct Check<'c> {
    exercise: &'c Exercise,
    subject: &'c Subject,
}

/// Why a check goes no further.
enum Stop {
    /// The exercise is not solved.
    Failed(Box<Verdict>),
    /// It cannot be told whether it is.
    Error(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Stop {
        Stop::Error(error)
    }
}

impl Check<'_> {
    fn all(&self, call_off: &CallOff) -> Result<Verdict, Stop> {
        let (exercise, about) = (self.exercise, &self.exercise.about);
        if about.crowd > 0 {
            self.shown(&vec![exercise.conversation(); about.crowd])?;
        }
        let timeline = self.shown(&[exercise.conversation()])?;
        self.otherwise(&timeline, call_off)?;
        self.with_guests(call_off)?;
        let asked = |rule: &&Rule| about.gone.contains(&rule.id) || about.shows.contains(&rule.id);
        let unknown: Vec<&str> = timeline.unknown_rules().filter(asked).map(|rule| rule.name).collect();
        if !unknown.is_empty() {
            return Ok(unknown_for_want(timeline, &unknown));
        }
        Ok(Verdict {
            marks: what_passed(exercise, &timeline),
            ..Verdict::of(Outcome::Passed, passed(exercise, &timeline), Some(timeline))
        })
    }

    fn run(&self, wire: &str, conversations: &[Conversation]) -> Result<Ran, Stop> {
        let play = |server| play::play(server, conversations);
        let ran = self.subject.with(self.exercise, wire, play)?;
        ran.map_err(|error| Stop::Failed(Box::new(not_started(&error))))
    }

    /// The run that is shown, with nothing wrong with it.
    fn shown(&self, conversations: &[Conversation]) -> Result<Timeline, Stop> {
        let ran = self.run(&self.exercise.about.wire, conversations)?;
        match fault(self.exercise, &ran) {
            Some(fault) => Err(self.failed(ran.timeline, &fault)),
            None => Ok(ran.timeline),
        }
    }

    /// Whether a server that did well in the run that is shown does so with other inputs, with the clock, and without a
    /// tracer.
    fn otherwise(&self, shown: &Timeline, call_off: &CallOff) -> Result<(), Stop> {
        call_off.ensure_wanted()?;
        let about = &self.exercise.about;
        // Who never reads the end may close by the clock: a client that stays longer tells.
        let waits = about
            .must
            .iter()
            .any(|must| must.measure == "time-wait" && must.is == "client");
        if waits && !shown.all_calls().any(|(_, call)| call.is_end_of_file()) {
            let pause = Conversation::of_one([Act::Pause(LONGER)]);
            let turns = [self.exercise.conversation().turns, pause.turns].concat();
            self.shown(&[Conversation { turns }])?;
        }
        let own = match about.echo {
            true => play::echo_probes(&token(), about.text)?,
            false => Vec::new(),
        };
        let probes = about.probes.iter().map(|probe| self.exercise.echoed(probe));
        let probes: Vec<Conversation> = probes.chain(own).collect();
        if !probes.is_empty() {
            let ran = self.run("", &probes)?;
            if let Some(fault) = probe_fault(self.exercise, &probes, &ran) {
                return Err(self.failed(ran.timeline, &fault));
            }
            let both = [&ran.timeline, shown];
            let quickest = both.into_iter().filter_map(quickest).min_by_key(|(time, _)| *time);
            if let Some((waited, evidence)) = quickest.filter(|(waited, _)| *waited >= SLOW) {
                return Err(self.failed(ran.timeline, &Fault::Slow { waited, evidence }));
            }
        }
        call_off.ensure_wanted()?;
        #[cfg(target_os = "linux")]
        if let Some(difference) = super::untraced::differs(self.exercise, self.subject, shown)? {
            return Err(self.failed(shown.clone(), &Fault::Untraced(difference)));
        }
        Ok(())
    }

    /// Whether it comes through with clients that the page does not have, and keeps nothing of them.
    fn with_guests(&self, call_off: &CallOff) -> Result<(), Stop> {
        call_off.ensure_wanted()?;
        let conversation = self.exercise.conversation();
        let guests = play::guests(conversation.sent().next().unwrap_or(b"hello\n"));
        let entertain = |server| play::entertain(server, &guests, &self.exercise.conversation());
        let entertained = self.subject.with(self.exercise, "", entertain)?;
        let Entertained { ran, kept, guests } =
            entertained.map_err(|error| Stop::Failed(Box::new(not_started(&error))))?;
        if let Some(trouble) = ran.trouble {
            return Err(self.failed(ran.timeline, &Fault::Reply(trouble)));
        }
        let about = &self.exercise.about;
        let keeps = |id: &RuleId| LEAKS.contains(id);
        let may_keep = about.shows.iter().chain(&about.stays).any(keeps);
        if let Some((held, on)) = kept.into_iter().next().filter(|_| !may_keep) {
            let place = ran
                .timeline
                .connections()
                .position(|connection| connection.endpoints() == on);
            let guest = place.and_then(|place| guests.get(place)).copied().unwrap_or("left");
            return Err(self.failed(ran.timeline, &Fault::Kept { held, guest, on }));
        }
        // Whoever leaves in a reply is written to. What is kept of anybody matters, and all that the last client meets.
        let mut findings = ran.timeline.findings();
        findings.retain(|finding| match keeps(&finding.rule.id) {
            true => !may_keep,
            false => finding.connection.index() >= guests.len(),
        });
        match found(self.exercise, &findings) {
            Some(fault) => Err(self.failed(ran.timeline, &fault)),
            None => Ok(()),
        }
    }

    fn failed(&self, timeline: Timeline, fault: &Fault) -> Stop {
        let advice = advice::advise(&Case {
            timeline: &timeline,
            fault,
            source: &without_comments(&self.subject.source),
            about: &self.exercise.about,
        });
        let said = [fault.to_string()].into_iter().chain(panicked(&timeline)).collect();
        Stop::Failed(Box::new(Verdict {
            marks: MarkedRow::each(&advice.evidence),
            advice: Some(advice),
            ..Verdict::of(Outcome::Failed, said, Some(timeline))
        }))
    }
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
        let got = measure.ask(&ran.timeline, must.on, must.of);
        let is_right = got.as_ref().is_some_and(|got| got.right.contains(&must.is));
        (!is_right).then(|| Fault::Must {
            measure,
            wanted: must.is.clone(),
            on: must.on,
            got: got.as_ref().map_or_else(|| "unknown".to_owned(), |got| got.shown()),
            evidence: got.map(|got| got.evidence).unwrap_or_default(),
        })
    })
}

/// What is wrong with other conversations.
fn probe_fault(exercise: &Exercise, probes: &[Conversation], ran: &Ran) -> Option<Fault> {
    if let Some(trouble) = &ran.trouble {
        return Some(Fault::Reply(trouble.clone()));
    }
    let mut findings = ran.timeline.findings();
    // A write for each line is not one too many where several lines came at once, or one before the other was answered.
    let lines = |sent: &[u8]| sent.iter().filter(|byte| **byte == b'\n').count();
    let several = |connection: usize| {
        let probe = ran.conversations.get(connection).and_then(|&place| probes.get(place));
        probe.is_some_and(|probe| probe.sent().any(|sent| lines(sent) > 1) || probe.sends_on())
    };
    findings.retain(|finding| !(WRITES.contains(&finding.rule.id) && several(finding.connection.index())));
    found(exercise, &findings)
}

/// The finding that has to go, or else one that was not there before.
fn found(exercise: &Exercise, findings: &[Finding]) -> Option<Fault> {
    let is_gone = |finding: &&Finding| exercise.about.gone.contains(&finding.rule.id);
    let found = findings.iter().find(is_gone).cloned().map(Fault::Found);
    found.or_else(|| worse(exercise, findings).map(Fault::Worse))
}

fn worse(exercise: &Exercise, findings: &[Finding]) -> Option<Finding> {
    let about = &exercise.about;
    let stays = |finding: &&Finding| {
        [&about.stays, &about.shows, &about.chance]
            .iter()
            .any(|ids| ids.contains(&finding.rule.id))
    };
    let counts = |finding: &&Finding| finding.severity == Severity::Warning && !stays(finding);
    findings.iter().find(counts).cloned()
}

fn not_started(error: &str) -> Verdict {
    let said = error.lines().map(str::to_owned).collect();
    Verdict {
        advice: Some(Advice {
            id: "does-not-listen",
            text: advice::text("does-not-listen"),
            evidence: Vec::new(),
        }),
        ..Verdict::of(Outcome::Failed, said, None)
    }
}

/// What a panic of the server has said: where it was, and why.
fn panicked(timeline: &Timeline) -> Option<String> {
    let written = timeline
        .output()
        .filter(|(_, stream, _)| *stream == OutputStream::Stderr);
    let mut written = written.map(|(.., line)| line);
    let place = written.find(|line| line.contains(" panicked at "))?;
    let why = written.next().unwrap_or_default();
    Some(printable(&format!("The server wrote: {place} {why}")))
}

fn unknown_for_want(timeline: Timeline, unknown: &[&str]) -> Verdict {
    let said = format!(
        "As far as this machine lets us look, nothing is wrong. Unknown, for want of evidence: {}",
        unknown.join(", ")
    );
    let level = format!("the level of this run: {}", timeline.level);
    Verdict {
        notes: [level].into_iter().chain(refusals()).collect(),
        ..Verdict::of(Outcome::Unknown, vec![said], Some(timeline))
    }
}

/// What the rows of a solved exercise show.
fn what_passed(exercise: &Exercise, timeline: &Timeline) -> Vec<MarkedRow> {
    let findings = timeline.findings();
    let shown = findings
        .iter()
        .filter(|finding| exercise.about.shows.contains(&finding.rule.id));
    MarkedRow::each(&shown.flat_map(|finding| finding.evidence.clone()).collect::<Vec<_>>())
}

fn passed(exercise: &Exercise, timeline: &Timeline) -> Vec<String> {
    let mut said = Vec::new();
    let about = &exercise.about;
    if !about.gone.is_empty() {
        let gone: Vec<&str> = about.gone.iter().map(|id| id.name()).collect();
        said.push(format!("Gone: {}. The bytes are right.", gone.join(", ")));
    }
    said.extend(about.must.iter().filter_map(|must| {
        let about = measure::find(&must.measure)?.about(must.on);
        Some(format!("{}: {}, as it has to be.", capital(&about), must.is))
    }));
    let findings = timeline.findings();
    let of = |id: &RuleId| findings.iter().find(|finding| finding.rule.id == *id);
    said.extend(about.shows.iter().filter_map(of).map(ToString::to_string));
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
    let times = timeline.connections().flat_map(reply_times);
    times
        .min_by_key(|(time, _)| *time)
        .map(|(time, write)| (time, vec![write]))
}

/// The time from each request to the last write of its reply, with that write.
fn reply_times(connection: Connection<'_>) -> impl Iterator<Item = (Duration, EventId)> {
    let mut exchanges: Vec<(Timestamp, Option<(EventId, Timestamp)>)> = Vec::new();
    for (id, event) in connection.events() {
        match &event.kind {
            EventKind::Client(action) if matches!(action.kind, ClientActionKind::Sent { .. }) => {
                exchanges.push((event.at, None));
            }
            EventKind::Call(call) if call.kind == CallKind::Write && call.moved() > 0 => {
                if let Some((_, last)) = exchanges.last_mut() {
                    *last = Some((id, call.entered));
                }
            }
            _ => {}
        }
    }
    let time = |(asked, last): (Timestamp, Option<(EventId, Timestamp)>)| Some((last?.1.since(asked), last?.0));
    exchanges.into_iter().filter_map(time)
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
