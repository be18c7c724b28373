//! The command of those who look at servers, learn and teach: `cargo run --bin lab -- help`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};
#[cfg(target_os = "linux")]
use lab::commands::live;
use lab::commands::{
    check, compare, completions, diff, doctor, explain, grade, learn, man, quiz, schema, shell, show, steps, told,
    trace, wireshark,
};
use lab::rough::with_tip;
use lab::status::{Run, Status, is_broken_pipe};

/// Shows what a TCP server does on the wire, checks it, and teaches what it means.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

// What each is for, its own file says.
#[derive(Subcommand)]
enum Command {
    Steps(steps::Arguments),
    Show(show::Arguments),
    Trace(trace::Arguments),
    Check(check::Arguments),
    Compare(compare::Arguments),
    Explain(explain::Arguments),
    Shell(shell::Arguments),
    #[cfg(target_os = "linux")]
    Live(live::Arguments),
    Wireshark(wireshark::Arguments),
    Learn(learn::Arguments),
    Quiz(quiz::Arguments),
    Grade(grade::Arguments),
    Doctor(doctor::Arguments),
    Diff(diff::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    Schema(schema::Arguments),
}

impl Command {
    fn run(&self) -> Result<Status> {
        match self {
            Command::Steps(arguments) => arguments.run(),
            Command::Show(arguments) => arguments.run(),
            Command::Trace(arguments) => arguments.run(),
            Command::Check(arguments) => arguments.run(),
            Command::Compare(arguments) => arguments.run(),
            Command::Explain(arguments) => arguments.run(),
            Command::Shell(arguments) => arguments.run(),
            #[cfg(target_os = "linux")]
            Command::Live(arguments) => arguments.run(),
            Command::Wireshark(arguments) => arguments.run(),
            Command::Learn(arguments) => arguments.run(),
            Command::Quiz(arguments) => arguments.run(),
            Command::Grade(arguments) => arguments.run(),
            Command::Doctor(arguments) => arguments.run(),
            Command::Diff(arguments) => arguments.run(),
            Command::Completions(arguments) => arguments.run(Arguments::command()),
            Command::Man(arguments) => arguments.run(Arguments::command()),
            Command::Schema(arguments) => arguments.run(),
        }
    }

    /// True of those that say whether something is right.
    fn judges(&self) -> bool {
        matches!(
            self,
            Command::Check(_) | Command::Compare(_) | Command::Doctor(_) | Command::Learn(_) | Command::Grade(_)
        )
    }
}

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    lab::linux::large_files_are_errors();
    let command = Arguments::try_parse()
        .unwrap_or_else(|error| with_tip(error).exit())
        .command;
    let ended = command.run();
    if let Err(error) = ended.as_ref()
        && !is_broken_pipe(error)
    {
        // A standard error that is closed too leaves nobody to tell.
        let _ = writeln!(io::stderr(), "lab: {}", told(error));
    }
    Status::of(&ended, command.judges()).into()
}
