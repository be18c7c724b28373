//! A close that sends a reset.

use super::{Found, Needs, Rule, Run, Severity, count, sent_by};
use crate::facts::Reason;
use crate::timeline::explain::call_text;
use crate::timeline::{Connection, Flags, Side};

pub(super) const RULE: Rule = Rule {
    id: "reset-on-close",
    summary: "the server's close sent a reset: the client may lose what was on its way",
    cure: "read to the end before you close, and leave SO_LINGER alone",
    needs: Needs::CallsAndPackets,
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let timeline = connection.timeline();
    let (index, packet, close) = sent_by(connection, Side::Server).find_map(|(index, packet)| {
        let close = timeline.ending_call(packet)?;
        packet.segment.flags.has(Flags::RST).then_some((index, packet, close))
    })?;
    let call = timeline.call(close).map(call_text).unwrap_or_default();
    let why = match packet.facts.why.reason {
        Reason::UnreadData(unread) => {
            let unread = usize::try_from(unread).unwrap_or(usize::MAX);
            format!("with {} unread", count(unread, "byte", "bytes"))
        }
        Reason::Linger => "without unread data (SO_LINGER with a time of 0)".to_owned(),
        _ => "for a reason that was not recorded".to_owned(),
    };
    Some(Found {
        severity: Severity::Warning,
        message: format!("{call} {why} sent the reset in frame {}", packet.number),
        evidence: vec![close, index],
    })
}
