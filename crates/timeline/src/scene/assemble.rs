//! A timeline, its facts and its sentences put together as what to draw.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::events::sockets::{Dated, dated_by_packets};
use crate::events::{
    Call, CallKind, ClientAction, ClientActionKind, Event, EventKind, Exit, Flags, Level, Packet, Passage,
    ProcessEvent, ProcessEventKind, Side, Timestamp, printable,
};
use crate::events::{EventId, Explanation, FrameNumber};
use crate::facts::{self, Evidence, Reason};
use crate::rules;
use crate::timeline::{Connection, KnownPacket, Timeline};
use crate::words::{NO_STRICT_MODE, action_text, call_text, client_actions_of, explain_connection, whole_call};
use crate::words::{call_words, client_words, process_words, state_words, whole_milliseconds};

use super::makers::Makers;
use super::*;

/// A stretch without anything is a fold from here on: many times what loopback needs for a packet, and less
/// than Linux's shortest delayed ACK.
const FOLD: Duration = Duration::from_millis(10);

pub(super) fn scene(timeline: &Timeline, part: Extent) -> Scene {
    let start = timeline.start();
    // The findings come in the order of the connections, so each connection takes its own from the front.
    let mut findings = timeline.findings().into_iter().peekable();
    let connections = timeline.connections().take(part.connections);
    let makers = Makers::of(timeline, part.threads);
    let diagrams = connections.map(|connection| {
        let of_it = std::iter::from_fn(|| findings.next_if(|found| found.connection == connection.id()));
        let of_it = of_it.map(finding).collect();
        Assembly::new(connection, start, part, &makers).diagram(of_it)
    });
    let diagrams = diagrams.collect();
    Scene {
        level: timeline.level,
        start,
        notes: notes(timeline),
        connections: diagrams,
        connections_in_all: timeline.connections_in_all(),
        outside: outside(timeline),
        unknown: timeline.unknown_rules().map(|rule| rule.id).collect(),
    }
}

/// One connection on its way to be a diagram.
struct Assembly<'a> {
    timeline: &'a Timeline,
    connection: Connection<'a>,
    start: Timestamp,
    part: Extent,
    makers: &'a Makers,
    /// True if what belongs to no connection is told among its marks.
    alone: bool,
    explanations: BTreeMap<EventId, Explanation>,
    /// The packet that an action made leave.
    packet_of: HashMap<EventId, EventId>,
    /// The packets that each call caused.
    caused: HashMap<EventId, Vec<EventId>>,
    /// The client's first SYN.
    syn: Option<EventId>,
    client_is_traced: bool,
    /// When packets brought states.
    dates: Vec<Dated>,
}

