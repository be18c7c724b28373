//! A client program that does not close what the server has closed.

use super::rule::{Found, Needs, Rule, RuleId};
use super::run::Run;
use crate::events::{ClientActionKind, Flags, Side, TcpState};
use crate::timeline::Connection;

pub(super) const RULE: Rule = Rule {
    id: RuleId::ClientLeak,
    name: "client-leak",
    summary: "the server has closed, and the client never closes its own socket: it stays in CLOSE_WAIT",
    cure: "in the client, close the socket once a read returns 0; have a pool look at its idle connections",
    needs: Needs::Calls,
    look,
};

fn look(run: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let timeline = connection.timeline();
    // That the server leaks what it has opened itself is another finding.
    if connection.is_the_servers_own() {
        return None;
    }
    // Clients of ours do what they are told.
    let (_, connect) = connection
        .client_actions()
        .find(|(_, action)| action.kind == ClientActionKind::Connected && action.call.is_some())?;
    let process = connect.call.as_ref()?.process;
    let closes = |kind: &ClientActionKind| {
        use ClientActionKind::{Closed, Reset};
        matches!(kind, Closed | Reset)
    };
    let closing = connection.closing();
    if connection.client_actions().any(|(_, action)| closes(&action.kind))
        || closing.fins.first() != Some(&Side::Server)
        || closing.reset_by.is_some()
    {
        return None;
    }
    let is_fin = |id: &&_| {
        timeline
            .packet(**id)
            .is_some_and(|packet| packet.from == Side::Server && packet.segment.flags.has(Flags::FIN))
    };
    let fin = *closing.packets.iter().find(is_fin)?;
    let number = timeline.packet(fin)?.number;
    // A program that ends closes all it has. One that does something else first has kept this.
    let later = run.last_of_client(process, fin, connection.id());
    let (did, evidence) = match (closing.client_left, later) {
        (Some(TcpState::CloseWait), _) => ("still has its socket at the end", None),
        (_, Some(later)) => (
            "went on with another connection, and had this one until it ended",
            Some(later),
        ),
        _ => return None,
    };
    let whose = process.map_or(String::new(), |pid| format!(" (process {pid})"));
    let message = format!("the server's FIN in frame {number} came, and the client{whose} {did}");
    Some(Found::new(message, [fin].into_iter().chain(evidence)))
}
