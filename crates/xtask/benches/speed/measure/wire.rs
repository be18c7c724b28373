//! The wire between two hosts, beside veth pairs that connect the same hosts without a relay. The programs at both
//! ends are not traced.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use course::steps;
use harness::timeline::{EventKind, Packet, Side};
use harness::{LISTEN, Server, Wire};
use procfs::process::Process;

use super::sizes::Sizes;
use super::table::{Table, grouped, seconds, times};
use super::watch::{self, Usage};
use xtask::running::Running;

/// The traffic's own port; the server that the harness wants is at another.
const PORT: &str = "4000";

/// The best of so many rounds counts.
const ROUNDS: usize = 3;

/// Packets that an exchange takes at its best: the request, and the reply with its ACK.
const PACKETS_PER_EXCHANGE: usize = 2;

/// The delay that is measured: long beside what there is of error, so that the ways do not mix.
const DELAY: Duration = Duration::from_millis(1);

/// What connects the hosts: an interface of both, and what there is to say of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// The wire.
    Relay,
    /// A pair of virtual Ethernet interfaces whose frames are those of the wire: no longer than its MTU.
    Frames,
    /// Such a pair as Linux makes it: what would be the work of a network card is left out.
    Offloads,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            By::Relay => "the relay, captured",
            By::Frames => "a veth pair alone, the same frames",
            By::Offloads => "a veth pair alone, with offloads",
        }
    }

    fn interface(self) -> &'static str {
        match self {
            By::Relay => "eth0",
            By::Frames => "frames",
            By::Offloads => "offloads",
        }
    }

    /// The network of the pair: the client's host is 1 there, the server's 2.
    fn network(self) -> &'static str {
        match self {
            By::Relay => "10.0.0",
            By::Frames => "10.0.1",
            By::Offloads => "10.0.2",
        }
    }
}

/// A round of some traffic: how long it took, and how many packets were sent, and not received.
struct Round {
    took: f64,
    sent: u64,
    lost: u64,
    /// The processor time of this process, where the relay is.
    cpu: Duration,
}

pub(super) fn measure(sizes: Sizes) -> Result<Table> {
    let program = steps::build_example("bench-server")?;
    let mut table = Table::new(&[
        "traffic",
        "connected by",
        "packets",
        "lost",
        "packets/s",
        "MB/s",
        "times the same frames'",
        "processor time of the relay",
    ]);
    let exchanges = sizes.packets.div_ceil(PACKETS_PER_EXCHANGE * ROUNDS);
    let stream = sizes.stream as usize;
    let both = [By::Frames, By::Relay];
    let all = [By::Offloads, By::Frames, By::Relay];
    let traffics: [(_, _, _, _, _, &[By]); 2] = [
        (
            "exchanges of 6 bytes",
            "std",
            "exchange",
            exchanges,
            6 * 2 * exchanges,
            &both,
        ),
        ("one stream", "drain", "pour", stream, stream, &all),
    ];
    for (name, server, client, count, bytes, ways) in traffics {
        let mut best: Vec<Option<Round>> = ways.iter().map(|_| None).collect();
        for _ in 0..sizes.rounds.min(ROUNDS) {
            let hosts = Hosts::start(&program, Wire::new())?;
            hosts.connect_otherwise()?;
            for (by, best) in ways.iter().zip(&mut best) {
                let round = hosts.round(*by, server, client, count)?;
                if best.as_ref().is_none_or(|best| round.took < best.took) {
                    *best = Some(round);
                }
            }
            let dropped = hosts.server.stop()?.dropped;
            ensure!(dropped == 0, "the relay did not keep up: {dropped} packets");
        }
        let frames = ways.iter().zip(&best).find(|(by, _)| **by == By::Frames);
        let base = frames
            .and_then(|(_, round)| round.as_ref())
            .map_or(1.0, |round| round.took);
        for (by, round) in ways.iter().zip(&best).rev() {
            let Some(round) = round else { continue };
            table.rows.push(vec![
                name.to_owned(),
                by.name().to_owned(),
                grouped(round.sent as f64),
                grouped(round.lost as f64),
                grouped(round.sent as f64 / round.took),
                format!("{:.1}", bytes as f64 / 1e6 / round.took),
                times(base, round.took),
                if *by == By::Relay {
                    seconds(round.cpu)
                } else {
                    String::new()
                },
            ]);
        }
    }
    Ok(table)
}

