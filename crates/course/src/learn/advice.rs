//! One piece of advice for a server that does not do what it has to: small pure functions over what was seen, the
//! most particular first. They give the name of a text, and what shows it; `advice.json` has the texts.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use harness::conversation::{Act, Turn};
use harness::facts::Reason;
use harness::rules::{Finding, RuleId};
use harness::timeline::words::call_text;
use harness::timeline::{
    Argument, Call, CallKind, ClientActionKind, Connection, Event, EventId, EventKind, Flags, KnownPacket, Packet,
    Side, SocketOption, Timeline, printable,
};
use harness::{How, Trouble};

use super::exercise::About;
use super::fault::{Fault, Untraced};
use super::measure::replies;
use crate::data;

/// What a learner is told, and where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Its name: what the tests hold wrong turns to.
    pub id: &'static str,
    /// A sentence or two. They name frames and calls, and do not give the solution.
    pub text: String,
    /// The events that show it, as indices into the timeline: they are marked.
    pub evidence: Vec<EventId>,
}

/// What advice goes by.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The run that is shown.
    pub timeline: &'a Timeline,
    /// What is wrong with it.
    pub fault: &'a Fault,
    /// The learner's source, without comments.
    pub source: &'a str,
    /// What was asked of it.
    pub about: &'a About,
}

/// The texts by their names. A name is the advice's id, or behind a slash of it how this text differs: `kept/failed`.
/// A place in a text, as `{frames}`, stands for what the function gives, or for what [`Case::place`] knows.
static TEXTS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| data(include_str!("../../advice.json")));

/// What advice is made of.
struct Told {
    id: &'static str,
    /// The name of its text.
    text: &'static str,
    evidence: Vec<EventId>,
    /// What places of its text hold.
    places: Vec<(&'static str, String)>,
}

/// Advice by the name of its text, with the events that show it.
fn told(text: &'static str, evidence: impl IntoIterator<Item = EventId>) -> Told {
    Told {
        id: text.split('/').next().unwrap_or(text),
        text,
        evidence: evidence.into_iter().collect(),
        places: Vec::new(),
    }
}

impl Told {
    fn with(mut self, place: &'static str, holds: impl ToString) -> Told {
        self.places.push((place, holds.to_string()));
        self
    }
}

/// All advice, the most particular first.
const ADVICE: &[fn(&Case<'_>) -> Option<Told>] = &[
    no_descriptor_left,
    |case| case.met(How::Admitted).map(|_| told("admitted", None)),
    waits_for_another,
    one_at_a_time,
    ended,
    closed_too_early,
    not_utf8,
    empty_line,
    one_line_of_several,
    half_a_line,
    newline,
    written_too_late,
    no_write,
    wrong_bytes,
    stays_open,
    nagle_is_off,
    waits_between_writes,
    |case| case.parts_by("flush(", "flush-each"),
    |case| Some(case.parts_by("writeln!(", "writeln")?.with("name", "writeln!")),
    |case| Some(case.parts_by("write!(", "writeln")?.with("name", "write!")),
    two_writes,
    |case| {
        let flushes = case.source.contains("flush(");
        case.found(RuleId::NagleStall, if flushes { "stalled/flush" } else { "stalled" })
    },
    |case| {
        case.found(RuleId::CloseWaitLeak, "drops-one-owner")
            .filter(|_| case.source.contains("drop("))
    },
    |case| case.found(RuleId::CloseWaitLeak, "still-owned"),
    shutdown_alone,
    |case| match case.fault {
        Fault::Slow { waited, evidence } => Some(told("slow", evidence.clone()).with("ms", waited.as_millis())),
        _ => None,
    },
    // Of a stall that has to be there.
    |case| case.missing(RuleId::NagleStall, "nagle-is-off", [case.nagle_off()?]),
    nothing_to_hold,
    // Of an end that nobody has to read.
    |case| case.missing(RuleId::UnreadEof, "reads-the-end", [case.end_of_file()?]),
    fin_then_reset,
    asked_for_a_reset,
    |case| case.found(RuleId::ResetOnClose, "unread-bytes"),
    not_shown,
    by_its_finding,
    never_learns,
    closes_first,
    kept,
    by_its_measure,
];

/// A pause in a reply that no scheduler makes in every one of them.
const PAUSE: Duration = Duration::from_millis(10);

/// The advice for a case.
pub fn advise(case: &Case<'_>) -> Advice {
    match ADVICE.iter().find_map(|advice| advice(case)) {
        Some(told) => case.advice(told),
        None => Advice {
            id: "look",
            text: case.fault.to_string(),
            evidence: Vec::new(),
        },
    }
}

/// A text with its places filled.
fn filled(text: &str, holds: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = text.split('{');
    let mut made = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (place, rest) = part.split_once('}').unwrap_or((part, ""));
        let held = holds(place);
        debug_assert!(held.is_some(), "nothing stands for {{{place}}} in: {text}");
        made += &held.unwrap_or_default();
        made += rest;
    }
    made
}

/// The text of this name; its places are not filled.
pub(super) fn text(name: &str) -> String {
    TEXTS.get(name).cloned().unwrap_or_default()
}

impl<'a> Case<'a> {
    fn advice(&self, told: Told) -> Advice {
        let given = |place: &str| told.places.iter().find(|(name, _)| *name == place);
        let text = filled(&text(told.text), |place| match given(place) {
            Some((_, holds)) => Some(holds.clone()),
            None => self.place(place, &told.evidence),
        });
        Advice {
            id: told.id,
            text,
            evidence: told.evidence,
        }
    }

