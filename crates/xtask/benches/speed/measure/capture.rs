//! The capture beside tcpdump: the same traffic, each in a private network of its own.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use course::steps;
use harness::testing::find_program;
use harness::timeline::{EventKind, Level};
use harness::{LISTEN, Server};
use nix::unistd::geteuid;
use procfs::process::Process;

use super::sizes::Sizes;
use super::table::{Table, grouped, megabytes, seconds};
use super::watch::{Scratch, Usage, once_still, packets};
use xtask::running::Running;

/// Packets that an exchange takes at its best: the request, and the reply with its ACK.
const PACKETS_PER_EXCHANGE: usize = 2;

/// The traffic's own address; the server that the harness wants is at another port.
const PING_PONG: &str = "127.0.0.1:4000";

/// tcpdump reads a block of its ring when it is full, or after a second.
const TCPDUMP_READS_WITHIN: Duration = Duration::from_millis(1500);
const TCPDUMP_PATIENCE: Duration = Duration::from_secs(30);

/// What one capture came to.
struct Captured {
    /// The packets of the interface, as it counts them.
    sent: u64,
    captured: u64,
    traffic: Duration,
    usage: Usage,
}

pub(super) fn measure(sizes: Sizes) -> Result<Table> {
    let program = steps::build_example("bench-server")?;
    let exchanges = sizes.packets.div_ceil(PACKETS_PER_EXCHANGE);
    let mut table = Table::new(&[
        "captured by",
        "packets sent",
        "captured",
        "lost",
        "time of the traffic",
        "processor time of the capture",
        "its memory, at most",
    ]);
    let mut row = |name: &str, captured: Captured| {
        table.rows.push(vec![
            name.to_owned(),
            grouped(captured.sent as f64),
            grouped(captured.captured as f64),
            grouped(captured.sent.saturating_sub(captured.captured) as f64),
            seconds(captured.traffic),
            seconds(captured.usage.cpu),
            megabytes(captured.usage.memory),
        ]);
    };
    row("this project, in memory, decoded", by_harness(&program, exchanges)?);
    let is_installed = |program: &&str| find_program(program).is_some();
    if geteuid().is_root() && ["tcpdump", "unshare", "nsenter", "ip"].iter().all(is_installed) {
        row("`tcpdump -w`, to a file", by_tcpdump(&program, exchanges)?);
    } else {
        let reason =
            "tcpdump does not run in a user namespace: as root, with iproute2 and util-linux, it is measured too.";
        table.left_out.push(reason.into());
    }
    Ok(table)
}

fn ping_pong(command: &mut Command, exchanges: usize) -> Result<Duration> {
    let began = Instant::now();
    let status = command.args(["ping-pong", PING_PONG, &exchanges.to_string()]).status();
    let status = status.context("cannot start the traffic")?;
    ensure!(status.success(), "the traffic ended with {status}");
    Ok(began.elapsed())
}

fn by_harness(program: &Path, exchanges: usize) -> Result<Captured> {
    let server = Server::build(program)
        .args(["std", LISTEN])
        .level(Level::Sandbox)
        .start()?;
    let usage = || Usage::of(&Process::myself().ok()?);
    let before = usage().context("our own usage is not told")?;
    let inside = |program: &Path| -> Result<Command> {
        let mut command = Command::new(program);
        server.enter(&mut command)?;
        Ok(command)
    };
    let traffic = ping_pong(&mut inside(program)?, exchanges)?;
    let sent = packets(&mut inside(Path::new("cat"))?, "lo")?[1];
    server.settle();
    let after = usage().context("our own usage is not told")?;
    let timeline = server.stop()?;
    let seen = timeline.events.iter();
    let seen = seen.filter(|event| matches!(event.kind, EventKind::Packet(_)));
    Ok(Captured {
        sent,
        captured: seen.count() as u64,
        traffic,
        usage: Usage {
            cpu: after.cpu.saturating_sub(before.cpu),
            ..after
        },
    })
}

fn by_tcpdump(program: &Path, exchanges: usize) -> Result<Captured> {
    let folder = Scratch::new()?;
    let file = folder.path.join("tcpdump.pcap");
    // As in the harness's network: the packets of an Ethernet.
    let network = "ip link set lo mtu 1500 up && exec tcpdump -i lo -Z root -w \"$0\"";
    let mut tcpdump = Command::new("unshare");
    tcpdump.args(["--net", "--", "sh", "-c", network]).arg(&file);
    let tcpdump = Running::spawn(&mut tcpdump)?;
    let inside = |program: &Path| {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", tcpdump.id())).arg(program);
        command
    };
    let traffic = ping_pong(&mut inside(program), exchanges)?;
    let sent = packets(&mut inside(Path::new("cat")), "lo")?[1];
    let size = || Ok(file.metadata().map_or(0, |metadata| metadata.len()));
    once_still(size, TCPDUMP_READS_WITHIN, TCPDUMP_PATIENCE)?;
    let process = Process::new(tcpdump.id().cast_signed())?;
    let usage = Usage::of(&process).context("tcpdump has ended")?;
    tcpdump.interrupt()?;
    Ok(Captured {
        sent,
        captured: count(&std::fs::read(&file)?),
        traffic,
        usage,
    })
}

/// The packets of a pcap file: each stands behind a header of 16 bytes that has its length.
fn count(file: &[u8]) -> u64 {
    let mut rest = file.get(24..).unwrap_or_default();
    let mut count = 0;
    while let Some(length) = rest.get(8..12).and_then(|length| length.try_into().ok()) {
        rest = rest.get(16 + u32::from_ne_bytes(length) as usize..).unwrap_or_default();
        count += 1;
    }
    count
}
