//! `lab check`

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use clap::Args;

use harness::ordeals::{Judged, Report};
use harness::rules::RuleId;

use crate::check::{Checked, Format, Required, Strictness};
use crate::interrupt::{Ended, until_interrupted};
use crate::output::tell_troubles;
use crate::rough;
use crate::status::{Run, Status};
use crate::terminal::{self, Look};
use crate::trace::{Plan, Trouble};

/// Run a server, talk to it, and print what the rules find
///
/// Exit status: 0 nothing found, 1 findings, 2 it could not run, or nothing is proved: the server died, a client
/// could not connect or hold its conversation, no reply came.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    #[command(flatten)]
    plan: Plan,
    #[command(flatten)]
    strictness: Strictness,
    #[command(flatten)]
    rough: rough::Options,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        if self.rough.rough {
            return self.run_rough();
        }
        let outcome = match self.plan.run(|_| Ok(())) {
            Ok(outcome) => outcome,
            Err(error) if self.format == Format::Text => return Err(error),
            Err(error) => {
                let checked = Checked::not_made(format!("{error:#}"));
                // The status stands, whoever reads why.
                let _ = io::stdout().write_all(checked.show(self.format).as_bytes());
                return Err(error);
            }
        };
        let mut strictness = self.strictness.clone();
        strictness
            .allow
            .extend(self.plan.says.no_reply.then_some(RuleId::NoReply));
        let checked = strictness.check_run(&outcome.timeline, &outcome.troubles);
        // What the verdict says is said once. Whether somebody reads the rest changes no verdict.
        let is_told = |trouble: &&Trouble| self.format == Format::Text && checked.tells(trouble);
        let _ = tell_troubles(outcome.troubles.iter().filter(|trouble| !is_told(trouble)));
        let shown = match self.format {
            Format::Text => terminal::findings(&checked.lines(), Look::default()),
            format => io::stdout().write_all(checked.show(format).as_bytes()),
        };
        checked.status().told(shown)
    }
}

impl Arguments {
    fn run_rough(&self) -> Result<Status> {
        let day = self.rough.of(&self.plan)?;
        let waits = self.format == Format::Text && io::stderr().is_terminal();
        let ended: Arc<Mutex<Vec<Judged>>> = Arc::default();
        let known = Arc::clone(&ended);
        let tell = move |judged: &Judged| {
            // Who waits for a minute sees that something goes on.
            if waits {
                let _ = writeln!(io::stderr(), "lab: {}: {}", judged.ordeal.name, judged.verdict);
            }
            known
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(judged.clone());
        };
        let ran = until_interrupted(move |_| Ok(day.run_telling(&tell)), |_| Ok(()))?;
        let is_interrupted = matches!(ran, Ended::Interrupted);
        let report = match ran {
            Ended::Done(report) => report,
            Ended::Interrupted => Report::of_some(ended.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        };
        let required = self.strictness.require.iter().filter_map(|required| match required {
            Required::Ordeal(ordeal) => Some(*ordeal),
            Required::Rule(_) => None,
        });
        let shown = rough::Shown {
            report: &report,
            again: self.again(),
            seed: self.plan.wire.seed(),
            required: required.collect(),
            is_interrupted,
        };
        let wrote = match self.format {
            Format::Text => terminal::print(&shown.lines(terminal::terminal_width().unwrap_or(120))),
            format => io::stdout().write_all(shown.text(format).as_bytes()),
        };
        shown.status().told(wrote)
    }

    /// The arguments that make the same server and the same conversation again.
    fn again(&self) -> String {
        const OWN: [&str; 4] = ["--rough", "--quick", "check", "lab"];
        const WITH_VALUE: [&str; 6] = ["--only", "--skip", "--require", "--format", "--deny", "--allow"];
        let all: Vec<_> = std::env::args_os().skip(1).collect();
        let end = all.iter().position(|word| word == "--").unwrap_or(all.len());
        let mut kept = Vec::new();
        let mut skips = false;
        for (place, word) in all.iter().enumerate() {
            let text = word.to_string_lossy();
            let own = OWN.contains(&&*text) || WITH_VALUE.iter().any(|name| text.starts_with(&format!("{name}=")));
            if place < end && (own || skips || WITH_VALUE.contains(&&*text)) {
                skips = !skips && WITH_VALUE.contains(&&*text);
                continue;
            }
            kept.push(word.as_os_str());
        }
        rough::quoted(kept)
    }
}
