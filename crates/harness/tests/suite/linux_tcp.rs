//! The table of docs/linux-tcp.md: each of its rows is a run on the kernel of this machine.
//!
//! Asserted are order, counts, states and the kernel's own numbers. Of a time it is asserted at most that something did
//! not come before.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::facts::{FactKind, Reason};
use harness::testing::Needs::{HostCapture, Ipv6, Program, Sandbox, Wire};
use harness::timeline::{EventKind, Flags, KnownPacket, Level, Segment, Side, TcpView, Timeline, Timestamp};
use harness::{Client, LISTEN, Server, ServerBuilder};

const PAGE: &str = include_str!("../../../../docs/linux-tcp.md");

/// How long something may take until it is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// The data of a full segment: an MTU of 1500 less 20 of IP, 20 of TCP and 12 of timestamps.
const FULL: u32 = 1448;

fn build(mode: &str) -> ServerBuilder {
    Server::build(harness::testing::built("wrong-server"))
        .arg(mode)
        .arg(LISTEN)
}

fn behind(script: &str, mode: &str) -> Result<ServerBuilder> {
    Ok(build(mode).wire(script.parse()?))
}

/// A file as it is on one side's host.
fn read(server: &Server, host: Side, path: &str) -> Result<String> {
    let mut command = Command::new("cat");
    command.arg(path);
    server.enter_host(host, &mut command)?;
    let output = command.output()?;
    ensure!(output.status.success(), "{path} cannot be read");
    Ok(String::from_utf8(output.stdout)?)
}

/// A setting of the client's host, if its kernel has it.
fn setting(server: &Server, name: &str) -> Option<Vec<i64>> {
    let text = read(server, Side::Client, &format!("/proc/sys/net/{name}")).ok()?;
    text.split_whitespace().map(|number| number.parse().ok()).collect()
}

/// True if kernels of this machine have a setting, by its path below net.
fn has_setting(name: &str) -> bool {
    std::path::Path::new("/proc/sys/net").join(name).exists()
}

/// A counter of `TcpExt`, as netstat(8) shows it.
fn counter(server: &Server, host: Side, name: &str) -> Result<u64> {
    let text = read(server, host, "/proc/net/netstat")?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt: "));
    let (names, values) = (lines.next().context("no names")?, lines.next().context("no values")?);
    let place = names
        .split(' ')
        .position(|known| known == name)
        .context("no such counter")?;
    Ok(values.split(' ').nth(place).context("no value")?.parse()?)
}

/// A line of `/proc/net/tcp`: proc_net_tcp(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    state: u8,
    /// 0 for none, 1 for a retransmission, 2 for another timer, 3 for that of TIME_WAIT.
    timer: u8,
    /// When it runs out, in hundredths of a second.
    left: u64,
    /// Bytes that wait to be read; of a listener the connections that wait to be accepted.
    waiting: u64,
}

const FIN_WAIT2: u8 = 5;
const TIME_WAIT: u8 = 6;
const CLOSE_WAIT: u8 = 8;
const LISTENS: u8 = 10;

/// The sockets of a host, but those that listen unless asked for, by the address of the side that is asked for.
fn sockets(server: &Server, host: Side, own: SocketAddr) -> Result<Vec<Row>> {
    let text = read(server, host, "/proc/net/tcp")?;
    let own = format!(":{:04X}", own.port());
    let rows = text.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let hex = |text: &str| u64::from_str_radix(text, 16).ok();
        let (_, waiting) = fields.get(4)?.split_once(':')?;
        let (timer, left) = fields.get(5)?.split_once(':')?;
        let row = Row {
            state: hex(fields.get(3)?)? as u8,
            timer: hex(timer)? as u8,
            left: hex(left)?,
            waiting: hex(waiting)?,
        };
        fields.get(1)?.ends_with(&own).then_some(row)
    });
    Ok(rows.collect())
}

