//! What `lab check` prints, and whether it fails.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use harness::format::json;
use harness::format::line::{Line, Role};
use harness::ordeals::Ordeal;
use harness::rules::{Finding, RULES, Rule, RuleId, Severity, UnknownRule};
use harness::timeline::spent::spent;
use harness::timeline::words::NO_STRICT_MODE;
use harness::timeline::{
    CallKind, ClientAction, ClientActionKind, Connection, Exit, Flags, Level, Side, Teardown, Timeline, printable,
};

use crate::called::typed;
use crate::junit::{self, Case, Outcome};
use crate::sarif;
use crate::status::Status;
use crate::trace::{Leaves, Trouble};

/// Which findings count.
#[derive(Args, Clone, Debug, Default)]
pub struct Strictness {
    /// Let only this finding fail the check; may be repeated. Without it every warning does
    #[arg(long, value_name = "ID")]
    pub deny: Vec<RuleId>,

    /// Leave this finding out; may be repeated
    #[arg(long, value_name = "ID")]
    pub allow: Vec<RuleId>,

    /// Fail, with status 2, if nothing can be said of this rule, for want of evidence or since its fault could not have
    /// come to light, or of this ordeal of a rough day; may be repeated
    #[arg(long, value_name = "ID")]
    pub require: Vec<Required>,

    /// Fail if a client's connect takes longer than so many milliseconds, from its SYN to its ACK of the answer
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    pub max_connect: Option<Duration>,

    /// Fail if the first byte of a reply takes longer than so many milliseconds
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    pub max_first_byte: Option<Duration>,

    /// Fail if an exchange takes longer than so many milliseconds, to the last byte of its reply
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    pub max_exchange: Option<Duration>,
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().unwrap_or(f64::NAN);
    match Duration::try_from_secs_f64(number / 1000.0) {
        Ok(time) if time <= Duration::from_secs(3600) => Ok(time),
        _ => Err("give a number of milliseconds, such as 20 or 0.5".to_owned()),
    }
}

/// Something that is to be judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Required {
    /// A rule.
    Rule(RuleId),
    /// An ordeal.
    Ordeal(&'static Ordeal),
}

impl FromStr for Required {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Required, UnknownRule> {
        match Ordeal::named(name) {
            Some(ordeal) => Ok(Required::Ordeal(ordeal)),
            None => name.parse().map(Required::Rule),
        }
    }
}

/// How a check's result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One object
    Json,
    /// GitHub's annotations
    Github,
    /// JUnit's XML
    Junit,
    /// SARIF 2.1.0
    Sarif,
}

impl Format {
    /// Tests and findings for programs that collect those of many tools.
    pub fn of_cases<'c>(self, name: &str, cases: impl Iterator<Item = Case<'c>>, errors: &[String]) -> String {
        match self {
            Format::Sarif => sarif::log(name, cases, errors),
            _ => junit::suite(name, cases, errors),
        }
    }
}

/// A budget, and what came of it.
#[derive(Debug)]
struct Budget {
    /// Its option, without the dashes.
    name: &'static str,
    /// How often it was measured, and how often it took longer than it may.
    measured: usize,
    over: usize,
    /// The longest, in words, if it took longer.
    worst: Option<String>,
}

