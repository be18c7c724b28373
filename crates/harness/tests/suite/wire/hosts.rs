//! The hosts, and the wire's own promises.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use harness::facts::FactKind;
use harness::format::pcapng::{self, Vantage};
use harness::timeline::{Call, CallKind, EventKind, Level, Passage, Segment, Side, What};
use harness::{Error, LISTEN, Server, Wire};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{behind, packets, texts, wrong_server};

pub fn a_packet_does_not_come_before_its_delay() -> Result<()> {
    let server = behind("delay client 30ms\ndelay server 5ms", "echo")?.start()?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    client.close();
    let timeline = server.stop()?;
    assert_eq!((timeline.level, timeline.dropped), (Level::Sandbox, 0));
    for seen in packets(&timeline) {
        let least = match seen.packet.from {
            Side::Client => Duration::from_millis(30),
            Side::Server => Duration::from_millis(5),
        };
        let [came] = seen.passage.arrivals[..] else {
            panic!("{timeline}")
        };
        assert!(came.since(seen.left) >= least, "{timeline}");
    }
    // The order at each end: nothing answers what has not come.
    let all = packets(&timeline);
    assert_eq!(
        texts(&timeline)[..5],
        ["C SYN", "S SYN,ACK", "C ACK 1", "C data 1", "S ACK 3"],
        "{timeline}"
    );
    for (answer, asked) in [(1, 0), (2, 1), (4, 3)] {
        assert!(all[answer].left >= all[asked].passage.arrivals[0], "{timeline}");
    }
    Ok(())
}

pub fn a_packet_leaves_during_the_call_that_sends_it() -> Result<()> {
    let server = behind("delay 5ms", "echo")?.start()?;
    let mut client = server.connect()?;
    for _ in 0..20 {
        client.exchange("1\n")?;
    }
    client.close();
    let timeline = server.stop()?;
    let writes = |call: &Call| call.kind == CallKind::Write;
    let replies = packets(&timeline);
    // What a busy machine makes the timer send again leaves during no call.
    let replies = replies.iter().filter(|seen| {
        let sends = seen.packet.from == Side::Server && seen.packet.segment.len > 0;
        sends && !seen.packet.facts.has(FactKind::Retransmission)
    });
    let mut count = 0;
    for seen in replies {
        let during = seen.packet.facts.during.and_then(|index| timeline.call(index));
        assert!(during.is_some_and(writes), "{timeline}");
        count += 1;
    }
    assert_eq!(count, 20, "{timeline}");
    Ok(())
}

pub fn both_versions_of_ip_pass() -> Result<()> {
    for (address, server_host) in [
        ("0.0.0.0:3000", "10.0.0.2"),
        ("[::]:3000", "fd00::2"),
        ("[fd00::2]:80", "fd00::2"),
    ] {
        let wire: Wire = "delay 2ms\nlose client data 1".parse()?;
        let server = Server::build(wrong_server())
            .args(["echo", address])
            .wire(wire)
            .start()?;
        assert_eq!(server.address().ip().to_string(), server_host);
        let mut client = server.connect()?;
        assert_eq!(client.exchange("1\n")?, "1\n");
        client.close();
        let timeline = server.stop()?;
        assert!(texts(&timeline).contains(&"C data 1 lost".to_owned()), "{timeline}");
        let ends = timeline.only().endpoints();
        assert_eq!(ends.server.ip().to_string(), server_host, "{timeline}");
    }
    Ok(())
}

/// What is on the wire is what a network card would send: whole checksums, and no segment that is
/// still to be cut.
pub fn checksums_are_whole_and_segments_fit_the_mtu() -> Result<()> {
    let server = behind("mtu 1000", "bulk")?.start()?;
    let mut client = server.connect()?;
    client.send("50000\n")?;
    client.read_exact(50_000)?;
    client.close();
    let timeline = server.stop()?;
    let all = packets(&timeline);
    let longest = all.iter().map(|seen| seen.packet.wire_len).max();
    assert_eq!(longest, Some(1014), "{timeline}");
    for seen in &all {
        let headers = etherparse::SlicedPacket::from_ethernet(&seen.packet.frame)?;
        let (Some(etherparse::NetSlice::Ipv4(ip)), Some(etherparse::TransportSlice::Tcp(tcp))) =
            (&headers.net, &headers.transport)
        else {
            panic!("{timeline}");
        };
        assert_eq!(
            ip.header().header_checksum(),
            ip.header().to_header().calc_header_checksum()
        );
        let calculated = tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination());
        assert_eq!(Ok(tcp.checksum()), calculated, "{timeline}");
    }
    Ok(())
}

