//! A client that waits while the server waits for another, who says nothing.

use std::time::Duration;

use super::rule::{Body, Found, Need};
use super::run::{Run, is_open_at, sent_by};
use crate::events::{CallKind, Side};
use crate::timeline::Connection;
use crate::words::call_text;

pub(super) const RULE: Body = Body {
    summary: "a client waited while the server waited for another one, which was idle",
    cure: "serve each client on a thread or a task of its own, or wait for all of them at once (poll, epoll)",
    needs: &[
        Need::Packets,
        Need::Moment(answers_beside_idle, "no client asked beside an idle one"),
    ],
    look,
};

/// A request that was read sooner has waited for nobody.
const WAITED: Duration = Duration::from_millis(50);

/// True if a client was answered while one that had connected before was silent: to a server that waits for that one
/// this does not happen.
fn answers_beside_idle(_: &Run<'_>, connection: Connection<'_>) -> bool {
    let data = |side| sent_by(connection, side).filter(|(_, packet)| packet.segment.len > 0);
    let Some((asked, _)) = data(Side::Client).next() else {
        return false;
    };
    let Some((answered, _)) = data(Side::Server).find(|(id, _)| *id > asked) else {
        return false;
    };
    let timeline = connection.timeline();
    let is_idle = |other: Connection<'_>| {
        other.was_established() && !other.packets().any(|(id, _)| (asked..answered).contains(&id))
    };
    let before = timeline.of_clients().take_while(|other| other.id() < connection.id());
    !connection.is_the_servers_own() && before.filter(|other| is_open_at(*other, answered)).any(is_idle)
}

fn look(run: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    if connection.is_the_servers_own() {
        return None;
    }
    let timeline = connection.timeline();
    let (asked_id, request) = sent_by(connection, Side::Client).find(|(_, packet)| packet.segment.len > 0)?;
    let came = request.passage.as_ref().and_then(|passage| passage.arrivals.first());
    let asked = came.copied().unwrap_or(timeline[asked_id].at);
    let (read_id, read) = connection
        .calls()
        .find(|(_, call)| call.kind == CallKind::Read && call.moved() > 0)?;
    // The thread that read it came from a read on another client's connection.
    let (blocked_id, blocked) = run.blocked_before(read.thread, read.entered)?;
    let other = timeline[blocked_id]
        .connection
        .filter(|other| *other != connection.id())?;
    let is_it = blocked.ended.since(asked.max(blocked.entered)) >= WAITED;
    if !is_it || timeline.connection(other).is_the_servers_own() {
        return None;
    }
    let message = format!(
        "the request in frame {} was not read for {} ms: the thread waited in {} for the client {}, which sent nothing \
         meanwhile",
        request.number,
        read.entered.since(asked).as_millis(),
        call_text(blocked),
        timeline.connection(other).endpoints().client
    );
    Some(Found::new(message, [asked_id, blocked_id, read_id]))
}
