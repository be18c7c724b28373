//! What step 1 does on the wire.

use anyhow::Result;
use harness::rules::RuleId;
use harness::testing::Needs::{Calls, Packets, Sandbox};
use harness::testing::built;

mod echo;

const STEP: &str = "step1";
const LONGEST: usize = 1_000_000;

fn a_reply_is_two_writes_and_two_segments() -> Result<()> {
    let timeline = echo::timeline_of(&["1\n"])?;
    assert_eq!(timeline.writes_per_reply(), [2], "{timeline}");
    let written: Vec<_> = timeline
        .only()
        .writes()
        .map(|(_, call)| (&*call.name, &*call.bytes))
        .collect();
    assert_eq!(written, [("sendto", &b"1"[..]), ("sendto", b"\n")]);
    Ok(())
}

fn the_first_exchange_takes_six_packets() -> Result<()> {
    let timeline = echo::timeline_of(&["1\n"])?;
    assert_eq!(timeline.packets_per_exchange(), [6], "{timeline}");
    assert_eq!(timeline.segments_per_reply(), [2], "{timeline}");
    let connection = timeline.only();
    let packets = &connection.exchanges()[0].packets;
    assert_eq!(
        connection.wire_of(packets),
        [
            r#"C>S PSH,ACK seq 1 ack 1 len 2 "1\n""#,
            r#"S>C ACK seq 1 ack 3"#,
            r#"S>C PSH,ACK seq 1 ack 3 len 1 "1""#,
            r#"C>S ACK seq 3 ack 2"#,
            r#"S>C PSH,ACK seq 2 ack 3 len 1 "\n""#,
            r#"C>S ACK seq 3 ack 3"#,
        ],
        "{timeline}"
    );
    Ok(())
}

/// In exchanges sent at once, the newline comes to wait for the ACK of the message.
fn the_newline_waits_for_an_ack() -> Result<()> {
    let timeline = echo::timeline_of(&["1\n", "2\n", "3\n", "4\n", "5\n", "6\n"])?;
    assert_eq!(timeline.writes_per_reply(), [2; 6], "{timeline}");
    for (_, packet) in timeline.only().held_segments() {
        assert_eq!(
            packet.segment.payload[..],
            *b"\n",
            "only the second part can be held\n{timeline}"
        );
    }
    assert!(timeline.held_segments().len() >= 2, "{timeline}");
    Ok(())
}

/// The kernel's own counters see the same six packets, where none can be captured.
fn the_counters_agree() -> Result<()> {
    let server = harness::Server::build(built(STEP))
        .arg(harness::LISTEN)
        .level(harness::timeline::Level::NoPackets)
        .start()?;
    let timeline = echo::converse(server, &["1\n"])?;
    assert_eq!(timeline.packets_per_exchange(), [6], "{timeline}");
    Ok(())
}

/// What the rules say of it: everything that the next two steps put right.
fn its_findings() -> Result<()> {
    let timeline = echo::five_exchanges()?;
    let expected = [RuleId::SplitReply, RuleId::NagleStall, RuleId::CloseWaitLeak];
    assert_eq!(timeline.finding_ids(), expected, "{timeline}");
    Ok(())
}

harness::suite! {
    its_findings needs [Packets];
    a_reply_is_two_writes_and_two_segments needs [Calls];
    the_first_exchange_takes_six_packets needs [Packets];
    the_newline_waits_for_an_ack needs [Packets];
    the_counters_agree needs [Calls];
    echo::stays_in_close_wait needs [Packets];
    echo::runs_out_of_descriptors needs [Sandbox];
    echo::answers_many_clients_at_once needs [Calls];
    echo::a_client_that_never_reads_delays_nobody needs [Calls];
    echo::lines_come_back_byte_for_byte needs [Calls];
    echo::a_half_closed_client_gets_all_its_replies needs [Calls];
    echo::a_client_that_resets_is_not_the_end needs [Packets];
    echo::an_address_that_will_not_do_gets_one_line needs [Calls];
}
