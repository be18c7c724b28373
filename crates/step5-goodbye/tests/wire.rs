//! What step 5 does on the wire.

use anyhow::{Result, bail};
use harness::testing::Needs::{Calls, Packets, Sandbox, Wire};
use harness::timeline::{Side, Teardown};

#[path = "../../step1-two-writes/tests/echo/mod.rs"]
mod echo;

const STEP: &str = "step5";
const LONGEST: usize = 65_536;
const ANSWER: &[u8] = b"error: a line has at most 65536 bytes\n";

/// A client that sends too much gets its answer and the FIN, and no reset.
fn what_comes_behind_the_goodbye_is_read() -> Result<()> {
    let server = echo::start()?;
    let mut client = server.connect()?;
    client.send(b"x".repeat(1_000_000))?;
    assert_eq!(client.read_to_end()?, ANSWER);
    client.send(b"y".repeat(1_000_000))?;
    client.close();
    let timeline = server.stop()?;
    assert_eq!(
        timeline.teardown(),
        Teardown::Clean { first: Side::Server },
        "{timeline}"
    );
    Ok(())
}

fn who_does_not_stop_is_reset_after_16_mib() -> Result<()> {
    let server = echo::start()?;
    let mut client = server.connect()?;
    let part = b"x".repeat(1_000_000);
    for sent in 0..40 {
        if client.send(&part).is_err() {
            assert!(sent >= 16, "it was reset after {sent} MB");
            return Ok(());
        }
    }
    bail!("it takes 40 MB")
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

/// What the rules say of it: nothing.
fn its_findings() -> Result<()> {
    let timeline = echo::five_exchanges()?;
    assert_eq!(timeline.findings(), [], "{timeline}");
    Ok(())
}

harness::suite! {
    echo::passes_goodbye needs [Wire];
    its_findings needs [Packets];
    what_comes_behind_the_goodbye_is_read needs [Sandbox];
    who_does_not_stop_is_reset_after_16_mib needs [Sandbox];
    a_half_closed_client_reads_the_end needs [Packets];
    echo::answers_many_clients_at_once needs [Calls];
    echo::a_client_that_never_reads_delays_nobody needs [Calls];
    echo::lines_come_back_byte_for_byte needs [Calls];
    echo::a_half_closed_client_gets_all_its_replies needs [Calls];
    echo::a_client_that_resets_is_not_the_end needs [Packets];
    echo::an_address_that_will_not_do_gets_one_line needs [Calls];
}
