//! `lab grade`

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use course::quiz::grade::grade;
use harness::timeline::printable;

use crate::status::{Run, Status};

/// Grade sheets of `lab quiz` by the captures that the teacher kept
///
/// Exit status: 0 if every answer is right, 1 if not, 2 if a sheet cannot be graded.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Sheets of `lab quiz`, filled in
    #[arg(required = true, value_name = "SHEET")]
    sheets: Vec<PathBuf>,
    /// The folder with the teacher's captures. Without it `keys` beside each sheet
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        let mut status = Status::Well;
        for sheet in &self.sheets {
            let graded = grade(sheet, self.keys.as_deref());
            status = status.max(match &graded {
                Ok(graded) => Status::right_if(graded.right() == graded.marks.len()),
                Err(_) => Status::Unknown,
            });
            match graded {
                Ok(graded) => io::stdout().write_all(graded.text().as_bytes())?,
                Err(error) => writeln!(io::stderr(), "lab: {}", printable(&format!("{error:#}")))?,
            }
        }
        Ok(status)
    }
}