/// Something that a client waited for: the option that gives its budget, without the dashes; what it was; how long it
/// took; and what most of that was, to end a sentence.
type Wait = (&'static str, String, Duration, String);

/// How long a client of a check waited for each connect, first byte and exchange.
fn waits(connection: Connection<'_>) -> Vec<Wait> {
    let timeline = connection.timeline();
    let mut waits = Vec::new();
    let mut packets = connection.packets();
    let syn = packets.find(|(_, packet)| packet.from == Side::Client && packet.segment.flags.has(Flags::SYN));
    // The client's ACK of the handshake leaves when the answer has come.
    let ack = packets.find(|(_, packet)| packet.from == Side::Client && !packet.segment.flags.has(Flags::SYN));
    if let (Some((syn, _)), Some((ack, _))) = (syn, ack) {
        let took = timeline[ack].at.since(timeline[syn].at);
        waits.push(("max-connect", "the handshake".to_owned(), took, String::new()));
    }
    for (number, spent) in (1..).zip(&spent(connection)) {
        let Some(spent) = spent else { continue };
        let mostly = format!(", most of it {}", spent.mostly().name());
        let first = format!("the first byte of reply {number}");
        waits.push(("max-first-byte", first, spent.first_byte, mostly.clone()));
        waits.push(("max-exchange", format!("exchange {number}"), spent.whole, mostly));
    }
    waits
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    findings: Vec<(Finding, bool)>,
    budgets: Vec<Budget>,
    unknown: Vec<Unknown>,
    /// The rules that are for what was recorded, without those that were allowed.
    rules: Vec<&'static Rule>,
    /// True for a capture of packets alone.
    packets_alone: bool,
    /// Why nothing is proved, or not all of it.
    unproved: Vec<String>,
    connections: usize,
    /// What it is about: what clients did where, and where they did nothing.
    tried: Vec<json::Tried>,
    not_tried: Vec<String>,
}

/// A rule of which nothing can be said.
#[derive(Debug)]
struct Unknown {
    rule: &'static Rule,
    /// It was asked for.
    counts: bool,
    why: String,
}

/// The findings of one rule.
struct Group<'c> {
    rule: &'static Rule,
    severity: Severity,
    first: &'c Finding,
    /// How many connections have it.
    connections: usize,
    counts: bool,
}

