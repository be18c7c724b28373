//! `lab explain`

use anyhow::Result;
use clap::Args;

use crate::status::{Run, Status};
use crate::{explain, terminal};

/// Say what a finding, a fact or a word means: lab explain split-reply
#[derive(Args, Debug)]
pub struct Arguments {
    /// Its name, as a trace or a check prints it; without one, all names are listed
    name: Option<String>,
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        let width = terminal::terminal_width().unwrap_or(80);
        let lines = match &self.name {
            Some(name) => explain::explain(name, width)?,
            None => explain::names(width),
        };
        terminal::print(&lines)?;
        Ok(Status::Well)
    }
}
