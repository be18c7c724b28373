//! What rules find in packets alone: each once, and each nearly.

use std::collections::BTreeSet;

use timeline::format::text::Lanes;
use timeline::format::{json, overview, pcapng};
use timeline::rules::RuleId::{self, *};
use timeline::rules::{RULES, Severity};
use timeline::{ConnectionId, Excerpt};

use super::facts::{HANDSHAKE, file};
use super::{as_of_a_long_one, read};

/// A sender that fills a window of 400 bytes three times, and waits 100 ms each time.
const FILLS: &str = "20 S A 1 1 200; 20 S A 201 1 200; 120 C A 1 401 0 window=400; \
    121 S A 401 1 200; 121 S A 601 1 200; 221 C A 1 801 0 window=400; \
    222 S A 801 1 200; 222 S A 1001 1 200; 322 C A 1 1201 0 window=400; 323 S A 1201 1 200";

/// A rule, a script that shows it, and one that nearly does, each after a handshake.
const ROWS: &[(RuleId, &str, &str)] = &[
    // Right after an ACK that was put off; long after it.
    (
        LateAck,
        "20 C PA 1 1 5; 75 S A 1 6 0; 76 C PA 6 1 5; 86 S PA 1 11 3",
        "20 C PA 1 1 5; 75 S A 1 6 0; 95 C PA 6 1 5; 105 S PA 1 11 3",
    ),
    // The ACK was not put off; it brought a reply.
    (
        LateAck,
        "20 S PA 1 1 5; 70 C A 1 6 0; 80 S PA 6 1 5",
        "20 S PA 1 1 5; 35 C A 1 6 0; 45 S PA 6 1 5",
    ),
    (
        LateAck,
        "20 C PA 1 1 5; 75 S A 1 6 0; 76 C PA 6 1 5",
        "20 C PA 1 1 5; 75 S PA 1 6 9; 76 C PA 6 10 5",
    ),
    // A probe asks; nobody had more to send.
    (
        ClosedWindow,
        "20 S A 1 1 100; 30 C A 1 101 0 window=0; 230 S A 100 1 0; 240 C A 1 101 0 window=5000; 250 S A 101 1 100",
        "20 S A 1 1 100; 30 C A 1 101 0 window=0; 240 C A 1 101 0 window=5000; 900 S A 101 1 100",
    ),
    // What waited leaves at once; to the end.
    (
        ClosedWindow,
        "20 S A 1 1 100; 30 C A 1 101 0 window=0; 240 C A 1 101 0 window=5000; 250 S A 101 1 100",
        "20 S A 1 1 100; 30 C A 1 101 0 window=1; 240 C A 1 101 0 window=5000; 250 S A 101 1 100",
    ),
    (
        ClosedWindow,
        "20 S A 1 1 100; 30 C A 1 101 0 window=0; 230 S A 100 1 0",
        "20 S A 1 1 100; 30 C A 1 101 0 window=0",
    ),
    (
        SentAgain,
        "20 S A 1 1 100; 300 S A 1 1 100",
        "20 S A 1 1 100; 300 S A 101 1 100",
    ),
    // Captured twice.
    (
        SentAgain,
        "20 S A 1 1 100 id=7; 21 S A 1 1 100 id=8",
        "20 S A 1 1 100 id=7; 21 S A 1 1 100 id=7",
    ),
    // No full segment ever came; one did.
    (
        MtuBlackHole,
        "20 S A 1 1 10; 30 C A 1 11 0; 50 S A 4355 1 600; 60 C A 1 11 0 sack=4355-4955",
        "20 S A 1 1 1448; 30 C A 1 1449 0; 50 S A 5793 1 600; 60 C A 1 1449 0 sack=5793-6393",
    ),
    // The hole is smaller than a full segment; it was filled.
    (
        MtuBlackHole,
        "20 S A 1 1 10; 30 C A 1 11 0; 50 S A 1459 1 600; 60 C A 1 11 0 sack=1459-2059",
        "20 S A 1 1 10; 30 C A 1 11 0; 50 S A 1458 1 600; 60 C A 1 11 0 sack=1458-2058",
    ),
    // A byte of the server has no ACK; each has.
    (
        ResetWithData,
        "20 S A 1 1 100; 30 C R 1 0 0",
        "20 S A 1 1 100; 29 C A 1 101 0; 30 C R 1 0 0",
    ),
    // The reset comes behind a FIN that is acknowledged meanwhile.
    (
        ResetWithData,
        "20 C FA 1 1 0; 21 S A 1 1 100; 22 C R 1 0 0; 30 S A 101 2 0; 31 C R 2 0 0",
        "20 C FA 1 1 0; 21 S A 1 1 100; 22 C A 2 101 0; 30 S FA 101 2 0; 31 C R 2 0 0",
    ),
    // The reset acknowledges what had come.
    (
        ResetWithData,
        "20 C PA 1 1 5; 30 S RA 1 1 0",
        "20 C PA 1 1 5; 30 S RA 1 6 0",
    ),
    // Nobody takes the reset.
    (
        ResetWithData,
        "20 S A 1 1 100; 30 S RA 101 1 0",
        "20 S A 1 1 100; 30 S RA 301 1 0",
    ),
    // Another host sent it, as its hops tell, or that its alleged sender goes on: nobody is to close in another way.
    (
        ResetWithData,
        "20 S A 1 1 100; 30 C R 1 0 0 ttl=64",
        "20 S A 1 1 100; 30 C R 1 0 0 ttl=250",
    ),
    (
        ResetWithData,
        "20 S A 1 1 100; 30 C R 1 0 0; 40 C A 1 1 0",
        "20 S A 1 1 100; 30 C R 1 0 0; 40 C PA 1 1 5",
    ),
];

