//! What step 4 does on the wire.

use anyhow::Result;
use harness::testing::Needs::{Calls, Packets, Sandbox};
use harness::timeline::{Flags, Side, Teardown, Timeline};

#[path = "../../step1-two-writes/tests/echo/mod.rs"]
mod echo;

const STEP: &str = "step4";
const LONGEST: usize = 65_536;
const ANSWER: &[u8] = b"error: a line has at most 65536 bytes\n";

fn a_line_may_come_in_pieces_and_two_in_one() -> Result<()> {
    let server = echo::start()?;
    let mut client = server.connect()?;
    client.send("hel")?;
    assert_eq!(client.exchange("lo\n")?, "hello\n");
    client.send("one\ntwo\n")?;
    assert_eq!(client.read_exact(8)?, b"one\ntwo\n");
    Ok(())
}

/// Nothing of it is left unread, so the connection ends by FINs.
fn one_byte_too_many_is_answered_and_closed() -> Result<()> {
    let server = echo::start()?;
    let mut client = server.connect()?;
    client.send(b"x".repeat(LONGEST + 1))?;
    assert_eq!(client.read_to_end()?, ANSWER);
    client.close();
    let timeline = server.stop()?;
    assert_eq!(
        timeline.teardown(),
        Teardown::Clean { first: Side::Server },
        "{timeline}"
    );
    Ok(())
}

/// The server sends its FIN, and then closes with bytes that it has not read: its kernel sends a reset.
fn with_bytes_unread_a_reset_follows_the_fin() -> Result<()> {
    let server = echo::start()?;
    let mut client = server.connect()?;
    // What is sent after the reset is refused.
    let _ = client.send(b"x".repeat(1_000_000));
    assert!(server.wait_for_segment(|segment, _| segment.flags.has(Flags::RST)));
    drop(client);
    let timeline = server.stop()?;
    assert_eq!(timeline.teardown(), Teardown::Reset { by: Side::Server }, "{timeline}");
    let ends = ends_of_server(&timeline);
    assert_eq!(ends.first(), Some(&"FIN"), "{timeline}");
    assert!(ends[1..].iter().all(|end| *end == "RST"), "{timeline}");
    Ok(())
}

fn ends_of_server(timeline: &Timeline) -> Vec<&'static str> {
    let packets = timeline.only().packets();
    let flags = packets
        .filter(|(_, packet)| packet.from == Side::Server)
        .map(|(_, packet)| packet.segment.flags);
    flags
        .filter_map(|flags| match (flags.has(Flags::FIN), flags.has(Flags::RST)) {
            (true, _) => Some("FIN"),
            (_, true) => Some("RST"),
            _ => None,
        })
        .collect()
}

/// It is sent 64 MB of one line.
fn a_line_without_an_end_does_not_fill_the_memory() -> Result<()> {
    echo::passes("endless")
}

/// What the rules say of it: nothing.
fn its_findings() -> Result<()> {
    let timeline = echo::five_exchanges()?;
    assert_eq!(timeline.findings(), [], "{timeline}");
    Ok(())
}

harness::suite! {
    a_line_without_an_end_does_not_fill_the_memory needs [Sandbox];
    its_findings needs [Packets];
    a_line_may_come_in_pieces_and_two_in_one needs [Calls];
    one_byte_too_many_is_answered_and_closed needs [Sandbox];
    with_bytes_unread_a_reset_follows_the_fin needs [Sandbox];
    echo::answers_many_clients_at_once needs [Calls];
    echo::a_client_that_never_reads_delays_nobody needs [Calls];
    echo::lines_come_back_byte_for_byte needs [Calls];
    echo::a_half_closed_client_gets_all_its_replies needs [Calls];
    echo::a_client_that_resets_is_not_the_end needs [Packets];
    echo::an_address_that_will_not_do_gets_one_line needs [Calls];
}
