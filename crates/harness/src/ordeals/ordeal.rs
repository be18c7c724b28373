//! What an ordeal is, and what becomes of one.

use std::fmt;

use super::day::Day;
use super::fault::Fault;
use super::ground::{Gentle, Ground};
use timeline::Timeline;
use timeline::rules::Verdict;

/// One way in which a day can be rough.
#[derive(PartialEq, serde::Deserialize)]
pub struct Ordeal {
    /// Its name: `slow-reader`.
    pub name: &'static str,
    /// What it is about, in a sentence.
    pub about: &'static str,
    /// How the day is made rough.
    pub lever: &'static str,
    /// What a server fails by.
    pub fails: &'static str,
    /// What to do about it.
    pub cure: &'static str,
    /// It takes a second or two.
    pub quick: bool,
}

impl fmt::Debug for Ordeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What became of one ordeal.
#[derive(Clone)]
pub struct Judged {
    /// Which.
    pub ordeal: &'static Ordeal,
    /// How it ended.
    pub verdict: Verdict,
    /// What it failed by, where that has a name.
    pub finding: Option<Fault>,
    /// Why, in a sentence.
    pub reason: String,
    /// What shows it: calls, frames, counts.
    pub evidence: Vec<String>,
    /// All that was seen of the run, unless there was none.
    pub timeline: Option<Timeline>,
}

impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.finding.map(|name| format!("[{name}] ")).unwrap_or_default();
        let (name, verdict, reason) = (self.ordeal.name, self.verdict, &self.reason);
        write!(f, "{name} {verdict}: {named}{reason} {:?}", self.evidence)
    }
}

impl Ordeal {
    /// Lets the server meet it, after what is known of its gentle day.
    pub(super) fn judge(&'static self, ground: &Ground, gentle: &Gentle) -> Judged {
        let (host, run) = self.way();
        let (ruling, evidence, timeline) = match Day::begin(ground, gentle, host) {
            Ok(day) => {
                let ruling = run(&day);
                let (evidence, timeline) = day.over(ruling.is_ok());
                (ruling, evidence, timeline)
            }
            Err(sentence) => (Err(sentence), Vec::new(), None),
        };
        let (verdict, finding, reason) = match ruling {
            Ok(reason) => (Verdict::Passed, None, reason),
            Err(sentence) => (sentence.verdict, sentence.finding, sentence.reason),
        };
        Judged {
            ordeal: self,
            verdict,
            finding,
            reason,
            evidence,
            timeline,
        }
    }
}
