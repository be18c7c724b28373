//! Two hosts and a wire.

use harness::suite::Needs::*;
use harness::timeline::*;
use harness::{LISTEN, Server, Wire};

fn smoke() -> anyhow::Result<()> {
    let server = Server::build("/tmp/wt/wire/target/debug/step3").arg(LISTEN)
        .wire("delay 10ms\nlose server data 2".parse()?).start()?;
    let mut client = server.connect()?;
    for line in ["1\n", "2\n", "3\n"] {
        assert_eq!(client.exchange(line)?, line);
    }
    client.close();
    let timeline = server.stop()?;
    println!("{timeline}");
    for (_, event) in timeline.only().events() {
        if let EventKind::Packet(p) = &event.kind { println!("{} {} {:?}", p.short(), event.at.0 % 10_000_000_000, p.passage.as_ref().map(|p| (p.arrivals.iter().map(|a| a.since(event.at)).collect::<Vec<_>>(), p.what.clone(), p.tcp.as_ref().map(|t| (t.client.as_ref().map(|v| v.to_string()), t.server.as_ref().map(|v| v.to_string())))))); }
    }
    Ok(())
}

harness::suite! {
    smoke needs [Wire];
}
