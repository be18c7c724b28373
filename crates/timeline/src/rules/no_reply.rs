//! A client that waited in vain.

use std::time::Duration;

use super::rule::{Body, Found, Need};
use super::run::{Run, accept_of, owners_close};
use crate::events::{CallKind, ClientActionKind, EventId, Side, printable};
use crate::timeline::Connection;
use crate::words::{amount, call_text};

pub(super) const RULE: Body = Body {
    summary: "the client waited for a reply, and it did not come",
    cure: "answer each request; if the answer has another form, tell the client what ends it",
    needs: &[Need::Moment(is_waited_for, "no client of ours waited for a reply")],
    look,
};

/// True if a client of ours got something, or gave up. What a program waits for is not known.
fn is_waited_for(_: &Run<'_>, connection: Connection<'_>) -> bool {
    let mut actions = connection.client_actions().filter(|(_, action)| action.call.is_none());
    actions.any(|(_, action)| {
        use ClientActionKind::{GaveUp, Received};
        matches!(action.kind, Received { .. } | GaveUp { .. })
    })
}

/// A client of ours that gave up.
#[derive(Default)]
struct Vain<'a> {
    id: EventId,
    wanted: &'a str,
    waited: Option<Duration>,
    /// How many bytes came after the last that it sent, and the first of them; and how many ever.
    came: u64,
    bytes: Vec<u8>,
    ever: u64,
    /// How many it had sent, and whether the last of them is known to be no newline.
    sent: u64,
    is_no_line: bool,
}

fn look(run: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    // That nobody accepts is another finding, and that the server had ended by then is no finding.
    let accepted = connection.calls().any(|(_, call)| call.kind == CallKind::Accept);
    let vain = in_vain(connection).filter(|_| accepted)?;
    // A process that ends closes its connections first.
    if run
        .server_ended
        .is_some_and(|ended| ended < vain.id || vain.waited.is_none())
    {
        return None;
    }
    if connection.is_on_the_wire(connection.timeline()[vain.id].at) {
        return None;
    }
    // A server that has sent something and then closed has answered, in a form that the client did not expect.
    if vain.waited.is_none() && vain.ever > 0 {
        return None;
    }
    let asked = match vain.sent {
        0 => "the client sent nothing".to_owned(),
        sent => format!("the client sent {}", amount(sent, "byte", "bytes")),
    } + if vain.is_no_line {
        " without a newline at the end"
    } else {
        ""
    };
    let (done, call) = what_was_done(connection, vain.id);
    let came = match vain.came {
        0 => "nothing came".to_owned(),
        came if came > vain.bytes.len() as u64 => {
            format!("{came} bytes came, first \"{}\"", vain.bytes.escape_ascii())
        }
        _ => format!("\"{}\" came", vain.bytes.escape_ascii()),
    };
    let end = match vain.waited {
        Some(waited) => format!("waited {waited:?} for {}, and {came}", printable(vain.wanted)),
        None => format!(
            "waited for {}, and the server ended the connection: {came}",
            printable(vain.wanted)
        ),
    };
    Some(Found::new(
        format!("{asked}, {end}; {done}"),
        call.into_iter().chain([vain.id]),
    ))
}

/// The first time that the client gave up.
fn in_vain(connection: Connection<'_>) -> Option<Vain<'_>> {
    // A recording may claim any lengths.
    let mut vain = Vain::default();
    for (id, action) in connection.client_actions() {
        match &action.kind {
            ClientActionKind::Sent { len, bytes: said } => {
                vain.is_no_line = said.len() as u64 == *len && said.last().is_some_and(|last| *last != b'\n');
                vain.sent = vain.sent.saturating_add(*len);
                vain.came = 0;
                vain.bytes.clear();
            }
            ClientActionKind::Received { len, bytes: first } => {
                vain.ever = vain.ever.saturating_add(*len);
                if vain.came == 0 {
                    vain.bytes = first.to_vec();
                }
                vain.came = vain.came.saturating_add(*len);
            }
            ClientActionKind::GaveUp { wanted, waited } => {
                (vain.id, vain.wanted, vain.waited) = (id, wanted, *waited);
                return Some(vain);
            }
            _ => {}
        }
    }
    None
}

/// What the server had done last with the connection by then, of its reads and writes.
fn what_was_done(connection: Connection<'_>, by: EventId) -> (String, Option<EventId>) {
    let moves = |(id, call): &(EventId, &crate::events::Call)| {
        let tells = *id < by && (call.moved() > 0 || call.is_end_of_file());
        matches!(call.kind, CallKind::Read | CallKind::Write) && (tells || call.result.is_none())
    };
    if let Some((id, call)) = owners_close(connection).filter(|(id, _)| *id < by)
        && !connection.closing().fins.contains(&Side::Server)
    {
        let did = format!(
            "the server closed it with {}, and no FIN left: somebody else has it",
            call_text(call)
        );
        return (did, Some(id));
    }
    match connection.calls().filter(moves).last() {
        Some((id, call)) => (
            format!("the server's last read or write was {}", call_text(call)),
            Some(id),
        ),
        None => (
            "by then the server had read nothing and written nothing".to_owned(),
            accept_of(connection).map(|(id, _)| id),
        ),
    }
}