/// Those with another handshake.
const ALONE: &[(RuleId, &str, &str)] = &[
    (
        SynUnanswered,
        "0 C S 0 0 0; 1000 C S 0 0 0",
        "0 C S 0 0 0; 1000 C S 0 0 0; 1010 S SA 0 1 0",
    ),
    // The end of the file comes right behind.
    (SynUnanswered, "0 C S 0 0 0; 1000 C S 0 0 0", "0 C S 0 0 0"),
    // Refused is answered.
    (
        SynUnanswered,
        "0 C S 0 0 0; 1000 C S 0 0 0",
        "0 C S 0 0 0; 1000 C S 0 0 0; 1010 S RA 0 1 0",
    ),
    // Whoever acknowledges got an answer, though it was not captured.
    (
        SynUnanswered,
        "0 C S 0 0 0; 1000 C S 0 0 0; 1010 C RA 1 1 0",
        "0 C S 0 0 0; 1000 C S 0 0 0; 1010 C A 1 1 0",
    ),
    // Of a client that was not captured at all nobody knows what it acknowledged.
    (
        ResetWithData,
        "10 S SA 0 1 0; 11 C A 1 1 0; 20 S A 1 1 100; 30 S RA 101 1 0",
        "10 S SA 0 1 0; 20 S A 1 1 100; 30 S RA 101 1 0",
    ),
    (
        LateHandshake,
        "0 C S 0 0 0; 1000 C S 0 0 0; 1010 S SA 0 1 0",
        "0 C S 0 0 0; 900 S SA 0 1 0; 901 C A 1 1 0",
    ),
    // No timer sends a SYN again so soon: the second one is another frame of the first.
    (
        LateHandshake,
        "0 C S 0 0 0; 1000 C S 0 0 0; 1010 S SA 0 1 0",
        "0 C S 0 0 0; 2 C S 0 0 0; 30 S SA 0 1 0",
    ),
    // Who was refused asks anew.
    (
        SentAgain,
        "0 C S 0 0 0; 500 C S 0 0 0; 510 S SA 0 1 0",
        "0 C S 0 0 0; 10 S RA 0 1 0; 500 C S 0 0 0; 510 S SA 0 1 0",
    ),
    // Its answer was lost behind the capture.
    (
        SentAgain,
        "0 C S 0 0 0; 10 S SA 0 1 0; 1000 C S 0 0 0",
        "0 C S 0 0 0; 10 S RA 0 1 0; 1000 C S 0 0 0",
    ),
    // The server itself can send no larger segments than it takes: this one is full.
    (
        LateAck,
        "0 C S 0 0 0; 10 S SA 0 1 0; 11 C A 1 1 0; 20 S A 1 1 100; 75 C A 1 101 0; 86 S PA 101 1 500",
        "0 C S 0 0 0; 10 S SA 0 1 0 mss=500; 11 C A 1 1 0; 20 S A 1 1 100; 75 C A 1 101 0; 86 S PA 101 1 500",
    ),
];

