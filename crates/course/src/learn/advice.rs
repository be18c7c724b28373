//! One piece of advice for a server that does not do what it has to: small pure functions over what was seen, the
//! most particular first.

use std::time::Duration;

use harness::conversation::{Act, Turn};
use harness::facts::Reason;
use harness::rules::{Finding, RuleId};
use harness::timeline::words::call_text;
use harness::timeline::{
    Argument, Call, CallKind, ClientActionKind, Connection, Event, EventId, EventKind, Exit, Flags, Packet, Side,
    SocketOption, Timeline, printable,
};
use harness::{How, Trouble};

use super::exercise::About;
use super::fault::{Fault, Untraced};
use super::measure::replies;

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

/// All advice, the most particular first.
const ADVICE: &[fn(&Case<'_>) -> Option<Advice>] = &[
    no_descriptor_left,
    admitted,
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
    flushes_each,
    writeln,
    two_writes,
    stalled,
    drops_one_owner,
    still_owned,
    shutdown_alone,
    slow,
    nothing_waits,
    nothing_to_hold,
    knows_the_end,
    fin_then_reset,
    asked_for_a_reset,
    unread_bytes,
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
    let found = ADVICE.iter().find_map(|advice| advice(case));
    found.unwrap_or_else(|| Advice {
        id: "look",
        text: case.fault.to_string(),
        evidence: Vec::new(),
    })
}

fn advice(id: &'static str, evidence: Vec<EventId>, text: impl Into<String>) -> Option<Advice> {
    let text = text.into();
    Some(Advice { id, text, evidence })
}

impl<'a> Case<'a> {
    fn trouble(&self) -> Option<&'a Trouble> {
        match self.fault {
            Fault::Reply(trouble) => Some(trouble),
            _ => None,
        }
    }

    /// The finding that is too much.
    fn finding(&self) -> Option<&'a Finding> {
        match self.fault {
            Fault::Found(finding) | Fault::Worse(finding) => Some(finding),
            _ => None,
        }
    }

    /// The first word of a sentence on what is wrong: of what was so from the beginning, or of what is new.
    fn still(&self) -> &'static str {
        match self.fault {
            Fault::Worse(_) => "Now",
            _ => "Still",
        }
    }

    fn is_found(&self, id: RuleId) -> bool {
        self.finding().is_some_and(|finding| finding.rule.id == id)
    }

    /// The connection that shows it; the first one if none does in particular.
    fn connection(&self) -> Option<Connection<'a>> {
        let place = match (self.trouble(), self.finding()) {
            (Some(trouble), _) => trouble.connection,
            (_, Some(finding)) => finding.connection.0,
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
        let switches = |call: &Call| call.kind == CallKind::SetOption && call.argument == off;
        self.timeline
            .all_calls()
            .find(|(_, call)| switches(call))
            .map(|(id, _)| id)
    }

    /// The last read that got bytes, if there is one.
    fn last_read(&self) -> Vec<EventId> {
        self.connection().and_then(last_read).into_iter().collect()
    }

    /// The writes of the first reply that took several, where it is the writes that are too many. Where a task allows
    /// several, what waits between them is another matter.
    fn parts(&self) -> Option<Vec<EventId>> {
        let too_many = match self.fault {
            Fault::Found(finding) | Fault::Worse(finding) => {
                [RuleId::SplitReply, RuleId::NagleStall].contains(&finding.rule.id)
                    && !self.about.stays.contains(&RuleId::SplitReply)
            }
            // Only if there are more writes than wanted: there may also be too few.
            Fault::Must { wanted, got, .. } => got.parse::<u32>().ok() > wanted.parse().ok(),
            Fault::Slow { .. } => true,
            _ => false,
        };
        let replies = replies(self.connection()?);
        replies.into_iter().find(|writes| too_many && writes.len() > 1)
    }
}

/// The server's packets with this flag.
fn flagged(connection: Connection<'_>, flag: Flags) -> impl Iterator<Item = EventId> {
    let has = move |(id, packet): (EventId, harness::timeline::KnownPacket<'_>)| {
        (packet.from == Side::Server && packet.segment.flags.has(flag)).then_some(id)
    };
    connection.packets().filter_map(has)
}

