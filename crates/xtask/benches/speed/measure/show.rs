//! `lab show` beside tshark: the same file, and for each packet that is printed the same columns.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use course::steps;
use harness::format::pcapng::Encoder;
use harness::testing::find_program;
use harness::timeline::{Level, LinkType, Side, Timestamp};

use super::sizes::Sizes;
use super::table::{Table, megabytes, seconds, times};
use super::watch::{self, Ran, Scratch};

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
        let Ran { took, usage, .. } = run(command)?;
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

/// The fastest run of a command: other work of the machine can only make one slower.
fn run(command: &mut Command) -> Result<Ran> {
    const ROUNDS: usize = 3;
    let mut once = || {
        let ran = watch::run(command)?;
        ensure!(ran.status.success(), "{command:?} ended with {}", ran.status);
        Ok(ran)
    };
    let mut fastest = once()?;
    for _ in 1..ROUNDS {
        let ran = once()?;
        if ran.took < fastest.took {
            fastest = ran;
        }
    }
    Ok(fastest)
}

/// Exchanges of one connection in the file.
const EXCHANGES: u32 = 1000;
const LINE: &[u8] = b"It is a truth universally acknowledged\n";
/// The time from one packet to the next, in nanoseconds.
const STEP: u64 = 20_000;
/// What pcapng puts around a frame: an enhanced packet block without options.
const BLOCK: u64 = 32;

// The control bits of a segment: RFC 9293, 3.1.
const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// Writes a capture of at least so many bytes: connection after connection to an echo server, each with a handshake,
/// exchanges of a line that take three packets, and a clean close.
fn write_capture(path: &Path, bytes: u64) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut encoder = Encoder::new(BufWriter::new(file), "", Level::Capture)?;
    let (mut written, mut at) = (0, 1_700_000_000_000_000_000);
    for client in 30_000_u16.. {
        let mut connection = Connection::from(client);
        let mut send = |from: Side, flags: u8, payload: &[u8]| -> Result<u64> {
            let frame = connection.frame(from, flags, payload);
            encoder.packet(Timestamp(at), LinkType::ETHERNET, &frame, frame.len() as u32, None)?;
            at += STEP;
            written += frame.len() as u64 + BLOCK;
            Ok(written)
        };
        send(Side::Client, SYN, b"")?;
        send(Side::Server, SYN | ACK, b"")?;
        send(Side::Client, ACK, b"")?;
        for _ in 0..EXCHANGES {
            send(Side::Client, PSH | ACK, LINE)?;
            send(Side::Server, PSH | ACK, LINE)?;
            if send(Side::Client, ACK, b"")? >= bytes {
                break;
            }
        }
        send(Side::Client, FIN | ACK, b"")?;
        send(Side::Server, FIN | ACK, b"")?;
        if send(Side::Client, ACK, b"")? >= bytes {
            break;
        }
    }
    Ok(encoder.finish()?)
}

/// A connection to port 3000, on a loopback interface: what the client has sent, and what the server has.
struct Connection {
    client: u16,
    next: [u32; 2],
}

impl Connection {
    fn from(client: u16) -> Connection {
        let seed = u32::from(client);
        Connection {
            client,
            next: [seed.wrapping_mul(2_654_435_761), seed.wrapping_mul(40_503)],
        }
    }

    /// An Ethernet frame, with an IPv4 header and one of TCP, none of which has a checksum: nobody here looks at them.
    fn frame(&mut self, from: Side, flags: u8, payload: &[u8]) -> Vec<u8> {
        let (mut ports, mut next) = ([self.client, 3000], self.next);
        if from == Side::Server {
            ports.reverse();
            next.reverse();
        }
        let [seq, ack] = next;
        let length = 40 + payload.len() as u16;
        let mut frame = vec![0; 12];
        frame.extend([8, 0, 0x45, 0]);
        frame.extend(length.to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        frame.extend(ports.map(u16::to_be_bytes).concat());
        frame.extend(seq.to_be_bytes());
        frame.extend(if flags & ACK == 0 { [0; 4] } else { ack.to_be_bytes() });
        frame.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        frame.extend(payload);
        let counted = payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        self.next[usize::from(from == Side::Server)] = seq.wrapping_add(counted);
        frame
    }
}