/// Looks until something is there.
fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        ensure!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn keeps_alive(client: &Client) -> Result<()> {
    super::wire::keeps_alive(client)
}

fn data(timeline: &Timeline, from: Side) -> Vec<(Timestamp, KnownPacket<'_>)> {
    let packets = timeline.only().packets();
    packets
        .filter(|(_, packet)| packet.from == from && packet.segment.len > 0)
        .map(|(id, packet)| (timeline[id].at, packet))
        .collect()
}

fn count(timeline: &Timeline, kind: FactKind) -> usize {
    let packets = timeline.only().packets();
    packets.filter(|(_, packet)| packet.facts.has(kind)).count()
}

// Acknowledgments.

/// A client sends a byte when the one before is acknowledged, to a program that does not read. None of the first ACKs
/// waits, and then they do.
fn quick_ack() -> Result<()> {
    let server = build("never-accepts").start()?;
    let mut client = server.connect()?;
    for _ in 0..24 {
        client.send("x")?;
        client.settle();
    }
    drop(client);
    let timeline = server.stop()?;
    let acks: Vec<bool> = timeline
        .only()
        .packets()
        .filter(|(_, packet)| packet.from == Side::Server && packet.segment.flags == Flags::ACK)
        .map(|(_, packet)| packet.facts.has(FactKind::DelayedAck))
        .collect();
    let quick = acks.iter().position(|delayed| *delayed).context("no ACK was put off")?;
    assert!((8..=17).contains(&quick), "{quick}\n{timeline}");
    Ok(())
}

/// The kernel counts the ACKs that it sent since their time was up: of data, and of a FIN.
fn delayed_ack() -> Result<()> {
    let server = build("dup").start()?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    let fin = |segment: &Segment, _: Option<&_>| segment.flags.has(Flags::FIN);
    client.close();
    ensure!(server.wait_for_segment(fin), "there was no FIN");
    until("the ACK of the FIN", || {
        Ok((counter(&server, Side::Server, "DelayedACKs")? > 0).then_some(()))
    })?;
    let timeline = server.stop()?;
    let last = timeline.only().packets().last().context("no packet")?.1;
    assert_eq!(
        (last.from, last.segment.flags),
        (Side::Server, Flags::ACK),
        "{timeline}"
    );
    assert!(last.facts.has(FactKind::DelayedAck), "{timeline}");
    Ok(())
}

/// The exchange in which the first write was held back, from 1, of a server that writes twice.
fn first_stall(threshold: Option<u32>) -> Result<usize> {
    let mut build = build("two-writes");
    if let Some(threshold) = threshold {
        build = build.sysctl("net.ipv4.tcp_pingpong_thresh", threshold.to_string());
    }
    let server = build.start()?;
    let mut client = server.connect()?;
    for line in ["1\n", "2\n", "3\n", "4\n", "5\n"] {
        client.exchange(line)?;
    }
    client.close();
    let timeline = server.stop()?;
    let (held, _) = timeline
        .only()
        .held_segments()
        .next()
        .context("nothing was held back")?;
    let exchanges = timeline.only().exchanges();
    let place = exchanges.iter().position(|exchange| exchange.packets.contains(&held));
    Ok(place.with_context(|| timeline.to_string())? + 1)
}

fn pingpong() -> Result<()> {
    assert_eq!(first_stall(None)?, 2);
    if has_setting("ipv4/tcp_pingpong_thresh") {
        for threshold in [1, 2, 3] {
            assert_eq!(first_stall(Some(threshold))?, threshold as usize + 1);
        }
    }
    Ok(())
}

// When a segment leaves.

