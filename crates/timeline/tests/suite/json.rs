//! JSON, and that its schema describes it.

use std::time::Duration;

use serde_json::{Value, json};
use timeline::format::json::{schema, write, write_lines};
use timeline::format::pcapng;
use timeline::*;

use crate::samples::{Script, committed};
use crate::valid;

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
        (ProcessEventKind::NoStrictMode, "no-strict-mode", json!({})),
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
                }
                .into(),
                over: false,
                command: "serve -p 3000".to_owned(),
            },
            "holds",
            json!({ "fd": 4, "over": false, "program": "serve -p 3000" }),
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
        let mut script = Script::new();
        script.push(0, What::Process(ProcessEvent { pid: 100, kind }.into()));
        let timeline = script.timeline();
        assert_eq!(is_valid(&timeline), Ok(()));
        let value = &mut object(&timeline)["events"][0];
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
    let value = object(&committed("step1-two-writes"));
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
pub fn is_valid(timeline: &Timeline) -> Result<(), String> {
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
            let recording = pcapng::read(std::fs::File::open(&path).unwrap()).unwrap();
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

fn object(timeline: &Timeline) -> Value {
    let mut object = Vec::new();
    write(timeline, &mut object).unwrap();
    serde_json::from_slice(&object).unwrap()
}
