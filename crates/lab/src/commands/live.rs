//! `lab live`

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use harness::format::html;
use harness::timeline::{Side, Timeline};
use harness::{Client, Server};

use super::run_client;
use super::shell::in_shell;
use crate::capture_file;
use crate::interrupt::{Ended, until_enter, until_interrupted};
use crate::linux::FirstInterrupt;
use crate::live::{Live, watch};
use crate::output::{More, Output, Shown, tell_troubles};
use crate::status::{Run, Status};
use crate::trace::{INTERRUPTED, Plan};

/// Run a server and show what it does in a browser, while it does it
///
///     lab live step1                   a shell in its network, for nc and the like
///     lab live --stdin step1           lines that you type
///     lab live --client 'nc localhost 3000' -- ./my-server
///
/// The page is for browsers on this machine that are given its address. When the shell or the client ends,
/// so does the server, and the timeline is drawn; --format html -o FILE keeps the page.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    #[command(flatten)]
    plan: Plan,
    /// Where the page is to be found, in place of a free port of this machine: 192.0.2.1:8000 for browsers
    /// elsewhere, who need the secret in the address
    #[arg(long, default_value = "127.0.0.1:0")]
    address: SocketAddr,
    #[command(flatten)]
    output: Output,
    /// Write a capture for Wireshark to this file too, when all has ended
    #[arg(long, value_name = "FILE")]
    pcapng: Option<PathBuf>,
    #[command(flatten)]
    more: More,
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        let name = self.plan.name();
        self.output.can_be_written_beside(self.pcapng.as_deref())?;
        let server = self.plan.server()?;
        let page = Live::start(self.address, html::live(&name))?;
        writeln!(io::stderr(), "{} in a browser: {}", name, page.url())?;
        if !self.address.ip().is_loopback() {
            writeln!(
                io::stderr(),
                "lab: whoever has this address, and reaches this machine, sees the run"
            )?;
        }
        let data = |timeline: &Timeline| html::data(timeline, &name);
        let timeline = watch(page, server, data, |server| self.converse(server))?;
        tell_troubles(&Vec::from_iter(self.plan.answered(&timeline)))?;
        if let Some(path) = self.pcapng.as_deref() {
            capture_file::write_whole(&timeline, &name, path, self.output.vantage)?;
        }
        self.output
            .write(&self.output.seen(&timeline), &Shown::whole(&name, self.more))?;
        Ok(Status::Well)
    }
}

impl Arguments {
    /// Lets clients talk while somebody looks: a program, our own, or those of a shell. Those that stay connected.
    fn converse(&self, server: &Arc<Server>) -> Result<Ended<Vec<Client>>> {
        let plan = &self.plan;
        if plan.client.is_none() && plan.talks() {
            let (address, talking, told) = (plan.address(server)?, Arc::clone(server), plan.clone());
            let talked = until_interrupted(move |_| told.talk(&talking, address, |_| Ok(())), |_| Ok(()));
            let Ended::Done((troubles, open)) = talked? else {
                writeln!(io::stderr(), "lab: {INTERRUPTED}")?;
                return Ok(Ended::Interrupted);
            };
            tell_troubles(&troubles)?;
            if io::stdin().is_terminal() && !plan.stdin {
                until_enter("press enter to end; the page goes on until then")?;
            }
            return Ok(Ended::Done(open));
        }
        // Ctrl-C is for the client, or for what runs in the shell; then comes the timeline of what there was.
        let _passes = FirstInterrupt::passes();
        if let Some(client) = &plan.client {
            run_client(plan, server, plan.address(server)?, client)?;
            return Ok(Ended::Done(Vec::new()));
        }
        in_shell(server, Side::Client, "so talk to it, and leave the shell to end")?;
        Ok(Ended::Done(Vec::new()))
    }
}