    /// What a place in a text stands for; `None` if there is no such place.
    fn place(&self, name: &str, evidence: &[EventId]) -> Option<String> {
        let (first, last) = (evidence.first(), evidence.last());
        let frame = |event: Option<EventId>| self.frames(event.as_slice());
        let call = |event: Option<&EventId>| event.map(|&id| self.call(id));
        let trouble = self.trouble();
        let rule = match self.fault {
            Fault::Missing(rule) => Some(*rule),
            _ => self.finding().map(|finding| finding.rule),
        };
        let holds = match name {
            // The first word of a sentence on what is wrong: of what is new, or of what was so from the beginning.
            "still" if matches!(self.fault, Fault::Worse(_)) => Some("Now".to_owned()),
            "still" => Some("Still".to_owned()),
            "client" => trouble.map(|trouble| (trouble.connection + 1).to_string()),
            "why" => trouble.and_then(|trouble| Some(format!(" {}", trouble.why.as_ref()?))),
            "sent" => trouble.map(|trouble| shown(&trouble.sent)),
            "got" => trouble.map(|trouble| shown(&trouble.got)),
            "wanted" if trouble.is_some_and(|trouble| trouble.wanted.is_empty()) => Some("what has to come".to_owned()),
            "wanted" => trouble.map(|trouble| shown(&trouble.wanted)),
            "message" => self.finding().map(|finding| printable(&finding.message)),
            "rule" => rule.map(|rule| rule.name.to_owned()),
            "summary" => rule.map(|rule| rule.summary.to_owned()),
            "frames" => Some(self.frames(evidence)),
            "first" => Some(frame(first.copied())),
            "last" => Some(frame(last.copied())),
            "fin" => Some(frame(self.flagged(Flags::FIN))),
            "reset" => Some(frame(self.flagged(Flags::RST))),
            "call" => call(first),
            "last-call" => call(last),
            "writes" => self.parts().map(|parts| parts.len().to_string()),
            "written" => self.parts().map(|parts| self.frames(&parts)),
            _ => return None,
        };
        Some(holds.unwrap_or_default())
    }

    fn trouble(&self) -> Option<&'a Trouble> {
        match self.fault {
            Fault::Reply(trouble) => Some(trouble),
            _ => None,
        }
    }

