//! `lab check`

use std::io::{self, Write as _};

use anyhow::Result;
use clap::Args;

use crate::check::{Checked, Format, Strictness};
use crate::output::tell_troubles;
use crate::status::{Run, Status};
use crate::terminal::{self, Look};
use crate::trace::Plan;

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
    /// How to print the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
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
        // Whether somebody reads them changes no verdict.
        let _ = tell_troubles(&outcome.troubles);
        let checked = self.strictness.check_run(&outcome.timeline, &outcome.troubles);
        let told = checked.show(self.format);
        let shown = match self.format {
            Format::Text => terminal::findings(&told, Look::default()),
            Format::Json | Format::Github => io::stdout().write_all(told.as_bytes()),
        };
        match shown {
            // The status stands, whoever reads what was found.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(checked.status()),
        }
    }
}
