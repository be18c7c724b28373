//! Independent witnesses: what the harness says of packets against tshark's reading of the same
//! capture, and of system calls against strace's of a like run.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use harness::format::pcapng;
use harness::testing::Needs::{self, Calls, Ipv6, Packets, Program, Request};
use harness::timeline::{CallKind, ConnectionId, EventKind, Packet, Timeline};
use harness::{Client, LISTEN, Server};

fn wrong_server() -> &'static str {
    harness::testing::built("wrong-server")
}

const ASKED: Needs = Request("compares with tshark and strace: run with --ignored");

/// A folder that goes when the test has passed, and stays to be looked at when it has not.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("oracle-{name}-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

// Packets.

/// What is compared of a packet.
#[derive(Debug, PartialEq)]
struct Row {
    frame: usize,
    /// Connections are numbered by their first packets.
    connection: usize,
    source: String,
    destination: String,
    flags: u16,
    seq: u32,
    ack: u32,
    len: u32,
    window: u32,
    wire_len: u32,
}

/// The fields of a [`Row`] as tshark names them. Of IPv4 and IPv6 one is empty.
const FIELDS: [&str; 14] = [
    "frame.number",
    "tcp.stream",
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    "ip.dst",
    "ipv6.dst",
    "tcp.dstport",
    "tcp.flags",
    "tcp.seq",
    "tcp.ack",
    "tcp.len",
    "tcp.window_size",
    "frame.len",
];

fn by_tshark(file: &Path) -> Result<Vec<Row>> {
    let fields = FIELDS.iter().flat_map(|field| ["-e", field]);
    // Nothing of the user's own settings changes what is shown.
    let output = Command::new("tshark")
        .env("WIRESHARK_CONFIG_DIR", file.with_file_name("settings"))
        // The calls and states between the packets are no TCP.
        .args(["-n", "-Y", "tcp", "-T", "fields"])
        .args(fields)
        .arg("-r")
        .arg(file)
        .output()?;
    ensure!(
        output.status.success(),
        "tshark: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    text.lines()
        .map(|line| row_of(line).with_context(|| format!("in tshark's line {line:?}")))
        .collect()
}

fn row_of(line: &str) -> Result<Row> {
    let fields: Vec<&str> = line.split('\t').collect();
    let field = |name: &str| fields[FIELDS.iter().position(|field| *field == name).unwrap_or(0)];
    let number = |name: &str| field(name).parse::<u32>().with_context(|| name.to_string());
    let flags = field("tcp.flags").strip_prefix("0x").context("tcp.flags")?;
    Ok(Row {
        frame: field("frame.number").parse()?,
        connection: field("tcp.stream").parse()?,
        source: format!("{}{} {}", field("ip.src"), field("ipv6.src"), field("tcp.srcport")),
        destination: format!("{}{} {}", field("ip.dst"), field("ipv6.dst"), field("tcp.dstport")),
        flags: u16::from_str_radix(flags, 16)?,
        seq: number("tcp.seq")?,
        ack: number("tcp.ack")?,
        len: number("tcp.len")?,
        window: number("tcp.window_size")?,
        wire_len: number("frame.len")?,
    })
}

fn by_harness(timeline: &Timeline) -> Vec<Row> {
    let mut order: Vec<ConnectionId> = Vec::new();
    let packets = timeline.events.iter().filter_map(|event| match &event.kind {
        EventKind::Packet(packet) => Some((event.connection?, &**packet)),
        _ => None,
    });
    let row = |(id, packet): (ConnectionId, &Packet)| {
        let connection = order.iter().position(|known| *known == id).unwrap_or(order.len());
        if connection == order.len() {
            order.push(id);
        }
        let segment = &packet.segment;
        Row {
            frame: packet.number.index(),
            connection,
            source: format!("{} {}", segment.source().ip(), segment.source().port()),
            destination: format!("{} {}", segment.destination().ip(), segment.destination().port()),
            flags: segment.flags.0,
            seq: packet.seq,
            ack: packet.ack,
            len: segment.len,
            window: packet.window,
            wire_len: packet.wire_len,
        }
    };
    packets.map(row).collect()
}

fn tshark_agrees(name: &str, timeline: &Timeline) -> Result<()> {
    let folder = folder(name)?;
    let path = folder.join("capture.pcapng");
    let mut file = BufWriter::new(File::create(&path)?);
    pcapng::write(timeline, "echo", &mut file)?;
    file.flush()?;
    let (ours, theirs) = (by_harness(timeline), by_tshark(&path)?);
    assert!(ours.len() > 4, "{name}: only {} packets", ours.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "{name}: ours, then tshark's of {}", path.display());
    }
    assert_eq!(ours.len(), theirs.len(), "{name}: packets of {}", path.display());
    Ok(std::fs::remove_dir_all(folder)?)
}