    /// What a client met, if it ended so.
    fn met(&self, how: How) -> Option<&'a Trouble> {
        self.trouble().filter(|trouble| trouble.how == how)
    }

    /// The finding that is too much.
    fn finding(&self) -> Option<&'a Finding> {
        match self.fault {
            Fault::Found(finding) | Fault::Worse(finding) => Some(finding),
            _ => None,
        }
    }

    /// Advice on a finding of this rule, if it is one that is too much.
    fn found(&self, id: RuleId, text: &'static str) -> Option<Told> {
        let finding = self.finding().filter(|finding| finding.rule.id == id)?;
        Some(told(text, finding.evidence.clone()))
    }

    /// Advice on what stands in the way of a finding of this rule, if there has to be one.
    fn missing(&self, id: RuleId, text: &'static str, evidence: impl IntoIterator<Item = EventId>) -> Option<Told> {
        let is_missing = matches!(self.fault, Fault::Missing(rule) if rule.id == id);
        is_missing.then(|| told(text, evidence))
    }

    /// The connection that shows it; the first one if none does in particular.
    fn connection(&self) -> Option<Connection<'a>> {
        let place = match (self.trouble(), self.finding()) {
            (Some(trouble), _) => trouble.connection,
            (_, Some(finding)) => finding.connection.index(),
            _ => 0,
        };
        self.timeline.connections().nth(place)
    }

    fn call(&self, id: EventId) -> String {
        self.timeline.call(id).map(call_text).unwrap_or_default()
    }

    /// `frame 8`, or `frames 8 and 10`.
    fn frames(&self, events: &[EventId]) -> String {
        let numbers = events.iter().filter_map(|&id| self.timeline.frame(id));
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        match numbers.split_last() {
            None => "no frame".to_owned(),
            Some((one, [])) => format!("frame {one}"),
            Some((last, rest)) => format!("frames {} and {last}", rest.join(", ")),
        }
    }

    /// The call that switched Nagle's algorithm off.
    fn nagle_off(&self) -> Option<EventId> {
        let off = Some(Argument::Option(SocketOption::NoDelay(true)));
        let switches = |call: &Call| call.kind == CallKind::SetOption && call.argument() == off;
        let mut calls = self.timeline.all_calls();
        calls.find(|(_, call)| switches(call)).map(|(id, _)| id)
    }

    /// The last read that got bytes, if there is one.
    fn last_read(&self) -> Option<EventId> {
        let mut reads = calls_of(self.connection()?, CallKind::Read).rev();
        reads.find(|(_, call)| call.moved() > 0).map(|(id, _)| id)
    }

    fn last_write(&self) -> Option<EventId> {
        Some(calls_of(self.connection()?, CallKind::Write).next_back()?.0)
    }

    /// The read that returned 0.
    fn end_of_file(&self) -> Option<EventId> {
        let mut calls = self.connection()?.calls();
        calls.find(|(_, call)| call.is_end_of_file()).map(|(id, _)| id)
    }

    /// The server's first packet with this flag.
    fn flagged(&self, flag: Flags) -> Option<EventId> {
        let has = |packet: KnownPacket<'_>| packet.from == Side::Server && packet.segment.flags.has(flag);
        let mut packets = self.connection()?.packets();
        packets.find(|(_, packet)| has(*packet)).map(|(id, _)| id)
    }

    /// The writes of the first reply that took several, where it is the writes that are too many. Where a task allows
    /// several, what waits between them is another matter.
    fn parts(&self) -> Option<Vec<EventId>> {
        let too_many = match self.fault {
            Fault::Found(finding) | Fault::Worse(finding) => {
                [RuleId::SplitReply, RuleId::NagleStall].contains(&finding.rule.id) && !self.allows_parts()
            }
            // Only if there are more writes than wanted: there may also be too few.
            Fault::Must { wanted, got, .. } => got.parse::<u32>().ok() > wanted.parse().ok(),
            Fault::Slow { .. } => true,
            _ => false,
        };
        let replies = replies(self.connection()?);
        replies.into_iter().find(|writes| too_many && writes.len() > 1)
    }

    fn allows_parts(&self) -> bool {
        self.about.stays.contains(&RuleId::SplitReply)
    }

    /// Advice on writes that are too many, and that this word of the source makes.
    fn parts_by(&self, word: &str, text: &'static str) -> Option<Told> {
        let parts = self.parts().filter(|_| self.source.contains(word))?;
        Some(told(text, parts))
    }
}

