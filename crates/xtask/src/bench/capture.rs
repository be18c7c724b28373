//! The capture beside tcpdump: the same traffic, each in a private network of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::testing::find_program;
use harness::timeline::{EventKind, Level};
use harness::{LISTEN, Server};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use procfs::process::Process;

use super::{Scratch, Sizes, Table, Usage, grouped, megabytes, once_still, seconds};
use course::steps;

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

fn ping_pong(command: &mut Command, exchanges: usize) -> Result<(u64, Duration)> {
    let began = Instant::now();
    let output = command.args(["ping-pong", PING_PONG, &exchanges.to_string()]).output();
    let output = output.context("cannot start the traffic")?;
    let took = began.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the traffic ended with {}: {said}",
        output.status
    );
    let sent = String::from_utf8_lossy(&output.stdout).trim().parse();
    Ok((sent.context("the traffic did not tell its packets")?, took))
}

fn by_harness(program: &Path, exchanges: usize) -> Result<Captured> {
    let server = Server::build(program)
        .args(["std", LISTEN])
        .level(Level::Sandbox)
        .start()?;
    let usage = || Usage::of(&Process::myself().ok()?);
    let before = usage().context("our own usage is not told")?;
    let mut traffic = Command::new(program);
    server.enter(&mut traffic)?;
    let (sent, took) = ping_pong(&mut traffic, exchanges)?;
    server.settle();
    let after = usage().context("our own usage is not told")?;
    let timeline = server.stop()?;
    let packets = timeline
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Packet(_)));
    Ok(Captured {
        sent,
        captured: packets.count() as u64,
        traffic: took,
        usage: Usage {
            cpu: after.cpu.saturating_sub(before.cpu),
            ..after
        },
    })
}

fn by_tcpdump(program: &Path, exchanges: usize) -> Result<Captured> {
    let folder = Scratch::new()?;
    let file = folder.path.join("tcpdump.pcap");
    let mut tcpdump = Tcpdump::start(&file)?;
    let mut traffic = Command::new("nsenter");
    traffic
        .arg(format!("--net=/proc/{}/ns/net", tcpdump.child.id()))
        .arg(program);
    let (sent, took) = ping_pong(&mut traffic, exchanges)?;
    let size = || Ok(file.metadata().map_or(0, |metadata| metadata.len()));
    once_still(size, TCPDUMP_READS_WITHIN, TCPDUMP_PATIENCE)?;
    let (usage, report) = tcpdump.end()?;
    let told = report.lines().find_map(|line| line.strip_suffix(" packets captured"));
    let captured = told.and_then(|count| count.parse().ok());
    Ok(Captured {
        sent,
        captured: captured.with_context(|| format!("tcpdump did not say what it captured: {report}"))?,
        traffic: took,
        usage,
    })
}

/// tcpdump in a new network.
struct Tcpdump {
    child: Child,
}

impl Tcpdump {
    fn start(file: &Path) -> Result<Tcpdump> {
        // As in the harness's network: the packets of an Ethernet.
        let network = "ip link set lo mtu 1500 up && exec tcpdump -i lo -Z root -w \"$0\"";
        let mut command = Command::new("unshare");
        command
            .args(["--net", "--", "sh", "-c", network])
            .arg(file)
            .stderr(Stdio::piped());
        let mut tcpdump = Tcpdump {
            child: command.spawn().context("cannot start unshare")?,
        };
        let mut said = String::new();
        let mut log = BufReader::new(tcpdump.child.stderr.take().context("tcpdump has no standard error")?);
        while !said.contains("listening on") {
            ensure!(log.read_line(&mut said)? > 0, "tcpdump does not listen: {said}");
        }
        tcpdump.child.stderr = Some(log.into_inner());
        Ok(tcpdump)
    }

    /// Interrupts it; what it used and said.
    fn end(&mut self) -> Result<(Usage, String)> {
        let process = Process::new(self.child.id().cast_signed())?;
        let usage = Usage::of(&process).context("tcpdump has ended")?;
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT)?;
        let mut report = String::new();
        if let Some(log) = &mut self.child.stderr {
            log.read_to_string(&mut report)?;
        }
        Ok((usage, report))
    }
}

impl Drop for Tcpdump {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
