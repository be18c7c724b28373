//! Servers that share a network, each with a timeline of its own.

use anyhow::{Context, Result, bail};
use harness::rules::RuleId;
use harness::testing::Needs::{HostCapture, Packets, Sandbox, Wire};
use harness::timeline::{Connection, Flags, Level, Side, Timeline};
use harness::{Error, LISTEN, Server, ServerBuilder};

fn server(arguments: [&str; 2]) -> ServerBuilder {
    Server::build(harness::testing::built("wrong-server")).args(arguments)
}

/// A proxy lets a server beside it answer: of the one that both tell of, each knows its own calls, and all packets.
fn is_asked_by_its_proxy(level: Level) -> Result<()> {
    let upstream = server(["closes-first", LISTEN]).level(level).start()?;
    let behind = format!("127.0.0.1:0/{}", upstream.address());
    let proxy = server(["passes-on", &behind]).beside(&upstream).start()?;
    assert_eq!((upstream.level(), proxy.level()), (level, level));
    let mut client = proxy.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    client.close();
    let (of_proxy, of_upstream) = (proxy.stop()?, upstream.stop()?);
    let [outer, inner] = of_proxy.connections().collect::<Vec<_>>()[..] else {
        bail!("{of_proxy}");
    };
    assert_eq!(
        (outer.is_the_servers_own(), inner.is_the_servers_own()),
        (false, true),
        "{of_proxy}"
    );
    assert_eq!(
        inner.endpoints(),
        of_upstream.only().endpoints(),
        "{of_proxy}{of_upstream}"
    );
    assert_eq!(of_upstream.writes_per_reply(), [1], "{of_upstream}");
    assert_eq!(inner.calls().count(), 0, "the upstream's are its own: {of_proxy}");
    let begins = |connection: Connection<'_>| {
        let (_, first) = connection.packets().next().context("no packet")?;
        anyhow::Ok((first.from, first.segment.flags))
    };
    for connection in [outer, inner, of_upstream.only()] {
        assert_eq!(
            begins(connection)?,
            (Side::Client, Flags::SYN),
            "{of_proxy}{of_upstream}"
        );
    }
    Ok(())
}

/// A proxy's timeline has none of its upstream's calls: whether that one's segments waited is not known there.
fn who_stalls_beside_a_proxy_is_not_known_to_it() -> Result<()> {
    let upstream = server(["two-writes", LISTEN]).start()?;
    let behind = format!("127.0.0.1:0/{}", upstream.address());
    let proxy = server(["passes-lines-on", &behind]).beside(&upstream).start()?;
    let mut client = proxy.connect()?;
    for _ in 0..2 {
        assert_eq!(client.exchange("hello\n")?, "hello\n");
    }
    client.close();
    let (of_proxy, of_upstream) = (proxy.stop()?, upstream.stop()?);
    assert!(of_upstream.finding_ids().contains(&RuleId::NagleStall), "{of_upstream}");
    let unknown: Vec<RuleId> = of_proxy.unknown_rules().map(|rule| rule.id).collect();
    assert_eq!(unknown, [RuleId::NagleStall], "{of_proxy}");
    let told = of_proxy.to_string();
    assert!(told.contains("none that the server made; the calls of"), "{told}");
    Ok(())
}

fn a_proxy_and_its_upstream_share_a_network() -> Result<()> {
    is_asked_by_its_proxy(Level::Sandbox)
}

fn a_proxy_and_its_upstream_share_the_host() -> Result<()> {
    is_asked_by_its_proxy(Level::Loopback)
}

/// Who was there first may go first.
fn a_network_outlives_who_began_it() -> Result<()> {
    let first = server(["echo", LISTEN]).start()?;
    let second = server(["echo", LISTEN]).beside(&first).start()?;
    let third = server(["echo", LISTEN]).beside(&second).start()?;
    let ports = [&first, &second, &third].map(|server| server.address().port());
    assert!(
        ports[0] == 3000 && ports[1] != ports[2] && !ports[1..].contains(&3000),
        "{ports:?}"
    );
    let tells = |timeline: &Timeline| timeline.connections().len();
    assert_eq!(tells(&first.stop()?), 0);
    second.connect()?.exchange("1\n")?;
    drop(second);
    third.connect()?.exchange("1\n")?;
    let told = third.stop()?;
    assert_eq!(
        (tells(&told), told.only().endpoints().server.port()),
        (1, ports[2]),
        "{told}"
    );
    Ok(())
}

/// Behind a wire both are on the server's host, and the wire's clients reach the second through the first.
fn beside_a_server_behind_a_wire_is_its_host() -> Result<()> {
    let first = server(["passes-on", "10.0.0.2:3000/127.0.0.1:4000"])
        .wire("delay 2ms".parse()?)
        .start()?;
    let second = server(["closes-first", "127.0.0.1:4000"]).beside(&first).start()?;
    assert_eq!(first.connect()?.exchange("1\n")?, "1\n");
    let (first, second) = (first.stop()?, second.stop()?);
    assert_eq!(first.of_clients().count(), 1, "{first}");
    assert_eq!(second.writes_per_reply(), [1], "{second}");
    assert!(second.only().endpoints().client.ip().is_loopback(), "{second}");
    Ok(())
}

/// What both share is there when the second comes.
fn what_cannot_be_beside_says_why() -> Result<()> {
    let first = server(["echo", LISTEN]).start()?;
    let refused = |second: ServerBuilder| {
        let refused: Error = second.beside(&first).start().err().context("it was started")?;
        anyhow::Ok(refused.to_string())
    };
    for (second, reason, cure) in [
        (
            server(["echo", "127.0.0.1:3000"]),
            "EADDRINUSE",
            "one of them has that port",
        ),
        (
            server(["echo", LISTEN]).wire("delay 1ms".parse()?),
            "beside another",
            "that starts first",
        ),
        (server(["echo", LISTEN]).backlog(1), "both share", "that starts first"),
        (server(["echo", LISTEN]).mtu(1280), "both share", "that starts first"),
    ] {
        let told = refused(second)?;
        assert!(told.contains(reason) && told.contains(cure), "{told}");
    }
    Ok(())
}

harness::tests! {
    a_proxy_and_its_upstream_share_a_network needs [Sandbox];
    a_proxy_and_its_upstream_share_the_host needs [HostCapture];
    who_stalls_beside_a_proxy_is_not_known_to_it needs [Packets];
    a_network_outlives_who_began_it needs [Sandbox];
    beside_a_server_behind_a_wire_is_its_host needs [Wire];
    what_cannot_be_beside_says_why needs [Sandbox];
}