/// The calls that moved bytes, or read the end.
fn calls_of<'a>(connection: Connection<'a>, kind: CallKind) -> impl DoubleEndedIterator<Item = (EventId, &'a Call)> {
    let calls: Vec<_> = connection.calls().filter(|(_, call)| call.kind == kind).collect();
    calls.into_iter()
}

fn first_call(connection: Connection<'_>, kind: CallKind) -> Option<EventId> {
    calls_of(connection, kind).next().map(|(id, _)| id)
}

/// So many bytes are shown of what was sent or came.
const SHOWN: usize = 24;

fn shown(bytes: &[u8]) -> String {
    let text = bytes[..bytes.len().min(SHOWN)].escape_ascii().to_string();
    match bytes.len() {
        ..=SHOWN => format!("\"{text}\""),
        length => format!("\"{text}\", … ({length} bytes)"),
    }
}

fn waits_for_another(case: &Case<'_>) -> Option<Told> {
    let trouble = case.met(How::Silence)?;
    // What a client that does not read said last, but for its end.
    let closed = |connection: Connection<'_>| {
        let is_end = |flags: Flags| flags.has(Flags::RST) || flags.has(Flags::FIN);
        let packets = connection.packets();
        let (id, packet) = packets
            .filter(|(_, packet)| packet.from == Side::Client && !is_end(packet.segment.flags))
            .last()?;
        (packet.window == 0).then_some(id)
    };
    let others = case.timeline.connections().enumerate();
    let mut others = others.filter(|(place, _)| *place != trouble.connection);
    let (place, frame) = others.find_map(|(place, other)| Some((place, closed(other)?)))?;
    Some(told("waits-for-another", [frame]).with("other", place + 1))
}

fn one_at_a_time(case: &Case<'_>) -> Option<Told> {
    case.met(How::Silence)?;
    let begins = |connection: Connection<'_>| connection.packets().next().map(|(id, _)| id);
    let waits = case.connection()?;
    let came = begins(waits)?;
    // Whoever was accepted before its client gave up waits for something else.
    let gave_up = waits.events().find_map(|(id, event)| match &event.kind {
        EventKind::Client(action) => matches!(action.kind, ClientActionKind::GaveUp { .. }).then_some(id),
        _ => None,
    });
    if first_call(waits, CallKind::Accept).is_some_and(|accepted| gave_up.is_none_or(|end| accepted < end)) {
        return None;
    }
    // It came before this one, and was still there then.
    let before = |other: Connection<'_>| {
        let (accept, close) = (first_call(other, CallKind::Accept)?, first_call(other, CallKind::Close));
        (begins(other)? < came && close.is_none_or(|close| came < close)).then_some(accept)
    };
    let mut others = case.timeline.connections().enumerate();
    let (place, accepted) = others.find_map(|(place, other)| Some((place, before(other)?)))?;
    Some(told("one-at-a-time", [accepted]).with("other", place + 1))
}

fn ended(case: &Case<'_>) -> Option<Told> {
    // Who is asked to stop has to end: what it left undone is another matter.
    let is_asked = |turn: &Turn| matches!(turn.act, Act::Signal(..));
    let matters = case.trouble().is_some() || matches!(case.fault, Fault::Missing(_));
    if !matters || case.about.client.turns.iter().any(is_asked) {
        return None;
    }
    Some(told("server-ended", case.last_read()).with("exit", case.timeline.exit()?))
}

fn closed_too_early(case: &Case<'_>) -> Option<Told> {
    let trouble = case.met(How::Closed).or(case.met(How::Failed))?;
    std::str::from_utf8(&trouble.sent).ok()?;
    Some(match case.flagged(Flags::RST) {
        Some(reset) => told("closes-early/reset", [reset]),
        None => told("closes-early", [case.flagged(Flags::FIN)?]),
    })
}

