//! `lab doctor`

use std::io::{self, Write as _};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::doctor::Report;
use crate::status::{Run, Status};
use crate::terminal::prose_width;

/// Say what this machine allows, why not more, and the cure
///
/// Exit status: 0 if that is enough for the exercises, 1 if not, 2 if it could not be told.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// How to say it
    #[arg(long, value_enum, default_value_t = Answer::Text)]
    format: Answer,
}

/// How the doctor answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Answer {
    /// For people
    Text,
    /// One line, an object, for a program that asks many machines
    Json,
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        let report = Report::look();
        let told = match self.format {
            Answer::Text => report.text(prose_width()),
            Answer::Json => report.json(),
        };
        io::stdout().write_all(told.as_bytes())?;
        Ok(Status::right_if(report.is_ready()))
    }
}
