//! What the harness sees of a well-behaved server: the same at every level, over both versions of
//! IP, for one client and for many. And what it says where the machine refuses.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use harness::format::pcapng;
use harness::testing::Needs::{Calls, HostCapture, Ipv6, Packets, Program, Sandbox};
use harness::timeline::{EventKind, Exit, Flags, Level, Side, TcpState, Teardown, Timeline};
use harness::{Client, ClientOutput, Error, LISTEN, Machine, Output, Server, ServerBuilder};

fn wrong_server() -> &'static str {
    harness::testing::built("wrong-server")
}

const CLEAN: Teardown = Teardown::Clean { first: Side::Client };

/// It has modes that are right, too.
fn server(mode: &str) -> ServerBuilder {
    Server::build(wrong_server()).arg(mode).arg(LISTEN)
}

// The same at every level.

/// What all levels must agree on.
#[derive(Debug, PartialEq)]
struct Verdicts {
    writes_per_reply: Vec<usize>,
    packets_of_first_exchange: Option<usize>,
    teardown: Teardown,
    fins: Vec<Side>,
    time_wait: Option<Side>,
}

/// A file of a run holds all of it.
fn reads_back(timeline: &Timeline) -> Result<()> {
    let mut file = Vec::new();
    pcapng::write(timeline, "wrong-server", &mut file)?;
    let again = pcapng::read(&file[..])?.into_timeline();
    assert!(again == *timeline, "written:\n{timeline}\nread:\n{again}");
    assert_eq!(again.findings(), timeline.findings());
    Ok(())
}

/// What a client does after its exchange.
type Ending = fn(Client) -> Result<()>;

fn closes(client: Client) -> Result<()> {
    client.close();
    Ok(())
}

fn reads_to_the_end(mut client: Client) -> Result<()> {
    client.read_to_end()?;
    closes(client)
}

fn is_reset(mut client: Client) -> Result<()> {
    client.shutdown_write()?;
    assert!(client.read_to_end().is_err());
    Ok(())
}

fn resets(client: Client) -> Result<()> {
    Ok(client.reset()?)
}

fn verdicts(level: Level, mode: &str, ending: Ending) -> Result<(Verdicts, Timeline)> {
    let server = server(mode).level(level).start()?;
    assert_eq!(server.level(), level);
    let mut client = server.connect()?;
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    client.settle();
    ending(client)?;
    let timeline = server.stop()?;
    assert_eq!(timeline.level, level);
    reads_back(&timeline)?;
    let closing = timeline.only().closing();
    // Where the server closes at once, its FIN may overtake the ACK of its reply.
    let server_waits = closing.fins.first() != Some(&Side::Server);
    let found = Verdicts {
        writes_per_reply: timeline.writes_per_reply(),
        packets_of_first_exchange: timeline
            .packets_per_exchange()
            .first()
            .copied()
            .filter(|_| server_waits),
        teardown: timeline.teardown(),
        fins: closing.fins.clone(),
        time_wait: closing.time_wait(),
    };
    Ok((found, timeline))
}

