//! The servers of `crates/xtask/languages` do what `docs/languages.md` says of their languages.

use anyhow::{Result, ensure};
use harness::rules::RuleId;
use harness::testing::{
    self,
    Needs::{Packets, Program, Request},
};
use harness::timeline::Teardown;
use xtask::languages::{self, Observed};

/// A server: its name, the writes of a reply, their call, and what the rules find.
type Expected = (&'static str, usize, &'static str, &'static [RuleId]);

const SPLIT: RuleId = RuleId::SplitReply;
const STALL: RuleId = RuleId::NagleStall;
const LEAK: RuleId = RuleId::CloseWaitLeak;

/// All servers of a language, in the order of the page.
fn verdicts(folder: &str, expected: &[Expected]) -> Result<()> {
    let idioms: Vec<_> = languages::find(folder)?.idioms().collect();
    let names: Vec<&str> = idioms.iter().map(|idiom| idiom.name).collect();
    let expected_names: Vec<&str> = expected.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, expected_names, "{folder}");
    idioms
        .iter()
        .zip(expected)
        .try_for_each(|(idiom, expected)| verdict(idiom, expected))
}

fn verdict(idiom: &languages::Idiom, expected: &Expected) -> Result<()> {
    testing::in_time(idiom.name, || {
        let timeline = idiom.run()?;
        let observed = Observed::of(&timeline)?;
        ensure!(
            matches(&observed, expected),
            "expected {expected:?}, observed {observed:?}\n{timeline}"
        );
        Ok(())
    })
}

fn matches(observed: &Observed, (_, writes, call, findings): &Expected) -> bool {
    let found: Vec<RuleId> = observed.findings.iter().map(|(id, _)| *id).collect();
    let clean = matches!(observed.teardown, Teardown::Clean { .. });
    observed.writes == [*writes; 5]
        && observed.calls == [*call]
        && found == *findings
        && clean != findings.contains(&LEAK)
}

fn python() -> Result<()> {
    verdicts(
        "python",
        &[
            ("naive", 2, "sendto", &[SPLIT, STALL]),
            // The loop that accepts still has the last client in a variable.
            ("print", 1, "sendto", &[LEAK]),
            ("careful", 1, "sendto", &[]),
        ],
    )
}

fn ruby() -> Result<()> {
    verdicts(
        "ruby",
        &[
            ("naive", 1, "writev", &[LEAK]),
            ("print", 2, "write", &[SPLIT, STALL, LEAK]),
            ("append", 2, "write", &[SPLIT, STALL, LEAK]),
            ("careful", 1, "write", &[]),
        ],
    )
}

fn perl() -> Result<()> {
    verdicts(
        "perl",
        &[
            ("naive", 1, "write", &[]),
            ("two-prints", 2, "write", &[SPLIT, STALL]),
            ("careful", 1, "write", &[]),
        ],
    )
}

fn node() -> Result<()> {
    verdicts(
        "node",
        &[
            ("naive", 2, "write", &[SPLIT, STALL]),
            ("console", 1, "write", &[]),
            ("careful", 1, "write", &[]),
        ],
    )
}

fn crystal() -> Result<()> {
    verdicts(
        "crystal",
        &[
            ("v1", 2, "sendto", &[SPLIT, STALL, LEAK]),
            ("v2", 1, "sendto", &[LEAK]),
            ("v3", 1, "sendto", &[]),
        ],
    )
}

/// Go sets TCP_NODELAY by itself: what is split does not wait.
fn go() -> Result<()> {
    verdicts(
        "go",
        &[
            ("naive", 1, "write", &[LEAK]),
            ("two-writes", 2, "write", &[SPLIT, LEAK]),
            ("careful", 1, "write", &[]),
        ],
    )
}

fn java() -> Result<()> {
    verdicts(
        "java",
        &[
            ("naive", 1, "write", &[LEAK]),
            ("printf", 2, "write", &[SPLIT, STALL, LEAK]),
            // Each byte of "hello\n".
            ("writebytes", 6, "write", &[SPLIT, STALL, LEAK]),
            ("careful", 1, "write", &[]),
        ],
    )
}

fn c() -> Result<()> {
    verdicts(
        "c",
        &[
            ("naive", 2, "write", &[SPLIT, STALL, LEAK]),
            ("stdio", 2, "write", &[SPLIT, STALL, LEAK]),
            ("dprintf", 1, "write", &[LEAK]),
            ("careful", 1, "writev", &[]),
        ],
    )
}

fn rust() -> Result<()> {
    verdicts(
        "rust",
        &[("naive", 2, "sendto", &[SPLIT, STALL]), ("careful", 1, "sendto", &[])],
    )
}

/// A language that nobody tests would change unseen.
fn every_language_has_a_test() -> Result<()> {
    let tested = ["python", "ruby", "perl", "node", "crystal", "go", "java", "c", "rust"];
    let folders: Vec<&str> = languages::LANGUAGES.iter().map(|language| language.folder).collect();
    assert_eq!(folders, tested);
    Ok(())
}

/// Toolchains take their time; a learner's machine is spared it.
const ASKED: harness::testing::Needs = Request("runs another language: run with --ignored");

harness::tests! {
    every_language_has_a_test needs [];
    python needs [Packets, Program("python3"), ASKED];
    ruby needs [Packets, Program("ruby"), ASKED];
    perl needs [Packets, Program("perl"), ASKED];
    node needs [Packets, Program("node"), ASKED];
    c needs [Packets, Program("gcc"), ASKED];
    rust needs [Packets, Program("rustc"), ASKED];
    crystal needs [Packets, Program("crystal"), ASKED];
    go needs [Packets, Program("go"), ASKED];
    java needs [Packets, Program("javac"), Program("java"), ASKED];
}
