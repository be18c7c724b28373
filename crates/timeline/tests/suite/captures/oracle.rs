//! What tshark says of the same files.

use std::path::{Path, PathBuf};
use std::process::Command;

use timeline::dissect::{Field, dissect};
use timeline::format::pcapng;
use timeline::{Connection, FrameNumber, KnownPacket};

use super::files::{self, IPS, LINKS, Magic, Order, TUNNELS, conversation, framed, others, stored, tagged};

/// A folder that goes with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("harness-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder is ours");
        Folder(folder)
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("the folder is ours");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind is in cargo's own folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("cargo's folder has a plain name")
}

/// The frame's number, its connection, flags, relative sequence and acknowledgment numbers, length.
fn tshark(path: &Path) -> Vec<String> {
    let fields = [
        "frame.number",
        "tcp.stream",
        "tcp.flags",
        "tcp.seq",
        "tcp.ack",
        "tcp.len",
    ];
    // Without what an ICMP error quotes, and headers cut so short that their numbers are not known.
    let mut arguments = vec!["-r", text(path), "-Y", "tcp.len && !icmp && !icmpv6", "-T", "fields"];
    arguments.extend(["-E", "separator=|", "-o", "ip.defragment:FALSE"]);
    arguments.extend(fields.iter().flat_map(|field| ["-e", *field]));
    run("tshark", &arguments).lines().map(str::to_owned).collect()
}

fn ours(path: &Path) -> Vec<String> {
    let file = std::fs::File::open(path).expect("it was just written");
    let timeline = pcapng::read(file)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .into_timeline();
    let line = |id: usize, packet: KnownPacket<'_>| {
        let (number, segment) = (packet.number, &packet.segment);
        let line = format!(
            "{number}|{id}|0x{:04x}|{}|{}|{}",
            segment.flags.0, packet.seq, packet.ack, segment.len
        );
        (number, line)
    };
    let of = |connection: Connection<'_>| -> Vec<(FrameNumber, String)> {
        connection
            .packets()
            .map(|(_, packet)| line(connection.id().index(), packet))
            .collect()
    };
    let mut lines: Vec<(FrameNumber, String)> = timeline.connections().flat_map(of).collect();
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Asserts that both see the same segments, at least so many.
fn agree(path: &Path, least: usize) {
    let (theirs, ours) = (tshark(path), ours(path));
    let differs = theirs.iter().zip(&ours).find(|(theirs, ours)| theirs != ours);
    assert_eq!(
        differs,
        None,
        "{}: the first that differ, tshark's before ours",
        path.display()
    );
    assert_eq!(theirs.len(), ours.len(), "{}", path.display());
    assert!(ours.len() >= least, "{}: only {} segments", path.display(), ours.len());
}

#[test]
#[ignore = "needs tshark"]
fn every_link_type() {
    let folder = Folder::new("every_link_type");
    for link in LINKS.into_iter().filter(|link| ![12, 14].contains(link)) {
        let dressed = IPS.into_iter().filter(|ip| ip.fits(link));
        let frames = (40_000..).zip(dressed).flat_map(|(port, ip)| conversation(ip, port));
        let frames = stored(frames.map(|ip| framed(link, &ip)));
        agree(
            &folder.file("one.pcap", &Order::Big.pcap(Magic::Nanoseconds, link, &frames)),
            22,
        );
        agree(&folder.file("one.pcapng", &Order::Big.pcapng(&[link], &frames)), 22);
    }
}

#[test]
#[ignore = "needs tshark"]
fn files_of_each_kind() {
    let folder = Folder::new("files_of_each_kind");
    for file in files::of_each_kind() {
        agree(&folder.file("file", &file), 11);
    }
}

#[test]
#[ignore = "needs tshark"]
fn tags_other_packets_and_frames_cut_short() {
    let folder = Folder::new("tags_other_packets");
    let [udp, arp] = others();
    let double = conversation(files::Ip::V4, 40_000)
        .into_iter()
        .map(|ip| tagged(&[0x88a8, 0x8100], &ip));
    let single = conversation(files::Ip::V6WithExtensions, 40_000)
        .into_iter()
        .map(|ip| tagged(&[0x8100], &ip));
    let frames = stored([udp, arp].into_iter().chain(double).chain(single));
    agree(&folder.file("tags.pcapng", &Order::Little.pcapng(&[1], &frames)), 22);
    for kept in [82, 85, 86, 90, 92, 100, 106] {
        let mut cut = frames.clone();
        cut.iter_mut().for_each(|frame| frame.data.truncate(kept));
        agree(
            &folder.file("cut.pcap", &Order::Little.pcap(Magic::Microseconds, 1, &cut)),
            22,
        );
    }
}

