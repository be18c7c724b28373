//! What a page draws, as JSON: the scene, and what stands beside it.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::dissect::{Field, Layer, Name, dissect};
use crate::events::{Call, EventKind, Packet, printable};
use crate::facts::amounts;
use crate::format::json::plain_json;
use crate::scene::{Mark, Part, Scene};
use crate::timeline::Timeline;
use crate::words::{explain_event, explain_state};

/// The data of a page, as JSON that holds no character with a meaning in HTML and none that does more than be read.
pub fn data(timeline: &Timeline, title: &str) -> String {
    let alone = timeline.connections_in_all() == 1;
    // Lines of output name no connection: with several they would be told once for each.
    let part = Part {
        output: alone,
        ..Part::default()
    };
    let mut scene = Scene::part_of(timeline, part);
    let sentences = sentences(timeline, &scene);
    for mark in scene.connections.iter_mut().flat_map(|diagram| &mut diagram.marks) {
        if let Mark::Arrow(arrow) = mark {
            // The bytes of the frame have all of it.
            arrow.data.truncate(Call::KEEP);
        }
    }
    let data = json!({
        "title": printable(title),
        "amounts": timeline.connections().flat_map(amounts).map(|(event, amounts)| {
            json!([event, amounts.in_flight, amounts.unread])
        }).collect::<Vec<_>>(),
        "acks": acks(timeline),
        "first": first_numbers(timeline),
        "sentences": sentences,
        "frames": Frames::of(timeline).value(),
        "scene": scene,
    });
    html_safe(&plain_json(&data.to_string()))
}

/// These stand in strings only, where JSON can write them in another way.
fn html_safe(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// The frames that each ACK covers anew: the first and the last.
fn acks(timeline: &Timeline) -> Vec<Value> {
    let of_packet = |(index, event): (usize, &crate::events::Event)| {
        let EventKind::Packet(packet) = &event.kind else {
            return None;
        };
        let (first, last) = packet.facts.acked.as_ref()?.frames?;
        Some(json!([index, first, last]))
    };
    timeline.events.iter().enumerate().filter_map(of_packet).collect()
}

/// For each connection what the relative numbers of client and server count from.
fn first_numbers(timeline: &Timeline) -> Vec<Value> {
    let of_connection = |connection: crate::timeline::Connection<'_>| {
        let mut first = [None; 2];
        for (_, packet) in connection.packets() {
            let number = packet.segment.seq.wrapping_sub(packet.seq);
            first[packet.from as usize].get_or_insert(number);
        }
        json!(first)
    };
    timeline.connections().map(of_connection).collect()
}

/// A sentence for each mark that is no packet, in the order of the marks: those of packets are in the scene.
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
#[derive(Default)]
struct Frames {
    names: Vec<&'static Name>,
    layers: Vec<Layer>,
    layouts: HashMap<Vec<[usize; 4]>, usize>,
    texts: HashMap<String, usize>,
    frames: Vec<Value>,
}

impl Frames {
    fn of(timeline: &Timeline) -> Frames {
        let mut frames = Frames::default();
        for (index, event) in timeline.events.iter().enumerate() {
            if let EventKind::Packet(packet) = &event.kind {
                frames.take(index, packet);
            }
        }
        frames
    }

    fn take(&mut self, index: usize, packet: &Packet) {
        let fields = dissect(packet);
        let layout: Vec<[usize; 4]> = fields.iter().map(|field| self.place(field)).collect();
        let next = self.layouts.len();
        let layout = *self.layouts.entry(layout).or_insert(next);
        let mut said = Vec::with_capacity(fields.len() * 2);
        for field in fields {
            said.push(self.text(field.value));
            said.push(self.text(field.words.unwrap_or_default()));
        }
        self.frames.push(json!([
            index,
            layout,
            STANDARD.encode(&packet.frame[..]),
            packet.wire_len,
            said
        ]));
    }

    /// A field's layer and name, its first bit and their number.
    fn place(&mut self, field: &Field) -> [usize; 4] {
        let layer = position(&mut self.layers, field.layer);
        let name = position(&mut self.names, field.name);
        [layer, name, field.bits.start, field.bits.len()]
    }

    fn text(&mut self, text: String) -> usize {
        let next = self.texts.len();
        *self.texts.entry(text).or_insert(next)
    }

    fn value(self) -> Value {
        let name = |name: &&Name| json!([name.name, name.meaning, name.source]);
        json!({
            "names": self.names.iter().map(name).collect::<Vec<_>>(),
            "layers": self.layers.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "layouts": in_order(self.layouts),
            "texts": in_order(self.texts),
            "frames": self.frames,
        })
    }
}

/// The place of a value in a short list, which gets it if it is new.
fn position<T: PartialEq>(list: &mut Vec<T>, value: T) -> usize {
    let known = list.iter().position(|known| *known == value);
    known.unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
}

/// The keys in the order of their numbers.
fn in_order<T>(numbered: HashMap<T, usize>) -> Vec<T> {
    let mut all: Vec<(T, usize)> = numbered.into_iter().collect();
    all.sort_unstable_by_key(|(_, number)| *number);
    all.into_iter().map(|(key, _)| key).collect()
}
