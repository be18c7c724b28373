//! The commands: a file for each, with its arguments and what it does.

pub mod check;
pub mod compare;
pub mod completions;
pub mod diff;
pub mod doctor;
pub mod explain;
pub mod grade;
pub mod learn;
#[cfg(target_os = "linux")]
pub mod live;
pub mod man;
pub mod quiz;
pub mod schema;
pub mod shell;
pub mod show;
pub mod steps;
pub mod trace;
pub mod wireshark;

use std::io::{self, Write as _};
use std::net::SocketAddr;

use anyhow::Result;
use harness::Server;

use crate::output::printable_lines;
use crate::trace::Plan;

/// An error and its causes for a terminal, each said once: some name their cause themselves.
pub fn told(error: &anyhow::Error) -> String {
    let told = error.chain().fold(String::new(), |told, cause| {
        let cause = cause.to_string();
        match (told.is_empty(), told.contains(&cause)) {
            (true, _) => cause,
            (false, true) => told,
            (false, false) => told + ": " + &cause,
        }
    });
    printable_lines(&told)
}

/// Runs a client program in a server's network, and tells what went wrong with it.
fn run_client(plan: &Plan, server: &Server, address: SocketAddr, client: &str) -> Result<()> {
    match crate::trace::run_client(server, address, client, plan.limit())?.0 {
        Some(text) => Ok(writeln!(io::stderr(), "lab: {}", printable_lines(&text))?),
        None => Ok(()),
    }
}