/// Why each segment of a reply left that was written in these sizes, with its first ACK 200 ms away.
fn reasons(mode: &str, request: &str) -> Result<Vec<(u32, Reason)>> {
    let server = behind("delay 100ms", mode)?.start()?;
    let mut client = server.connect()?;
    client.send(request)?;
    let length = match request
        .strip_suffix('\n')
        .map(|line| line.split(' ').map(str::parse::<usize>).sum())
    {
        Some(Ok(length)) if mode == "writes" => length,
        _ => request.len(),
    };
    client.read_exact(length)?;
    client.close();
    let timeline = server.stop()?;
    let sent = data(&timeline, Side::Server).into_iter();
    Ok(sent
        .map(|(_, packet)| (packet.segment.len, packet.facts.why.reason))
        .collect())
}

fn nagle() -> Result<()> {
    use Reason::{AtOnce, Nagle};
    assert_eq!(reasons("writes", "1 1\n")?, [(1, AtOnce), (1, Nagle)]);
    // What was held back leaves together.
    assert_eq!(reasons("writes", "1 1 1\n")?, [(1, AtOnce), (2, Nagle)]);
    assert_eq!(reasons("two-writes-nodelay", "1\n")?, [(1, AtOnce), (1, AtOnce)]);
    Ok(())
}

/// A small segment behind a full one that nobody has acknowledged: RFC 896 would hold it back.
fn minshall() -> Result<()> {
    use Reason::{AtOnce, Nagle};
    assert_eq!(reasons("writes", "1448 1\n")?, [(FULL, AtOnce), (1, AtOnce)]);
    assert_eq!(
        reasons("writes", "1448 1 1\n")?,
        [(FULL, AtOnce), (1, AtOnce), (1, Nagle)]
    );
    Ok(())
}

/// On a network without a card nothing waits in its queue, so two small writes are two segments.
fn autocork() -> Result<()> {
    let server = build("two-writes-nodelay").start()?;
    let mut client = server.connect()?;
    for _ in 0..20 {
        client.exchange("1\n")?;
    }
    assert_eq!(setting(&server, "ipv4/tcp_autocorking"), Some(vec![1]));
    assert_eq!(counter(&server, Side::Server, "TCPAutoCorking")?, 0);
    client.close();
    assert_eq!(data(&server.stop()?, Side::Server).len(), 40);
    Ok(())
}

/// What a cork holds waits for the timer of a probe, which follows the retransmission timeout.
fn cork() -> Result<()> {
    for (wire, at_least) in [("delay 1ms", 190), ("delay 100ms", 400)] {
        let server = behind(wire, "corked-for-good")?.start()?;
        let mut client = server.connect()?;
        client.exchange("1\n")?;
        client.close();
        let timeline = server.stop()?;
        let (_, reply) = data(&timeline, Side::Server)[0];
        let why = &reply.facts.why;
        assert_eq!(why.reason, Reason::Cork, "{timeline}");
        let waited = why.waited.context("it did not wait")?;
        assert!(waited >= Duration::from_millis(at_least), "{waited:?}\n{timeline}");
    }
    Ok(())
}

fn psh() -> Result<()> {
    for (length, expected) in [(1, 1..=1), (3000, 1..=1), (300_000, 2..=100)] {
        let server = build("bulk").start()?;
        let mut client = server.connect()?;
        client.send(format!("{length}\n"))?;
        client.read_exact(length)?;
        client.close();
        let timeline = server.stop()?;
        let sent = data(&timeline, Side::Server);
        assert!(
            sent.last().context("no data")?.1.segment.flags.has(Flags::PSH),
            "{timeline}"
        );
        let pushed = sent
            .iter()
            .filter(|(_, packet)| packet.segment.flags.has(Flags::PSH))
            .count();
        assert!(
            expected.contains(&pushed) && pushed <= sent.len(),
            "{pushed} of {}",
            sent.len()
        );
    }
    Ok(())
}

// When it is sent again.

/// TCP's view of the server's socket at each packet of its data that was lost or sent again.
fn views(timeline: &Timeline) -> Vec<&TcpView> {
    let packets = timeline.only().packets();
    let of_server = packets.filter_map(|(_, packet)| {
        let passage = packet.packet().passage.as_ref()?;
        (packet.from == Side::Server && packet.segment.len > 0).then(|| passage.tcp.as_ref()?.of(Side::Server))?
    });
    of_server.collect()
}

