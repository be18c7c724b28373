//! What to draw of a timeline: lifelines, arrows, brackets, states, waits, folds, findings and words.
//!
//! A scene is plain data. Lanes, SVG and pages draw it and compute nothing of their own but where things go.
//! Its words are whole: whoever has less room shortens them. Each mark names the event that it shows, and
//! refers to other marks by their events: an [`EventId`] each, as in the JSON of a timeline.
//!
//! ```
//! use timeline::scene::{Mark, Scene};
//!
//! let file = std::fs::File::open("../../captures/step1-two-writes.pcapng")?;
//! let timeline = timeline::format::pcapng::read(file)?.into_timeline();
//! let scene = Scene::of(&timeline);
//! let diagram = &scene.connections[0];
//! let arrows = diagram.marks.iter().filter(|mark| matches!(mark, Mark::Arrow(_)));
//! assert_eq!(arrows.count(), 16);
//! // The newline's write had returned, and its segment had to wait.
//! assert!(diagram.waits.iter().any(|wait| wait.words == "Nagle waits for an ACK"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assemble;
mod makers;
mod shown;
mod verdict;

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Serialize;

use crate::events::{
    Call, ClientActionKind, EventId, Flags, FrameNumber, Level, OutputStream, ProcessEvent, Side, TcpState, TcpView,
    Timestamp,
};
use crate::facts::{Certainty, FactKind, Reason};
use crate::rules::{RuleId, Severity};
use crate::timeline::Timeline;
use crate::words::whole_milliseconds;

/// What to draw of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scene {
    /// How much could be observed.
    #[serde(serialize_with = "shown::level")]
    pub level: Level,
    /// The moment from which all others are counted: the first thing that happened on a connection.
    pub start: Timestamp,
    /// What a reader must know first: what could not be observed.
    pub notes: Vec<String>,
    /// The connections that are drawn, in the order in which they began.
    pub connections: Vec<Diagram>,
    /// How many connections there are, with those that are not drawn.
    pub connections_in_all: usize,
    /// What happened to the server outside any connection. Of a single connection these are
    /// [marks](Diagram::marks) too, at their places.
    pub outside: Vec<String>,
    /// The rules of which nothing can be said, since their evidence was not recorded.
    pub unknown: Vec<RuleId>,
}

/// How much of a timeline is to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// At most so many connections: the first.
    pub connections: usize,
    /// The lines that the server wrote, too: each connection has them all, as they name none.
    pub output: bool,
    /// The thread of each call in its [label](Bracket::label), where calls were made by several.
    pub threads: bool,
    /// The [sentence](Arrow::sentence) and the [calls](Arrow::calls) of each arrow. Of a long run they take much memory.
    pub sentences: bool,
}

impl Default for Extent {
    fn default() -> Extent {
        Extent {
            connections: usize::MAX,
            output: false,
            threads: false,
            sentences: true,
        }
    }
}

/// A moment in nanoseconds since the [start](Scene::start) of the scene.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Moment(pub i64);

impl Moment {
    fn of(start: Timestamp, at: Timestamp) -> Moment {
        let distance = i128::from(at.0) - i128::from(start.0);
        Moment(distance.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    pub fn since(self, earlier: Moment) -> Duration {
        let distance = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_nanos(u64::try_from(distance.max(0)).unwrap_or(u64::MAX))
    }
}

/// In milliseconds, rounded to a tenth. What was before the start is negative.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is rounded to 0 has no sign.
        let sign = if self.0 <= -50_000 { "-" } else { "" };
        let distance = Duration::from_nanos(self.0.unsigned_abs());
        f.pad(&format!("{sign}{:.1}", distance.as_secs_f64() * 1000.0))
    }
}

