//! A connection that its client has closed and the server keeps.

use super::rule::{Body, Found, Need};
use super::run::{Run, holders, is_ended_by_client, owners_close, waited};
use crate::events::{ClientAction, ClientActionKind, EventId, TcpState};
use crate::timeline::{Connection, Teardown};
use crate::words::call_text;

pub(super) const RULE: Body = Body {
    summary: "the client has closed, the server has read that or closed too, and its socket stays open",
    cure: "drop or close every owner of the socket: clones, duplicates, and what a forked child has of it",
    needs: &[Need::Sleep, Need::Moment(is_ended_by_client, "no client has closed")],
    look,
};

fn look(run: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    if let Some(found) = own(connection).filter(|_| connection.is_the_servers_own()) {
        return Some(found);
    }
    let read_end = connection.calls().find(|(_, call)| call.is_end_of_file());
    let left = connection.teardown() == Teardown::LeftOpen(TcpState::CloseWait);
    let did = read_end.map(|(id, call)| (id, call, "read the client's end"));
    let closed = || owners_close(connection).map(|(id, call)| (id, call, "closed what accept had returned"));
    let (id, call, what) = did.or_else(closed).filter(|_| left)?;
    let (call, waited) = (call_text(call), waited(connection.timeline()));
    let (holders, evidence) = holders(run, connection);
    let message = format!("{call} {what}, and the socket is still in CLOSE_WAIT{waited}{holders}");
    Some(Found::new(message, [id].into_iter().chain(evidence)))
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
        action.call.as_deref().map(call_text).unwrap_or_default(),
        connection.endpoints().server,
        waited(connection.timeline())
    );
    Some(Found::new(message, [id]))
}
