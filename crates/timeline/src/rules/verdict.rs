//! How a server came through something that was made hard for it.

use std::fmt;

/// How a server came through an ordeal of a rough day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It did what it does on a gentle day.
    Passed,
    /// It did not, and the evidence says what it did.
    Failed,
    /// It made a choice that is no fault, which is named.
    Policy,
    /// Nothing is proved: the lever did not bite, or the ordeal is not for such a server.
    NotJudged,
}

impl Verdict {
    /// All that there are.
    pub const ALL: [Verdict; 4] = [Verdict::Passed, Verdict::Failed, Verdict::Policy, Verdict::NotJudged];

    /// As JSON and the table have it.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Policy => "policy",
            Verdict::NotJudged => "not-judged",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
