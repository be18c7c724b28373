//! What a page draws, as JSON: the scene, and what stands beside it.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use crate::dissect::{Field, Name, dissect};
use crate::events::{Both, Call, EventId, EventKind, FrameNumber, Packet, SeenConnection, is_plain, printable};
use crate::facts::amounts;
use crate::format::{json, svg};
use crate::scene::{Extent, Mark, Scene};
use crate::timeline::Timeline;
use crate::words::{explain_event, explain_state};

/// The data of a page, as JSON that holds no character with a meaning in HTML and none that does more than be read.
pub fn data(timeline: &Timeline, title: &str) -> String {
    let alone = timeline.connections_in_all() == 1;
    // A line that the server wrote names no connection. If there are several, each would repeat all lines, so they are
    // left out.
    let part = Extent {
        output: alone,
        ..Extent::default()
    };
    let mut scene = Scene::part_of(timeline, part);
    let sentences = sentences(timeline, &scene);
    for mark in scene.connections.iter_mut().flat_map(|diagram| &mut diagram.marks) {
        if let Mark::Arrow(arrow) = mark {
            // The page has the bytes of each frame, so only the first of its data are kept here.
            arrow.data.truncate(Call::KEEP);
        }
    }
    let bands = scene.connections.iter().flat_map(|diagram| &diagram.bands);
    let all_amounts = timeline.seen().connections().flat_map(amounts);
    let data = Data {
        title: printable(title),
        amounts: all_amounts
            .map(|(event, of)| (event, of.in_flight, of.unread))
            .collect(),
        acks: acks(timeline),
        first: timeline.seen().connections().map(first_numbers).collect(),
        sentences,
        frames: Frames::of(timeline),
        looks: svg::looks(bands.map(|band| band.state)),
        scene,
    };
    // These characters have a meaning in HTML. In JSON they stand in strings only, where an escape says the same.
    let escaped = |c| !is_plain(c) || matches!(c, '<' | '>' | '&');
    json::text(&data, escaped).unwrap_or_default()
}

/// What there is to draw.
#[derive(Serialize)]
struct Data {
    title: String,
    /// After an event, the bytes that are on the way, and those that nobody has read.
    amounts: Vec<(EventId, Both<u64>, Both<Option<u64>>)>,
    /// The frames that each ACK covers anew: the first and the last.
    acks: Vec<(EventId, FrameNumber, FrameNumber)>,
    /// For each connection what the relative numbers of client and server count from.
    first: Vec<Both<Option<u32>>>,
    /// A sentence for each mark that is no packet, in the order of the marks: those of packets are in the scene.
    sentences: Vec<Vec<Option<String>>>,
    frames: Frames,
    scene: Scene,
    /// How pictures and the page draw each state.
    looks: BTreeMap<String, svg::Look>,
}

fn acks(timeline: &Timeline) -> Vec<(EventId, FrameNumber, FrameNumber)> {
    let of_packet = |(id, _)| {
        let (first, last) = timeline.packet(id)?.facts.acked.as_ref()?.frames?;
        Some((id, first, last))
    };
    timeline.iter().filter_map(of_packet).collect()
}

fn first_numbers(connection: SeenConnection<'_>) -> Both<Option<u32>> {
    let mut first = Both::<Option<u32>>::default();
    for (_, packet) in connection.packets() {
        let number = packet.segment.seq.wrapping_sub(packet.seq);
        first[packet.from].get_or_insert(number);
    }
    first
}

fn sentences(timeline: &Timeline, scene: &Scene) -> Vec<Vec<Option<String>>> {
    let of_mark = |mark: &Mark| match mark {
        Mark::Arrow(_) => None,
        Mark::State(state) => Some(explain_state(state.side, state.to)),
        other => explain_event(timeline, other.event()),
    };
    let of_diagram = |diagram: &crate::scene::Diagram| diagram.marks.iter().map(of_mark).collect();
    scene.connections.iter().map(of_diagram).collect()
}

/// The frames of a timeline taken apart. Frames of a connection have their fields in the same places, and many
/// values too: each is written once.
#[derive(Default, Serialize)]
struct Frames {
    /// Names of fields, with their meaning and where they are specified.
    names: Once<[&'static str; 3]>,
    layers: Once<String>,
    /// Of each field of a frame its layer and its name, its first bit and how many there are.
    layouts: Once<Vec<[usize; 4]>>,
    texts: Once<String>,
    /// Each one's event, its layout, its bytes, its length on the wire, and the texts that its fields say.
    frames: Vec<(EventId, usize, String, u32, Vec<usize>)>,
}

impl Frames {
    fn of(timeline: &Timeline) -> Frames {
        let mut frames = Frames::default();
        for (id, event) in timeline.iter() {
            if let EventKind::Packet(packet) = &event.kind {
                frames.take(id, packet);
            }
        }
        frames
    }

    fn take(&mut self, id: EventId, packet: &Packet) {
        let fields = dissect(packet);
        let layout = fields.iter().map(|field| self.place(field)).collect();
        let layout = self.layouts.place(layout);
        let mut said = Vec::with_capacity(fields.len() * 2);
        for field in fields {
            said.push(self.texts.place(field.value));
            said.push(self.texts.place(field.words.unwrap_or_default()));
        }
        let bytes = STANDARD.encode(&packet.frame[..]);
        self.frames.push((id, layout, bytes, packet.wire_len, said));
    }

    fn place(&mut self, field: &Field) -> [usize; 4] {
        let layer = self.layers.place(field.layer.to_string());
        let Name { name, meaning, source } = field.name;
        let name = self.names.place([name, meaning, source]);
        [layer, name, field.bits.start, field.bits.len()]
    }
}

/// Values of which each is kept once, in the order in which they came.
#[derive(Default)]
struct Once<T>(HashMap<T, usize>);

impl<T: Eq + Hash> Once<T> {
    /// The place of a value, which gets one if it is new.
    fn place(&mut self, value: T) -> usize {
        let next = self.0.len();
        *self.0.entry(value).or_insert(next)
    }
}

impl<T: Serialize> Serialize for Once<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut values: Vec<(&T, &usize)> = self.0.iter().collect();
        values.sort_unstable_by_key(|(_, place)| **place);
        serializer.collect_seq(values.into_iter().map(|(value, _)| value))
    }
}