/// An exchange with an echo server behind a wire that does this.
fn echo(script: &str, settings: &[(&str, &str)]) -> Result<Timeline> {
    let mut build = behind(script, "echo")?;
    for (name, value) in settings {
        build = build.sysctl(*name, *value);
    }
    let server = build.start()?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    client.close();
    Ok(server.stop()?)
}

fn retransmission_timeout() -> Result<()> {
    let timeline = echo(
        "delay 5ms\nlose server data 1 4 times",
        &[("net.ipv4.tcp_early_retrans", "0")],
    )?;
    let timeouts: Vec<Duration> = views(&timeline).iter().map(|view| view.rto).collect();
    let shortest = Duration::from_millis(200);
    assert!(timeouts[0] >= shortest, "{timeouts:?}\n{timeline}");
    let doubled = timeouts.windows(2).filter(|two| two[1] == two[0] * 2).count();
    assert!(doubled >= 2, "{timeouts:?}\n{timeline}");
    if has_setting("ipv4/tcp_rto_min_us") {
        let script = "delay 1ms\nlose server data 1";
        let timeline = echo(script, &[("net.ipv4.tcp_rto_min_us", "20000")])?;
        assert!(views(&timeline)[0].rto < shortest, "{timeline}");
    }
    Ok(())
}

/// How long passed between the SYNs of a client whose first two are lost.
fn between_syns(settings: &[(&str, &str)]) -> Result<[Duration; 2]> {
    let timeline = echo("lose client syn 2 times", settings)?;
    let packets = timeline.only().packets();
    let syns: Vec<Timestamp> = packets
        .filter(|(_, packet)| packet.segment.flags == Flags::SYN)
        .map(|(id, _)| timeline[id].at)
        .collect();
    let [first, second, third] = syns[..] else {
        anyhow::bail!("{} SYNs\n{timeline}", syns.len())
    };
    Ok([second.since(first), third.since(second)])
}

fn syn_retries() -> Result<()> {
    const SECOND: Duration = Duration::from_millis(990);
    let name = "net.ipv4.tcp_syn_linear_timeouts";
    if has_setting("ipv4/tcp_syn_linear_timeouts") {
        let [first, second] = between_syns(&[])?;
        assert!(
            first >= SECOND && second >= SECOND && second < SECOND * 2,
            "{first:?} {second:?}"
        );
        let [first, second] = between_syns(&[(name, "0")])?;
        assert!(first >= SECOND && second >= SECOND * 2, "{first:?} {second:?}");
    } else {
        let [first, second] = between_syns(&[])?;
        assert!(first >= SECOND && second >= SECOND * 2, "{first:?} {second:?}");
    }
    let server = build("echo").start()?;
    assert_eq!(setting(&server, "ipv4/tcp_syn_retries"), Some(vec![6]));
    assert_eq!(setting(&server, "ipv4/tcp_synack_retries"), Some(vec![5]));
    Ok(())
}

/// The last segment is lost, and no ACK can tell of it. Where probes are switched off a timeout comes.
fn tail_loss_probe() -> Result<()> {
    let script = "delay 20ms\nlose server data 1";
    let timeline = echo(script, &[])?;
    assert_eq!(count(&timeline, FactKind::TailLossProbe), 1, "{timeline}");
    let cwnd = |timeline: &Timeline| views(timeline).last().map(|view| view.cwnd);
    assert!(cwnd(&timeline) > Some(1), "{timeline}");
    let timeline = echo(script, &[("net.ipv4.tcp_early_retrans", "0")])?;
    assert_eq!(count(&timeline, FactKind::TailLossProbe), 0, "{timeline}");
    assert_eq!(cwnd(&timeline), Some(1), "{timeline}");
    Ok(())
}