pub(super) fn scripts() -> impl Iterator<Item = (RuleId, [String; 2])> {
    let small = "0 C S 0 0 0; 10 S SA 0 1 0; 11 C A 1 1 0 window=400; ".to_owned() + FILLS;
    let scaled = small
        .replace("C S 0 0 0", "C S 0 0 0 ws=0")
        .replace("S SA 0 1 0", "S SA 0 1 0 ws=0");
    let roomy = small.replace("window=400", "window=900");
    let after = |row: &(RuleId, &str, &str)| (row.0, [row.1, row.2].map(|script| HANDSHAKE.to_owned() + script));
    let alone = |row: &(RuleId, &str, &str)| (row.0, [row.1, row.2].map(str::to_owned));
    let rows = ROWS
        .iter()
        .map(after)
        .chain(ALONE.iter().map(alone))
        .collect::<Vec<_>>();
    let windows = [(SmallWindow, [small.clone(), scaled]), (SmallWindow, [small, roomy])];
    rows.into_iter().chain(windows)
}

#[test]
fn each_rule_of_packets_is_shown_and_nearly_shown() {
    for (rule, [shows, nearly]) in scripts() {
        for (script, expected) in [(shows, true), (nearly, false)] {
            let file = file(&[&script]);
            let timeline = read(&file).into_timeline();
            let found = timeline.finding_ids();
            assert_eq!(found.contains(&rule), expected, "{rule} in {script}: {found:?}");
            // Of a long capture all is counted.
            let excerpt = as_of_a_long_one(&file, &Lanes::default());
            assert_eq!(excerpt.finding_ids(), found, "{script}");
            for finding in timeline.findings() {
                assert!(finding.evidence.iter().all(|id| id.index() < timeline.events.len()));
            }
        }
    }
}

#[test]
fn each_rule_of_packets_has_a_row() {
    let shown: BTreeSet<RuleId> = scripts().map(|(rule, _)| rule).collect();
    let by_packets = RULES.iter().filter(|rule| rule.is_for_packets_alone());
    assert_eq!(shown, by_packets.map(|rule| rule.id).collect());
    assert_eq!(read(&file(&[HANDSHAKE])).into_timeline().finding_ids(), []);
}

/// A rule that has nothing to go by judges nothing, and one that found something had that.
#[test]
fn what_a_rule_goes_by_must_be_there() {
    let judged = |script: &str| -> Vec<RuleId> {
        let timeline = read(&file(&[script])).into_timeline();
        let unknown: Vec<RuleId> = timeline.unknown_rules().map(|rule| rule.id).collect();
        let by_packets = RULES.iter().filter(|rule| rule.is_for_packets_alone());
        by_packets
            .map(|rule| rule.id)
            .filter(|id| !unknown.contains(id))
            .collect()
    };
    let all: Vec<RuleId> = RULES
        .iter()
        .filter(|rule| rule.is_for_packets_alone())
        .map(|rule| rule.id)
        .collect();
    let data = "20 S A 1 1 100; 30 C A 1 101 0";
    assert_eq!(judged(&(HANDSHAKE.to_owned() + data)), all);
    assert_eq!(judged(HANDSHAKE), [SentAgain, SynUnanswered, LateHandshake]);
    assert_eq!(judged("0 C S 0 0 0"), [SentAgain, SynUnanswered]);
    assert_eq!(judged(data), [LateAck, ClosedWindow, SentAgain, ResetWithData]);
    assert_eq!(judged("20 S A 1 1 100"), [SentAgain]);
    assert_eq!(judged("20 S A 1 1 0"), []);
}