/// Each conversation in a tunnel of its own; and an old file.
#[test]
#[ignore = "needs tshark"]
fn tunnels() {
    let folder = Folder::new("tunnels");
    for ip in IPS {
        for (name, wrap) in TUNNELS {
            let frames = stored(conversation(ip, 40_000).iter().map(|ip| wrap(ip)));
            eprintln!("{name}, {ip:?}");
            agree(
                &folder.file("tunnel.pcapng", &Order::Little.pcapng(&[1], &frames)),
                WHOLE,
            );
        }
    }
}

/// A capture that begins in the middle: the first number of each side counts from 1.
#[test]
#[ignore = "needs tshark"]
fn a_capture_that_begins_in_the_middle() {
    let folder = Folder::new("begins_in_the_middle");
    for first in 1..WHOLE {
        let frames = stored(
            conversation(files::Ip::V4, 40_000)
                .split_off(first)
                .iter()
                .map(|ip| framed(1, ip)),
        );
        agree(
            &folder.file("middle.pcap", &Order::Little.pcap(Magic::Microseconds, 1, &frames)),
            WHOLE - first,
        );
    }
}

const WHOLE: usize = files::WIRE.len();

/// How what tshark shows of a field stands to what we say of it.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    /// As the value.
    Value,
    /// As the first word that says the value, in bytes.
    Words,
    /// As a relative number.
    Relative,
}

/// tshark's fields, each with ours.
const FIELDS: [(&str, &str, &str, Shown); 47] = [
    ("eth.dst", "Link", "Destination", Shown::Value),
    ("eth.src", "Link", "Source", Shown::Value),
    ("eth.type", "Link", "EtherType", Shown::Value),
    ("ip.version", "IPv4", "Version", Shown::Value),
    ("ip.hdr_len", "IPv4", "IHL", Shown::Words),
    ("ip.dsfield.dscp", "IPv4", "DSCP", Shown::Value),
    ("ip.dsfield.ecn", "IPv4", "ECN", Shown::Value),
    ("ip.len", "IPv4", "Total Length", Shown::Value),
    ("ip.id", "IPv4", "Identification", Shown::Value),
    ("ip.flags.df", "IPv4", "Don't Fragment", Shown::Value),
    ("ip.flags.mf", "IPv4", "More Fragments", Shown::Value),
    ("ip.ttl", "IPv4", "Time to Live", Shown::Value),
    ("ip.proto", "IPv4", "Protocol", Shown::Value),
    ("ip.checksum", "IPv4", "Header Checksum", Shown::Value),
    ("ip.src", "IPv4", "Source Address", Shown::Value),
    ("ip.dst", "IPv4", "Destination Address", Shown::Value),
    ("ipv6.plen", "IPv6", "Payload Length", Shown::Value),
    ("ipv6.hlim", "IPv6", "Hop Limit", Shown::Value),
    ("ipv6.src", "IPv6", "Source Address", Shown::Value),
    ("ipv6.dst", "IPv6", "Destination Address", Shown::Value),
    ("tcp.srcport", "TCP", "Source Port", Shown::Value),
    ("tcp.dstport", "TCP", "Destination Port", Shown::Value),
    ("tcp.seq", "TCP", "Sequence Number", Shown::Relative),
    ("tcp.seq_raw", "TCP", "Sequence Number", Shown::Value),
    ("tcp.ack_raw", "TCP", "Acknowledgment Number", Shown::Value),
    ("tcp.hdr_len", "TCP", "Data Offset", Shown::Words),
    ("tcp.flags.cwr", "TCP", "CWR", Shown::Value),
    ("tcp.flags.urg", "TCP", "URG", Shown::Value),
    ("tcp.flags.ack", "TCP", "ACK", Shown::Value),
    ("tcp.flags.push", "TCP", "PSH", Shown::Value),
    ("tcp.flags.reset", "TCP", "RST", Shown::Value),
    ("tcp.flags.syn", "TCP", "SYN", Shown::Value),
    ("tcp.flags.fin", "TCP", "FIN", Shown::Value),
    ("tcp.window_size_value", "TCP", "Window", Shown::Value),
    ("tcp.window_size", "TCP", "Window", Shown::Words),
    ("tcp.checksum", "TCP", "Checksum", Shown::Value),
    ("tcp.urgent_pointer", "TCP", "Urgent Pointer", Shown::Value),
    ("tcp.option_kind", "TCP", "Kind", Shown::Value),
    ("tcp.option_len", "TCP", "Length", Shown::Value),
    ("tcp.options.mss_val", "TCP", "Maximum Segment Size", Shown::Value),
    ("tcp.options.wscale.shift", "TCP", "Window Scale", Shown::Value),
    ("tcp.options.timestamp.tsval", "TCP", "Timestamp Value", Shown::Value),
    (
        "tcp.options.timestamp.tsecr",
        "TCP",
        "Timestamp Echo Reply",
        Shown::Value,
    ),
    ("tcp.options.sack_le", "TCP", "Left Edge", Shown::Relative),
    ("tcp.options.sack_re", "TCP", "Right Edge", Shown::Relative),
    ("tcp.options.nop", "TCP", "No-Operation", Shown::Value),
    ("tcp.payload", "Data", "Data", Shown::Value),
];