/// What to draw of one connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagram {
    /// Its place among the connections of the timeline, from 0.
    pub connection: usize,
    /// The end that connected.
    pub client: Lifeline,
    /// The end that accepted.
    pub server: Lifeline,
    /// True if packets could be captured, so that there is a wire to draw.
    pub has_wire: bool,
    /// True if it was recorded what the programs did, and not packets alone.
    pub tells_calls: bool,
    /// True if the client is a program whose calls were traced: they are marks of their own.
    pub client_is_traced: bool,
    /// What happened, in order. Each event of the connection is one mark, but for the socket table's: a
    /// state is a mark where it is known to have been reached. Of the only connection those events are
    /// marks too that belong to none; the lines that the server wrote if [asked for](Extent::output).
    pub marks: Vec<Mark>,
    /// The states of both sockets, from when to when.
    pub bands: Vec<Band>,
    /// What waited, and for what.
    pub waits: Vec<Wait>,
    /// Stretches of time in which nothing happened.
    pub folds: Vec<Fold>,
    /// What the rules find in it.
    pub findings: Vec<Finding>,
    /// What a reader should take away.
    pub verdict: Vec<Verdict>,
    /// How many of its packets a long capture has that are not here: they lie in the middle.
    pub left_out: u64,
}

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lifeline {
    /// Which end.
    #[serde(serialize_with = "shown::words")]
    pub side: Side,
    /// Its address and port.
    pub address: SocketAddr,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Mark {
    /// A packet.
    Arrow(Box<Arrow>),
    /// A system call of the server, or of a client that was traced too.
    Call(Box<Bracket>),
    /// What a client of our own did.
    Action(Box<Action>),
    /// A socket has another state.
    State(Box<State>),
    /// A process of the server did something that is no call on a socket.
    Process(Box<Process>),
}

impl Mark {
    /// What marks of all kinds have: the event, the number of its frame, the place in time, and whether it is quiet.
    fn header(&self) -> (EventId, Option<FrameNumber>, Moment, bool) {
        match self {
            Mark::Arrow(it) => (it.event, it.frame, it.left, false),
            Mark::Call(it) => (it.event, it.frame, it.at, it.quiet),
            Mark::Action(it) => (it.event, it.frame, it.at, it.quiet),
            Mark::State(it) => (it.event, it.frame, it.at, it.quiet),
            Mark::Process(it) => (it.event, it.frame, it.at, it.quiet),
        }
    }

    /// The event that it shows, as an index into the timeline's events. A state's is the event that brought it.
    pub fn event(&self) -> EventId {
        self.header().0
    }

    /// The number of its frame in the capture file, if it is one.
    pub fn frame(&self) -> Option<FrameNumber> {
        self.header().1
    }

    /// Its place in time: see [`Event::at`](crate::events::Event::at).
    pub fn at(&self) -> Moment {
        self.header().2
    }

    /// True for what is known and has no line of its own: another mark tells it, or it is of little interest.
    pub fn is_quiet(&self) -> bool {
        self.header().3
    }
}

/// A packet on its way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arrow {
    /// Its event.
    pub event: EventId,
    /// The number of its frame.
    pub frame: Option<FrameNumber>,
    /// Who sent it.
    #[serde(serialize_with = "shown::words")]
    pub from: Side,
    /// When it left. Of a packet that was captured in one place, when it passed there.
    pub left: Moment,
    /// When it came to the other host: once, twice if it was duplicated, or never. Empty too where that was
    /// not observed; [`outcome`](Self::outcome) tells the two apart.
    pub came: Vec<Moment>,
    /// What became of it.
    pub outcome: Outcome,
    /// What the wire did to it, other than to carry it.
    pub wire: Option<String>,
    /// Its control bits.
    #[serde(serialize_with = "shown::words")]
    pub flags: Flags,
    /// Relative sequence number.
    pub seq: u32,
    /// Relative acknowledgment number, with the flag ACK.
    pub ack: Option<u32>,
    /// Bytes of data on the wire.
    pub len: u32,
    /// Receive window of its sender, in bytes.
    pub window: u32,
    /// The data, as far as it was captured.
    #[serde(serialize_with = "shown::bytes")]
    pub data: Vec<u8>,
    /// Flags, numbers and length in one line: `PSH,ACK seq 1 ack 3 len 1`.
    pub words: String,
    /// Why it is there, in a sentence. Empty if that was not [asked for](Extent::sentences), as the calls are.
    pub sentence: String,
    /// The calls that made it leave, with their side: `server: sendto(9, "1", 1) = 1`.
    pub calls: Vec<String>,
    /// What is so of it.
    pub facts: Vec<Fact>,
    /// Why it left when it did.
    pub why: Why,
    /// True for a SYN of the client's.
    pub opens: bool,
    /// True if all that it carries had been sent before.
    pub repeats: bool,
    /// Set where it left later than its write, and it was Nagle's algorithm that held it.
    pub held: Option<HeldSegment>,
    /// The write-family calls whose bytes it carries.
    pub carries: Vec<EventId>,
    /// True if it is open which of several threads' writes these are.
    pub carries_open: bool,
    /// The call of the server during which it left or was caused.
    pub during: Option<EventId>,
    /// TCP's view of its sender's socket at that moment, where the wire asked.
    #[serde(serialize_with = "shown::optional")]
    pub tcp: Option<Box<TcpView>>,
}

