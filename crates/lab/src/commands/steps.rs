//! `lab steps`

use std::io::{self, Write as _};

use anyhow::Result;
use clap::Args;
use course::steps;

use crate::status::{Run, Status};

/// List the steps, and what each is about
#[derive(Args, Debug)]
pub struct Arguments;

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        for step in steps::all()? {
            writeln!(io::stdout(), "{}  {:<18} {}", step.binary(), step.slug, step.about()?)?;
        }
        Ok(Status::Well)
    }
}