fn not_utf8(case: &Case<'_>) -> Option<Told> {
    let trouble = case.trouble().filter(|trouble| trouble.how != How::StaysOpen)?;
    std::str::from_utf8(&trouble.sent).err()?;
    Some(told("not-utf8", case.last_read()))
}

fn empty_line(case: &Case<'_>) -> Option<Told> {
    let trouble = case.met(How::Silence)?;
    (trouble.sent == b"\n" && trouble.got.is_empty()).then(|| told("empty-line", case.last_read()))
}

fn one_line_of_several(case: &Case<'_>) -> Option<Told> {
    let trouble = case.met(How::Silence)?;
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    let (sent, got) = (lines(&trouble.sent), lines(&trouble.got));
    if sent < 2 || got >= sent {
        return None;
    }
    let advice = told("lines-in-one-segment", [case.last_read()?]);
    Some(advice.with("lines-sent", sent).with("lines-got", got))
}

fn half_a_line(case: &Case<'_>) -> Option<Told> {
    let trouble = case.trouble()?;
    let line = trouble.got.strip_suffix(b"\n")?;
    if line.is_empty() || trouble.wanted.len() <= trouble.got.len() || line.contains(&b'\n') {
        return None;
    }
    // Only the last send is known: if it was shorter than the reply, it was the second part of a line.
    if !trouble.wanted.starts_with(line) || trouble.sent.len() >= trouble.wanted.len() {
        return None;
    }
    let mut reads = calls_of(case.connection()?, CallKind::Read);
    let (read, _) = reads.find(|(_, call)| call.moved() > 0)?;
    Some(told("half-a-line", [read]))
}

fn newline(case: &Case<'_>) -> Option<Told> {
    let trouble = case.trouble()?;
    let without = trouble.wanted.strip_suffix(b"\n")?;
    let text = match trouble.got.strip_prefix(&*trouble.wanted) {
        _ if trouble.got == without && !without.is_empty() => "newline-missing",
        Some([b'\n', ..]) => "newline-twice",
        _ => return None,
    };
    Some(told(text, [case.last_write()?]))
}

fn written_too_late(case: &Case<'_>) -> Option<Told> {
    let trouble = case.met(How::Silence)?;
    let end = case.end_of_file().filter(|_| trouble.got.is_empty())?;
    let mut writes = calls_of(case.connection()?, CallKind::Write);
    let (write, _) = writes.find(|(id, call)| *id > end && !call.bytes.is_empty())?;
    Some(told("written-too-late", [end, write]))
}

fn no_write(case: &Case<'_>) -> Option<Told> {
    case.met(How::Silence)?;
    let read = case.last_read();
    let mut writes = calls_of(case.connection()?, CallKind::Write);
    if writes.any(|(id, call)| Some(id) > read && call.moved() > 0) {
        return None;
    }
    let mut buffers = ["BufWriter", "LineWriter"].into_iter();
    let text = match read {
        None => "no-read",
        Some(_) if buffers.any(|name| case.source.contains(name)) => "no-write/buffer",
        Some(_) => "no-write",
    };
    Some(told(text, read))
}

fn wrong_bytes(case: &Case<'_>) -> Option<Told> {
    let has_bytes = |trouble: &&Trouble| !matches!(trouble.how, How::StaysOpen | How::Refused | How::Admitted);
    let trouble = case.trouble().filter(has_bytes)?;
    let (wanted, got) = (&trouble.wanted, &trouble.got);
    let alike = wanted.iter().zip(got).take_while(|(wanted, got)| wanted == got).count();
    let from = match alike > SHOWN {
        true => format!(" They differ from byte {} on: {} came.", alike + 1, got.len()),
        false => String::new(),
    };
    let text = match (trouble.sent.is_empty(), wanted.is_empty()) {
        (true, true) => "wrong-bytes/none",
        (true, false) => "wrong-bytes/unasked",
        (false, true) => "wrong-bytes/others",
        (false, false) => "wrong-bytes",
    };
    Some(told(text, case.last_write()).with("from", from))
}

