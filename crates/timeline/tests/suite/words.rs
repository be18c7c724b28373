//! A sentence for each packet.

use expect_test::{Expect, expect};

use timeline::words::*;
use timeline::*;

use crate::samples::{self, Script, call, read, write};

/// The explanations of a run's packets from the `first` on, counted from 1, one line each.
fn check(script: &Script, first: usize, expected: &Expect) {
    let timeline = script.timeline();
    let mut drawn = String::new();
    for (place, (index, explanation)) in (1..).zip(explain_all(&timeline)) {
        let packet = timeline.packet(index).unwrap();
        assert_eq!(explain(&timeline, index).as_ref(), Some(&explanation));
        assert_eq!(Explanation::from_comment(&explanation.to_comment()), explanation);
        if place >= first {
            let calls: Vec<String> = explanation.calls.iter().map(ToString::to_string).collect();
            let call = match calls.is_empty() {
                true => String::new(),
                false => format!(" [{}]", calls.join("\n")),
            };
            let short = packet.short();
            let short = short.split(" \"").next().unwrap_or_default();
            drawn += &format!("{short}{call}: {}\n", explanation.sentence);
        }
    }
    expected.assert_eq(&drawn);
}

#[test]
fn two_writes() {
    check(
        &samples::two_writes(),
        1,
        &expect![[r#"
        C>S SYN seq 0 [client: connect]: The client asks for a connection and names its first sequence number.
        S>C SYN,ACK seq 0 ack 1: The server's kernel accepts and names its own first sequence number. The server need not have called accept yet.
        C>S ACK seq 1 ack 1: The client's kernel acknowledges the SYN of the server: the connection is established.
        C>S PSH,ACK seq 1 ack 1 len 2 [client: send "1\n"]: The client sends its request.
        S>C ACK seq 1 ack 3: The kernel acknowledges the request before the server has replied: early in a connection Linux acknowledges at once (quick ACK).
        S>C PSH,ACK seq 1 ack 3 len 1 [server: sendto(9, "1", 1) = 1]: The first part of the reply. It leaves at once, since nothing before it waits for an ACK.
        C>S ACK seq 3 ack 2: The client's kernel acknowledges the first part of the reply.
        S>C PSH,ACK seq 2 ack 3 len 1 [server: sendto(9, "\n", 1) = 1]: The last part of the reply. It leaves at once, since the part before it is acknowledged.
        C>S ACK seq 3 ack 3: The client's kernel acknowledges the last part of the reply.
        C>S PSH,ACK seq 3 ack 3 len 2 [client: send "2\n"]: The client sends its request.
        S>C PSH,ACK seq 3 ack 5 len 1 [server: sendto(9, "2", 1) = 1]: The first part of the reply. It leaves at once, since nothing before it waits for an ACK. The ACK of the request rides along.
        C>S ACK seq 5 ack 4: A delayed ACK: for 42 ms the client's kernel hoped to send it along with data. It lets the held segment go, frame 21.
        S>C PSH,ACK seq 4 ack 5 len 1 [server: sendto(9, "\n", 1) = 1]: Held back: `sendto` returned 42 ms before this packet left. Nagle's algorithm waited for the ACK in frame 20.
        C>S ACK seq 5 ack 5: The client's kernel acknowledges the last part of the reply.
        C>S FIN,ACK seq 5 ack 5 [client: close]: The client closes first. FIN says that it will send no more.
        S>C ACK seq 5 ack 6: The server's kernel acknowledges the FIN. The server never closes: its socket is left in CLOSE_WAIT.
    "#]],
    );
}

#[test]
fn clean_close() {
    check(
        &samples::clean_close(),
        6,
        &expect![[r#"
        S>C PSH,ACK seq 1 ack 3 len 2 [server: sendto(9, "1\n", 2) = 2]: The whole reply in one segment.
        C>S ACK seq 3 ack 3: The client's kernel acknowledges the reply.
        C>S FIN,ACK seq 3 ack 3 [client: close]: The client closes first. FIN says that it will send no more.
        S>C FIN,ACK seq 3 ack 4 [server: close(9) = 0]: The server closes too. Its FIN ends the other direction. The same segment acknowledges the FIN of the client.
        C>S ACK seq 4 ack 4: The client's kernel acknowledges the FIN: both sides have closed. The client, which closed first, waits in TIME_WAIT.
    "#]],
    );
}

#[test]
fn client_resets() {
    check(
        &samples::client_reset(),
        8,
        &expect![[r#"
        C>S RST,ACK seq 3 ack 3 [client: close (SO_LINGER 0)]: The client resets the connection: it closed its socket with SO_LINGER set to 0, so a reset leaves instead of a FIN.
    "#]],
    );
}

#[test]
fn server_closes_with_data_unread() {
    let mut script = Script::new();
    script
        .handshake()
        .send(90, "1\n")
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .frame(110, Side::Server, "ACK", 1, 3, "")
        .close((200, 240))
        .frame(210, Side::Server, "RST,ACK", 1, 3, "");
    check(
        &script,
        5,
        &expect![[r#"
            S>C ACK seq 1 ack 3: The kernel acknowledges the request before the server has replied: early in a connection Linux acknowledges at once (quick ACK).
            S>C RST,ACK seq 1 ack 3 [server: close(9) = 0]: The server closed its socket with 2 bytes unread. Linux then sends a reset instead of a FIN, so that the client learns of the loss.
        "#]],
    );
}

#[test]
fn nobody_listens() {
    let mut script = Script::new();
    script
        .frame(0, Side::Client, "SYN", 0, 0, "")
        .frame(10, Side::Server, "RST,ACK", 0, 1, "");
    check(
        &script,
        1,
        &expect![[r#"
            C>S SYN seq 0 [client: connect]: The client asks for a connection and names its first sequence number.
            S>C RST,ACK seq 1 ack 1: The server's host refuses: nobody listens on this port, or something there refuses for it.
        "#]],
    );
}

#[test]
fn server_closes_first_and_client_shuts_down() {
    let mut script = Script::new();
    script
        .handshake()
        .close((100, 140))
        .frame(110, Side::Server, "FIN,ACK", 1, 1, "")
        .frame(120, Side::Client, "ACK", 1, 2, "")
        .client(200, ClientActionKind::Closed)
        .frame(210, Side::Client, "FIN,ACK", 1, 2, "")
        .frame(220, Side::Server, "ACK", 2, 2, "")
        .state(230, Side::Server, Some(TcpState::FinWait2), Some(TcpState::TimeWait));
    check(
        &script,
        4,
        &expect![[r#"
        S>C FIN,ACK seq 1 ack 1 [server: close(9) = 0]: The server closes first. FIN says that it will send no more.
        C>S ACK seq 1 ack 2: The client's kernel acknowledges the FIN. The socket of the client is in CLOSE_WAIT until it closes too: the server waits for its FIN.
        C>S FIN,ACK seq 1 ack 2 [client: close]: The client closes too. Its FIN ends the other direction.
        S>C ACK seq 2 ack 2: The server's kernel acknowledges the FIN: both sides have closed. The server, which closed first, waits in TIME_WAIT.
    "#]],
    );
}

#[test]
fn half_close() {
    let mut script = Script::new();
    script
        .handshake()
        .send(90, "1\n")
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .client(200, ClientActionKind::ShutdownWrite)
        .frame(210, Side::Client, "FIN,ACK", 3, 1, "")
        .frame(220, Side::Server, "ACK", 1, 4, "")
        .write((300, 340), "1\n")
        .frame(310, Side::Server, "PSH,ACK", 1, 4, "1\n")
        .call(
            (400, 440),
            Call {
                detail: Some(Box::new("SHUT_WR".into())),
                argument: Some(Argument::Shutdown(Direction::Write).into()),
                ..call("shutdown", CallKind::Shutdown)
            },
        )
        .frame(410, Side::Server, "FIN,ACK", 3, 4, "")
        .frame(420, Side::Server, "FIN,ACK", 3, 4, "");
    check(
        &script,
        5,
        &expect![[r#"
            C>S FIN,ACK seq 3 ack 1 [client: shutdown(SHUT_WR)]: The client shuts down its sending side. It can still receive: a half-close.
            S>C ACK seq 1 ack 4: The server's kernel acknowledges the FIN. The socket of the server is in CLOSE_WAIT until it closes too: the client waits for its FIN.
            S>C PSH,ACK seq 1 ack 4 len 2 [server: sendto(9, "1\n", 2) = 2]: The whole reply in one segment. The client has sent its FIN; the server's own direction is still open.
            S>C FIN,ACK seq 3 ack 4 [server: shutdown(9, SHUT_WR) = 0]: The server closes too. Its FIN ends the other direction.
            S>C FIN,ACK seq 3 ack 4 [server: shutdown(9, SHUT_WR) = 0]: Sent again: frame 15 carried the FIN before.
        "#]],
    );
}

#[test]
fn lost_and_late() {
    let mut script = Script::new();
    script
        .frame(0, Side::Client, "SYN", 0, 0, "")
        .frame(1_000_000, Side::Client, "SYN", 0, 0, "")
        .frame(1_000_010, Side::Server, "SYN,ACK", 0, 1, "")
        .frame(1_000_020, Side::Client, "ACK", 1, 1, "")
        .frame(1_000_100, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .frame(1_044_000, Side::Server, "ACK", 1, 3, "")
        .frame(1_100_000, Side::Server, "PSH,ACK", 1, 3, "1\n")
        .frame(1_300_000, Side::Server, "PSH,ACK", 1, 3, "1\n")
        .frame(1_300_010, Side::Client, "ACK", 3, 3, "")
        .frame(1_300_020, Side::Client, "ACK", 3, 3, "")
        .frame(9_000_000, Side::Client, "ACK", 2, 3, "")
        .frame(9_000_010, Side::Server, "ACK", 3, 3, "")
        .frame(9_100_000, Side::Client, "PSH,ACK", 3, 3, "2\n")
        .frame(9_100_010, Side::Client, "PSH,ACK", 5, 3, "3\n");
    check(
        &script,
        1,
        &expect![[r#"
            C>S SYN seq 0 [client: connect]: The client asks for a connection and names its first sequence number.
            C>S SYN seq 0 [client: connect]: The client asks again. No answer to its SYN has come.
            S>C SYN,ACK seq 0 ack 1: The server's kernel accepts and names its own first sequence number. The server need not have called accept yet.
            C>S ACK seq 1 ack 1: The client's kernel acknowledges the SYN of the server: the connection is established.
            C>S PSH,ACK seq 1 ack 1 len 2: The client sends its request.
            S>C ACK seq 1 ack 3: A delayed ACK: no reply came for 44 ms, so the server's kernel acknowledges the request without one.
            S>C PSH,ACK seq 1 ack 3 len 2: The whole reply in one segment.
            S>C PSH,ACK seq 1 ack 3 len 2: Sent again: frame 8 carried these bytes before. It leaves 200 ms later, as no ACK has come: that fits the retransmission timer.
            C>S ACK seq 3 ack 3: The client's kernel acknowledges the reply.
            C>S ACK seq 3 ack 3: A duplicate of the ACK in frame 10: the client's kernel says again which byte it expects next.
            C>S ACK seq 2 ack 3: A keep-alive probe: it repeats an old sequence number, so that the server must answer.
            S>C ACK seq 3 ack 3: The server's kernel answers the probe.
            C>S PSH,ACK seq 3 ack 3 len 2: The client sends its request.
            C>S PSH,ACK seq 5 ack 3 len 2: The client sends more before it has a reply.
        "#]],
    );
}

#[test]
fn windows() {
    let long = "x".repeat(3000);
    let mut script = Script::new();
    script
        .handshake()
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .write((200, 240), &long)
        .frame(210, Side::Server, "ACK", 1, 3, &long[..1460])
        .frame(212, Side::Server, "ACK", 1461, 3, &long[..1460])
        .frame_with_window(220, Side::Client, "ACK", (3, 2921), 0, "")
        .frame(900, Side::Server, "ACK", 2920, 3, "")
        .frame_with_window(910, Side::Client, "ACK", (3, 2921), 0, "")
        .frame_with_window(1000, Side::Client, "ACK", (3, 2921), 8000, "")
        .frame(1010, Side::Server, "PSH,ACK", 2921, 3, &long[..80]);
    check(
        &script,
        5,
        &expect![[r#"
            S>C ACK seq 1 ack 3 len 1460 [server: sendto(9, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"..., 3000) = 3000]: The first part of the reply. It leaves at once, since nothing before it waits for an ACK. The ACK of the request rides along.
            S>C ACK seq 1461 ack 3 len 1460 [server: sendto(9, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"..., 3000) = 3000]: A further part of the reply. A full segment does not wait for an ACK.
            C>S ACK seq 3 ack 2921: The client's kernel acknowledges this part of the reply. Its window is 0: the server must wait.
            S>C ACK seq 2920 ack 3: A window probe: the window of the client is 0, and the server asks whether it has opened.
            C>S ACK seq 3 ack 2921: The client's kernel answers the probe. Its window is 0: the server must wait.
            C>S ACK seq 3 ack 2921: A window update: the client has room for 8000 bytes.
            S>C PSH,ACK seq 2921 ack 3 len 80 [server: sendto(9, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"..., 3000) = 3000]: Held back: `sendto` returned 1 ms before this packet left. The client had no room for it until frame 13.
        "#]],
    );
}

#[test]
fn writes_together_and_writes_without_delay() {
    let mut script = Script::new();
    script
        .handshake()
        .call(
            (60, 61),
            Call {
                detail: Some(Box::new("TCP_NODELAY, 1".into())),
                argument: Some(Argument::Option(SocketOption::NoDelay(true)).into()),
                ..call("setsockopt", CallKind::SetOption)
            },
        )
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .write((200, 205), "1")
        .frame(202, Side::Server, "PSH,ACK", 1, 3, "1")
        .write((210, 215), "2")
        .frame(212, Side::Server, "PSH,ACK", 2, 3, "2")
        .write((220, 225), "3")
        .write((230, 235), "4")
        .frame(232, Side::Server, "PSH,ACK", 3, 3, "34");
    check(
        &script,
        5,
        &expect![[r#"
        S>C PSH,ACK seq 1 ack 3 len 1 [server: sendto(9, "1", 1) = 1]: The first part of the reply. It leaves at once, since nothing before it waits for an ACK. The ACK of the request rides along.
        S>C PSH,ACK seq 2 ack 3 len 1 [server: sendto(9, "2", 1) = 1]: A further part of the reply. TCP_NODELAY is set, so it does not wait for the ACK of the part before it.
        S>C PSH,ACK seq 3 ack 3 len 2 [server: sendto(9, "3", 1) = 1
        server: sendto(9, "4", 1) = 1]: The last part of the reply. TCP_NODELAY is set, so it does not wait for the ACK of the part before it. It holds the bytes of 2 writes.
    "#]],
    );
}

#[test]
fn calls_as_strace_shows_them() {
    let long = "abcdefgh".repeat(8);
    let failed = |errno| Call {
        result: Some(Err(Errno(errno))),
        ..write("x")
    };
    let calls = [
        read("1\n"),
        read(""),
        write("\n"),
        write(&long),
        Call {
            result: Some(Ok(10)),
            ..write("0123456789abcdef")
        },
        failed(32),
        failed(4242),
        Call {
            result: Some(Err(Errno::EAGAIN)),
            ..read("")
        },
        Call {
            bytes: Default::default(),
            ..write(&long)
        },
        Call {
            fd: 8,
            result: Some(Ok(9)),
            ..call("accept4", CallKind::Accept)
        },
        Call {
            detail: Some(Box::new("SHUT_WR".into())),
            argument: Some(Argument::Shutdown(Direction::Write).into()),
            ..call("shutdown", CallKind::Shutdown)
        },
        Call {
            detail: Some(Box::new("TCP_NODELAY, 1".into())),
            argument: Some(Argument::Option(SocketOption::NoDelay(true)).into()),
            ..call("setsockopt", CallKind::SetOption)
        },
        call("close", CallKind::Close),
    ];
    let drawn: String = calls.iter().map(|call| call_text(call) + "\n").collect();
    expect![[r#"
        recvfrom(9, "1\n", 8192) = 2
        recvfrom(9, "", 8192) = 0
        sendto(9, "\n", 1) = 1
        sendto(9, "abcdefghabcdefghabcdefghabcdefgh"..., 64) = 64
        sendto(9, "0123456789abcdef", 16) = 10
        sendto(9, "x", 1) = -1 EPIPE
        sendto(9, "x", 1) = -1 errno 4242
        recvfrom(9, 8192) = -1 EAGAIN
        sendto(9, 64) = 64
        accept4(8) = 9
        shutdown(9, SHUT_WR) = 0
        setsockopt(9, TCP_NODELAY, 1) = 0
        close(9) = 0
    "#]]
    .assert_eq(&drawn);
}

#[test]
fn calls_in_less_room() {
    let call = read("0123456789abcdef");
    let drawn: String = [60, 38, 36, 30, 26, 20, 14, 8, 1]
        .map(|width| call_text_within(&call, width) + "\n")
        .concat();
    expect![[r#"
        recvfrom(9, "0123456789abcdef", 8192) = 16
        recvfrom(9, "01234567"..., 8192) = 16
        recvfrom(9, "0123456789abcdef") = 16
        recvfrom(9, "012345"...) = 16
        recvfrom("0123"...) = 16
        recvfrom = 16
        recvfrom = 16
        re… = 16
        …
    "#]]
    .assert_eq(&drawn);
}

#[test]
fn what_came_of_a_call_is_cut_last() {
    let mut call = write("0123456789abcdef");
    call.result = Some(Err(timeline::Errno(32)));
    let drawn = [26, 13, 12, 10, 9, 8, 5].map(|width| call_text_within(&call, width));
    assert_eq!(drawn[1..4], ["sendto: EPIPE", "send…: EPIPE", "se…: EPIPE"]);
    assert!(drawn.iter().all(|text| text.ends_with("EPIPE")), "{drawn:?}");
}

#[test]
fn comments_of_others_become_the_sentence() {
    let explanation = Explanation::from_comment("look\nhere \u{1b}[31m");
    assert_eq!(explanation.sentence, "look here \\u{1b}[31m");
    assert_eq!((explanation.calls, explanation.held), (vec![], None));
}

/// A narrow column shows the beginning of a comment: the reason. In files of before, calls stood there.
#[test]
fn a_comment_begins_with_its_sentence_and_either_order_is_read() {
    let timeline = samples::two_writes().timeline();
    let held = explain(&timeline, timeline.event_of_frame(FrameNumber(21)).unwrap()).unwrap();
    let comment = held.to_comment();
    assert!(comment.starts_with("Held back: "), "{comment}");
    assert!(
        comment.ends_with("\nheld: 42 ms, until frame 20\ncall: server: sendto(9, \"\\n\", 1) = 1"),
        "{comment}"
    );
    let sentence = &held.sentence;
    let before = format!("call: server: sendto(9, \"\\n\", 1) = 1\nheld: 42 ms, until frame 20\n{sentence}");
    assert_eq!(Explanation::from_comment(&before), held);
    // There is always a sentence.
    let bare = Explanation::from_comment("call: me");
    assert_eq!((bare.sentence.as_str(), bare.calls), ("call: me", vec![]));
    assert_eq!(Explanation::from_comment("").sentence, "");
}

#[test]
fn only_packets_are_explained() {
    let timeline = samples::clean_close().timeline();
    assert_eq!(explain(&timeline, EventId(3)), None);
    assert_eq!(explain(&timeline, EventId(9999)), None);
}