/// The calls that moved bytes, or read the end.
fn calls_of<'a>(connection: Connection<'a>, kind: CallKind) -> impl DoubleEndedIterator<Item = (EventId, &'a Call)> {
    let calls: Vec<_> = connection.calls().filter(|(_, call)| call.kind == kind).collect();
    calls.into_iter()
}

fn last_read(connection: Connection<'_>) -> Option<EventId> {
    calls_of(connection, CallKind::Read)
        .rev()
        .find(|(_, call)| call.moved() > 0)
        .map(|(id, _)| id)
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

fn admitted(case: &Case<'_>) -> Option<Advice> {
    let trouble = case.trouble().filter(|trouble| trouble.how == How::Admitted)?;
    let text = format!(
        "Client {} could connect.{} A listener that is open takes connections, by its kernel, whether or not the program \
         accepts them.",
        trouble.connection + 1,
        trouble.why.as_ref().map_or_else(String::new, |why| format!(" {why}"))
    );
    advice("admitted", Vec::new(), text)
}

fn waits_for_another(case: &Case<'_>) -> Option<Advice> {
    let trouble = case.trouble().filter(|trouble| trouble.how == How::Silence)?;
    // What a client that does not read said last, but for its end.
    let closed = |connection: Connection<'_>| {
        let is_end = |flags: Flags| flags.has(Flags::RST) || flags.has(Flags::FIN);
        let (id, packet) = connection
            .packets()
            .filter(|(_, packet)| packet.from == Side::Client && !is_end(packet.segment.flags))
            .last()?;
        (packet.window == 0).then_some(id)
    };
    let mut others = case
        .timeline
        .connections()
        .enumerate()
        .filter(|(place, _)| *place != trouble.connection);
    let (place, frame) = others.find_map(|(place, other)| Some((place, closed(other)?)))?;
    let text = format!(
        "Client {} has a window of 0 ({}): it does not read. Client {} does, and is not answered. Which line of yours \
         waits for the one, and who waits with it?",
        place + 1,
        case.frames(&[frame]),
        trouble.connection + 1
    );
    advice("waits-for-another", vec![frame], text)
}

fn one_at_a_time(case: &Case<'_>) -> Option<Advice> {
    let trouble = case.trouble().filter(|trouble| trouble.how == How::Silence)?;
    let first = |connection: Connection<'_>, kind| calls_of(connection, kind).next().map(|(id, _)| id);
    let begins = |connection: Connection<'_>| connection.packets().next().map(|(id, _)| id);
    let came = begins(case.connection()?)?;
    // Whoever was accepted before its client gave up waits for something else.
    let gave_up = case.connection()?.events().find_map(|(id, event)| match &event.kind {
        EventKind::Client(action) => matches!(action.kind, ClientActionKind::GaveUp { .. }).then_some(id),
        _ => None,
    });
    if first(case.connection()?, CallKind::Accept).is_some_and(|accepted| gave_up.is_none_or(|end| accepted < end)) {
        return None;
    }
    // It came before this one, and was still there then.
    let before = |other: Connection<'_>| {
        let (accept, close) = (first(other, CallKind::Accept)?, first(other, CallKind::Close));
        (begins(other)? < came && close.is_none_or(|close| came < close)).then_some(accept)
    };
    let mut others = case.timeline.connections().enumerate();
    let (place, accepted) = others.find_map(|(place, other)| Some((place, before(other)?)))?;
    let text = format!(
        "Client {} is connected, which is the kernel's work, and is not accepted as long as client {} is there, which \
         was accepted in {}. What does your server wait for before it accepts the next one?",
        trouble.connection + 1,
        place + 1,
        case.frames(&[accepted])
    );
    advice("one-at-a-time", vec![accepted], text)
}

