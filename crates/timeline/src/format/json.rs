//! A timeline as JSON, for programs. The schema is versioned and described in `docs/json.md`.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use crate::events::{
    Call, CallKind, ClientAction, ClientActionKind, EventKind, Exit, Packet, Passage, ProcessEvent, ProcessEventKind,
    Side, TcpState, TcpView, is_plain,
};
use crate::facts::spent::{Part, Spent};
use crate::facts::{Evidence, Fact, PacketFacts, Reason, Why};
use crate::overview::{Overview, Row, Spread};
use crate::rules::Finding;
use crate::timeline::{Connection, Teardown, Timeline};
use crate::words::action_text;

/// The version of the schema. It grows when something is taken away or changes its meaning;
/// additions leave it as it is.
pub const VERSION: u32 = 3;

/// Writes a timeline as one JSON object, an event at a time.
///
/// # Errors
///
/// What `out` says.
pub fn write(timeline: &Timeline, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{{\"version\": {VERSION},")?;
    writeln!(
        out,
        "\"level\": {},",
        Value::from(timeline.level.to_string().replace(' ', "-"))
    )?;
    writeln!(out, "\"dropped\": {},", timeline.dropped)?;
    writeln!(out, "\"not_kept\": {},", timeline.not_kept)?;
    writeln!(out, "\"summary\": {},", plain(&summary(timeline)))?;
    list(out, "connections", timeline.connections().map(connection))?;
    writeln!(out, ",")?;
    list(
        out,
        "events",
        (0..timeline.events.len()).map(|index| event(timeline, index)),
    )?;
    writeln!(out, "}}")
}

/// A value as JSON in which what is not plain text is escaped: see
/// [`printable`](crate::events::printable). serde_json escapes only what JSON asks for.
pub fn plain(value: &Value) -> String {
    plain_json(&value.to_string())
}

/// The same of a value that is written already.
pub(super) fn plain_json(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for c in json.chars() {
        if is_plain(c) {
            plain.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            plain += &format!("\\u{unit:04x}");
        }
    }
    plain
}

fn list(out: &mut impl Write, name: &str, values: impl Iterator<Item = Value>) -> io::Result<()> {
    write!(out, "\"{name}\": [")?;
    for (index, value) in values.enumerate() {
        write!(out, "{}\n{}", if index > 0 { "," } else { "" }, plain(&value))?;
    }
    write!(out, "\n]")
}

/// What the connections have in common, and what the rules found.
pub fn summary(timeline: &Timeline) -> Value {
    let overview = Overview::of(timeline);
    json!({
        "connections": overview.rows.iter().map(row).collect::<Vec<_>>(),
        "totals": totals(&overview),
        "writes_per_reply": timeline.writes_per_reply(),
        "packets_per_exchange": timeline.packets_per_exchange(),
        "teardown": timeline.teardowns().into_iter().max_by_key(rank).map(word),
        "findings": timeline.findings().iter().map(finding).collect::<Vec<_>>(),
        "unknown": timeline.unknown_rules().map(|rule| rule.id).collect::<Vec<_>>(),
    })
}

/// A connection at a glance.
fn row(row: &Row) -> Value {
    let [sent, received] = row.bytes;
    let slowest = row.slowest.map(|(exchange, spent)| {
        let mut value = self::spent(&spent);
        value["exchange"] = exchange.into();
        value
    });
    json!({
        "id": row.connection.0,
        "client": row.client.to_string(),
        "requests": row.requests,
        "answered": row.answered,
        "bytes_sent": sent,
        "bytes_received": received,
        "slowest": slowest,
        "stalls": row.stalls.0,
        "longest_stall_ns": nanoseconds(row.stalls.1),
        "teardown": word(row.teardown),
        "findings": row.findings,
    })
}

/// Where an exchange's time went.
fn spent(spent: &Spent) -> Value {
    json!({
        "began": spent.began.0,
        "first_byte_ns": nanoseconds(spent.first_byte),
        "whole_ns": nanoseconds(spent.whole),
        "parts_ns": parts(|part| spent.part(part)),
        "certainty": spent.certainty.to_string(),
        "tracer_at_least_ns": spent.tracer.map(nanoseconds),
    })
}

fn parts(of: impl Fn(Part) -> Duration) -> Value {
    let parts = Part::ALL.into_iter();
    Value::Object(
        parts
            .map(|part| (part.name().to_owned(), nanoseconds(of(part)).into()))
            .collect(),
    )
}

/// What the connections come to.
fn totals(overview: &Overview) -> Value {
    let spread = |spread: Option<Spread>| {
        spread.map(|spread| {
            json!({
                "count": spread.count,
                "median_ns": nanoseconds(spread.median),
                "p99_ns": nanoseconds(spread.of_100_99),
                "longest_ns": nanoseconds(spread.longest),
            })
        })
    };
    json!({
        "connections": overview.rows.len(),
        "first_byte": spread(overview.first_byte),
        "whole": spread(overview.whole),
        "parts_ns": parts(|part| overview.parts[part as usize]),
        "tracer_at_least_ns": overview.tracer.map(nanoseconds),
        "at_least": overview.at_least,
    })
}

/// A finding as an object.
pub fn finding(finding: &Finding) -> Value {
    json!({
        "id": finding.rule.id,
        "connection": finding.connection.0,
        "severity": finding.severity.to_string(),
        "message": finding.message,
        "cure": finding.rule.cure,
        "evidence": finding.evidence,
    })
}

/// Of several connections the summary names the one that ended worst.
fn rank(teardown: &Teardown) -> u8 {
    match teardown {
        Teardown::Clean { .. } => 0,
        Teardown::Open => 1,
        Teardown::Refused => 2,
        Teardown::Reset { .. } => 3,
        Teardown::LeftOpen(_) => 4,
    }
}

fn word(teardown: Teardown) -> &'static str {
    match teardown {
        Teardown::Clean { .. } => "clean",
        Teardown::Open => "open",
        Teardown::Refused => "refused",
        Teardown::Reset { .. } => "reset",
        Teardown::LeftOpen(_) => "left-open",
    }
}