/// Every way to write a reply and to end, with what must come of it.
fn at_level(level: Level) -> Result<()> {
    use Side::{Client, Server};
    let left_open = Teardown::LeftOpen(TcpState::CloseWait);
    let server_first = Teardown::Clean { first: Server };
    let expect = |writes, packets, teardown, fins: &[Side], time_wait| Verdicts {
        writes_per_reply: vec![writes],
        packets_of_first_exchange: packets,
        teardown,
        fins: fins.to_vec(),
        time_wait,
    };
    let cases: [(&str, Ending, Verdicts); 8] = [
        (
            "echo",
            closes,
            expect(1, Some(4), CLEAN, &[Client, Server], Some(Client)),
        ),
        (
            "two-writes",
            closes,
            expect(2, Some(6), CLEAN, &[Client, Server], Some(Client)),
        ),
        ("dup", closes, expect(1, Some(4), left_open, &[Client], None)),
        (
            "never-reads-eof",
            closes,
            expect(1, Some(4), left_open, &[Client], None),
        ),
        (
            "echo",
            resets,
            expect(1, Some(4), Teardown::Reset { by: Client }, &[], None),
        ),
        (
            "reset-on-close",
            is_reset,
            expect(1, Some(4), Teardown::Reset { by: Server }, &[Client], None),
        ),
        (
            "closes-first",
            reads_to_the_end,
            expect(1, None, server_first, &[Server, Client], Some(Server)),
        ),
        (
            "half-close",
            reads_to_the_end,
            expect(1, None, server_first, &[Server, Client], Some(Server)),
        ),
    ];
    let run = |(mode, ending, expected): (&str, Ending, Verdicts)| -> Result<()> {
        let (found, timeline) = verdicts(level, mode, ending)?;
        assert_eq!(found, expected, "{mode} at level {level}\n{timeline}");
        Ok(())
    };
    harness::testing::at_once(cases, run)
}

fn in_a_private_network() -> Result<()> {
    at_level(Level::Sandbox)
}

fn on_the_hosts_loopback_interface() -> Result<()> {
    at_level(Level::Loopback)
}

fn without_packets() -> Result<()> {
    at_level(Level::NoPackets)
}

/// On the host's interface other people's packets pass too.
fn only_the_servers_packets_are_kept() -> Result<()> {
    let [ours, other] = ["echo", "two-writes"].map(|mode| server(mode).level(Level::Loopback).start());
    let (ours, other) = (ours?, other?);
    for server in [&ours, &other] {
        let mut client = server.connect()?;
        client.exchange("hello\n")?;
        client.close();
    }
    let port = ours.address().port();
    let timeline = ours.stop()?;
    assert_eq!(timeline.only().endpoints().server.port(), port, "{timeline}");
    assert_eq!(timeline.writes_per_reply(), [1], "{timeline}");
    assert_eq!(other.stop()?.writes_per_reply(), [2]);
    Ok(())
}

/// On the host a port may have had a server before, whose clients the kernel still remembers.
fn an_earlier_servers_connections_are_not_this_ones() -> Result<()> {
    let run = |address: &str| -> Result<Timeline> {
        let server = Server::build(wrong_server())
            .args(["echo", address])
            .level(Level::NoPackets)
            .start()?;
        exchange_once(server.connect()?)?;
        Ok(server.stop()?)
    };
    let earlier = run("127.0.0.1:0")?.only().endpoints();
    let timeline = run(&earlier.server.to_string())?;
    assert_eq!(timeline.only().endpoints().server, earlier.server, "{timeline}");
    assert_ne!(timeline.only().endpoints().client, earlier.client, "{timeline}");
    assert_eq!(timeline.teardown(), CLEAN, "{timeline}");
    Ok(())
}

// What the machine may refuse.

/// System calls that a machine may refuse to a test.
#[derive(Clone, Copy, Debug)]
enum Refused {
    Tracing,
    Namespaces,
    PacketSockets,
}

/// Runs `body` on a thread for which, and for whose children, the kernel refuses some calls with
/// EPERM, as a container's seccomp profile does.
#[cfg(target_os = "linux")]
fn where_refused<T: Send>(refused: &[Refused], body: impl FnOnce() -> T + Send) -> Result<T> {
    use nix::libc;
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, SeccompCondition, SeccompFilter,
        SeccompRule,
    };
    let rules = refused.iter().map(|refused| {
        Ok(match refused {
            Refused::Tracing => (libc::SYS_ptrace, vec![]),
            Refused::Namespaces => (libc::SYS_unshare, vec![]),
            Refused::PacketSockets => {
                let family = SeccompCondition::new(0, Dword, Eq, libc::AF_PACKET as u64)?;
                (libc::SYS_socket, vec![SeccompRule::new(vec![family])?])
            }
        })
    });
    let rules = rules.collect::<Result<_>>()?;
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || -> Result<T> {
            seccompiler::apply_filter(&program)?;
            Ok(body())
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(not(target_os = "linux"))]
fn where_refused<T: Send>(refused: &[Refused], _: impl FnOnce() -> T + Send) -> Result<T> {
    bail!("this system has no way to refuse {refused:?}")
}

