//! The command of those who change the project: `cargo xtask help`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{book, captures, docs, languages, newline, room, slides};

/// Keeps captures, pages and measured tables true.
#[derive(Parser)]
#[command(version, bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Capture(captures::Arguments),
    Docs(docs::Arguments),
    Book(book::Arguments),
    /// Run small echo servers in other languages and write the table into its page
    Languages,
    Newline(newline::Arguments),
    /// Make one archive for a room of machines without a network: the checkout, and the crates that it takes
    Room,
    /// Make slides of the steps' pages, for a projector: one file, target/slides.html
    Slides,
}

impl Command {
    /// Does it. False if something is not as it should be.
    fn run(&self) -> Result<bool> {
        match self {
            Command::Docs(arguments) => return arguments.run(),
            Command::Book(arguments) => return arguments.run(),
            Command::Capture(arguments) => arguments.run()?,
            Command::Languages => languages::write()?,
            Command::Newline(arguments) => arguments.run()?,
            Command::Room => writeln!(io::stdout(), "the archive is {}", room::write()?.display())?,
            Command::Slides => writeln!(io::stdout(), "the slides are {}", slides::write()?.display())?,
        }
        Ok(true)
    }
}

fn main() -> ExitCode {
    match Arguments::parse().command.run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // A standard error that is closed leaves nobody to tell.
            let _ = writeln!(io::stderr(), "xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
