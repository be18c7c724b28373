//! A descriptor of a connection that is over.

use super::rule::{Body, Found, Need};
use super::run::{Run, waited};
use crate::events::{EventId, EventKind, ProcessEventKind};
use crate::timeline::{Connection, Teardown};

pub(super) const RULE: Body = Body {
    summary: "the connection is over, and the server keeps its descriptor",
    cure: "close the descriptor, or drop all that owns it: shutdown ends the connection and frees nothing",
    needs: &[Need::Sleep],
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let held: Vec<(EventId, i32, i32)> = connection
        .events()
        .filter_map(|(id, event)| match &event.kind {
            EventKind::Process(process) => match process.kind {
                ProcessEventKind::Holds { fd, over: true, .. } => Some((id, process.pid, fd)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    if held.is_empty() {
        return None;
    }
    let of = |(_, pid, fd): &(EventId, i32, i32)| format!("descriptor {fd} of process {pid}");
    let names: Vec<String> = held.iter().map(of).collect();
    let is = if held.len() == 1 { "is" } else { "are" };
    let how = match connection.teardown() {
        Teardown::Reset { by } => format!("the {by} has reset the connection"),
        _ => "both sides have closed the connection".to_owned(),
    };
    let (names, waited) = (names.join(" and "), waited(connection.timeline()));
    let message = format!("{how}, and {names} {is} still open{waited}");
    Some(Found::new(message, held.iter().map(|(id, ..)| *id)))
}
