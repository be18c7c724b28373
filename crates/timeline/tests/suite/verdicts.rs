//! What is said of a connection goes by the moment that it is about, of runs made up by hand.

use std::time::Duration;

use timeline::overview::Overview;
use timeline::rules::{RuleId, Severity};
use timeline::spent::spent;
use timeline::*;

use crate::samples::{Script, call, clean_close, moment, two_writes};

/// How many packets each exchange took, and which of them are answered.
fn exchanges(timeline: &Timeline) -> (Vec<usize>, Vec<bool>) {
    let answered = spent(timeline.only()).iter().map(Option::is_some).collect();
    (timeline.packets_per_exchange(), answered)
}

/// The client says behind its request that it will send no more, and reads its reply.
#[test]
fn a_reply_behind_a_half_close_is_one() {
    let mut script = Script::new();
    script
        .handshake()
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .frame(110, Side::Client, "FIN,ACK", 3, 1, "")
        .frame(120, Side::Server, "ACK", 1, 4, "")
        .frame(200, Side::Server, "PSH,ACK", 1, 4, "1")
        .frame(210, Side::Client, "ACK", 4, 2, "")
        .frame(300, Side::Server, "FIN,PSH,ACK", 2, 4, "\n")
        .frame(310, Side::Client, "ACK", 4, 4, "");
    let timeline = script.timeline();
    assert_eq!(exchanges(&timeline), (vec![6], vec![true]), "{timeline}");
    assert_eq!(timeline.segments_per_reply(), [2]);
    let spent = spent(timeline.only())[0].unwrap();
    assert_eq!(spent.whole, Duration::from_micros(200));
}

/// The whole reply and the server's FIN are one segment, and so may the request be with the client's.
#[test]
fn a_reply_may_share_its_segment_with_a_fin() {
    for flags in ["PSH,ACK", "FIN,PSH,ACK"] {
        let mut script = Script::new();
        script
            .handshake()
            .frame(100, Side::Client, flags, 1, 1, "1\n")
            .frame(200, Side::Server, "FIN,PSH,ACK", 1, 3, "1\n")
            .frame(210, Side::Client, "ACK", 3, 4, "");
        let timeline = script.timeline();
        assert_eq!(exchanges(&timeline), (vec![2], vec![true]), "{timeline}");
        assert_eq!(Overview::of(&timeline).rows[0].answered, 1);
    }
}

/// What follows a FIN without a reply is of the close, as it was.
#[test]
fn a_request_that_no_reply_follows_is_not_answered() {
    let mut script = Script::new();
    script
        .handshake()
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .frame(105, Side::Server, "ACK", 1, 3, "")
        .frame(110, Side::Client, "FIN,ACK", 3, 1, "")
        .frame(120, Side::Server, "FIN,ACK", 1, 4, "")
        .frame(130, Side::Client, "ACK", 4, 2, "");
    let timeline = script.timeline();
    assert_eq!(exchanges(&timeline), (vec![2], vec![false]), "{timeline}");
    assert_eq!(exchanges(&clean_close().timeline()), (vec![4], vec![true]));
}

fn sets(script: &mut Script, micros: u64, off: bool) {
    let set = Call {
        argument: Some(Argument::Option(SocketOption::NoDelay(off)).into()),
        ..call("setsockopt", CallKind::SetOption)
    };
    script.call((micros, micros), set);
}

/// Nagle's algorithm is off where it was off when the second part was written.
#[test]
fn an_option_counts_at_the_moment_of_the_write() {
    let cases: [(&[(u64, bool)], Severity); 5] = [
        (&[], Severity::Warning),
        (&[(60, true)], Severity::Note),
        (&[(60, true), (70, false)], Severity::Warning),
        (&[(42_950, true)], Severity::Warning),
        (&[(60, false), (70, true)], Severity::Note),
    ];
    for (switched, severity) in cases {
        let mut script = two_writes();
        for (at, off) in switched {
            sets(&mut script, *at, *off);
        }
        let findings = script.timeline().findings();
        let split = findings
            .iter()
            .find(|finding| finding.rule.id == RuleId::SplitReply)
            .unwrap();
        assert_eq!(split.severity, severity, "{switched:?}: {split}");
        let claims = split.message.contains("none of it waits");
        assert_eq!(claims, severity == Severity::Note, "{split}");
    }
}