/// An attribute of an element of PDML, which has an element on each line.
fn attribute<'a>(line: &'a str, name: &str) -> &'a str {
    let found = line.split_once(&format!(" {name}=\""));
    let found = found.and_then(|(_, rest)| rest.split_once('"'));
    found.map_or("", |(value, _)| value)
}

/// Each field's place and value, as tshark has it: by the number of the frame.
fn dissected_by_tshark(path: &Path) -> Vec<Vec<String>> {
    let arguments = ["-r", text(path), "-T", "pdml", "-o", "ip.defragment:FALSE"];
    let pdml = run("tshark", &arguments);
    let mut frames = Vec::new();
    for line in pdml.lines().map(str::trim_start) {
        if line.starts_with("<packet>") {
            frames.push(Vec::new());
        }
        let name = attribute(line, "name");
        let known = FIELDS.iter().find(|field| field.0 == name);
        let (Some(known), Some(fields)) = (known, frames.last_mut()) else {
            continue;
        };
        // Options of one byte are a field of ours, and not the kind of one.
        let is_one_byte = name == "tcp.option_kind" && ["0", "1"].contains(&attribute(line, "show"));
        if is_one_byte || line.contains(" hide=\"yes\"") {
            continue;
        }
        // What tshark shows of these is bytes.
        let shown = match name {
            "tcp.options.nop" => "1",
            "tcp.payload" => "",
            _ => attribute(line, "show"),
        };
        fields.push(format!(
            "{} {}+{} {shown}",
            known.0,
            attribute(line, "pos"),
            attribute(line, "size")
        ));
    }
    frames.iter_mut().for_each(|fields: &mut Vec<String>| fields.sort());
    frames
}

/// The same of ours.
fn dissected_by_us(fields: &[Field]) -> Vec<String> {
    let mut lines = Vec::new();
    for (theirs, layer, name, shown) in FIELDS {
        let named = |field: &&Field| field.layer.to_string() == layer && field.name.name == name;
        for field in fields.iter().filter(named) {
            let words = field.words.as_deref().unwrap_or_default();
            let value = match shown {
                _ if layer == "Data" => "",
                Shown::Value => &field.value,
                Shown::Words => words.split(' ').next().unwrap_or_default(),
                Shown::Relative => words.strip_prefix("relative ").unwrap_or(words),
            };
            lines.push(format!(
                "{theirs} {}+{} {value}",
                field.bytes().start,
                field.bytes().len()
            ));
        }
    }
    lines.sort();
    lines
}

/// Asserts that both take the same frames apart alike; how many fields they were.
fn dissect_alike(path: &Path) -> usize {
    let file = std::fs::File::open(path).expect("it is there");
    let timeline = pcapng::read(file).expect("it is whole").into_timeline();
    let theirs = dissected_by_tshark(path);
    let mut count = 0;
    for (_, packet) in timeline.connections().flat_map(Connection::packets) {
        let ours = dissected_by_us(&dissect(&packet));
        let number = packet.number;
        assert_eq!(
            theirs[number.index() - 1],
            ours,
            "{}, frame {number}: tshark's before ours",
            path.display()
        );
        count += ours.len();
    }
    count
}

#[test]
#[ignore = "needs tshark"]
fn each_field_of_the_committed_captures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures");
    let mut captures = 0;
    for file in std::fs::read_dir(&folder).expect("it is committed") {
        let path = file.expect("it is there").path();
        if path.extension().is_some_and(|extension| extension == "pcapng") {
            assert!(dissect_alike(&path) > 100, "{}", path.display());
            captures += 1;
        }
    }
    assert!(captures > 3);
}

#[test]
#[ignore = "needs tshark"]
fn each_field_on_every_link() {
    let folder = Folder::new("each_field");
    for link in LINKS.into_iter().filter(|link| ![12, 14].contains(link)) {
        for ip in IPS.into_iter().filter(|ip| ip.fits(link)) {
            let frames = stored(conversation(ip, 40_000).iter().map(|ip| framed(link, ip)));
            let file = Order::Big.pcapng(&[link], &frames);
            assert!(dissect_alike(&folder.file("one.pcapng", &file)) > 200, "{link}, {ip:?}");
        }
    }
}

#[cfg(target_os = "linux")]
mod live {
    use super::*;

    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
    use std::process::{Child, Stdio};