fn ended(case: &Case<'_>) -> Option<Advice> {
    if case.trouble().is_none() && !matches!(case.fault, Fault::Missing(_)) {
        return None;
    }
    // Who is asked to stop has to end: what it left undone is another matter.
    let is_asked = |turn: &Turn| matches!(turn.act, Act::Signal(..));
    let exit: Exit = case
        .timeline
        .exit()
        .filter(|_| !case.about.client.turns.iter().any(is_asked))?;
    let text = format!(
        "The server's process ended ({exit}), and others are still to be served. What ends it? Whatever happens to one \
         client must not end the others'."
    );
    advice("server-ended", case.last_read(), text)
}

fn closed_too_early(case: &Case<'_>) -> Option<Advice> {
    let trouble = case.trouble()?;
    if !matches!(trouble.how, How::Closed | How::Failed) || std::str::from_utf8(&trouble.sent).is_err() {
        return None;
    }
    let connection = case.connection()?;
    let (word, packet) = match flagged(connection, Flags::RST).next() {
        Some(reset) => ("a reset", reset),
        None => ("a FIN", flagged(connection, Flags::FIN).next()?),
    };
    let text = format!(
        "In {} the server closes with {word}. The client had sent {} and was still waiting for {}.",
        case.frames(&[packet]),
        shown(&trouble.sent),
        match trouble.wanted.is_empty() {
            true => "what has to come".to_owned(),
            false => shown(&trouble.wanted),
        }
    );
    advice("closes-early", vec![packet], text)
}

fn not_utf8(case: &Case<'_>) -> Option<Advice> {
    let trouble = case.trouble()?;
    if std::str::from_utf8(&trouble.sent).is_ok() || trouble.how == How::StaysOpen {
        return None;
    }
    let text = format!(
        "The client sent {}, which is no UTF-8, and got {}. TCP carries bytes; which of your functions wants text?",
        shown(&trouble.sent),
        shown(&trouble.got)
    );
    advice("not-utf8", case.last_read(), text)
}

fn empty_line(case: &Case<'_>) -> Option<Advice> {
    let trouble = case.trouble()?;
    if trouble.sent != b"\n" || trouble.how != How::Silence || !trouble.got.is_empty() {
        return None;
    }
    let text = "The client sent an empty line, one byte, and got nothing back. An empty line is a line.";
    advice("empty-line", case.last_read(), text)
}

fn one_line_of_several(case: &Case<'_>) -> Option<Advice> {
    let trouble = case.trouble()?;
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    if lines(&trouble.sent) < 2 || trouble.how != How::Silence || lines(&trouble.got) >= lines(&trouble.sent) {
        return None;
    }
    let read = case.connection().and_then(last_read)?;
    let text = format!(
        "{} lines came in one segment, and {} gave the server all of them ({}). It answered {}. One read is not \
         one line.",
        lines(&trouble.sent),
        case.call(read),
        case.frames(&[read]),
        lines(&trouble.got)
    );
    advice("lines-in-one-segment", vec![read], text)
}

fn half_a_line(case: &Case<'_>) -> Option<Advice> {
    let trouble = case.trouble()?;
    let (last, line) = trouble.got.split_last()?;
    if *last != b'\n' || line.is_empty() || trouble.wanted.len() <= trouble.got.len() || line.contains(&b'\n') {
        return None;
    }
    // Only the last send is known: if it was shorter than the reply, it was the second part of a line.
    if !trouble.wanted.starts_with(line) || trouble.sent.len() >= trouble.wanted.len() {
        return None;
    }
    let connection = case.connection()?;
    let read = calls_of(connection, CallKind::Read)
        .find(|(_, call)| call.moved() > 0)?
        .0;
    let text = format!(
        "The client sent a line in two segments. The server answered the first part alone: {} ({}) returned half \
         a line, and the reply was {}. Where does a line end?",
        case.call(read),
        case.frames(&[read]),
        shown(&trouble.got)
    );
    advice("half-a-line", vec![read], text)
}