pub(super) fn measure_delay(sizes: Sizes) -> Result<Table> {
    let program = steps::build_example("bench-server")?;
    let hosts = Hosts::start(&program, Wire::new().delay(DELAY))?;
    hosts.round(
        By::Relay,
        "std",
        "exchange",
        sizes.delayed.div_ceil(PACKETS_PER_EXCHANGE),
    )?;
    let timeline = hosts.server.stop()?;
    let error = |packet: &Packet, left: harness::timeline::Timestamp| {
        let came = packet.passage.as_ref()?.arrivals.first()?.0;
        Some(i128::from(came) - i128::from(left.0) - DELAY.as_nanos() as i128)
    };
    let errors = timeline.events.iter().filter_map(|event| match &event.kind {
        EventKind::Packet(packet) => error(packet, event.at),
        _ => None,
    });
    let mut errors: Vec<i128> = errors.collect();
    errors.sort_unstable();
    let within = |part: f64| -> Result<String> {
        let last = errors.len().checked_sub(1).context("no packet was delayed")?;
        Ok(format!("{:.3} ms", errors[(last as f64 * part) as usize] as f64 / 1e6))
    };
    let early = errors.iter().filter(|error| **error < 0).count();
    let mut table = Table::new(&[
        "delay each way",
        "packets",
        "too early",
        "late: median",
        "99 of 100 within",
        "worst",
    ]);
    table.rows.push(vec![
        format!("{} ms", DELAY.as_millis()),
        grouped(errors.len() as f64),
        grouped(early as f64),
        within(0.5)?,
        within(0.99)?,
        within(1.0)?,
    ]);
    Ok(table)
}

/// Two hosts with a server that nobody talks to.
struct Hosts {
    server: Server,
    program: PathBuf,
}

impl Hosts {
    fn start(program: &Path, wire: Wire) -> Result<Hosts> {
        let build = Server::build(program).args(["std", LISTEN]).wire(wire);
        Ok(Hosts {
            server: build.start()?,
            program: program.to_owned(),
        })
    }

    fn command(&self, host: Side, program: &Path, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program);
        command.args(arguments);
        self.server.enter_host(host, &mut command)?;
        Ok(command)
    }

    /// Connects the hosts by pairs of interfaces as well, beside the wire.
    fn connect_otherwise(&self) -> Result<()> {
        // Somebody on the server's host, so that its network has a name.
        let mut there = self.command(Side::Server, Path::new("cat"), &[])?;
        let mut there = there.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let network = there.id().to_string();
        for by in [By::Frames, By::Offloads] {
            let name = by.interface();
            let peer = ["peer", "name", name, "netns", &network];
            let pair = [&["link", "add", name, "type", "veth"][..], &peer].concat();
            self.run(Side::Client, Path::new("ip"), &pair)?;
            for (host, last) in [(Side::Client, 1), (Side::Server, 2)] {
                if by == By::Frames {
                    self.run(host, &self.program, &["whole", name])?;
                }
                let address = format!("{}.{last}/24", by.network());
                self.run(host, Path::new("ip"), &["address", "add", &address, "dev", name])?;
                self.run(host, Path::new("ip"), &["link", "set", name, "up"])?;
            }
        }
        there.kill()?;
        there.wait()?;
        Ok(())
    }

    /// Runs some traffic, from the start of its client to its end.
    fn round(&self, by: By, server: &str, client: &str, count: usize) -> Result<Round> {
        let address = format!("{}.2:{PORT}", by.network());
        let serving = Running::spawn(&mut self.command(Side::Server, &self.program, &[server, &address])?)?;
        let us = || Usage::of(&Process::myself().ok()?).map(|usage| usage.cpu);
        let (before, cpu, began) = (self.packets(by)?, us(), Instant::now());
        self.run(Side::Client, &self.program, &[client, &address, &count.to_string()])?;
        let took = began.elapsed().as_secs_f64();
        drop(serving);
        let (after, used) = (self.packets(by)?, us());
        let [received, sent] = [0, 1].map(|place| after[place] - before[place]);
        Ok(Round {
            took,
            sent,
            lost: sent.saturating_sub(received),
            cpu: used.zip(cpu).map_or(Duration::ZERO, |(used, cpu)| used - cpu),
        })
    }

    /// Runs a program on a host to its end.
    fn run(&self, host: Side, program: &Path, arguments: &[&str]) -> Result<()> {
        let output = self.command(host, program, arguments)?.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{} {arguments:?} ended with {}: {said}",
            program.display(),
            output.status
        );
        Ok(())
    }

    /// The packets that both hosts have received, and sent.
    fn packets(&self, by: By) -> Result<[u64; 2]> {
        let of = |host| watch::packets(&mut self.command(host, Path::new("cat"), &[])?, by.interface());
        let (client, server) = (of(Side::Client)?, of(Side::Server)?);
        Ok([client[0] + server[0], client[1] + server[1]])
    }
}
