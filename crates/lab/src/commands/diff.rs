//! `lab diff`

use std::io::{self, Write as _};

use anyhow::Result;
use clap::Args;
use course::steps;

use crate::status::{Run, Status};

/// Show what differs between the sources of two steps
#[derive(Args, Debug)]
pub struct Arguments {
    /// A step
    from: String,
    /// Another step
    to: String,
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        let diff = steps::diff(&steps::find(&self.from)?, &steps::find(&self.to)?)?;
        io::stdout().write_all(diff.as_bytes())?;
        Ok(Status::Well)
    }
}