fn state(state: Option<TcpState>) -> Option<String> {
    state.map(|state| state.to_string())
}

fn connection(connection: Connection<'_>) -> Value {
    let (closing, facts) = (connection.closing(), connection.facts());
    let sides = |sides: &[Side]| sides.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "id": connection.id().0,
        "client": connection.endpoints().client.to_string(),
        "server": connection.endpoints().server.to_string(),
        "writes_per_reply": connection.writes_per_reply(),
        "packets_per_exchange": connection.packets_per_exchange(),
        "segments_per_reply": connection.segments_per_reply(),
        "teardown": word(closing.teardown()),
        "fins": sides(&closing.fins),
        "reset_by": closing.reset_by.map(|side| side.to_string()),
        "server_read_end_of_file": closing.server_read_end_of_file,
        "server_left": state(closing.server_left),
        "client_left": state(closing.client_left),
        "servers_own": connection.is_the_servers_own(),
        "tls": connection.is_tls(),
        "began_before": facts.began_before,
        "roles_guessed": facts.roles_guessed,
        "port_reuse": facts.port_reuse,
        "simultaneous_open": facts.simultaneous_open,
        "simultaneous_close": facts.simultaneous_close,
    })
}

fn event(timeline: &Timeline, index: usize) -> Value {
    let event = &timeline.events[index];
    let mut value = match &event.kind {
        EventKind::Packet(packet) => self::packet(packet),
        EventKind::Call(call) => self::call(call),
        EventKind::Client(action) => client(action),
        EventKind::State(change) => json!({
            "kind": "state",
            "side": change.side.to_string(),
            "from": state(change.from),
            "to": state(change.to),
        }),
        EventKind::Process(event) => process(event),
    };
    value["frame"] = timeline.frame(index).into();
    value["at"] = event.at.0.into();
    value["connection"] = event.connection.map(|id| id.0).into();
    value
}

/// Bytes as text in which everything that is not printable ASCII is escaped.
fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn packet(packet: &Packet) -> Value {
    json!({
        "kind": "packet",
        "from": packet.from.to_string(),
        "flags": packet.segment.flags.to_string(),
        "seq": packet.seq,
        "ack": packet.ack,
        "window": packet.window,
        "len": packet.segment.len,
        "data": text(&packet.segment.payload[..packet.segment.payload.len().min(Call::KEEP)]),
        "facts": packet.facts.facts.iter().map(|fact| fact.kind.name()).collect::<Vec<_>>(),
        "certain": facts(&packet.facts),
        "why": why(&packet.facts.why),
        "carries": packet.facts.carries,
        "carries_open": packet.facts.carries_open,
        "during": packet.facts.during,
        "held": packet.held().map(|held| json!({
            "write": held.write,
            "until_frame": held.until_frame,
            "waited_ns": nanoseconds(held.waited),
        })),
        "passage": packet.passage.as_ref().map(passage),
    })
}

/// What became of a packet between two hosts.
fn passage(passage: &Passage) -> Value {
    json!({
        "arrivals": passage.arrivals.iter().map(|at| at.0).collect::<Vec<_>>(),
        "what": passage.what,
        "corrupted": passage.corrupted,
        "queue": passage.queue,
        "tcp": passage.tcp.as_ref().map(|views| json!({
            "client": views.client.as_ref().map(view),
            "server": views.server.as_ref().map(view),
        })),
    })
}

fn view(view: &TcpView) -> Value {
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    json!({
        "state": state(view.state),
        "congestion": view.congestion.to_string(),
        "cwnd": view.cwnd,
        "ssthresh": view.ssthresh,
        "rtt_ns": nanoseconds(view.rtt),
        "rttvar_ns": nanoseconds(view.rttvar),
        "rto_ns": nanoseconds(view.rto),
        "unacked": view.unacked,
        "sacked": view.sacked,
        "lost": view.lost,
        "retransmits": view.retransmits,
        "total_retransmits": view.total_retransmits,
    })
}

/// Each fact with how sure it is and what shows it.
fn facts(facts: &PacketFacts) -> Value {
    let one = |fact: &Fact| {
        let (frames, events) = evidence(&fact.evidence);
        (
            fact.kind.name().to_owned(),
            json!({ "certainty": fact.certainty.to_string(), "frames": frames, "events": events }),
        )
    };
    Value::Object(facts.facts.iter().map(one).collect())
}

