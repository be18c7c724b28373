//! `lab show` beside tshark: the same file, and for each packet that is printed the same columns.

use std::fs::File;
use std::io::BufWriter;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use course::steps;
use etherparse::PacketBuilder;
use harness::format::pcapng::Encoder;
use harness::testing::find_program;
use harness::timeline::{Level, LinkType, Timestamp};
use procfs::process::Process;

use super::{Scratch, Sizes, Table, Usage, megabytes, seconds, times};

/// What a lane says of a packet, for tshark.
const COLUMNS: [&str; 11] = [
    "frame.time_relative",
    "frame.number",
    "ip.src",
    "tcp.srcport",
    "ip.dst",
    "tcp.dstport",
    "tcp.flags.str",
    "tcp.seq",
    "tcp.ack",
    "tcp.len",
    "tcp.payload",
];

pub(super) fn measure(sizes: Sizes) -> Result<Table> {
    let folder = Scratch::new()?;
    let (large, small) = (folder.path.join("large.pcapng"), folder.path.join("small.pcapng"));
    write_capture(&large, sizes.file)?;
    write_capture(&small, sizes.file / 10)?;
    let mut table = Table::new(&["shown by", "file", "time", "times `lab show`'s", "memory, at most"]);
    let mut base = None;
    let mut row = |name: &str, command: &mut Command, file: &Path| -> Result<()> {
        let (took, usage) = run(command)?;
        let bytes = file.metadata()?.len();
        let ratio = match file == large {
            true => times(took.as_secs_f64(), *base.get_or_insert(took.as_secs_f64())),
            false => String::new(),
        };
        table.rows.push(vec![
            name.to_owned(),
            megabytes(bytes),
            seconds(took),
            ratio,
            megabytes(usage.memory),
        ]);
        Ok(())
    };
    let lab = steps::build_program("lab")?;
    for file in [&small, &large] {
        row("`lab show`", Command::new(&lab).arg("show").arg(file), file)?;
    }
    if find_program("tshark").is_none() {
        table
            .left_out
            .push("tshark is not installed, so there is nothing to compare with.".into());
        return Ok(table);
    }
    for file in [&small, &large] {
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(file).args(["-T", "fields"]);
        tshark.args(COLUMNS.iter().flat_map(|column| ["-e", column]));
        row("`tshark -T fields`: every packet", &mut tshark, file)?;
    }
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(&large).args(["-q", "-z", "conv,tcp"]);
    row(
        "`tshark -q -z conv,tcp`: a line for each connection",
        &mut tshark,
        &large,
    )?;
    Ok(table)
}

/// How often a process is looked at, to see its memory before it ends.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Runs a command whose output nobody reads.
fn run(command: &mut Command) -> Result<(Duration, Usage)> {
    let name = command.get_program().display().to_string();
    let began = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.with_context(|| format!("cannot start {name}"))?;
    let process = Process::new(child.id().cast_signed())?;
    let mut usage = Usage::default();
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "{name} ended with {status}");
            return Ok((began.elapsed(), usage));
        }
        usage = Usage::of(&process).unwrap_or(usage);
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Exchanges of one connection in the file.
const EXCHANGES: u32 = 1000;
const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 3000);
const LINE: &[u8] = b"It is a truth universally acknowledged\n";
const WINDOW: u16 = 65_535;
/// The time from one packet to the next, in nanoseconds.
const STEP: u64 = 20_000;

/// Writes a capture of at least so many bytes: connection after connection to an echo server, each
/// with a handshake, exchanges of a line that take three packets, and a clean close.
fn write_capture(path: &Path, bytes: u64) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut capture = Capture {
        encoder: Encoder::new(BufWriter::new(file), "", Level::Capture)?,
        bytes: 0,
        at: 1_700_000_000_000_000_000,
    };
    let mut number = 0_u32;
    while capture.bytes < bytes {
        // Some thirty thousand ports of each client address, then the next address.
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 0, 1)) + number / 30_000);
        let client = (address, 30_000 + (number % 30_000) as u16);
        capture.connection(client, number, bytes)?;
        number += 1;
    }
    Ok(capture.encoder.finish()?)
}

struct Capture {
    encoder: Encoder<BufWriter<File>>,
    bytes: u64,
    at: u64,
}

/// The control bits of a segment besides ACK.
#[derive(Clone, Copy)]
enum Kind {
    Syn,
    SynAck,
    Ack,
    Data,
    Fin,
}

impl Capture {
    fn connection(&mut self, client: (Ipv4Addr, u16), seed: u32, enough: u64) -> Result<()> {
        let (mut there, mut back) = (seed.wrapping_mul(2_654_435_761), seed.wrapping_mul(40_503));
        self.segment(client, SERVER, there, 0, Kind::Syn)?;
        there = there.wrapping_add(1);
        self.segment(SERVER, client, back, there, Kind::SynAck)?;
        back = back.wrapping_add(1);
        self.segment(client, SERVER, there, back, Kind::Ack)?;
        for _ in 0..EXCHANGES {
            self.segment(client, SERVER, there, back, Kind::Data)?;
            there = there.wrapping_add(LINE.len() as u32);
            self.segment(SERVER, client, back, there, Kind::Data)?;
            back = back.wrapping_add(LINE.len() as u32);
            self.segment(client, SERVER, there, back, Kind::Ack)?;
            if self.bytes >= enough {
                break;
            }
        }
        self.segment(client, SERVER, there, back, Kind::Fin)?;
        self.segment(SERVER, client, back, there.wrapping_add(1), Kind::Fin)?;
        self.segment(client, SERVER, there.wrapping_add(1), back.wrapping_add(1), Kind::Ack)
    }

    fn segment(&mut self, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), seq: u32, ack: u32, kind: Kind) -> Result<()> {
        const TTL: u8 = 64;
        /// What pcapng puts around a frame: an enhanced packet block without options.
        const BLOCK: u64 = 32;
        let header = PacketBuilder::ethernet2([0; 6], [0; 6]).ipv4(from.0.octets(), to.0.octets(), TTL);
        let header = header.tcp(from.1, to.1, seq, WINDOW);
        let (header, payload) = match kind {
            Kind::Syn => (header.syn(), &b""[..]),
            Kind::SynAck => (header.syn().ack(ack), &b""[..]),
            Kind::Ack => (header.ack(ack), &b""[..]),
            Kind::Data => (header.psh().ack(ack), LINE),
            Kind::Fin => (header.fin().ack(ack), &b""[..]),
        };
        let mut frame = Vec::with_capacity(header.size(payload.len()));
        header.write(&mut frame, payload)?;
        self.encoder
            .packet(Timestamp(self.at), LinkType::ETHERNET, &frame, frame.len() as u32, None)?;
        self.at += STEP;
        self.bytes += frame.len() as u64 + BLOCK;
        Ok(())
    }
}