/// However many the relay hands over in a call, what comes to a host is what left the other, bit by bit and in order.
pub fn a_stream_comes_as_it_left() -> Result<()> {
    let server = behind("delay 2ms\nmtu 1400", "bulk")?.start()?;
    let mut command = Command::new(wrong_server());
    command.args(["frames", LISTEN]).stdout(Stdio::piped());
    server.enter_host(Side::Client, &mut command)?;
    let mut child = command.spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    ensure!(lines.next().context("no frames")?? == "ready");
    let mut client = server.connect()?;
    client.send("90000\n")?;
    client.read_exact(90_000)?;
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.dropped, 0);
    let hex = |frame: &[u8]| frame.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut left: Vec<_> = packets(&timeline);
    left.retain(|seen| seen.packet.from == Side::Server && !seen.passage.arrivals.is_empty());
    assert!(left.len() > 60, "{timeline}");
    // Of the server's address, 10.0.0.2: what the client sends is seen here as well.
    let mut came = lines
        .map_while(Result::ok)
        .filter(|line| line.get(52..60) == Some("0a000002"));
    for seen in left {
        assert_eq!(came.next(), Some(hex(&seen.packet.frame)), "{timeline}");
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// Linux carries packets to 127.0.0.1 over a wire where it is told to, and none to ::1.
pub fn a_loopback_address_is_reached_over_ipv4_alone() -> Result<()> {
    let on = |address: &str| {
        let build = Server::build(wrong_server()).args(["echo", address]);
        build.wire(Wire::new()).start()
    };
    let server = on("127.0.0.1:3000")?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.only().endpoints().server.to_string(), "127.0.0.1:3000");
    assert!(
        timeline.only().packets().all(|(_, packet)| packet.passage.is_some()),
        "{timeline}"
    );
    // At the server's end its own packets are those that leave, wherever it listens.
    let own = timeline.captured_at(Side::Server);
    assert_eq!(own.only().packets().count(), timeline.only().packets().count());
    let error = on("[::1]:3000")?.connect().expect_err("nobody can reach it");
    assert!(matches!(error, Error::Loopback { .. }), "{error}");
    assert!(error.to_string().contains("0.0.0.0"), "{error}");
    Ok(())
}

pub fn a_command_runs_on_either_host() -> Result<()> {
    let server = behind("", "echo")?.start()?;
    let addresses = |host| -> Result<String> {
        let mut command = Command::new("cat");
        command.arg("/proc/net/fib_trie").stdout(Stdio::piped());
        server.enter_host(host, &mut command)?;
        Ok(String::from_utf8(command.output()?.stdout)?)
    };
    let has = |addresses: &str, address| addresses.contains(&format!("-- {address}\n"));
    let (client, on_server) = (addresses(Side::Client)?, addresses(Side::Server)?);
    assert!(has(&client, "10.0.0.1") && !has(&client, "10.0.0.2"), "{client}");
    assert!(
        has(&on_server, "10.0.0.2") && !has(&on_server, "10.0.0.1"),
        "{on_server}"
    );
    Ok(())
}

/// Reno unless told, whatever this machine uses: the same script is to do the same.
pub fn congestion_control_is_chosen() -> Result<()> {
    let server = behind("", "echo")?.start()?;
    let client = server.connect()?;
    let mut command = Command::new("cat");
    command
        .arg("/proc/sys/net/ipv4/tcp_congestion_control")
        .stdout(Stdio::piped());
    server.enter_host(Side::Server, &mut command)?;
    assert_eq!(command.output()?.stdout, b"reno\n");
    assert!(client.socket().tcp_congestion()?.starts_with(b"reno"));
    let refused = behind("congestion no-such", "echo")?
        .start()
        .err()
        .context("it was not refused")?
        .to_string();
    assert!(refused.contains("no-such") && refused.contains("reno"), "{refused}");
    Ok(())
}

pub fn client_programs_are_on_the_clients_host() -> Result<()> {
    let server = behind("delay 1ms", "echo")?.start()?;
    let mut client = Command::new(wrong_server());
    client.args(["dials", "10.0.0.1:4000/10.0.0.2:3000"]);
    let exit = server.run_client(client)?;
    assert_eq!(exit, Some(harness::timeline::Exit::Status(0)));
    let timeline = server.stop()?;
    let connection = timeline.only();
    assert_eq!(connection.endpoints().client.to_string(), "10.0.0.1:4000");
    let did = connection
        .events()
        .filter(|(_, event)| matches!(event.kind, EventKind::Client(_)));
    assert!(did.count() >= 4, "{timeline}");
    Ok(())
}

