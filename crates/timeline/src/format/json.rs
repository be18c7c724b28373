//! A timeline as JSON, for programs. What is written is derived from types, and so is the [`schema`]; `docs/json.md`
//! says what a program may rely on.

mod formatter;
mod lines;
mod shapes;
mod words;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::rc::Rc;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

pub(crate) use self::formatter::text;
pub use self::lines::{Lines, retell_lines, write_lines};
use self::shapes::{Begin, End, Event};
pub use self::shapes::{Check, Compare, Doctor, Finding, Ordeal, Rough, Tried, VERSION};
use super::pcapng::retell as retell_events;
use crate::events::{EventId, EventKind, is_plain};
use crate::timeline::{KnownPacket, Timeline};

/// A run or a capture: what `--format json` writes.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Timeline")]
struct Document<'a> {
    #[serde(flatten)]
    begin: Begin,
    #[serde(flatten)]
    end: End,
    /// Everything that happened, by time.
    #[schemars(with = "Vec<Event>")]
    #[serde(serialize_with = "one_by_one")]
    events: &'a Timeline,
}

/// All events at once would take more room than the timeline itself.
fn one_by_one<S: Serializer>(timeline: &&Timeline, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(events(timeline))
}

fn events(timeline: &Timeline) -> impl Iterator<Item = Event> {
    timeline
        .iter()
        .map(move |(id, event)| (event, timeline.frame(id), timeline.packet(id)).into())
}

/// A capture that is too long to keep: its events first, since what they show has its place among them.
#[derive(Serialize)]
struct Retold<R: Read> {
    #[serde(flatten)]
    begin: Begin,
    #[serde(serialize_with = "read_once_more")]
    events: Reading<R>,
    #[serde(flatten, serialize_with = "what_was_read")]
    end: Reading<R>,
}

/// A capture, and what is known of it, before it is read once more and after.
type Reading<R> = Rc<RefCell<(Option<R>, Option<Timeline>)>>;

fn read_once_more<R: Read, S: Serializer>(reading: &Reading<R>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    let (input, survey) = &mut *reading.borrow_mut();
    if let (Some(input), Some(known)) = (input.take(), survey.take()) {
        *survey = Some(retold(known, input, |event| list.serialize_element(&event))?);
    }
    list.end()
}

fn what_was_read<R: Read, S: Serializer>(reading: &Reading<R>, serializer: S) -> Result<S::Ok, S::Error> {
    reading.borrow().1.as_ref().map(End::from).serialize(serializer)
}

/// Writes a capture that is too long to keep as one JSON object, as it is read once more. `survey` is the
/// [excerpt](crate::Excerpt) of the first reading, or a [part](Timeline::part) of that.
///
/// # Errors
///
/// What `out` says, and what reading does.
pub fn retell(survey: Timeline, input: impl Read, out: &mut impl Write) -> io::Result<()> {
    let begin = survey.level.into();
    let reading = Rc::new(RefCell::new((Some(input), Some(survey))));
    let document = Retold {
        begin,
        events: Rc::clone(&reading),
        end: reading,
    };
    formatter::write_in_lines(&document, out)
}

/// Tells the events of a capture one by one, and gives back what is known of it, with the places of the frames that are
/// named. Where the capture ends too early, so it did at the first reading.
fn retold<E>(
    mut survey: Timeline,
    input: impl Read,
    mut tell: impl FnMut(Event) -> Result<(), E>,
) -> Result<Timeline, E> {
    let named = survey.named_frames();
    let mut places = HashMap::new();
    let mut told = 0;
    let end = retell_events(input, &survey, |event, facts| {
        let packet = match &event.kind {
            EventKind::Packet(packet) => Some(&**packet),
            _ => None,
        };
        let number = packet.map(|packet| packet.number);
        places.extend(
            number
                .filter(|number| named.contains(number))
                .map(|number| (number, EventId::of(told))),
        );
        told += 1;
        tell((event, number, packet.zip(facts).map(KnownPacket::from)).into())
    });
    survey.set_places(places);
    end.map(|()| survey)
}

/// Writes a timeline as one JSON object, an event at a time.
///
/// # Errors
///
/// What `out` says.
pub fn write(timeline: &Timeline, out: &mut impl Write) -> io::Result<()> {
    let document = Document {
        begin: timeline.level.into(),
        end: timeline.into(),
        events: timeline,
    };
    formatter::write_in_lines(&document, out)
}

/// A value on one line, in which what is not plain text is escaped: see [`printable`](crate::printable).
/// Nothing is written of a value that is no JSON, as a map is whose keys are not texts.
pub fn plain(value: &impl Serialize) -> String {
    text(value, |c| !is_plain(c)).unwrap_or_default()
}

/// The JSON Schema of what is written here as JSON: a timeline, a line of many, a check, a comparison, a rough day, a
/// doctor's answer.
pub fn schema() -> Value {
    schema_with(|_| Vec::new())
}

/// The same, with what others write besides.
pub fn schema_with(more: impl FnOnce(&mut SchemaGenerator) -> Vec<Schema>) -> Value {
    let mut schemas = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut any = vec![
        schemas.subschema_for::<Document>(),
        schemas.subschema_for::<lines::Line>(),
        schemas.subschema_for::<Check>(),
        schemas.subschema_for::<Compare>(),
        schemas.subschema_for::<Rough>(),
        schemas.subschema_for::<Doctor>(),
    ];
    any.extend(more(&mut schemas));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("What lab writes as JSON, version {VERSION}"),
        "anyOf": any,
        "$defs": schemas.take_definitions(true),
    })
}