fn stays_open(case: &Case<'_>) -> Option<Told> {
    case.met(How::StaysOpen)?;
    let end = case.end_of_file();
    let shut = |event: &Event| matches!(&event.kind, EventKind::Client(action) if action.kind == ClientActionKind::ShutdownWrite);
    let closed = case.connection()?.events().any(|(_, event)| shut(event));
    let text = match end {
        _ if !closed => "stays-open/first",
        Some(_) => "stays-open",
        None => "stays-open/unread",
    };
    Some(told(text, end))
}

fn nagle_is_off(case: &Case<'_>) -> Option<Told> {
    let parts = case.parts()?;
    let stalls = case.found(RuleId::NagleStall, "stalled").is_some();
    let off = case.nagle_off().filter(|_| !stalls)?;
    Some(told("nodelay", [off].into_iter().chain(parts)))
}

fn waits_between_writes(case: &Case<'_>) -> Option<Told> {
    let parts = case.parts()?;
    let pause = |writes: &Vec<EventId>| {
        let call = |id: Option<&EventId>| case.timeline.call(*id?);
        Some(call(writes.last())?.entered.since(call(writes.first())?.ended))
    };
    let replies = replies(case.connection()?);
    let several = replies.iter().filter(|writes| writes.len() > 1);
    let shortest = several.clone().filter_map(pause).min()?;
    let sleeps = several.count() > 1 && shortest >= PAUSE;
    sleeps.then(|| told("sleep", parts).with("ms", shortest.as_millis()))
}

fn two_writes(case: &Case<'_>) -> Option<Told> {
    // Where several writes are allowed, they are not what is wrong.
    let parts = case.parts().filter(|_| !case.allows_parts())?;
    let first = case.timeline.call(*parts.first()?).map_or("?", |call| &call.name);
    Some(told("two-writes", parts).with("name", first))
}

fn shutdown_alone(case: &Case<'_>) -> Option<Told> {
    let mut told = case.found(RuleId::DescriptorLeak, "shutdown-alone")?;
    if let Some(shut) = first_call(case.connection()?, CallKind::Shutdown) {
        told.evidence = vec![shut];
    }
    Some(told)
}

fn no_descriptor_left(case: &Case<'_>) -> Option<Told> {
    case.trouble()?;
    let (failed, _) = case.timeline.all_calls().find(|(_, call)| call.cannot_accept())?;
    let first = case.timeline.connections().next()?;
    let kept = first_call(first, CallKind::Close).is_none();
    Some(match first_call(first, CallKind::Shutdown).filter(|_| kept) {
        Some(shut) => told("shut-down-not-closed", [shut, failed]),
        None => told("no-descriptor-left", [failed]),
    })
}

/// Of a stall that has to be there.
fn nothing_to_hold(case: &Case<'_>) -> Option<Told> {
    let replies = replies(case.connection()?);
    let first = replies.first().and_then(|writes| writes.first().copied());
    let advice = case.missing(RuleId::NagleStall, "nothing-to-hold", first)?;
    replies.iter().all(|writes| writes.len() < 2).then_some(advice)
}

fn fin_then_reset(case: &Case<'_>) -> Option<Told> {
    let mut told = case.found(RuleId::ResetOnClose, "fin-then-reset")?;
    let reset = case.flagged(Flags::RST)?;
    told.evidence.push(case.flagged(Flags::FIN).filter(|fin| *fin < reset)?);
    Some(told)
}

fn asked_for_a_reset(case: &Case<'_>) -> Option<Told> {
    let told = case.found(RuleId::ResetOnClose, "asked-for-a-reset")?;
    let reset = case.timeline.packet(case.flagged(Flags::RST)?)?;
    if reset.facts.why.reason != Reason::Linger {
        return None;
    }
    let lingers = Some(Argument::Option(SocketOption::Linger(Some(0))));
    let calls = case.connection()?.calls();
    let (asks, _) = calls.filter(|(_, call)| call.argument() == lingers).last()?;
    Some(told.with("asks", case.call(asks)))
}

