//! `lab schema`

use std::io::{self, Write as _};

use anyhow::Result;
use clap::Args;

use crate::status::{Run, Status};

/// Print the JSON Schema of what is written as JSON: by --format json of trace, show, check, compare and doctor, jsonl, and
/// learn report
#[derive(Args, Debug)]
pub struct Arguments;

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        writeln!(io::stdout(), "{:#}", course::schema())?;
        Ok(Status::Well)
    }
}
