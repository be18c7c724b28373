//! `lab steps`

use std::io::{self, Write as _};

use anyhow::Result;
use clap::Args;
use course::steps;

use crate::status::Status;

/// List the steps
#[derive(Args, Debug)]
pub struct Arguments;

impl Arguments {
    /// Does it.
    ///
    /// # Errors
    ///
    /// If there is no checkout to find steps in.
    pub fn run(&self) -> Result<Status> {
        for step in steps::all()? {
            writeln!(io::stdout(), "{}  {}", step.binary(), step.slug)?;
        }
        Ok(Status::Well)
    }
}
