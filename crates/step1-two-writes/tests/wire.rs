//! What step 1 does on the wire.

use anyhow::Result;
use harness::suite::Needs::{Calls, Packets};
use harness::timeline::{Side, TcpState, Teardown};
use harness::{LISTEN, Server};

fn step1() -> Result<Server> {
    Ok(Server::build(env!("CARGO_BIN_EXE_step1")).arg(LISTEN).start()?)
}

fn a_reply_is_two_writes() -> Result<()> {
    let server = step1()?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("1\n")?, "1\n");
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.writes_per_reply(), [2], "{timeline}");
    Ok(())
}

fn first() -> Result<()> {
    let server = step1()?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("1\n")?, "1\n");
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.packets_per_exchange(), [6], "{timeline}");
    assert_eq!(timeline.teardown(), Teardown::LeftOpen(TcpState::CloseWait));
    Ok(())
}

harness::suite! {
    a_reply_is_two_writes needs [Calls];
    first needs [Packets];
}
