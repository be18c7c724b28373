//! What step 6 does on the wire.

use std::time::Duration;

use anyhow::{Result, anyhow};
use harness::rules::RuleId;
use harness::testing::Needs::{Calls, Packets, Sandbox, Wire};
use harness::testing::built;
use harness::{LISTEN, Server};

mod chat;
#[path = "../../step1-two-writes/tests/echo/mod.rs"]
mod echo;

const STEP: &str = "step6";
const LONGEST: usize = 65_536;

/// Who has got nothing for so long waits.
const A_WHILE: Duration = Duration::from_millis(500);

/// Small buffers, so that few lines fill them.
fn one_who_does_not_read_makes_everyone_wait() -> Result<()> {
    let server = Server::build(built(STEP)).arg(LISTEN).buffers(4096).start()?;
    let mut clients = chat::clients(&server, 3)?;
    let line = format!("{}\n", "y".repeat(2000));
    // The first does not read. Somebody gets each line of the second, until that one line has no room.
    let stuck = 'until: loop {
        clients[1].send(&line)?;
        for (place, client) in clients.iter_mut().enumerate().skip(1) {
            let mut got = 0;
            while got < line.len() {
                match client.read_within(A_WHILE)? {
                    Some(part) => got += part.len(),
                    None => break 'until place,
                }
            }
        }
    };
    // Who comes now does not even come in.
    let mut late = server.connect()?;
    late.send("hello?\n")?;
    assert_eq!(late.read_within(A_WHILE)?, None);
    // Once it reads on, everyone gets what was said.
    let mut first = clients.remove(0);
    let reader = std::thread::spawn(move || while first.read_some().is_ok_and(|part| !part.is_empty()) {});
    assert!(!clients[stuck - 1].read_some()?.is_empty());
    drop(server);
    reader.join().map_err(|_| anyhow!("the first client panicked"))
}

/// What the rules say of it: nothing.
fn its_findings() -> Result<()> {
    let timeline = echo::five_exchanges()?;
    assert_eq!(timeline.findings(), [], "{timeline}");
    Ok(())
}

/// Nor of several clients: what one says is no part of another's reply.
fn what_others_say_is_no_finding() -> Result<()> {
    let server = echo::start()?;
    let mut clients = chat::clients(&server, 3)?;
    for number in 0..clients.len() {
        clients[number].send("hello\n")?;
        for client in &mut clients {
            assert_eq!(client.read_line()?, b"hello\n");
        }
    }
    clients.into_iter().for_each(harness::Client::close);
    let timeline = server.stop()?;
    // That two lines to one client came soon after each other is so: the second may wait.
    assert!(!timeline.finding_ids().contains(&RuleId::SplitReply), "{timeline}");
    Ok(())
}

harness::suite! {
    one_who_does_not_read_makes_everyone_wait needs [Sandbox];
    its_findings needs [Packets];
    what_others_say_is_no_finding needs [Packets];
    chat::each_line_goes_to_everyone needs [Calls];
    chat::lines_of_one_client_keep_their_order needs [Calls];
    chat::who_has_left_is_not_missed needs [Calls];
    chat::a_line_too_long_is_answered_to_its_sender_alone needs [Calls];
    echo::passes_goodbye needs [Wire];
    echo::lines_come_back_byte_for_byte needs [Calls];
    echo::a_half_closed_client_gets_all_its_replies needs [Calls];
    echo::a_client_that_resets_is_not_the_end needs [Packets];
    echo::an_address_that_will_not_do_gets_one_line needs [Calls];
}
