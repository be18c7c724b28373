//! A client's end that the server never reads.

use super::rule::{Body, Found, Need};
use super::run::{Run, is_ended_by_client, owners_close, waited};
use crate::events::{CallKind, TcpState};
use crate::timeline::Connection;

pub(super) const RULE: Body = Body {
    summary: "the client has closed and the server never reads that",
    cure: "keep reading until a read returns 0, then close",
    needs: &[Need::Sleep, Need::Moment(is_ended_by_client, "no client has closed")],
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let closing = connection.closing();
    let left = closing.server_left == Some(TcpState::CloseWait) && !closing.server_read_end_of_file;
    // Whoever has closed need not read; that somebody else has the socket is another finding.
    let left = left && owners_close(connection).is_none();
    let accepted = connection.calls().any(|(_, call)| call.kind == CallKind::Accept);
    let fin = closing.packets.first().and_then(|id| connection.timeline().packet(*id));
    if !left || !accepted {
        return None;
    }
    let waited = waited(connection.timeline());
    let message = match fin {
        Some(fin) => format!("no read returned 0 after the FIN in frame {}{waited}", fin.number),
        None => format!("the socket is in CLOSE_WAIT and no read has returned 0{waited}"),
    };
    Some(Found::new(message, closing.packets))
}
