//! The harness against servers that are wrong on purpose: each gets the right verdict, or a clear
//! error within its deadline, and nothing outlives its test.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use harness::facts::writes;
use harness::format::text::Lanes;
use harness::rules::RuleId;
use harness::testing::Needs::{Calls, Packets, Program, Sandbox};
use harness::timeline::words::{action_text, call_text};
use harness::timeline::{
    Argument, Call, CallKind, Closing, Connection, Direction, Event, EventKind, Exit, Level, ProcessEventKind, Side,
    SocketOption, TcpState, Teardown, Timeline,
};
use harness::{Error, LISTEN, Server, ServerBuilder};

fn wrong_server() -> &'static str {
    harness::testing::built("wrong-server")
}

const CLEAN: Teardown = Teardown::Clean { first: Side::Client };

fn wrong(mode: &str) -> ServerBuilder {
    Server::build(wrong_server()).arg(mode).arg(LISTEN)
}

/// What one client sees that sends a line, reads it back and closes.
fn after_one_echo(server: Server) -> Result<Timeline> {
    let mut client = server.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    client.close();
    Ok(server.stop()?)
}

/// The names of a reply's writes, and what each moved.
fn writes(connection: Connection<'_>) -> Vec<(&str, u64)> {
    connection
        .writes()
        .map(|(_, call)| (&*call.name, call.moved()))
        .collect()
}

/// The tasks that wrote.
fn writers(timeline: &Timeline) -> BTreeSet<i32> {
    timeline
        .connections()
        .flat_map(|connection| connection.writes())
        .map(|(_, call)| call.thread)
        .collect()
}

/// The processes that were started, in order.
fn started(timeline: &Timeline) -> Vec<i32> {
    let pid = |kind: &EventKind| match kind {
        EventKind::Process(event) if event.kind == ProcessEventKind::Started => Some(event.pid),
        _ => None,
    };
    timeline.events.iter().filter_map(|event| pid(&event.kind)).collect()
}

/// Sends a signal to a process.
fn signal(pid: i32, name: &str) -> Result<()> {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status()?;
    ensure!(sent.success(), "cannot send SIG{name} to {pid}");
    Ok(())
}

/// The error of a server that must not start.
fn refusal(builder: ServerBuilder) -> Result<Error> {
    match builder.start() {
        Ok(server) => bail!("it started: {server:?}"),
        Err(error) => Ok(error),
    }
}

// Writing.

fn three_writes_are_three() -> Result<()> {
    let timeline = after_one_echo(wrong("three-writes").start()?)?;
    assert_eq!(timeline.writes_per_reply(), [3], "{timeline}");
    let parts: Vec<&[u8]> = timeline.only().writes().map(|(_, call)| &*call.bytes).collect();
    assert_eq!(parts, [&b"h"[..], b"ello", b"\n"], "{timeline}");
    assert_eq!(timeline.teardown(), CLEAN, "{timeline}");
    Ok(())
}

fn writes_of_other_threads_count() -> Result<()> {
    let timeline = after_one_echo(wrong("threads").start()?)?;
    assert_eq!(timeline.writes_per_reply(), [3], "{timeline}");
    assert_eq!(writers(&timeline).len(), 3, "{timeline}");
    assert_eq!(started(&timeline).len(), 1, "threads are no processes: {timeline}");
    Ok(())
}

/// Two threads write at the same time: the order in which they entered the kernel is not that of their
/// bytes, which the capture has.
fn bytes_tell_the_order_of_two_writers() -> Result<()> {
    let server = wrong("two-writers").start()?;
    let mut client = server.connect()?;
    client.send("go\n")?;
    let lines = (0..600).map(|_| client.read_line()).collect::<Result<Vec<_>, _>>()?;
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.dropped, 0);
    let stream = String::from_utf8(lines.concat())?;
    let mut captured = vec![0; stream.len()];
    for (_, packet) in timeline
        .only()
        .packets()
        .filter(|(_, packet)| packet.from == Side::Server)
    {
        let start = packet.seq.saturating_sub(1) as usize;
        let payload = &packet.segment.payload;
        captured[start..start + payload.len()].copy_from_slice(payload);
    }
    assert_eq!(captured, stream.as_bytes());
    let calls: Vec<&Call> = timeline.only().writes().map(|(_, call)| call).collect();
    let writes: Vec<writes::Write<'_>> = calls.iter().map(|&call| call.into()).collect();
    let places = writes::places(&writes, |offset, bytes| {
        captured[offset as usize..]
            .get(..bytes.len())
            .map(|there| there == bytes)
    });
    assert_eq!(places.len(), 600);
    for (place, call) in places.iter().zip(calls) {
        // No line is part of another, with the newline before it.
        let text = format!("\n{}", std::str::from_utf8(&call.bytes)?);
        let truth = format!("\n{stream}").find(&text).context("it is not in the stream")? as u64;
        assert_eq!(place.start, Some(truth), "{}", call_text(call));
    }
    Ok(())
}

/// Each call of the write family is one write, with all its bytes.
fn every_call_that_writes_counts() -> Result<()> {
    for (mode, name) in [
        ("echo", "sendto"),
        ("write", "write"),
        ("writev", "writev"),
        ("pwritev2", "pwritev2"),
        ("sendmsg", "sendmsg"),
        ("sendmmsg", "sendmmsg"),
        ("sendfile", "sendfile"),
        ("splice", "splice"),
    ] {
        let timeline = after_one_echo(wrong(mode).start()?)?;
        assert_eq!(timeline.writes_per_reply(), [1], "{mode}: {timeline}");
        assert_eq!(writes(timeline.only()), [(name, 6)], "{mode}: {timeline}");
        assert_eq!(timeline.teardown(), CLEAN, "{mode}: {timeline}");
        let (_, call) = timeline.only().writes().next().context("no write")?;
        assert_eq!(call.asked, Some(6), "{mode}: {timeline}");
        // The bytes of these two never are in the server's memory.
        let expected: &[u8] = if matches!(name, "sendfile" | "splice") {
            b""
        } else {
            b"hello\n"
        };
        assert_eq!(&call.bytes[..], expected, "{mode}: {timeline}");
    }
    Ok(())
}

