//! A request that was on its way when the server closed a connection that it had kept.

use super::rule::{Body, Found, Need};
use super::run::{Run, sent_by};
use crate::events::{CallKind, EventId, Flags, Side, added};
use crate::timeline::{Connection, KnownPacket};

pub(super) const RULE: Body = Body {
    summary: "the server closed a kept connection while a request was on its way, which it never read",
    cure: "keep idle connections longer than clients do, or announce the end (Connection: close) and read on for a while",
    needs: &[
        Need::Packets,
        Need::Moment(|_, on| crossing(on).is_some(), "no request crossed the server's FIN"),
    ],
    look,
};

/// A packet, with its id.
type Sent<'a> = (EventId, KnownPacket<'a>);

/// The server's FIN on a connection that it had kept, and a request that was on its way then.
fn crossing(connection: Connection<'_>) -> Option<(Sent<'_>, Sent<'_>)> {
    let (fin_id, fin) = sent_by(connection, Side::Server).find(|(_, packet)| packet.segment.flags.has(Flags::FIN))?;
    let end = fin.seq.wrapping_add(fin.segment.len);
    // It has kept the connection: it had answered before.
    let has_answered = end > 1 && fin.ack > 1;
    // The server had not got it when its FIN left, nor had the client got the FIN.
    let crosses = |seq: u32, ack: u32| is_at_or_after(seq, fin.ack) && is_at_or_after(end, ack);
    let lost = sent_by(connection, Side::Client)
        .find(|(_, packet)| packet.segment.len > 0 && crosses(packet.seq, packet.ack))?;
    has_answered.then_some(((fin_id, fin), lost))
}

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let ((fin_id, fin), (lost_id, lost)) = crossing(connection)?;
    // What a server reads after its FIN it may do without an answer.
    let reads = connection.calls().filter(|(_, call)| call.kind == CallKind::Read);
    let read = added(reads.map(|(_, call)| call.moved()));
    if read >= u64::from(lost.seq) || has_announced(connection) {
        return None;
    }
    let message = format!(
        "the request in frame {} and the server's FIN in frame {} crossed: when the one left the other had not come, and no \
         read returned the request",
        lost.number, fin.number,
    );
    Some(Found::new(message, [fin_id, lost_id]))
}

/// True if one number is at another or after it: RFC 9293, section 3.4.
fn is_at_or_after(number: u32, other: u32) -> bool {
    number.wrapping_sub(other) < 1 << 31
}

/// True if the server said that it would close: in HTTP by a field, or by its version.
fn has_announced(connection: Connection<'_>) -> bool {
    connection.writes().any(|(_, call)| {
        let text = String::from_utf8_lossy(&call.bytes).to_ascii_lowercase();
        let has = |field: &str| text.lines().any(|line| line.split_whitespace().eq(field.split(' ')));
        has("connection: close") || (text.starts_with("http/1.0") && !has("connection: keep-alive"))
    })
}