shown! {
    /// What became of a packet.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Outcome {
        /// It was captured in one place. On a loopback interface that is both ends; elsewhere nothing is known.
        Captured = "captured",
        /// It came.
        Delivered = "delivered",
        /// It never came.
        Lost = "lost",
        /// It came more than once.
        Duplicated = "duplicated",
        /// It came with other bytes, and the kernel there threw it away.
        Damaged = "damaged",
    }
}

/// One thing that is so of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What; its name is stable.
    #[serde(rename = "name", serialize_with = "shown::words")]
    pub kind: FactKind,
    /// What that means, in a line.
    pub meaning: &'static str,
    /// How sure it is.
    #[serde(serialize_with = "shown::words")]
    pub certainty: Certainty,
    /// The frames that show it, by number.
    pub frames: Vec<FrameNumber>,
    /// The events that show it.
    pub events: Vec<EventId>,
}

/// Why a packet left when it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The reason; its name is stable.
    #[serde(rename = "name", serialize_with = "shown::reason")]
    pub reason: Reason,
    /// What that means, in a line.
    pub meaning: &'static str,
    /// How sure it is.
    #[serde(serialize_with = "shown::words")]
    pub certainty: Certainty,
    /// The frames that show it, by number.
    pub frames: Vec<FrameNumber>,
    /// The events that show it.
    pub events: Vec<EventId>,
    /// How long it waited, in nanoseconds: see [`Why::waited`](crate::facts::Why::waited).
    #[serde(rename = "waited_ns", serialize_with = "shown::nanoseconds")]
    pub waited: Option<Duration>,
}

/// A segment that was held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HeldSegment {
    /// Its write, which had returned. `None` where only a file's comment tells of it.
    pub write: Option<EventId>,
    /// From the return of its write until it left, in whole milliseconds.
    pub milliseconds: u64,
    /// The number of the frame whose ACK let it go.
    pub until_frame: FrameNumber,
}

/// A system call, and what it caused.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bracket {
    /// Its event.
    pub event: EventId,
    /// The number of its frame.
    pub frame: Option<FrameNumber>,
    /// Who made it.
    #[serde(serialize_with = "shown::words")]
    pub side: Side,
    /// Who made it, where several processes of its side made calls, or threads did and that was
    /// [asked for](Extent::threads): `A`, `t2`. A line of the [verdict](Diagram::verdict) tells the ids. `None` where one
    /// call is like another.
    pub label: Option<String>,
    /// The process that made it, where that was recorded.
    pub process: Option<i32>,
    /// The thread that made it.
    pub thread: i32,
    /// Its place in time: where it returned if it waits for the peer, else where it was entered.
    pub at: Moment,
    /// When it was entered.
    pub entered: Moment,
    /// When it returned; `None` if it had not when the observation ended.
    pub returned: Option<Moment>,
    /// True if it is of those that wait for the peer: it may last for long and cause nothing meanwhile.
    pub waits: bool,
    /// As strace writes it, with as much of its data as was kept: `sendto(9, "1", 1) = 1`.
    pub words: String,
    /// The arrows that it caused, in order. Not the data that a client sent meanwhile.
    pub arrows: Vec<EventId>,
    /// True if it only found that it would have had to wait (EAGAIN), and moved nothing.
    pub quiet: bool,
    /// The call, for who has less room than its words take.
    #[serde(skip)]
    pub call: Call,
}