    /// editcap's own limit.
    const WHOLE_FRAMES: &str = "262144";
    /// How many packets are captured: several times all that [`traffic`] has to offer.
    const PACKETS: &str = "400";
    /// Set for the process that is inside a private network.
    const INSIDE: &str = "CAPTURES_INSIDE";

    /// What dumpcap and editcap make of real traffic: cooked and not, whole and cut, in all formats.
    #[test]
    #[ignore = "needs tshark"]
    fn real_traffic_in_all_formats() {
        let folder = Folder::new("real_traffic");
        let program = std::env::current_exe().expect("Linux tells");
        let inside = format!(
            "ip link set lo up && exec '{}' --exact captures::oracle::live::inside --ignored --nocapture",
            program.display()
        );
        let status = Command::new("unshare")
            .args(["-rn", "sh", "-c", &inside])
            .env(INSIDE, &folder.0)
            .status();
        assert!(status.expect("unshare starts").success());
        let captures = ["lo", "any", "any2"].map(|name| folder.0.join(name));
        for capture in &captures {
            agree(capture, 300);
            for (format, snaplen) in [
                ("pcap", WHOLE_FRAMES),
                ("nsecpcap", WHOLE_FRAMES),
                ("pcapng", WHOLE_FRAMES),
                ("pcap", "60"),
                ("pcapng", "96"),
            ] {
                let converted = folder.0.join("converted");
                run(
                    "editcap",
                    &["-F", format, "-s", snaplen, text(capture), text(&converted)],
                );
                agree(&converted, if snaplen == "60" { 1 } else { 300 });
            }
        }
        // Several interfaces of several link types in one file.
        let merged = folder.0.join("merged");
        let [lo, any, any2] = captures.each_ref().map(|path| text(path));
        run("mergecap", &["-a", "-F", "pcapng", "-w", text(&merged), lo, any, any2]);
        agree(&merged, 900);
    }

    /// Part of the test above: captures what it says, in a network of its own.
    #[test]
    #[ignore = "needs tshark"]
    fn inside() {
        let Some(folder) = std::env::var_os(INSIDE) else { return };
        let folder = Path::new(&folder);
        for (name, arguments) in [
            ("lo", &["-i", "lo"][..]),
            ("any", &["-i", "any", "-y", "LINUX_SLL"]),
            ("any2", &["-i", "any", "-y", "LINUX_SLL2"]),
        ] {
            let mut dumpcap = capture(&folder.join(name), arguments);
            let status = loop {
                traffic().expect("a private network takes all");
                if let Some(status) = dumpcap.try_wait().expect("it is ours") {
                    break status;
                }
            };
            assert!(status.success());
        }
    }

    /// Starts dumpcap and waits until it captures.
    fn capture(path: &Path, arguments: &[&str]) -> Child {
        let mut dumpcap = Command::new("dumpcap")
            .args(arguments)
            .args(["-q", "-w", text(path)])
            .args(["-c", PACKETS])
            .stderr(Stdio::piped())
            .spawn()
            .expect("dumpcap is installed with tshark");
        let said = dumpcap.stderr.take().expect("it is piped");
        let mut lines = BufReader::new(said).lines();
        let ready = lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.starts_with("File:"));
        assert!(ready, "dumpcap does not capture");
        // Its last words must have a reader.
        std::thread::spawn(move || lines.for_each(drop));
        dumpcap
    }

    /// Connections of both families that end in all ways, a large transfer, a refusal, a datagram.
    fn traffic() -> std::io::Result<()> {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address)?;
            let to = listener.local_addr()?;
            UdpSocket::bind(address)?.send_to(b"?", to)?;
            for large in [1, 100, 300_000] {
                let mut client = TcpStream::connect(to)?;
                let (mut server, _) = listener.accept()?;
                for _ in 0..3 {
                    exchange(&mut client, &mut server, large)?;
                }
                client.shutdown(Shutdown::Write)?;
                server.read_to_end(&mut Vec::new())?;
                server.write_all(b"bye")?;
            }
            // Closed with data unread: a reset.
            let mut client = TcpStream::connect(to)?;
            let (server, _) = listener.accept()?;
            client.write_all(b"unread")?;
            server.peek(&mut [0])?;
            drop(server);
            drop(listener);
            assert!(TcpStream::connect(to).is_err());
        }
        Ok(())
    }

    fn exchange(client: &mut TcpStream, server: &mut TcpStream, large: usize) -> std::io::Result<()> {
        let request = vec![b'x'; large];
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| client.write_all(&request));
            server.read_exact(&mut vec![0; large])?;
            sending.join().expect("it does not panic")
        })?;
        server.write_all(b"ok")?;
        client.read_exact(&mut [0; 2])
    }
}