impl Strictness {
    /// Applies it to a timeline: what the rules find, and of which nothing can be said.
    pub fn check(&self, timeline: &Timeline) -> Checked {
        let counts = |finding: &Finding| match self.deny.is_empty() {
            true => finding.severity == Severity::Warning,
            false => self.deny.contains(&finding.rule.id),
        };
        let mut findings = timeline.findings();
        findings.retain(|finding| self.keeps(finding.rule.id));
        let is_found = |rule: &Rule| findings.iter().any(|finding| finding.rule == rule);
        let unknown = |rule: &'static Rule| Unknown {
            rule,
            counts: self.deny.contains(&rule.id) || self.require.contains(&Required::Rule(rule.id)),
            why: timeline.why_unknown(rule).unwrap_or_default(),
        };
        Checked {
            findings: findings
                .iter()
                .map(|finding| (finding.clone(), counts(finding)))
                .collect(),
            unknown: timeline
                .unknown_rules()
                .filter(|rule| self.keeps(rule.id) && !is_found(rule))
                .map(unknown)
                .collect(),
            rules: timeline.rules().filter(|rule| self.keeps(rule.id)).collect(),
            packets_alone: timeline.is_packets_alone(),
            connections: timeline.connections().len(),
            ..Checked::default()
        }
    }

    /// Applies it to a run, of which something may not be proved: an exchange that did not take place shows nothing.
    pub fn check_run(&self, timeline: &Timeline, troubles: &[Trouble]) -> Checked {
        let mut checked = self.check(timeline);
        let tried = tried(timeline);
        checked.not_tried = not_tried(timeline, &tried);
        checked.tried = tried.into_values().collect();
        let blind = self.blind(timeline, &checked);
        checked.unknown.extend(blind);
        checked.unproved = self.unproved(timeline, troubles, &checked.findings);
        checked.budgets = self.budgets(timeline);
        let nothing = match timeline.level {
            Level::Capture | Level::NoPackets => "nothing could be measured, which takes packets",
            _ => "nothing could be measured: there was none",
        };
        for budget in checked.budgets.iter().filter(|budget| budget.measured == 0) {
            checked.unproved.push(format!("--{}: {nothing}", budget.name));
        }
        if !checked.unknown.is_empty()
            && checked.unknown.len() == timeline.rules().filter(|rule| self.keeps(rule.id)).count()
        {
            checked.unproved.push("nothing can be said of any rule".to_owned());
        }
        for Unknown { rule, why, .. } in checked.unknown.iter().filter(|unknown| unknown.counts) {
            checked.unproved.push(format!("{} is unknown: {why}", rule.name));
        }
        checked
    }

    /// The rules that were asked for and could not have found anything in this run, whatever the server.
    fn blind(&self, timeline: &Timeline, checked: &Checked) -> Vec<Unknown> {
        let found = |rule: &Rule| checked.findings.iter().any(|(finding, _)| finding.rule == rule);
        let known = |rule: &Rule| !checked.unknown.iter().any(|unknown| unknown.rule == rule);
        let asked = |rule: &Rule| self.require.contains(&Required::Rule(rule.id));
        let rules = RULES.iter().filter(|rule| asked(rule) && known(rule) && !found(rule));
        // Rules for captures without calls are asked of nothing else.
        let no_chance = |rule| timeline.why_no_chance(rule).map(str::to_owned);
        let why = |rule| timeline.why_unknown(rule).or_else(|| no_chance(rule));
        let blind = rules.filter_map(|rule| Some((rule, why(rule)?)));
        let counts = true;
        blind.map(|(rule, why)| Unknown { rule, counts, why }).collect()
    }

    /// The budgets that were given, each with what came of it.
    fn budgets(&self, timeline: &Timeline) -> Vec<Budget> {
        let given = [
            ("max-connect", self.max_connect),
            ("max-first-byte", self.max_first_byte),
            ("max-exchange", self.max_exchange),
        ];
        let given = given.into_iter().filter_map(|(name, most)| Some((name, most?)));
        let given: Vec<(&str, Duration)> = given.collect();
        if given.is_empty() {
            return Vec::new();
        }
        let of = |on: Connection<'_>| {
            let number = on.id().index() + 1;
            waits(on).into_iter().map(move |wait| (number, wait))
        };
        let all: Vec<(usize, Wait)> = timeline.of_clients().flat_map(of).collect();
        let budget = |(name, most): (&'static str, Duration)| {
            let times = || all.iter().filter(move |(_, (option, ..))| *option == name);
            let over = || times().filter(|(_, (_, _, took, _))| *took > most);
            let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
            let told = |(number, (_, what, took, mostly)): &(usize, Wait)| {
                let (took, most) = (milliseconds(*took), milliseconds(most));
                format!("connection {number}: {what} took {took:.1} ms, and may take {most} ms{mostly}")
            };
            Budget {
                name,
                measured: times().count(),
                over: over().count(),
                worst: over().max_by_key(|(_, (_, _, took, _))| *took).map(told),
            }
        };
        given.into_iter().map(budget).collect()
    }

    fn keeps(&self, id: RuleId) -> bool {
        !self.allow.contains(&id)
    }

    fn unproved(&self, timeline: &Timeline, troubles: &[Trouble], findings: &[(Finding, bool)]) -> Vec<String> {
        let mut reasons = Vec::new();
        reasons.extend(died(timeline));
        let unanswered = troubles.iter().filter(|trouble| trouble.leaves == Leaves::Unanswered);
        let unproved = troubles.iter().filter(|trouble| trouble.leaves == Leaves::Unproved);
        reasons.extend(unproved.map(|trouble| trouble.text.clone()));
        if self.keeps(RuleId::NoReply) {
            reasons.extend(unanswered.map(|trouble| trouble.text.clone()));
            reasons.extend(on_the_wire(timeline));
            reasons.extend(nothing_came(timeline).filter(|_| reasons.is_empty()));
        }
        reasons.extend(nothing_read(timeline).filter(|_| reasons.is_empty()));
        if self.keeps(RuleId::ResetOnClose) && reasons.is_empty() {
            reasons.extend(reset(timeline, findings));
        }
        let refused = refused(timeline);
        if refused > 0 {
            let connections = timeline.connections().len();
            reasons.push(format!(
                "{refused} of {connections} connections were refused, and none that came later got through to that port: \
                 nobody listened"
            ));
        }
        let strict = timeline.refused_strict_mode().filter(|_| !reasons.is_empty());
        reasons.extend(strict.map(|pid| format!("process {pid} {NO_STRICT_MODE}")));
        reasons
    }
}

/// That the wire kept what a client waited for, or its request: no server is to blame for that.
fn on_the_wire(timeline: &Timeline) -> Option<String> {
    let is_kept = |connection: &Connection<'_>| {
        let gives_up = |action: &ClientAction| matches!(action.kind, ClientActionKind::GaveUp { .. });
        let mut gave_up = connection.client_actions().filter(|(_, action)| gives_up(action));
        gave_up.any(|(id, _)| connection.is_on_the_wire(timeline[id].at))
    };
    let connection = timeline.connections().find(is_kept)?;
    Some(format!(
        "connection {}: when the client gave up, bytes that had left one host had not come to the other",
        connection.id().index() + 1
    ))
}