fn newline(case: &Case<'_>) -> Option<Advice> {
    let trouble = case.trouble()?;
    let without = trouble.wanted.strip_suffix(b"\n")?;
    let (id, what) = if trouble.got == without && !without.is_empty() {
        (
            "newline-missing",
            "without its newline, and the client waits for the end of the line",
        )
    } else if trouble.got.starts_with(&trouble.wanted) && trouble.got[trouble.wanted.len()..].starts_with(b"\n") {
        ("newline-twice", "with two newlines")
    } else {
        return None;
    };
    let written = case
        .connection()
        .map(|connection| calls_of(connection, CallKind::Write));
    let write = written.and_then(|mut calls| calls.next_back())?.0;
    let text = format!(
        "The reply to {} came {what}: {} ({}).",
        shown(&trouble.sent),
        case.call(write),
        case.frames(&[write])
    );
    advice(id, vec![write], text)
}

fn written_too_late(case: &Case<'_>) -> Option<Advice> {
    let trouble = case.trouble()?;
    let connection = case.connection()?;
    let (end, _) = connection.calls().find(|(_, call)| call.is_end_of_file())?;
    let (write, _) = calls_of(connection, CallKind::Write).find(|(id, call)| *id > end && !call.bytes.is_empty())?;
    (trouble.how == How::Silence && trouble.got.is_empty()).then(|| Advice {
        id: "written-too-late",
        text: format!(
            "The server wrote its reply only when the client had gone: the end of file is {}, the write {}. What did it \
             wait for? If the bytes stood in a buffer: who empties it, and when?",
            case.frames(&[end]),
            case.frames(&[write])
        ),
        evidence: vec![end, write],
    })
}

fn no_write(case: &Case<'_>) -> Option<Advice> {
    let trouble = case.trouble()?;
    let connection = case.connection()?;
    let read = last_read(connection);
    let written = calls_of(connection, CallKind::Write).any(|(id, call)| Some(id) > read && call.moved() > 0);
    if trouble.how != How::Silence || written {
        return None;
    }
    let Some(read) = read else {
        let text = format!(
            "The client sent {}, and the server never read it.",
            shown(&trouble.sent)
        );
        return advice("no-read", Vec::new(), text);
    };
    let has_buffer = ["BufWriter", "LineWriter"]
        .iter()
        .any(|name| case.source.contains(name));
    let question = match has_buffer {
        true => "What stands in a buffer is sent by nobody: which call would send it?",
        false => "Which line of yours is to write the reply, and is it reached?",
    };
    let text = format!(
        "The server read the request in {} and made no write call after it. {question}",
        case.frames(&[read])
    );
    advice("no-write", vec![read], text)
}

fn wrong_bytes(case: &Case<'_>) -> Option<Advice> {
    let has_bytes = |trouble: &&Trouble| !matches!(trouble.how, How::StaysOpen | How::Refused | How::Admitted);
    let trouble = case.trouble().filter(has_bytes)?;
    let (wanted, got) = (&trouble.wanted, &trouble.got);
    let alike = wanted.iter().zip(got).take_while(|(wanted, got)| wanted == got).count();
    let from = match alike > SHOWN {
        true => format!(" They differ from byte {} on: {} came.", alike + 1, got.len()),
        false => String::new(),
    };
    let write = case
        .connection()
        .and_then(|connection| calls_of(connection, CallKind::Write).next_back());
    let has_to = match (trouble.sent.is_empty(), wanted.is_empty()) {
        (true, true) => "Nothing may come to the client here".to_owned(),
        (true, false) => format!("The client has to get {}", shown(wanted)),
        (false, true) => format!(
            "The client sent {}, and has to get something else",
            shown(&trouble.sent)
        ),
        (false, false) => format!(
            "The client sent {} and has to get {} back",
            shown(&trouble.sent),
            shown(wanted)
        ),
    };
    let text = format!(
        "{has_to}. It got {}.{from}{}",
        shown(got),
        trouble.why.as_ref().map_or_else(String::new, |why| format!(" {why}"))
    );
    advice("wrong-bytes", write.map(|(id, _)| id).into_iter().collect(), text)
}

