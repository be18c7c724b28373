//! `lab wireshark`

use std::io::{self, IsTerminal as _};
use std::path::Path;

use anyhow::Result;
use clap::Args;
use harness::timeline::Side;

use super::run_client;
use crate::output::{hosts, tell_troubles};
use crate::status::{Run, Status};
use crate::trace::Plan;
use crate::wireshark::{Wireshark, type_lines};

/// Open Wireshark on a running server, or on a capture file, with the calls between the packets
///
/// The default lines, or those of --send, are sent once; then type lines of your own.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    #[command(flatten)]
    plan: Plan,
    /// Of two hosts with a wire, show what could have been captured on this one
    #[arg(long, value_parser = hosts())]
    vantage: Option<Side>,
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        let window = Wireshark::find()?.at_host(self.vantage);
        if let Some(file) = self.plan.step.as_deref().map(Path::new).filter(|path| path.is_file()) {
            return window.open(file).map(|()| Status::Well);
        }
        let plan = self.plan.clone();
        let server = plan.server()?;
        let address = plan.address(&server)?;
        let name = plan.name();
        window.watch(server, &name, move |server| {
            if let Some(client) = &plan.client {
                return run_client(&plan, server, address, client);
            }
            // Clients that are to stay connected do so while we type.
            let (troubles, _open) = plan.talk(server, address, |_| Ok(()))?;
            tell_troubles(&troubles)?;
            if io::stdin().is_terminal() && !plan.stdin {
                type_lines(server, address, io::stdin().lock(), io::stdout())?;
            }
            Ok(())
        })?;
        Ok(Status::Well)
    }
}
