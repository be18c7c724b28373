//! Many more servers than the exercises keep: each is one of theirs with a few lines changed, as a learner would change
//! them, and is judged as `lab learn check` does. `tests/servers.txt` has them all, and says how it is read.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use course::checkout::{self, Builds};
use course::learn::call_off::CallOff;
use course::learn::exercise::{self, Exercise};
use course::learn::folder::Folder;
use course::learn::judge;
use course::learn::subject::Subject;
use course::learn::verdict::Outcome;
use harness::testing::{self, Needs::Request, Needs::Sandbox, Needs::Wire};

use super::learn::few_at_once;

const LIST: &str = include_str!("../servers.txt");

/// So many there are at least, beside those of the exercises.
const FEWEST: usize = 200;

/// The program that has all of them, and what chooses one.
const PROGRAM: &str = "servers";
const CHOICE: &str = "SERVER";

/// What a server of the list is, and what it has to come to.
struct Changed {
    /// `09-one-write/solution.rs, in-two-functions`
    name: String,
    exercise: Exercise,
    source: String,
    outcome: Outcome,
    /// The advice that it has to get, where the list says that.
    advice: Option<String>,
}

/// Lines that go, and those that come in their place.
type Change = (String, String);

/// What the list says of a server, in each of the sources that it is made of.
#[derive(Default)]
struct Entry<'l> {
    of: Vec<&'l str>,
    outcome: Option<Outcome>,
    name: &'l str,
    advice: Option<&'l str>,
    changes: Vec<Change>,
}

/// All servers of the list.
fn servers() -> Result<Vec<Changed>> {
    let exercises = exercise::all()?;
    let (mut entries, mut of) = (Vec::<Entry<'_>>::new(), Vec::new());
    let mut is_new = true;
    for (number, line) in (1..).zip(LIST.lines()) {
        let said = || format!("servers.txt:{number}: {line:?}");
        let (sign, rest) = line.split_once(' ').unwrap_or((line, ""));
        match sign {
            "#" | "" => continue,
            "of" => of = rest.split_whitespace().collect(),
            "right" | "wrong" => {
                let outcome = match sign {
                    "right" => Outcome::Passed,
                    _ => Outcome::Failed,
                };
                let (name, advice) = rest
                    .split_once(" -> ")
                    .map_or((rest, None), |(name, id)| (name, Some(id)));
                entries.push(Entry {
                    of: of.clone(),
                    outcome: Some(outcome),
                    name,
                    advice,
                    changes: Vec::new(),
                });
                is_new = true;
            }
            "-" | "+" => {
                let changes = &mut entries.last_mut().with_context(said)?.changes;
                if is_new || (sign == "-" && changes.last().is_none_or(|(_, come)| !come.is_empty())) {
                    changes.push(Change::default());
                }
                is_new = false;
                let (go, come) = changes.last_mut().with_context(said)?;
                let lines = if sign == "-" { go } else { come };
                let _ = writeln!(lines, "{}", rest.trim());
            }
            _ => bail!("{} says nothing that is known", said()),
        }
    }
    let each = entries
        .iter()
        .flat_map(|entry| entry.of.iter().map(move |file| (entry, *file)));
    each.map(|(entry, file)| changed(&exercises, entry, file)).collect()
}

/// A server of the list, made of this file.
fn changed(exercises: &[Exercise], entry: &Entry<'_>, file: &str) -> Result<Changed> {
    let name = format!("{file}, {}", entry.name);
    let (folder, file) = file.split_once('/').with_context(|| format!("{name}: no file"))?;
    let exercise = exercise::find(exercises, folder)?.clone();
    let path = exercise.folder().join(file);
    let source = std::fs::read_to_string(&path).with_context(|| format!("{name}: cannot read {}", path.display()))?;
    // How far a line is indented does not matter, and a comment of a whole file is none of a module.
    let trimmed = source.lines().map(|line| line.trim().replacen("//!", "//", 1) + "\n");
    let mut source: String = trimmed.collect();
    for (go, come) in &entry.changes {
        // Where something goes, it may be a part of a line.
        let (go, come) = (go.trim_end_matches('\n'), come.trim_end_matches('\n'));
        ensure!(source.contains(go), "{name}: there is no\n{go}");
        source = match go.is_empty() {
            true => come.to_owned(),
            false => source.replace(go, come),
        };
    }
    Ok(Changed {
        name,
        exercise,
        source,
        outcome: entry.outcome.context("an entry is right or wrong")?,
        advice: entry.advice.map(str::to_owned),
    })
}

/// Builds all in one program: it is linked once.
fn build(servers: &[Changed]) -> Result<PathBuf> {
    let builds = Builds::of(&checkout::find()?)?;
    let place = builds.folder().join("changed-servers");
    // With the dependencies of a learner's folder, which are built already, and none of its programs.
    Folder::find(Some(&place))?.make(&[])?;
    let manifest = place.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest)?;
    let program = format!("\n[[bin]]\nname = \"{PROGRAM}\"\npath = \"main.rs\"\n\n[dependencies]\n");
    std::fs::write(&manifest, text.replacen("\n[dependencies]\n", &program, 1))?;
    let mut source = String::from(
        "#![allow(warnings)]\n\
         trait Ended { fn is_well(self) -> bool; }\n\
         impl Ended for () { fn is_well(self) -> bool { true } }\n\
         impl<E: std::fmt::Debug> Ended for Result<(), E> {\n\
         fn is_well(self) -> bool { self.inspect_err(|error| eprintln!(\"Error: {error:?}\")).is_ok() }\n\
         }\n",
    );
    let mut choices = String::new();
    for (place, server) in servers.iter().enumerate() {
        let (name, text) = (&server.name, &server.source);
        let _ = writeln!(
            source,
            "// {name}\nmod s{place} {{\n{text}\npub fn well() -> bool {{ super::Ended::is_well(main()) }}\n}}"
        );
        let _ = writeln!(choices, "\"{place}\" => s{place}::well(),");
    }
    let _ = writeln!(
        source,
        "fn main() {{\nlet is_well = match std::env::var(\"{CHOICE}\").unwrap().as_str() {{\n{choices}_ => \
         panic!(\"no such server\"),\n}};\nif !is_well {{ std::process::exit(1) }}\n}}"
    );
    std::fs::write(place.join("main.rs"), source)?;
    let built = builds.build_in(&place, PROGRAM, || false)?;
    built.map_err(|not| anyhow::Error::msg(not.words))
}

