//! Makes the captures that the pages explain.

use std::path::Path;

use anyhow::{Context, Result, bail};
use harness::timeline::explain::{call_text, explain_all};
use harness::timeline::{Event, EventKind, Level, Side, Timeline};
use harness::{LISTEN, Server};

use crate::steps::Step;

/// The client's port in every capture: the article's.
pub const CLIENT_PORT: u16 = 57464;

/// How often a run may differ from the one before it until we give up.
const ATTEMPTS: usize = 10;

/// Runs a step as its capture shows it: handshake, one exchange, a second one at once, close.
///
/// # Errors
///
/// If the machine allows no private network, or the server misbehaves.
pub fn run(binary: &Path) -> Result<Timeline> {
    let server = Server::build(binary).arg(LISTEN).level(Level::Sandbox).start()?;
    let mut client = server.connect_from(CLIENT_PORT)?;
    for line in ["1\n", "2\n"] {
        let reply = client.exchange(line)?;
        anyhow::ensure!(reply == line, "the reply to {line:?} was {reply:?}");
    }
    client.close();
    Ok(server.stop()?)
}

/// What a server did on its only connection, without times and without what differs from run to run.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// Each packet in short notation.
    pub wire: Vec<String>,
    /// The calls behind each packet.
    pub behind: Vec<Option<String>>,
    /// The server's calls in order.
    pub calls: Vec<String>,
}

impl Seen {
    /// What a timeline shows, of a run or of a capture with calls.
    ///
    /// # Panics
    ///
    /// If it has none or several connections.
    pub fn of(timeline: &Timeline) -> Seen {
        let call = |event: &Event| match &event.kind {
            EventKind::Call(call) if !call.would_block() => Some(call_text(call)),
            EventKind::Entry(entry) if entry.is_call() && entry.by == Side::Server => Some(entry.text.clone()),
            _ => None,
        };
        let connection = timeline.only();
        Seen {
            wire: connection.wire(),
            behind: explain_all(timeline).into_values().map(|packet| packet.call).collect(),
            calls: connection.events().filter_map(|(_, event)| call(event)).collect(),
        }
    }
}

/// Runs a step until two runs in a row show the same packets and calls, so that one in which the machine
/// paused somebody for the 40 ms of a delayed ACK is not taken for what the step does.
///
/// # Errors
///
/// As [`run`], and if no two runs agree.
pub fn typical(step: &Step) -> Result<Timeline> {
    let binary = step.build()?;
    let mut last: Option<Timeline> = None;
    for _ in 0..ATTEMPTS {
        let timeline = run(&binary)?;
        if last.is_some_and(|last| Seen::of(&last) == Seen::of(&timeline)) {
            return Ok(timeline);
        }
        last = Some(timeline);
    }
    bail!(
        "no two of {ATTEMPTS} runs of {} showed the same packets and calls: is the machine very busy?",
        step.slug
    )
}

/// Makes a step's capture anew.
///
/// # Errors
///
/// As [`typical`], and if the file cannot be written.
pub fn write(step: &Step) -> Result<Timeline> {
    let timeline = typical(step)?;
    let mut file = Vec::new();
    harness::format::pcapng::write_with_calls(&timeline, step.binary(), &mut file)?;
    let path = step.capture();
    std::fs::write(&path, file).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(timeline)
}

/// Reads a capture file.
///
/// # Errors
///
/// If it cannot be opened or is no capture that we understand.
pub fn read(path: &Path) -> Result<Timeline> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let recording = harness::format::pcapng::read(std::io::BufReader::new(file));
    Ok(recording
        .with_context(|| format!("cannot read {}", path.display()))?
        .into_timeline())
}
