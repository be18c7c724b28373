//! What step 7 does on the wire.

use anyhow::{Result, bail};
use harness::Server;
use harness::testing::Needs::{Calls, Packets, Sandbox, Wire};
use harness::testing::built;

#[path = "../../step6-chat/tests/chat/mod.rs"]
mod chat;
#[path = "../../step1-two-writes/tests/echo/mod.rs"]
mod echo;

const STEP: &str = "step7";
const LONGEST: usize = 65_536;

/// The client that does not read is let go, with a reason in the log. Another one gets each of its lines meanwhile.
fn who_does_not_read_is_let_go() -> Result<()> {
    let server = Server::build(built(STEP)).arg(harness::LISTEN).env("RUST_LOG", "info");
    let server = server.buffers(4096).start()?;
    let mut clients = chat::clients(&server, 2)?;
    let stuck = clients.remove(0);
    let mut other = clients.remove(0);
    let line = format!("{}\n", "y".repeat(1000));
    let told = format!("{}: ", stuck.local_addr());
    for _ in 0..1000 {
        assert_eq!(other.exchange(&line)?, line);
        let output = server.output().0;
        if output.contains(&format!("Lost client {told}let go, as it took no line within 1s")) {
            assert!(
                !output.contains(&format!("Lost client {}", other.local_addr())),
                "{output}"
            );
            return Ok(());
        }
    }
    bail!("it was not let go: {}", server.output())
}

/// Ten clients read all they get, while one of them sends much more than a queue has room for.
fn who_reads_is_not_let_go() -> Result<()> {
    let server = echo::start()?;
    let mut clients = chat::clients(&server, 10)?;
    let lines: String = (0..1000).map(|number| format!("{number}\n")).collect();
    let mut sender = server.connect()?;
    sender.send(&lines)?;
    std::thread::scope(|scope| {
        let read = |client: &mut harness::Client| client.read_exact(lines.len()).map(|read| read == lines.as_bytes());
        let readers: Vec<_> = clients
            .iter_mut()
            .chain([&mut sender])
            .map(|client| scope.spawn(move || read(client)))
            .collect();
        for reader in readers {
            assert!(
                reader.join().is_ok_and(|read| read.is_ok_and(|same| same)),
                "{}",
                server.output()
            );
        }
    });
    Ok(())
}

/// What the rules say of it: nothing.
fn its_findings() -> Result<()> {
    let timeline = echo::five_exchanges()?;
    assert_eq!(timeline.findings(), [], "{timeline}");
    Ok(())
}

harness::suite! {
    who_does_not_read_is_let_go needs [Sandbox];
    who_reads_is_not_let_go needs [Calls];
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