/// That a client was reset which had not left, by a server that had not closed, where no rule has the cause.
fn reset(timeline: &Timeline, findings: &[(Finding, bool)]) -> Option<String> {
    let is_found = |connection: &Connection<'_>| {
        let of_this =
            |finding: &Finding| finding.rule.id == RuleId::ResetOnClose && finding.connection == connection.id();
        findings.iter().any(|(finding, _)| of_this(finding))
    };
    let is_cut = |connection: &Connection<'_>| {
        let closing = connection.closing();
        let failed = |action: &ClientAction| matches!(action.kind, ClientActionKind::Failed(_));
        let minded = || connection.client_actions().any(|(_, action)| failed(action));
        closing.teardown() == Teardown::Reset { by: Side::Server }
            && !closing.fins.contains(&Side::Server)
            && (closing.fins.is_empty() || minded())
    };
    let mut cut = timeline
        .of_clients()
        .filter(|connection| is_cut(connection) && !is_found(connection));
    let first = cut.next()?;
    let accepted = first.calls().any(|(_, call)| call.kind == CallKind::Accept);
    Some(format!(
        "{} of {} connections were reset by the server's host, and nothing that was recorded tells why; the first is \
         connection {}{}",
        1 + cut.count(),
        timeline.connections().len(),
        first.id().index() + 1,
        if accepted { "" } else { ", which no accept had returned" }
    ))
}

/// How many connections of clients were refused, where no later one got through to that port. A name may stand for several
/// addresses, as `localhost` does: a client tries one after the other ([RFC 6724, section
/// 2](https://www.rfc-editor.org/rfc/rfc6724#section-2)). What the server itself opens, and is refused, proves nothing: it
/// may try again, or go on without.
fn refused(timeline: &Timeline) -> usize {
    let is_refused = |connection: &Connection<'_>| connection.teardown() == Teardown::Refused;
    let mut last_through = BTreeMap::new();
    for through in timeline.of_clients().filter(|connection| connection.was_established()) {
        last_through.insert(through.endpoints().server.port(), through.id());
    }
    let in_vain = |refused: &Connection<'_>| {
        let through = last_through.get(&refused.endpoints().server.port());
        through.is_none_or(|through| *through < refused.id())
    };
    timeline.of_clients().filter(is_refused).filter(in_vain).count()
}

/// What clients did at each address of the server.
fn tried(timeline: &Timeline) -> BTreeMap<SocketAddr, json::Tried> {
    let mut tried: BTreeMap<SocketAddr, json::Tried> = BTreeMap::new();
    let is_made = |connection: &Connection<'_>| connection.teardown() != Teardown::Refused;
    for connection in timeline.of_clients().filter(is_made) {
        let address = connection.endpoints().server;
        let at = tried.entry(address).or_default();
        if at.connections == 0 {
            at.address = address.to_string();
            at.sent = connection
                .client_actions()
                .filter_map(|(_, action)| sent(action))
                .collect();
        }
        let exchanges = spent(connection);
        at.connections += 1;
        at.requests += exchanges.len();
        at.answered += exchanges.iter().flatten().count();
    }
    tried
}

/// The first bytes of what a client sent, if it did.
fn sent(action: &ClientAction) -> Option<String> {
    const SHOWN: usize = 24;
    let ClientActionKind::Sent { bytes, len } = &action.kind else {
        return None;
    };
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let more = if shown.len() as u64 == *len { "" } else { "..." };
    Some(format!("{}{more}", shown.escape_ascii()))
}

/// Where the server listened, up to its end, and no client came.
fn not_tried(timeline: &Timeline, tried: &BTreeMap<SocketAddr, json::Tried>) -> Vec<String> {
    let mut listening: BTreeMap<(Option<i32>, i32), SocketAddr> = BTreeMap::new();
    for (id, call) in timeline.all_calls() {
        let owner = (call.process.map(i32::from), call.fd);
        match call.kind {
            CallKind::Listen if matches!(call.result, Some(Ok(_))) => {
                listening.extend(call.listens_at().map(|address| (owner, address)));
            }
            CallKind::Close if timeline[id].connection.is_none() => _ = listening.remove(&owner),
            _ => {}
        }
    }
    let reaches = |listener: &SocketAddr, tried: &SocketAddr| {
        listener.port() == tried.port()
            && (listener.ip().is_unspecified() || listener.ip().to_canonical() == tried.ip().to_canonical())
    };
    let left = listening
        .values()
        .filter(|listener| !tried.keys().any(|tried| reaches(listener, tried)));
    let left: BTreeSet<&SocketAddr> = left.collect();
    left.into_iter().map(SocketAddr::to_string).collect()
}