/// With TCP_NODELAY the second write leaves at once: nothing is held back.
fn nodelay_holds_nothing_back() -> Result<()> {
    let server = wrong("two-writes-nodelay").start()?;
    let mut client = server.connect()?;
    for _ in 0..8 {
        assert_eq!(client.exchange("hello\n")?, "hello\n");
    }
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.writes_per_reply(), [2; 8], "{timeline}");
    assert_eq!(timeline.packets_per_exchange()[0], 6, "{timeline}");
    assert!(timeline.held_segments().is_empty(), "{timeline}");
    let option = |call: &Call| {
        call.kind == CallKind::SetOption
            && call
                .detail
                .as_ref()
                .is_some_and(|detail| ***detail == *"TCP_NODELAY, 1")
    };
    assert!(timeline.only().calls().any(|(_, call)| option(call)), "{timeline}");
    Ok(())
}

/// The same server without TCP_NODELAY: Nagle's algorithm holds the second write back.
fn two_writes_are_held_back() -> Result<()> {
    let server = wrong("two-writes").start()?;
    let mut client = server.connect()?;
    for _ in 0..8 {
        assert_eq!(client.exchange("hello\n")?, "hello\n");
    }
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.writes_per_reply(), [2; 8], "{timeline}");
    assert!(!timeline.held_segments().is_empty(), "{timeline}");
    Ok(())
}

/// What the server's writes moved is what the client read, short and refused writes included, and
/// the capture either has every packet or says how many it lost.
fn a_flood_adds_up() -> Result<()> {
    let server = wrong("flood").start()?;
    let mut client = server.connect()?;
    assert!(
        server.wait_for_call(Call::would_block),
        "the server was never told to wait"
    );
    let read = client.read_to_end()?.len() as u64;
    client.settle();
    let counters = client.counters().context("the kernel has no segment counters")?;
    client.close();
    let timeline = server.stop()?;
    let connection = timeline.only();
    let written: u64 = connection.writes().map(|(_, call)| call.moved()).sum();
    assert_eq!((read, written), (8_000_000, 8_000_000));
    assert!(connection.writes().any(|(_, call)| call.would_block()));
    assert!(
        connection
            .writes()
            .any(|(_, call)| call.asked > Some(call.moved()) && call.moved() > 0)
    );
    assert_eq!(connection.teardown(), Teardown::Clean { first: Side::Server });
    // On the host's own interface a frame may be several segments (generic segmentation offload).
    if timeline.level == Level::Sandbox {
        // The client's own FIN and its ACK came after it was asked.
        let before_close = counters.sent.get() + counters.received;
        assert_eq!(
            connection.packets().count() as u64 + timeline.dropped,
            u64::from(before_close) + 2
        );
    }
    Ok(())
}

/// A client that does not read keeps the server inside its write: the call is on the timeline, and
/// counts nothing as moved.
fn a_write_that_never_returns_is_there() -> Result<()> {
    let server = wrong("blocks").start()?;
    let mut client = server.connect()?;
    assert!(!client.read_some()?.is_empty());
    let timeline = server.stop()?;
    let (index, call) = timeline.only().writes().next().context("no write")?;
    assert_eq!((&*call.name, call.result), ("sendto", None), "{timeline}");
    assert_eq!((call.asked, call.moved()), (Some(8_000_000), 0), "{timeline}");
    let text = call_text(call);
    assert!(
        text.starts_with("sendto(") && text.ends_with("xxx\"..., 8000000) <unfinished ...>"),
        "{text}"
    );
    // It stands where it was entered, in front of its first segment.
    let first = timeline.only().packets().find(|(_, packet)| packet.segment.len > 0);
    assert!(first.is_none_or(|(packet, _)| index < packet), "{timeline}");
    assert!(timeline.events.iter().all(|event| event.at <= call.ended), "{timeline}");
    drop(client);
    Ok(())
}

/// A read that still waits at the end is there, at the end. An accept is not: every idle server
/// waits in one.
fn a_read_that_still_waits_is_there() -> Result<()> {
    let server = wrong("echo").start()?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    assert!(server.wait_until_idle(Duration::from_secs(20)));
    let timeline = server.stop()?;
    let unfinished: Vec<&str> = timeline
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Call(call) if call.result.is_none() => Some(&*call.name),
            _ => None,
        })
        .collect();
    assert_eq!(unfinished, ["recvfrom"], "{timeline}");
    let last = timeline.only().calls().last().context("no call")?.1;
    assert_eq!((last.result, last.is_end_of_file()), (None, false), "{timeline}");
    assert_eq!(timeline.writes_per_reply(), [1], "{timeline}");
    drop(client);
    Ok(())
}

/// A signal makes the kernel begin a waiting call again. The program does not know, and neither does
/// the timeline.
fn a_call_that_a_signal_interrupts_has_no_result() -> Result<()> {
    let server = wrong("echo").start()?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    // One thread waits in accept, one in recvfrom.
    assert!(server.wait_until_idle(Duration::from_secs(20)));
    let pid = started(&server.so_far())[0];
    signal(pid, "STOP")?;
    wait_for_state(pid, "Tt")?;
    signal(pid, "CONT")?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    let mut other = server.connect()?;
    assert_eq!(other.exchange("hello\n")?, "hello\n");
    client.close();
    other.close();
    let timeline = server.stop()?;
    let calls = timeline.events.iter().filter_map(|event| match &event.kind {
        EventKind::Call(call) => Some((&*call.name, call.result.context("unfinished").ok()?)),
        _ => None,
    });
    let failed: Vec<_> = calls.filter(|(_, result)| result.is_err()).collect();
    assert_eq!(failed, [], "{timeline}");
    assert_eq!(timeline.writes_per_reply(), [1, 1, 1], "{timeline}");
    Ok(())
}

