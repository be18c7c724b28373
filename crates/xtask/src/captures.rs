//! Writes committed captures anew: those of steps, of experiments, and those in the folders of exercises.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Result;
use clap::Args;
use course::capture;
use course::experiments::{self, Experiment};
use course::learn::{exercise, recapture};
use course::steps::{self, Step};

use crate::docs::in_checkout;

/// Run a step in a private network, an experiment of docs/wire.md, or an exercise, and write its capture anew
#[derive(Args, Debug)]
pub struct Arguments {
    /// A step, an experiment (wire-lost-segment), an exercise that is about a capture, or "all" of the
    /// first two
    step: String,
}

impl Arguments {
    /// Does it.
    ///
    /// # Errors
    ///
    /// If it is none of them, or cannot be run or written.
    pub fn run(&self) -> Result<()> {
        let name = self.step.as_str();
        if let Some(exercise) = exercise::all()?.iter().find(|exercise| exercise.name == name) {
            return written(&recapture::write(exercise)?, "");
        }
        if name == "all" {
            experiments::ALL.iter().try_for_each(of_experiment)?;
            return steps::all()?.iter().try_for_each(of_step);
        }
        match experiments::find(name) {
            Some(experiment) => of_experiment(experiment),
            None => of_step(&steps::find(name)?),
        }
    }
}

fn of_experiment(experiment: &Experiment) -> Result<()> {
    writeln!(io::stdout(), "{}", experiment.write()?)?;
    written(&experiment.capture()?, "")
}

fn of_step(step: &Step) -> Result<()> {
    let (timeline, renumbered) = capture::write(step)?;
    writeln!(io::stdout(), "{timeline}")?;
    written(&step.capture(), "; the pages follow with: cargo xtask docs")?;
    if renumbered {
        let note = "frames have other numbers than before: `cargo xtask docs` tells which sentences of the pages name \
             others now";
        writeln!(io::stdout(), "{note}")?;
    }
    Ok(())
}

fn written(path: &Path, next: &str) -> Result<()> {
    Ok(writeln!(
        io::stdout(),
        "written to {}{next}",
        in_checkout(path)?.display()
    )?)
}
