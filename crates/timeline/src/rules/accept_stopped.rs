//! A client that was never accepted.

use super::rule::{Body, Found};
use super::run::Run;
use crate::events::{CallKind, TcpState};
use crate::timeline::Connection;
use crate::words::call_text;

pub(super) const RULE: Body = Body {
    summary: "a client connected and was not accepted",
    cure: "close what is done with, raise the limit of descriptors (ulimit -n), and go on accepting",
    needs: &[],
    look,
};

fn look(run: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    // Whom the server connects to need not be one of its processes.
    if connection.is_the_servers_own() || connection.calls().any(|(_, call)| call.kind == CallKind::Accept) {
        return None;
    }
    let waits = || {
        matches!(
            connection.closing().server_left,
            Some(TcpState::Established | TcpState::CloseWait)
        )
    };
    let (message, evidence) = match run.refused {
        Some((id, call)) => (
            format!("it was never accepted, since accept fails: {}", call_text(call)),
            vec![id],
        ),
        None if waits() => (
            "the kernel completed its handshake and no accept returned it".to_owned(),
            vec![],
        ),
        None => return None,
    };
    Some(Found::new(message, evidence))
}
