//! A timeline as a pcapng file.

use std::io::{self, Write};

use super::Encoder;
use crate::timeline::explain::explain_all;
use crate::timeline::{Event, EventKind, Timeline, Timestamp};

/// Writes the packets of a timeline as a pcapng file: one section, one interface, each frame as
/// the kernel handed it over, stamped in nanoseconds, with its explanation as its comment.
///
/// Frames that are not TCP are not on a timeline, so they are not in the file. Frame numbers in
/// the comments are those of the file, unless a comment came from a file itself.
///
/// # Errors
///
/// What `out` says.
pub fn write(timeline: &Timeline, out: &mut impl Write) -> io::Result<()> {
    encode(timeline, None, out)
}

/// Writes a timeline as [`write()`] does, with the calls of the server and the states of the
/// sockets between the packets, on an interface of their own. `program` is the server's name.
///
/// Wireshark and tshark show each call in the Info column. `frame.interface_id == 0` shows the
/// packets alone.
///
/// # Errors
///
/// What `out` says.
pub fn write_with_calls(timeline: &Timeline, program: &str, out: &mut impl Write) -> io::Result<()> {
    encode(timeline, Some(program), out)
}

fn encode(timeline: &Timeline, program: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    let timeline = &renumbered(timeline, program)?;
    let explanations = explain_all(timeline);
    let mut encoder = Encoder::begin(out, program)?;
    for (index, event) in timeline.events.iter().enumerate() {
        let explained = || explanations.get(&index).map(|explanation| explanation.to_comment());
        let comment = match &event.kind {
            EventKind::Packet(packet) => packet.comment.clone().or_else(explained),
            _ => None,
        };
        put(&mut encoder, timeline, event, comment.as_deref())?;
    }
    if timeline.dropped > 0 {
        let last = timeline.events.last().map_or(Timestamp(0), |event| event.at);
        encoder.dropped(last, timeline.dropped)?;
    }
    encoder.flush()
}

fn put(encoder: &mut Encoder<impl Write>, timeline: &Timeline, event: &Event, comment: Option<&str>) -> io::Result<()> {
    let on = event.connection.map(|id| timeline.endpoints[id.0]);
    match (&event.kind, on) {
        (EventKind::Packet(packet), _) => encoder.packet(event.at, &packet.frame, packet.wire_len, comment),
        (EventKind::Call(call), on) => encoder.call(event.at, on, call),
        (EventKind::State(change), Some(on)) => encoder.state(event.at, on, change),
        (EventKind::Process(process), _) => encoder.process(event.at, process),
        (EventKind::State(_) | EventKind::Client(_), _) => Ok(()),
    }
}

/// The timeline with its packets counted as a reader of the file will count them.
fn renumbered(timeline: &Timeline, program: Option<&str>) -> io::Result<Timeline> {
    let mut counted = timeline.clone();
    let mut encoder = Encoder::begin(io::sink(), program)?;
    for (event, counted) in timeline.events.iter().zip(&mut counted.events) {
        put(&mut encoder, timeline, event, None)?;
        if let EventKind::Packet(packet) = &mut counted.kind {
            packet.number = encoder.frames();
        }
    }
    Ok(counted)
}