/// The packet that was recorded last came to the other host, or did not.
fn passes(script: &mut Script, comes: bool) {
    let record = script.recording.records.last_mut().unwrap();
    let at = record.at;
    let What::Frame { passage, .. } = &mut record.what else {
        panic!("no frame")
    };
    *passage = Some(Box::new(Passage {
        arrivals: comes.then_some(at).into_iter().collect(),
        ..Passage::default()
    }));
}

/// Whoever lost the request, or the reply, is to blame for it, and that may be the wire.
#[test]
fn a_server_need_not_answer_what_has_not_come() {
    for (request, reply, blamed) in [
        (true, None, true),
        (false, None, false),
        (true, Some(true), true),
        (true, Some(false), false),
    ] {
        let mut script = Script::new();
        script.handshake().send(90, "1\n");
        script.frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n");
        passes(&mut script, request);
        if let Some(comes) = reply {
            script.write((200, 210), "1");
            script.frame(205, Side::Server, "PSH,ACK", 1, 3, "1");
            passes(&mut script, comes);
        }
        let gave_up = ClientActionKind::GaveUp {
            wanted: "a line".to_owned(),
            waited: Some(Duration::from_secs(1)),
        };
        script.client(1_000_000, gave_up);
        let timeline = script.timeline();
        let found = timeline.finding_ids().contains(&RuleId::NoReply);
        assert_eq!(found, blamed, "{request} {reply:?}\n{timeline}");
        assert_eq!(timeline.only().is_on_the_wire(moment(1_000_000)), !blamed);
    }
}

/// A request that was read at once, and the writes of its reply, each in a segment of its own.
fn answered(request: &str, reply: &[&str]) -> Timeline {
    let mut script = Script::new();
    script
        .handshake()
        .frame(100, Side::Client, "PSH,ACK", 1, 1, request)
        .read(150, request);
    let (mut at, mut seq) = (200, 1);
    for part in reply {
        script
            .write((at, at + 20), part)
            .frame(at + 10, Side::Server, "PSH,ACK", seq, 1, part);
        (at, seq) = (at + 30, seq + u32::try_from(part.len()).unwrap());
    }
    script.timeline()
}

