//! A write to a connection that its client has left.

use super::{Found, Needs, Rule, Run, Severity, count};
use crate::timeline::explain::call_text;
use crate::timeline::{Call, Connection, Errno, Side};

pub(super) const RULE: Rule = Rule {
    id: "write-after-close",
    summary: "the server wrote to a connection that the client had left",
    cure: "stop writing when a read returns 0 or a write fails",
    needs: Needs::Calls,
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let failed = |call: &Call| matches!(call.result, Some(Err(Errno::EPIPE | Errno::ECONNRESET)));
    let failures: Vec<(usize, &Call)> = connection.writes().filter(|(_, call)| failed(call)).collect();
    let (_, first) = failures.first()?;
    // EPIPE is also what a server gets that has shut down its own sending side.
    let closing = connection.closing();
    let client_left = closing.fins.contains(&Side::Client) || closing.reset_by == Some(Side::Client);
    client_left.then(|| Found {
        severity: Severity::Warning,
        message: format!(
            "{} failed: {}",
            count(failures.len(), "write", "writes"),
            call_text(first)
        ),
        evidence: failures.iter().map(|(index, _)| *index).collect(),
    })
}
