//! What step 3 does on the wire.

use anyhow::Result;
use harness::testing::Needs::{self, Calls, Packets, Request, Sandbox};
use harness::timeline::{Side, Teardown};

#[path = "../../step1-two-writes/tests/echo/mod.rs"]
mod echo;

const STEP: &str = "step3";
const LONGEST: usize = 1_000_000;

fn a_reply_is_one_write_and_four_packets() -> Result<()> {
    let timeline = echo::timeline_of(&["1\n"])?;
    assert_eq!(timeline.writes_per_reply(), [1], "{timeline}");
    assert_eq!(timeline.packets_per_exchange(), [4], "{timeline}");
    Ok(())
}

fn both_sides_close() -> Result<()> {
    let timeline = echo::timeline_of(&["1\n"])?;
    let connection = timeline.only();
    let closing = connection.closing();
    assert_eq!(
        connection.teardown(),
        Teardown::Clean { first: Side::Client },
        "{timeline}"
    );
    assert_eq!(closing.fins, [Side::Client, Side::Server], "{timeline}");
    assert_eq!(closing.time_wait(), Some(Side::Client), "{timeline}");
    assert_eq!(closing.server_left, None, "{timeline}");
    Ok(())
}

/// The server's FIN acknowledges the client's: three packets, not four.
fn closing_takes_three_packets() -> Result<()> {
    let timeline = echo::timeline_of(&["1\n", "2\n", "3\n", "4\n"])?;
    let closing = timeline.only().closing();
    assert_eq!(
        timeline.only().wire_of(&closing.packets),
        [
            "C>S FIN,ACK seq 9 ack 9",
            "S>C FIN,ACK seq 9 ack 10",
            "C>S ACK seq 10 ack 10",
        ],
        "{timeline}"
    );
    Ok(())
}

/// A client that stops sending reads its replies, then the server's FIN.
fn a_half_closed_client_reads_the_end() -> Result<()> {
    let server = echo::start()?;
    let mut client = server.connect()?;
    client.send("first\nlast")?;
    client.shutdown_write()?;
    assert_eq!(client.read_to_end()?, b"first\nlast\n");
    let timeline = server.stop()?;
    assert_eq!(
        timeline.teardown(),
        Teardown::Clean { first: Side::Client },
        "{timeline}"
    );
    Ok(())
}

fn serves_two_hundred_in_a_row() -> Result<()> {
    serves_in_a_row(200)
}

fn serves_ten_thousand_in_a_row() -> Result<()> {
    serves_in_a_row(10_000)
}

/// With 64 descriptors it serves as many clients as come, one after the other.
fn serves_in_a_row(clients: usize) -> Result<()> {
    let server = echo::start_with_64_descriptors()?;
    for _ in 0..clients {
        let mut client = server.connect()?;
        assert_eq!(client.exchange("1\n")?, "1\n");
    }
    let timeline = server.stop()?;
    assert_eq!(timeline.connections().len(), clients);
    let clean = Teardown::Clean { first: Side::Client };
    let other = timeline.teardowns().into_iter().find(|teardown| *teardown != clean);
    assert_eq!(other, None, "{} packets were dropped", timeline.dropped);
    Ok(())
}

/// What the rules say of it: nothing.
fn its_findings() -> Result<()> {
    let timeline = echo::five_exchanges()?;
    assert_eq!(timeline.findings(), [], "{timeline}");
    Ok(())
}

const TAKES_SECONDS: Needs = Request("traces for some seconds: run with --ignored");

harness::suite! {
    its_findings needs [Packets];
    a_reply_is_one_write_and_four_packets needs [Packets];
    both_sides_close needs [Packets];
    closing_takes_three_packets needs [Packets];
    a_half_closed_client_reads_the_end needs [Packets];
    serves_two_hundred_in_a_row needs [Sandbox];
    serves_ten_thousand_in_a_row needs [TAKES_SECONDS, Sandbox];
    echo::answers_many_clients_at_once needs [Calls];
    echo::a_client_that_never_reads_delays_nobody needs [Calls];
    echo::lines_come_back_byte_for_byte needs [Calls];
    echo::a_half_closed_client_gets_all_its_replies needs [Calls];
    echo::a_client_that_resets_is_not_the_end needs [Packets];
    echo::an_address_that_will_not_do_gets_one_line needs [Calls];
}