fn stays_open(case: &Case<'_>) -> Option<Advice> {
    case.trouble().filter(|trouble| trouble.how == How::StaysOpen)?;
    let connection = case.connection()?;
    let end = connection
        .calls()
        .find(|(_, call)| call.is_end_of_file())
        .map(|(id, _)| id);
    let shut = |event: &Event| matches!(&event.kind, EventKind::Client(action) if action.kind == ClientActionKind::ShutdownWrite);
    let closed = connection.events().any(|(_, event)| shut(event));
    let why = case
        .trouble()?
        .why
        .as_ref()
        .map_or_else(String::new, |why| format!(" {why}"));
    let text = match end {
        _ if !closed => {
            format!("The client waits for the server to close, as it has to here, and the server does not.{why}")
        }
        Some(end) => format!(
            "The client has closed its side and waits for the server's end. The server knows: {} is the read that \
             returned 0. Who still owns the socket?",
            case.frames(&[end])
        ),
        None => "The client has closed its side and waits for the server's end. The server has not read that far."
            .to_owned(),
    };
    advice("stays-open", end.into_iter().collect(), text)
}

fn nagle_is_off(case: &Case<'_>) -> Option<Advice> {
    let parts = case.parts().filter(|_| !case.is_found(RuleId::NagleStall))?;
    let set = case.nagle_off()?;
    let mut evidence = vec![set];
    evidence.extend(&parts);
    let text = format!(
        "{} switches Nagle's algorithm off: nothing waits now, and a reply is still {} writes, {}. Each is a \
         packet of its own, with an ACK.",
        case.call(set),
        parts.len(),
        case.frames(&parts)
    );
    advice("nodelay", evidence, text)
}

fn waits_between_writes(case: &Case<'_>) -> Option<Advice> {
    let parts = case.parts()?;
    let replies = replies(case.connection()?);
    let pause = |writes: &Vec<EventId>| {
        let (first, last) = (
            case.timeline.call(*writes.first()?)?,
            case.timeline.call(*writes.last()?)?,
        );
        Some(last.entered.since(first.ended))
    };
    let several = replies.iter().filter(|writes| writes.len() > 1);
    let shortest = several.clone().filter_map(pause).min()?;
    (several.count() > 1 && shortest >= PAUSE).then(|| Advice {
        id: "sleep",
        text: format!(
            "In each reply at least {} ms pass between the first write and the last, {}. Waiting joins nothing: it is \
             still {} packets, and each reply takes longer.",
            shortest.as_millis(),
            case.frames(&parts),
            parts.len()
        ),
        evidence: parts,
    })
}

fn flushes_each(case: &Case<'_>) -> Option<Advice> {
    let parts = case.parts()?;
    case.source.contains("flush(").then(|| Advice {
        id: "flush-each",
        text: format!(
            "{} {} writes for one reply: {}. A `flush` sends what a buffer holds at that moment, and a bare socket \
             holds nothing. How often is it called for one reply, and on what?",
            case.still(),
            parts.len(),
            case.frames(&parts)
        ),
        evidence: parts,
    })
}

fn writeln(case: &Case<'_>) -> Option<Advice> {
    let parts = case.parts()?;
    let macros = ["writeln!(", "write!("];
    let name = macros
        .into_iter()
        .find(|name| case.source.contains(name))?
        .trim_end_matches('(');
    let text = format!(
        "{} {} writes for one reply: {}. The source has `{name}`. What does it call for each part of its \
         format?",
        case.still(),
        parts.len(),
        case.frames(&parts)
    );
    advice("writeln", parts, text)
}

fn two_writes(case: &Case<'_>) -> Option<Advice> {
    // Where several writes are allowed, they are not what is wrong.
    let parts = case
        .parts()
        .filter(|_| !case.about.stays.contains(&RuleId::SplitReply))?;
    let name = |id: EventId| case.timeline.call(id).map_or("?", |call| &call.name);
    let text = format!(
        "{} {} writes for one reply: {}. In the source, what stands between the line that makes the first `{}` \
         and the one that makes the last?",
        case.still(),
        parts.len(),
        case.frames(&parts),
        name(*parts.first()?)
    );
    advice("two-writes", parts, text)
}

fn stalled(case: &Case<'_>) -> Option<Advice> {
    let finding = case.finding().filter(|_| case.is_found(RuleId::NagleStall))?;
    let flushes = match case.source.contains("flush(") {
        true => " A `flush` hands what a buffer holds to the kernel; this was there already.",
        false => "",
    };
    let text = format!("{}.{flushes}", finding.message);
    advice("stalled", finding.evidence.clone(), text)
}