/// One SACK block tells of the hole. RFC 5681 would wait for three duplicate ACKs.
fn rack() -> Result<()> {
    let server = behind("delay 20ms\nlose server data 2", "bulk")?.start()?;
    let mut client = server.connect()?;
    let length = 3 * FULL as usize;
    client.send(format!("{length}\n"))?;
    client.read_exact(length)?;
    client.close();
    let timeline = server.stop()?;
    assert_eq!(count(&timeline, FactKind::FastRetransmission), 1, "{timeline}");
    assert_eq!(count(&timeline, FactKind::RetransmissionTimeout), 0, "{timeline}");
    assert!(count(&timeline, FactKind::DuplicateAck) < 3, "{timeline}");
    Ok(())
}

// When nothing is sent.

fn keep_alive() -> Result<()> {
    let server = build("echo").start()?;
    let mut client = server.connect()?;
    let socket = client.socket();
    let times = (
        socket.tcp_keepalive_time()?,
        socket.tcp_keepalive_interval()?,
        socket.tcp_keepalive_retries()?,
    );
    assert_eq!(times, (Duration::from_secs(7200), Duration::from_secs(75), 9));
    assert!(!socket.keepalive()?);
    client.exchange("1\n")?;
    client.settle();
    let timer = || -> Result<u8> { Ok(sockets(&server, Side::Client, client.local_addr())?[0].timer) };
    assert_eq!(timer()?, 0);
    client.socket().set_keepalive(true)?;
    assert_eq!(timer()?, 2);
    client.close();
    server.stop()?;
    Ok(())
}

/// Data that nobody acknowledges ends a connection long before its retransmissions give up.
fn user_timeout() -> Result<()> {
    let server = behind("delay 1ms", "echo")?.start()?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    assert_eq!(setting(&server, "ipv4/tcp_retries2"), Some(vec![15]));
    client.socket().set_tcp_user_timeout(Some(Duration::from_millis(500)))?;
    server.cut()?;
    client.send("2\n")?;
    let error = raw_read(&client).err().context("something came")?;
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(client);
    let timeline = server.stop()?;
    assert!(count(&timeline, FactKind::Retransmission) < 8, "{timeline}");
    Ok(())
}

/// One read of a client's socket.
fn raw_read(client: &Client) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = vec![0; 1 << 20];
    let length = client.socket().read(&mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}

// The end.

/// A socket that no program owns leaves FIN_WAIT2 when its time is up. One that a program owns stays.
fn fin_wait2() -> Result<()> {
    let server = build("dup").sysctl("net.ipv4.tcp_fin_timeout", "1").start()?;
    let (gone, mut owned) = (server.connect()?, server.connect()?);
    let ends = [gone.local_addr(), owned.local_addr()];
    owned.shutdown_write()?;
    gone.close();
    let states = |end| -> Result<Vec<u8>> {
        Ok(sockets(&server, Side::Client, end)?
            .iter()
            .map(|row| row.state)
            .collect())
    };
    until("the socket that nobody owns is gone", || {
        Ok(states(ends[0])?.is_empty().then_some(()))
    })?;
    assert_eq!(states(ends[1])?, [FIN_WAIT2]);
    server.stop()?;
    Ok(())
}

/// A minute, whatever tcp_fin_timeout says, at the side that closed first.
fn time_wait() -> Result<()> {
    let server = build("echo").sysctl("net.ipv4.tcp_fin_timeout", "1").start()?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    let end = client.local_addr();
    client.close();
    let row = until("TIME_WAIT", || {
        let rows = sockets(&server, Side::Client, end)?;
        Ok(rows.first().copied().filter(|row| row.state == TIME_WAIT))
    })?;
    assert_eq!(row.timer, 3);
    assert!((5000..=6000).contains(&row.left), "{row:?}");
    let listeners = sockets(&server, Side::Server, server.address())?;
    assert!(listeners.iter().all(|row| row.state == LISTENS), "{listeners:?}");
    server.stop()?;
    Ok(())
}