fn refused_tracing_is_an_error_with_a_cure() -> Result<()> {
    let (started, machine) = where_refused(&[Refused::Tracing], || (server("echo").start(), Machine::look()))?;
    let error = started.err().context("it was traced all the same")?;
    let Error::TraceRefused { reason, cure, .. } = &error else {
        bail!("{error}")
    };
    assert!(reason.contains("EPERM") && !cure.is_empty(), "{error}");
    assert!(
        error.to_string().contains("ptrace was refused") && error.to_string().contains(cure),
        "{error}"
    );
    assert_eq!(machine.level, None);
    let refusal = machine.no_trace.context("the machine does not say so")?;
    assert!(refusal.reason.contains("ptrace"), "{refusal}");
    Ok(())
}

fn a_refused_level_is_an_error_with_a_cure() -> Result<()> {
    for (refused, level, said) in [
        (Refused::Namespaces, Level::Sandbox, "(unshare) failed: EPERM"),
        (
            Refused::PacketSockets,
            Level::Loopback,
            "packet socket on the host failed: Operation not permitted",
        ),
    ] {
        let started = where_refused(&[refused], || server("echo").level(level).start())?;
        let error = started.err().context("it started all the same")?;
        let Error::LevelRefused {
            level: asked,
            reason,
            cure,
            ..
        } = &error
        else {
            bail!("{error}")
        };
        assert_eq!(*asked, level);
        assert!(reason.contains(said) && !cure.is_empty(), "{error}");
        assert!(error.to_string().contains(cure), "{error}");
    }
    Ok(())
}

/// Nobody has to ask for a level: a server runs at the best that there is.
fn the_best_level_is_found() -> Result<()> {
    let best = Machine::look();
    let hosts_best = if best.no_host_capture.is_none() {
        Level::Loopback
    } else {
        Level::NoPackets
    };
    for (refused, expected) in [
        (&[Refused::Namespaces][..], hosts_best),
        (&[Refused::Namespaces, Refused::PacketSockets], Level::NoPackets),
    ] {
        let (machine, timeline) = where_refused(refused, || {
            let run = || -> Result<Timeline> {
                let server = server("two-writes").start()?;
                let mut client = server.connect()?;
                client.exchange("hello\n")?;
                client.close();
                Ok(server.stop()?)
            };
            (Machine::look(), run())
        })?;
        let timeline = timeline?;
        assert_eq!((machine.level, timeline.level), (Some(expected), expected));
        assert!(machine.no_sandbox.context("no reason")?.reason.contains("EPERM"));
        assert_eq!(timeline.writes_per_reply(), [2], "{timeline}");
        assert_eq!(timeline.packets_per_exchange(), [6], "{timeline}");
        assert_eq!(timeline.teardown(), CLEAN, "{timeline}");
        assert_eq!(timeline.only().packets().next().is_some(), expected == Level::Loopback);
    }
    Ok(())
}

/// A root who may make namespaces and not configure a network takes a user namespace, as everybody else does: Docker's
/// root with `--cap-add SYS_ADMIN` is one.
fn a_root_without_some_rights_has_a_private_network() -> Result<()> {
    for rights in ["-net_admin", "-sys_admin", "-net_admin,-sys_admin"] {
        let output = Command::new("setpriv")
            .arg(format!("--bounding-set={rights}"))
            .arg(std::env::current_exe()?)
            .args(["--exact", "levels::a_client_chooses_its_port"])
            .output()?;
        let said = String::from_utf8(output.stdout)?;
        assert!(said.contains("1 passed"), "as root with {rights}: {said}");
    }
    Ok(())
}