fn drops_one_owner(case: &Case<'_>) -> Option<Advice> {
    let finding = case.finding().filter(|_| case.is_found(RuleId::CloseWaitLeak))?;
    case.source.contains("drop(").then(|| Advice {
        id: "drops-one-owner",
        text: format!(
            "By {} the server knows that the client has gone, and the socket stays in CLOSE_WAIT. Your `drop` lets one \
             owner go. Which value holds another?",
            case.frames(&finding.evidence)
        ),
        evidence: finding.evidence.clone(),
    })
}

fn still_owned(case: &Case<'_>) -> Option<Advice> {
    let finding = case.finding().filter(|_| case.is_found(RuleId::CloseWaitLeak))?;
    let text = format!(
        "By {} the server knows that the client has gone, and the socket stays in CLOSE_WAIT. A socket closes when \
         its last owner is dropped. Who else owns this one?",
        case.frames(&finding.evidence)
    );
    advice("still-owned", finding.evidence.clone(), text)
}

fn shutdown_alone(case: &Case<'_>) -> Option<Advice> {
    let finding = case.finding().filter(|_| case.is_found(RuleId::DescriptorLeak))?;
    let connection = case.connection()?;
    let shut = calls_of(connection, CallKind::Shutdown).next().map(|(id, _)| id);
    let evidence: Vec<EventId> = shut.map_or_else(|| finding.evidence.clone(), |shut| vec![shut]);
    let text = format!(
        "On the wire it is right: {} sends the FIN. Yet no `close` follows, so the descriptor stays taken. Who \
         still owns the socket?",
        case.frames(&evidence)
    );
    advice("shutdown-alone", evidence, text)
}

fn slow(case: &Case<'_>) -> Option<Advice> {
    let Fault::Slow { waited, evidence } = case.fault else {
        return None;
    };
    let text = format!(
        "No reply of many came sooner than {} ms after its request. The wire takes less than one. What does the \
         server wait for?",
        waited.as_millis()
    );
    advice("slow", evidence.clone(), text)
}

fn no_descriptor_left(case: &Case<'_>) -> Option<Advice> {
    let trouble = case.trouble()?;
    let (id, call) = case.timeline.all_calls().find(|(_, call)| call.cannot_accept())?;
    let first = case.timeline.connections().next()?;
    let shut = calls_of(first, CallKind::Shutdown).next().map(|(id, _)| id);
    if let Some(shut) = shut.filter(|_| calls_of(first, CallKind::Close).next().is_none()) {
        let text = format!(
            "Client {} is not accepted: {} ({}). Each client before it was shut down, the first in {}, and none was \
             closed. Which of the two calls gives a descriptor back?",
            trouble.connection + 1,
            call_text(call),
            case.frames(&[id]),
            case.frames(&[shut])
        );
        return advice("shut-down-not-closed", vec![shut, id], text);
    }
    let text = format!(
        "Client {} is connected, which is the kernel's work, and no accept returns it: {} ({}). What still \
         holds the descriptors of the clients before it?",
        trouble.connection + 1,
        call_text(call),
        case.frames(&[id])
    );
    advice("no-descriptor-left", vec![id], text)
}

/// Of a stall that has to be there.
fn nothing_waits(case: &Case<'_>) -> Option<Advice> {
    let Fault::Missing(rule) = case.fault else { return None };
    let off = case.nagle_off().filter(|_| rule.id == RuleId::NagleStall)?;
    let text = format!(
        "{} switches Nagle's algorithm off, so nothing waits for an ACK.",
        case.call(off)
    );
    advice("nagle-is-off", vec![off], text)
}

/// Of a stall that has to be there.
fn nothing_to_hold(case: &Case<'_>) -> Option<Advice> {
    let Fault::Missing(rule) = case.fault else { return None };
    let replies = replies(case.connection().filter(|_| rule.id == RuleId::NagleStall)?);
    let write = replies
        .iter()
        .all(|writes| writes.len() < 2)
        .then(|| replies.first()?.first())?;
    let evidence: Vec<EventId> = write.copied().into_iter().collect();
    let text = format!(
        "A reply is one call: {}. Nagle's algorithm has something to hold only where a second small write comes \
         while the first is not acknowledged.",
        case.frames(&evidence)
    );
    advice("nothing-to-hold", evidence, text)
}