/// It has no timer of its own. A keep-alive asks the other side, which has forgotten it, and is answered by a reset.
fn close_wait() -> Result<()> {
    let server = build("closes-first").sysctl("net.ipv4.tcp_fin_timeout", "1").start()?;
    let (mut asks, mut waits) = (server.connect()?, server.connect()?);
    for client in [&mut asks, &mut waits] {
        client.exchange("1\n")?;
        client.settle();
    }
    let row = |client: &Client| -> Result<Option<Row>> {
        Ok(sockets(&server, Side::Client, client.local_addr())?.first().copied())
    };
    for client in [&asks, &waits] {
        let row = until("CLOSE_WAIT", || Ok(row(client)?.filter(|row| row.state == CLOSE_WAIT)))?;
        assert_eq!(row.timer, 0);
    }
    keeps_alive(&asks)?;
    until("keep-alive ends it", || Ok(row(&asks)?.is_none().then_some(())))?;
    assert_eq!(row(&waits)?.map(|row| (row.state, row.timer)), Some((CLOSE_WAIT, 0)));
    drop((asks, waits));
    server.stop()?;
    Ok(())
}

/// A client that has got a reset when the server had written this, with so much room for it.
fn after_a_reset(length: usize, room: u32) -> Result<(Server, Client)> {
    let room = format!("4096 {room} {room}");
    let server = build("bulk-unread").sysctl("net.ipv4.tcp_rmem", room).start()?;
    let mut client = server.connect()?;
    client.send(format!("{length}\n"))?;
    ensure!(
        server.wait_for_call(|call| call.name == "sendto" && call.result == Some(Ok(length as u64))),
        "it did not write all"
    );
    client.send("more")?;
    let reset = |segment: &Segment, _: Option<&_>| segment.flags.has(Flags::RST);
    ensure!(server.wait_for_segment(reset), "there was no reset");
    Ok((server, client))
}

fn reset() -> Result<()> {
    let is_reset = |error: &std::io::Error| error.kind() == ErrorKind::ConnectionReset;
    // What had come is read, and then the error.
    let (_server, client) = after_a_reset(5000, 131_072)?;
    assert_eq!(raw_read(&client)?.len(), 5000);
    assert!(raw_read(&client).is_err_and(|error| is_reset(&error)));
    assert_eq!(raw_read(&client)?.len(), 0);
    // What the server's kernel still had is gone, though the write had returned.
    let length = 40_000;
    let (_server, client) = after_a_reset(length, 16_384)?;
    let mut came = 0;
    let error = loop {
        match raw_read(&client) {
            Ok(bytes) => came += bytes.len(),
            Err(error) => break error,
        }
    };
    assert!(is_reset(&error) && (1..length).contains(&came), "{came}: {error}");
    // Who writes meets the error first. The bytes are there all the same.
    let (_server, client) = after_a_reset(5000, 131_072)?;
    let error = client.socket().send(b"x").err().context("it was sent")?;
    assert!(is_reset(&error) || error.kind() == ErrorKind::BrokenPipe, "{error}");
    assert_eq!(raw_read(&client)?.len(), 5000);
    Ok(())
}

/// A reset beyond the next byte, as one before it was lost, is answered by an ACK, and that by a reset which fits.
fn challenge_ack() -> Result<()> {
    let server = behind("delay 5ms\nlose client data 2", "echo")?.start()?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    client.settle();
    client.send("2\n")?;
    client.reset()?;
    let resets = || -> Result<usize> {
        let timeline = server.so_far();
        let packets = timeline.only().packets();
        Ok(packets
            .filter(|(_, packet)| packet.segment.flags.has(Flags::RST))
            .count())
    };
    until("two resets", || Ok((resets()? == 2).then_some(())))?;
    let timeline = server.stop()?;
    let packets: Vec<_> = timeline.only().packets().map(|(_, packet)| packet).collect();
    let from = packets
        .iter()
        .position(|packet| packet.segment.flags.has(Flags::RST))
        .context("no reset")?;
    let told: Vec<(Side, bool)> = packets[from..]
        .iter()
        .map(|packet| (packet.from, packet.segment.flags.has(Flags::RST)))
        .collect();
    let expected = [(Side::Client, true), (Side::Server, false), (Side::Client, true)];
    assert_eq!(told, expected, "{timeline}");
    assert!(packets[from + 1].facts.has(FactKind::ChallengeAck), "{timeline}");
    Ok(())
}

