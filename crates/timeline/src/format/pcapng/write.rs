//! A timeline as a pcapng file.

use std::borrow::Cow;
use std::io::{self, Write};

use super::Encoder;
use super::encode::{NetworkFrame, Run};
use super::record::Told;
use crate::events::{Event, EventKind, Level, LinkType, Side, Timestamp};
use crate::timeline::Timeline;
use crate::words::explain_all;
use crate::words::{call_words, client_words, process_words};

/// Writes a timeline as a pcapng file that holds all of it: [`read`](super::read) gives the same
/// timeline back. `program` is the server's name.
///
/// Each packet is a frame as the kernel handed it over, stamped in nanoseconds, with its explanation
/// as its comment. Between the packets stand the calls of the server and the states of the sockets, on
/// an interface of their own: Wireshark and tshark show each in the Info column, and
/// `frame.interface_id == 0` shows the packets alone. A state stands behind the packet that brought
/// it, where the capture has every packet, and else where the socket table showed it.
///
/// Frames that are not TCP are not on a timeline, so they are not in the file. Of a timeline that was
/// read from somebody else's capture the packets get the numbers that they have in the new file.
///
/// # Errors
///
/// What `out` says. An excerpt of a long capture, which has no frames any more, is an error too.
pub fn write(timeline: &Timeline, program: &str, out: &mut impl Write) -> io::Result<()> {
    put(timeline, program, out, true)
}

/// Writes the frames of a timeline alone, for somebody who is to find out what they mean: the same
/// packets and words as [`write()`] has, with the same numbers, and neither comments nor records. Who
/// reads the file has a capture of packets, of which nobody knows more than it shows.
///
/// # Errors
///
/// As [`write()`].
pub fn write_frames(timeline: &Timeline, program: &str, out: &mut impl Write) -> io::Result<()> {
    put(timeline, program, out, false)
}

fn put(timeline: &Timeline, program: &str, out: &mut impl Write, tells: bool) -> io::Result<()> {
    if timeline.is_excerpt() {
        let error = "an excerpt of a long capture has no frames to write: read the file whole";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    let explanations = explain_all(timeline);
    let run = Run {
        program,
        level: timeline.level,
        not_kept: timeline.not_kept,
    };
    let mut encoder = Encoder::begin(out, run, link_type(timeline), tells)?;
    for (id, event) in timeline.iter() {
        let comment = explanations.get(&id).map(|explanation| explanation.to_comment());
        encode(&mut encoder, timeline, event, comment.as_deref())?;
        for state in timeline.states_after(id) {
            if timeline.level != Level::Capture {
                let on = timeline.endpoints[state.connection.index()];
                encoder.shown_state(event.at, on, &state.change)?;
            }
        }
    }
    if timeline.dropped > 0 {
        let last = timeline.events.last().map_or(Timestamp(0), |event| event.at);
        encoder.dropped(last, timeline.dropped)?;
    }
    encoder.finish()
}

/// The kind of link of its packets, as far as the first one tells.
fn link_type(timeline: &Timeline) -> LinkType {
    let mut packets = timeline.iter().filter_map(|(id, _)| timeline.seen().packet(id));
    packets.next().map_or(LinkType::ETHERNET, |packet| packet.link_type)
}

fn encode(
    encoder: &mut Encoder<impl Write>,
    timeline: &Timeline,
    event: &Event,
    explanation: Option<&str>,
) -> io::Result<()> {
    let at = event.at;
    let on = event.connection.map(|id| timeline.endpoints[id.index()]);
    match (&event.kind, on) {
        (EventKind::Packet(packet), _) => {
            let frame = NetworkFrame {
                link_type: packet.link_type,
                bytes: &packet.frame,
                wire_len: packet.wire_len,
                comment: packet.comment.as_deref().map(|comment| &**comment),
                passage: packet.passage.as_deref(),
            };
            encoder.packet_with(at, &frame, explanation)
        }
        (EventKind::Call(call), on) => {
            let told = Told::Call(on, Cow::Borrowed(call));
            encoder.tell(at, Side::Server, on, call_words(call), told)
        }
        (EventKind::Client(action), Some(on)) => {
            let told = Told::Client(on, Cow::Borrowed(action));
            encoder.tell(at, Side::Client, Some(on), client_words(action), told)
        }
        // What is shown of it stands elsewhere: see `Timeline::states_after`.
        (EventKind::State(change), Some(on)) => encoder.tell(at, change.side, Some(on), None, Told::State(on, *change)),
        (EventKind::Process(process), _) => {
            let told = Told::Process(Cow::Borrowed(process));
            encoder.tell(at, Side::Server, None, process_words(process), told)
        }
        // Nothing of a client or a state is known without its connection.
        (EventKind::Client(_) | EventKind::State(_), None) => Ok(()),
    }
}
