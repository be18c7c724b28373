//! What each language's everyday print call does to a socket: small echo servers of many
//! languages, each in its naive and its careful idiom, on the timeline.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use course::capture::two_that_agree;
use course::checkout::{self, Builds};
use harness::rules::{RuleId, Severity};
use harness::timeline::{Teardown, Timeline};
use harness::{Conversation, LISTEN, Server, testing};
use serde::Deserialize;

use crate::pages;

/// Runs the servers of all languages that are installed, prints what came of it, and writes it into its page. Where a
/// language is missing the page stays as it is: it would lose that language's rows.
///
/// # Errors
///
/// If a server cannot be built or run, or the page not be written.
pub fn write() -> Result<()> {
    let mut table = String::from(
        "| language | server | how it replies | writes per reply | packets, first exchange | findings | end |\n\
         |---|---|---|--:|--:|---|---|\n",
    );
    let mut missing = String::new();
    for language in LANGUAGES.iter() {
        if let Some(program) = language.missing() {
            missing += &format!("| {} | not installed here: there is no {program} |\n", language.name);
            continue;
        }
        let version = language.version()?;
        for idiom in language.idioms() {
            let row = row(&idiom, &idiom.typical()?)?;
            table += &format!("| {} {version} | {row} |\n", language.name);
        }
    }
    if missing.is_empty() {
        write!(io::stdout(), "{table}")?;
        return pages::write_measured("languages", &table);
    }
    let note = "docs/languages.md stays as it is: it would lose their rows";
    Ok(writeln!(io::stdout(), "{table}{missing}\n{note}")?)
}

/// A language and what it takes to run its servers.
///
/// In the commands, `{source}` stands for a server's source and `{built}` for what is built of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// As its users write it.
    pub name: &'static str,
    /// The folder of its servers.
    pub folder: &'static str,
    extension: &'static str,
    /// The servers, without extension: the naive idioms, then the careful one.
    #[serde(borrow)]
    servers: Vec<&'static str>,
    #[serde(borrow)]
    version: Vec<&'static str>,
    #[serde(borrow)]
    build: Vec<&'static str>,
    #[serde(borrow)]
    run: Vec<&'static str>,
}

/// All languages, as `languages.json` has them: those that run their source, then those that compile it.
pub static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../languages.json"))
        .expect("the tests read languages.json, so it is well formed")
});

/// What the client sends, and how often: each line as soon as the one before is answered.
const LINE: &str = "hello\n";
/// Kernels that delay the client's ACKs only from its third message on show a stall by then too.
const EXCHANGES: usize = 5;

/// How long a server may take to reply, a virtual machine's warming up included.
const REPLIES: Duration = Duration::from_secs(10);

/// How often a server is run until two runs in a row agree: a machine that pauses somebody for
/// the 40 ms of a delayed ACK changes what the packets are.
const ATTEMPTS: usize = 5;

/// What a server did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Write-family calls of each reply.
    pub writes: Vec<usize>,
    /// The names of those calls, each once.
    pub calls: Vec<String>,
    /// Packets of the first exchange.
    pub packets: usize,
    /// What the rules found.
    pub findings: Vec<(RuleId, Severity)>,
    /// How the connection ended.
    pub teardown: Teardown,
}

/// One server of a language.
#[derive(Clone, Debug)]
pub struct Idiom {
    language: &'static Language,
    /// Its name: naive, careful, or the call that it is about.
    pub name: &'static str,
}

/// The language whose servers are in this folder.
///
/// # Errors
///
/// If there is none.
pub fn find(folder: &str) -> Result<&'static Language> {
    let found = LANGUAGES.iter().find(|language| language.folder == folder);
    found.with_context(|| format!("there are no servers of a language {folder:?}"))
}

impl Language {
    /// Its servers, the careful one last.
    pub fn idioms(&'static self) -> impl Iterator<Item = Idiom> {
        let idiom = move |name: &&'static str| Idiom { language: self, name };
        self.servers.iter().map(idiom)
    }

