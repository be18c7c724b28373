//! A close that sends a reset.

use super::{Found, Needs, Rule, Run, Severity, count, sent_by};
use crate::facts::Reason;
use crate::timeline::explain::call_text;
use crate::timeline::{Connection, EventKind, Flags, Packet, ProcessEventKind, Side, Timeline};

pub(super) const RULE: Rule = Rule {
    id: "reset-on-close",
    summary: "the server's close sent a reset: the client may lose what was on its way",
    cure: "read to the end before you close, and leave SO_LINGER alone",
    needs: Needs::CallsAndPackets,
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let timeline = connection.timeline();
    let mut resets = sent_by(connection, Side::Server).filter(|(_, packet)| packet.segment.flags.has(Flags::RST));
    let (index, packet, cause, by) = resets.find_map(|(index, packet)| {
        let (cause, by) = cause(timeline, packet)?;
        Some((index, packet, cause, by))
    })?;
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
        message: format!("{by} {why} sent the reset in frame {}", packet.number),
        evidence: vec![cause, index],
    })
}

/// The close that sent a reset, or the end of the process, and in words.
fn cause(timeline: &Timeline, reset: &Packet) -> Option<(usize, String)> {
    if let Some(close) = timeline.ending_call(reset) {
        return Some((close, timeline.call(close).map(call_text)?));
    }
    reset.facts.why.evidence.iter().find_map(|evidence| {
        let index = evidence.event()?;
        match &timeline.events[index].kind {
            EventKind::Process(process) => match process.kind {
                ProcessEventKind::Exited(exit) => Some((index, format!("process {} ended ({exit})", process.pid))),
                _ => None,
            },
            _ => None,
        }
    })
}
