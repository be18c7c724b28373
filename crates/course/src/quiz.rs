//! A capture of one's own for each learner, with a sheet of questions, and the answers to it.
//!
//! `lab quiz --seed NAME` runs a server that may have a fault, with ports and a text that follow from the name. The
//! learner gets the [sheet] and a capture that has frames and nothing that explains them. The teacher keeps a
//! capture of the same run that holds all of it: [`grade`] asks that one, so no answer is written down anywhere.

pub mod grade;
pub mod sheet;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result, bail, ensure};
use harness::format::pcapng;
use harness::rules::RuleId;
use harness::timeline::{Level, Timeline};
use harness::{Client, Error, Server};
use serde::Deserialize;

use crate::learn::catalog;
use crate::{data, steps};

/// The folder beside the sheets that has the teacher's captures.
pub const KEYS: &str = "keys";

/// How often a run may show something else than its server's fault until we give up: on a busy machine a delayed ACK
/// may come early.
const ATTEMPTS: usize = 10;

/// A reply that does not come by then is one that stays in a buffer.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(400);

/// A server of the exercises, and what is found in a run of it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    /// Its source in `crates/course/exercises`.
    server: &'static str,
    /// Rules that find something in it.
    findings: Vec<RuleId>,
}

/// What a quiz may be about.
static SUBJECTS: LazyLock<Vec<Subject>> = LazyLock::new(|| data(include_str!("../quiz-subjects.json")));

/// Words for a client to send.
const WORDS: [&str; 16] = [
    "amber", "basil", "cedar", "delta", "ember", "fennel", "garnet", "hazel", "indigo", "jasper", "kelp", "linen",
    "maple", "nettle", "olive", "pearl",
];

/// A quiz, as it follows from a seed.
#[derive(Debug, PartialEq, Eq)]
pub struct Quiz {
    /// The seed: as a rule the name of a learner.
    pub seed: String,
    subject: &'static Subject,
    client_port: u16,
    server_port: u16,
    words: Vec<&'static str>,
}

/// The files of a quiz.
#[derive(Debug)]
pub struct Written {
    /// For the learner: the questions.
    pub sheet: PathBuf,
    /// For the learner: the frames.
    pub capture: PathBuf,
    /// For the teacher: all that was observed.
    pub key: PathBuf,
}

impl Quiz {
    /// The quiz of a seed: always the same server, ports and text.
    ///
    /// # Errors
    ///
    /// If the seed cannot be the name of a file.
    pub fn of(seed: &str) -> Result<Quiz> {
        let is_plain = |c: char| c.is_alphanumeric() || "-_. ".contains(c);
        ensure!(
            !seed.trim().is_empty()
                && seed.len() <= 60
                && seed.chars().all(is_plain)
                && !seed.starts_with(['.', '-'])
                && !seed.ends_with(['.', ' ']),
            "a seed names the files of its quiz: it has letters, digits, spaces, - _ and ., at most 60 bytes, begins and \
             ends with none of those signs, and is not {seed:?}"
        );
        let mut numbers = Numbers::of(seed);
        let subject = &SUBJECTS[numbers.below(SUBJECTS.len())];
        // From 10000 to 29999: below the ports that Linux gives to clients by itself, which begin at 32768, and above
        // most that belong to a known service.
        let mut port = || u16::try_from(10_000 + numbers.below(20_000)).unwrap_or(u16::MAX);
        let (client_port, server_port) = (port(), port());
        let count = 2 + numbers.below(3);
        let words = (0..count).map(|_| WORDS[numbers.below(WORDS.len())]).collect();
        Ok(Quiz {
            seed: seed.to_owned(),
            subject,
            client_port,
            server_port,
            words,
        })
    }

    /// Runs its server until a run shows what the server does.
    ///
    /// # Errors
    ///
    /// If the machine allows no private network or no capture in it, the server cannot be built, or no run shows it.
    pub fn run(&self) -> Result<Timeline> {
        let program = steps::build_example(catalog::PROGRAM)?;
        for _ in 0..ATTEMPTS {
            let timeline = self.run_once(&program)?;
            let is_whole = timeline.dropped == 0 && timeline.unknown_rules().next().is_none();
            let found = timeline.finding_ids();
            if is_whole && self.subject.findings.iter().all(|id| found.contains(id)) {
                return Ok(timeline);
            }
        }
        bail!(
            "none of {ATTEMPTS} runs showed what the server of {:?} does: is the machine very busy?",
            self.seed
        )
    }

    fn run_once(&self, program: &Path) -> Result<Timeline> {
        let server = Server::build(program)
            .env("EXERCISE", self.subject.server)
            .arg(format!("127.0.0.1:{}", self.server_port))
            .level(Level::Sandbox)
            .reply_within(PATIENCE)
            .start()
            .context("a quiz needs a private network: `lab doctor` says what to do")?;
        let mut client = server.connect_from(self.client_port)?;
        // What the client cannot do is part of the capture.
        let _ = self.talk(&mut client);
        client.close();
        Ok(server.stop()?)
    }

    fn talk(&self, client: &mut Client) -> Result<(), Error> {
        for word in &self.words {
            client.send(format!("{word}\n"))?;
            client.read_line()?;
        }
        Ok(())
    }

    /// Runs it, and writes its files into a folder. Nothing there is overwritten.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); if a file is there already, or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Written> {
        let keys = folder.join(KEYS);
        let written = Written {
            sheet: folder.join(format!("{}.md", self.seed)),
            capture: folder.join(format!("{}.pcapng", self.seed)),
            key: keys.join(format!("{}.pcapng", self.seed)),
        };
        for path in [&written.sheet, &written.capture, &written.key] {
            ensure!(
                !path.exists(),
                "{} is there already, and may be what somebody works on: move it away, or name another folder",
                path.display()
            );
        }
        let timeline = self.run()?;
        std::fs::create_dir_all(&keys).with_context(|| format!("cannot make {}", keys.display()))?;
        let file = |path: &Path, bytes: &[u8]| {
            std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
        };
        let (mut bare, mut whole) = (Vec::new(), Vec::new());
        pcapng::write_frames(&timeline, "server", &mut bare)?;
        pcapng::write(&timeline, "server", &mut whole)?;
        file(&written.key, &whole)?;
        file(&written.capture, &bare)?;
        // As the file says it: its clock may be coarser.
        let kept = pcapng::read(&whole[..])?.into_timeline();
        file(&written.sheet, sheet::blank(&self.seed, &kept).as_bytes())?;
        Ok(written)
    }
}

/// Numbers that follow from a text, on every machine the same.
struct Numbers(u64);

impl Numbers {
    /// Begins with the FNV-1a hash of the text.
    fn of(seed: &str) -> Numbers {
        let hashed = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Numbers(seed.bytes().fold(0xcbf2_9ce4_8422_2325, hashed))
    }

    /// The next number below a limit: splitmix64.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % limit as u64).unwrap_or(0)
    }
}

#[cfg(test)]
#[path = "../tests/unit/quiz.rs"]
mod tests;
