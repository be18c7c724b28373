//! Lanes, as they are drawn.

use std::time::Duration;

use expect_test::{Expect, expect};

use timeline::format::line::Role;
use timeline::format::pcapng;
use timeline::format::text::Lanes;
use timeline::*;

use crate::samples::{self, Script, call, read, write};

fn check(timeline: &Timeline, expected: &Expect) {
    expected.assert_eq(&timeline.to_string());
}

/// What a reader of the timeline's capture file gets.
fn from_file(timeline: &Timeline) -> Timeline {
    let mut file = Vec::new();
    pcapng::write(timeline, "echo", &mut file).unwrap();
    pcapng::read(&file[..]).unwrap().into_timeline()
}

/// What a reader of somebody else's capture of the same packets gets.
fn from_packets_alone(timeline: &Timeline) -> Timeline {
    let frame = |event: &Event| match &event.kind {
        EventKind::Packet(packet) => Some(Record {
            at: event.at,
            what: What::Frame {
                frame: packet.frame.clone(),
                link_type: packet.link_type,
                wire_len: packet.wire_len,
                comment: None,
                passage: None,
                segment: Some(packet.segment.clone()),
            },
        }),
        _ => None,
    };
    let records: Vec<Record> = timeline.events.iter().filter_map(frame).collect();
    Recording {
        level: Level::Capture,
        numbers: (1..=records.len()).map(FrameNumber::of).map(Some).collect(),
        records,
        dropped: 0,
        not_kept: 0,
        undecoded: Default::default(),
    }
    .into_timeline()
}

fn without_packets(script: &Script) -> Timeline {
    let mut recording = script.recording.clone();
    recording.level = Level::NoPackets;
    recording
        .records
        .retain(|record| !matches!(record.what, What::Frame { .. }));
    recording.into_timeline()
}

