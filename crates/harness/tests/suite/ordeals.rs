//! Each ordeal against a server that fails it, and against one that is nearly the same and passes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::conversation::unescape;
use harness::ordeals::{Fault, Judged, ORDEALS, Report, Rough, Verdict};
use harness::testing::Needs::{Sandbox, Wire};
use harness::testing::{at_once, built};
use harness::{Conversation, LISTEN, Server};

fn rough(mode: &str) -> Rough {
    let server = Server::build(built("wrong-server")).arg(mode).arg(LISTEN);
    Rough::of(server).limit(Duration::from_secs(5))
}

/// With a request of HTTP in place of two lines.
fn http(mode: &str) -> Result<Rough> {
    let request = unescape(r"GET / HTTP/1.1\r\nHost: a\r\n\r\n").map_err(anyhow::Error::msg)?;
    let request = request.escape_ascii();
    let asked = Conversation::parse(&format!("send {request}\nreply")).map_err(anyhow::Error::msg)?;
    Ok(rough(mode).conversation(asked))
}

/// What becomes of a server in one ordeal.
fn judged(rough: Rough, name: &str) -> Result<Judged> {
    let mut report = rough.only(|ordeal| ordeal.name == name).run();
    ensure!(report.not_begun.is_none(), "{name}: {report}");
    report
        .ordeals
        .pop()
        .with_context(|| format!("there is no ordeal {name}"))
}

/// The mode that fails, and what by.
const FAULTS: [(&str, &str, Option<Fault>); 17] = [
    ("closes", "keeps", None),
    ("bytewise", "one-read", None),
    ("pipelined", "first-only", None),
    ("poor", "short-write", None),
    ("tiny", "one-read", None),
    ("slow-reader", "common-loop", Some(Fault::HeadOfLine)),
    ("half-close", "drops-at-fin", None),
    ("reset", "exits-at-reset", Some(Fault::DiesOfAClient)),
    ("few-descriptors", "spins", None),
    ("few-descriptors", "gives-up", None),
    ("full-house", "one-per-edge", None),
    ("restart", "no-reuse", Some(Fault::AddressInUse)),
    ("endless", "unbounded", Some(Fault::UnboundedRequest)),
    ("silent", "in-turn", Some(Fault::HeadOfLine)),
    ("paused", "eintr", None),
    ("urgent", "inline", None),
    ("old-host", "short-clock", None),
];

const WIRED: [(&str, &str, Option<Fault>); 3] = [
    ("gone", "holds-the-dead", None),
    ("lossy", "impatient", None),
    ("goodbye", "curt", Some(Fault::LostGoodbye)),
];

fn fails((name, mode, finding): (&str, &str, Option<Fault>)) -> Result<()> {
    let judged = judged(rough(mode), name)?;
    ensure!(judged.verdict == Verdict::Failed, "{mode}: {judged:?}");
    ensure!(judged.finding == finding, "{mode}: {judged:?}");
    Ok(())
}

fn each_fault_fails_its_ordeal() -> Result<()> {
    at_once(FAULTS, fails)
}

fn each_fault_behind_a_wire_fails_its_ordeal() -> Result<()> {
    at_once(WIRED, fails)
}

/// No fault shows on a gentle day, so that it is the ordeal that shows it.
fn a_right_server_fails_nothing() -> Result<()> {
    let report = rough("good").run();
    let policies: Vec<&str> = report.with(Verdict::Policy).map(|judged| judged.ordeal.name).collect();
    let not_judged: Vec<&str> = report
        .with(Verdict::NotJudged)
        .map(|judged| judged.ordeal.name)
        .collect();
    ensure!(report.failed().next().is_none(), "{report}");
    ensure!(report.ordeals.len() == ORDEALS.len(), "{report}");
    // It has no keep-alive, and lets the signal end it. It says nothing to a line that is too long.
    ensure!(policies == ["gone", "stop"], "{report}");
    ensure!(not_judged == ["body", "goodbye"], "{report}");
    Ok(())
}

fn a_reply_that_a_body_cuts_is_told_from_one_that_it_does_not() -> Result<()> {
    at_once(["http-undrained", "http-half"], |mode| {
        let judged = judged(http(mode)?, "body")?;
        ensure!(judged.verdict == Verdict::Failed, "{mode}: {judged:?}");
        Ok(())
    })?;
    let judged = judged(http("good-http")?, "body")?;
    ensure!(judged.verdict == Verdict::Passed, "{judged:?}");
    Ok(())
}

fn an_answer_that_was_lost_comes_from_who_waits_for_it() -> Result<()> {
    let judged = judged(rough("patient-goodbye"), "goodbye")?;
    ensure!(judged.verdict == Verdict::Passed, "{judged:?}");
    Ok(())
}

fn a_stop_is_judged_by_what_it_cuts_and_whether_it_comes() -> Result<()> {
    let cases = [
        ("cuts-at-stop", Verdict::Failed, Some(Fault::ReplyCutByStop)),
        ("ignores-stop", Verdict::Failed, Some(Fault::HangsOnStop)),
        ("good-stop", Verdict::Passed, None),
    ];
    at_once(cases, |(mode, verdict, finding)| {
        let judged = judged(rough(mode), "stop")?;
        ensure!(
            (judged.verdict, judged.finding) == (verdict, finding),
            "{mode}: {judged:?}"
        );
        Ok(())
    })
}

/// A client that is gone while idle: the sentence names what would find it, or that nothing will.
fn who_waits_for_ever_is_told_by_what_it_lacks() -> Result<()> {
    let judged = judged(rough("good"), "gone")?;
    ensure!(judged.verdict == Verdict::Policy, "{judged:?}");
    ensure!(judged.finding == Some(Fault::WaitsForEver), "{judged:?}");
    ensure!(judged.reason.contains("the kernel has no timer"), "{judged:?}");
    Ok(())
}

fn what_cannot_begin_says_why() -> Result<()> {
    let of = |report: Report| report.not_begun.unwrap_or_default();
    let silent = rough("never-answers").limit(Duration::from_secs(1));
    let why = of(silent.run());
    ensure!(why.contains("on a gentle day"), "{why}");
    let two =
        Conversation::parse("send a\\n\nreply\nclient 2 send b\\n\nclient 2 reply").map_err(anyhow::Error::msg)?;
    let why = of(rough("good").conversation(two).run());
    ensure!(why.contains("one client"), "{why}");
    Ok(())
}

harness::tests! {
    each_fault_fails_its_ordeal needs [Sandbox];
    a_right_server_fails_nothing needs [Wire];
    each_fault_behind_a_wire_fails_its_ordeal needs [Wire];
    a_reply_that_a_body_cuts_is_told_from_one_that_it_does_not needs [Wire];
    an_answer_that_was_lost_comes_from_who_waits_for_it needs [Wire];
    a_stop_is_judged_by_what_it_cuts_and_whether_it_comes needs [Sandbox];
    who_waits_for_ever_is_told_by_what_it_lacks needs [Wire];
    what_cannot_begin_says_why needs [Sandbox];
}
