//! Makes the captures that the pages explain.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use harness::timeline::width::cut;
use harness::timeline::words::explain_all;
use harness::timeline::words::{call_words, client_words, process_words, state_words};
use harness::timeline::{
    Connection, Event, EventId, EventKind, Flags, FrameNumber, Level, ShownState, Side, Timeline, ToldCall,
};
use harness::{LISTEN, Server};

use crate::steps::Step;

/// The client's port in every capture: the article's.
pub const CLIENT_PORT: u16 = 57464;

/// The columns of what a frame is, for whoever names it by its number.
const LONGEST: usize = 80;

/// How often a run may differ from the one before it until we give up.
const ATTEMPTS: usize = 10;

/// Builds a step and runs it as its capture shows it: the client does what the lesson says.
///
/// # Errors
///
/// If the machine allows no private network, or the server misbehaves.
pub fn run(step: &Step) -> Result<Timeline> {
    let server = Server::build(step.build()?).arg(LISTEN).level(Level::Sandbox).start()?;
    server.hold(&step.lesson.client.clone().from_port(CLIENT_PORT))
}

/// What a server did on its only connection, without times and without what differs from run to run.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// Each packet in short notation.
    pub wire: Vec<String>,
    /// The calls that caused each packet.
    pub causes: Vec<Vec<ToldCall>>,
    /// The server's calls in order.
    pub calls: Vec<String>,
}

impl Seen {
    /// What a timeline shows, of a run or of its capture.
    ///
    /// # Panics
    ///
    /// If it has none or several connections.
    pub fn of(timeline: &Timeline) -> Seen {
        let call = |event: &Event| match &event.kind {
            EventKind::Call(call) => call_words(call),
            _ => None,
        };
        let connection = timeline.only();
        let late = late_acks(connection);
        let packets = connection.packets().filter(|(id, _)| !late.contains(id));
        let causes = explain_all(timeline).into_iter().filter(|(id, _)| !late.contains(id));
        Seen {
            wire: packets.map(|(_, packet)| packet.short()).collect(),
            causes: causes.map(|(_, packet)| packet.calls).collect(),
            calls: connection.events().filter_map(|(_, event)| call(event)).collect(),
        }
    }
}

/// Linux waits at least 40 ms for data that can take an ACK along (`TCP_DELACK_MIN`), less a tick of its clock.
const DELAYED: Duration = Duration::from_millis(30);

/// The ACKs that the server's kernel sent alone as the server came late: its next packet has the same numbers, and would
/// have taken the ACK along. Whether a server comes in time is the machine's affair, and a run's own times tell that it
/// did not. Then Linux also takes the conversation for none, and acknowledges the next request at once. On a connection
/// whose only news is a FIN, it waits for no more than a tick of its clock.
pub(crate) fn late_acks(connection: Connection<'_>) -> BTreeSet<EventId> {
    const SYN_AND_FIN: u32 = 2;
    let packets: Vec<_> = connection.packets().collect();
    let of_server = |at: &usize| packets.get(*at).is_some_and(|(_, packet)| packet.from == Side::Server);
    let says = |at: usize| {
        let segment = &packets[at].1.segment;
        segment.len > 0 || segment.flags.has(Flags::FIN)
    };
    // How long after the client's last packet the server sent this one.
    let came_late = |at: usize| {
        let (id, last) = packets[..at].iter().rfind(|(_, packet)| packet.from == Side::Client)?;
        let arrival = last.passage.as_ref().and_then(|passage| passage.arrivals.first());
        let came = arrival.copied().unwrap_or(connection.timeline()[*id].at);
        Some(connection.timeline()[packets[at].0].at.since(came) >= DELAYED)
    };
    let is_late_ack = |at: &usize| {
        let (this, next) = (packets[*at].1, packets.get(at + 1).map(|(_, next)| next));
        let would_take_it = next.is_some_and(|next| (next.seq, next.ack) == (this.seq, this.ack)) && says(at + 1);
        let flags = this.segment.flags;
        let is_ack = !says(*at) && !flags.has(Flags::SYN) && !flags.has(Flags::RST);
        let before = (0..*at).rfind(|&before| of_server(&before) && says(before));
        let server_was_late = came_late(*at) == Some(true) || before.and_then(came_late) == Some(true);
        is_ack && of_server(at) && of_server(&(at + 1)) && would_take_it && (server_was_late || this.ack == SYN_AND_FIN)
    };
    (0..packets.len()).filter(is_late_ack).map(|at| packets[at].0).collect()
}

/// Runs a step until two runs in a row show the same packets and calls, so that one in which the machine
/// paused somebody for the 40 ms of a delayed ACK is not taken for what the step does.
///
/// # Errors
///
/// As [`run`], and if no two runs agree.
pub fn typical(step: &Step) -> Result<Timeline> {
    let same = |one: &Timeline, other: &Timeline| Seen::of(one) == Seen::of(other);
    two_that_agree((ATTEMPTS, &step.slug), || run(step), same)
}

/// Runs something with this name until two runs in a row are the same, at most so many times. Gives the second of them.
///
/// # Errors
///
/// Those of `run`, and if there are no two.
pub fn two_that_agree<T>(
    (attempts, name): (usize, &str),
    mut run: impl FnMut() -> Result<T>,
    same: impl Fn(&T, &T) -> bool,
) -> Result<T> {
    let mut last = None;
    for _ in 0..attempts {
        let now = run()?;
        if last.is_some_and(|last| same(&last, &now)) {
            return Ok(now);
        }
        last = Some(now);
    }
    bail!("no two of {attempts} runs of {name} in a row did the same: is the machine very busy?")
}

/// Makes a step's capture anew. Gives what the file holds, and whether some of its frames have other numbers than in the
/// file before: a call that causes no packet may stand before or after one.
///
/// # Errors
///
/// As [`typical`], and if the file cannot be written.
pub fn write(step: &Step) -> Result<(Timeline, bool)> {
    let path = step.capture();
    let before = read(&path).ok();
    let timeline = rewrite(&path, &typical(step)?, step.binary())?;
    let renumbered = before.is_some_and(|before| frames(&before) != frames(&timeline));
    Ok((timeline, renumbered))
}

/// Writes a capture of this program's, and reads what the file holds then.
pub(crate) fn rewrite(path: &Path, timeline: &Timeline, program: &str) -> Result<Timeline> {
    let mut file = Vec::new();
    harness::format::pcapng::write(timeline, program, &mut file)?;
    std::fs::write(path, file).with_context(|| format!("cannot write {}", path.display()))?;
    read(path)
}

/// What each frame of a file is, with its number.
pub fn frames(timeline: &Timeline) -> Vec<(FrameNumber, String)> {
    let mut frames = Vec::new();
    for (id, event) in timeline.iter() {
        let words = match &event.kind {
            EventKind::Packet(packet) => Some(packet.short()),
            EventKind::Call(call) => call_words(call),
            EventKind::Client(action) => client_words(action),
            EventKind::Process(process) => process_words(process),
            EventKind::State(_) => None,
        };
        // The bytes of a long segment tell it from no other: its numbers do.
        let words = words.map(|words| cut(&words, LONGEST));
        frames.extend(timeline.frame(id).zip(words));
        let state = |state: &ShownState| state.frame.zip(state_words(&state.change));
        frames.extend(timeline.states_after(id).iter().filter_map(state));
    }
    frames
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

#[cfg(test)]
#[path = "../tests/unit/capture.rs"]
mod tests;