/// So many runs may pass until the advice is the one that is expected.
const ADVISED: usize = 3;

/// The right ones pass, the wrong ones fail, and whoever is wrong is told something particular.
fn many_more_servers_are_judged_rightly() -> Result<()> {
    let servers = servers()?;
    let names: BTreeSet<&str> = servers.iter().map(|server| server.name.as_str()).collect();
    ensure!(names.len() == servers.len(), "two servers have one name");
    ensure!(servers.len() >= FEWEST, "{} servers, of {FEWEST}", servers.len());
    let program = build(&servers)?;
    let (misjudged, advised_otherwise) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    few_at_once(servers.iter().enumerate().collect(), |(place, server)| {
        let subject = Subject {
            program: program.clone(),
            environment: vec![(CHOICE.to_owned(), place.to_string())],
            source: server.source.clone(),
            level: None,
        };
        let judged = testing::in_time(&server.name, || {
            // Advice is about what went wrong first, which is another thing in a run now and then: of a hundred servers
            // one may go without the expected one. A verdict is always the same.
            let mut told = String::new();
            for _ in 0..ADVISED {
                let verdict = judge::server(&server.exercise, &subject, &CallOff::default())?;
                let advice = verdict.advice.as_ref().map_or("none", |advice| advice.id);
                told = format!(
                    "{:?}, and has to be {:?} with the advice {:?}: {:?} {:?}",
                    verdict.outcome, server.outcome, server.advice, verdict.said, verdict.advice
                );
                ensure!(verdict.outcome == server.outcome, "{told}");
                if advice != "look" && server.advice.as_deref().is_none_or(|wanted| advice == wanted) {
                    return Ok(());
                }
            }
            let mut others = advised_otherwise.lock().unwrap_or_else(PoisonError::into_inner);
            others.push(format!("{}: {told}", server.name));
            Ok(())
        });
        if let Err(error) = judged {
            misjudged.lock().unwrap_or_else(PoisonError::into_inner).push(error);
        }
        Ok(())
    })?;
    let others = advised_otherwise.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(
        others.len() <= servers.len() / 100,
        "advised otherwise:\n{}",
        others.join("\n")
    );
    let misjudged = misjudged.into_inner().unwrap_or_else(PoisonError::into_inner);
    let all: String = misjudged.iter().map(|error| format!("\n{error:#}")).collect();
    let of = format!("{} of {} servers are misjudged:{all}", misjudged.len(), servers.len());
    misjudged
        .into_iter()
        .next()
        .map_or(Ok(()), |first| Err(first.context(of)))
}

harness::tests! {
    many_more_servers_are_judged_rightly needs [Sandbox, Wire, Request("runs two hundred servers: run with --ignored")];
}
