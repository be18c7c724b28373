//! The experiments of docs/wire.md: a step behind a wire, and the capture of what came of it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use harness::timeline::{EventKind, Packet, Side, TcpState, Timeline};
use harness::{Conversation, LISTEN, Server};

use crate::capture::{self, CLIENT_PORT, two_that_agree};
use crate::{checkout, steps};

/// A run that anyone can make again.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// The name of its capture.
    pub name: &'static str,
    /// The step that serves.
    pub step: &'static str,
    /// What the wire does.
    pub wire: &'static str,
    /// What the client does.
    pub client: &'static str,
}

/// Two lines, the second when the first has come back.
const TWO_LINES: &str = r"send 1\n
send 2\n";

/// All of them.
pub const ALL: [Experiment; 5] = [
    Experiment {
        name: "wire-25ms-step1",
        step: "step1",
        wire: "delay 25ms",
        client: TWO_LINES,
    },
    Experiment {
        name: "wire-25ms-step2",
        step: "step2",
        wire: "delay 25ms",
        client: TWO_LINES,
    },
    Experiment {
        name: "wire-25ms-step3",
        step: "step3",
        wire: "delay 25ms",
        client: TWO_LINES,
    },
    Experiment {
        name: "wire-lost-segment",
        step: "step2",
        wire: "delay 25ms\nlose server data 1",
        client: TWO_LINES,
    },
    Experiment {
        name: "wire-cable-pulled",
        step: "step3",
        wire: "delay 25ms\ncut after reply 1",
        client: r"send 1\n",
    },
];

/// How often a run may differ from the one before it until we give up.
const ATTEMPTS: usize = 10;

/// The experiment of this name.
pub fn find(name: &str) -> Option<Experiment> {
    ALL.into_iter().find(|experiment| experiment.name == name)
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
            .join(self.name)
            .with_extension("pcapng"))
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// If the machine allows no wire, or the server misbehaves.
    pub fn run(&self) -> Result<Timeline> {
        let binary = steps::find(self.step)?.build()?;
        let server = Server::build(binary).arg(LISTEN).wire(self.wire.parse()?).start()?;
        let client = Conversation::parse(self.client).map_err(anyhow::Error::msg)?;
        server.hold(&client.echoed().from_port(CLIENT_PORT))
    }

    /// Runs it until two runs in a row tell the same, and writes the capture anew.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), if no two runs agree, and if the file cannot be written.
    pub fn write(&self) -> Result<Timeline> {
        let same = |one: &Timeline, other: &Timeline| Told::of(one) == Told::of(other);
        let timeline = two_that_agree(ATTEMPTS, || self.run(), same)?;
        let timeline = timeline.with_context(|| format!("no two of {ATTEMPTS} runs of {} agreed", self.name))?;
        let mut file = Vec::new();
        harness::format::pcapng::write(&timeline, self.step, &mut file)?;
        let path = self.capture()?;
        std::fs::write(&path, file).with_context(|| format!("cannot write {}", path.display()))?;
        capture::read(&path)
    }
}

/// What an experiment tells, without times.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// Each packet, and if it was lost by whom. A packet that is lost again and again stands here once:
    /// how often, until we looked away, is the clock's affair.
    pub packets: Vec<String>,
    /// How the server's socket was last seen; `None` for gone.
    pub server: Option<TcpState>,
}

impl Told {
    /// What a run or a capture shows.
    ///
    /// # Panics
    ///
    /// If it has none or several connections.
    pub fn of(timeline: &Timeline) -> Told {
        let connection = timeline.only();
        let text = |packet: &Packet| {
            let passage = packet.passage.as_ref();
            let what = passage.and_then(|passage| passage.what.as_deref()).unwrap_or_default();
            format!("{} {what}", packet.short()).trim_end().to_owned()
        };
        let mut packets: Vec<String> = connection.packets().map(|(_, packet)| text(&packet)).collect();
        packets.dedup();
        let states = connection.events().filter_map(|(_, event)| match &event.kind {
            EventKind::State(change) if change.side == Side::Server => Some(change.to),
            _ => None,
        });
        Told {
            packets,
            server: states.last().flatten(),
        }
    }
}

/// The capture of a step or an experiment, by its name.
///
/// # Errors
///
/// If there is neither.
pub fn capture_of(name: &str) -> Result<PathBuf> {
    match (steps::find(name), find(name)) {
        (Ok(step), _) => Ok(step.capture()),
        (_, Some(experiment)) => experiment.capture(),
        (Err(error), None) => {
            let names: Vec<&str> = ALL.iter().map(|experiment| experiment.name).collect();
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
        .map(|experiment| Ok((experiment.capture()?, experiment.step.to_owned())));
    let anew = |capture: Result<(PathBuf, String)>| {
        let (path, program) = capture?;
        let mut file = Vec::new();
        harness::format::pcapng::write(&capture::read(&path)?, &program, &mut file)?;
        Ok((path, file))
    };
    of_steps.chain(behind_wires).map(anew).collect()
}