    /// The first program that it takes and that is not installed.
    pub fn missing(&self) -> Option<&'static str> {
        let programs = [&self.version, &self.build, &self.run].map(|command| command.first().copied());
        let outside = |program: &&str| !program.starts_with('{') && testing::find_program(program).is_none();
        programs.into_iter().flatten().find(outside)
    }

    /// The first number with a dot in it that its toolchain says of itself.
    fn version(&self) -> Result<String> {
        let asked = self.version.join(" ");
        let (program, arguments) = self.version.split_first().context("no command tells its version")?;
        let output = Command::new(program).args(arguments).output();
        let output = output.with_context(|| format!("cannot run {asked}"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.');
        let version = numbers.find(|number| number.trim_matches('.').contains('.'));
        Ok(version
            .with_context(|| format!("{asked} tells no version: {text:?}"))?
            .to_owned())
    }
}

/// Where servers are built: in cargo's target folder.
fn builds() -> Result<PathBuf> {
    Ok(Builds::of(&checkout::find()?)?.folder().join("languages"))
}

impl Idiom {
    /// Its source, from the checkout.
    fn path(&self) -> String {
        let Language { folder, extension, .. } = self.language;
        format!("crates/xtask/languages/{folder}/{}.{extension}", self.name)
    }

    fn source(&self) -> Result<PathBuf> {
        Ok(checkout::find()?.join(self.path()))
    }

    fn built(&self) -> Result<PathBuf> {
        Ok(builds()?.join(self.language.folder).join(self.name))
    }

    /// A command of its language, for it: the program, and its arguments.
    fn command(&self, words: &[&str]) -> Result<(PathBuf, Vec<OsString>)> {
        let fill = |word: &&str| {
            Ok(match *word {
                "{source}" => self.source()?.into(),
                "{built}" => self.built()?.into(),
                word => word.into(),
            })
        };
        let mut words: Vec<OsString> = words.iter().map(fill).collect::<Result<_>>()?;
        ensure!(!words.is_empty(), "there is no command");
        let program = words.remove(0);
        let found = testing::find_program(&program);
        let found = found.with_context(|| format!("there is no program {} on the PATH", program.display()))?;
        Ok((found, words))
    }

    /// Builds it, if its language builds and nothing newer than its source was built before.
    fn build(&self) -> Result<()> {
        let built = self.built()?;
        let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        let source = changed(&self.source()?);
        let is_there = changed(&built).is_some_and(|built| Some(built) > source);
        if self.language.build.is_empty() || is_there {
            return Ok(());
        }
        // A folder keeps its time when a file in it is written over.
        if built.is_dir() {
            std::fs::remove_dir_all(&built).with_context(|| format!("cannot remove {}", built.display()))?;
        }
        let folder = built.parent().context("it would stand in no folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let (program, arguments) = self.command(&self.language.build)?;
        let cache = builds()?.join("cache");
        let status = Command::new(&program)
            .args(arguments)
            .env("GOCACHE", cache.join("go"))
            .env("CRYSTAL_CACHE_DIR", cache.join("crystal"))
            .status()
            .with_context(|| format!("cannot run {}", program.display()))?;
        ensure!(status.success(), "{} could not build it", program.display());
        Ok(())
    }

    /// The lines of its source that reply: those that a comment marks.
    fn call(&self) -> Result<String> {
        let source = self.source()?;
        let text = std::fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
        let marked = |line: &str| {
            let code = ["# reply", "// reply"]
                .iter()
                .find_map(|mark| line.strip_suffix(mark))?;
            Some(format!("`{}`", code.trim().trim_end_matches(';')))
        };
        let calls: Vec<String> = text.lines().filter_map(marked).collect();
        ensure!(!calls.is_empty(), "{} marks no line with \"reply\"", self.path());
        Ok(calls.join(", "))
    }

    /// Runs it, sends it five lines at once, one after the other, and closes.
    ///
    /// # Errors
    ///
    /// If it cannot be built or run, or does not reply as an echo server does.
    pub fn run(&self) -> Result<Timeline> {
        self.converse().with_context(|| self.path())
    }

    fn converse(&self) -> Result<Timeline> {
        self.build()?;
        let (program, arguments) = self.command(&self.language.run)?;
        let server = Server::build(program)
            .args(arguments)
            .arg(LISTEN)
            .reply_within(REPLIES)
            .start()?;
        server.hold(&Conversation::echo_of([LINE; EXCHANGES]))
    }

    /// What it does: as two runs in a row agree.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if no two runs agree.
    pub fn typical(&self) -> Result<Observed> {
        let run = || Observed::of(&self.run()?);
        two_that_agree((ATTEMPTS, &self.path()), run, Observed::eq)
    }
}

impl Observed {
    /// What a timeline with one connection shows.
    ///
    /// # Errors
    ///
    /// If there are no packets on it.
    pub fn of(timeline: &Timeline) -> Result<Observed> {
        let connection = timeline.only();
        let mut calls: Vec<String> = Vec::new();
        for (_, call) in connection.writes() {
            if !calls.contains(&call.name.to_string()) {
                calls.push(call.name.to_string());
            }
        }
        let packets = connection.packets_per_exchange();
        let findings = timeline.findings().into_iter();
        Ok(Observed {
            writes: connection.writes_per_reply(),
            calls,
            packets: *packets.first().context("no packets were captured")?,
            findings: findings.map(|found| (found.rule.id, found.severity)).collect(),
            teardown: connection.teardown(),
        })
    }
}

fn row(idiom: &Idiom, observed: &Observed) -> Result<String> {
    let mut writes = observed.writes.clone();
    writes.dedup();
    let finding = |(id, severity): &(RuleId, Severity)| match severity {
        Severity::Warning => id.to_string(),
        Severity::Note => format!("{id} (note)"),
    };
    let findings = pages::listed(observed.findings.iter().map(finding), "none");
    let end = match observed.teardown {
        Teardown::Clean { .. } => "clean".to_owned(),
        Teardown::LeftOpen(state) => state.to_string(),
        other => other.to_string(),
    };
    Ok(format!(
        "[{}](../{}) | {} | {} `{}` | {} | {findings} | {end}",
        idiom.name,
        idiom.path(),
        idiom.call()?,
        pages::listed(writes, ""),
        observed.calls.join("`, `"),
        observed.packets,
    ))
}