/// What a client does after its exchanges.
type Ending = fn(Client) -> Result<()>;

fn closes(client: Client) -> Result<()> {
    client.close();
    Ok(())
}

fn resets(client: Client) -> Result<()> {
    Ok(client.reset()?)
}

/// A client that says two lines at once, then ends.
fn talk(mode: &str, address: &str, ending: Ending) -> Result<Timeline> {
    let server = Server::build(wrong_server()).args([mode, address]).start()?;
    let mut client = server.connect()?;
    for _ in 0..2 {
        assert_eq!(client.exchange("hello\n")?, "hello\n");
    }
    ending(client)?;
    Ok(server.stop()?)
}

fn tshark_reads_the_same_over_ipv4() -> Result<()> {
    let endings: [(&str, Ending); 4] = [
        ("echo", closes),
        ("two-writes", closes),
        ("three-writes", closes),
        ("echo", resets),
    ];
    for (mode, ending) in endings {
        tshark_agrees(&format!("{mode}-ipv4"), &talk(mode, LISTEN, ending)?)?;
    }
    Ok(())
}

fn tshark_reads_the_same_over_ipv6() -> Result<()> {
    for mode in ["echo", "two-writes"] {
        tshark_agrees(&format!("{mode}-ipv6"), &talk(mode, "[::1]:0", closes)?)?;
    }
    Ok(())
}

/// Several connections at a time, and one that the server resets.
fn tshark_tells_the_same_connections_apart() -> Result<()> {
    let server = Server::build(wrong_server()).args(["reset-on-close", LISTEN]).start()?;
    let mut clients = [server.connect()?, server.connect()?, server.connect()?];
    for client in clients.iter_mut().chain([&mut server.connect()?]) {
        client.exchange("hello\n")?;
    }
    clients.into_iter().for_each(Client::close);
    tshark_agrees("connections", &server.stop()?)
}

/// Full segments, a window that closes and opens again, thousands of frames.
fn tshark_reads_the_same_flood() -> Result<()> {
    let server = Server::build(wrong_server()).args(["flood", LISTEN]).start()?;
    let mut client = server.connect()?;
    assert!(
        server.wait_for_call(|call| call.would_block()),
        "the server was never told to wait"
    );
    client.read_to_end()?;
    client.close();
    tshark_agrees("flood", &server.stop()?)
}

// Calls.

/// All that the tracer knows, by strace's names.
const CALLS: &str = "trace=accept,accept4,connect,shutdown,close,setsockopt,\
    read,readv,preadv2,recvfrom,recvmsg,recvmmsg,\
    write,writev,pwritev2,sendto,sendmsg,sendmmsg,sendfile,splice";

const CLIENTS: usize = 2;

/// Call and result, as strace writes them, on the sockets that were accepted.
fn called(timeline: &Timeline) -> Vec<String> {
    let calls = timeline.connections().flat_map(|connection| connection.calls());
    let mut called: Vec<String> = calls
        .map(|(_, call)| match (call.kind, call.result) {
            (CallKind::Accept, Some(Ok(_))) => format!("{} = a socket", call.name),
            (_, Some(Ok(value))) => format!("{} = {value}", call.name),
            (_, Some(Err(errno))) => format!("{} = -1 {errno}", call.name),
            (_, None) => format!("{} <unfinished ...>", call.name),
        })
        .collect();
    called.sort();
    called
}