/// Waits until a process is in one of these states, from proc_pid_stat(5).
fn wait_for_state(pid: i32, states: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        if state.is_some_and(|state| states.contains(state)) {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "{pid} is in state {state:?}, not in one of {states}"
        );
        // A state tells nobody that it changes: look again.
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A process that is killed inside a call did not return from it.
fn a_call_that_its_process_does_not_outlive_is_there() -> Result<()> {
    let server = wrong("blocks").start()?;
    let mut client = server.connect()?;
    assert!(!client.read_some()?.is_empty());
    let pid = started(&server.so_far())[0];
    signal(pid, "KILL")?;
    while client.read_some().is_ok_and(|bytes| !bytes.is_empty()) {}
    drop(client);
    let timeline = server.stop()?;
    assert_eq!(timeline.exit(), Some(Exit::Signal(9)), "{timeline}");
    let (_, call) = timeline.only().writes().next().context("no write")?;
    assert_eq!(call.result, None, "{timeline}");
    Ok(())
}

/// One connection is one, however often its client asks whether it is there.
fn a_second_connect_makes_no_connection() -> Result<()> {
    let server = wrong("echo").start()?;
    let mut client = Command::new(wrong_server());
    client.args(["connects-twice", "127.0.0.1:3000"]);
    assert_eq!(server.run_client(client)?, Some(Exit::Status(0)));
    let timeline = server.stop()?;
    assert_eq!(timeline.connections().len(), 1, "{timeline}");
    assert_eq!(timeline.writes_per_reply(), [1], "{timeline}");
    Ok(())
}

/// What the server says to others stands on connections of their own, where it is the client: from its connect to its
/// close, with what each call caused.
fn connections_that_the_server_makes_are_its_own() -> Result<()> {
    let timeline = after_one_echo(wrong("forwards").start()?)?;
    let [outer, inner] = timeline.connections().collect::<Vec<_>>()[..] else {
        bail!("{timeline}");
    };
    assert_eq!(
        (outer.is_the_servers_own(), inner.is_the_servers_own()),
        (false, true),
        "{timeline}"
    );
    assert_eq!(inner.endpoints().server.port(), 3001, "{timeline}");
    let did: Vec<&str> = inner
        .client_actions()
        .filter_map(|(_, action)| Some(&*action.call.as_deref()?.name))
        .collect();
    assert_eq!(
        (did.first(), did.last()),
        (Some(&"connect"), Some(&"close")),
        "{did:?}\n{timeline}"
    );
    // The request is the server's write, the reply that of whom it asks.
    let carries = |side| {
        let packet = inner
            .packets()
            .find(|(_, packet)| packet.from == side && packet.segment.len > 0);
        packet.map(|(_, packet)| packet.facts.carries.len())
    };
    assert_eq!(
        (carries(Side::Client), carries(Side::Server)),
        (Some(1), Some(1)),
        "{timeline}"
    );
    assert_eq!(timeline.finding_ids(), [], "{timeline}");
    assert!(timeline.to_string().contains("the server itself"), "{timeline}");
    let kept = after_one_echo(wrong("forwards-and-keeps").start()?)?;
    assert_eq!(kept.finding_ids(), [RuleId::CloseWaitLeak], "{kept}");
    assert!(kept.findings()[0].message.contains("the server's own socket"), "{kept}");
    Ok(())
}

/// A proxy's connection to itself has two ends, and both are to be closed. One that a pool keeps is no leak, unless it was
/// closed behind the pool's back.
fn each_end_of_a_proxys_connection_may_leak() -> Result<()> {
    for (mode, found, says) in [
        ("proxies", &[][..], ""),
        (
            "proxies-and-keeps-accepted",
            &[RuleId::CloseWaitLeak],
            "read the client's end",
        ),
        ("pools", &[], ""),
        ("pools-what-is-closed", &[RuleId::ClientLeak], "the server itself"),
    ] {
        let timeline = after_one_echo(wrong(mode).start()?)?;
        assert_eq!(timeline.finding_ids(), found, "{mode}: {timeline}");
        let said: String = timeline.findings().iter().map(ToString::to_string).collect();
        assert!(said.contains(says), "{mode}: {said}");
    }
    Ok(())
}

/// A server that is none of TCP is told apart, long before it would have been given up.
fn a_server_on_udp_or_a_unix_socket_is_named() -> Result<()> {
    let udp = refusal(Server::build(wrong_server()).args(["udp", "127.0.0.1:3000"]))?;
    assert!(matches!(udp, Error::NotTcp { .. }), "{udp}");
    assert!(
        udp.to_string()
            .contains("waits on UDP 127.0.0.1:3000, and on no TCP port"),
        "{udp}"
    );
    let path = std::env::temp_dir().join(format!("harness-test-{}.sock", std::process::id()));
    let path = path.to_str().context("no text")?;
    let unix = refusal(Server::build(wrong_server()).args(["unix", path]))?;
    assert!(
        unix.to_string().contains(&format!("waits on the Unix socket {path}")),
        "{unix}"
    );
    std::fs::remove_file(path)?;
    Ok(())
}

/// An address that the private network lacks comes with the cure.
fn an_address_that_is_not_there_is_named() -> Result<()> {
    let refused = refusal(Server::build(wrong_server()).args(["echo", "192.0.2.1:80"]))?;
    let text = refused.to_string();
    assert!(matches!(refused, Error::ExitedEarly { .. }), "{text}");
    assert!(
        text.contains("192.0.2.1:80: bind failed with EADDRNOTAVAIL") && text.contains("127.0.0.1"),
        "{text}"
    );
    // Port 80 is for everybody there.
    let server = Server::build(wrong_server()).args(["echo", "127.0.0.1:80"]).start()?;
    assert_eq!(server.address().port(), 80);
    after_one_echo(server)?;
    Ok(())
}

/// A ring that has nothing to do with the connections hides nothing of them.
fn a_ring_for_files_leaves_rules_known() -> Result<()> {
    let server = wrong("io-uring").start()?;
    let mut client = server.connect()?;
    client.exchange("hello\n")?;
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.unknown_rules().count(), 0, "{timeline}");
    assert_eq!(timeline.finding_ids(), [], "{timeline}");
    Ok(())
}

fn io_uring_is_told_apart() -> Result<()> {
    let server = wrong("io-uring").start()?;
    let mut client = server.connect()?;
    // The kernel may refuse it; then there is none, and saying so would be wrong too.
    let made = client.exchange("hello\n")? == "ring\n";
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.uses_io_uring(), made, "{timeline}");
    let timeline = after_one_echo(wrong("echo").start()?)?;
    assert!(!timeline.uses_io_uring(), "{timeline}");
    Ok(())
}

/// How many processes something happened to.
fn processes(timeline: &Timeline, happened: impl Fn(&ProcessEventKind) -> bool) -> usize {
    let happened = |event: &&Event| matches!(&event.kind, EventKind::Process(event) if happened(&event.kind));
    timeline.events.iter().filter(happened).count()
}

/// A 64-bit program may make 32-bit calls. They work, are not seen, and that is said.
fn calls_of_another_architecture_go_through_and_are_told() -> Result<()> {
    let foreign = |kind: &ProcessEventKind| *kind == ProcessEventKind::ForeignCalls;
    // Not every kernel takes them.
    let untraced = Command::new(wrong_server()).args(["foreign-call", "-"]).output()?;
    if untraced.status.success() {
        let timeline = after_one_echo(wrong("foreign-write").start()?)?;
        assert_eq!(processes(&timeline, foreign), 1, "{timeline}");
        assert_eq!(timeline.only().writes().count(), 0, "{timeline}");
        assert!(
            timeline.unknown_rules().any(|rule| rule.id == RuleId::SplitReply),
            "{timeline}"
        );
        assert!(timeline.to_string().contains("makes calls of another"), "{timeline}");
    }
    let timeline = after_one_echo(wrong("echo").start()?)?;
    assert!(!timeline.has_unseen_calls(), "{timeline}");
    Ok(())
}

