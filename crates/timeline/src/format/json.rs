//! A timeline as JSON, for programs. What is written is derived from types, and so is the [`schema`]; `docs/json.md`
//! says what a program may rely on.

mod formatter;
mod lines;
mod shapes;
#[cfg(test)]
pub(crate) mod valid;
mod words;

use std::io::{self, Write};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

pub(crate) use self::formatter::text;
pub use self::lines::{Lines, write_lines};
use self::shapes::{Begin, End, Event};
pub use self::shapes::{Check, Doctor, Finding};
use crate::events::is_plain;
use crate::timeline::Timeline;

/// The version of the schema. It grows when something is taken away or changes its meaning;
/// additions leave it as it is.
pub const VERSION: u32 = 3;

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
    let events = timeline.events.iter().enumerate();
    events.map(move |(index, event)| (event, Some((timeline, index))).into())
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

/// The JSON Schema of all that is written as JSON: a timeline, a line of many, a check, a doctor's answer.
pub fn schema() -> Value {
    let mut schemas = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let any = [
        schemas.subschema_for::<Document>(),
        schemas.subschema_for::<lines::Line>(),
        schemas.subschema_for::<Check>(),
        schemas.subschema_for::<Doctor>(),
    ];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("What lab writes as JSON, version {VERSION}"),
        "anyOf": any,
        "$defs": schemas.take_definitions(true),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::shapes::Process;
    use super::*;
    use crate::{Endpoints, Exit, OutputStream, ProcessEvent, ProcessEventKind, Settled};

    #[test]
    fn each_process_event_has_the_fields_of_its_kind() {
        let wrote = ProcessEventKind::Wrote {
            stream: OutputStream::Stderr,
            line: "ready".to_owned(),
        };
        let without = ProcessEventKind::WithoutRights {
            program: "/bin/su".to_owned(),
            rights: "set-user-ID".to_owned(),
        };
        for (kind, what, fields) in [
            (ProcessEventKind::Started, "started", json!({})),
            (
                ProcessEventKind::Exited(Exit::Status(1)),
                "exited",
                json!({ "status": 1 }),
            ),
            (
                ProcessEventKind::Exited(Exit::Signal(9)),
                "exited",
                json!({ "signal": 9 }),
            ),
            (ProcessEventKind::UsesIoUring, "uses-io-uring", json!({})),
            (ProcessEventKind::ForeignCalls, "foreign-calls", json!({})),
            (ProcessEventKind::OutputNotKept, "output-not-kept", json!({})),
            (
                without,
                "without-rights",
                json!({ "program": "/bin/su", "rights": "set-user-ID" }),
            ),
            (
                ProcessEventKind::Holds {
                    fd: 4,
                    on: Endpoints {
                        client: ([127, 0, 0, 2], 40_000).into(),
                        server: ([127, 0, 0, 1], 3000).into(),
                    },
                },
                "holds",
                json!({ "fd": 4 }),
            ),
            (
                ProcessEventKind::Settled(Settled {
                    asleep: true,
                    on_clock: false,
                    quiet: Duration::from_nanos(5),
                }),
                "settled",
                json!({ "asleep": true, "on_clock": false, "quiet_ns": 5 }),
            ),
            (wrote, "wrote", json!({ "stream": "stderr", "line": "ready" })),
        ] {
            let event = ProcessEvent { pid: 100, kind };
            let mut value = serde_json::to_value(Process::from(&event)).unwrap();
            assert_eq!(valid::check(&value, &schema(), "Process"), Ok(()));
            assert_eq!(value["pid"], 100);
            assert_eq!(value["what"], what);
            // The fields of other kinds are there, and null.
            let names = [
                "stream", "line", "status", "signal", "program", "rights", "fd", "asleep", "on_clock", "quiet_ns",
            ];
            for name in names {
                assert_eq!(value[name].take(), fields[name], "{what}: {name}");
            }
        }
    }

    #[test]
    fn a_timeline_is_one_object_of_the_documented_shape() {
        let file = std::fs::File::open("../../captures/step1-two-writes.pcapng").unwrap();
        let timeline = crate::format::pcapng::read(file).unwrap().into_timeline();
        let mut text = Vec::new();
        write(&timeline, &mut text).unwrap();
        let value: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["version"], 3);
        let only = &value["summary"]["connections"][0];
        assert_eq!((&only["requests"], &only["answered"]), (&json!(2), &json!(2)));
        // The newline of the second reply waited in the kernel.
        assert_eq!((&only["slowest"]["exchange"], &only["stalls"]), (&json!(1), &json!(1)));
        let parts = only["slowest"]["parts_ns"].as_object().unwrap();
        let sum: u64 = parts.values().filter_map(Value::as_u64).sum();
        assert_eq!(json!(sum), only["slowest"]["whole_ns"]);
        assert!(parts["kernel"].as_u64() > Some(sum / 10 * 9), "{only}");
        assert_eq!(value["summary"]["totals"]["whole"]["count"], 2);
        assert_eq!(value["summary"]["packets_per_exchange"], json!([6, 5]));
        assert_eq!(value["summary"]["teardown"], "left-open");
        assert_eq!(value["connections"][0]["client"], "127.0.0.2:57464");
        let packets = value["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["kind"] == "packet");
        assert_eq!(packets.count(), 16);
    }

    /// All that is written of a timeline is as the schema says.
    pub(crate) fn is_valid(timeline: &Timeline) -> Result<(), String> {
        let schema = schema();
        let (mut object, mut lines) = (Vec::new(), Vec::new());
        write(timeline, &mut object).unwrap();
        valid::check(&serde_json::from_slice(&object).unwrap(), &schema, "Timeline")?;
        write_lines(timeline, &mut lines).unwrap();
        for line in std::str::from_utf8(&lines).unwrap().lines() {
            valid::check(&serde_json::from_str(line).unwrap(), &schema, "Line")?;
        }
        Ok(())
    }

    #[test]
    fn what_is_written_of_a_capture_is_as_the_schema_says() {
        for entry in std::fs::read_dir("../../captures").unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "pcapng") {
                let recording = crate::format::pcapng::read(std::fs::File::open(&path).unwrap()).unwrap();
                assert_eq!(is_valid(&recording.into_timeline()), Ok(()), "{}", path.display());
            }
        }
    }

    #[test]
    fn what_is_not_as_the_schema_says_is_found() {
        let spread = |count: Value, more: &str| {
            let value = json!({ "count": count, "median_ns": 1, "p99_ns": 2, more: 3 });
            valid::check(&value, &schema(), "Spread")
        };
        assert_eq!(spread(json!(1), "longest_ns"), Ok(()));
        for (wrong, says) in [
            (
                spread(json!("1"), "longest_ns"),
                "Spread.count: \"1\" is not \"integer\"",
            ),
            (spread(json!(-1), "longest_ns"), "Spread.count: -1 is not 0"),
            (spread(json!(1), "longest"), "Spread: \"longest_ns\" is missing"),
        ] {
            assert!(wrong.clone().unwrap_err().starts_with(says), "{wrong:?}");
        }
        let held = json!({ "write": 1, "until_frame": 2, "waited_ns": 3, "by": 4 });
        let wrong = valid::check(&held, &schema(), "Held").unwrap_err();
        assert_eq!(wrong, "Held: the schema does not describe \"by\"");
        let state = json!({ "side": "server", "from": null, "to": "GONE" });
        assert!(valid::check(&state, &schema(), "State").unwrap_err().contains("GONE"));
    }
}
