//! A connection that its client has closed and the server keeps.

use super::rule::{Found, Needs, Rule, RuleId};
use super::run::{Run, waited};
use crate::events::{ClientAction, ClientActionKind, EventId, TcpState};
use crate::timeline::{Connection, Teardown};
use crate::words::call_text;

pub(super) const RULE: Rule = Rule {
    id: RuleId::CloseWaitLeak,
    name: "close-wait-leak",
    summary: "the client has closed, the server has read that, and its socket stays open",
    cure: "drop or close every owner of the socket when a read returns 0",
    needs: Needs::CallsAndSleep,
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    if connection.is_the_servers_own() {
        return own(connection);
    }
    let read_end = connection.calls().find(|(_, call)| call.is_end_of_file());
    let left = connection.teardown() == Teardown::LeftOpen(TcpState::CloseWait);
    let (id, call) = read_end.filter(|_| left)?;
    let (call, waited) = (call_text(call), waited(connection.timeline()));
    let message = format!("{call} read the client's end, and the socket is still in CLOSE_WAIT{waited}");
    Some(Found::new(message, [id]))
}

/// The same of a connection that the server makes: there the peer has closed, and the server is the client.
fn own(connection: Connection<'_>) -> Option<Found> {
    let is_end = |(_, action): &(EventId, &ClientAction)| action.kind == ClientActionKind::EndOfFile;
    let (id, action) = connection.client_actions().find(is_end)?;
    if connection.closing().client_left != Some(TcpState::CloseWait) {
        return None;
    }
    let message = format!(
        "{} read the end of {}, and the server's own socket is still in CLOSE_WAIT{}",
        action.call.as_ref().map(call_text).unwrap_or_default(),
        connection.endpoints().server,
        waited(connection.timeline())
    );
    Some(Found::new(message, [id]))
}
