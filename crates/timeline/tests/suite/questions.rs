//! What a timeline answers, of runs made up by hand.

use timeline::*;

use crate::samples::Script;

/// A handshake, and both FINs acknowledged. On a busy machine an ACK may then come late.
fn closed() -> Script {
    let mut script = Script::new();
    script
        .frame(0, Side::Client, "SYN", 0, 0, "")
        .frame(1, Side::Server, "SYN,ACK", 0, 1, "")
        .frame(2, Side::Client, "ACK", 1, 1, "")
        .frame(10, Side::Client, "FIN,ACK", 1, 1, "")
        .frame(20, Side::Server, "FIN,ACK", 1, 2, "");
    script
}

#[test]
fn a_reset_that_answers_a_late_packet_is_no_teardown() {
    let mut script = closed();
    script
        .frame(21, Side::Server, "ACK", 1, 2, "")
        .frame(22, Side::Client, "ACK", 2, 2, "")
        .frame(23, Side::Client, "ACK", 2, 2, "")
        .frame(24, Side::Server, "RST", 2, 0, "");
    assert_eq!(script.timeline().teardown(), Teardown::Clean { first: Side::Client });
}

/// The client's FIN was lost to the capture, the server's reset was not.
#[test]
fn what_a_capture_lost_follows_from_the_calls() {
    let mut script = Script::new();
    script.recording.dropped = 1;
    script
        .handshake()
        .client(10_000, ClientActionKind::ShutdownWrite)
        .frame(10_100, Side::Server, "RST", 1, 0, "");
    let timeline = script.timeline();
    let closing = timeline.only().closing();
    assert_eq!(closing.fins, [Side::Client]);
    assert_eq!(closing.reset_by, Some(Side::Server));
}

/// The table is read now and then. Here it is read before the server's FIN, and again when a new
/// connection has the client's port; then it says that the old one's socket is gone.
#[test]
fn a_connection_whose_addresses_are_taken_anew_is_gone() {
    let mut script = closed();
    script
        .state(12, Side::Server, None, Some(TcpState::CloseWait))
        .state(12, Side::Client, None, Some(TcpState::FinWait2))
        .frame(21, Side::Client, "ACK", 2, 2, "")
        .push(
            500,
            What::Process(
                ProcessEvent {
                    pid: 101,
                    kind: ProcessEventKind::Started,
                }
                .into(),
            ),
        )
        .frame(1000, Side::Client, "SYN", 9000, 0, "")
        .frame(1001, Side::Server, "SYN,ACK", 8000, 9001, "")
        .frame(1002, Side::Client, "ACK", 9001, 8001, "")
        .state(1003, Side::Server, Some(TcpState::CloseWait), None)
        .state(
            1004,
            Side::Client,
            Some(TcpState::FinWait2),
            Some(TcpState::Established),
        );
    let timeline = script.timeline();
    let clean = Teardown::Clean { first: Side::Client };
    assert_eq!(timeline.teardowns(), [clean, Teardown::Open], "{timeline}");
    let [old, new] = timeline.connections().collect::<Vec<_>>()[..] else {
        panic!("{timeline}")
    };
    assert_eq!(old.closing().client_left, None);
    let changes = |connection: Connection<'_>| connection.states().into_iter().map(|(_, change)| change);
    let gone = |side, from| StateChange {
        side,
        from: Some(from),
        to: None,
    };
    assert_eq!(
        changes(old).skip(2).collect::<Vec<_>>(),
        [
            gone(Side::Client, TcpState::FinWait2),
            gone(Side::Server, TcpState::CloseWait)
        ]
    );
    let established = StateChange {
        side: Side::Client,
        from: None,
        to: Some(TcpState::Established),
    };
    assert_eq!(changes(new).collect::<Vec<_>>(), [established]);
    assert!(timeline.events.is_sorted_by_key(|event| event.at));
}

/// A ring may be for files. It is not where bytes of a connection are in no call.
#[test]
fn a_ring_hides_what_no_call_accounts_for() {
    use crate::samples::clean_close;
    let ring = What::Process(
        ProcessEvent {
            pid: 100,
            kind: ProcessEventKind::UsesIoUring,
        }
        .into(),
    );
    let mut all_in_calls = clean_close();
    all_in_calls.push(60, ring);
    assert!(!all_in_calls.timeline().has_unseen_calls());
    let is = |record: &timeline::Record, kind| matches!(&record.what, What::Call { call, .. } if call.kind == kind);
    for kind in [CallKind::Accept, CallKind::Read, CallKind::Write, CallKind::Close] {
        let mut script = clean_close();
        script.recording.records.retain(|record| !is(record, kind));
        assert!(!script.timeline().has_unseen_calls());
        script.recording.records.extend(
            all_in_calls
                .recording
                .records
                .iter()
                .filter(|record| matches!(record.what, What::Process(_)))
                .cloned(),
        );
        assert!(script.timeline().has_unseen_calls(), "{kind:?}");
    }
}

#[test]
fn a_file_may_tell_of_more_bytes_than_there_can_be() {
    let mut script = Script::new();
    script.handshake().send(90, "1\n");
    for write in 0..3 {
        let wrote = Call {
            result: Some(Ok(u64::MAX)),
            ..crate::samples::call("sendto", CallKind::Write)
        };
        script.call((200 + write * 10, 205 + write * 10), wrote);
    }
    let timeline = script.timeline();
    // Whatever is found in it, nothing overflows.
    let _ = timeline.findings();
    assert_eq!(timeline.writes_per_reply(), [3]);
}

#[test]
fn a_reset_before_the_last_ack_is_one() {
    let mut script = closed();
    script.frame(21, Side::Client, "RST", 2, 0, "");
    assert_eq!(script.timeline().teardown(), Teardown::Reset { by: Side::Client });
}