pub fn a_cut_loses_everything_until_it_is_restored() -> Result<()> {
    let server = behind("delay 1ms", "echo")?.start()?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    client.settle();
    server.cut()?;
    client.send("2\n")?;
    let lost = |segment: &Segment, passage: Option<&Passage>| {
        segment.len > 0 && passage.is_some_and(|passage| passage.arrivals.is_empty())
    };
    ensure!(server.wait_for_segment(lost), "nothing was lost");
    server.restore()?;
    assert_eq!(client.read_line()?, b"2\n");
    client.close();
    let timeline = server.stop()?;
    let (lost, came): (Vec<_>, Vec<_>) = packets(&timeline).into_iter().partition(super::Seen::is_lost);
    assert!(lost.iter().all(|seen| seen.name() == "C data 3"), "{timeline}");
    let by = lost[0].passage.what.as_deref();
    assert_eq!(by, Some("lost: the cable is cut (by the test)"), "{timeline}");
    assert!(came.iter().any(|seen| seen.name() == "C data 3"), "{timeline}");
    // The kernel's own view of the socket that waits for an ACK.
    let view = lost[0]
        .passage
        .tcp
        .as_ref()
        .and_then(|tcp| tcp.of(Side::Client))
        .context("no TCP_INFO")?;
    assert_eq!((view.unacked, view.total_retransmits), (1, 0), "{timeline}");
    Ok(())
}

pub fn a_server_without_a_wire_has_none_to_cut() -> Result<()> {
    let server = Server::build(wrong_server()).args(["echo", LISTEN]).start()?;
    assert!(matches!(server.cut(), Err(Error::NoWire)));
    assert!(matches!(server.restore(), Err(Error::NoWire)));
    let refused = behind("", "echo")?
        .level(Level::NoPackets)
        .start()
        .err()
        .context("it was not refused")?;
    assert!(matches!(refused, Error::WireRefused { .. }), "{refused}");
    Ok(())
}

pub fn a_queue_grows_and_drops_what_finds_no_room() -> Result<()> {
    let server = behind("rate server 4mbit\nqueue 5\ndelay 2ms", "bulk")?.start()?;
    let mut client = server.connect()?;
    client.send("100000\n")?;
    client.read_exact(100_000)?;
    client.close();
    let timeline = server.stop()?;
    let all = packets(&timeline);
    let longest = all.iter().map(|seen| seen.passage.queue).max();
    assert_eq!(longest, Some(5), "{timeline}");
    let lost: Vec<_> = all.iter().filter(|seen| seen.is_lost()).collect();
    assert!(!lost.is_empty(), "{timeline}");
    for seen in lost {
        assert_eq!(seen.passage.queue, 5, "{timeline}");
        assert_eq!(
            seen.passage.what.as_deref(),
            Some("lost: the queue was full (5 packets)"),
            "{timeline}"
        );
    }
    Ok(())
}

/// The wire's own decisions: how many packets there are is the kernels' affair.
pub fn the_same_script_loses_the_same_packets() -> Result<()> {
    let lost = || -> Result<Vec<usize>> {
        let server = behind("loss client 30%\nseed 5\ndelay 1ms", "echo")?.start()?;
        let mut client = server.connect()?;
        for _ in 0..5 {
            client.exchange("1\n")?;
        }
        let timeline = server.stop()?;
        let all = packets(&timeline);
        let of_client = all.iter().filter(|seen| seen.packet.from == Side::Client).enumerate();
        let lost = of_client.take(8).filter(|(_, seen)| seen.is_lost());
        Ok(lost.map(|(place, _)| place).collect())
    };
    let first = lost()?;
    assert!(!first.is_empty());
    assert_eq!(first, lost()?);
    Ok(())
}

/// What each end could have captured: the sender what it lost, the receiver what came, once or twice.
pub fn each_end_has_a_capture_of_its_own() -> Result<()> {
    let server = behind("delay 5ms\nlose server data 1\nduplicate client data 1", "echo")?.start()?;
    let at_client = server.follow_at(Side::Client);
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    client.close();
    let timeline = server.stop()?;
    let read = |vantage| -> Result<Vec<String>> {
        let mut file = Vec::new();
        pcapng::write_ends(&timeline, vantage, &mut file)?;
        Ok(pcapng::read(&file[..])?.into_timeline().only().wire())
    };
    let (request, reply) = (
        "C>S PSH,ACK seq 1 ack 1 len 2 \"1\\n\"",
        "S>C PSH,ACK seq 1 ack 3 len 2 \"1\\n\"",
    );
    let count = |wire: &[String], name: &str| wire.iter().filter(|line| *line == name).count();
    let [client, server, both] = [Vantage::At(Side::Client), Vantage::At(Side::Server), Vantage::Both].map(read);
    let (client, server, both) = (client?, server?, both?);
    assert_eq!((count(&client, request), count(&client, reply)), (1, 1), "{client:#?}");
    assert_eq!((count(&server, request), count(&server, reply)), (2, 2), "{server:#?}");
    assert_eq!(both.len(), client.len() + server.len());
    // What was followed meanwhile is the client's capture, packet for packet.
    let followed = at_client.filter_map(|record| match record.what {
        What::Frame { segment, .. } => segment,
        _ => None,
    });
    assert_eq!(followed.count(), client.len());
    Ok(())
}