/// How many requests there were is told by their form, or by the reply's, or by nothing.
#[test]
fn a_split_reply_is_told_by_the_form_of_both() {
    let form = "POST / HTTP/1.1\r\nContent-Length: 23\r\n\r\n--B\r\n\r\nhello\r\n\r\n--B--\r\n";
    let set = "set a 0 0 1\r\nx\r\n";
    let records = "\u{14}\u{3}\u{3}\0\u{1}\u{1}\u{17}\u{3}\u{3}\0\u{2}\n\n";
    let cases: [(&str, &[&str], Option<Severity>); 9] = [
        (set, &["STORED", "\r\n"], Some(Severity::Warning)),
        (set, &["STORED\r\n"], None),
        (set, &["ERROR\r\n", "ERROR\r\n"], None),
        (
            form,
            &["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "a\n"],
            Some(Severity::Warning),
        ),
        (form, &["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na\n"], None),
        ("\u{2}ab\u{3}cde", &["\u{2}ab", "\u{3}cde"], Some(Severity::Note)),
        ("\u{1}", &["\u{2}ab", "\u{3}cde"], Some(Severity::Warning)),
        (records, &["\u{17}ab"], None),
        (records, &["\u{17}ab", "\u{17}cde"], Some(Severity::Warning)),
    ];
    for (request, reply, severity) in cases {
        let findings = answered(request, reply).findings();
        let split = findings.iter().find(|finding| finding.rule.id == RuleId::SplitReply);
        assert_eq!(
            split.map(|split| split.severity),
            severity,
            "{request:?} {reply:?}: {split:?}"
        );
        let open = split.is_some_and(|split| split.message.contains("does not tell how many requests"));
        assert_eq!(open, severity == Some(Severity::Note));
    }
}

/// OpenSSL writes two tickets behind the handshake; a reply in two records is another thing.
#[test]
fn the_tickets_of_tls_are_no_reply() {
    let hello = "\u{16}\u{3}\u{1}\0\u{1}h";
    let data = "\u{17}\u{3}\u{3}\0\u{1}d";
    for (replies, found) in [(&[1, 2][..], false), (&[1, 2, 1], false), (&[1, 2, 2], true)] {
        let mut script = Script::new();
        script.handshake();
        let (mut at, mut came, mut seq) = (100, 1, 1);
        for (place, writes) in replies.iter().enumerate() {
            let said = if place == 0 { hello } else { data };
            script
                .frame(at, Side::Client, "PSH,ACK", came, seq, said)
                .read(at + 20, said);
            came += 6;
            for _ in 0..*writes {
                at += 40;
                script
                    .write((at, at + 20), said)
                    .frame(at + 10, Side::Server, "PSH,ACK", seq, came, said);
                seq += 6;
            }
            at += 50;
        }
        let timeline = script.timeline();
        assert!(timeline.only().is_tls());
        assert_eq!(
            timeline.finding_ids().contains(&RuleId::SplitReply),
            found,
            "{timeline}"
        );
    }
}

/// What is not seen is unknown in every figure, also where some of it is.
#[test]
fn unseen_calls_leave_the_figures_unknown() {
    let mut script = two_writes();
    let timeline = script.timeline();
    let shown = timeline.to_string();
    assert!(
        shown.contains("frame 23 waited 42 ms") || !shown.contains("stalls                none"),
        "{shown}"
    );
    assert_eq!(Overview::of(&timeline).rows[0].stalls.map(|(count, _)| count), Some(1));
    // One of the writes is made through the ring.
    let is_write = |record: &Record| matches!(&record.what, What::Call { call, .. } if call.kind == CallKind::Write);
    let last = script.recording.records.iter().rposition(is_write).unwrap();
    script.recording.records.remove(last);
    script.push(
        60,
        What::Process(
            ProcessEvent {
                pid: 100,
                kind: ProcessEventKind::UsesIoUring,
            }
            .into(),
        ),
    );
    let timeline = script.timeline();
    let shown = timeline.to_string();
    for figure in ["writes per reply", "stalls"] {
        let line = shown.lines().find(|line| line.starts_with(figure)).unwrap();
        assert!(line.contains("unknown"), "{line}");
    }
    assert_eq!(timeline.held_segments(), []);
    assert_eq!(Overview::of(&timeline).rows[0].stalls, None);
    let mut json = Vec::new();
    format::json::write(&timeline, &mut json).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["summary"]["writes_per_reply"], serde_json::Value::Null);
    assert_eq!(json["summary"]["connections"][0]["stalls"], serde_json::Value::Null);
    assert_eq!(json["connections"][0]["writes_per_reply"], serde_json::Value::Null);
}

/// The connection of `clean_close` up to its end, which another descriptor puts off: whose, and since when.
fn held(owner_closes: bool, pid: i32, started: u64) -> Timeline {
    let mut script = Script::new();
    script.handshake();
    let process = |pid, kind| What::Process(ProcessEvent { pid, kind }.into());
    script
        .push(1, process(100, ProcessEventKind::Started))
        .push(started, process(101, ProcessEventKind::Started))
        .write((200, 240), "1\n")
        .frame(210, Side::Server, "PSH,ACK", 1, 1, "1\n")
        .frame(400, Side::Client, "FIN,ACK", 1, 3, "")
        .state(
            405,
            Side::Server,
            Some(TcpState::Established),
            Some(TcpState::CloseWait),
        );
    if owner_closes {
        script.close((300, 310));
    }
    let on = script.endpoints;
    let holds = ProcessEventKind::Holds {
        fd: 12,
        on: on.into(),
        over: false,
        command: "helper -x".to_owned(),
    };
    script.push(900, process(pid, holds));
    script.timeline()
}

#[test]
fn who_holds_a_closed_connection_is_named() {
    for (pid, started, how) in [
        (101, 100, "by a fork"),
        (101, 10, "from another process"),
        (100, 100, "by a dup"),
    ] {
        let timeline = held(true, pid, started);
        let findings = timeline.findings();
        let ids: Vec<RuleId> = findings.iter().map(|finding| finding.rule.id).collect();
        assert_eq!(ids, [RuleId::CloseWaitLeak], "{timeline}");
        let says = format!("process {pid} (helper -x) has it as descriptor 12, {how}");
        assert!(findings[0].message.ends_with(&says), "{}", findings[0]);
    }
    // Whoever has not closed is to read.
    assert_eq!(held(false, 101, 100).finding_ids(), [RuleId::UnreadEof]);
}

/// A write of this much, which took so much of it, or was told to wait.
fn took(asked: u64, moved: Option<u64>) -> Call {
    Call {
        asked: Some(asked),
        result: Some(moved.ok_or(Errno::EAGAIN)),
        ..call("sendto", CallKind::Write)
    }
}