fn why(why: &Why) -> Value {
    let (frames, events) = evidence(&why.evidence);
    json!({
        "what": why.reason.name(),
        "certainty": why.certainty.to_string(),
        "frames": frames,
        "events": events,
        "waited_ns": why.waited.map(nanoseconds),
        "unread_bytes": match why.reason {
            Reason::UnreadData(bytes) => Some(bytes),
            _ => None,
        },
    })
}

/// Frame numbers, and indices into the events.
fn evidence(evidence: &[Evidence]) -> (Vec<usize>, Vec<usize>) {
    (
        evidence.iter().filter_map(Evidence::frame).collect(),
        evidence.iter().filter_map(Evidence::event).collect(),
    )
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn call(call: &Call) -> Value {
    json!({
        "kind": "call",
        "name": call.name,
        "family": match call.kind {
            CallKind::Listen => "listen",
            CallKind::Accept => "accept",
            CallKind::Connect => "connect",
            CallKind::Read => "read",
            CallKind::Write => "write",
            CallKind::Shutdown => "shutdown",
            CallKind::Close => "close",
            CallKind::SetOption => "setsockopt",
        },
        "process": call.process,
        "thread": call.thread,
        "fd": call.fd,
        "asked": call.asked,
        "result": call.result.and_then(Result::ok),
        "error": call.result.and_then(Result::err).map(|errno| errno.to_string()),
        "moved": call.moved(),
        "data": text(&call.bytes),
        "detail": call.detail,
        "entered": call.entered.0,
        "ended": call.ended.0,
    })
}

fn client(action: &ClientAction) -> Value {
    let (what, data, len, error) = match &action.kind {
        ClientActionKind::Connected => ("connected", None, None, None),
        ClientActionKind::Sent { bytes, len } => ("sent", Some(text(bytes)), Some(*len), None),
        ClientActionKind::Received { bytes, len } => ("received", Some(text(bytes)), Some(*len), None),
        ClientActionKind::EndOfFile => ("end-of-file", None, None, None),
        ClientActionKind::ShutdownWrite => ("shutdown-write", None, None, None),
        ClientActionKind::Closed => ("closed", None, None, None),
        ClientActionKind::Reset => ("reset", None, None, None),
        ClientActionKind::Failed(error) => ("failed", None, None, Some(error.clone())),
        ClientActionKind::GaveUp { .. } => ("gave-up", None, None, Some(action_text(&action.kind))),
        ClientActionKind::Called(_) => ("called", None, None, None),
    };
    let counters = action
        .counters
        .map(|counters| json!({ "sent": counters.sent, "received": counters.received }));
    let call = action.call.as_ref().map(self::call);
    json!({ "kind": "client", "what": what, "data": data, "len": len, "error": error, "segments": counters, "call": call })
}

fn process(event: &ProcessEvent) -> Value {
    let (what, stream, line, status, signal) = match &event.kind {
        ProcessEventKind::Started => ("started", None, None, None, None),
        ProcessEventKind::Exited(Exit::Status(status)) => ("exited", None, None, Some(*status), None),
        ProcessEventKind::Exited(Exit::Signal(signal)) => ("exited", None, None, None, Some(*signal)),
        ProcessEventKind::UsesIoUring => ("uses-io-uring", None, None, None, None),
        ProcessEventKind::ForeignCalls => ("foreign-calls", None, None, None, None),
        ProcessEventKind::WithoutRights { .. } => ("without-rights", None, None, None, None),
        ProcessEventKind::Holds { .. } => ("holds", None, None, None, None),
        ProcessEventKind::Dials { .. } => ("dials", None, None, None, None),
        ProcessEventKind::Settled(_) => ("settled", None, None, None, None),
        ProcessEventKind::OutputNotKept => ("output-not-kept", None, None, None, None),
        ProcessEventKind::Wrote { stream, line } => ("wrote", Some(stream.to_string()), Some(line), None, None),
    };
    let (program, rights) = match &event.kind {
        ProcessEventKind::WithoutRights { program, rights } => (Some(program), Some(rights)),
        _ => (None, None),
    };
    let settled = match &event.kind {
        ProcessEventKind::Settled(settled) => Some(settled),
        _ => None,
    };
    json!({
        "kind": "process",
        "pid": event.pid,
        "what": what,
        "program": program,
        "rights": rights,
        "stream": stream,
        "line": line,
        "status": status,
        "signal": signal,
        "fd": match event.kind {
            ProcessEventKind::Holds { fd, .. } => Some(fd),
            _ => None,
        },
        "asleep": settled.map(|settled| settled.asleep),
        "on_clock": settled.map(|settled| settled.on_clock),
        "quiet_ns": settled.map(|settled| nanoseconds(settled.quiet)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Endpoints, OutputStream, Settled};

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
            let mut value = process(&ProcessEvent { pid: 100, kind });
            assert_eq!((&value["kind"], &value["pid"]), (&json!("process"), &json!(100)));
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
}
