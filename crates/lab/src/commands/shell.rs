//! `lab shell`

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::Command;

use anyhow::Result;
use clap::Args;
use harness::timeline::Side;
use harness::{Server, ServerBuilder, Wire};

use crate::output::{More, Output, Shown, hosts};
use crate::status::{Run, Status};
use crate::terminal::{filled, prose_width};
use crate::{trace, wire};

/// Open a shell in a server's private network: ss, nc, lsof, dumpcap work there without root
///
/// When the shell ends, the server is stopped and its timeline drawn.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The host to be on, of the two with a wire between them. Without it the client's. Makes a wire without delay if
    /// nothing else asks for a wire
    #[arg(long, value_parser = hosts())]
    host: Option<Side>,
    #[command(flatten)]
    wire: wire::Options,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    more: More,
    /// A step (step1), in place of a command
    #[arg(conflicts_with = "command", required_unless_present = "command")]
    step: Option<String>,
    /// The server's command, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        let wire = self.wire.wire()?.or(self.host.map(|_| Wire::new()));
        self.output.can_be_written_beside(None)?;
        let build = trace::start(self.step.as_deref(), &self.command)?;
        let server = build.given(wire, ServerBuilder::wire).start()?;
        // Behind a wire a loopback address is reached as the clients of a trace reach it, or not at all.
        server.check_reachable(server.address())?;
        let follows = "and the timeline follows when you leave it";
        in_shell(&server, self.host.unwrap_or(Side::Client), follows)?;
        let timeline = server.stop()?;
        let name = trace::name(self.step.as_deref(), &self.command);
        self.output
            .write(&self.output.seen(&timeline), &Shown::whole(&name, self.more))?;
        Ok(Status::Well)
    }
}

/// Opens a shell on a host of a server's network, until it is left. What comes then, or what to do, is told before.
pub(super) fn in_shell(server: &Server, host: Side, then: &str) -> Result<()> {
    let address = server.address();
    let told = format!("the server listens on {address}; this shell is in its network, {then}");
    io::stderr().write_all(filled(&told, prose_width(), 0).as_bytes())?;
    let program = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
    // The shell's own status is its user's affair.
    trace::inside(server, host, &mut Command::new(program))?;
    Ok(())
}