impl<'a> Assembly<'a> {
    fn new(connection: Connection<'a>, start: Timestamp, part: Extent, makers: &'a Makers) -> Assembly<'a> {
        let timeline = connection.timeline();
        let is_traced =
            |(_, event): (EventId, &Event)| matches!(&event.kind, EventKind::Client(action) if action.call.is_some());
        Assembly {
            timeline,
            connection,
            start,
            part,
            makers,
            alone: timeline.connections_in_all() == 1,
            explanations: explain_connection(timeline, connection),
            packet_of: client_actions_of(connection)
                .into_iter()
                .map(|(packet, action)| (action, packet))
                .collect(),
            caused: packets_caused(timeline, connection),
            syn: connection
                .packets()
                .find(|(_, packet)| packet.is_first_syn())
                .map(|(id, _)| id),
            client_is_traced: connection.events().any(is_traced),
            dates: dated_by_packets(timeline.seen().connection(connection.id())),
        }
    }

    fn diagram(self, findings: Vec<Finding>) -> Diagram {
        let marks = self.marks();
        let mut verdict = verdict::of(self.timeline, self.connection, &self.explanations);
        verdict.extend(self.makers.legend(&marks));
        let ends = self.connection.endpoints();
        let lifeline = |side, address| Lifeline { side, address };
        let totals = self.timeline.totals(self.connection.id());
        Diagram {
            connection: self.connection.id().index(),
            client: lifeline(Side::Client, ends.client),
            server: lifeline(Side::Server, ends.server),
            has_wire: self.timeline.level != Level::NoPackets,
            tells_calls: self.timeline.level > Level::Capture,
            client_is_traced: self.client_is_traced,
            bands: self.bands(&marks),
            waits: self.waits(),
            folds: folds(&marks),
            findings,
            verdict,
            left_out: totals.map_or(0, |totals| totals.left_out),
            marks,
        }
    }

    fn at(&self, at: Timestamp) -> Moment {
        Moment::of(self.start, at)
    }

    fn marks(&self) -> Vec<Mark> {
        let mut marks = Vec::new();
        let output = self.part.output;
        for (id, event) in self.timeline.events_around(self.connection, self.alone || output) {
            match &event.kind {
                EventKind::Packet(_) => {
                    let packet = self.timeline.packet(id);
                    marks.extend(packet.map(|packet| Mark::Arrow(self.arrow(id, event.at, packet).into())));
                }
                EventKind::Call(call) if event.connection.is_some() || self.alone => {
                    marks.push(Mark::Call(self.call(id, event.at, call).into()));
                }
                EventKind::Client(action) => marks.push(self.client(id, event.at, action)),
                EventKind::Process(process) => {
                    let is_output = matches!(process.kind, ProcessEventKind::Wrote { .. });
                    let is_ours = self.alone || event.connection.is_some();
                    if if is_output { output } else { is_ours } {
                        marks.push(Mark::Process(self.process(id, event.at, process).into()));
                    }
                }
                EventKind::Call(_) | EventKind::State(_) => {}
            }
            marks.extend(self.states(id, event.at));
        }
        marks
    }

    fn arrow(&self, id: EventId, at: Timestamp, packet: KnownPacket<'_>) -> Arrow {
        let segment = &packet.segment;
        let facts = &packet.facts;
        let explanation = self.explanations.get(&id);
        let told = explanation.filter(|_| self.part.sentences);
        let passage = packet.passage.as_deref();
        let mut came: Vec<Moment> = passage
            .iter()
            .flat_map(|passage| &passage.arrivals)
            .map(|came| self.at(*came))
            .collect();
        came.sort_unstable();
        Arrow {
            event: id,
            frame: self.timeline.frame(id),
            from: packet.from,
            left: self.at(at),
            came,
            outcome: passage.map_or(Outcome::Captured, outcome),
            wire: passage.and_then(|passage| Some(printable(passage.what.as_deref()?))),
            flags: segment.flags,
            seq: packet.seq,
            ack: segment.flags.has(Flags::ACK).then_some(packet.ack),
            len: segment.len,
            window: packet.window,
            data: segment.payload.to_vec(),
            words: words(&packet),
            sentence: told.map_or(String::new(), |explanation| explanation.sentence.clone()),
            calls: told.map_or(Vec::new(), |explanation| {
                explanation.calls.iter().map(ToString::to_string).collect()
            }),
            facts: facts.facts().iter().map(fact).collect(),
            why: why(&facts.why),
            opens: packet.is_first_syn(),
            repeats: facts.is_repeat(),
            held: explanation
                .and_then(|explanation| explanation.held)
                .map(|held| HeldSegment {
                    write: packet.held().map(|held| held.write),
                    milliseconds: held.milliseconds,
                    until_frame: held.until_frame,
                }),
            carries: facts.carries.to_vec(),
            carries_open: facts.carries_open,
            during: facts.during,
            tcp: passage
                .and_then(|passage| passage.tcp.as_ref())
                .and_then(|views| views.of(packet.from).cloned().map(Box::new)),
        }
    }

    fn call(&self, id: EventId, at: Timestamp, call: &Call) -> Bracket {
        // This is the packet that a call of a traced client made leave. A call of the server has none here.
        let sent = self.packet_of.get(&id).copied();
        let quiet = call.kind != CallKind::Write && call_words(call).is_none();
        Bracket {
            event: id,
            frame: self.timeline.frame(id),
            side: Side::Server,
            label: self.makers.label(Side::Server, call),
            process: call.process.map(Into::into),
            thread: call.thread,
            at: self.at(at),
            entered: self.at(call.entered),
            returned: call.result.map(|_| self.at(call.ended)),
            waits: matches!(call.kind, CallKind::Accept | CallKind::Connect | CallKind::Read),
            words: whole_call(call),
            arrows: sent.map_or_else(|| self.caused.get(&id).cloned().unwrap_or_default(), |sent| vec![sent]),
            quiet,
            call: call.clone(),
        }
    }

    fn client(&self, id: EventId, at: Timestamp, action: &ClientAction) -> Mark {
        if let (Some(call), Some(_)) = (&action.call, client_words(action)) {
            let bracket = Bracket {
                side: Side::Client,
                label: self.makers.label(Side::Client, call),
                quiet: false,
                ..self.call(id, at, call)
            };
            return Mark::Call(bracket.into());
        }
        let arrow = self.packet_of.get(&id).copied();
        let connected = action.kind == ClientActionKind::Connected;
        let frame = self.timeline.frame(id);
        let action = Action {
            event: id,
            frame,
            at: self.at(at),
            words: action_text(&action.kind),
            arrow: arrow.or(self.syn.filter(|_| connected)),
            quiet: connected && self.syn.is_some() && frame.is_none(),
            action: action.kind.clone(),
        };
        Mark::Action(action.into())
    }

    fn process(&self, id: EventId, at: Timestamp, process: &ProcessEvent) -> Process {
        let words = process_words(process);
        let (line, output) = match &process.kind {
            ProcessEventKind::Wrote { stream, line } => (Some(printable(line)), Some(*stream)),
            ProcessEventKind::Settled(settled) => (Some(format!("the run ends {settled}")), None),
            _ => (None, None),
        };
        Process {
            event: id,
            frame: self.timeline.frame(id),
            at: self.at(at),
            pid: process.pid,
            is_helper: self.is_helper(process),
            quiet: words.is_none() && output.is_none(),
            words: words
                .or(line)
                .unwrap_or_else(|| format!("process {} started", process.pid)),
            output,
            process: process.clone(),
        }
    }

    /// Whether it only ended, well, and did nothing with a socket.
    fn is_helper(&self, process: &ProcessEvent) -> bool {
        matches!(process.kind, ProcessEventKind::Exited(Exit::Status(0)))
            && !self.makers.made_calls(process.pid)
            && self.timeline.first_process() != Some(process.pid)
    }

    fn states(&self, id: EventId, at: Timestamp) -> impl Iterator<Item = Mark> {
        let states = self.timeline.states_after(id).iter();
        let of_it = states.filter(|state| state.connection == self.connection.id());
        of_it.map(move |state| {
            let change = state.change;
            let state = State {
                event: id,
                frame: state.frame,
                side: change.side,
                at: self.at(at),
                to: change.to,
                words: change.to.map_or("closed".to_owned(), |state| state.to_string()),
                quiet: state_words(&change).is_none(),
            };
            Mark::State(state.into())
        })
    }

    fn waits(&self) -> Vec<Wait> {
        let packets = self.connection.packets();
        packets.filter_map(|(id, packet)| self.wait(id, packet)).collect()
    }

    /// What a packet waited for before it left.
    fn wait(&self, id: EventId, packet: KnownPacket<'_>) -> Option<Wait> {
        let why = &packet.facts.why;
        let words = waiting(why.reason)?;
        let waited = why.waited.filter(|waited| !waited.is_zero())?;
        let until = self.at(self.timeline[id].at);
        let waited = i64::try_from(waited.as_nanos()).unwrap_or(i64::MAX);
        let named = why.evidence.iter().find_map(Evidence::event);
        let ended_by = why.evidence.iter().find_map(Evidence::frame);
        Some(Wait {
            side: packet.from,
            reason: why.reason,
            certainty: why.certainty,
            since: Moment(until.0.saturating_sub(waited)),
            until,
            milliseconds: whole_milliseconds(until.since(Moment(until.0.saturating_sub(waited)))),
            call: named.filter(|event| matches!(self.timeline[*event].kind, EventKind::Call(_) | EventKind::Client(_))),
            arrow: id,
            ended_by: ended_by.and_then(|frame| self.timeline.event_of_frame(frame)),
            words,
        })
    }

    /// From when on a socket can have had a state, and from when on it is known to. A packet dates what it brings. The
    /// socket table is read now and then: what it alone tells came about at some moment since it was read before.
    fn dated(&self, state: &State) -> (Moment, Moment) {
        let shown = &self.timeline[state.event];
        if !matches!(shown.kind, EventKind::State(_)) {
            return (state.at, state.at);
        }
        let brought = self
            .dates
            .iter()
            .rfind(|date| (date.side, date.to) == (state.side, state.to) && date.at <= shown.at);
        let is_look = |event: &&Event| matches!(event.kind, EventKind::State(_)) && event.at < shown.at;
        let look = || self.timeline.events[..state.event.index()].iter().rfind(is_look);
        match brought {
            Some(date) if date.is_sure => (self.at(date.at), self.at(date.at)),
            Some(date) => (self.at(date.at), state.at),
            None => (
                look().map_or(Moment(0), |look| self.at(look.at)).min(state.at),
                state.at,
            ),
        }
    }

    /// How long each socket had each state.
    fn bands(&self, marks: &[Mark]) -> Vec<Band> {
        let mut bands: Vec<Band> = Vec::new();
        for mark in marks {
            let Mark::State(state) = mark else { continue };
            let (mut since, mut known) = self.dated(state);
            let is_open = |band: &&mut Band| band.side == state.side && band.until.is_none();
            if let Some(last) = bands.iter_mut().rfind(is_open) {
                if Some(last.state) == state.to {
                    continue;
                }
                (since, known) = (since.max(last.known), known.max(last.known));
                last.until = Some(since);
            }
            bands.extend(state.to.map(|to| Band {
                side: state.side,
                state: to,
                since,
                known,
                event: state.event,
                until: None,
            }));
        }
        bands
    }
}

