//! A write that has not returned.

use super::replies::ANSWERED;
use super::rule::{Body, Found};
use super::run::{Run, sent_by};
use crate::events::Side;
use crate::facts::FactKind;
use crate::timeline::Connection;
use crate::words::call_text;

pub(super) const RULE: Body = Body {
    summary: "a write had not returned when the run ended",
    cure: "bound how long a write may wait, and how much may wait for a client that does not read",
    needs: &[ANSWERED],
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let (id, call) = connection.writes().find(|(_, call)| call.result.is_none())?;
    let told = sent_by(connection, Side::Client)
        .filter(|(_, packet)| packet.facts.has(FactKind::ZeroWindow))
        .last();
    let why = match told {
        Some((_, packet)) => format!(": the client has no room, as frame {} says", packet.number),
        None => String::new(),
    };
    Some(Found::new(
        format!("{} waits{why}", call_text(call)),
        [Some(id), told.map(|(id, _)| id)].into_iter().flatten(),
    ))
}
