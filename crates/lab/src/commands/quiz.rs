//! `lab quiz`

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use course::quiz::{Quiz, Written};

use crate::status::{Run, Status};

/// Make a capture for one learner, with a sheet of questions: ports, text and fault follow from a name
#[derive(Args, Debug)]
pub struct Arguments {
    /// The name of a learner, which chooses the run; may be repeated
    #[arg(long = "seed", value_name = "NAME", required = true)]
    seeds: Vec<String>,
    /// The folder for the sheets and captures; the teacher's are in its folder `keys`
    #[arg(long, value_name = "DIR", default_value = "quiz")]
    folder: PathBuf,
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        let quizzes: Result<Vec<Quiz>> = self.seeds.iter().map(|seed| Quiz::of(seed)).collect();
        for quiz in quizzes? {
            let Written { sheet, capture, key } = quiz.write(&self.folder)?;
            writeln!(
                io::stdout(),
                "for {}: {} and {}; for you: {}",
                quiz.seed,
                sheet.display(),
                capture.display(),
                key.display()
            )?;
        }
        Ok(Status::Well)
    }
}
