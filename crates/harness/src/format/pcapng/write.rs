//! A timeline as a pcapng file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

use super::Encoder;
use crate::timeline::explain::explain_all;
use crate::timeline::{Endpoints, Event, EventKind, LinkType, Packet, StateChange, Timeline, Timestamp};

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
/// A state stands behind the packet that brought it, where the capture has every packet, and
/// else where the socket table showed it.
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
    let numbers = numbers(timeline, program)?;
    let mut numbered = Cow::Borrowed(timeline);
    // A long timeline is copied only if it must be.
    if numbers
        .iter()
        .any(|(&index, &number)| timeline.events[index].kind.frame() != Some(number))
    {
        apply(&numbers, numbered.to_mut());
    }
    let timeline = numbered.as_ref();
    let explanations = explain_all(timeline);
    let comment = |index: usize, packet: &Packet| {
        let explained = || explanations.get(&index).map(|explanation| explanation.to_comment());
        packet.comment.clone().or_else(explained)
    };
    let mut encoder = Encoder::begin(out, program, link_type(timeline))?;
    encode_events(&mut encoder, timeline, comment, |_, _| {})?;
    if timeline.dropped > 0 {
        let last = timeline.events.last().map_or(Timestamp(0), |event| event.at);
        encoder.dropped(last, timeline.dropped)?;
    }
    encoder.flush()
}

/// The kind of link of its packets, as far as the first one tells.
fn link_type(timeline: &Timeline) -> LinkType {
    let link_type = |event: &Event| match &event.kind {
        EventKind::Packet(packet) => Some(packet.link_type),
        _ => None,
    };
    timeline.events.iter().find_map(link_type).unwrap_or(LinkType::ETHERNET)
}

/// Gives the packets of a timeline the numbers that they have in the file of
/// [`write_with_calls`], where calls are frames too: for who draws it, to be read beside that file.
///
/// # Errors
///
/// If it is too long to be a file.
pub fn number_with_calls(timeline: &mut Timeline) -> io::Result<()> {
    let numbers = numbers(timeline, Some(""))?;
    apply(&numbers, timeline);
    Ok(())
}

/// The number of each packet, by its index into the timeline's events, as a reader of the file will
/// count them.
fn numbers(timeline: &Timeline, program: Option<&str>) -> io::Result<HashMap<usize, usize>> {
    let mut numbers = HashMap::new();
    let mut encoder = Encoder::begin(io::sink(), program, link_type(timeline))?;
    encode_events(
        &mut encoder,
        timeline,
        |_, _| None,
        |index, number| _ = numbers.insert(index, number),
    )?;
    Ok(numbers)
}

fn apply(numbers: &HashMap<usize, usize>, timeline: &mut Timeline) {
    timeline.number_anew(numbers);
}

/// Encodes all events, and tells the frame number of each packet.
fn encode_events(
    encoder: &mut Encoder<impl Write>,
    timeline: &Timeline,
    comment: impl Fn(usize, &Packet) -> Option<String>,
    mut numbered: impl FnMut(usize, usize),
) -> io::Result<()> {
    // What a file tells includes the states.
    let told = timeline
        .events
        .iter()
        .any(|event| matches!(event.kind, EventKind::Entry(_)));
    let states = if told { HashMap::new() } else { states(timeline) };
    for (index, event) in timeline.events.iter().enumerate() {
        let on = event.connection.map(|id| timeline.endpoints[id.0]);
        match &event.kind {
            EventKind::Packet(packet) => {
                let comment = comment(index, packet);
                encoder.packet(
                    event.at,
                    packet.link_type,
                    &packet.frame,
                    packet.wire_len,
                    comment.as_deref(),
                )?;
                numbered(index, encoder.frames());
            }
            EventKind::Call(call) => encoder.call(event.at, on, call)?,
            EventKind::Client(action) => on.map_or(Ok(()), |on| encoder.client(event.at, on, action))?,
            EventKind::Process(process) => encoder.process(event.at, process)?,
            EventKind::Entry(entry) => encoder.entry(event.at, entry.by, on, &entry.text)?,
            // They stand elsewhere: see below.
            EventKind::State(_) => {}
        }
        for (on, change) in states.get(&index).into_iter().flatten() {
            encoder.state(event.at, *on, change)?;
        }
    }
    Ok(())
}

/// The states of all sockets, by the event that brought them.
fn states(timeline: &Timeline) -> HashMap<usize, Vec<(Endpoints, StateChange)>> {
    let mut states: HashMap<usize, Vec<(Endpoints, StateChange)>> = HashMap::new();
    for connection in timeline.connections() {
        for (index, change) in connection.states_in_place() {
            states.entry(index).or_default().push((connection.endpoints(), change));
        }
    }
    states
}