/// A test that cannot run does not pass unseen: this suite itself, where no packets can be had.
fn what_cannot_run_is_ignored_with_the_reason() -> Result<()> {
    let refused = [Refused::Namespaces, Refused::PacketSockets];
    let run = || {
        Command::new(std::env::current_exe()?)
            .args(["--exact", "levels::in_a_private_network"])
            .output()
    };
    let output = String::from_utf8(where_refused(&refused, run)??.stdout)?;
    assert!(output.contains("0 passed; 0 failed; 1 ignored"), "{output}");
    let reason = "needs a private network; making a network namespace (unshare) failed: EPERM";
    assert!(output.contains(reason), "{output}");
    Ok(())
}

/// Who runs each test in a process of its own, as cargo-nextest does, goes by the list and by exit statuses.
fn what_cannot_run_is_listed_as_ignored_and_fails_under_nextest() -> Result<()> {
    let suite = |arguments: &[&str], variable: &str| {
        let mut suite = Command::new(std::env::current_exe()?);
        suite.args(arguments).env_remove("NEXTEST").env(variable, "1");
        let output = where_refused(&[Refused::Namespaces, Refused::PacketSockets], || suite.output())??;
        anyhow::Ok((output.status.success(), String::from_utf8(output.stdout)?))
    };
    let list = ["--list", "--format", "terse", "--ignored"];
    let (_, listed) = suite(&list, "NEXTEST")?;
    let has = |name: &str| listed.lines().any(|line| line == format!("{name}: test"));
    assert!(has("levels::in_a_private_network"), "{listed}");
    assert!(!has("levels::without_packets"), "{listed}");
    let one = ["--exact", "levels::in_a_private_network", "--nocapture", "--ignored"];
    assert!(suite(&one, "NONE")?.0);
    let (passed, output) = suite(&one, "NEXTEST")?;
    assert!(!passed && output.contains("needs a private network"), "{output}");
    Ok(())
}

// Clients of the test's own, which the server's network is closed to.

/// The same on whatever level there is.
fn any_client_gets_inside() -> Result<()> {
    let server = server("echo").start()?;
    let echoes = |mut stream: TcpStream| -> Result<()> {
        stream.write_all(b"hello\n")?;
        let mut line = [0; 6];
        stream.read_exact(&mut line)?;
        assert_eq!(&line, b"hello\n");
        Ok(())
    };
    let address = server.address();
    echoes(server.tcp_stream()?)?;
    server.inside(|| echoes(TcpStream::connect(address)?))??;
    // So are those that it starts, and what it starts.
    let of_a_thread = || std::thread::spawn(move || TcpStream::connect(address));
    echoes(server.inside(|| of_a_thread().join())?.expect("it does not panic")?)?;
    let panics = || server.inside(|| std::panic::resume_unwind(Box::new("on purpose")));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
    let timeline = server.stop()?;
    assert_eq!(timeline.connections().count(), 3, "{timeline}");
    Ok(())
}

fn a_socket_that_cannot_be_made_inside_fails_there() -> Result<()> {
    let server = server("echo").start()?;
    let refused =
        server.inside(|| socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::SEQPACKET, None).map(drop))?;
    assert_eq!(
        refused.map_err(|error| error.raw_os_error()),
        Err(Some(94)),
        "ESOCKTNOSUPPORT"
    );
    Ok(())
}

fn a_server_gets_a_folder_an_input_and_fewer_variables() -> Result<()> {
    let says = "cat >&2; pwd >&2; echo \"gone: ${CARGO_MANIFEST_DIR-yes}\" >&2; exec \"$0\" echo \"$1\"";
    let server = Server::build("/bin/sh").args(["-c", says, wrong_server(), LISTEN]);
    let server = server
        .current_dir("/")
        .stdin("read me\n")
        .env("CARGO_MANIFEST_DIR", "no");
    let server = server.env_remove("CARGO_MANIFEST_DIR").start()?;
    server.connect()?.exchange("hello\n")?;
    let Output(said) = server.output();
    // What comes by two pipes comes in either order.
    assert!(said.contains("read me\n/\ngone: yes\n"), "{said}");
    Ok(())
}

