//! `lab man`

use std::path::PathBuf;
use std::{io, iter};

use anyhow::{Context, Result};
use clap::Args;
use clap_mangen::Man;

use crate::status::Status;

/// Print the manual pages of lab and its commands
///
///     lab man | man -l -
///     lab man --folder ~/.local/share/man/man1     then: man lab-trace
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Write them to this folder, each to a file of its own
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Arguments {
    /// Does it, for all that the command `lab` understands.
    ///
    /// # Errors
    ///
    /// If the pages cannot be written.
    pub fn run(&self, lab: clap::Command) -> Result<Status> {
        // What `lab help` says stands in the pages.
        let mut lab = lab.disable_help_subcommand(true);
        lab.build();
        for page in pages(&lab, &lab.render_version()) {
            match &self.folder {
                Some(folder) => {
                    let written = page.generate_to(folder);
                    written.with_context(|| format!("cannot write {} to {}", page.get_filename(), folder.display()))?;
                }
                None => page.render(&mut io::stdout().lock())?,
            }
        }
        Ok(Status::Well)
    }
}

/// The page of a command, and then those of its subcommands.
fn pages(command: &clap::Command, source: &str) -> Vec<Man> {
    let below = command.get_subcommands().flat_map(|command| pages(command, source));
    let page = Man::new(command.clone()).source(source.trim_end());
    iter::once(page).chain(below).collect()
}
