//! `lab explain`: what the pages say of a finding, a fact or a word, where there are no pages.

use crate::called::typed;
use anyhow::{Result, bail};
use harness::facts::{FactKind, Reason};
use harness::format::line::{Line, Role};
use harness::ordeals::{Fault, ORDEALS};
use harness::rules::RULES;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The pages that it reads from, as they were when this program was built.
const FINDINGS: &str = include_str!("../../../docs/findings.md");
const ORDEALS_PAGE: &str = include_str!("../../../docs/ordeals.md");
const WORDS: &str = include_str!("../../../docs/words.md");

/// What is said of a name: the sections of the pages, and the meaning of a fact or a reason.
///
/// # Errors
///
/// If there is no such name, and the message names those that are like it.
pub fn explain(name: &str, width: usize) -> Result<Vec<Line>> {
    let wanted = plain(name);
    let mut markdown: Vec<String> = Vec::new();
    markdown.extend(section(FINDINGS, HeadingLevel::H2, &wanted));
    let is_meant = |name: &str| plain(name) == wanted;
    markdown.extend(
        FactKind::ALL
            .into_iter()
            .filter(|fact| is_meant(fact.name()))
            .map(|fact| {
                let wireshark = fact.wireshark().map_or(String::new(), |field| {
                    format!(" In Wireshark it is `tcp.analysis.{field}`.")
                });
                format!("**{fact}**, of a packet: {}.{wireshark}\n", fact.summary())
            }),
    );
    let reasons = Reason::ALL.into_iter().filter(|reason| is_meant(reason.name()));
    markdown.extend(reasons.map(|reason| {
        format!(
            "**{}**, why a packet left when it did: {}.\n",
            reason.name(),
            reason.summary()
        )
    }));
    let faults = Fault::ALL.into_iter().filter(|fault| is_meant(fault.name()));
    markdown.extend(faults.map(|fault| format!("**{fault}**, which the rough day may show: {}.\n", fault.about())));
    markdown.extend(section(ORDEALS_PAGE, HeadingLevel::H3, &wanted));
    markdown.extend(section(WORDS, HeadingLevel::H3, &wanted));
    if markdown.is_empty() {
        bail!("nothing here is called {name:?}{}", like(&wanted));
    }
    Ok(rendered(&markdown.join("\n"), width))
}

/// All names, of one kind to a line.
pub fn names(width: usize) -> Vec<Line> {
    let said = names_by_kind()
        .into_iter()
        .map(|(kind, names)| format!("**{kind}**: {}\n", names.join(", ")));
    rendered(&said.collect::<Vec<_>>().join("\n"), width)
}

