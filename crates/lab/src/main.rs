//! The command behind the recipes: `cargo run -p lab -- help`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use harness::format::text::Lanes;
use lab::{capture, newline, pages, steps};

/// Runs, captures, shows and compares the steps, and keeps the pages true.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the steps
    Steps,
    /// Draw a step's committed capture, or any capture file, as lanes
    Show {
        /// A step (step1) or the path of a pcapng or pcap file
        what: String,
        /// Columns to draw in; the terminal's unless given
        #[arg(long)]
        width: Option<usize>,
    },
    /// Run a step in a private network and write its capture anew
    Capture {
        /// A step, or "all"
        step: String,
    },
    /// Show what differs between the sources of two steps
    Diff {
        /// A step
        from: String,
        /// Another step
        to: String,
    },
    /// Write the generated parts of the pages anew
    Docs {
        /// Change nothing; fail if a page has drifted
        #[arg(long)]
        check: bool,
    },
    /// Measure what the newline costs, untraced, and write the table into the pages
    Newline {
        /// Exchanges per server
        #[arg(long, default_value_t = 200)]
        exchanges: usize,
        /// Only print the table
        #[arg(long)]
        print: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(status) => status,
        // Whoever reads our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // A standard error that is closed too leaves nobody to tell.
            let _ = writeln!(io::stderr(), "lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Steps => {
            for step in steps::all()? {
                writeln!(io::stdout(), "{}  {}", step.binary(), step.slug)?;
            }
        }
        Command::Show { what, width } => show(&what, width)?,
        Command::Capture { step } => capture_steps(&step)?,
        Command::Diff { from, to } => {
            let diff = pages::diff(&steps::find(&from)?, &steps::find(&to)?)?;
            io::stdout().write_all(diff.as_bytes())?;
        }
        Command::Docs { check } => return docs(check),
        Command::Newline { exchanges, print } => {
            let table = newline::table(&newline::measure(exchanges)?);
            io::stdout().write_all(table.as_bytes())?;
            if !print {
                pages::write_measured("newline", &table)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(what: &str, width: Option<usize>) -> Result<()> {
    let path = match steps::find(what) {
        Ok(step) => step.capture(),
        Err(_) if Path::new(what).exists() => PathBuf::from(what),
        Err(error) => return Err(error.context(format!("{what:?} is neither a step nor a file"))),
    };
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let lanes = Lanes::with_width(width.or(terminal).unwrap_or(80));
    Ok(io::stdout().write_all(lanes.draw(&capture::read(&path)?).as_bytes())?)
}

fn capture_steps(name: &str) -> Result<()> {
    let chosen = if name == "all" {
        steps::all()?
    } else {
        vec![steps::find(name)?]
    };
    for step in chosen {
        let timeline = capture::write(&step)?;
        let path = step.capture();
        let path = path.strip_prefix(steps::workspace()).unwrap_or(&path);
        writeln!(
            io::stdout(),
            "{timeline}\nwritten to {}; the pages follow with: cargo run -p lab -- docs",
            path.display()
        )?;
    }
    Ok(())
}

fn docs(check: bool) -> Result<ExitCode> {
    let mut drifted = false;
    for page in pages::all()? {
        let name = page
            .path
            .strip_prefix(steps::workspace())
            .unwrap_or(&page.path)
            .display()
            .to_string();
        let made = pages::generate(&page).with_context(|| format!("in {name}"))?;
        if made == page.text {
            continue;
        }
        drifted = true;
        if check {
            writeln!(
                io::stdout(),
                "{name} has drifted from its captures or sources:\n{}",
                pages::changes(&page.text, &made)
            )?;
        } else {
            std::fs::write(&page.path, &made).with_context(|| format!("cannot write {name}"))?;
            writeln!(io::stdout(), "{name} written")?;
        }
    }
    Ok(if check && drifted {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