fn by_harness_of(mode: &str, lines: &[&str]) -> Result<Vec<String>> {
    let server = Server::build(wrong_server())
        .args([mode, LISTEN, &CLIENTS.to_string()])
        .start()?;
    for _ in 0..CLIENTS {
        let mut client = server.connect()?;
        for line in lines {
            assert_eq!(client.exchange(line)?, *line);
        }
        client.close();
    }
    Ok(called(&server.stop()?))
}

/// The same run again: the server ends after its last client, and strace with it.
fn by_strace_of(mode: &str, lines: &[&str]) -> Result<Vec<String>> {
    let folder = folder(mode)?;
    // A file for each thread (-ff), so that no call is torn; sockets with both addresses (-yy).
    let mut strace = Command::new("strace")
        .args(["-f", "-ff", "-yy", "-e", CALLS, "-e", "signal=none", "-o"])
        .arg(folder.join("thread"))
        .args([wrong_server(), mode, "127.0.0.1:0", &CLIENTS.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = String::new();
    BufReader::new(strace.stdout.take().context("no output")?).read_line(&mut output)?;
    let address = output
        .trim_end()
        .strip_prefix("listening on ")
        .context("it does not listen")?;
    for _ in 0..CLIENTS {
        let mut client = BufReader::new(TcpStream::connect(address)?);
        for line in lines {
            client.get_mut().write_all(line.as_bytes())?;
            let mut reply = String::new();
            client.read_line(&mut reply)?;
            assert_eq!(reply, *line);
        }
    }
    ensure!(strace.wait()?.success(), "strace or the server failed");
    let mut called = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let text = std::fs::read_to_string(entry?.path())?;
        called.extend(text.lines().filter_map(call_of));
    }
    called.sort();
    std::fs::remove_dir_all(folder)?;
    Ok(called)
}

/// Of `recvfrom(4<TCP:[127.0.0.1:3000->127.0.0.1:57464]>, "hello\n", 8192, 0, NULL, NULL) = 6` the
/// name and the result. The arrow tells a connection from a listening socket.
fn call_of(line: &str) -> Option<String> {
    let (call, result) = line
        .rsplit_once(" = ")
        .filter(|_| line.contains("<TCP") && line.contains("->"))?;
    let (name, _) = call.split_once('(')?;
    // A new descriptor stands before the socket that it is; an error's text behind its name.
    let result = if result.contains('<') {
        "a socket"
    } else {
        result.split(" (").next()?
    };
    Some(format!("{name} = {result}"))
}

fn strace_counts_the_same_calls() -> Result<()> {
    let many = &["hello\n", "hi\n", "hello again\n"][..];
    // These two close behind their first reply.
    let once = &many[..1];
    for (mode, lines) in [
        ("echo", many),
        ("two-writes", many),
        ("two-writes-nodelay", many),
        ("three-writes", many),
        ("threads", many),
        ("write", many),
        ("writev", many),
        ("pwritev2", many),
        ("sendmsg", many),
        ("sendmmsg", many),
        ("sendfile", many),
        ("splice", many),
        ("closes-first", once),
        ("half-close", once),
    ] {
        let (ours, theirs) = (by_harness_of(mode, lines)?, by_strace_of(mode, lines)?);
        // An accept, a read and a write for each line, an end of file or none, a close.
        assert!(ours.len() >= CLIENTS * (2 + 2 * lines.len()), "{mode}: {ours:?}");
        assert_eq!(ours, theirs, "{mode}: ours, then strace's");
    }
    Ok(())
}

harness::tests! {
    tshark_reads_the_same_over_ipv4 needs [ASKED, Packets, Program("tshark")];
    tshark_reads_the_same_over_ipv6 needs [ASKED, Packets, Ipv6, Program("tshark")];
    tshark_tells_the_same_connections_apart needs [ASKED, Packets, Program("tshark")];
    tshark_reads_the_same_flood needs [ASKED, Packets, Program("tshark")];
    strace_counts_the_same_calls needs [ASKED, Calls, Program("strace")];
}