#[test]
fn a_stall() {
    check(
        &samples::two_writes().timeline(),
        &expect![[r#"
            client 127.0.0.1:57464 → server 127.0.0.1:3000
              ms  # client     ╷                                   ╷  server
             0.0  1 connect    ├ SYN seq 0 ───────────────────────►│
             0.0  2            │◄───────────── SYN,ACK seq 0 ack 1 ┤
             0.0  3            ├ ACK seq 1 ack 1 ─────────────────►│
             0.0  4            │                                   │  socket: ESTABLISHED
             0.1  5            │                                   │  accept4(8) = 9
             0.1  6 send "1\n" ├ PSH,ACK seq 1 ack 1 len 2 "1\n" ─►│
             0.1  7            │◄───────────────── ACK seq 1 ack 3 ┤
             0.1  8            │                                   │  recvfrom(9, "1\n") = 2
             0.2  9            │                                   │┌ sendto(9, "1", 1) = 1
             0.2 10            │◄─── PSH,ACK seq 1 ack 3 len 1 "1" ┤│
             0.2 11            ├ ACK seq 3 ack 2 ─────────────────►│└
             0.2 12            │                                   │┌ sendto(9, "\n", 1) = 1
             0.3 13            │◄── PSH,ACK seq 2 ack 3 len 1 "\n" ┤│
             0.3 14            ├ ACK seq 3 ack 3 ─────────────────►│└
             0.3    recv "1\n" │                                   │
             0.4 15 send "2\n" ├ PSH,ACK seq 3 ack 3 len 2 "2\n" ─►│
             0.5 16            │                                   │  recvfrom(9, "2\n") = 2
             0.5 17            │                                   │┌ sendto(9, "2", 1) = 1
             0.5 18            │◄─── PSH,ACK seq 3 ack 5 len 1 "2" ┤└
             0.6 19            │                                   │┌ sendto(9, "\n", 1) = 1
               ┊               │                                   │┆ Nagle waits for an ACK
            42.6 20            ├ ACK seq 5 ack 4 ─────────────────►│┆
            42.6 21            │◄── PSH,ACK seq 4 ack 5 len 1 "\n" ┤╰ held until frame 20
            42.6 22            ├ ACK seq 5 ack 5 ─────────────────►│
            42.7    recv "2\n" │                                   │
            42.8 23 close      ├ FIN,ACK seq 5 ack 5 ─────────────►│
            42.8 24            │                                   │  socket: CLOSE_WAIT
            42.8 25            │◄───────────────── ACK seq 5 ack 6 ┤
            42.8 26 FIN_WAIT2  │                                   │
            42.9 27            │                                   │  recvfrom(9, "") = 0

            writes per reply      2, 2
            packets per exchange  6, 5
            stalls                frame 21 waited 42 ms for the ACK in frame 20
            teardown              left open: the server's socket is in CLOSE_WAIT
        "#]],
    );
}

#[test]
fn a_stall_from_a_capture_file() {
    check(
        &from_packets_alone(&samples::two_writes().timeline()),
        &expect![[r#"
            From a capture file of packets alone. Socket states are worked out from the
            segments.

            client 127.0.0.1:57464 → server 127.0.0.1:3000
              ms  # client    ╷                                   ╷  server
             0.0  1           ├ SYN seq 0 ───────────────────────►│
             0.0  2           │◄───────────── SYN,ACK seq 0 ack 1 ┤
             0.0  3           ├ ACK seq 1 ack 1 ─────────────────►│  socket: ESTABLISHED
             0.1  4           ├ PSH,ACK seq 1 ack 1 len 2 "1\n" ─►│
             0.1  5           │◄───────────────── ACK seq 1 ack 3 ┤
             0.2  6           │◄─── PSH,ACK seq 1 ack 3 len 1 "1" ┤
             0.2  7           ├ ACK seq 3 ack 2 ─────────────────►│
             0.3  8           │◄── PSH,ACK seq 2 ack 3 len 1 "\n" ┤
             0.3  9           ├ ACK seq 3 ack 3 ─────────────────►│
             0.4 10           ├ PSH,ACK seq 3 ack 3 len 2 "2\n" ─►│
             0.5 11           │◄─── PSH,ACK seq 3 ack 5 len 1 "2" ┤
               ┊              │                                   │
            42.6 12           ├ ACK seq 5 ack 4 ─────────────────►│
            42.6 13           │◄── PSH,ACK seq 4 ack 5 len 1 "\n" ┤
            42.6 14           ├ ACK seq 5 ack 5 ─────────────────►│
            42.8 15           ├ FIN,ACK seq 5 ack 5 ─────────────►│
            42.8 16 FIN_WAIT2 │◄───────────────── ACK seq 5 ack 6 ┤  socket: CLOSE_WAIT

            segments per reply    2, 2
            packets per exchange  6, 5
            teardown              half open: the client has sent its FIN, the server none
                                  yet where the capture ends, less than 1 ms later
        "#]],
    );
}

#[test]
fn a_file_of_ours_is_drawn_as_the_run_was() {
    for script in [samples::two_writes(), samples::clean_close(), samples::client_reset()] {
        let timeline = script.timeline();
        assert_eq!(from_file(&timeline).to_string(), timeline.to_string());
    }
}

#[test]
fn a_stall_in_narrow_lanes() {
    expect![[r#"
        client 127.0.0.1:57464 → server 127.0.0.1:3000
          ms  # client    ╷                       ╷  server
         0.0  1 connect   ├ SYN seq 0 ───────────►│
         0.0  2           │◄─────── SYN,ACK seq 0 ┤
         0.0  3           ├ ACK ack 1 ───────────►│
         0.0  4           │                       │  ESTABLISHED
         0.1  5           │                       │  accept4(8) = 9
         0.1  6 send      ├ PSH,ACK len 2 "1\n" ─►│
         0.1  7           │◄─────────── ACK ack 3 ┤
         0.1  8           │                       │  recvfrom = 2
         0.2  9           │                       │┌ sendto("1") = 1
         0.2 10           │◄─── PSH,ACK len 1 "1" ┤│
         0.2 11           ├ ACK ack 2 ───────────►│└
         0.2 12           │                       │┌ sendto = 1
         0.3 13           │◄── PSH,ACK len 1 "\n" ┤│
         0.3 14           ├ ACK ack 3 ───────────►│└
         0.3    recv      │                       │
         0.4 15 send      ├ PSH,ACK len 2 "2\n" ─►│
         0.5 16           │                       │  recvfrom = 2
         0.5 17           │                       │┌ sendto("2") = 1
         0.5 18           │◄─── PSH,ACK len 1 "2" ┤└
         0.6 19           │                       │┌ sendto = 1
           ┊              │                       │┆ Nagle waits
        42.6 20           ├ ACK ack 4 ───────────►│┆
        42.6 21           │◄── PSH,ACK len 1 "\n" ┤╰ until frame 20
        42.6 22           ├ ACK ack 5 ───────────►│
        42.7    recv      │                       │
        42.8 23 close     ├ FIN,ACK seq 5 ───────►│
        42.8 24           │                       │  CLOSE_WAIT
        42.8 25           │◄─────────── ACK ack 6 ┤
        42.8 26 FIN_WAIT2 │                       │
        42.9 27           │                       │  recvfrom = 0

        writes per reply      2, 2
        packets per exchange  6, 5
        stalls                frame 21 waited 42 ms for the ACK in
                              frame 20
        teardown              left open: the server's socket is in
                              CLOSE_WAIT
    "#]]
    .assert_eq(&Lanes::with_width(60).draw(&samples::two_writes().timeline()));
}

#[test]
fn a_stall_in_wide_lanes() {
    expect![[r#"
        client 127.0.0.1:57464 → server 127.0.0.1:3000
          ms  # client     ╷                                   ╷  server
         0.0  1 connect    ├ SYN seq 0 ───────────────────────►│
         0.0  2            │◄───────────── SYN,ACK seq 0 ack 1 ┤
         0.0  3            ├ ACK seq 1 ack 1 ─────────────────►│
         0.0  4            │                                   │  socket: ESTABLISHED
         0.1  5            │                                   │  accept4(8) = 9
         0.1  6 send "1\n" ├ PSH,ACK seq 1 ack 1 len 2 "1\n" ─►│
         0.1  7            │◄───────────────── ACK seq 1 ack 3 ┤
         0.1  8            │                                   │  recvfrom(9, "1\n", 8192) = 2
         0.2  9            │                                   │┌ sendto(9, "1", 1) = 1
         0.2 10            │◄─── PSH,ACK seq 1 ack 3 len 1 "1" ┤│
         0.2 11            ├ ACK seq 3 ack 2 ─────────────────►│└
         0.2 12            │                                   │┌ sendto(9, "\n", 1) = 1
         0.3 13            │◄── PSH,ACK seq 2 ack 3 len 1 "\n" ┤│
         0.3 14            ├ ACK seq 3 ack 3 ─────────────────►│└
         0.3    recv "1\n" │                                   │
         0.4 15 send "2\n" ├ PSH,ACK seq 3 ack 3 len 2 "2\n" ─►│
         0.5 16            │                                   │  recvfrom(9, "2\n", 8192) = 2
         0.5 17            │                                   │┌ sendto(9, "2", 1) = 1
         0.5 18            │◄─── PSH,ACK seq 3 ack 5 len 1 "2" ┤└
         0.6 19            │                                   │┌ sendto(9, "\n", 1) = 1
           ┊               │                                   │┆ Nagle waits for an ACK
        42.6 20            ├ ACK seq 5 ack 4 ─────────────────►│┆
        42.6 21            │◄── PSH,ACK seq 4 ack 5 len 1 "\n" ┤╰ sendto of 0.6 ms, held until frame 20
        42.6 22            ├ ACK seq 5 ack 5 ─────────────────►│
        42.7    recv "2\n" │                                   │
        42.8 23 close      ├ FIN,ACK seq 5 ack 5 ─────────────►│
        42.8 24            │                                   │  socket: CLOSE_WAIT
        42.8 25            │◄───────────────── ACK seq 5 ack 6 ┤
        42.8 26 FIN_WAIT2  │                                   │
        42.9 27            │                                   │  recvfrom(9, "", 8192) = 0

        writes per reply      2, 2
        packets per exchange  6, 5
        stalls                frame 21 waited 42 ms for the ACK in frame 20
        teardown              left open: the server's socket is in CLOSE_WAIT
    "#]]
    .assert_eq(&Lanes::with_width(120).draw(&samples::two_writes().timeline()));
}

#[test]
fn a_clean_close() {
    check(
        &samples::clean_close().timeline(),
        &expect![[r#"
            client 127.0.0.1:57464 → server 127.0.0.1:3000
             ms  # client     ╷                                   ╷  server
            0.0  1 connect    ├ SYN seq 0 ───────────────────────►│
            0.0  2            │◄───────────── SYN,ACK seq 0 ack 1 ┤
            0.0  3            ├ ACK seq 1 ack 1 ─────────────────►│
            0.0  4            │                                   │  socket: ESTABLISHED
            0.1  5            │                                   │  accept4(8) = 9
            0.1  6 send "1\n" ├ PSH,ACK seq 1 ack 1 len 2 "1\n" ─►│
            0.1  7            │◄───────────────── ACK seq 1 ack 3 ┤
            0.1  8            │                                   │  recvfrom(9, "1\n") = 2
            0.2  9            │                                   │┌ sendto(9, "1\n", 2) = 2
            0.2 10            │◄─ PSH,ACK seq 1 ack 3 len 2 "1\n" ┤│
            0.2 11            ├ ACK seq 3 ack 3 ─────────────────►│└
            0.3    recv "1\n" │                                   │
            0.4 12 close      ├ FIN,ACK seq 3 ack 3 ─────────────►│
            0.4 13            │                                   │  socket: CLOSE_WAIT
            0.5 14            │                                   │  recvfrom(9, "") = 0
            0.5 15            │                                   │┌ close(9) = 0
            0.5 16            │◄───────────── FIN,ACK seq 3 ack 4 ┤│
            0.5 17 TIME_WAIT  │                                   ││
            0.5 18            │                                   ││ socket: LAST_ACK
            0.5 19            ├ ACK seq 4 ack 4 ─────────────────►│└
            0.5 20            │                                   │  socket: closed

            writes per reply      1
            packets per exchange  4
            stalls                none
            teardown              clean: the client closed first and is in TIME_WAIT
        "#]],
    );
}

#[test]
fn a_clean_close_from_a_capture_file() {
    check(
        &from_packets_alone(&samples::clean_close().timeline()),
        &expect![[r#"
            From a capture file of packets alone. Socket states are worked out from the
            segments.

            client 127.0.0.1:57464 → server 127.0.0.1:3000
             ms  # client    ╷                                   ╷  server
            0.0  1           ├ SYN seq 0 ───────────────────────►│
            0.0  2           │◄───────────── SYN,ACK seq 0 ack 1 ┤
            0.0  3           ├ ACK seq 1 ack 1 ─────────────────►│  socket: ESTABLISHED
            0.1  4           ├ PSH,ACK seq 1 ack 1 len 2 "1\n" ─►│
            0.1  5           │◄───────────────── ACK seq 1 ack 3 ┤
            0.2  6           │◄─ PSH,ACK seq 1 ack 3 len 2 "1\n" ┤
            0.2  7           ├ ACK seq 3 ack 3 ─────────────────►│
            0.4  8           ├ FIN,ACK seq 3 ack 3 ─────────────►│
            0.5  9 FIN_WAIT2 │◄───────────── FIN,ACK seq 3 ack 4 ┤  socket: LAST_ACK
            0.5 10 TIME_WAIT ├ ACK seq 4 ack 4 ─────────────────►│  socket: closed

            segments per reply    1
            packets per exchange  4
            teardown              clean: the client closed first and is in TIME_WAIT
        "#]],
    );
}

#[test]
fn a_reset() {
    check(
        &samples::client_reset().timeline(),
        &expect![[r#"
            client 127.0.0.1:57464 → server 127.0.0.1:3000
             ms  # client     ╷                                   ╷  server
            0.0  1 connect    ├ SYN seq 0 ───────────────────────►│
            0.0  2            │◄───────────── SYN,ACK seq 0 ack 1 ┤
            0.0  3            ├ ACK seq 1 ack 1 ─────────────────►│
            0.0  4            │                                   │  socket: ESTABLISHED
            0.1  5            │                                   │  accept4(8) = 9
            0.1  6 send "1\n" ├ PSH,ACK seq 1 ack 1 len 2 "1\n" ─►│
            0.1  7            │◄───────────────── ACK seq 1 ack 3 ┤
            0.1  8            │                                   │  recvfrom(9, "1\n") = 2
            0.2  9            │                                   │┌ sendto(9, "1\n", 2) = 2
            0.2 10            │◄─ PSH,ACK seq 1 ack 3 len 2 "1\n" ┤│
            0.2 11            ├ ACK seq 3 ack 3 ─────────────────►│└
            0.3    recv "1\n" │                                   │
            0.4 12 reset      ├ RST,ACK seq 3 ack 3 ─────────────►│
            0.4 13            │                                   │  socket: closed
            0.5 14            │                                   │  recvfrom: ECONNRESET

            writes per reply      1
            packets per exchange  4
            stalls                none
            teardown              reset by the client
        "#]],
    );
}

#[test]
fn calls_and_states_only() {
    check(
        &without_packets(&samples::two_writes()),
        &expect![[r#"
        No packets could be captured. Packet counts are the kernel's own (TCP_INFO).

        client 127.0.0.1:57464 → server 127.0.0.1:3000
          ms client     ╷  server
         0.0 connect    │
         0.0            │  socket: ESTABLISHED
         0.0            │  accept4(8) = 9
         0.1 send "1\n" │
         0.1            │  recvfrom(9, "1\n", 8192) = 2
         0.2            │  sendto(9, "1", 1) = 1
         0.2            │  sendto(9, "\n", 1) = 1
         0.3 recv "1\n" │
         0.3 send "2\n" │
         0.4            │  recvfrom(9, "2\n", 8192) = 2
         0.5            │  sendto(9, "2", 1) = 1
         0.5            │  sendto(9, "\n", 1) = 1
           ┊            │
        42.7 recv "2\n" │
        42.8 close      │
        42.8            │  socket: CLOSE_WAIT
        42.9            │  recvfrom(9, "", 8192) = 0

        writes per reply      2, 2
        packets per exchange  none
        teardown              left open: the server's socket is in CLOSE_WAIT
    "#]],
    );
}

#[test]
fn two_connections_drops_and_failed_accepts() {
    let mut script = Script::new();
    script
        .handshake()
        .send(90, "hello, world\n")
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "hello, world\n");
    let mut other = Script::with_client_port(57466);
    other.handshake().call((200, 210), read("")).close((220, 230));
    script.recording.records.extend(other.recording.records);
    script.recording.dropped = 3;
    script.recording.level = Level::Loopback;
    for micros in [300, 310] {
        let failed = Call {
            fd: 8,
            result: Some(Err(Errno(24))),
            ..call("accept4", CallKind::Accept)
        };
        script.push(
            micros,
            What::Call {
                on: None,
                call: failed.into(),
            },
        );
    }
    let exit = ProcessEventKind::Exited(Exit::Status(1));
    script.push(400, What::Process(ProcessEvent { pid: 100, kind: exit }.into()));
    check(
        &script.timeline(),
        &expect![[r#"
            Captured on the host's own loopback interface, not in a private network.
            The capture is not whole: 3 packets were dropped, so counts of packets are the
            least there can be.

            connection 1 of 2: client 127.0.0.1:57464 → server 127.0.0.1:3000
             ms  # client     ╷                                       ╷  server
            0.0  1 connect    ├ SYN seq 0 ───────────────────────────►│
            0.0  3            │◄───────────────── SYN,ACK seq 0 ack 1 ┤
            0.0  5            ├ ACK seq 1 ack 1 ─────────────────────►│
            0.0  7            │                                       │  socket: ESTABLISHED
            0.1  9            │                                       │  accept4(8) = 9
            0.1 11 send       ├ PSH,ACK seq 1 ack 1 len 13 "hel"... ─►│

            writes per reply      none
            packets per exchange  at least 1
            stalls                none seen
            teardown              none: neither side has sent a FIN

            connection 2 of 2: client 127.0.0.1:57466 → server 127.0.0.1:3000
             ms  # client  ╷                       ╷  server
            0.0  2 connect ├ SYN seq 0 ───────────►│
            0.0  4         │◄─ SYN,ACK seq 0 ack 1 ┤
            0.0  6         ├ ACK seq 1 ack 1 ─────►│
            0.0  8         │                       │  socket: ESTABLISHED
            0.1 10         │                       │  accept4(8) = 9
            0.2 12         │                       │  recvfrom(9, "", 8192) = 0
            0.2 13         │                       │  close(9) = 0

            writes per reply      none
            packets per exchange  none seen
            stalls                none seen
            teardown              left open: the server's socket is in ESTABLISHED
            server                accept4(8) = -1 EMFILE (2 times)
            server                process 100 ended: exit status 1
        "#]],
    );
}

/// Writes that fail, are too long for one segment, wait for the window, or go out together.
#[test]
fn unusual_writes() {
    let long = "x".repeat(2000);
    let mut script = Script::new();
    script
        .handshake()
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "a`|\\\u{7f}")
        .read(150, "a`|\\\u{7f}")
        .write((200, 240), &long)
        .frame(210, Side::Server, "ACK", 1, 6, &long[..1400])
        .frame_with_window(220, Side::Client, "ACK", (6, 1401), 0, "")
        .frame_with_window(5_000, Side::Client, "ACK", (6, 1401), 600, "")
        .frame(5_010, Side::Server, "PSH,ACK", 1401, 6, &long[..600])
        .frame(205_000, Side::Server, "PSH,ACK", 1401, 6, &long[..600])
        .frame(205_010, Side::Client, "ACK", 6, 2001, "")
        .call(
            (205_100, 205_110),
            Call {
                result: Some(Err(Errno(32))),
                ..write("y")
            },
        )
        .call(
            (205_200, 205_210),
            Call {
                detail: Some(Box::new("TCP_NODELAY, 1".into())),
                argument: Some(Argument::Option(SocketOption::NoDelay(true)).into()),
                ..call("setsockopt", CallKind::SetOption)
            },
        )
        .client(
            205_300,
            ClientActionKind::Failed("Connection reset by peer (os error 104)".into()),
        );
    check(
        &script.timeline(),
        &expect![[r#"
            client 127.0.0.1:57464 → server 127.0.0.1:3000
               ms  # client     ╷                                  ╷  server
              0.0  1 connect    ├ SYN seq 0 ──────────────────────►│
              0.0  2            │◄──────────── SYN,ACK seq 0 ack 1 ┤
              0.0  3            ├ ACK seq 1 ack 1 ────────────────►│
              0.0  4            │                                  │  socket: ESTABLISHED
              0.1  5            │                                  │  accept4(8) = 9
              0.1  6            ├ PSH,ACK seq 1 ack 1 len 5 ──────►│
              0.1  7            │                                  │  recvfrom = 5
              0.2  8            │                                  │┌ sendto = 2000
              0.2  9            │◄─────── ACK seq 1 ack 6 len 1400 ┤│
              0.2 10            ├ ACK seq 6 ack 1401 win 0 ───────►│└
              5.0 11 window     ├ ACK seq 6 ack 1401 ─────────────►│
              5.0 12            │◄─ PSH,ACK seq 1401 ack 6 len 600 ┤  of sendto at 0.2
                ┊               │                                  │
            205.0 13            │◄─ PSH,ACK seq 1401 ack 6 len 600 ┤  sent again
            205.0 14            ├ ACK seq 6 ack 2001 ─────────────►│
            205.1 15            │                                  │  sendto("y") = -1 EPIPE
            205.2 16            │                                  │  TCP_NODELAY, 1
            205.3    failed     │                                  │

            writes per reply      1
            packets per exchange  7
            stalls                none
            teardown              none: neither side has sent a FIN
        "#]],
    );
}

#[test]
fn no_connection() {
    let script = Script::new();
    check(
        &script.timeline(),
        &expect![[r#"
        no connection
    "#]],
    );
}

#[test]
fn many_rows_are_cut_in_the_middle() {
    let lanes = Lanes {
        rows: 6,
        ..Lanes::default()
    };
    expect![[r#"
        client 127.0.0.1:57464 → server 127.0.0.1:3000
         ms  # client     ╷                                   ╷  server
        0.0  1 connect    ├ SYN seq 0 ───────────────────────►│
        0.0  2            │◄───────────── SYN,ACK seq 0 ack 1 ┤
        0.0  3            ├ ACK seq 1 ack 1 ─────────────────►│
            ... 15 rows are left out ...
        0.5 18            │                                   ││ socket: LAST_ACK
        0.5 19            ├ ACK seq 4 ack 4 ─────────────────►│└
        0.5 20            │                                   │  socket: closed

        writes per reply      1
        packets per exchange  4
        stalls                none
        teardown              clean: the client closed first and is in TIME_WAIT
    "#]]
    .assert_eq(&lanes.draw(&samples::clean_close().timeline()));
}

#[test]
fn a_capture_file_of_others_tells_nothing_of_stalls() {
    let timeline = samples::two_writes().timeline();
    assert!(timeline.to_string().contains("\nstalls "));
    assert!(!from_packets_alone(&timeline).to_string().contains("\nstalls "));
}

#[test]
fn many_connections_are_cut() {
    let mut script = Script::new();
    for port in 1..=3 {
        let mut other = Script::with_client_port(port);
        other.frame(u64::from(port), Side::Client, "SYN", 0, 0, "");
        script.recording.records.extend(other.recording.records);
    }
    let drawn = Lanes {
        connections: 2,
        ..Lanes::default()
    }
    .draw(&script.timeline());
    assert!(
        drawn.contains("connection 2 of 3: ") && !drawn.contains("connection 3 of 3: "),
        "{drawn}"
    );
    assert!(drawn.ends_with("\n... 1 connection is left out ...\n"), "{drawn}");
}

/// The socket table is read late; what it saw belongs to the packets before.
#[test]
fn states_stand_at_the_packets_that_brought_them() {
    let mut script = samples::clean_close();
    let late = |record: &mut Record| {
        if matches!(record.what, What::State { .. }) {
            record.at = Timestamp(record.at.0 + 90_000_000);
        }
    };
    script.recording.records.iter_mut().for_each(late);
    assert_eq!(
        script.timeline().to_string(),
        samples::clean_close().timeline().to_string()
    );
}

/// What the table says last is drawn where the packets say otherwise.
#[test]
fn a_state_that_packets_do_not_tell_is_drawn_where_it_was_seen() {
    let mut script = samples::clean_close();
    script.state(5_000, Side::Server, None, Some(TcpState::LastAck));
    let drawn = script.timeline().to_string();
    let last = drawn.lines().rfind(|line| line.contains("socket: ")).unwrap();
    assert!(
        last.starts_with("5.0 ") && last.ends_with("socket: LAST_ACK"),
        "{drawn}"
    );
}

#[test]
fn no_line_is_wider_than_asked_for() {
    let long = "long \u{1} ".repeat(40);
    let mut wide = Script::with_client_port(1);
    wide.handshake()
        .send(90, &long)
        .frame(1_234_567_890, Side::Client, "PSH,ACK", 3_000_000_000, 1, &long)
        .client(1_234_567_990, ClientActionKind::Failed("why ".repeat(50)))
        .call((1_234_567_990, 1_234_568_990), write(&long));
    let mut timelines: Vec<Timeline> = [
        samples::two_writes(),
        samples::clean_close(),
        samples::client_reset(),
        wide,
    ]
    .iter()
    .map(Script::timeline)
    .collect();
    timelines.extend(timelines.clone().iter().map(from_packets_alone));
    timelines.push(without_packets(&samples::two_writes()));
    for timeline in &mut timelines {
        let drawn = (60..=160).step_by(2).chain([61]).flat_map(|width| {
            let lines = Lanes::with_width(width).lines(timeline);
            lines.into_iter().map(move |line| (width, line.to_string()))
        });
        for (width, line) in drawn {
            assert!(timeline::width::columns(&line) <= width, "wider than {width}: {line}");
            assert!(!line.contains(char::is_control), "a control character in: {line:?}");
        }
    }
}

#[test]
fn comments_of_others_cannot_break_the_lanes() {
    let mut script = samples::clean_close();
    script.recording.level = Level::Capture;
    for record in &mut script.recording.records {
        if let What::Frame { comment, .. } = &mut record.what {
            *comment = Some("call: server: \u{1b}[2J世界".repeat(30).into());
        }
    }
    let timeline = script.timeline();
    for line in Lanes::default().lines(&timeline) {
        let line = line.to_string();
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains(['\u{1b}', '世']), "{line:?}");
    }
}

#[test]
fn the_pieces_of_a_line_have_roles() {
    let lines = Lanes::default().lines(&samples::two_writes().timeline());
    let held = lines
        .iter()
        .find(|line| line.to_string().contains("held until"))
        .unwrap();
    let roles: Vec<Role> = held.spans.iter().map(|span| span.role).collect();
    let wire = [Role::Wire, Role::Segment, Role::Wire];
    let expected = [
        &[Role::Time, Role::Frame, Role::Client],
        &wire[..],
        &[Role::Bracket, Role::Held],
    ]
    .concat();
    assert_eq!(roles, expected);
}

/// Behind a wire a packet has two times, or is lost; what was done to it stands below.
#[test]
fn packets_of_a_wire() {
    let mut recording = Script::new()
        .frame(0, Side::Client, "SYN", 0, 0, "")
        .frame(20_000, Side::Server, "SYN,ACK", 0, 1, "")
        .frame(40_000, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .frame(60_000, Side::Server, "PSH,ACK", 1, 3, "1\n")
        .frame(300_000, Side::Server, "PSH,ACK", 1, 3, "1\n")
        .recording
        .clone();
    let lost = "lost: the cable is cut (after server data 1)".to_owned();
    let fates = [
        None,
        None,
        Some("came twice: \"client data 1\"".to_owned()),
        Some(lost),
        None,
    ];
    let view = TcpView {
        state: Some(TcpState::Established),
        congestion: CongestionState::Loss,
        cwnd: 1,
        ssthresh: Some(5),
        rtt: Duration::from_micros(20_400),
        rttvar: Duration::ZERO,
        rto: Duration::from_millis(440),
        unacked: 1,
        sacked: 0,
        lost: 1,
        retransmits: 1,
        total_retransmits: 1,
    };
    for (record, fate) in recording.records.iter_mut().zip(fates) {
        let comes = Timestamp(record.at.0 + 10_000_000);
        let What::Frame { passage, .. } = &mut record.what else {
            panic!()
        };
        let is_lost = fate.as_deref().is_some_and(|fate| fate.starts_with("lost"));
        *passage = Some(Box::new(Passage {
            arrivals: if is_lost { vec![] } else { vec![comes] },
            what: fate,
            tcp: Some(Box::new(TcpViews {
                client: None,
                server: Some(view.clone()),
            })),
            ..Passage::default()
        }));
    }
    let timeline = recording.into_timeline();
    assert_eq!(from_file(&timeline), timeline);
    check(
        &timeline,
        &expect![[r#"
        client 127.0.0.1:57464 → server 127.0.0.1:3000
           ms  came # client  ╷                             ╷  server
          0.0  10.0 1 connect ├ SYN seq 0 ─────────────────►│
            ┊                 │                             │
         20.0  30.0 2         │◄───────────── SYN,ACK seq 0 ┤
            ┊                 │                             │
         40.0  50.0 3         ├ PSH,ACK seq 1 len 2 "1\n" ─►│
                              │ came twice: "client data 1" │
            ┊                 │                             │
         60.0  lost 4         │ ✗ PSH,ACK seq 1 len 2 "1\n" ┤
                              │   lost: the cable is cut    │  cwnd 1 rto 440 ms
            ┊                 │                             │
        300.0 310.0 5         │◄─ PSH,ACK seq 1 len 2 "1\n" ┤  sent again
                              │                             │  cwnd 1 rto 440 ms

        writes per reply      none
        packets per exchange  3
        stalls                none
        teardown              none: neither side has sent a FIN
    "#]],
    );
}

/// An address of IPv6 holds colons, and none of them ends what is told of a process.
#[test]
fn an_address_that_is_dialled_is_told_to_its_end() {
    let on = Endpoints {
        client: "[2001:db8::2]:40000".parse().unwrap(),
        server: "[2001:db8::1]:5432".parse().unwrap(),
    };
    let mut script = samples::clean_close();
    let kind = ProcessEventKind::Dials { on: on.into() };
    script.push(800, What::Process(ProcessEvent { pid: 100, kind }.into()));
    let timeline = script.timeline();
    for width in 60..=160 {
        let drawn = Lanes::with_width(width).draw(&timeline);
        let told = drawn.lines().find(|line| line.contains("100 of"));
        let told = told.unwrap_or_else(|| panic!("{width}: {drawn}"));
        let is_whole = told.contains("connects to [2001:db8::1]:5432");
        assert!(is_whole || told.ends_with('…'), "{width}: {told}");
    }
}

/// Lines of a server, a reason, and an address that hold characters of two columns, of none, and pairs that are wider
/// than each for itself.
fn of_all_widths() -> Script {
    const WIDE: &str = "漢字漢字 e\u{301}e\u{301} ❤\u{fe0f}❤\u{fe0f} 1\u{fe0f}\u{20e3} 👍🏽 🦀🇩🇪 世界";
    let mut script = samples::clean_close();
    let wrote = |line: String| {
        What::Process(
            ProcessEvent {
                pid: 100,
                kind: ProcessEventKind::Wrote {
                    stream: OutputStream::Stdout,
                    line,
                },
            }
            .into(),
        )
    };
    for length in 1..40 {
        script.push(600 + length as u64, wrote("漢字".repeat(length)));
        script.push(600 + length as u64, wrote(WIDE.repeat(length)));
        script.client(700, ClientActionKind::Failed(WIDE.chars().skip(length).collect()));
    }
    let listen = call("listen", CallKind::Listen);
    let detail = Some(Box::new(WIDE.into()));
    let without = |program: &str| ProcessEventKind::WithoutRights {
        program: program.to_owned(),
        rights: WIDE.repeat(5),
    };
    script.push(
        800,
        What::Process(
            ProcessEvent {
                pid: 100,
                kind: without(WIDE),
            }
            .into(),
        ),
    );
    script.call((10, 20), Call { detail, ..listen });
    script
}

#[test]
fn what_is_wide_is_no_wider_than_asked_for() {
    use unicode_width::UnicodeWidthStr;
    let timeline = of_all_widths().timeline();
    for width in 60..=160 {
        let lanes = Lanes {
            output: true,
            ..Lanes::with_width(width)
        };
        let mut ends = Vec::new();
        for line in lanes.lines(&timeline) {
            let drawn = line.to_string();
            assert!(drawn.width() <= width, "wider than {width}: {drawn}");
            // Between the two ends of the wire stands no text of the client's or the server's.
            let before = drawn.split(['│', '├', '╷']).next().unwrap_or_default();
            if line.spans.iter().any(|span| span.role == Role::Bracket) {
                ends.push(before.width());
            }
        }
        ends.dedup();
        assert_eq!(ends.len(), 1, "the client's lane is as wide everywhere, of {width}");
    }
}
