//! A client program that does not close what the server has closed.

use super::rule::{Body, Found, Need};
use super::run::Run;
use crate::events::{ClientActionKind, Flags, Side, TcpState};
use crate::timeline::Connection;

pub(super) const RULE: Body = Body {
    summary: "the server has closed, and the client never closes its own socket: it stays in CLOSE_WAIT",
    cure: "in the client, close the socket once a read returns 0; have a pool look at its idle connections",
    needs: &[
        Need::Packets,
        Need::Moment(is_told_and_closes, "no client program closed behind the server"),
    ],
    look,
};

fn closes(connection: Connection<'_>) -> bool {
    use ClientActionKind::{Closed, Reset};
    let mut actions = connection.client_actions();
    actions.any(|(_, action)| matches!(action.kind, Closed | Reset))
}

/// True of a client program that closes what the server has closed.
fn is_told_and_closes(_: &Run<'_>, connection: Connection<'_>) -> bool {
    let mut calls = connection.client_actions().filter(|(_, action)| action.call.is_some());
    calls.next().is_some() && connection.closing().fins.first() == Some(&Side::Server) && closes(connection)
}

fn look(run: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let timeline = connection.timeline();
    let own = connection.is_the_servers_own();
    let mut actions = connection.client_actions();
    let read_end = actions.any(|(_, action)| action.kind == ClientActionKind::EndOfFile);
    // That the server keeps what it has read the end of is another finding. At work, it may yet read.
    if own && (read_end || timeline.settled().is_none_or(|settled| !settled.asleep)) {
        return None;
    }
    // Clients of ours do what they are told.
    let (_, connect) = connection
        .client_actions()
        .find(|(_, action)| action.kind == ClientActionKind::Connected && action.call.is_some())?;
    let process = connect.call.as_ref()?.process;
    let closing = connection.closing();
    // The close of a duplicate ends nothing.
    let closed = closes(connection) && closing.client_left != Some(TcpState::CloseWait);
    if closed || closing.fins.first() != Some(&Side::Server) || closing.reset_by.is_some() {
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
        (_, Some(later)) if !own => (
            "went on with another connection, and had this one until it ended",
            Some(later),
        ),
        _ => return None,
    };
    let whose = process.map_or(String::new(), |pid| format!(" (process {pid})"));
    let who = if own { ", the server itself," } else { "" };
    let message = format!("the FIN in frame {number} came, and the client{who}{whose} {did}");
    Some(Found::new(message, [fin].into_iter().chain(evidence)))
}