/// What a client of our own did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Action {
    /// Its event.
    pub event: EventId,
    /// The number of its frame.
    pub frame: Option<FrameNumber>,
    /// When.
    pub at: Moment,
    /// What, in words: `send "1\n"`.
    pub words: String,
    /// The arrow that it made leave.
    pub arrow: Option<EventId>,
    /// True for a `connect` whose SYN is an arrow.
    pub quiet: bool,
    /// What, for who has less room than its words take.
    #[serde(skip)]
    pub action: ClientActionKind,
}

/// A socket has another state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct State {
    /// The event that brought it, or that showed it.
    pub event: EventId,
    /// The number of its frame.
    pub frame: Option<FrameNumber>,
    /// Whose socket.
    #[serde(serialize_with = "shown::words")]
    pub side: Side,
    /// When.
    pub at: Moment,
    /// The state that it has now; `None` if it is gone.
    #[serde(serialize_with = "shown::optional")]
    pub to: Option<TcpState>,
    /// In words: `CLOSE_WAIT`, or `closed`.
    pub words: String,
    /// True for a state of the client's in which its process still owns the socket.
    pub quiet: bool,
}

/// What a process of the server did that is no call on a socket.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Process {
    /// Its event.
    pub event: EventId,
    /// The number of its frame.
    pub frame: Option<FrameNumber>,
    /// When.
    pub at: Moment,
    /// The process.
    pub pid: i32,
    /// What it did, or the line that it wrote.
    pub words: String,
    /// Where it wrote the line to, if that is what it did.
    #[serde(serialize_with = "shown::optional")]
    pub output: Option<OutputStream>,
    /// True if it is the end of a process that succeeded, is not the first one, and made no call on a socket: a wrapper
    /// script starts many.
    pub is_helper: bool,
    /// True if it only started.
    pub quiet: bool,
    /// What, for who has less room than its words take.
    #[serde(skip)]
    pub process: ProcessEvent,
}

/// A state that a socket had for a while.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Band {
    /// Whose socket.
    #[serde(serialize_with = "shown::words")]
    pub side: Side,
    /// The state.
    #[serde(serialize_with = "shown::words")]
    pub state: TcpState,
    /// From when on it can have had it: since a packet brought it, or since the socket table was read before.
    pub since: Moment,
    /// From when on it is known to have it. Later than `since` only where nothing but the table tells of it.
    pub known: Moment,
    /// The event that brought it.
    pub event: EventId,
    /// Until when it is known to have had it; `None` if it still had it when the observation ended.
    pub until: Option<Moment>,
}

/// Something that was put off, and what ended that.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wait {
    /// Whose kernel put it off.
    #[serde(serialize_with = "shown::words")]
    pub side: Side,
    /// Why.
    #[serde(serialize_with = "shown::reason")]
    pub reason: Reason,
    /// How sure that is.
    #[serde(serialize_with = "shown::words")]
    pub certainty: Certainty,
    /// From when on: of data since its write had returned, of an ACK since what it acknowledges had come, of a
    /// retransmission since the copy before it.
    pub since: Moment,
    /// Until when: the arrow left.
    pub until: Moment,
    /// How long that was, in whole milliseconds.
    pub milliseconds: u64,
    /// The call whose bytes waited.
    pub call: Option<EventId>,
    /// The arrow that left at last.
    pub arrow: EventId,
    /// The event that let it go: the ACK that Nagle's algorithm had waited for.
    pub ended_by: Option<EventId>,
    /// What waited for what: `Nagle waits for an ACK`.
    pub words: &'static str,
}

/// A stretch of time in which nothing happened: no mark that is not quiet begins in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fold {
    /// The last mark before it.
    pub since: Moment,
    /// The first mark after it.
    pub until: Moment,
    /// The place of that mark among the diagram's.
    pub mark: usize,
}

/// What a rule finds, and the marks that show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The name of the rule.
    pub id: RuleId,
    /// How much it matters.
    #[serde(serialize_with = "shown::words")]
    pub severity: Severity,
    /// What the rule finds.
    pub summary: &'static str,
    /// What shows it here, in a line.
    pub message: String,
    /// What to do about it.
    pub cure: &'static str,
    /// The events that show it.
    pub evidence: Vec<EventId>,
}