/// Once may be chance, and twice is none.
#[test]
fn a_single_wait_is_a_note() {
    let once = HANDSHAKE.to_owned() + "20 C PA 1 1 5; 75 S A 1 6 0; 76 C PA 6 1 5; 86 S PA 1 11 3";
    let twice = once.clone() + "; 120 C PA 11 4 5; 175 S A 4 16 0; 176 C PA 16 4 5; 186 S PA 4 21 3";
    for (script, severity) in [(once, Severity::Note), (twice, Severity::Warning)] {
        let findings = read(&file(&[script])).into_timeline().findings();
        let late: Vec<Severity> = findings
            .iter()
            .filter(|finding| finding.rule.id == LateAck)
            .map(|finding| finding.severity)
            .collect();
        assert_eq!(late, [severity]);
    }
}

fn text_width(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

/// Of many connections a table says first what is unusual, how long somebody waited, and where.
#[test]
fn what_is_odd_stands_on_top() {
    let usual = HANDSHAKE.to_owned() + "20 C PA 1 1 5; 30 S PA 1 6 7; 40 C FA 6 8 0; 50 S FA 8 7 0; 51 C A 7 9 0";
    let late = HANDSHAKE.to_owned() + "20 S A 1 1 100; 320 S A 1 1 100; 330 C A 1 101 0";
    let reset = HANDSHAKE.to_owned() + "20 C PA 1 1 5; 30 S RA 1 6 0";
    let timeline = read(&file(&[&usual, &late, &usual, &reset])).into_timeline();
    let table = overview::survey(&timeline, 120);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        rows.iter().skip(1).map(|row| row[0]).collect::<Vec<_>>(),
        ["2", "4", "1", "3"],
        "{table}"
    );
    assert!(
        table.contains("300.0 ms frame 13") && table.contains("sent-again"),
        "{table}"
    );
    assert_eq!(
        rows[1][4..],
        ["open", "300.0", "ms", "frame", "13", "0", "100"],
        "{table}"
    );
    // Where there is little room, what is odd stays.
    assert!(overview::survey(&timeline, 40).contains("sent-again"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 120));
    // What does not fit is left out as a whole, the server first where that is one, and it is said.
    let all = [" end ", "longest wait", "server", " sent", " recv"];
    let at = |width: usize| overview::survey(&timeline, width);
    let fits = |text: &str| text.lines().all(|line| line.chars().count() <= text_width(&at(120)));
    assert!(all.iter().all(|column| at(120).contains(column)) && !at(120).contains("room"));
    assert!(fits(&at(80)) && !at(80).contains('…'), "{}", at(80));
    let width = text_width(&at(120));
    assert_eq!(at(width), at(120));
    let narrower = at(width - 1);
    let heading = narrower.lines().next().unwrap_or_default();
    assert!(!heading.contains("server") && heading.ends_with("recv"), "{narrower}");
    let note = format!("no room for server (10.0.0.2:3000 of all): --width {width} has all\n");
    assert!(narrower.ends_with(&note), "{narrower}");
    let narrow = at(60).replace('\n', " ");
    assert!(
        narrow.contains("no room for server (10.0.0.2:3000 of all), sent, recv, longest wait:"),
        "{narrow}"
    );
    // A note, and a refusal, come before what is slow.
    let note = HANDSHAKE.to_owned()
        + "20 S A 1 1 100; 120 S A 1 1 100; 121 C A 1 101 0; 130 C FA 1 101 0; \
        140 S FA 101 2 0; 141 C A 2 102 0";
    let refused = "0 C S 0 0 0; 10 S RA 0 1 0";
    let several = read(&file(&[&usual, refused, &note])).into_timeline();
    let worst = timeline::overview::Overview::of(&several).worst(3);
    assert_eq!(
        worst,
        [2, 1, 0].map(ConnectionId),
        "{}",
        overview::survey(&several, 120)
    );
    // The part of the second is what a file of it alone would be, with the numbers that its frames have here.
    let part = timeline.part(&[timeline::ConnectionId(1)]);
    let alone = read(&file(&[&late])).into_timeline();
    assert_eq!(part.only().wire(), alone.only().wire());
    assert_eq!(part.finding_ids(), alone.finding_ids());
    assert_eq!(part.last_frame().0 - alone.last_frame().0, 8);
}

