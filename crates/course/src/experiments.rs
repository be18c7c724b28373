//! The experiments of the pages: a step on a host or behind a wire, and the capture of what came of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use anyhow::{Result, bail};
use harness::timeline::{EventKind, Flags, Level, Packet, Passage, Side, TcpState, Timeline};
use harness::{Conversation, LISTEN, Server, ServerBuilder};
use serde::Deserialize;

use crate::capture::{self, CLIENT_PORT, two_that_agree};
use crate::{checkout, data, steps};

/// A run that anyone can make again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The name of its capture.
    pub name: String,
    /// The step that serves.
    pub step: String,
    /// What the wire does, a statement each; none for a network without a wire.
    #[serde(default)]
    pub wire: Vec<String>,
    /// What the clients do.
    pub client: Conversation,
    /// True if they wait for what they send to come back.
    #[serde(default)]
    pub echoes: bool,
    /// The buffers of each socket, in bytes, if not the kernel's.
    pub buffers: Option<u32>,
    /// How long the queue of connections may be that nobody has accepted, if not as long as the server asks for.
    pub backlog: Option<u32>,
    /// The server's environment besides.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// True if each packet tells something; else those of the server's that end a connection or are lost.
    #[serde(default)]
    pub each_packet: bool,
    /// True if a picture of it stands on a page.
    #[serde(default)]
    pub drawn: bool,
}

/// All of them, as `experiments.json` has them.
pub static ALL: LazyLock<Vec<Experiment>> = LazyLock::new(|| data(include_str!("../experiments.json")));

/// How often a run may differ from the one before it until we give up.
const ATTEMPTS: usize = 10;

/// The experiment of this name.
pub fn find(name: &str) -> Option<&'static Experiment> {
    ALL.iter().find(|experiment| experiment.name == name)
}

impl Experiment {
    /// Its committed capture.
    ///
    /// # Errors
    ///
    /// Where there is no checkout.
    pub fn capture(&self) -> Result<PathBuf> {
        Ok(checkout::find()?
            .join("captures")
            .join(&self.name)
            .with_extension("pcapng"))
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// If the machine allows no wire, or the server misbehaves.
    pub fn run(&self) -> Result<Timeline> {
        let binary = steps::find(&self.step)?.build()?;
        let mut server = Server::build(binary).arg(LISTEN).level(Level::Sandbox);
        for (name, value) in &self.env {
            server = server.env(name, value);
        }
        server = server.given(self.buffers, ServerBuilder::buffers);
        server = server.given(self.backlog, ServerBuilder::backlog);
        if !self.wire.is_empty() {
            server = server.wire(self.wire.join("\n").parse()?);
        }
        let mut client = self.client.clone();
        if self.echoes {
            client = client.echoed().from_port(CLIENT_PORT);
        }
        server.start()?.hold(&client)
    }

    /// Runs it until two runs in a row tell the same, and writes the capture anew.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), if no two runs agree, and if the file cannot be written.
    pub fn write(&self) -> Result<Timeline> {
        let same = |one: &Timeline, other: &Timeline| self.told(one) == self.told(other);
        let timeline = two_that_agree((ATTEMPTS, &self.name), || self.run(), same)?;
        capture::rewrite(&self.capture()?, &timeline, &self.step)
    }
}

/// What an experiment tells, without times: of each connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// Each packet that tells something, and if it was lost by whom. What comes again and again stands here once:
    /// how often, until we looked away, is the clock's affair. So is an ACK that went alone as a program came late.
    pub packets: Vec<String>,
    /// How the server's socket was last seen; `None` for gone.
    pub server: Option<TcpState>,
}

impl Experiment {
    /// What a run or a capture of it shows.
    pub fn told(&self, timeline: &Timeline) -> Vec<Told> {
        timeline
            .connections()
            .map(|connection| {
                let late = capture::late_acks(connection);
                let packets = connection.packets().filter(|(id, _)| !late.contains(id));
                let mut packets: Vec<String> = packets.filter_map(|(_, packet)| self.text(&packet)).collect();
                packets.dedup();
                let states = connection.events().filter_map(|(_, event)| match &event.kind {
                    EventKind::State(change) if change.side == Side::Server => Some(change.to),
                    _ => None,
                });
                Told {
                    packets,
                    server: states.last().flatten(),
                }
            })
            .collect()
    }

    /// A packet in words, if it tells something.
    fn text(&self, packet: &Packet) -> Option<String> {
        let passage = packet.passage.as_ref();
        let what = passage.and_then(|passage| passage.what.as_deref()).unwrap_or_default();
        // Whether the last ones still come before we look away is the clock's affair.
        let what = if what == Passage::ON_ITS_WAY { "" } else { what };
        if self.each_packet {
            return Some(format!("{} {what}", packet.short()).trim_end().to_owned());
        }
        let flags = packet.segment.flags;
        let lost = passage.is_some_and(|of| of.is_lost());
        let kind = match (flags.has(Flags::RST), flags.has(Flags::FIN)) {
            (true, _) => "RST",
            (_, true) => "FIN",
            _ if lost => "lost",
            _ => return None,
        };
        (packet.from == Side::Server).then(|| format!("{kind} {what}").trim_end().to_owned())
    }
}

/// The capture of a step or an experiment, by its name.
///
/// # Errors
///
/// If there is neither.
pub fn capture_of(name: &str) -> Result<PathBuf> {
    // Other servers than ours are in the folder too.
    let other = checkout::find()?.join("captures").join(name).with_extension("pcapng");
    match (steps::find(name), find(name)) {
        (Ok(step), _) => Ok(step.capture()),
        (_, Some(experiment)) => experiment.capture(),
        _ if other.exists() => Ok(other),
        (Err(error), None) => {
            let names: Vec<&str> = ALL.iter().map(|experiment| &*experiment.name).collect();
            bail!("{error}\nand the experiments {}", names.join(", "))
        }
    }
}

/// The captures of the steps and the experiments with the comments that their packets have today, each with its path.
/// What they hold besides is as it is.
///
/// # Errors
///
/// If one cannot be read.
pub fn commented() -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let of_steps = steps::all()?;
    let of_steps = of_steps
        .iter()
        .map(|step| Ok((step.capture(), step.binary().to_owned())));
    let behind_wires = ALL
        .iter()
        .map(|experiment| Ok((experiment.capture()?, experiment.step.clone())));
    let anew = |capture: Result<(PathBuf, String)>| {
        let (path, program) = capture?;
        let mut file = Vec::new();
        harness::format::pcapng::write(&capture::read(&path)?, &program, &mut file)?;
        Ok((path, file))
    };
    of_steps.chain(behind_wires).map(anew).collect()
}
