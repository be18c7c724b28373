//! `lab completions`

use std::io::{self, Write as _};

use anyhow::Result;
use clap::Args;
use clap_complete::Shell;

use crate::status::Status;

/// Print the script by which a shell completes the words of lab
///
///     source <(lab completions bash)
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The shell that is to read the script
    #[arg(value_enum)]
    shell: Shell,
}

impl Arguments {
    /// Does it, for all that the command `lab` understands.
    ///
    /// # Errors
    ///
    /// What standard output says.
    pub fn run(&self, mut lab: clap::Command) -> Result<Status> {
        // The crate panics where it cannot write, as to a reader that has left.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut lab, "lab", &mut script);
        io::stdout().write_all(&script)?;
        Ok(Status::Well)
    }
}