/// A line of what a reader should take away.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// What it is about: `writes per reply`.
    pub name: &'static str,
    /// What is so.
    pub words: String,
}

impl Scene {
    /// All of a timeline.
    pub fn of(timeline: &Timeline) -> Scene {
        Scene::part_of(timeline, Extent::default())
    }

    /// As much of a timeline as is to be drawn.
    pub fn part_of(timeline: &Timeline, part: Extent) -> Scene {
        assemble::scene(timeline, part)
    }

    /// Leaves only what is about these frames, and what lies between them. What has no number belongs to the
    /// frame before it, and what made a packet leave to that. Verdicts and findings stay: they are about all of a connection.
    #[must_use]
    pub fn frames(mut self, frames: &RangeInclusive<FrameNumber>) -> Scene {
        for diagram in &mut self.connections {
            diagram.keep(frames);
        }
        self
    }
}

impl Diagram {
    /// The arrows, in order.
    pub fn arrows(&self) -> impl Iterator<Item = &Arrow> {
        self.marks.iter().filter_map(|mark| match mark {
            Mark::Arrow(arrow) => Some(&**arrow),
            _ => None,
        })
    }

    /// The calls, in order.
    pub fn calls(&self) -> impl Iterator<Item = &Bracket> {
        self.marks.iter().filter_map(|mark| match mark {
            Mark::Call(call) => Some(&**call),
            _ => None,
        })
    }

    /// How long a time without events is said to be, in whole milliseconds. What waits all through it has a length that
    /// is told elsewhere too: then it is that one, so that one wait has one number.
    pub(crate) fn length(&self, since: Moment, until: Moment) -> u64 {
        let within = |wait: &&Wait| wait.until >= until && wait.since.since(since) <= until.since(since) / 2;
        let mut waits = self.waits.iter().filter(within);
        let wait = waits.clone().find(|wait| wait.call.is_some()).or_else(|| waits.next());
        wait.map_or_else(|| whole_milliseconds(until.since(since)), |wait| wait.milliseconds)
    }

    /// An end of it.
    pub fn lifeline(&self, side: Side) -> &Lifeline {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn keep(&mut self, frames: &RangeInclusive<FrameNumber>) {
        let kept_arrows: HashSet<EventId> = self
            .arrows()
            .filter(|arrow| arrow.frame.is_some_and(|number| frames.contains(&number)))
            .map(|arrow| arrow.event)
            .collect();
        let mut inside = false;
        let mut kept = 0;
        // For each mark this holds its new place, or nothing if the mark is removed.
        let places: Vec<Option<usize>> = self
            .marks
            .iter()
            .map(|mark| {
                inside = mark.frame().map_or(inside, |number| frames.contains(&number));
                // An action stands before the packet that it made leave, so it is kept together with that packet.
                let stays = match mark {
                    Mark::Action(action) if action.frame.is_none() => {
                        action.arrow.map_or(inside, |arrow| kept_arrows.contains(&arrow))
                    }
                    _ => inside,
                };
                kept += usize::from(stays);
                stays.then(|| kept - 1)
            })
            .collect();
        let mut place = places.iter();
        self.marks.retain(|_| place.next().is_some_and(Option::is_some));
        self.folds.retain_mut(|fold| {
            // A fold shortens the gap to the mark before it. If that mark is removed, so is the fold.
            let place = places.get(fold.mark).copied().flatten().filter(|place| *place > 0);
            fold.mark = place.unwrap_or_default();
            place.is_some()
        });
        let moments = self.marks.iter().map(Mark::at);
        let (first, last) = (moments.clone().min(), moments.max());
        let overlaps = |since: Moment, until: Option<Moment>| {
            last.is_some_and(|last| since <= last)
                && first.is_some_and(|first| until.is_none_or(|until| until >= first))
        };
        self.bands.retain(|band| overlaps(band.since, band.until));
        self.waits.retain(|wait| overlaps(wait.since, Some(wait.until)));
    }
}
