//! The wire between two hosts, beside a veth pair that connects them without a relay. The programs at both
//! ends are not traced.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use course::steps;
use harness::timeline::{EventKind, Packet, Side};
use harness::{LISTEN, Server, Wire};

use super::sizes::Sizes;
use super::table::{Table, grouped};
use super::watch;
use xtask::running::Running;

/// The traffic's own address; the server that the harness wants is at another port.
const TRAFFIC: &str = "10.0.0.2:4000";

/// Packets that an exchange takes at its best: the request, and the reply with its ACK.
const PACKETS_PER_EXCHANGE: usize = 2;

/// The delay that is measured: long beside what there is of error, so that the ways do not mix.
const DELAY: Duration = Duration::from_millis(1);

pub(super) fn measure(sizes: Sizes) -> Result<Table> {
    let program = steps::build_example("bench-server")?;
    let mut table = Table::new(&["traffic", "connected by", "packets", "lost", "packets/s", "MB/s"]);
    let exchanges = sizes.packets.div_ceil(PACKETS_PER_EXCHANGE);
    let traffics = [
        ("exchanges of 6 bytes", "std", "exchange", exchanges, 6 * 2 * exchanges),
        (
            "one stream",
            "drain",
            "pour",
            sizes.stream as usize,
            sizes.stream as usize,
        ),
    ];
    for (name, server, client, count, bytes) in traffics {
        for (by, wire) in [
            ("the relay, captured", Wire::new()),
            ("a veth pair alone", Wire::bare()),
        ] {
            let hosts = Hosts::start(&program, wire)?;
            let serving = hosts.serve(server)?;
            let before = hosts.packets()?;
            let began = Instant::now();
            hosts.talk(&[client, TRAFFIC, &count.to_string()])?;
            let took = began.elapsed().as_secs_f64();
            drop(serving);
            let after = hosts.packets()?;
            let [received, sent] = [0, 1].map(|place| after[place] - before[place]);
            let dropped = hosts.server.stop()?.dropped;
            ensure!(dropped == 0, "the relay did not keep up: {dropped} packets");
            table.rows.push(vec![
                name.to_owned(),
                by.to_owned(),
                grouped(sent as f64),
                grouped(sent.saturating_sub(received) as f64),
                grouped(sent as f64 / took),
                format!("{:.1}", bytes as f64 / 1e6 / took),
            ]);
        }
    }
    Ok(table)
}

pub(super) fn measure_delay(sizes: Sizes) -> Result<Table> {
    let program = steps::build_example("bench-server")?;
    let hosts = Hosts::start(&program, Wire::new().delay(DELAY))?;
    let serving = hosts.serve("std")?;
    let exchanges = sizes.delayed.div_ceil(PACKETS_PER_EXCHANGE);
    hosts.talk(&["exchange", TRAFFIC, &exchanges.to_string()])?;
    drop(serving);
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

    /// Starts the server of the traffic, and waits until it listens.
    fn serve(&self, mode: &str) -> Result<Running> {
        Running::spawn(&mut self.command(Side::Server, &self.program, &[mode, TRAFFIC])?)
    }

    /// Runs the client of the traffic to its end.
    fn talk(&self, arguments: &[&str]) -> Result<()> {
        let output = self.command(Side::Client, &self.program, arguments)?.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "the traffic ended with {}: {said}",
            output.status
        );
        Ok(())
    }

    /// The packets that both hosts have received, and sent.
    fn packets(&self) -> Result<[u64; 2]> {
        let of = |host| watch::packets(&mut self.command(host, Path::new("cat"), &[])?, "eth0");
        let (client, server) = (of(Side::Client)?, of(Side::Server)?);
        Ok([client[0] + server[0], client[1] + server[1]])
    }
}