fn names_by_kind() -> [(&'static str, Vec<String>); 6] {
    fn owned(names: impl Iterator<Item = &'static str>) -> Vec<String> {
        names.map(str::to_owned).collect()
    }
    [
        ("findings", owned(RULES.iter().map(|rule| rule.name))),
        ("facts", owned(FactKind::ALL.into_iter().map(FactKind::name))),
        ("reasons", owned(Reason::ALL.into_iter().map(Reason::name))),
        ("ordeals", owned(ORDEALS.iter().map(|ordeal| ordeal.name))),
        ("faults", owned(Fault::ALL.into_iter().map(Fault::name))),
        ("words", headings(WORDS, HeadingLevel::H3).collect()),
    ]
}

/// Names are near to each other whose letters are as alike as this, of 1.
const NEAR: f64 = 0.75;

/// The names that a name may have been meant for.
fn like(wanted: &str) -> String {
    let names = names_by_kind().into_iter().flat_map(|(_, names)| names);
    let shares = |name: &String| {
        let name = plain(name);
        name.contains(wanted)
            || wanted
                .split(' ')
                .any(|word| word.len() > 2 && name.split(' ').any(|of| of == word))
    };
    let all: Vec<String> = names.collect();
    let mut alike: Vec<String> = all.iter().filter(|name| shares(name)).cloned().collect();
    // Of names that share no word, the nearest: some letters are others, or words are written as one.
    let joined = |name: &str| name.replace(' ', "");
    let near = |name: &&String| strsim::normalized_damerau_levenshtein(&joined(&plain(name)), &joined(wanted));
    if alike.is_empty() {
        let nearest = all.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
        alike.extend(nearest.filter(|name| near(name) >= NEAR).cloned());
    }
    alike.dedup();
    match alike.is_empty() || wanted.is_empty() {
        true => format!("; `{} explain` without a name lists all that there is", typed()),
        false => format!("; is it one of these? {}", alike.join(", ")),
    }
}

/// A name as it is compared: `CLOSE_WAIT`, `close-wait` and `close wait` are one.
fn plain(name: &str) -> String {
    let spaced = name.to_lowercase().replace(['-', '_'], " ");
    let kept: String = spaced.chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The headings of a page at a level.
fn headings(page: &str, level: HeadingLevel) -> impl Iterator<Item = String> {
    let marks = "#".repeat(level as usize) + " ";
    let mut code = false;
    page.lines().filter_map(move |line| {
        code ^= line.starts_with("```");
        line.strip_prefix(&marks)
            .filter(|_| !code)
            .map(|heading| heading.replace('`', ""))
    })
}

/// The section of a page under this heading, with the heading.
fn section(page: &str, level: HeadingLevel, wanted: &str) -> Option<String> {
    let mut section = String::new();
    let mut code = false;
    for line in page.lines() {
        code ^= line.starts_with("```");
        let marks = line.bytes().take_while(|byte| *byte == b'#').count();
        let heads = !code && marks > 0 && line.as_bytes().get(marks) == Some(&b' ');
        if heads && !section.is_empty() && marks <= level as usize {
            break;
        }
        let found = heads && marks == level as usize && plain(&line[marks..]) == wanted;
        if (found || !section.is_empty()) && !line.starts_with("<!--") {
            section += line;
            section.push('\n');
        }
    }
    (!section.is_empty()).then_some(section)
}

/// Markdown as lines of text.
fn rendered(markdown: &str, width: usize) -> Vec<Line> {
    let mut text = Text {
        width: width.max(20),
        ..Text::default()
    };
    for event in Parser::new_ext(&without_pointers(markdown), Options::ENABLE_TABLES) {
        text.take(event);
    }
    text.end_paragraph();
    while text.lines.last().is_some_and(|line| line.spans.is_empty()) {
        text.lines.pop();
    }
    text.lines
}

/// Markdown without the links that only say "More", which lead nowhere in a terminal.
fn without_pointers(markdown: &str) -> String {
    let mut kept = String::new();
    let mut rest = markdown;
    while let Some((before, after)) = rest.split_once("[More](") {
        kept += before.trim_end_matches(' ');
        let after = after.split_once(')').map_or("", |(_, after)| after);
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    kept + rest
}

/// Lines that grow.
#[derive(Default)]
struct Text {
    lines: Vec<Line>,
    /// The paragraph: pieces with their roles. A space in them may become the end of a line.
    words: Vec<(Role, String)>,
    indent: usize,
    /// True before the first line of an item.
    bullet: bool,
    role: Role,
    width: usize,
    code: bool,
}

impl Text {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::Strong | Tag::Heading { .. } | Tag::TableHead) => self.role = Role::Verdict,
            Event::End(TagEnd::Strong) => self.role = Role::Segment,
            Event::End(TagEnd::Heading(_) | TagEnd::TableHead | TagEnd::TableRow) => {
                self.role = Role::Segment;
                self.end_paragraph();
            }
            Event::End(TagEnd::TableCell) => self.words.push((self.role, " ".to_owned())),
            Event::Start(Tag::Item) => {
                self.end_paragraph();
                self.indent += 2;
                self.bullet = true;
            }
            Event::End(TagEnd::Item) => {
                self.end_paragraph();
                self.indent -= 2;
            }
            Event::End(TagEnd::Paragraph | TagEnd::List(_) | TagEnd::Table) => {
                self.end_paragraph();
                self.blank();
            }
            Event::Start(Tag::CodeBlock(_)) => self.code = true,
            Event::End(TagEnd::CodeBlock) => {
                self.code = false;
                self.blank();
            }
            Event::Text(text) if self.code => {
                let lines = text.lines().map(|line| [(Role::Segment, line)].into_iter().collect());
                self.lines.extend(lines);
            }
            Event::Text(text) => self.words.push((self.role, text.into_string())),
            Event::Code(code) => self.words.push((Role::Call, format!("`{code}`"))),
            Event::SoftBreak | Event::HardBreak => self.words.push((self.role, " ".to_owned())),
            _ => {}
        }
    }

    fn blank(&mut self) {
        if self.indent == 0 && self.lines.last().is_some_and(|line| !line.spans.is_empty()) {
            self.lines.push(Line::default());
        }
    }

    /// Breaks what has come into lines.
    fn end_paragraph(&mut self) {
        let words = std::mem::take(&mut self.words);
        if words.iter().all(|(_, text)| text.trim().is_empty()) {
            return;
        }
        let margin = match std::mem::take(&mut self.bullet) {
            true => format!("{}- ", " ".repeat(self.indent - 2)),
            false => " ".repeat(self.indent),
        };
        let whole: Line = [(Role::Segment, margin)].into_iter().chain(words).collect();
        self.lines.extend(whole.wrapped(self.width, self.indent));
    }
}

#[cfg(test)]
#[path = "../tests/unit/explain.rs"]
mod tests;