/// The packets that each call made: those inside its interval, without what the client sent on its
/// own. A read is left out: it may wait through any number of packets that it has nothing to do
/// with, and stands where it returned.
fn packets_caused(timeline: &Timeline, connection: Connection<'_>) -> HashMap<EventId, Vec<EventId>> {
    let mut caused: HashMap<EventId, Vec<EventId>> = HashMap::new();
    for (id, packet) in connection.packets() {
        let bare_ack = packet.segment.flags == Flags::ACK && packet.segment.len == 0;
        let during = packet.facts.during.and_then(|call| Some((call, timeline.call(call)?)));
        let during = during.filter(|_| packet.from == Side::Server || bare_ack);
        if let Some((call, _)) = during.filter(|(_, call)| call.kind != CallKind::Read) {
            caused.entry(call).or_default().push(id);
        }
    }
    caused
}

/// What is put off, and until what, of the reasons that are a wait.
fn waiting(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Nagle => "Nagle waits for an ACK",
        Reason::Cork => "the cork waits for more",
        Reason::CongestionWindow => "waits for the congestion window",
        Reason::ReceiveWindow => "waits for the receive window",
        Reason::DelayedAck => "the ACK is put off",
        Reason::Timeout => "no ACK in time",
        Reason::TailLossProbe | Reason::ProbeOrTimeout => "no ACK yet",
        _ => return None,
    })
}

