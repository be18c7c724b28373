//! What `lab check` prints, and whether it fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use harness::format::json;
use harness::rules::{Finding, RULES, Rule, RuleId, Severity};
use harness::timeline::{CallKind, ClientActionKind, Exit, Level, Teardown, Timeline, printable};

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

    /// Fail, with status 2, if nothing can be said of this rule, for want of evidence; may be repeated
    #[arg(long, value_name = "ID")]
    pub require: Vec<RuleId>,
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
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    findings: Vec<(Finding, bool)>,
    unknown: Vec<Unknown>,
    /// Why nothing is proved, or not all of it.
    unproved: Vec<String>,
    connections: usize,
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
        let findings = timeline
            .findings()
            .into_iter()
            .filter(|finding| self.keeps(finding.rule.id));
        let unknown = |rule: &'static Rule| Unknown {
            rule,
            counts: self.deny.contains(&rule.id) || self.require.contains(&rule.id),
            why: timeline.why_unknown(rule).unwrap_or_default(),
        };
        Checked {
            findings: findings.map(|finding| (finding.clone(), counts(&finding))).collect(),
            unknown: timeline
                .unknown_rules()
                .filter(|rule| self.keeps(rule.id))
                .map(unknown)
                .collect(),
            unproved: Vec::new(),
            connections: timeline.connections().len(),
        }
    }

    /// Applies it to a run, of which something may not be proved: an exchange that did not take place shows nothing.
    pub fn check_run(&self, timeline: &Timeline, troubles: &[Trouble]) -> Checked {
        let mut checked = self.check(timeline);
        checked.unproved = self.unproved(timeline, troubles);
        if !checked.unknown.is_empty()
            && checked.unknown.len() == RULES.iter().filter(|rule| self.keeps(rule.id)).count()
        {
            checked.unproved.push("nothing can be said of any rule".to_owned());
        }
        let asked = checked.unknown.iter().filter(|unknown| unknown.counts);
        let asked: Vec<String> = asked
            .map(|unknown| format!("{} is unknown: {}", unknown.rule.name, unknown.why))
            .collect();
        checked.unproved.extend(asked);
        checked
    }

    fn keeps(&self, id: RuleId) -> bool {
        !self.allow.contains(&id)
    }

    fn unproved(&self, timeline: &Timeline, troubles: &[Trouble]) -> Vec<String> {
        let mut reasons = Vec::new();
        reasons.extend(died(timeline));
        let unanswered = troubles.iter().filter(|trouble| trouble.leaves == Leaves::Unanswered);
        let unproved = troubles.iter().filter(|trouble| trouble.leaves == Leaves::Unproved);
        reasons.extend(unproved.map(|trouble| trouble.text.clone()));
        if self.keeps(RuleId::NoReply) {
            reasons.extend(unanswered.map(|trouble| trouble.text.clone()));
            reasons.extend(nothing_came(timeline).filter(|_| reasons.is_empty()));
            reasons.extend(nothing_read(timeline).filter(|_| reasons.is_empty()));
        }
        // A connection that the server itself opens, and that is refused, proves nothing: it may try again, or go
        // on without it.
        let of_clients = timeline
            .connections()
            .filter(|connection| !connection.is_the_servers_own());
        let refused = of_clients
            .filter(|connection| connection.teardown() == Teardown::Refused)
            .count();
        if refused > 0 {
            let connections = timeline.connections().len();
            reasons.push(format!(
                "{refused} of {connections} connections were refused: nobody listened"
            ));
        }
        reasons
    }
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
    let actions = || {
        timeline
            .connections()
            .flat_map(|connection| connection.client_actions())
    };
    let came = actions().any(|(_, action)| matches!(action.kind, ClientActionKind::Received { .. }));
    // A client may read by a call that is not traced. What the server wrote has left all the same.
    let sent = timeline
        .connections()
        .any(|connection| connection.writes().any(|(_, call)| call.moved() > 0));
    (!came && !sent).then(|| "no reply came on any connection".to_owned())
}