fn what_a_client_program_writes_is_there() -> Result<()> {
    let server = server("echo").start()?;
    let mut client = Command::new("sh");
    client.args(["-c", "echo out; echo err >&2; exit 3"]);
    let wrote = server.client_output(client, Duration::from_secs(20))?;
    let expected = ClientOutput {
        exit: Some(Exit::Status(3)),
        stdout: b"out\n".to_vec(),
        stderr: b"err\n".to_vec(),
    };
    assert_eq!(wrote, expected);
    Ok(())
}

/// A test that returns an error prints it for those who debug.
fn an_error_reads_the_same_for_those_who_debug() -> Result<()> {
    let error = Server::start("/no/such/program").err().context("it starts")?;
    assert_eq!(format!("{error:?}"), error.to_string());
    Ok(())
}

// Addresses.

fn exchange_once(mut client: Client) -> Result<()> {
    assert_eq!(client.exchange("hello\n")?, "hello\n");
    client.close();
    Ok(())
}

fn over_ipv6() -> Result<()> {
    let server = Server::build(wrong_server()).args(["two-writes", "[::1]:0"]).start()?;
    assert_eq!(server.address().ip(), Ipv6Addr::LOCALHOST);
    exchange_once(server.connect()?)?;
    let address = server.address();
    let timeline = server.stop()?;
    assert_eq!(timeline.only().endpoints().server, address, "{timeline}");
    assert_eq!(timeline.writes_per_reply(), [2], "{timeline}");
    assert_eq!(timeline.packets_per_exchange(), [6], "{timeline}");
    assert_eq!(timeline.teardown(), CLEAN, "{timeline}");
    Ok(())
}

fn a_dual_stack_server_is_reached_over_both() -> Result<()> {
    let server = Server::build(wrong_server()).args(["echo", "[::]:0"]).start()?;
    let port = server.address().port();
    assert_eq!(
        server.address().ip(),
        Ipv6Addr::LOCALHOST,
        "a wildcard is reached at the loopback address"
    );
    let addresses = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
    for ip in addresses {
        exchange_once(server.connect_to(SocketAddr::new(ip, port))?)?;
    }
    let timeline = server.stop()?;
    let reached: Vec<IpAddr> = timeline
        .connections()
        .map(|connection| connection.endpoints().server.ip())
        .collect();
    assert_eq!(reached, addresses, "{timeline}");
    assert_eq!(timeline.writes_per_reply(), [1, 1], "{timeline}");
    assert_eq!(timeline.packets_per_exchange(), [4, 4], "{timeline}");
    assert_eq!(timeline.teardowns(), [CLEAN, CLEAN], "{timeline}");
    Ok(())
}

fn a_wildcard_server_is_reached_over_ipv4() -> Result<()> {
    let server = Server::build(wrong_server()).args(["echo", "0.0.0.0:0"]).start()?;
    assert_eq!(server.address().ip(), Ipv4Addr::LOCALHOST);
    exchange_once(server.connect()?)?;
    let address = server.address();
    let timeline = server.stop()?;
    assert_eq!(timeline.only().endpoints().server, address, "{timeline}");
    assert_eq!(timeline.teardown(), CLEAN, "{timeline}");
    Ok(())
}

fn a_client_chooses_its_port() -> Result<()> {
    let server = server("echo").start()?;
    assert_eq!(server.address().port(), 3000);
    let client = server.connect_from(57464)?;
    assert_eq!(client.local_addr().port(), 57464);
    let taken = server.connect_from(57464).err().context("a port was taken twice")?;
    assert!(matches!(taken, Error::Connect { .. }), "{taken}");
    exchange_once(client)?;
    let timeline = server.stop()?;
    assert_eq!(timeline.only().endpoints().client.port(), 57464, "{timeline}");
    Ok(())
}