fn outcome(passage: &Passage) -> Outcome {
    match passage.arrivals.len() {
        0 => Outcome::Lost,
        _ if passage.corrupted => Outcome::Damaged,
        1 => Outcome::Delivered,
        _ => Outcome::Duplicated,
    }
}

/// Flags, numbers and length, in whole.
fn words(packet: &Packet) -> String {
    let flags = packet.segment.flags;
    let mut words = format!("{flags} seq {}", packet.seq);
    if flags.has(Flags::ACK) {
        words += &format!(" ack {}", packet.ack);
    }
    if packet.segment.len > 0 {
        words += &format!(" len {}", packet.segment.len);
    }
    if packet.window == 0 && !flags.has(Flags::RST) {
        words += " win 0";
    }
    words
}

fn fact(fact: &facts::Fact) -> Fact {
    let (frames, events) = evidence(&fact.evidence);
    Fact {
        kind: fact.kind,
        meaning: fact.kind.summary(),
        certainty: fact.certainty,
        frames,
        events,
    }
}

fn why(why: &facts::Why) -> Why {
    let (frames, events) = evidence(&why.evidence);
    Why {
        reason: why.reason,
        meaning: why.reason.summary(),
        certainty: why.certainty,
        frames,
        events,
        waited: why.waited,
    }
}

/// Frame numbers, and indices into the events.
fn evidence(evidence: &[Evidence]) -> (Vec<FrameNumber>, Vec<EventId>) {
    (
        evidence.iter().filter_map(Evidence::frame).collect(),
        evidence.iter().filter_map(Evidence::event).collect(),
    )
}

fn finding(finding: rules::Finding) -> Finding {
    Finding {
        id: finding.rule.id,
        severity: finding.severity,
        summary: finding.rule.summary,
        message: finding.message,
        cure: finding.rule.cure,
        evidence: finding.evidence,
    }
}

/// Where nothing happens for long.
fn folds(marks: &[Mark]) -> Vec<Fold> {
    let mut folds = Vec::new();
    let mut last: Option<Moment> = None;
    for (place, mark) in marks.iter().enumerate().filter(|(_, mark)| !mark.is_quiet()) {
        let at = mark.at();
        if let Some(since) = last.filter(|last| at.since(*last) >= FOLD) {
            folds.push(Fold {
                since,
                until: at,
                mark: place,
            });
        }
        last = Some(at);
    }
    folds
}

