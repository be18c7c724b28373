//! `lab steps`

use std::io::{self, Write as _};

use anyhow::Result;
use clap::Args;
use course::steps;

use crate::status::{Run, Status};
use crate::terminal::{filled, prose_width};

/// List the steps, and what each is about
#[derive(Args, Debug)]
pub struct Arguments;

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        for step in steps::all()? {
            let line = format!("{}  {:<18} {}", step.binary(), step.slug, step.about()?);
            io::stdout().write_all(filled(&line, prose_width(), 26).as_bytes())?;
        }
        Ok(Status::Well)
    }
}