/// Of an end that nobody has to read.
fn knows_the_end(case: &Case<'_>) -> Option<Advice> {
    let Fault::Missing(rule) = case.fault else { return None };
    let connection = case.connection().filter(|_| rule.id == RuleId::UnreadEof)?;
    let (end, _) = connection.calls().find(|(_, call)| call.is_end_of_file())?;
    let text = format!(
        "In {} a read returns 0: the server learns that its client has closed. It must not come to that read.",
        case.frames(&[end])
    );
    advice("reads-the-end", vec![end], text)
}

fn fin_then_reset(case: &Case<'_>) -> Option<Advice> {
    let finding = case.finding().filter(|_| case.is_found(RuleId::ResetOnClose))?;
    let connection = case.connection()?;
    let reset = flagged(connection, Flags::RST).next()?;
    let fin = flagged(connection, Flags::FIN).next().filter(|fin| *fin < reset)?;
    let text = format!(
        "The FIN in {} is right: nothing more will come from the server. Then it closes, and bytes of the client \
         are still unread, so the reset in {} follows. What has to happen between the two?",
        case.frames(&[fin]),
        case.frames(&[reset])
    );
    advice(
        "fin-then-reset",
        finding.evidence.iter().copied().chain([fin]).collect(),
        text,
    )
}

fn asked_for_a_reset(case: &Case<'_>) -> Option<Advice> {
    let finding = case.finding().filter(|_| case.is_found(RuleId::ResetOnClose))?;
    let connection = case.connection()?;
    let reset = case.timeline.packet(flagged(connection, Flags::RST).next()?)?;
    if reset.facts.why.reason != Reason::Linger {
        return None;
    }
    let lingers = Some(Argument::Option(SocketOption::Linger(Some(0))));
    let (asks, _) = connection.calls().filter(|(_, call)| call.argument == lingers).last()?;
    let text = format!(
        "{} a reset: {}. {} asked for it, and throws away what has not come to the client yet.",
        case.still(),
        printable(&finding.message),
        case.call(asks)
    );
    advice("asked-for-a-reset", finding.evidence.clone(), text)
}

fn unread_bytes(case: &Case<'_>) -> Option<Advice> {
    let finding = case.finding().filter(|_| case.is_found(RuleId::ResetOnClose))?;
    let text = format!(
        "{} a reset: {}. Those bytes are in the kernel, on the receiving side. No flush and no pause takes them \
         out; which call does?",
        case.still(),
        printable(&finding.message)
    );
    advice("unread-bytes", finding.evidence.clone(), text)
}

fn not_shown(case: &Case<'_>) -> Option<Advice> {
    let Fault::Missing(rule) = case.fault else { return None };
    let connection = case.timeline.connections().next()?;
    let fin = flagged(connection, Flags::FIN).next();
    let (what, evidence) = match (rule.id, fin) {
        (RuleId::ResetOnClose, Some(fin)) => (
            format!("In {} the server closes with a FIN. ", case.frames(&[fin])),
            vec![fin],
        ),
        (RuleId::CloseWaitLeak | RuleId::UnreadEof, Some(fin)) => (
            format!(
                "In {} the server sends a FIN, so it has closed its side. ",
                case.frames(&[fin])
            ),
            vec![fin],
        ),
        _ => (String::new(), Vec::new()),
    };
    let text = format!(
        "{what}What this run has to show is that {}. docs/findings.md#{} says by what it is told.",
        rule.summary, rule.name
    );
    advice("not-shown", evidence, text)
}

fn by_its_finding(case: &Case<'_>) -> Option<Advice> {
    let finding = case.finding()?;
    let text = format!(
        "{}. docs/findings.md#{} says more.",
        printable(&finding.message),
        finding.rule.name
    );
    advice(finding.rule.name, finding.evidence.clone(), text)
}