/// What a reader must know before reading on: what could not be observed.
fn notes(timeline: &Timeline) -> Vec<String> {
    let level = match timeline.level {
        Level::Sandbox => None,
        Level::Loopback => Some("Captured on the host's own loopback interface, not in a private network."),
        Level::NoPackets => Some("No packets could be captured. Packet counts are the kernel's own (TCP_INFO)."),
        Level::Capture => Some("From a capture file of packets alone. Socket states are worked out from the segments."),
    };
    let dropped = (timeline.dropped > 0).then(|| {
        format!(
            "The capture is not whole: {} packets were dropped, so counts of packets are the least there can be.",
            timeline.dropped
        )
    });
    let level = level.map(str::to_owned);
    let not_kept = (timeline.not_kept > 0).then(|| {
        let (longer, others) = match timeline.level {
            Level::Capture => (
                "capture is",
                " Choose others with --connection or --filter, or cut the file with editcap.",
            ),
            _ => ("run was", ""),
        };
        let not_kept = timeline.not_kept;
        format!("The {longer} longer than what is kept of it: {not_kept} later events are not here.{others}")
    });
    let whole = dropped.into_iter().chain(not_kept);
    let rest = timeline.not_looked_at().map(|rest| rest + ".");
    let whole = whole.chain(not_drawn(timeline)).chain(rest);
    level.into_iter().chain(whole).collect()
}

/// What a file holds besides connections.
fn not_drawn(timeline: &Timeline) -> Option<String> {
    /// More kinds than these are counted together.
    const MOST: usize = 5;
    let mut kinds: Vec<_> = timeline.left_out()?.no_segment.iter().collect();
    kinds.sort_by_key(|(_, count)| Reverse(**count));
    let (named, others) = kinds.split_at(kinds.len().min(MOST));
    let mut all: Vec<String> = named.iter().map(|(why, count)| format!("{count} {why}")).collect();
    if !others.is_empty() {
        let count: u64 = others.iter().map(|(_, count)| **count).sum();
        all.push(format!("{count} of {} other kinds", others.len()));
    }
    (!all.is_empty()).then(|| format!("Packets that are not drawn: {}.", all.join(", ")))
}

/// What happened to the server outside any connection.
fn outside(timeline: &Timeline) -> Vec<String> {
    let mut failed: BTreeMap<String, usize> = BTreeMap::new();
    let mut ends = Vec::new();
    let first = timeline.first_process();
    for event in &timeline.events {
        let ProcessEvent { pid, kind } = match &event.kind {
            EventKind::Process(process) => &**process,
            EventKind::Call(call) if event.connection.is_none() && call.cannot_accept() => {
                *failed.entry(call_text(call)).or_default() += 1;
                continue;
            }
            _ => continue,
        };
        ends.push(match kind {
            // Only the end of the first process, or an end by a signal, is told: a program may have dozens of
            // children that do their work and end.
            ProcessEventKind::Exited(exit) if first == Some(*pid) || matches!(exit, Exit::Signal(_)) => {
                format!("process {pid} ended: {exit}")
            }
            ProcessEventKind::UsesIoUring => {
                format!("process {pid} uses io_uring: what it does through that is no system call and is not shown")
            }
            ProcessEventKind::OutputNotKept => {
                "the server wrote more lines than are kept: the later ones are not here".to_owned()
            }
            ProcessEventKind::ForeignCalls => {
                format!("process {pid} makes calls of another architecture, as 32-bit programs do: they are not shown")
            }
            ProcessEventKind::NoStrictMode => format!("process {pid} {NO_STRICT_MODE}"),
            ProcessEventKind::WithoutRights { program, rights } => format!(
                "process {pid} runs {} without what its file gives: {rights}; as root it would have it",
                printable(program)
            ),
            ProcessEventKind::Started
            | ProcessEventKind::Exited(_)
            | ProcessEventKind::Holds { .. }
            | ProcessEventKind::Dials { .. }
            | ProcessEventKind::Settled(_)
            | ProcessEventKind::Wrote { .. } => continue,
        });
    }
    let failed = failed.into_iter().map(|(call, times)| match times {
        1 => call,
        _ => format!("{call} ({times} times)"),
    });
    failed.chain(ends).collect()
}
