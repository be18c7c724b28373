//! What step 8 does on the wire.

use anyhow::Result;
use harness::testing::Needs::{Calls, Packets, Wire};
use harness::testing::built;
use harness::timeline::{Call, CallKind, Errno, Flags, Segment, Side, TcpState, Teardown};
use harness::{Client, Server};

#[path = "../../step6-chat/tests/chat/mod.rs"]
mod chat;
#[path = "../../step1-two-writes/tests/echo/mod.rs"]
mod echo;

const STEP: &str = "step8";
const LONGEST: usize = 65_536;

/// Behind a wire, with two seconds for an answer, and a client that has had its first one.
fn begun(step: &str) -> Result<(Server, Client)> {
    let server = Server::build(built(step)).arg(harness::LISTEN).env("GONE", "2");
    let server = server.wire(harness::Wire::new()).start()?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("1\n")?, "1\n");
    client.settle();
    Ok((server, client))
}

/// ETIMEDOUT of errno(3).
const TIMED_OUT: Errno = Errno(110);

fn timed_out(call: &Call) -> bool {
    call.kind == CallKind::Read && call.result == Some(Err(TIMED_OUT))
}

/// Nothing is on its way: the kernel asks again and again, sends a reset, and tells the read.
fn who_is_gone_while_idle_is_let_go() -> Result<()> {
    let (server, client) = begun(STEP)?;
    server.cut()?;
    assert!(server.wait_for_call(timed_out), "it was not told\n{}", server.so_far());
    let on = client.local_addr();
    let timeline = server.stop()?;
    drop(client);
    let connection = timeline.only();
    assert_eq!(
        connection.teardown(),
        Teardown::Reset { by: Side::Server },
        "{timeline}"
    );
    let asks = |segment: &Segment| segment.destination() == on && segment.flags == Flags::ACK && segment.len == 0;
    let lost = connection.packets().filter(|(_, packet)| {
        let passage = packet.passage.as_ref();
        asks(&packet.segment) && passage.is_some_and(|passage| passage.arrivals.is_empty())
    });
    assert!((1..=3).contains(&lost.count()), "{timeline}");
    Ok(())
}

/// A line is on its way: it is sent again and again, and no probe is.
fn who_is_gone_with_a_line_on_its_way_is_let_go() -> Result<()> {
    let (server, gone) = begun(STEP)?;
    // Its request arrives, and the answer leaves when the cable has been cut.
    server.signal_all(19);
    let mut gone = gone;
    gone.send("2\n")?;
    gone.settle();
    server.cut()?;
    server.signal_all(18);
    assert!(server.wait_for_call(timed_out), "it was not told\n{}", server.so_far());
    let timeline = server.stop()?;
    let connection = timeline.only();
    let answers = connection
        .packets()
        .filter(|(_, packet)| packet.from == Side::Server && packet.segment.payload[..] == *b"2\n");
    assert!(answers.count() >= 3, "{timeline}");
    Ok(())
}

/// What nobody asks for nobody finds: step 7 keeps the same client.
fn step_7_keeps_it() -> Result<()> {
    let (server, client) = begun("step7")?;
    server.cut()?;
    drop(client);
    let timeline = server.stop()?;
    assert_eq!(
        timeline.teardown(),
        Teardown::LeftOpen(TcpState::Established),
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
    who_is_gone_while_idle_is_let_go needs [Wire];
    who_is_gone_with_a_line_on_its_way_is_let_go needs [Wire];
    step_7_keeps_it needs [Wire];
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