/// How the server died, if it did: by a signal, or with an exit status that says so.
fn died(timeline: &Timeline) -> Option<String> {
    if let Some(exit @ (Exit::Signal(_) | Exit::Status(1..))) = timeline.exit() {
        return Some(format!("the server ended ({exit}) before it was told to"));
    }
    let (pid, exit) = timeline.crashed()?;
    Some(format!(
        "process {pid} of the server ended ({exit}) before it was told to"
    ))
}

/// That no client has got a byte, whatever it sent.
fn nothing_came(timeline: &Timeline) -> Option<String> {
    if timeline.connections().len() == 0 {
        return Some("no client has connected".to_owned());
    }
    let mut actions = timeline
        .connections()
        .flat_map(|connection| connection.client_actions());
    let came = actions.any(|(_, action)| matches!(action.kind, ClientActionKind::Received { .. }));
    // A client may read by a call that is not traced. What the server wrote has left all the same.
    let sent = timeline
        .connections()
        .any(|connection| connection.writes().any(|(_, call)| call.moved() > 0));
    (!came && !sent).then(|| "no reply came on any connection".to_owned())
}

/// That the server has asked its kernel for no byte of any client: what it said cannot have been an answer, and what it did
/// not say shows nothing of it.
fn nothing_read(timeline: &Timeline) -> Option<String> {
    if timeline.level == Level::Capture || timeline.has_unseen_calls() || timeline.not_kept > 0 {
        return None;
    }
    let sent = timeline.of_clients().any(|connection| {
        let mut actions = connection.client_actions();
        actions.any(|(_, action)| matches!(action.kind, ClientActionKind::Sent { .. }))
    });
    let calls = || timeline.of_clients().flat_map(|connection| connection.calls());
    // `splice` counts as a write, and may as well have moved bytes out of the socket.
    let read = calls().any(|(_, call)| call.kind == CallKind::Read || call.name == "splice");
    let wrote = calls().any(|(_, call)| call.kind == CallKind::Write && call.moved() > 0);
    let none = if wrote { ", so what it wrote was no reply" } else { "" };
    (sent && !read).then(|| format!("the server has read nothing that a client sent{none}"))
}

impl Budget {
    fn words(&self) -> String {
        format!("{} of {} took longer than they may", self.over, self.measured)
    }
}

impl Checked {
    /// A check that could not be made.
    pub fn not_made(why: String) -> Checked {
        Checked {
            unproved: vec![why],
            ..Checked::default()
        }
    }

    /// Wrong if a finding counts. Unknown if not all is proved: an exchange did not take place, or nothing can be said
    /// of a rule that was asked for.
    pub fn status(&self) -> Status {
        if self.findings.iter().any(|(_, counts)| *counts) || self.budgets.iter().any(|budget| budget.over > 0) {
            Status::Wrong
        } else if !self.unproved.is_empty() || self.unknown.iter().any(|unknown| unknown.counts) {
            Status::Unknown
        } else {
            Status::Well
        }
    }

    /// The result.
    pub fn show(&self, format: Format) -> String {
        match format {
            Format::Text => self.lines().iter().map(|line| format!("{line}\n")).collect(),
            Format::Json => self.json(),
            Format::Github => self.github(),
            Format::Junit | Format::Sarif => self.cases(format),
        }
    }

    /// A test for each rule, and for each budget.
    fn cases(&self, format: Format) -> String {
        let groups = self.groups();
        let cases = self.rules.iter().map(|&rule| {
            let found = groups.iter().find(|group| group.rule == rule);
            let unknown = self.unknown.iter().find(|unknown| unknown.rule == rule);
            let outcome = match (found, unknown) {
                (Some(group), _) if group.counts => Outcome::Failed {
                    message: rule.summary.to_owned(),
                    text: format!("{}\ncure: {}", group.first.message, rule.cure),
                },
                (Some(group), _) => Outcome::Noted(group.first.message.clone()),
                (None, Some(unknown)) => Outcome::Skipped(unknown.why.clone()),
                (None, None) => Outcome::Passed,
            };
            Case {
                name: rule.name,
                outcome,
            }
        });
        let budgets = self.budgets.iter().map(|budget| Case {
            name: budget.name,
            outcome: match &budget.worst {
                Some(worst) => Outcome::Failed {
                    message: budget.words(),
                    text: worst.clone(),
                },
                None => Outcome::Passed,
            },
        });
        format.of_cases("check", cases.chain(budgets), &self.unproved)
    }

