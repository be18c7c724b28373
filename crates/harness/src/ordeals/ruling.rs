//! What an ordeal says of a server.

use super::fault::Fault;
use timeline::rules::Verdict;

/// What an ordeal says of a server: that it passed, and what shows it, or a [`Sentence`].
pub(super) type Ruling = Result<String, Sentence>;

/// Anything else than that it passed.
#[derive(Debug)]
pub(super) struct Sentence {
    pub verdict: Verdict,
    pub finding: Option<Fault>,
    pub reason: String,
}

impl Sentence {
    pub fn of<T>(verdict: Verdict, finding: Option<Fault>, reason: impl Into<String>) -> Result<T, Sentence> {
        Err(Sentence {
            verdict,
            finding,
            reason: reason.into(),
        })
    }
}

pub(super) fn failed<T>(reason: impl Into<String>) -> Result<T, Sentence> {
    Sentence::of(Verdict::Failed, None, reason)
}

/// It failed by something that has a name.
pub(super) fn failed_by<T>(finding: Fault, reason: impl Into<String>) -> Result<T, Sentence> {
    Sentence::of(Verdict::Failed, Some(finding), reason)
}

pub(super) fn policy<T>(reason: impl Into<String>) -> Result<T, Sentence> {
    Sentence::of(Verdict::Policy, None, reason)
}

pub(super) fn not_judged<T>(reason: impl Into<String>) -> Result<T, Sentence> {
    Sentence::of(Verdict::NotJudged, None, reason)
}