#[test]
fn a_reply_whose_rest_was_forgotten_is_truncated() {
    let whole: &[Call] = &[took(10, Some(4)), took(6, Some(6))];
    let short: &[Call] = &[took(10, Some(4))];
    let waits: &[Call] = &[took(10, Some(4)), took(6, None)];
    let file = Call {
        name: "sendfile".into(),
        ..took(1 << 30, Some(4))
    };
    let cases: [(&[Call], bool, bool); 5] = [
        (whole, false, false),
        (short, false, true),
        (waits, false, true),
        (short, true, false),
        (&[file], false, false),
    ];
    for (writes, client_left, found) in cases {
        let mut script = Script::new();
        script.handshake();
        if client_left {
            script
                .client(150, ClientActionKind::Closed)
                .frame(160, Side::Client, "FIN,ACK", 1, 1, "");
        }
        for (at, write) in (200..).step_by(10).zip(writes) {
            script.call((at, at + 5), write.clone());
        }
        let ack = if client_left { 2 } else { 1 };
        script.close((300, 310)).frame(305, Side::Server, "FIN,ACK", 1, ack, "");
        let ids = script.timeline().finding_ids();
        assert_eq!(
            ids.contains(&RuleId::TruncatedReply),
            found,
            "{writes:?} {client_left}: {ids:?}"
        );
    }
}

#[test]
fn a_head_is_held_to_what_it_promises() {
    let reply = |length: &str, body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
    let chunked = |body: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let get = "GET / HTTP/1.1\r\n\r\n";
    let cases = [
        (get, vec![reply("5", "hello")], None),
        (get, vec![reply("6", "hello")], Some("promised 6 bytes, and 5 left")),
        (get, vec![reply("5", "hel"), "lo".to_owned()], None),
        // The head itself is in two parts, and another response went before.
        (
            get,
            vec![
                reply("1", "a") + "HTTP/1.1 200",
                " OK\r\ncontent-length: 9\r\n\r\nab".to_owned(),
                "c".to_owned(),
            ],
            Some("promised 9 bytes, and 3 left"),
        ),
        ("HEAD / HTTP/1.1\r\n\r\n", vec![reply("6", "")], None),
        (
            get,
            vec!["HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n".to_owned()],
            None,
        ),
        (get, vec!["HTTP/1.0 200 OK\r\n\r\nhel".to_owned()], None),
        // Chunks end with one that is empty, and an empty line behind it.
        (get, vec![chunked("3\r\nabc\r\n0\r\n\r\n")], None),
        (
            get,
            vec![
                chunked("3;a=b\r\na"),
                "bc\r\n".to_owned(),
                "0\r\nX: y\r\n\r\n".to_owned() + &reply("1", "a"),
            ],
            None,
        ),
        (get, vec![chunked("3\r\nabc\r\n")], Some("promised chunks")),
        (get, vec![chunked("3\r\nab")], Some("promised chunks")),
        (get, vec![chunked("")], Some("promised chunks")),
        (get, vec![chunked("0\r\n")], Some("promised chunks")),
        (get, vec!["+OK\r\n\r\n".to_owned()], None),
    ];
    for (request, parts, says) in cases {
        let mut script = Script::new();
        script
            .handshake()
            .frame(100, Side::Client, "PSH,ACK", 1, 1, request)
            .read(150, request);
        let (mut at, mut seq) = (200, 1);
        for part in &parts {
            script
                .write((at, at + 5), part)
                .frame(at + 2, Side::Server, "PSH,ACK", seq, 1, part);
            (at, seq) = (at + 10, seq + u32::try_from(part.len()).unwrap());
        }
        script
            .close((at, at + 5))
            .frame(at + 2, Side::Server, "FIN,ACK", seq, 1, "");
        let findings = script.timeline().findings();
        let found = findings
            .iter()
            .find(|finding| finding.rule.id == RuleId::TruncatedReply);
        let message = found.map(|found| found.message.as_str());
        match says {
            Some(says) => assert!(
                message.is_some_and(|message| message.contains(says)),
                "{parts:?}: {message:?}"
            ),
            None => assert_eq!(message, None, "{parts:?}"),
        }
    }
}