/// A port that is used again makes another connection, in every one of its parts.
fn a_port_that_is_used_again_is_another_connection() -> Result<()> {
    let server = server("closes-first").start()?;
    for _ in 0..2 {
        let mut client = server.connect_from(57464)?;
        assert_eq!(client.exchange("hello\n")?, "hello\n");
        // A reset leaves no TIME_WAIT behind, so the port is free at once.
        client.reset()?;
        server.settle();
    }
    let timeline = server.stop()?;
    assert_eq!(timeline.connections().len(), 2, "{timeline}");
    assert_eq!(timeline.writes_per_reply(), [1, 1], "{timeline}");
    for connection in timeline.connections() {
        assert_eq!(
            connection.wire()[..2],
            ["C>S SYN seq 0", "S>C SYN,ACK seq 0 ack 1"],
            "{timeline}"
        );
    }
    Ok(())
}

// Many at once.

fn many_clients_of_many_servers() -> Result<()> {
    const SERVERS: usize = 4;
    const CLIENTS: usize = 8;
    const EXCHANGES: usize = 5;
    let timelines = std::thread::scope(|scope| {
        let servers = [(); SERVERS].map(|()| scope.spawn(|| serve_many(CLIENTS, EXCHANGES)));
        servers.map(|server| server.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    for timeline in timelines {
        let timeline = timeline?;
        assert_eq!(timeline.connections().len(), CLIENTS);
        for connection in timeline.connections() {
            assert_eq!(connection.writes_per_reply(), [1; EXCHANGES], "{timeline}");
            assert_eq!(connection.teardown(), CLEAN, "{timeline}");
            assert_eq!(connection.closing().fins, [Side::Client, Side::Server], "{timeline}");
        }
    }
    Ok(())
}

/// One server whose clients all talk at the same time.
fn serve_many(clients: usize, exchanges: usize) -> Result<Timeline> {
    let server = server("echo").start()?;
    let all_connected = std::sync::Barrier::new(clients);
    std::thread::scope(|scope| {
        let talk = |number: usize| -> Result<()> {
            let client = server.connect();
            all_connected.wait();
            let mut client = client?;
            for exchange in 0..exchanges {
                let line = format!("client {number}, line {exchange}\n");
                assert_eq!(client.exchange(&line)?, line);
            }
            client.close();
            Ok(())
        };
        let talking: Vec<_> = (0..clients).map(|number| scope.spawn(move || talk(number))).collect();
        talking
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let timeline = server.stop()?;
    reads_back(&timeline)?;
    Ok(timeline)
}

// One order.

/// The kernel's own counters of the client's socket, against the packets that were captured.
fn the_kernel_counts_the_same_packets() -> Result<()> {
    for mode in ["echo", "two-writes"] {
        let server = server(mode).start()?;
        let mut client = server.connect()?;
        for _ in 0..5 {
            client.exchange("hello\n")?;
        }
        client.settle();
        let counters = client.counters().context("this kernel does not count segments")?;
        client.close();
        let timeline = server.stop()?;
        assert_eq!(timeline.dropped, 0);
        let connection = timeline.only();
        let fin = connection.closing().packets[0];
        let before = |side| {
            connection
                .packets()
                .filter(|(index, packet)| *index < fin && packet.from == side)
                .count()
        };
        assert_eq!(before(Side::Client), counters.sent.get() as usize, "{timeline}");
        assert_eq!(before(Side::Server), counters.received as usize, "{timeline}");
    }
    Ok(())
}

/// Each reply is one write with one segment, and the segment lies inside the write.
fn a_packet_lies_inside_its_write() -> Result<()> {
    let server = server("echo").start()?;
    let mut client = server.connect()?;
    for _ in 0..5 {
        client.exchange("hello\n")?;
    }
    client.close();
    let timeline = server.stop()?;
    let connection = timeline.only();
    let replies: Vec<_> = connection
        .packets()
        .filter(|(_, packet)| packet.from == Side::Server && packet.segment.len > 0)
        .collect();
    let writes: Vec<_> = connection.writes().collect();
    assert_eq!((replies.len(), writes.len()), (5, 5), "{timeline}");
    for ((at, packet), (write, call)) in replies.into_iter().zip(writes) {
        assert_eq!(packet.facts.carries[..], [write], "{timeline}");
        assert_eq!(packet.facts.during, Some(write), "{timeline}");
        assert_eq!(packet.held(), None, "{timeline}");
        assert_eq!(packet.segment.payload, call.bytes, "{timeline}");
        let left = timeline[at].at;
        assert!(write < at && call.entered <= left && left <= call.ended, "{timeline}");
    }
    Ok(())
}

/// The life of a connection, in the order in which it must be told.
fn events_stand_in_order() -> Result<()> {
    let server = server("echo").start()?;
    let client = server.connect_from(57464)?;
    exchange_once(client)?;
    let timeline = server.stop()?;
    assert!(timeline.events.is_sorted_by_key(|event| event.at), "{timeline}");
    let connection = timeline.only();
    let packet = |from, flags, len| {
        let found = connection
            .packets()
            .find(|(_, p)| p.from == from && p.segment.flags.has(flags) && p.segment.len == len);
        found.map(|(index, _)| index).context("no such packet")
    };
    let call = |name: &str, result: u64| {
        let mut calls = connection.calls();
        let found = calls.find(|(_, call)| call.name == name && call.result == Some(Ok(result)));
        found.map(|(index, _)| index).context("no such call")
    };
    let accept = connection.calls().next().context("no call")?.0;
    let order = [
        packet(Side::Client, Flags::SYN, 0)?,
        packet(Side::Server, Flags::SYN, 0)?,
        accept,
        call("recvfrom", 6)?,
        call("sendto", 6)?,
        packet(Side::Server, Flags::PSH, 6)?,
        packet(Side::Client, Flags::FIN, 0)?,
        call("recvfrom", 0)?,
        call("close", 0)?,
        packet(Side::Server, Flags::FIN, 0)?,
    ];
    assert!(order.is_sorted(), "{order:?}: {timeline}");
    let sent = packet(Side::Client, Flags::PSH, 6)?;
    assert!(order[1] < sent && sent < order[3], "{timeline}");
    assert!(matches!(timeline.events[0].kind, EventKind::Process(_)), "{timeline}");
    Ok(())
}

/// A reply of thirty million bytes, which is here within a fraction of a second.
fn no_packet_of_a_large_reply_is_lost() -> Result<()> {
    const LENGTH: u64 = 30_000_000;
    let server = server("bulk").start()?;
    let mut client = server.connect()?;
    client.send(format!("{LENGTH}\n"))?;
    client.read_exact(LENGTH as usize)?;
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.dropped, 0);
    // What is sent again may lie across what was sent before.
    let sent = |side| -> u64 {
        let of_side = timeline.only().packets().filter(|(_, packet)| packet.from == side);
        let mut ranges: Vec<(u32, u32)> = of_side
            .map(|(_, packet)| (packet.seq, packet.seq + packet.segment.len))
            .collect();
        ranges.sort_unstable();
        let mut end = 0;
        let fresh = ranges.into_iter().map(|(from, to)| {
            let fresh = to.saturating_sub(from.max(end));
            end = end.max(to);
            u64::from(fresh)
        });
        fresh.sum()
    };
    assert_eq!([sent(Side::Client), sent(Side::Server)], [9, LENGTH]);
    Ok(())
}

/// Of each packet the headers are kept, and all that is said of it holds.
fn a_capture_of_headers_says_the_same() -> Result<()> {
    let run = |snaplen: Option<u32>| -> Result<Timeline> {
        let build = server("bulk");
        let server = match snaplen {
            Some(bytes) => build.snaplen(bytes).start()?,
            None => build.start()?,
        };
        let mut client = server.connect()?;
        client.send("3000\n")?;
        client.read_exact(3000)?;
        client.close();
        server.stop().map_err(Into::into)
    };
    let (whole, headers) = (run(None)?, run(Some(96))?);
    let lengths = |timeline: &Timeline| -> Vec<(usize, u32, u32)> {
        let packets = timeline.only().packets();
        let data = packets.filter(|(_, packet)| packet.from == Side::Server && packet.segment.len > 0);
        let length = |(_, packet): (_, harness::timeline::KnownPacket<'_>)| {
            (packet.frame.len(), packet.wire_len, packet.segment.len)
        };
        data.map(length).collect()
    };
    let expected: Vec<_> = lengths(&whole)
        .into_iter()
        .map(|(_, wire, len)| (96, wire, len))
        .collect();
    assert_eq!(lengths(&headers), expected);
    assert_eq!(lengths(&whole).iter().map(|(.., len)| len).sum::<u32>(), 3000);
    assert_eq!(headers.writes_per_reply(), [1]);
    assert_eq!(headers.teardown(), CLEAN);
    assert_eq!(headers.findings(), whole.findings());
    reads_back(&headers)
}

/// So many bytes of packets may wait as were asked for: the ring is memory that the kernel shares with this process.
fn the_kernel_holds_as_many_packets_as_asked() -> Result<()> {
    // Nobody else here asks for so many.
    const BUFFER: u64 = 3 * 1024 * 1024;
    let rings = || -> Result<usize> {
        let maps = std::fs::read_to_string("/proc/self/maps")?;
        let sizes = maps.lines().filter(|line| line.contains("socket:")).filter_map(|line| {
            let (from, to) = line.split_whitespace().next()?.split_once('-')?;
            Some(u64::from_str_radix(to, 16).ok()? - u64::from_str_radix(from, 16).ok()?)
        });
        Ok(sizes.filter(|size| *size == BUFFER).count())
    };
    let server = server("echo").buffer(BUFFER).start()?;
    assert_eq!(rings()?, 1);
    server.stop()?;
    Ok(())
}

harness::tests! {
    the_kernel_holds_as_many_packets_as_asked needs [Sandbox];
    a_capture_of_headers_says_the_same needs [Sandbox];
    in_a_private_network needs [Sandbox];
    on_the_hosts_loopback_interface needs [HostCapture];
    without_packets needs [Calls];
    only_the_servers_packets_are_kept needs [HostCapture];
    an_earlier_servers_connections_are_not_this_ones needs [Calls];
    refused_tracing_is_an_error_with_a_cure needs [Calls];
    a_refused_level_is_an_error_with_a_cure needs [Calls];
    the_best_level_is_found needs [Calls];
    a_root_without_some_rights_has_a_private_network needs [Sandbox, HostCapture, Program("setpriv")];
    what_cannot_run_is_ignored_with_the_reason needs [Calls];
    what_cannot_run_is_listed_as_ignored_and_fails_under_nextest needs [Calls];
    any_client_gets_inside needs [Calls];
    a_socket_that_cannot_be_made_inside_fails_there needs [Sandbox];
    a_server_gets_a_folder_an_input_and_fewer_variables needs [Calls];
    what_a_client_program_writes_is_there needs [Calls];
    an_error_reads_the_same_for_those_who_debug needs [Calls];
    over_ipv6 needs [Calls, Ipv6];
    a_dual_stack_server_is_reached_over_both needs [Calls, Ipv6];
    a_wildcard_server_is_reached_over_ipv4 needs [Calls];
    a_client_chooses_its_port needs [Sandbox];
    a_port_that_is_used_again_is_another_connection needs [Sandbox];
    many_clients_of_many_servers needs [Calls];
    the_kernel_counts_the_same_packets needs [Packets];
    a_packet_lies_inside_its_write needs [Packets];
    events_stand_in_order needs [Sandbox];
}

/// Of megabytes.
pub mod large {
    use super::*;

    harness::tests! {
        no_packet_of_a_large_reply_is_lost needs [crate::LARGE, Packets];
    }
}
