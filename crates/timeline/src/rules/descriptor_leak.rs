//! A descriptor of a connection that is over.

use super::{Found, Needs, Rule, Run, Severity, waited};
use crate::events::{EventKind, ProcessEventKind};
use crate::timeline::{Connection, Teardown};

pub(super) const RULE: Rule = Rule {
    id: "descriptor-leak",
    summary: "the connection is over, and the server keeps its descriptor",
    cure: "close the descriptor, or drop all that owns it: shutdown ends the connection and frees nothing",
    needs: Needs::CallsAndSleep,
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let held: Vec<(usize, i32, i32)> = connection
        .events()
        .filter_map(|(index, event)| match &event.kind {
            EventKind::Process(process) => match process.kind {
                ProcessEventKind::Holds { fd, .. } => Some((index, process.pid, fd)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    if held.is_empty() {
        return None;
    }
    let of = |(_, pid, fd): &(usize, i32, i32)| format!("descriptor {fd} of process {pid}");
    let names: Vec<String> = held.iter().map(of).collect();
    let is = if held.len() == 1 { "is" } else { "are" };
    let how = match connection.teardown() {
        Teardown::Reset { by } => format!("the {by} has reset the connection"),
        _ => "both sides have closed the connection".to_owned(),
    };
    Some(Found {
        severity: Severity::Warning,
        message: format!(
            "{how}, and {} {is} still open{}",
            names.join(" and "),
            waited(connection.timeline())
        ),
        evidence: held.iter().map(|(index, ..)| *index).collect(),
    })
}