#[test]
fn accepts_that_fail_without_a_pause_are_a_row() {
    for (count, pause, succeeds, found) in [
        (20, 9, true, true),
        (20, 9, false, true),
        (19, 9, true, false),
        (50, 11, true, false),
    ] {
        let mut script = Script::new();
        for place in 0..count {
            let at = 1000 + place * pause * 1000;
            let failed = Call {
                fd: 8,
                result: Some(Err(Errno::EMFILE)),
                entered: moment(at),
                ended: moment(at),
                ..call("accept4", CallKind::Accept)
            };
            script.push(
                at,
                What::Call {
                    on: None,
                    call: failed.into(),
                },
            );
        }
        script
            .frame(0, Side::Client, "SYN", 0, 0, "")
            .frame(20, Side::Server, "SYN,ACK", 0, 1, "");
        if succeeds {
            script.accept(600_000);
        }
        let findings = script.timeline().findings();
        let spin = findings.iter().find(|finding| finding.rule.id == RuleId::AcceptFailing);
        assert_eq!(spin.is_some(), found, "{count} {pause} {succeeds}");
        let evidence = spin.map_or(0, |spin| spin.evidence.len());
        assert_eq!(evidence, if found { 2 + usize::from(succeeds) } else { 0 });
    }
}

#[test]
fn a_syn_that_a_full_queue_let_fall_is_told() {
    let address = "0.0.0.0:3000";
    let in_words = (Some(Box::new(address.into())), None);
    let as_data = (None, Some(Argument::Address(address.parse().unwrap()).into()));
    // Did the first one come; was it answered; where does somebody listen; was another client accepted by then?
    for (comes, answered, listens, accepted, found) in [
        (true, false, Some(&in_words), Some(false), true),
        (true, false, Some(&as_data), Some(false), true),
        (false, false, Some(&in_words), Some(false), false),
        (true, true, Some(&in_words), Some(false), false),
        (true, false, None, Some(false), false),
        (true, false, Some(&in_words), Some(true), false),
        (true, false, Some(&in_words), None, false),
    ] {
        let mut script = Script::new();
        if let Some(accepted) = accepted {
            let mut other = Script::with_client_port(50_001);
            other.frame(1, Side::Client, "SYN", 0, 0, "");
            other.accept(if accepted { 5 } else { 2_000_000 });
            script.recording.records.append(&mut other.recording.records);
        }
        if let Some((detail, argument)) = listens.cloned() {
            let listen = Call {
                fd: 8,
                asked: Some(1),
                detail,
                argument,
                ..call("listen", CallKind::Listen)
            };
            script.push(
                0,
                What::Call {
                    on: None,
                    call: listen.into(),
                },
            );
        }
        script.frame(10, Side::Client, "SYN", 0, 0, "");
        passes(&mut script, comes);
        if answered {
            script.frame(20, Side::Server, "SYN,ACK", 0, 1, "");
            passes(&mut script, true);
        }
        script.frame(1_000_010, Side::Client, "SYN", 0, 0, "");
        passes(&mut script, true);
        script.frame(1_000_020, Side::Server, "SYN,ACK", 0, 1, "");
        passes(&mut script, true);
        script.frame(1_000_030, Side::Client, "ACK", 1, 1, "");
        passes(&mut script, true);
        let findings = script.timeline().findings();
        let full = findings.iter().find(|finding| finding.rule.id == RuleId::QueueOverflow);
        assert_eq!(full.is_some(), found, "{comes} {answered} {listens:?} {accepted:?}");
        let says = full.is_some_and(|full| full.message.contains("asked for a queue of 1"));
        assert_eq!(says, found);
    }
}

/// A library that says goodbye when the client has left writes no second part of the reply before.
#[test]
fn what_is_written_behind_the_clients_end_is_no_reply() {
    for (end, found) in [(true, false), (false, true)] {
        let mut script = Script::new();
        script
            .handshake()
            .frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n")
            .read(150, "1\n")
            .write((200, 220), "1\n")
            .frame(210, Side::Server, "PSH,ACK", 1, 3, "1\n");
        if end {
            script.frame(300, Side::Client, "FIN,ACK", 3, 3, "").read(350, "");
        }
        script
            .write((400, 420), "bye\n")
            .frame(410, Side::Server, "PSH,ACK", 3, 3, "bye\n");
        let ids = script.timeline().finding_ids();
        assert_eq!(ids.contains(&RuleId::SplitReply), found, "{ids:?}");
    }
}
