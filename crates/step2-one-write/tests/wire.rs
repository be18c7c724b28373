//! What step 2 does on the wire.

use anyhow::Result;
use harness::rules::RuleId;
use harness::testing::Needs::{Calls, Packets, Sandbox};

#[path = "../../step1-two-writes/tests/echo/mod.rs"]
mod echo;

const STEP: &str = "step2";
const LONGEST: usize = 1_000_000;

fn a_reply_is_one_write() -> Result<()> {
    let timeline = echo::timeline_of(&["1\n"])?;
    assert_eq!(timeline.writes_per_reply(), [1], "{timeline}");
    let written: Vec<_> = timeline
        .only()
        .writes()
        .map(|(_, call)| (&*call.name, &*call.bytes))
        .collect();
    assert_eq!(written, [("sendto", &b"1\n"[..])]);
    Ok(())
}

fn the_first_exchange_takes_four_packets() -> Result<()> {
    let timeline = echo::timeline_of(&["1\n"])?;
    assert_eq!(timeline.packets_per_exchange(), [4], "{timeline}");
    assert_eq!(timeline.segments_per_reply(), [1], "{timeline}");
    let connection = timeline.only();
    let packets = &connection.exchanges()[0].packets;
    assert_eq!(
        connection.wire_of(packets),
        [
            r#"C>S PSH,ACK seq 1 ack 1 len 2 "1\n""#,
            r#"S>C ACK seq 1 ack 3"#,
            r#"S>C PSH,ACK seq 1 ack 3 len 2 "1\n""#,
            r#"C>S ACK seq 3 ack 3"#,
        ],
        "{timeline}"
    );
    Ok(())
}

/// With one segment per reply there is nothing for Nagle's algorithm to hold back.
fn no_segment_ever_waits() -> Result<()> {
    let timeline = echo::timeline_of(&["1\n", "2\n", "3\n", "4\n", "5\n", "6\n"])?;
    assert_eq!(timeline.writes_per_reply(), [1; 6], "{timeline}");
    assert!(timeline.held_segments().is_empty(), "{timeline}");
    Ok(())
}

/// A long reply leaves in many segments, as far as the windows allow. None of them waits for Nagle.
fn a_long_reply_does_not_wait_either() -> Result<()> {
    let server = echo::start()?;
    let mut client = server.connect()?;
    let line = [b"z".repeat(50_000).as_slice(), b"\n"].concat();
    client.send(&line)?;
    assert_eq!(client.read_exact(line.len())?, line);
    client.close();
    let timeline = server.stop()?;
    assert!(timeline.segments_per_reply()[0] > 20, "{timeline}");
    assert!(timeline.held_segments().is_empty(), "{timeline}");
    Ok(())
}

/// What the rules say of it: the stall is gone, the leak is not.
fn its_findings() -> Result<()> {
    let timeline = echo::five_exchanges()?;
    assert_eq!(timeline.finding_ids(), [RuleId::CloseWaitLeak], "{timeline}");
    Ok(())
}

harness::suite! {
    its_findings needs [Packets];
    a_reply_is_one_write needs [Calls];
    the_first_exchange_takes_four_packets needs [Packets];
    no_segment_ever_waits needs [Packets];
    a_long_reply_does_not_wait_either needs [Sandbox];
    echo::stays_in_close_wait needs [Packets];
    echo::runs_out_of_descriptors needs [Sandbox];
    echo::answers_many_clients_at_once needs [Calls];
    echo::a_client_that_never_reads_delays_nobody needs [Calls];
    echo::lines_come_back_byte_for_byte needs [Calls];
    echo::a_half_closed_client_gets_all_its_replies needs [Calls];
    echo::a_client_that_resets_is_not_the_end needs [Packets];
    echo::an_address_that_will_not_do_gets_one_line needs [Calls];
}