// The beginning.

/// As many connections wait as the backlog says and one more. The SYN of the next falls.
fn backlog() -> Result<()> {
    let server = build("never-accepts").start()?;
    ensure!(server.wait_until_idle(PATIENCE), "it does not go to sleep");
    let _waiting = [server.connect()?, server.connect()?];
    let listener = sockets(&server, Side::Server, server.address())?;
    let listener = listener
        .iter()
        .find(|row| row.state == LISTENS)
        .context("nobody listens")?;
    assert_eq!(listener.waiting, 2);
    std::thread::scope(|scope| -> Result<()> {
        let connects = scope.spawn(|| server.connect().map(drop));
        until("a SYN falls", || {
            Ok((counter(&server, Side::Server, "ListenOverflows")? > 0).then_some(()))
        })?;
        server.signal(9);
        ensure!(connects.join().is_ok_and(|made| made.is_err()), "it was connected");
        Ok(())
    })?;
    server.stop()?;
    let server = build("echo").start()?;
    // Linux 6.1 shows it to root alone.
    if let Some(most) = setting(&server, "core/somaxconn") {
        assert_eq!(most, [4096]);
    }
    server.stop()?;
    Ok(())
}

fn options(settings: &[(&str, &str)]) -> Result<(Timeline, i64)> {
    let mut build = build("echo");
    for (name, value) in settings {
        build = build.sysctl(*name, *value);
    }
    let server = build.start()?;
    let largest = |name: &str| {
        setting(&server, name)
            .and_then(|sizes| sizes.last().copied())
            .unwrap_or(0)
    };
    // On kernels where this is the host's alone it cannot be read inside.
    let of_host = std::fs::read_to_string("/proc/sys/net/core/rmem_max")?.trim().parse()?;
    let larger = largest("ipv4/tcp_rmem").max(of_host);
    server.connect()?.close();
    Ok((server.stop()?, larger))
}

/// The scale is what the larger of tcp_rmem's third number and rmem_max takes in 16 bits.
fn window_scale() -> Result<()> {
    for largest in ["4096", "1048576", "33554432"] {
        let sizes = format!("4096 4096 {largest}");
        let (timeline, larger) = options(&[("net.ipv4.tcp_rmem", &sizes)])?;
        let (_, syn) = timeline.only().packets().next().context("no SYN")?;
        let expected = larger.ilog2().saturating_sub(15).min(14) as u8;
        assert_eq!(
            syn.segment.options.rare.as_ref().and_then(|rare| rare.window_scale),
            Some(expected),
            "{larger}\n{timeline}"
        );
    }
    Ok(())
}

fn mss() -> Result<()> {
    let (timeline, _) = options(&[])?;
    let (_, syn) = timeline.only().packets().next().context("no SYN")?;
    assert_eq!(
        syn.segment.options.rare.as_ref().and_then(|rare| rare.mss),
        Some(1460),
        "{timeline}"
    );
    // On the host's own interface a packet may be longer than IPv4's field for its length can say.
    let mtu: u32 = std::fs::read_to_string("/sys/class/net/lo/mtu")?.trim().parse()?;
    let server = build("echo").level(Level::Loopback).start()?;
    server.connect()?.close();
    let timeline = server.stop()?;
    let (_, syn) = timeline.only().packets().next().context("no SYN")?;
    assert_eq!(
        syn.segment
            .options
            .rare
            .as_ref()
            .and_then(|rare| rare.mss)
            .map(u32::from),
        Some(mtu.min(65_535) - 40),
        "{timeline}"
    );
    Ok(())
}