/// Of a beginning nothing is said that its end might disprove.
#[test]
fn of_a_beginning_no_end_is_told() {
    let unanswered = "0 C S 0 0 0; 1000 C S 0 0 0";
    let late = HANDSHAKE.to_owned() + "20 S A 1 1 100; 320 S A 1 1 100; 330 C A 1 101 0";
    let file = file(&[unanswered, &late]);
    let beginning = |most| {
        let both = [ConnectionId(0), ConnectionId(1)];
        let mut excerpt = Excerpt::whole_of(Lanes::default().limits(), both, most);
        pcapng::read_into(&file[..], &mut excerpt).expect("the file is whole");
        excerpt.into_timeline()
    };
    let all = beginning(usize::MAX);
    assert_eq!(all, read(&file).into_timeline());
    assert_eq!((all.not_kept, all.finding_ids().len()), (0, 2));
    let timeline = beginning(1300);
    assert_eq!((timeline.events.len(), timeline.not_kept), (2, 6));
    assert_eq!(timeline.finding_ids(), []);
    let drawn = Lanes::with_width(200).draw(&timeline);
    assert!(
        drawn.contains("longer than what is kept of it: 6 later events are not here. Choose others"),
        "{drawn}"
    );
    assert!(
        drawn.contains("not known: not all is here") && !drawn.contains("neither side"),
        "{drawn}"
    );
}

/// A connection of a part has the number that it has in the whole capture, in each format.
#[test]
fn a_part_keeps_the_numbers_of_the_whole() {
    let usual = HANDSHAKE.to_owned() + "20 C PA 1 1 5; 30 S PA 1 6 7; 40 C FA 6 8 0; 50 S FA 8 7 0; 51 C A 7 9 0";
    let late = HANDSHAKE.to_owned() + "20 S A 1 1 100; 320 S A 1 1 100; 330 C A 1 101 0";
    let timeline = read(&file(&[&usual, &late, &usual, &late])).into_timeline();
    let part = timeline.part(&[timeline::ConnectionId(1), timeline::ConnectionId(3)]);
    let ids = |timeline: &timeline::Timeline| timeline.connections().map(|one| one.id().0).collect::<Vec<_>>();
    assert_eq!(ids(&part), [1, 3]);
    let found = part.findings();
    assert_eq!(found.iter().map(|found| found.connection.0).collect::<Vec<_>>(), [1, 3]);
    let drawn = Lanes::with_width(100).draw(&part);
    assert!(
        drawn.contains("connection 2 of 4: ") && drawn.contains("connection 4 of 4: "),
        "{drawn}"
    );
    assert!(drawn.ends_with("... 2 connections are left out ...\n"), "{drawn}");
    let table = overview::survey(&part, 120);
    let numbers: Vec<&str> = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(numbers, ["2", "4"], "{table}");
    let mut written = [Vec::new(), Vec::new()];
    json::write(&part, &mut written[0]).expect("a vector takes all");
    json::write_lines(&part, &mut written[1]).expect("a vector takes all");
    let [object, lines] = written.map(|bytes| String::from_utf8(bytes).expect("JSON is text"));
    let object: serde_json::Value = serde_json::from_str(&object).expect("it is JSON");
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let numbers = |list: &[serde_json::Value], field: &str| -> Vec<u64> {
        let mut numbers: Vec<u64> = list.iter().filter_map(|one| one[field].as_u64()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    };
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    for (list, field) in [
        (list(&object["connections"]), "id"),
        (list(&object["events"]), "connection"),
        (list(&object["summary"]["connections"]), "id"),
        (list(&object["summary"]["findings"]), "connection"),
        (lines.clone(), "id"),
        (lines, "connection"),
    ] {
        assert_eq!(numbers(&list, field), [1, 3], "{field} of {list:?}");
    }
}