/// This test again, as a process of its own that is killed: what it started ends as well.
pub fn nothing_is_left_behind_when_its_owner_is_killed() -> Result<()> {
    const MARK: &str = "WIRE_TEST_IS_KILLED";
    if std::env::var_os(MARK).is_some() {
        let server = behind("delay 1ms", "echo")?.start()?;
        let _client = server.connect()?;
        println!("started");
        loop {
            std::thread::park();
        }
    }
    let mut owner = Command::new(std::env::current_exe()?);
    owner.args([
        "--exact",
        "wire::hosts::nothing_is_left_behind_when_its_owner_is_killed",
        "--nocapture",
    ]);
    let mut owner = owner.env(MARK, "1").stdout(Stdio::piped()).spawn()?;
    let output = std::io::BufReader::new(owner.stdout.take().context("no output")?);
    let started = std::io::BufRead::lines(output)
        .map_while(Result::ok)
        .any(|line| line.contains("started"));
    let descendants = descendants_of(owner.id())?;
    owner.kill()?;
    owner.wait()?;
    ensure!(started, "it did not start");
    // Three networks' holders with their keeper, and the server.
    assert_eq!(descendants.len(), 5, "{descendants:?}");
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while descendants.iter().any(|process| process.is_there()) {
        ensure!(std::time::Instant::now() < end, "left behind: {descendants:?}");
        std::thread::yield_now();
    }
    Ok(())
}

/// This test again, as a process of its own, in which somebody kills the process that makes the networks' holders: a
/// network that is there stays, and the next one is made all the same.
pub fn a_keeper_that_is_killed_is_replaced() -> Result<()> {
    const MARK: &str = "KEEPER_TEST_KILLS";
    if std::env::var_os(MARK).is_none() {
        let mut again = Command::new(std::env::current_exe()?);
        again.args(["--exact", "wire::hosts::a_keeper_that_is_killed_is_replaced"]);
        let output = again.env(MARK, "1").output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success() && said.contains("1 passed"), "{output:?}");
        return Ok(());
    }
    let start = || Server::build(wrong_server()).args(["echo", LISTEN]).start();
    let exchange = |server: &Server| -> Result<()> {
        let mut client = server.connect()?;
        client.exchange("1\n")?;
        client.close();
        Ok(())
    };
    let server = start()?;
    let me = procfs::process::Process::myself()?;
    let program = me.exe()?;
    let is_keeper = |process: &procfs::process::Process| {
        process.stat().is_ok_and(|stat| stat.ppid == me.pid) && process.exe().is_ok_and(|exe| exe == program)
    };
    let all = procfs::process::all_processes()?.filter_map(Result::ok);
    let keepers: Vec<i32> = all.filter(is_keeper).map(|process| process.pid).collect();
    let [keeper] = keepers[..] else {
        bail!("a copy of this process was expected, and there are {keepers:?}");
    };
    kill(Pid::from_raw(keeper), Signal::SIGKILL)?;
    // A signal takes effect a moment after it is sent.
    let lives = |keeper| {
        procfs::process::Process::new(keeper)?
            .stat()
            .map(|stat| stat.state != 'Z')
    };
    while lives(keeper).is_ok_and(|lives| lives) {
        std::thread::yield_now();
    }
    exchange(&server)?;
    assert_eq!(server.stop()?.level, Level::Sandbox);
    let server = start()?;
    exchange(&server)?;
    assert_eq!(server.stop()?.level, Level::Sandbox);
    Ok(())
}

/// A process that may end, and whose number another may get.
#[derive(Debug)]
struct Process {
    pid: i32,
    began: u64,
}

impl Process {
    fn is_there(&self) -> bool {
        let stat = procfs::process::Process::new(self.pid).and_then(|process| process.stat());
        stat.is_ok_and(|stat| stat.starttime == self.began && stat.state != 'Z')
    }
}

fn descendants_of(pid: u32) -> Result<Vec<Process>> {
    let all: Vec<_> = procfs::process::all_processes()?
        .filter_map(|process| process.and_then(|process| process.stat()).ok())
        .collect();
    let mut found = Vec::new();
    let mut parents = vec![pid.cast_signed()];
    while let Some(parent) = parents.pop() {
        for stat in all.iter().filter(|stat| stat.ppid == parent && stat.state != 'Z') {
            parents.push(stat.pid);
            found.push(Process {
                pid: stat.pid,
                began: stat.starttime,
            });
        }
    }
    Ok(found)
}