/// Of a client that is gone, and that the server keeps.
fn never_learns(case: &Case<'_>) -> Option<Advice> {
    let (Fault::Must { measure, on, .. }, false) = (case.fault, case.about.wire.is_empty()) else {
        return None;
    };
    let place = on
        .unwrap_or(1)
        .checked_sub(1)
        .filter(|_| measure.name == "server-left-in")?;
    let needs_ack = |packet: &Packet| packet.segment.len > 0 || packet.segment.flags.has(Flags::FIN);
    let sent = case.timeline.connections().nth(place)?.packets();
    let sent = sent.filter(|(_, packet)| packet.from == Side::Server && needs_ack(packet));
    let (last, packet) = sent.last()?;
    let lost = packet.passage.as_ref().is_some_and(|of| of.arrivals.is_empty());
    let (id, text) = match lost {
        true => (
            "sent-for-ever",
            "has no ACK, and the kernel sends it again and again. What tells it when to give up?",
        ),
        false => (
            "nobody-asks",
            "was its last word. Nothing is on its way since then, so nothing can fail. Who asks the \
             client whether it is still there?",
        ),
    };
    let frame = case.frames(&[last]);
    advice(
        id,
        vec![last],
        format!("Connection {}: what the server sent in {frame} {text}", place + 1),
    )
}

fn closes_first(case: &Case<'_>) -> Option<Advice> {
    let Fault::Must { measure, got, .. } = case.fault else {
        return None;
    };
    let connection = case
        .connection()
        .filter(|_| measure.name == "time-wait" && got == "server")?;
    let fin = flagged(connection, Flags::FIN).next()?;
    let shut = calls_of(connection, CallKind::Shutdown).next();
    let why = match shut.filter(|(shut, _)| *shut < fin) {
        Some((_, call)) => format!("{} sends it. Has the client closed by then?", call_text(call)),
        None => "From what does a server learn that its client has closed?".to_owned(),
    };
    let text = format!(
        "The first FIN is the server's, in {}. The side that sends the first one waits in TIME_WAIT. {why}",
        case.frames(&[fin])
    );
    advice("closes-first", vec![fin], text)
}

fn kept(case: &Case<'_>) -> Option<Advice> {
    let Fault::Kept { held, guest, on } = case.fault else {
        return None;
    };
    let connection = case
        .timeline
        .connections()
        .find(|connection| connection.endpoints() == *on)?;
    let last = connection
        .packets()
        .filter(|(_, packet)| packet.from == Side::Client)
        .last();
    let failed = connection
        .calls()
        .filter(|(_, call)| matches!(call.result, Some(Err(_))) && !call.would_block())
        .last();
    let evidence: Vec<EventId> = last
        .map(|(id, _)| id)
        .into_iter()
        .chain(failed.map(|(id, _)| id))
        .collect();
    let why = match failed {
        Some((id, _)) => format!(
            " {} failed: which lines of yours are reached after that?",
            case.call(id)
        ),
        None => " Which lines of yours are reached when such a client ends?".to_owned(),
    };
    let text = format!(
        "A client {guest} ({}). All have left, and {held}.{why}",
        case.frames(&evidence)
    );
    advice("kept", evidence, text)
}

fn by_its_measure(case: &Case<'_>) -> Option<Advice> {
    match case.fault {
        Fault::Must { evidence, wanted, .. } => Some(Advice {
            id: "measure",
            text: match evidence.iter().all(|&id| case.timeline.frame(id).is_none()) {
                true => format!("The task asks for {wanted}. Read it again: key t, or page.md."),
                false => format!("See {}. The task asks for {wanted}.", case.frames(evidence)),
            },
            evidence: evidence.clone(),
        }),
        Fault::Untraced(difference) => Some(Advice {
            id: "untraced",
            text: match difference {
                Untraced::Listening(_) => {
                    "Which address does it listen on? It has to be the one that it is given as its argument, whoever \
                     looks at it."
                }
                Untraced::Behaviour(_) | Untraced::Segments(..) => "What is checked has to be what runs.",
            }
            .to_owned(),
            evidence: Vec::new(),
        }),
        _ => None,
    }
}
