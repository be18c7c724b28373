//! `lab schema`

use std::io::{self, Write as _};

use anyhow::Result;
use clap::Args;
use harness::format::json;

use crate::status::{Run, Status};

/// Print the JSON Schema of what is written as JSON: by --format json of trace, show, check and doctor, and jsonl
#[derive(Args, Debug)]
pub struct Arguments;

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        writeln!(io::stdout(), "{:#}", json::schema())?;
        Ok(Status::Well)
    }
}