fn not_shown(case: &Case<'_>) -> Option<Told> {
    let Fault::Missing(rule) = case.fault else { return None };
    case.connection()?;
    let fin = case.flagged(Flags::FIN);
    let text = match rule.id {
        RuleId::ResetOnClose if fin.is_some() => "not-shown/fin",
        RuleId::CloseWaitLeak | RuleId::UnreadEof if fin.is_some() => "not-shown/closed",
        _ => return Some(told("not-shown", None)),
    };
    Some(told(text, fin))
}

fn by_its_finding(case: &Case<'_>) -> Option<Told> {
    let finding = case.finding()?;
    Some(Told {
        id: finding.rule.name,
        ..told("finding", finding.evidence.clone())
    })
}

/// Of a client that is gone, and that the server keeps.
fn never_learns(case: &Case<'_>) -> Option<Told> {
    let (Fault::Must { measure, on, .. }, false) = (case.fault, case.about.wire.is_empty()) else {
        return None;
    };
    let place = on.unwrap_or(1);
    let index = place.checked_sub(1).filter(|_| measure.name == "server-left-in")?;
    let needs_ack = |packet: &Packet| packet.segment.len > 0 || packet.segment.flags.has(Flags::FIN);
    let sent = case.timeline.connections().nth(index)?.packets();
    let sent = sent.filter(|(_, packet)| packet.from == Side::Server && needs_ack(packet));
    let (last, packet) = sent.last()?;
    let lost = packet.passage.as_ref().is_some_and(|of| of.arrivals.is_empty());
    let text = if lost { "sent-for-ever" } else { "nobody-asks" };
    Some(told(text, [last]).with("other", place))
}

fn closes_first(case: &Case<'_>) -> Option<Told> {
    let Fault::Must { measure, got, .. } = case.fault else {
        return None;
    };
    let fin = case
        .flagged(Flags::FIN)
        .filter(|_| measure.name == "time-wait" && got == "server")?;
    let shut = first_call(case.connection()?, CallKind::Shutdown).filter(|shut| *shut < fin);
    Some(match shut {
        Some(shut) => told("closes-first/shutdown", [fin]).with("asks", case.call(shut)),
        None => told("closes-first", [fin]),
    })
}

fn kept(case: &Case<'_>) -> Option<Told> {
    let Fault::Kept { held, guest, on } = case.fault else {
        return None;
    };
    let mut connections = case.timeline.connections();
    let connection = connections.find(|connection| connection.endpoints() == *on)?;
    let said = connection.packets().filter(|(_, packet)| packet.from == Side::Client);
    let has_failed = |call: &Call| matches!(call.result, Some(Err(_))) && !call.would_block();
    let failed = connection.calls().filter(|(_, call)| has_failed(call)).last();
    let text = if failed.is_some() { "kept/failed" } else { "kept" };
    let evidence = [said.last().map(|(id, _)| id), failed.map(|(id, _)| id)];
    Some(
        told(text, evidence.into_iter().flatten())
            .with("held", held)
            .with("guest", guest),
    )
}

fn by_its_measure(case: &Case<'_>) -> Option<Told> {
    match case.fault {
        Fault::Must { evidence, wanted, .. } => {
            let is_seen = evidence.iter().any(|&id| case.timeline.frame(id).is_some());
            let text = if is_seen { "measure" } else { "measure/unseen" };
            Some(told(text, evidence.clone()).with("value", wanted))
        }
        Fault::Untraced(Untraced::Listening(_)) => Some(told("untraced/listening", None)),
        Fault::Untraced(Untraced::Behaviour(_) | Untraced::Segments(..)) => Some(told("untraced", None)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "../../tests/unit/learn_advice.rs"]
mod tests;
