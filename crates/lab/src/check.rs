//! What `lab check` prints, and whether it fails.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use harness::format::json;
use harness::rules::{Finding, RULES, Rule, Severity, rule};
use harness::timeline::{Timeline, printable};

/// Which findings count.
#[derive(Args, Clone, Debug, Default)]
pub struct Strictness {
    /// Let only this finding fail the check; may be repeated. Without it every warning does
    #[arg(long, value_name = "ID", value_parser = known)]
    pub deny: Vec<&'static str>,

    /// Leave this finding out; may be repeated
    #[arg(long, value_name = "ID", value_parser = known)]
    pub allow: Vec<&'static str>,
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
#[derive(Debug)]
pub struct Checked {
    findings: Vec<(Finding, bool)>,
    unknown: Vec<(&'static Rule, bool)>,
}

fn known(id: &str) -> Result<&'static str, String> {
    let all = || RULES.iter().map(|rule| rule.id).collect::<Vec<_>>().join(", ");
    rule(id)
        .map(|rule| rule.id)
        .ok_or_else(|| format!("there is no such finding; there are {}", all()))
}

impl Strictness {
    /// Applies it to a timeline.
    pub fn check(&self, timeline: &Timeline) -> Checked {
        let counts = |finding: &Finding| match self.deny.is_empty() {
            true => finding.severity == Severity::Warning,
            false => self.deny.contains(&finding.rule.id),
        };
        let kept = |id| !self.allow.contains(&id);
        let findings = timeline.findings().into_iter().filter(|finding| kept(finding.rule.id));
        let unknown = timeline.unknown_rules().filter(|rule| kept(rule.id));
        Checked {
            findings: findings.map(|finding| (finding.clone(), counts(&finding))).collect(),
            unknown: unknown.map(|rule| (rule, self.deny.contains(&rule.id))).collect(),
        }
    }
}

impl Checked {
    /// 0 if it is clean, 1 if a finding counts, 2 if nothing can be said of one that was asked for.
    pub fn status(&self) -> u8 {
        if self.findings.iter().any(|(_, counts)| *counts) {
            1
        } else if self.unknown.iter().any(|(_, asked)| *asked) {
            2
        } else {
            0
        }
    }

    /// The result as text.
    pub fn show(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Json => self.json(),
            Format::Github => self.github(),
        }
    }

    // Writing to a string cannot fail, in all of these.
    fn text(&self) -> String {
        let mut text = String::new();
        for (
            Finding {
                rule,
                severity,
                message,
                connection,
                ..
            },
            _,
        ) in &self.findings
        {
            let _ = writeln!(text, "{severity}[{}]: {}", rule.id, rule.summary);
            let _ = writeln!(text, "  connection {}: {}", connection.0 + 1, printable(message));
            let _ = writeln!(text, "  cure: {}", rule.cure);
            let _ = writeln!(text, "  more: lab explain {}", rule.id);
        }
        if !self.unknown.is_empty() {
            let ids: Vec<&str> = self.unknown.iter().map(|(rule, _)| rule.id).collect();
            let _ = writeln!(text, "unknown, for want of evidence: {}", ids.join(", "));
        }
        if self.findings.is_empty() {
            text += "no findings\n";
        }
        text
    }

    fn json(&self) -> String {
        let findings: Vec<_> = self
            .findings
            .iter()
            .map(|(finding, _)| json::finding(finding))
            .collect();
        let unknown: Vec<&str> = self.unknown.iter().map(|(rule, _)| rule.id).collect();
        let value = serde_json::json!({ "version": json::VERSION, "findings": findings, "unknown": unknown });
        json::plain(&value) + "\n"
    }

    /// Workflow commands: `%` and line ends in the text are escaped.
    fn github(&self) -> String {
        let escaped = |text: &str| {
            printable(text)
                .replace('%', "%25")
                .replace('\r', "%0D")
                .replace('\n', "%0A")
        };
        let mut text = String::new();
        for (Finding { rule, message, .. }, counts) in &self.findings {
            let level = if *counts { "error" } else { "notice" };
            let _ = writeln!(
                text,
                "::{level} title={}::{}. Cure: {}",
                rule.id,
                escaped(message),
                rule.cure
            );
        }
        for (rule, asked) in &self.unknown {
            let level = if *asked { "error" } else { "notice" };
            let _ = writeln!(text, "::{level} title={}::unknown, for want of evidence", rule.id);
        }
        text
    }
}
