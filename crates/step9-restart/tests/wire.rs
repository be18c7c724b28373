//! What step 9 does on the wire.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use harness::testing::Needs::{self, Calls, Packets, Sandbox, Wire};
use harness::timeline::{Exit, Side, Teardown};
use harness::{Client, Server};

#[path = "../../step6-chat/tests/chat/mod.rs"]
mod chat;
#[path = "../../step1-two-writes/tests/echo/mod.rs"]
mod echo;

const STEP: &str = "step9";
const LONGEST: usize = 65_536;

/// Of signal(7).
const TERM: i32 = 15;

/// Each client gets the server's FIN first, and the server ends by itself.
fn everyone_is_told_goodbye() -> Result<()> {
    let server = echo::start()?;
    let clients = chat::clients(&server, 5)?;
    assert!(server.signal(TERM));
    for mut client in clients {
        assert_eq!(client.read_to_end()?, b"");
        client.close();
    }
    let timeline = server.stop()?;
    assert_eq!(timeline.exit(), Some(Exit::Status(0)), "{timeline}");
    let clean = Teardown::Clean { first: Side::Server };
    assert_eq!(timeline.teardowns(), vec![clean; 5], "{timeline}");
    Ok(())
}

fn stopped_under_twenty_clients() -> Result<()> {
    stop_under(20).map(drop)
}

fn stopped_fifty_times_under_twenty_clients() -> Result<()> {
    let mut unanswered = 0;
    for _ in 0..50 {
        unanswered += stop_under(20)?;
    }
    println!("{unanswered} lines had no answer, and nobody saw any of them");
    Ok(())
}

/// Stops the server while so many clients send as fast as they can, and gives how many of their lines had no answer: no
/// other client may have seen one of these.
fn stop_under(count: usize) -> Result<usize> {
    let server = echo::start()?;
    let clients = chat::clients(&server, count)?;
    let results = std::thread::scope(|scope| {
        let talks: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(number, client)| scope.spawn(move || talk(number, client)))
            .collect();
        // In the middle of what they say.
        server.wait_for_call(|call| call.bytes.starts_with(b"3 says 5\n"));
        server.signal(TERM);
        talks.into_iter().map(|talk| talk.join()).collect::<Vec<_>>()
    });
    let mut sent = HashSet::new();
    let mut seen = HashSet::new();
    let mut answered = HashSet::new();
    for (number, result) in results.into_iter().enumerate() {
        let Ok(talked) = result else {
            anyhow::bail!("a client panicked")
        };
        let (said, heard) = talked?;
        let own = format!("{number} says ");
        answered.extend(heard.iter().filter(|line| line.starts_with(&own)).cloned());
        sent.extend(said);
        seen.extend(heard);
    }
    let wrong: Vec<_> = sent
        .iter()
        .filter(|line| !answered.contains(*line) && seen.contains(*line))
        .collect();
    ensure!(wrong.is_empty(), "seen by others, and not answered: {wrong:?}");
    let timeline = server.stop()?;
    ensure!(timeline.exit() == Some(Exit::Status(0)), "{:?}", timeline.exit());
    Ok(sent.len() - answered.len())
}

/// What a client sent, line by line and without waiting, and what it heard up to the server's FIN.
fn talk(number: usize, mut client: Client) -> Result<(Vec<String>, Vec<String>)> {
    let (mut said, mut heard) = (Vec::new(), Vec::new());
    for turn in 0.. {
        let line = format!("{number} says {turn}\n");
        let sent = client.send(&line);
        said.push(line.clone());
        // Whoever has sent reads on until its own line has come back, or the end.
        while sent.is_ok() {
            match client.read_line() {
                Ok(line) if line.is_empty() => return Ok((said, heard)),
                Ok(line) => heard.push(String::from_utf8(line)?),
                // The end in the middle of no line.
                Err(_) => return Ok((said, heard)),
            }
            if heard.last() == Some(&line) {
                break;
            }
        }
        if sent.is_err() {
            break;
        }
    }
    Ok((said, heard))
}

/// Who holds a line and no newline has not said it.
fn half_a_line_is_nobodys() -> Result<()> {
    let server = echo::start()?;
    let mut clients = chat::clients(&server, 2)?;
    clients[0].send("half a li")?;
    server.settle();
    assert!(server.signal(TERM));
    for client in &mut clients {
        assert_eq!(client.read_to_end()?, b"");
    }
    Ok(())
}

/// A client that neither reads nor closes does not keep it.
fn who_does_not_leave_does_not_keep_it() -> Result<()> {
    let server = echo::start()?;
    let clients = chat::clients(&server, 2)?;
    assert!(server.signal(TERM));
    let exit = Server::ended;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while exit(&server).is_none() && std::time::Instant::now() < deadline {
        // It sleeps until its patience with them is over. That takes no processor, and nor does looking at it.
        server.wait_until_idle(std::time::Duration::from_secs(1));
    }
    assert_eq!(exit(&server), Some(Exit::Status(0)));
    drop(clients);
    Ok(())
}

/// It is started again at once, while connections of the one before are in TIME_WAIT.
fn it_starts_again_at_once() -> Result<()> {
    echo::passes("restart")
}

fn it_finishes_what_is_begun() -> Result<()> {
    echo::passes("stop")
}

/// What the rules say of it: nothing.
fn its_findings() -> Result<()> {
    let timeline = echo::five_exchanges()?;
    assert_eq!(timeline.findings(), [], "{timeline}");
    Ok(())
}

const TAKES_SECONDS: Needs = Needs::Request("takes two minutes: run with --ignored");

harness::suite! {
    who_does_not_leave_does_not_keep_it needs [Calls];
    it_finishes_what_is_begun needs [Sandbox];
    it_starts_again_at_once needs [Sandbox];
    stopped_under_twenty_clients needs [Calls];
    stopped_fifty_times_under_twenty_clients needs [TAKES_SECONDS, Calls];
    everyone_is_told_goodbye needs [Packets];
    half_a_line_is_nobodys needs [Calls];
    its_findings needs [Packets];
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
