//! What is so of packets in runs made up by hand.

use timeline::facts::*;
use timeline::rules::RuleId;
use timeline::*;

use crate::samples::{self, Script};

/// What happened, as a capture at one end has it.
fn captured(script: &mut Script) -> Timeline {
    script.recording.level = Level::Capture;
    script.timeline()
}

/// The facts of a packet, by its place among the packets.
fn of(timeline: &Timeline, place: usize) -> &PacketFacts {
    let mut packets = timeline.only().packets();
    packets.nth(place).unwrap().1.facts
}

/// A handshake to a server that is so far away, captured at the client.
fn far(script: &mut Script, there_and_back: u64) -> &mut Script {
    script
        .frame(0, Side::Client, "SYN", 0, 0, "")
        .frame(there_and_back, Side::Server, "SYN,ACK", 0, 1, "")
        .frame(there_and_back + 50, Side::Client, "ACK", 1, 1, "")
}

#[test]
fn distance_is_no_delay() {
    let mut script = Script::new();
    far(&mut script, 200_000)
        .frame(300_000, Side::Client, "PSH,ACK", 1, 1, "q\n")
        .frame(500_100, Side::Server, "ACK", 1, 3, "")
        .frame(600_000, Side::Client, "PSH,ACK", 3, 1, "q\n")
        .frame(844_000, Side::Server, "ACK", 1, 5, "");
    let timeline = captured(&mut script);
    assert_eq!(of(&timeline, 4).why.reason, Reason::AckAtOnce);
    let delayed = of(&timeline, 6);
    assert_eq!(
        (delayed.why.reason, delayed.why.certainty),
        (Reason::DelayedAck, Certainty::Inferred)
    );
    assert_eq!(delayed.why.waited.unwrap().as_millis(), 44);
}

#[test]
fn without_a_handshake_no_delay_is_known() {
    let mut script = Script::new();
    script
        .frame(300_000, Side::Client, "PSH,ACK", 1, 1, "q\n")
        .frame(500_100, Side::Server, "ACK", 1, 3, "");
    let timeline = captured(&mut script);
    assert!(of(&timeline, 0).has(FactKind::BeganBefore));
    assert_eq!(of(&timeline, 1).why.reason, Reason::Unknown);
}

/// A capture without calls cannot tell Nagle's algorithm from a program that wrote just then.
#[test]
fn packets_alone_do_not_show_nagle() {
    let mut script = Script::new();
    far(&mut script, 10_000)
        .frame(20_000, Side::Client, "PSH,ACK", 1, 1, "q\n")
        .frame(30_000, Side::Server, "PSH,ACK", 1, 3, "a")
        .frame(70_000, Side::Client, "ACK", 3, 2, "")
        .frame(80_000, Side::Server, "PSH,ACK", 2, 3, "\n");
    let timeline = captured(&mut script);
    assert_eq!(of(&timeline, 6).why, Why::default());
}

/// The ACK for a FIN that was sent three times may be for any of them.
#[test]
fn an_ack_of_what_was_sent_again_was_not_put_off() {
    let mut script = Script::new();
    far(&mut script, 10_000)
        .frame(100_000, Side::Client, "FIN,ACK", 1, 1, "")
        .frame(318_000, Side::Client, "FIN,ACK", 1, 1, "")
        .frame(376_000, Side::Server, "ACK", 1, 2, "");
    let timeline = captured(&mut script);
    assert!(of(&timeline, 4).is_repeat());
    assert!(!of(&timeline, 5).has(FactKind::DelayedAck));
    assert_eq!(of(&timeline, 5).why.reason, Reason::Unknown);
}

/// A byte that was never acknowledged is sent again; one that was asks.
#[test]
fn a_last_byte_again_is_no_keep_alive() {
    let mut script = Script::new();
    far(&mut script, 10_000)
        .frame(20_000, Side::Client, "PSH,ACK", 1, 1, "q")
        .frame(240_000, Side::Client, "PSH,ACK", 1, 1, "q")
        .frame(250_000, Side::Server, "ACK", 1, 2, "")
        .frame(900_000, Side::Client, "ACK", 1, 1, "q")
        .frame(910_000, Side::Server, "ACK", 1, 2, "");
    let timeline = captured(&mut script);
    assert!(of(&timeline, 4).is_repeat() && !of(&timeline, 4).has(FactKind::KeepAlive));
    assert!(!of(&timeline, 6).is_repeat() && of(&timeline, 6).has(FactKind::KeepAlive));
    assert!(of(&timeline, 7).has(FactKind::KeepAliveAck) && !of(&timeline, 7).has(FactKind::DuplicateAck));
}

/// A program on the client's side that writes twice before it reads stalls itself.
#[test]
fn a_clients_own_nagle_stall_is_found() {
    use crate::samples::{read, write};
    let mut script = Script::new();
    script.handshake();
    let mut client = |span: (u64, u64), kind, call: timeline::Call| {
        let (entered, ended) = (crate::samples::moment(span.0), crate::samples::moment(span.1));
        let call = Some(Box::new(timeline::Call { entered, ended, ..call }));
        let action = timeline::ClientAction {
            kind,
            counters: None,
            call,
        };
        let on = script.endpoints;
        script.push(
            span.0,
            timeline::What::Client {
                on,
                action: action.into(),
            },
        );
    };
    let sent = |text: &str| timeline::ClientActionKind::Sent {
        bytes: text.as_bytes().into(),
        len: text.len() as u64,
    };
    client((100, 120), sent("G"), write("G"));
    client((130, 150), sent("ET\n"), write("ET\n"));
    let received = timeline::ClientActionKind::Received {
        bytes: b"ok\n"[..].into(),
        len: 3,
    };
    client((160, 42_000), received, read("ok\n"));
    script
        .frame(110, Side::Client, "PSH,ACK", 1, 1, "G")
        .frame(41_000, Side::Server, "ACK", 1, 2, "")
        .frame(41_010, Side::Client, "PSH,ACK", 2, 1, "ET\n")
        .frame(41_100, Side::Server, "PSH,ACK", 1, 5, "ok\n");
    let timeline = script.timeline();
    let held = of(&timeline, 5);
    assert_eq!(held.why.reason, Reason::Nagle, "{timeline}");
    assert_eq!(timeline.finding_ids(), [RuleId::NagleStall], "{timeline}");
    assert!(
        timeline.findings()[0].message.contains("of the client"),
        "{}",
        timeline.findings()[0]
    );
}

/// Why neither the identification nor the timestamps of a reset tell who sent it: docs/facts.md has the table.
#[test]
fn linux_sends_resets_with_and_without_a_count_and_timestamps() {
    let timeline = samples::committed("lost-answer-step4");
    let marks = |frame: usize| {
        let mut packets = timeline.only().packets();
        let packet = packets.find(|(_, packet)| packet.number == frame).unwrap().1;
        let segment = &packet.segment;
        assert!(packet.from == Side::Server && !packet.facts.has(FactKind::FromBetween));
        (segment.flags, segment.ip.id, segment.options.timestamps.is_some())
    };
    assert_eq!(marks(37), (Flags::FIN | Flags::ACK, Some(0x060a), true));
    assert_eq!(marks(40), (Flags::RST | Flags::ACK, Some(0x060b), true));
    for frame in [41, 42, 45] {
        assert_eq!(marks(frame), (Flags::RST, None, false));
    }
}