    /// The findings rule by rule, in the order of all rules.
    fn groups(&self) -> Vec<Group<'_>> {
        let group = |rule: &'static Rule| {
            let of_rule: Vec<&(Finding, bool)> = self
                .findings
                .iter()
                .filter(|(finding, _)| finding.rule == rule)
                .collect();
            // The group is shown by the first finding of the highest severity.
            let severity = of_rule.iter().map(|(finding, _)| finding.severity).max()?;
            let (first, _) = of_rule.iter().find(|(finding, _)| finding.severity == severity)?;
            Some(Group {
                rule,
                severity,
                first,
                connections: of_rule.len(),
                counts: of_rule.iter().any(|(_, counts)| *counts),
            })
        };
        RULES.iter().filter_map(group).collect()
    }

    /// The rules of which nothing can be said, by the reason.
    fn unknown(&self) -> BTreeMap<&str, Vec<&'static str>> {
        let mut unknown: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
        for Unknown { rule, why, .. } in &self.unknown {
            unknown.entry(why).or_default().push(rule.name);
        }
        unknown
    }

    /// The result for people, line by line.
    pub fn lines(&self) -> Vec<Line> {
        let named = |role, name: String, prose: String| Line::from_iter([(role, name), (Role::Segment, prose)]);
        let under = |text: String| Line::new(Role::Segment, format!("  {text}"));
        let note = |text: String| Line::new(Role::Note, text);
        let mut told = Vec::new();
        for Group {
            rule,
            severity,
            first,
            connections,
            ..
        } in self.groups()
        {
            let role = match severity {
                Severity::Warning => Role::Held,
                Severity::Note => Role::State,
            };
            let name = format!("{severity}[{}]:", rule.name);
            told.push(named(role, name, format!(" {}", rule.summary)));
            if self.connections > 1 {
                let all = self.connections;
                told.push(under(format!("{connections} of {all} connections; the first:")));
            }
            let (number, message) = (first.connection.index() + 1, printable(&first.message));
            told.push(under(format!("connection {number}: {message}")));
            told.push(under(format!("cure: {}", rule.cure)));
            told.push(under(format!("more: {} explain {}", typed(), rule.name)));
        }
        for budget in &self.budgets {
            if let Some(worst) = &budget.worst {
                let name = format!("error[{}]:", budget.name);
                told.push(named(Role::Note, name, format!(" {}", budget.words())));
                told.push(under(worst.clone()));
            }
        }
        for (why, ids) in self.unknown().into_iter().filter(|_| !self.packets_alone) {
            let (ids, why) = (ids.join(", "), printable(why));
            told.push(note(format!("unknown, for want of evidence: {ids} ({why})")));
        }
        for why in &self.unproved {
            let mut lines = why.lines().map(printable);
            told.push(note(format!("not proved: {}", lines.next().unwrap_or_default())));
            told.extend(lines.map(under));
        }
        if self.packets_alone {
            told.extend((self.connections > 0).then(|| note(self.judged())));
        } else if self.findings.is_empty() {
            let words = match self.unproved.is_empty() {
                true => "no findings",
                false => "no findings, and not all is proved",
            };
            told.push(note(words.to_owned()));
        }
        told.extend(self.tried.iter().map(|tried| note(format!("tried: {}", words(tried)))));
        if !self.not_tried.is_empty() {
            let ports = self.not_tried.join(", ");
            told.push(note(format!("not tried: {ports}; --port chooses")));
        }
        told
    }

    /// True if the text says of this trouble that it leaves something unproved.
    pub fn tells(&self, trouble: &Trouble) -> bool {
        self.unproved.contains(&trouble.text)
    }

    /// How many rules could judge a capture of packets alone, and what the others lack.
    fn judged(&self) -> String {
        let (all, judged) = (self.rules.len(), self.rules.len() - self.unknown.len());
        let rules = self.unknown.iter().map(|unknown| unknown.rule);
        let idle: Vec<&str> = rules
            .filter(|rule| rule.is_for_packets_alone())
            .map(|rule| rule.name)
            .collect();
        let found = match (self.findings.is_empty(), judged) {
            (true, 1..) => ", and found nothing",
            _ => "",
        };
        let without = match &idle[..] {
            [] => String::new(),
            idle => format!("; {} had nothing to go by ({})", idle.len(), idle.join(", ")),
        };
        let blind = self.unknown.len() - idle.len();
        format!(
            "{judged} rule{} judged the packets{found}{without}; of {all} rules {blind} need the calls, which lab trace \
             records",
            if judged == 1 { "" } else { "s" },
        )
    }

    fn json(&self) -> String {
        let groups = self.groups().into_iter();
        let why_unknown = self
            .unknown
            .iter()
            .map(|unknown| (unknown.rule.name, unknown.why.clone()));
        let check = json::Check {
            version: json::VERSION,
            status: self.status() as u8,
            findings: self.findings.iter().map(|(finding, _)| finding.into()).collect(),
            connections: self.connections,
            connections_by_finding: groups.map(|group| (group.rule.name, group.connections)).collect(),
            unknown: self.unknown.iter().map(|unknown| unknown.rule.name).collect(),
            why_unknown: why_unknown.collect(),
            unproved: self.unproved.clone(),
            over_budget: self.over_budget(),
            tried: self.tried.clone(),
            not_tried: self.not_tried.clone(),
        };
        json::plain(&check) + "\n"
    }

    /// The longest wait of each budget that was not kept, by its option.
    fn over_budget(&self) -> BTreeMap<&'static str, String> {
        let over = |budget: &Budget| Some((budget.name, budget.worst.clone()?));
        self.budgets.iter().filter_map(over).collect()
    }

    /// Workflow commands: `%` and line ends in the text are escaped.
    fn github(&self) -> String {
        let escaped = |text: &str| {
            text.replace('%', "%25")
                .lines()
                .map(printable)
                .collect::<Vec<_>>()
                .join("%0A")
        };
        let mut text = String::new();
        for group in self.groups() {
            let level = if group.counts { "error" } else { "notice" };
            let connections = match self.connections {
                0 | 1 => String::new(),
                all => format!("{} of {all} connections; the first: ", group.connections),
            };
            let (name, message, cure) = (group.rule.name, escaped(&group.first.message), group.rule.cure);
            text += &format!("::{level} title={name}::{connections}{message}. Cure: {cure}\n");
        }
        for Unknown { rule, counts, why } in &self.unknown {
            let level = if *counts { "error" } else { "notice" };
            let (name, why) = (rule.name, escaped(why));
            text += &format!("::{level} title={name}::unknown, for want of evidence: {why}\n");
        }
        for (name, worst) in self.over_budget() {
            text += &format!("::error title={name}::{}\n", escaped(&worst));
        }
        for why in &self.unproved {
            text += &format!("::error title=not proved::{}\n", escaped(why));
        }
        if !self.not_tried.is_empty() {
            text += &format!("::notice title=not tried::{}\n", self.not_tried.join(", "));
        }
        text
    }
}

/// What clients did at an address, in words.
fn words(tried: &json::Tried) -> String {
    const SHOWN: usize = 3;
    let counted = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let answered = match tried.requests - tried.answered {
        0 => String::new(),
        _ => format!(", {} of them answered", tried.answered),
    };
    let sent = tried.sent.iter().take(SHOWN);
    let sent: Vec<String> = sent.map(|sent| format!("\"{sent}\"")).collect();
    let more = if tried.sent.len() > SHOWN { ", ..." } else { "" };
    let sent = match sent.is_empty() {
        true => String::new(),
        false => format!("; a client sent {}{more}", sent.join(", ")),
    };
    let connections = counted(tried.connections, "connection");
    // What a client of TLS sends is a flight of its handshake first: RFC 8446, figure 1.
    let tls = tried.sent.first().is_some_and(|first| first.starts_with("\\x16\\x03"));
    let requests = counted(tried.requests, if tls { "exchange" } else { "request" });
    format!("{}, {connections}, {requests}{answered}{sent}", tried.address)
}