/// That what the server said cannot have been an answer: it has asked its kernel for no byte of any client.
fn nothing_read(timeline: &Timeline) -> Option<String> {
    if timeline.level == Level::Capture || timeline.has_unseen_calls() || timeline.not_kept > 0 {
        return None;
    }
    let of_clients = || {
        timeline
            .connections()
            .filter(|connection| !connection.is_the_servers_own())
    };
    let sent = of_clients().any(|connection| {
        let mut actions = connection.client_actions();
        actions.any(|(_, action)| matches!(action.kind, ClientActionKind::Sent { .. }))
    });
    let calls = || of_clients().flat_map(|connection| connection.calls());
    let wrote = calls().any(|(_, call)| call.kind == CallKind::Write);
    // `splice` counts as a write, and may as well have moved bytes out of the socket.
    let read = calls().any(|(_, call)| call.kind == CallKind::Read || call.name == "splice");
    (sent && wrote && !read)
        .then(|| "the server has read nothing that a client sent, so what it wrote was no reply".to_owned())
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
        if self.findings.iter().any(|(_, counts)| *counts) {
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
            Format::Text => self.text(),
            Format::Json => self.json(),
            Format::Github => self.github(),
        }
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

    // Writing to a string cannot fail, in all of these.
    fn text(&self) -> String {
        let mut text = String::new();
        for Group {
            rule,
            severity,
            first,
            connections,
            ..
        } in self.groups()
        {
            let _ = writeln!(text, "{severity}[{}]: {}", rule.name, rule.summary);
            if self.connections > 1 {
                let _ = writeln!(text, "  {connections} of {} connections; the first:", self.connections);
            }
            let (number, message) = (first.connection.0 + 1, printable(&first.message));
            let _ = writeln!(text, "  connection {number}: {message}");
            let _ = writeln!(text, "  cure: {}", rule.cure);
            let _ = writeln!(text, "  more: lab explain {}", rule.name);
        }
        for (why, ids) in self.unknown() {
            let _ = writeln!(
                text,
                "unknown, for want of evidence: {} ({})",
                ids.join(", "),
                printable(why)
            );
        }
        for why in &self.unproved {
            let _ = writeln!(text, "not proved: {}", lines(why, "\n  "));
        }
        if self.findings.is_empty() {
            text += "no findings";
            text += if self.unproved.is_empty() {
                "\n"
            } else {
                ", and not all is proved\n"
            };
        }
        text
    }

    fn json(&self) -> String {
        let groups = self.groups();
        let check = json::Check {
            version: json::VERSION,
            status: self.status() as u8,
            findings: self.findings.iter().map(|(finding, _)| finding.into()).collect(),
            connections: self.connections,
            connections_by_finding: groups
                .iter()
                .map(|group| (group.rule.name, group.connections))
                .collect(),
            unknown: self.unknown.iter().map(|unknown| unknown.rule.name).collect(),
            why_unknown: self
                .unknown
                .iter()
                .map(|unknown| (unknown.rule.name, unknown.why.clone()))
                .collect(),
            unproved: self.unproved.clone(),
        };
        json::plain(&check) + "\n"
    }

    /// Workflow commands: `%` and line ends in the text are escaped.
    fn github(&self) -> String {
        let escaped = |text: &str| lines(&text.replace('%', "%25"), "%0A");
        let mut text = String::new();
        for group in self.groups() {
            let level = if group.counts { "error" } else { "notice" };
            let connections = match self.connections {
                0 | 1 => String::new(),
                all => format!("{} of {all} connections; the first: ", group.connections),
            };
            let _ = writeln!(
                text,
                "::{level} title={}::{connections}{}. Cure: {}",
                group.rule.name,
                escaped(&group.first.message),
                group.rule.cure
            );
        }
        for Unknown { rule, counts, why } in &self.unknown {
            let level = if *counts { "error" } else { "notice" };
            let _ = writeln!(
                text,
                "::{level} title={}::unknown, for want of evidence: {}",
                rule.name,
                escaped(why)
            );
        }
        for why in &self.unproved {
            let _ = writeln!(text, "::error title=not proved::{}", escaped(why));
        }
        text
    }
}

/// The lines of a text, printable, with `between` them.
fn lines(text: &str, between: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join(between)
}