/// A process with a filter does not get the strict mode of seccomp. A server that asks for it fails only when it is
/// traced, and that is said.
fn the_strict_mode_of_seccomp_is_refused_and_told() -> Result<()> {
    let refused = |kind: &ProcessEventKind| *kind == ProcessEventKind::NoStrictMode;
    let untraced = Command::new(wrong_server()).args(["strict-call", "-"]).output()?;
    // Who is confined already, as in a container, does not get it untraced either.
    if untraced.status.success() {
        let timeline = after_one_echo(wrong("strict").start()?)?;
        assert_eq!(processes(&timeline, refused), 1, "{timeline}");
        assert!(timeline.to_string().contains("was refused the str"), "{timeline}");
    }
    // Other calls of prctl(2), such as the names of threads, do not count.
    let timeline = after_one_echo(wrong("threads").start()?)?;
    assert_eq!(processes(&timeline, refused), 0, "{timeline}");
    Ok(())
}

/// A program with a set-user-ID bit has its user's rights where root runs it. Where another does it has
/// not, and that is said.
#[cfg(target_os = "linux")]
fn a_set_user_id_program_keeps_its_rights_or_it_is_told() -> Result<()> {
    let without = |kind: &ProcessEventKind| matches!(kind, ProcessEventKind::WithoutRights { rights, .. } if rights == "set-user-ID");
    if nix::unistd::geteuid().is_root() {
        const NOBODY: u32 = 65534;
        let program = Nobodys::copy_of(wrong_server(), NOBODY)?;
        let server = Server::build(&program.0).args(["user", LISTEN]).start()?;
        let mut client = server.connect()?;
        assert_eq!(client.exchange("who?\n")?, format!("{NOBODY}\n"));
        client.close();
        let timeline = server.stop()?;
        assert_eq!(processes(&timeline, without), 0, "{timeline}");
    } else if let Some(su) = harness::testing::find_program("su") {
        let line = format!("{} --version; exec {} echo $0", su.display(), wrong_server());
        let timeline = after_one_echo(Server::build("/bin/sh").args(["-c", &line, LISTEN]).start()?)?;
        assert_eq!(processes(&timeline, without), 1, "{timeline}");
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn a_set_user_id_program_keeps_its_rights_or_it_is_told() -> Result<()> {
    bail!("nothing is observed on this system")
}

/// A program that belongs to somebody and runs with his rights. It goes when it is dropped.
#[cfg(target_os = "linux")]
struct Nobodys(PathBuf);

#[cfg(target_os = "linux")]
impl Nobodys {
    fn copy_of(program: &str, user: u32) -> Result<Nobodys> {
        use std::os::unix::fs::PermissionsExt;
        // Beside the original, where programs may be executed.
        let name = format!("set-user-id-{}", std::process::id());
        let copy = Nobodys(Path::new(program).with_file_name(name));
        // By another process: a child that another test forks meanwhile would have our descriptor, and a file that
        // somebody may write cannot be executed.
        let copied = Command::new("cp").arg(program).arg(&copy.0).status()?;
        ensure!(copied.success(), "cp: {copied}");
        std::os::unix::fs::chown(&copy.0, Some(user), Some(user))?;
        std::fs::set_permissions(&copy.0, PermissionsExt::from_mode(0o4755))?;
        Ok(copy)
    }
}

#[cfg(target_os = "linux")]
impl Drop for Nobodys {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

// What decides when a segment leaves, or how a connection ends.

/// What the server's calls asked, on a connection or on none.
fn asked(timeline: &Timeline, on_connection: bool) -> Vec<Argument> {
    let asked = |event: &Event| match &event.kind {
        EventKind::Call(call) if event.connection.is_some() == on_connection => call.argument(),
        _ => None,
    };
    timeline.events.iter().filter_map(asked).collect()
}

/// Accepted sockets have what was set on their listener, before or after it began to listen.
fn what_a_server_asks_of_the_kernel_is_there() -> Result<()> {
    use SocketOption::*;
    let server = wrong("decides").start()?;
    let address = server.address();
    let mut client = server.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    client.close();
    let timeline = server.stop()?;
    let listener = [
        Argument::Option(KeepAlive(true)),
        Argument::Option(KeepIdle(60)),
        Argument::Option(KeepInterval(5)),
        Argument::Option(KeepCount(3)),
        Argument::Option(ReceiveBuffer(50_000)),
        Argument::Address(address),
        Argument::Option(NoDelay(true)),
    ];
    assert_eq!(asked(&timeline, false), listener, "{timeline}");
    // What every server sets, and nobody sees on the wire, is not worth a row.
    let details = |text: &str| {
        timeline
            .events
            .iter()
            .any(|event| matches!(&event.kind, EventKind::Call(call) if call.detail.as_ref().is_some_and(|detail| ***detail == *text)))
    };
    assert!(details("TCP_KEEPCNT, 3") && !details("SO_REUSEADDR, 1"), "{timeline}");
    let options = [
        UserTimeout(2500),
        QuickAck(true),
        Cork(true),
        Cork(false),
        SendBuffer(60_000),
        Linger(Some(7)),
        Linger(None),
    ];
    let others = [
        Argument::Peek,
        Argument::OutOfBand,
        Argument::More,
        Argument::Shutdown(Direction::Read),
        Argument::Shutdown(Direction::Both),
    ];
    let connection: Vec<Argument> = options.map(Argument::Option).into_iter().chain(others).collect();
    assert_eq!(asked(&timeline, true), connection, "{timeline}");
    Ok(())
}

/// What a peek saw stays to be read.
fn a_peek_is_no_read() -> Result<()> {
    let server = wrong("decides").start()?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    client.close();
    let timeline = server.stop()?;
    let reads: Vec<&Call> = timeline
        .only()
        .calls()
        .map(|(_, call)| call)
        .filter(|call| call.kind == CallKind::Read)
        .collect();
    let [peek, read, ..] = reads[..] else {
        bail!("{timeline}")
    };
    assert_eq!(
        (call_text(peek), peek.moved()),
        (format!("recvfrom({}, \"he\", 2, MSG_PEEK) = 2", peek.fd), 0)
    );
    assert_eq!(read.moved(), 6, "{timeline}");
    Ok(())
}

/// A client program's calls are there as the server's are.
fn what_a_client_asks_of_the_kernel_is_there() -> Result<()> {
    let server = wrong("echo").start()?;
    let mut client = Command::new(wrong_server());
    client.args(["decides-as-client", &server.address().to_string()]);
    assert_eq!(server.run_client(client)?, Some(Exit::Status(0)));
    let timeline = server.stop()?;
    let actions = timeline.events.iter().filter_map(|event| match &event.kind {
        EventKind::Client(action) => {
            let call = action.call.as_deref()?;
            // Which descriptor it is depends on what its parents left open.
            let text = action_text(&action.kind).replacen(&format!("({}, ", call.fd), "(", 1);
            Some((text, call.argument()))
        }
        _ => None,
    });
    let actions: Vec<_> = actions.collect();
    let option = |option| Some(Argument::Option(option));
    let expected = [
        ("setsockopt(TCP_NODELAY, 1) = 0", option(SocketOption::NoDelay(true))),
        ("connect", None),
        ("setsockopt(TCP_QUICKACK, 1) = 0", option(SocketOption::QuickAck(true))),
        ("send \"he\"", Some(Argument::More)),
        ("send \"llo\\n\"", None),
        ("recvfrom(\"h\", 1, MSG_PEEK) = 1", Some(Argument::Peek)),
        ("recv \"hello\\n\"", None),
        ("shutdown(SHUT_RD) = 0", Some(Argument::Shutdown(Direction::Read))),
        ("shutdown(SHUT_WR)", Some(Argument::Shutdown(Direction::Write))),
        ("close", None),
    ];
    assert_eq!(
        actions,
        expected.map(|(text, argument)| (text.to_owned(), argument)),
        "{timeline}"
    );
    Ok(())
}

// Closing.

/// How the only connection ended, after one echo and the client's close.
fn ending(timeline: &Timeline) -> (Teardown, Closing) {
    (timeline.teardown(), timeline.only().closing())
}

fn a_forgotten_duplicate_leaves_it_open() -> Result<()> {
    let timeline = after_one_echo(wrong("dup").start()?)?;
    assert_eq!(
        timeline.writes_per_reply(),
        [1],
        "writes on a duplicate count: {timeline}"
    );
    let (teardown, closing) = ending(&timeline);
    assert_eq!(teardown, Teardown::LeftOpen(TcpState::CloseWait), "{timeline}");
    assert_eq!(closing.fins, [Side::Client], "{timeline}");
    assert!(closing.server_read_end_of_file, "{timeline}");
    let closes = timeline
        .only()
        .calls()
        .filter(|(_, call)| call.kind == CallKind::Close)
        .count();
    assert_eq!(closes, 1, "{timeline}");
    Ok(())
}

fn an_end_of_file_that_nobody_reads_leaves_it_open() -> Result<()> {
    let timeline = after_one_echo(wrong("never-reads-eof").start()?)?;
    let (teardown, closing) = ending(&timeline);
    assert_eq!(teardown, Teardown::LeftOpen(TcpState::CloseWait), "{timeline}");
    assert_eq!(closing.fins, [Side::Client], "{timeline}");
    assert!(!closing.server_read_end_of_file, "{timeline}");
    Ok(())
}

fn a_reset_on_close_is_the_servers() -> Result<()> {
    let server = wrong("reset-on-close").start()?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    client.shutdown_write()?;
    let error = client.read_to_end().err().context("the connection was not reset")?;
    assert!(error.to_string().contains("reset by peer"), "{error}");
    assert!(
        error.to_string().contains("the server had not ended by then"),
        "{error}"
    );
    drop(client);
    let timeline = server.stop()?;
    let (teardown, closing) = ending(&timeline);
    assert_eq!(teardown, Teardown::Reset { by: Side::Server }, "{timeline}");
    assert_eq!(closing.fins, [Side::Client], "{timeline}");
    assert_eq!((closing.server_left, closing.client_left), (None, None), "{timeline}");
    Ok(())
}

/// Linux resets a connection that is closed with unread data (RFC 9293, section 3.10.4, and RFC 2525, section 2.17).
fn closing_with_unread_data_resets() -> Result<()> {
    let server = wrong("close-unread").start()?;
    let mut client = server.connect()?;
    client.send("hello\n")?;
    let error = client.read_to_end().err().context("the connection was not reset")?;
    assert!(error.to_string().contains("reset by peer"), "{error}");
    drop(client);
    let timeline = server.stop()?;
    let (teardown, closing) = ending(&timeline);
    assert_eq!(teardown, Teardown::Reset { by: Side::Server }, "{timeline}");
    assert!(closing.fins.is_empty(), "{timeline}");
    assert!(timeline.writes_per_reply().is_empty(), "{timeline}");
    Ok(())
}

fn a_server_that_closes_first_waits() -> Result<()> {
    let server = wrong("closes-first").start()?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    assert_eq!(client.read_to_end()?, b"");
    client.close();
    let timeline = server.stop()?;
    let (teardown, closing) = ending(&timeline);
    assert_eq!(teardown, Teardown::Clean { first: Side::Server }, "{timeline}");
    assert_eq!(closing.fins, [Side::Server, Side::Client], "{timeline}");
    assert_eq!(closing.time_wait(), Some(Side::Server), "{timeline}");
    Ok(())
}

fn a_half_close_is_no_close() -> Result<()> {
    let server = wrong("half-close").start()?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    assert_eq!(client.read_to_end()?, b"");
    client.send("and more\n")?;
    client.close();
    let timeline = server.stop()?;
    let (teardown, closing) = ending(&timeline);
    assert_eq!(teardown, Teardown::Clean { first: Side::Server }, "{timeline}");
    assert_eq!(closing.fins, [Side::Server, Side::Client], "{timeline}");
    let (shutdown, _) = timeline
        .only()
        .calls()
        .find(|(_, call)| call.detail.as_ref().is_some_and(|detail| ***detail == *"SHUT_WR"))
        .context("no shutdown")?;
    let (read, _) = timeline
        .only()
        .calls()
        .find(|(_, call)| call.bytes[..] == *b"and more\n")
        .context("no read")?;
    assert!(shutdown < read, "{timeline}");
    Ok(())
}

/// The server has closed its half; the client never closes the other.
fn a_half_closed_server_is_left_open() -> Result<()> {
    let server = wrong("half-close").start()?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    assert_eq!(client.read_to_end()?, b"");
    let timeline = server.stop()?;
    assert_eq!(
        timeline.teardown(),
        Teardown::LeftOpen(TcpState::FinWait2),
        "{timeline}"
    );
    drop(client);
    Ok(())
}

// Processes.

fn a_child_per_client_counts() -> Result<()> {
    let server = wrong("fork").start()?;
    for _ in 0..2 {
        let mut client = server.connect()?;
        assert_eq!(client.exchange("hello\n")?, "hello\n");
        client.close();
    }
    let timeline = server.stop()?;
    assert_eq!(timeline.writes_per_reply(), [1, 1], "{timeline}");
    assert_eq!(timeline.teardowns(), [CLEAN, CLEAN], "{timeline}");
    let [parent, children @ ..] = &started(&timeline)[..] else {
        bail!("no process\n{timeline}")
    };
    assert_eq!(writers(&timeline), children.iter().copied().collect(), "{timeline}");
    assert!(!children.contains(parent), "{timeline}");
    assert_eq!(timeline.exit(), None, "{timeline}");
    // The lanes of each connection name the parent, which accepts, and the child, which reads and writes.
    let lanes = Lanes::with_width(100).draw(&timeline);
    for (letter, child) in ["B", "C"].into_iter().zip(children) {
        assert!(lanes.contains(&format!("{letter} recvfrom(")), "{lanes}");
        let legend = format!("A is {parent}, {letter} is {child}\n");
        assert!(lanes.contains(&legend), "{legend:?} is missing in\n{lanes}");
    }
    assert!(
        lanes.contains("A accept4(") && !lanes.contains("A recvfrom("),
        "{lanes}"
    );
    Ok(())
}

/// What a script runs before it becomes the server, and what succeeds, is one row.
fn helpers_of_a_script_share_a_row() -> Result<()> {
    let script = "/bin/true; /bin/true; /bin/true; /bin/false; exec \"$0\" echo \"$1\"";
    let server = Server::build("/bin/sh").args(["-c", script, wrong_server(), LISTEN]);
    let timeline = after_one_echo(server.start()?)?;
    let lanes = Lanes::with_width(100).draw(&timeline);
    assert_eq!(lanes.matches("3 helping processes ended").count(), 1, "{lanes}");
    assert_eq!(lanes.matches("ended: exit status 1").count(), 1, "{lanes}");
    assert!(!lanes.contains("exit status 0"), "{lanes}");
    Ok(())
}

/// Threads are named where that is asked for.
fn a_thread_per_client_is_named_on_demand() -> Result<()> {
    let timeline = after_one_echo(wrong("echo").start()?)?;
    let lanes = |threads| {
        let lanes = Lanes {
            threads,
            ..Lanes::with_width(100)
        };
        lanes.draw(&timeline)
    };
    assert!(
        !lanes(false).contains("t1 ") && !lanes(false).contains("threads"),
        "{timeline}"
    );
    let named = lanes(true);
    assert!(
        named.contains("t1 accept4(") && named.contains("t2 recvfrom("),
        "{named}"
    );
    let reader = timeline.events.iter().find_map(|event| match &event.kind {
        EventKind::Call(call) if call.name == "recvfrom" => Some(call),
        _ => None,
    });
    let reader = reader.context("no read")?;
    assert_ne!(reader.process.map(Into::into), Some(reader.thread));
    assert!(named.contains(&format!("t2 is {}\n", reader.thread)), "{named}");
    Ok(())
}

/// The child has closed the socket and ended; its parent still holds it.
fn a_parent_that_keeps_the_socket_leaves_it_open() -> Result<()> {
    let timeline = after_one_echo(wrong("fork-leak").start()?)?;
    let (teardown, closing) = ending(&timeline);
    assert_eq!(teardown, Teardown::LeftOpen(TcpState::CloseWait), "{timeline}");
    assert_eq!(closing.fins, [Side::Client], "{timeline}");
    assert!(closing.server_read_end_of_file, "{timeline}");
    Ok(())
}

fn a_program_that_executes_another_is_followed() -> Result<()> {
    let timeline = after_one_echo(wrong("exec").start()?)?;
    assert_eq!(timeline.writes_per_reply(), [1], "{timeline}");
    assert_eq!(timeline.teardown(), CLEAN, "{timeline}");
    assert_eq!(started(&timeline).len(), 1, "{timeline}");
    Ok(())
}

fn a_daemon_is_followed() -> Result<()> {
    let timeline = after_one_echo(wrong("daemonizes").start()?)?;
    assert_eq!(timeline.writes_per_reply(), [1], "{timeline}");
    assert_eq!(timeline.teardown(), CLEAN, "{timeline}");
    assert_eq!(started(&timeline).len(), 2, "{timeline}");
    Ok(())
}

fn both_doors_are_open() -> Result<()> {
    let server = wrong("two-doors").start()?;
    assert!(server.wait_for_call(|call| call.kind == CallKind::Listen));
    // The first door's clients find the second open: the server listens there before it accepts.
    let mut client = server.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    client.close();
    let doors = server.listening();
    assert_eq!(doors.len(), 2);
    assert_eq!(doors[0], server.address());
    let mut client = server.connect_to(doors[1])?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    client.close();
    let timeline = server.stop()?;
    let listens = timeline.all_calls().filter(|(_, call)| call.kind == CallKind::Listen);
    let told: Vec<Option<Argument>> = listens.map(|(_, call)| call.argument()).collect();
    assert_eq!(
        told,
        [doors[0], doors[1]].map(|door| Some(Argument::Address(door))),
        "{timeline}"
    );
    assert_eq!(timeline.writes_per_reply(), [2, 1], "{timeline}");
    let ports: Vec<u16> = timeline
        .connections()
        .map(|connection| connection.endpoints().server.port())
        .collect();
    assert_eq!(ports, [doors[0].port(), doors[1].port()], "{timeline}");
    Ok(())
}

fn a_server_that_is_not_rust() -> Result<()> {
    let script = "tests/fixtures/echo.py";
    let timeline = after_one_echo(Server::build("python3").arg(script).arg(LISTEN).start()?)?;
    assert_eq!(writes(timeline.only()), [("sendto", 6)], "{timeline}");
    assert_eq!(timeline.packets_per_exchange(), [4], "{timeline}");
    assert_eq!(timeline.teardown(), CLEAN, "{timeline}");
    Ok(())
}

// Servers that fail.

fn a_server_that_dies_is_named_to_its_client() -> Result<()> {
    let server = wrong("dies").start()?;
    let mut client = server.connect()?;
    let error = client.exchange("hello\n").err().context("there was a reply")?;
    assert!(matches!(error, Error::Client { .. }), "{error}");
    assert!(
        error.to_string().contains("the server has ended (exit status 3)"),
        "{error}"
    );
    let error = server.connect().err().context("a dead server took a client")?;
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert!(
        error.to_string().contains("the server has ended (exit status 3)"),
        "{error}"
    );
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.exit(), Some(Exit::Status(3)), "{timeline}");
    Ok(())
}

fn a_server_that_never_answers_is_told_from_a_dead_one() -> Result<()> {
    let server = wrong("never-reads-eof")
        .reply_within(Duration::from_millis(50))
        .start()?;
    let mut client = server.connect()?;
    let error = client.exchange("no newline").err().context("there was a reply")?;
    assert!(
        error
            .to_string()
            .contains("nothing came within 50ms; the server had not ended by then"),
        "{error}"
    );
    Ok(())
}

fn a_server_that_never_listens_is_given_up() -> Result<()> {
    let began = Instant::now();
    // Long enough for its message to come; how long it takes is no matter.
    let error = refusal(wrong("never-listens").listen_within(Duration::from_secs(1)))?;
    let Error::NeverListened { waited, output, .. } = &error else {
        bail!("{error}")
    };
    assert_eq!(*waited, Duration::from_secs(1));
    assert_eq!(output.0, "still warming up\n");
    assert!(
        error.to_string().contains("did not listen on a TCP port within 1s"),
        "{error}"
    );
    assert!(began.elapsed() >= Duration::from_secs(1));
    Ok(())
}

fn a_server_that_fails_to_start_is_quoted() -> Result<()> {
    let error = refusal(wrong("exits-with-error"))?;
    let Error::ExitedEarly { exit, output, .. } = &error else {
        bail!("{error}")
    };
    assert_eq!(*exit, Exit::Status(1));
    assert!(output.0.contains("there is no database"), "{output}");
    assert!(
        error
            .to_string()
            .contains("ended (exit status 1) before it listened on a port; it wrote:\n"),
        "{error}"
    );
    Ok(())
}

fn a_server_that_aborts_is_told_by_its_signal() -> Result<()> {
    let error = refusal(wrong("aborts"))?;
    let Error::ExitedEarly { exit, .. } = &error else {
        bail!("{error}")
    };
    assert_eq!(*exit, Exit::Signal(6));
    assert!(error.to_string().contains("killed by signal 6"), "{error}");
    Ok(())
}

/// A program that ends well without ever listening is no server either.
fn a_program_that_is_no_server_is_told() -> Result<()> {
    let error = refusal(Server::build("/bin/sh").args(["-c", "exit 0"]))?;
    assert!(
        matches!(
            error,
            Error::ExitedEarly {
                exit: Exit::Status(0),
                ..
            }
        ),
        "{error}"
    );
    // This one leaves a child behind, which might still come to listen.
    let parent = Server::build("/bin/sh").args(["-c", "sleep 1000 & exit 0"]);
    let error = refusal(parent.listen_within(Duration::from_millis(500)))?;
    assert!(matches!(error, Error::NeverListened { .. }), "{error}");
    Ok(())
}

fn what_is_no_program_is_named() -> Result<()> {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    let here = std::env::current_dir()?;
    for (path, expected, told) in [
        (here.join("no/such/server"), NotFound, "there is no such file"),
        (
            here.join("Cargo.toml"),
            PermissionDenied,
            "nobody may execute it: chmod +x",
        ),
        (here.to_path_buf(), PermissionDenied, "it is a folder"),
    ] {
        let error = refusal(Server::build(&path))?;
        let Error::Spawn { program, source, .. } = &error else {
            bail!("{error}")
        };
        assert_eq!(*program, path.display().to_string());
        assert_eq!(source.kind(), expected, "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
    Ok(())
}

// Nothing outlives its test.

/// A process, told from another that got the same number later.
#[derive(Clone, Debug, PartialEq)]
struct Process {
    pid: String,
    started: String,
}

impl Process {
    /// A process that runs, from proc_pid_stat(5). A zombie does not.
    fn find(pid: &str) -> Option<Process> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may hold anything; field 3 comes behind it.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let runs = !matches!(fields[0], "Z" | "X");
        runs.then(|| Process {
            pid: pid.to_string(),
            started: fields[19].to_string(),
        })
    }

    fn runs(&self) -> bool {
        Process::find(&self.pid).as_ref() == Some(self)
    }
}

/// All processes in the private network of the one named, that one and those named with it
/// included: the network's holder is there too.
fn household(pids: &str) -> Result<Vec<Process>> {
    let network = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let named: Vec<&str> = pids.split_whitespace().collect();
    let home = network(named[0]).context("the server is gone")?;
    let private = Some(&home) != network("self").as_ref();
    let mut pids: BTreeSet<String> = named.iter().map(ToString::to_string).collect();
    for entry in std::fs::read_dir("/proc")?.filter(|_| private) {
        let pid = entry?.file_name().to_string_lossy().into_owned();
        if network(&pid).as_ref() == Some(&home) {
            pids.insert(pid);
        }
    }
    let found: Vec<Process> = pids.iter().filter_map(|pid| Process::find(pid)).collect();
    assert!(
        named.iter().all(|pid| found.iter().any(|process| process.pid == *pid)),
        "{named:?} run: {found:?}"
    );
    assert!(!private || found.len() > named.len(), "the holder is there: {found:?}");
    Ok(found)
}

/// A server with a grandchild that left its process group, and all processes around it.
fn at_home() -> Result<(Server, Vec<Process>)> {
    let server = wrong("family").start()?;
    let household = household(&server.connect()?.exchange("who?\n")?)?;
    Ok((server, household))
}

fn those_left(household: &[Process]) -> Vec<&Process> {
    household.iter().filter(|process| process.runs()).collect()
}

fn stopping_leaves_nothing() -> Result<()> {
    let (server, household) = at_home()?;
    server.stop()?;
    assert_eq!(those_left(&household), [] as [&Process; 0]);
    Ok(())
}

fn dropping_leaves_nothing() -> Result<()> {
    let (server, household) = at_home()?;
    drop(server);
    assert_eq!(those_left(&household), [] as [&Process; 0]);
    Ok(())
}

fn a_panic_leaves_nothing() -> Result<()> {
    let (tell, told) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let (_server, household) = at_home().expect("a family");
        tell.send(household).expect("somebody listens");
        // As a panic does, but without its message.
        std::panic::resume_unwind(Box::new("a test fails"));
    });
    assert!(panicked.join().is_err());
    assert_eq!(those_left(&told.recv()?), [] as [&Process; 0]);
    Ok(())
}

/// Set in a process that this suite starts to have it killed.
const TO_BE_KILLED: &str = "wrong_server()S_TO_BE_KILLED";

fn a_killed_test_process_leaves_nothing() -> Result<()> {
    if std::env::var_os(TO_BE_KILLED).is_some() {
        return wait_to_be_killed();
    }
    let mut test = Command::new(std::env::current_exe()?)
        .args(["--exact", "wrong_servers::a_killed_test_process_leaves_nothing"])
        .env(TO_BE_KILLED, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // Kept until the end: what the process writes must not fail.
    let mut output = BufReader::new(test.stdout.take().context("no output")?);
    let mut lines = output.by_ref().lines().map_while(Result::ok);
    let answer = lines.find_map(|line| line.strip_prefix("family: ").map(str::to_string));
    let household = household(&answer.context("the test process did not start its server")?);
    test.kill()?;
    test.wait()?;
    let (household, deadline) = (household?, Instant::now() + Duration::from_secs(20));
    while !those_left(&household).is_empty() {
        assert!(
            Instant::now() < deadline,
            "these outlived the test process: {:?}",
            those_left(&household)
        );
        // The end of a process that is nobody's child here wakes nobody: look again.
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Starts a server, says which, and waits. Ends by itself if the one who would kill it is gone.
fn wait_to_be_killed() -> Result<()> {
    let server = wrong("family").start()?;
    let family = server.connect()?.exchange("who?\n")?;
    let mut output = std::io::stdout();
    // Behind the name of the test, which stands alone on its line until the test ends.
    write!(output, "\nfamily: {family}")?;
    output.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn a_server_that_ignores_sigterm_is_killed() -> Result<()> {
    let server = wrong("ignores-sigterm").grace(Duration::from_millis(100)).start()?;
    let timeline = after_one_echo(server)?;
    assert_eq!(timeline.writes_per_reply(), [1], "{timeline}");
    assert_eq!(timeline.teardown(), CLEAN, "{timeline}");
    for pid in started(&timeline) {
        assert_eq!(Process::find(&pid.to_string()), None);
    }
    Ok(())
}

/// A child that is not to be traced is traced all the same: its calls are seen, and it ends with the server.
fn a_child_that_is_not_to_be_traced_is() -> Result<()> {
    for mode in ["untraced-child", "untraced-child-3"] {
        let timeline = after_one_echo(wrong(mode).start()?)?;
        assert_eq!(timeline.writes_per_reply(), [1], "{mode}\n{timeline}");
    }
    Ok(())
}

/// The run ends although somebody has the server's output for good.
fn who_keeps_the_output_holds_up_nothing() -> Result<()> {
    let path = std::env::temp_dir().join(format!("harness-output-{}", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path)?;
    let server = wrong("gives-its-output-away").env("OUTPUT_TO", &path).start()?;
    std::fs::remove_file(&path)?;
    // What has been sent and is not taken is held by the kernel.
    let holds = listener.accept()?;
    server.connect()?.exchange("hello\n")?;
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(server.stop().map(|timeline| timeline.writes_per_reply())));
    assert_eq!(told.recv_timeout(Duration::from_secs(20))??, [1]);
    drop(holds);
    Ok(())
}

harness::tests! {
    a_server_on_udp_or_a_unix_socket_is_named needs [Calls];
    a_server_that_never_listens_is_given_up needs [Calls];
    a_program_that_is_no_server_is_told needs [Calls];
    three_writes_are_three needs [Calls];
    writes_of_other_threads_count needs [Calls];
    bytes_tell_the_order_of_two_writers needs [Packets];
    every_call_that_writes_counts needs [Calls];
    nodelay_holds_nothing_back needs [Packets];
    two_writes_are_held_back needs [Packets];
    a_write_that_never_returns_is_there needs [Calls];
    a_read_that_still_waits_is_there needs [Calls];
    a_call_that_its_process_does_not_outlive_is_there needs [Calls];
    a_call_that_a_signal_interrupts_has_no_result needs [Calls];
    a_second_connect_makes_no_connection needs [Packets];
    each_end_of_a_proxys_connection_may_leak needs [Packets];
    connections_that_the_server_makes_are_its_own needs [Packets];
    an_address_that_is_not_there_is_named needs [Sandbox];
    a_ring_for_files_leaves_rules_known needs [Packets];
    io_uring_is_told_apart needs [Calls];
    calls_of_another_architecture_go_through_and_are_told needs [Calls];
    the_strict_mode_of_seccomp_is_refused_and_told needs [Calls];
    a_set_user_id_program_keeps_its_rights_or_it_is_told needs [Calls];
    what_a_server_asks_of_the_kernel_is_there needs [Calls];
    a_peek_is_no_read needs [Calls];
    what_a_client_asks_of_the_kernel_is_there needs [Calls];
    a_forgotten_duplicate_leaves_it_open needs [Calls];
    an_end_of_file_that_nobody_reads_leaves_it_open needs [Calls];
    a_reset_on_close_is_the_servers needs [Calls];
    closing_with_unread_data_resets needs [Calls];
    a_server_that_closes_first_waits needs [Calls];
    a_half_close_is_no_close needs [Calls];
    a_half_closed_server_is_left_open needs [Calls];
    a_child_per_client_counts needs [Calls];
    helpers_of_a_script_share_a_row needs [Calls];
    a_thread_per_client_is_named_on_demand needs [Calls];
    a_parent_that_keeps_the_socket_leaves_it_open needs [Calls];
    a_program_that_executes_another_is_followed needs [Calls];
    a_daemon_is_followed needs [Calls];
    both_doors_are_open needs [Calls];
    a_child_that_is_not_to_be_traced_is needs [Calls];
    who_keeps_the_output_holds_up_nothing needs [Calls];
    a_server_that_is_not_rust needs [Calls, Program("python3")];
    a_server_that_dies_is_named_to_its_client needs [Calls];
    a_server_that_never_answers_is_told_from_a_dead_one needs [Calls];
    a_server_that_fails_to_start_is_quoted needs [Calls];
    a_server_that_aborts_is_told_by_its_signal needs [Calls];
    what_is_no_program_is_named needs [Calls];
    stopping_leaves_nothing needs [Calls];
    dropping_leaves_nothing needs [Calls];
    a_panic_leaves_nothing needs [Calls];
    a_killed_test_process_leaves_nothing needs [Calls];
    a_server_that_ignores_sigterm_is_killed needs [Calls];
}

/// Of megabytes.
pub mod large {
    use super::*;

    harness::tests! {
        a_flood_adds_up needs [Calls];
    }
}
