//! A timeline as JSON, for programs. What is written is derived from types, and so is the [`schema`]; `docs/json.md`
//! says what a program may rely on.

mod formatter;
mod lines;
mod shapes;
mod words;

use std::io::{self, Write};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

pub(crate) use self::formatter::text;
pub use self::lines::{Lines, write_lines};
use self::shapes::{Begin, End, Event};
pub use self::shapes::{Check, Compare, Doctor, Finding, Ordeal, Rough, Tried, VERSION};
use crate::events::is_plain;
use crate::timeline::Timeline;

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
        .map(move |(id, event)| (event, Some((timeline, id))).into())
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