/// Each segment of a connection has them. A reset that no socket sends has none.
fn timestamps() -> Result<()> {
    let server = build("echo").start()?;
    server.connect()?.exchange("1\n")?;
    let nobody = SocketAddr::new(server.address().ip(), 9);
    assert!(server.connect_to(nobody).is_err());
    let refused = |segment: &Segment, _: Option<&_>| segment.source().port() == 9;
    ensure!(server.wait_for_segment(refused), "nothing refused it");
    let timeline = server.stop()?;
    let packets = timeline.events.iter().filter_map(|event| match &event.kind {
        EventKind::Packet(packet) => Some(&packet.segment),
        _ => None,
    });
    let mut with = 0;
    for segment in packets {
        assert_eq!(
            segment.options.timestamps.is_none(),
            segment.source().port() == 9,
            "{timeline}"
        );
        with += usize::from(segment.options.timestamps.is_some());
    }
    assert!(with > 5, "{timeline}");
    Ok(())
}

/// The C library gives the address of IPv6 first (RFC 6724), also where /etc/hosts has the other one first.
fn localhost() -> Result<()> {
    let hosts = std::env::temp_dir().join(format!("hosts-{}", std::process::id()));
    std::fs::write(&hosts, "127.0.0.1 localhost\n::1 localhost\n")?;
    let asks = "mount --bind \"$0\" /etc/hosts && getent ahosts localhost";
    // A mount of its own, which root may have, and whoever may have a user namespace.
    let is_root = std::fs::metadata("/proc/self")?.uid() == 0;
    let own: &[&str] = if is_root {
        &["--mount"]
    } else {
        &["--map-root-user", "--mount"]
    };
    let output = Command::new("unshare")
        .args(own)
        .args(["sh", "-c", asks])
        .arg(&hosts)
        .output();
    std::fs::remove_file(&hosts)?;
    let addresses = String::from_utf8(output?.stdout)?;
    assert!(
        addresses.starts_with("::1 ") && addresses.contains("127.0.0.1 "),
        "{addresses}"
    );
    Ok(())
}

/// The page has a row for each test, and each of its rows has one.
fn each_row_is_a_run() -> Result<()> {
    let rows = PAGE.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let rows: Vec<String> = rows.map(|row| row.replace('-', "_")).collect();
    let tests: Vec<&str> = TESTS
        .iter()
        .map(|test| test.name)
        .filter(|name| *name != "each_row_is_a_run")
        .collect();
    let missing: Vec<_> = tests
        .iter()
        .filter(|test| !rows.iter().any(|row| row == *test))
        .collect();
    let untested: Vec<_> = rows.iter().filter(|row| !tests.contains(&row.as_str())).collect();
    ensure!(
        missing.is_empty() && untested.is_empty(),
        "no row: {missing:?}; no test: {untested:?}"
    );
    Ok(())
}

harness::tests! {
    syn_retries needs [Wire];
    close_wait needs [Sandbox];
    fin_wait2 needs [Sandbox];
    retransmission_timeout needs [Wire];
    quick_ack needs [Sandbox];
    delayed_ack needs [Sandbox];
    pingpong needs [Sandbox];
    nagle needs [Wire];
    minshall needs [Wire];
    autocork needs [Sandbox];
    cork needs [Wire];
    psh needs [Sandbox];
    tail_loss_probe needs [Wire];
    rack needs [Wire];
    keep_alive needs [Sandbox];
    user_timeout needs [Wire];
    time_wait needs [Sandbox];
    reset needs [Sandbox];
    challenge_ack needs [Wire];
    backlog needs [Sandbox];
    window_scale needs [Sandbox];
    mss needs [Sandbox, HostCapture];
    timestamps needs [Sandbox];
    localhost needs [Sandbox, Ipv6, Program("unshare"), Program("getent")];
    each_row_is_a_run needs [];
}
