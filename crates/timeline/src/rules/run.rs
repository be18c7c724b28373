//! What several rules look up.

use crate::events::{Argument, Call, CallKind, EventId, EventKind, Side, SocketOption};
use crate::timeline::{Connection, KnownPacket, Timeline};

/// What rules look up beside a connection, gathered once: ten thousand connections must not each look
/// through all events.
pub(super) struct Run<'a> {
    /// True if Nagle's algorithm was switched off on a listener. An accepted socket inherits that on Linux.
    listener_has_no_delay: bool,
    /// The last accept that failed, and not because nobody had connected.
    pub refused: Option<(EventId, &'a Call)>,
    /// True if the server, or a process of it, ended in a way that ends its exchanges too.
    pub server_ended: bool,
}

impl<'a> Run<'a> {
    pub fn of(timeline: &'a Timeline) -> Run<'a> {
        let mut run = Run {
            listener_has_no_delay: false,
            refused: None,
            server_ended: timeline.exit().is_some() || timeline.crashed().is_some(),
        };
        for (id, event) in timeline.iter() {
            let EventKind::Call(call) = &event.kind else { continue };
            if event.connection.is_none() {
                run.listener_has_no_delay |= switches_nagle_off(call);
            }
            if call.cannot_accept() {
                run.refused = Some((id, call));
            }
        }
        run
    }

    pub fn has_no_delay(&self, connection: Connection<'_>) -> bool {
        self.listener_has_no_delay || connection.calls().any(|(_, call)| switches_nagle_off(call))
    }
}

fn switches_nagle_off(call: &Call) -> bool {
    call.kind == CallKind::SetOption && call.argument == Some(Argument::Option(SocketOption::NoDelay(true)))
}

/// What was waited for before a server was said not to do its part, to end a sentence; nothing where that was not
/// recorded.
pub(super) fn waited(timeline: &Timeline) -> String {
    timeline
        .settled()
        .map(|settled| format!(" {settled}"))
        .unwrap_or_default()
}

pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The packets that one side sent, with their indices.
pub(super) fn sent_by(connection: Connection<'_>, side: Side) -> impl Iterator<Item = (EventId, KnownPacket<'_>)> {
    connection.packets().filter(move |(_, packet)| packet.from == side)
}
