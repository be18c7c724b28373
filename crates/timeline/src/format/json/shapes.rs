//! The objects that are written: what each field is called, what it means, of which type it is, and where it comes
//! from. The schema and the tables of `docs/json.md` are made from this.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::words::Word;
use crate::compare::{self, Outcome};
use crate::events::ProcessEventKind::{Exited, Holds, Settled, WithoutRights, Wrote};
use crate::events::{
    self, CallKind, ClientActionKind, CongestionState, Endpoints, EventKind, Exit, FrameNumber, Level, OutputStream,
    ProcessEventKind, Side, TcpState,
};
use crate::facts::{self, Certainty, Evidence, FactKind, Reason};
use crate::overview::{self, Overview};
use crate::rules::{self, Severity, Verdict};
use crate::timeline::spent::{self, Awaited};
use crate::timeline::{self, KnownPacket, Teardown, Timeline};
use crate::words::action_text;

/// The version of the schema. It grows when something is taken away or changes its meaning;
/// additions leave it as it is.
pub const VERSION: u32 = 3;

/// Defines objects. Of each field it says the name, the type, the value, and what it means to whoever reads it.
macro_rules! objects {
    ($(
        $(#[$about:meta])*
        $name:ident of $it:tt: $from:ty {
            $($(#[$attribute:meta])* $field:ident: $type:ty = $value:expr $(, $meaning:literal)?;)+
        }
    )+) => { $(
        $(#[$about])*
        #[derive(Debug, Serialize, JsonSchema)]
        pub struct $name {
            $($(#[doc = $meaning])? $(#[$attribute])* pub(super) $field: $type,)+
        }

        impl From<$from> for $name {
            fn from($it: $from) -> $name {
                $name { $($field: $value),+ }
            }
        }
    )+ };
}

/// What there is to say of a value that is of this kind; nothing of another.
macro_rules! if_is {
    ($value:expr, $kind:pat => $what:expr) => {
        match $value {
            $kind => Some($what),
            _ => None,
        }
    };
}

objects! {
    /// The first that is said of a run.
    Begin of level: Level {
        version: u32 = VERSION, "The version of this form.";
        level: Word<Level> = level.into(),
            "How much could be observed. The file of a run has the run's; `capture-file` is that of packets alone.";
    }

    /// The last that is said of a run.
    End of timeline: &Timeline {
        dropped: u64 = timeline.dropped, "Packets that the capture lost.";
        not_kept: u64 = timeline.lost_sight_of(),
            "Events at the end of a run that was too long to keep, or of connections of a capture beyond the first 16,384.";
        #[serde(skip_serializing_if = "is_zero")]
        lone_fragments: u64 = timeline.lone_fragments(),
            "IP fragments that are not read, as others of their packets are missing, where there are some.";
        summary: Summary = (timeline, &Overview::of(timeline)).into(),
            "What the connections have in common, and what the rules found.";
        connections: Vec<Connection> = timeline.connections().map(Connection::from).collect(),
            "One for each, in the order in which they began.";
    }

    /// The addresses of a connection.
    Addresses of (id, endpoints): (usize, Endpoints) {
        id: usize = id, "Its number, from 0.";
        client: String = endpoints.client.to_string(), "The client's address.";
        server: String = endpoints.server.to_string(), "The server's address.";
    }

    /// What the connections have in common, and what the rules found.
    Summary of (timeline, overview): (&Timeline, &Overview) {
        connections: Vec<Row> = overview.rows.iter().map(Row::from).collect(), "A row for each connection.";
        totals: Totals = overview.into(), "What the rows come to.";
        writes_per_reply: Option<Vec<usize>> = timeline.tells_calls().then(|| timeline.writes_per_reply()),
            "How many calls of the write family each reply took, over all connections in order. Null where not all of \
             the server's calls were seen.";
        packets_per_exchange: Vec<usize> = timeline.packets_per_exchange(),
            "How many packets each exchange took, over all connections in order. Of a long capture this list, and all of \
             its kind, have the first 1,048,576 exchanges.";
        teardown: Option<Word<Teardown>> = worst(timeline.teardowns()).map(Word::from),
            "How they ended: of several connections the worst, in the order of this list. Null if there is none.";
        findings: Vec<Finding> = timeline.findings().iter().map(Finding::from).collect(), "What the rules found.";
        unknown: Vec<String> = timeline.unknown_rules().map(|rule| rule.name.to_owned()).collect(),
            "The rules of which nothing can be said, as their evidence was not recorded.";
    }

    /// A connection at a glance.
    Row of row: &overview::Row {
        id: usize = row.connection.index(), "The connection's `id`.";
        client: String = row.client.to_string(), "The client's address.";
        requests: usize = row.requests, "How often the client sent after a reply.";
        answered: usize = row.answered, "How many of these requests had a reply.";
        bytes_sent: u64 = row.bytes.client, "Bytes that the client sent. What was sent again counts once.";
        bytes_received: u64 = row.bytes.server, "Bytes that the client received.";
        slowest: Option<Exchange> = row.slowest.map(Exchange::from),
            "The exchange that took longest. Null if no request had a reply.";
        stalls: Option<usize> = row.stalls.map(|(count, _)| count),
            "How many segments waited for an ACK. Null where packets, or some of the server's calls, were not seen.";
        longest_stall_ns: Option<u64> = row.stalls.map(|(_, longest)| ns(longest)), "The longest time that one did.";
        teardown: Word<Teardown> = row.teardown.into(), "How it ended.";
        findings: Vec<String> = row.findings.iter().map(ToString::to_string).collect(),
            "The names of the rules that found something.";
    }

    /// Where the time of an exchange went.
    Exchange of (exchange, spent): (usize, spent::Spent) {
        exchange: usize = exchange, "Its place in the connection, from 0.";
        began: u64 = spent.began.0, "When the first byte of the request left.";
        first_byte_ns: u64 = ns(spent.first_byte), "From then until the first byte of the reply had come.";
        whole_ns: u64 = ns(spent.whole), "From then until the last byte of the reply had come.";
        parts_ns: Parts = Awaited::ALL.map(|part| spent.part(part)).into(), "What it waited for. The parts are the whole.";
        certainty: Word<Certainty> = spent.certainty.into(),
            "How sure the parts are: inferred if packets or events are missing, unknown without calls and packets.";
        tracer_at_least_ns: Option<u64> = spent.tracer.map(ns),
            "How long the threads stood still for the tracer alone, as far as it knows; most of that is in \
             `program`. How long the system took to switch from one to the other it does not know. Null if no \
             calls were traced.";
    }

    /// Where time went, in nanoseconds.
    Parts of parts: [Duration; Awaited::ALL.len()] {
        client: u64 = ns(parts[Awaited::Client as usize]),
            "For the client: the server has read all that has come, and more of the request comes later.";
        wire: u64 = ns(parts[Awaited::Wire as usize]),
            "For the wire: bytes have left one host and have not come to the other.";
        socket: u64 = ns(parts[Awaited::Socket as usize]),
            "For a read: the request has come, and the program has not read all of it.";
        program: u64 = ns(parts[Awaited::Program as usize]), "For the program: it has read, and not written yet.";
        kernel: u64 = ns(parts[Awaited::Kernel as usize]),
            "For the kernel: the program has written bytes that no packet has left with.";
        unknown: u64 = ns(parts[Awaited::Unknown as usize]), "For nothing that was recorded.";
    }

    /// What the connections come to.
    Totals of overview: &Overview {
        connections: usize = overview.rows.len(), "How many there are.";
        first_byte: Option<Spread> = overview.first_byte.map(Spread::from),
            "How long it took until the first byte of a reply had come. Null if there was no reply.";
        whole: Option<Spread> = overview.whole.map(Spread::from), "How long it took until the last byte had.";
        parts_ns: Parts = overview.parts.into(), "What all exchanges waited for, added up.";
        tracer_at_least_ns: Option<u64> = overview.tracer.map(ns),
            "The tracer's share of it, added up. Null if no calls were traced.";
        at_least: bool = overview.at_least,
            "True if packets were lost or events not kept, so that counts are the least there can be.";
    }

    /// How times are spread.
    Spread of spread: overview::Spread {
        count: usize = spread.count, "How many exchanges these are.";
        median_ns: u64 = ns(spread.median), "Half of them took at most this.";
        p99_ns: u64 = ns(spread.of_100_99), "99 of 100 took at most this.";
        longest_ns: u64 = ns(spread.longest), "The longest.";
    }

    /// What a rule found.
    Finding of finding: &rules::Finding {
        id: String = finding.rule.name.to_owned(), "The rule's name, which findings.md explains.";
        connection: usize = finding.connection.index(), "The connection's `id`.";
        severity: Word<Severity> = finding.severity.into(), "How much it matters.";
        message: String = finding.message.clone(), "One line that names the evidence.";
        cure: String = finding.rule.cure.to_owned(), "What to do about it.";
        evidence: Vec<usize> = finding.evidence.iter().map(|event| event.index()).collect(), "What shows it, as indices into `events`.";
    }

    /// A run that was compared.
    Measured of (name, run): (&str, &compare::Measured) {
        name: String = name.to_owned(), "The file, or the step.";
        connections: usize = run.connections, "How many connections it has.";
        requests: usize = run.requests, "How many requests its clients made.";
        bytes_sent: u64 = run.sent, "How many bytes they sent.";
    }

    /// A figure of two sides.
    Figure of figure: &compare::Figure {
        name: String = figure.name.to_owned(), "Its name. That of a rule has a number for each connection: 2 for a \
            warning, 1 for a note, 0 for nothing.";
        outcome: Word<Outcome> = figure.outcome.into(), "How the second side stands to the first.";
        why: Option<String> = figure.why.clone(), "Why nothing is said of it. Null if something is.";
        before: Vec<Vec<u64>> = figure.before.clone(),
            "For each run of the first side that shows it the numbers, one for each reply, exchange or connection. \
             Times are in nanoseconds.";
        after: Vec<Vec<u64>> = figure.after.clone(), "Those of the second side.";
        ratio: Option<Ratio> = figure.ratio.map(Ratio::from), "Set of a time that both sides show.";
    }

    /// How many times as long the second side takes.
    Ratio of ratio: compare::Ratio {
        middle: f64 = ratio.middle, "By the middle one of the medians that the runs of each side have.";
        lowest: f64 = ratio.lowest, "The least that two runs give, one of each side.";
        highest: f64 = ratio.highest, "The most.";
    }

    /// A connection.
    Connection of connection: timeline::Connection<'_> {
        id: usize = connection.id().index(), "Its number, from 0, by which events and findings name it.";
        client: String = connection.endpoints().client.to_string(), "The client's address.";
        server: String = connection.endpoints().server.to_string(), "The server's address.";
        writes_per_reply: Option<Vec<usize>> =
            connection.timeline().tells_calls().then(|| connection.writes_per_reply()),
            "How many calls of the write family each reply took. Null where not all of the server's calls were seen.";
        packets_per_exchange: Vec<usize> = connection.packets_per_exchange(), "How many packets each exchange took.";
        segments_per_reply: Vec<usize> = connection.segments_per_reply(),
            "How many segments with data each reply took.";
        teardown: Word<Teardown> = connection.closing().teardown().into(), "How it ended.";
        fins: Vec<Word<Side>> = connection.closing().fins.iter().map(Word::from).collect(),
            "The sides that sent a FIN, in order.";
        reset_by: Option<Word<Side>> = connection.closing().reset_by.map(Word::from), "Who sent the first reset.";
        server_read_end_of_file: bool = connection.closing().server_read_end_of_file,
            "True if the server has read the end of file.";
        server_left: Option<Word<TcpState>> = connection.closing().server_left.map(Word::from),
            "The state that the server's socket was left in. Null if it is gone, or not known.";
        client_left: Option<Word<TcpState>> = connection.closing().client_left.map(Word::from),
            "The state that the client's socket was left in. Null if it is gone, or not known.";
        servers_own: bool = connection.is_the_servers_own(), "True if the server made it, and is the client there.";
        tls: bool = connection.is_tls(), "True if what it carries is TLS.";
        began_before: bool = connection.facts().began_before, "True if its beginning was not captured.";
        roles_guessed: bool = connection.facts().roles_guessed,
            "True if which end is called the server is a guess by the ports.";
        port_reuse: bool = connection.facts().port_reuse,
            "True if an earlier connection had the same addresses and ports.";
        simultaneous_open: bool = connection.facts().simultaneous_open,
            "True if both sides sent a SYN before they had the other's.";
        simultaneous_close: bool = connection.facts().simultaneous_close,
            "True if both sides sent a FIN before they had the other's.";
    }

    /// One thing that happened.
    Event of (event, frame, known): (&events::Event, Option<FrameNumber>, Option<KnownPacket<'_>>) {
        at: u64 = event.at.0, "When, in nanoseconds since 1970 on CLOCK_REALTIME.";
        frame: Option<usize> = frame.map(FrameNumber::index),
            "Its number in the capture file, as Wireshark shows it. Null for an event that is no frame, and in a \
             stream.";
        connection: Option<usize> = event.connection.map(|id| id.index()),
            "The connection's `id`. Null for an event of none.";
        #[serde(flatten)]
        kind: Kind = Kind::of(&event.kind, known);
    }

    /// A packet.
    Packet of (packet, known): (&events::Packet, Option<KnownPacket<'_>>) {
        from: Word<Side> = packet.from.into(), "Who sent it.";
        flags: String = packet.segment.flags.to_string(), "Its control bits: `PSH,ACK`.";
        seq: u32 = packet.seq, "Sequence number, relative to the sender's SYN.";
        ack: u32 = packet.ack, "Acknowledgment number, relative to the receiver's SYN; 0 without the flag ACK.";
        window: u32 = packet.window, "Receive window in bytes, scaled.";
        len: u32 = packet.segment.len, "How many bytes of data it carries.";
        data: String = text(&packet.segment.payload), "The first of them.";
        #[serde(skip_serializing_if = "is_zero")]
        fragments: u16 = packet.segment.fragments,
            "In how many IP fragments it came, where it did: its frame is the last of them.";
        #[serde(flatten)]
        facts: Option<Facts> = known.map(Facts::from);
        passage: Option<Passage> = packet.passage.as_deref().map(Passage::from),
            "What became of it between two hosts, where both were observed.";
    }

    /// What is so of a packet. A stream has none of these fields.
    Facts of packet: KnownPacket<'_> {
        facts: Vec<Word<FactKind>> = packet.facts.facts().iter().map(|fact| fact.kind.into()).collect(),
            "What is so of it: facts.md explains each name.";
        certain: BTreeMap<&'static str, Shown> = packet.facts.facts().iter().map(certain).collect(),
            "For each of these names how sure it is, and what shows it.";
        #[serde(skip_serializing_if = "Option::is_none")]
        in_clear: Option<String> = packet.in_clear(),
            "What its bytes begin with, or complete, of HTTP/1 and TLS: `a TLS ClientHello for example.org, up to TLS 1.3`.";
        why: Why = (&packet.facts.why).into(), "Why it left when it did, and not earlier.";
        carries: Vec<usize> = packet.facts.carries.iter().map(|write| write.index()).collect(),
            "The writes whose bytes it holds, as indices into `events`.";
        carries_open: bool = packet.facts.carries_open,
            "True if several threads wrote at once, and nothing tells whose bytes they are.";
        during: Option<usize> = packet.facts.during.map(|call| call.index()), "The call in which it left, as an index into `events`.";
        held: Option<Held> = packet.held().map(Held::from), "Set where Nagle's algorithm held it back.";
    }

    /// How sure something is, and what shows it.
    Shown of (certainty, evidence): (Certainty, &[Evidence]) {
        certainty: Word<Certainty> = certainty.into(), "How sure it is.";
        frames: Vec<usize> = evidence.iter().filter_map(Evidence::frame).map(|frame| frame.index()).collect(),
            "The frames that show it, by their numbers.";
        events: Vec<usize> = evidence.iter().filter_map(Evidence::event).map(|event| event.index()).collect(),
            "The calls and actions that show it, as indices into `events`.";
    }

    /// Why a packet left when it did, and not earlier.
    Why of why: &facts::Why {
        what: Word<Reason> = why.reason.into(), "The reason: facts.md explains each name.";
        #[serde(flatten)]
        shown: Shown = (why.certainty, &why.evidence[..]).into();
        waited_ns: Option<u64> = why.waited.map(ns), "How long it waited. Null where it did not, or nothing tells.";
        unread_bytes: Option<u64> = if_is!(why.reason, Reason::UnreadData(bytes) => bytes),
            "Of a reset that tells of unread data, how many bytes were unread.";
    }

    /// A segment that Nagle's algorithm held back.
    Held of held: timeline::Held {
        write: usize = held.write.index(), "The write that had returned already, as an index into `events`.";
        until_frame: usize = held.until_frame.index(), "The number of the frame whose ACK let it go.";
        waited_ns: u64 = ns(held.waited), "From the write's return until it left.";
    }

    /// What became of a packet between two hosts.
    Passage of passage: &events::Passage {
        arrivals: Vec<u64> = passage.arrivals.iter().map(|at| at.0).collect(),
            "When it came: once, several times if it was duplicated, or never.";
        what: Option<String> = passage.what.clone(), "What the wire did to it, other than to carry it.";
        corrupted: bool = passage.corrupted, "True if it came damaged, so that the kernel there threw it away.";
        queue: u32 = passage.queue, "How many packets waited before it for the wire to be free.";
        tcp: Option<TcpViews> = passage.tcp.as_deref().map(TcpViews::from),
            "TCP's view of both sockets at that moment, where the wire asked.";
    }

    /// TCP's view of both sockets, of those that there were.
    TcpViews of views: &events::TcpViews {
        client: Option<TcpView> = views.client.as_ref().map(TcpView::from), "The client's socket.";
        server: Option<TcpView> = views.server.as_ref().map(TcpView::from), "The server's socket.";
    }

    /// What TCP says of a socket: `struct tcp_info` of linux/tcp.h.
    TcpView of view: &events::TcpView {
        state: Option<Word<TcpState>> = view.state.map(Word::from), "`tcpi_state`.";
        congestion: Word<CongestionState> = view.congestion.into(), "`tcpi_ca_state`.";
        cwnd: u32 = view.cwnd, "`tcpi_snd_cwnd`, in segments.";
        ssthresh: Option<u32> = view.ssthresh, "`tcpi_snd_ssthresh`, in segments. Null as long as no loss has set it.";
        rtt_ns: u64 = ns(view.rtt), "`tcpi_rtt`.";
        rttvar_ns: u64 = ns(view.rttvar), "`tcpi_rttvar`.";
        rto_ns: u64 = ns(view.rto), "`tcpi_rto`.";
        unacked: u32 = view.unacked, "`tcpi_unacked`, in segments.";
        sacked: u32 = view.sacked, "`tcpi_sacked`, in segments.";
        lost: u32 = view.lost, "`tcpi_lost`, in segments.";
        retransmits: u32 = view.retransmits, "`tcpi_retransmits`.";
        total_retransmits: u32 = view.total_retransmits, "`tcpi_total_retrans`.";
    }

    /// A system call on a socket.
    Call of call: &events::Call {
        name: String = call.name.to_string(), "Its name, as in section 2 of the manual.";
        family: Word<CallKind> = call.kind.into(), "What it does, whatever its name.";
        process: Option<i32> = call.process.map(Into::into), "The process that made it. Null where that was not recorded.";
        thread: i32 = call.thread, "The thread that made it.";
        fd: i32 = call.fd, "The descriptor it was made on.";
        asked: Option<u64> = call.asked, "How many bytes were asked for, if it reads or writes; of a listen, its backlog.";
        result: Option<u64> = call.result.and_then(Result::ok),
            "What it returned. Null if it failed, or has not returned.";
        error: Option<String> = call.result.and_then(Result::err).map(|errno| errno.to_string()),
            "The error that it returned. Null if it did not fail, or has not returned.";
        moved: u64 = call.moved(), "How many bytes it moved.";
        data: String = text(&call.bytes), "The first of them.";
        detail: Option<String> = call.detail.as_ref().map(ToString::to_string), "Arguments worth showing, as strace writes them.";
        entered: u64 = call.entered.0, "When it was entered.";
        ended: u64 = call.ended.0, "When it returned. Of one that has not, when the observation ended.";
    }

    /// What the client did.
    Client of action: &events::ClientAction {
        what: Word<ClientActionKind> = (&action.kind).into(), "What.";
        data: Option<String> = moved(&action.kind).map(|(bytes, _)| text(bytes)),
            "The first bytes that it sent or received.";
        len: Option<u64> = moved(&action.kind).map(|(_, len)| len), "How many they were.";
        error: Option<String> = match &action.kind {
            ClientActionKind::Failed(error) => Some(error.clone()),
            kind @ ClientActionKind::GaveUp { .. } => Some(action_text(kind)),
            _ => None,
        }, "What went wrong, if it failed or gave up.";
        segments: Option<Segments> = action.counters.map(Segments::from),
            "The kernel's counters of its socket at that moment, where it has them.";
        call: Option<Call> = action.call.as_deref().map(Call::from),
            "The system call, of a client program that was traced.";
    }

    /// How many segments a socket has sent and received, with data and without.
    Segments of counters: events::SegmentCounters {
        sent: u32 = counters.sent.get(), "Segments sent.";
        received: u32 = counters.received, "Segments received.";
    }

    /// A socket has another state in the socket table.
    State of change: &events::StateChange {
        side: Word<Side> = change.side.into(), "Whose socket.";
        from: Option<Word<TcpState>> = change.from.map(Word::from),
            "Its state before. Null if it was not in the table.";
        to: Option<Word<TcpState>> = change.to.map(Word::from), "Its state now. Null if it is gone from the table.";
    }

    /// A process of the server did something that is no call on a socket. What does not concern `what` is null.
    Process of event: &events::ProcessEvent {
        pid: i32 = event.pid, "Its process id.";
        what: Word<ProcessEventKind> = (&event.kind).into(), "What.";
        status: Option<i32> = if_is!(event.kind, Exited(Exit::Status(status)) => status),
            "The exit status, of one that `exited`.";
        signal: Option<i32> = if_is!(event.kind, Exited(Exit::Signal(signal)) => signal),
            "The signal that ended it, of one that `exited`.";
        fd: Option<i32> = if_is!(event.kind, Holds { fd, .. } => fd),
            "The descriptor that it `holds` although the connection is over, or its peer has closed it.";
        asleep: Option<bool> = if_is!(event.kind, Settled(settled) => settled.asleep),
            "True if all threads slept when things had `settled`.";
        on_clock: Option<bool> = if_is!(event.kind, Settled(settled) => settled.on_clock),
            "True if one of them then waited for a moment in time.";
        quiet_ns: Option<u64> = if_is!(event.kind, Settled(settled) => ns(settled.quiet)),
            "How long nothing had happened by then.";
        stream: Option<Word<OutputStream>> = if_is!(&event.kind, Wrote { stream, .. } => stream.into()),
            "Where it `wrote` to.";
        line: Option<String> = if_is!(&event.kind, Wrote { line, .. } => line.clone()),
            "The line that it `wrote`, of a long one the first 4,096 bytes. After `output-not-kept` there are none.";
        over: Option<bool> = if_is!(event.kind, Holds { over, .. } => over),
            "True if the connection is over of which it `holds` a descriptor.";
        program: Option<String> = if_is!(
            &event.kind, WithoutRights { program, .. } | Holds { command: program, .. } => program.clone()
        ),
            "The program that was executed `without-rights`; or the command of one that `holds` a descriptor.";
        rights: Option<String> = if_is!(&event.kind, WithoutRights { rights, .. } => rights.clone()),
            "The rights that it did not get.";
    }
}

/// What `lab check --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Check {
    /// The version of this form.
    pub version: u32,
    /// The exit status.
    pub status: u8,
    /// What the rules found.
    pub findings: Vec<Finding>,
    /// How many connections there were.
    pub connections: usize,
    /// How many of them have each finding, by its name.
    pub connections_by_finding: BTreeMap<&'static str, usize>,
    /// The rules of which nothing can be said.
    pub unknown: Vec<&'static str>,
    /// Why, for each of these rules.
    pub why_unknown: BTreeMap<&'static str, String>,
    /// Reasons why nothing is proved, or not all of it.
    pub unproved: Vec<String>,
    /// What took longer than it may, by the option that says so: the longest, in words.
    pub over_budget: BTreeMap<&'static str, String>,
    /// What clients did, for each address of the server that they reached: what the verdict is about.
    pub tried: Vec<Tried>,
    /// Addresses that the server listened on and no client reached.
    pub not_tried: Vec<String>,
}

/// What clients did at an address of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tried {
    /// The address.
    pub address: String,
    /// How many connections clients made to it.
    pub connections: usize,
    /// How often they sent after a reply.
    pub requests: usize,
    /// How many of these requests had a reply.
    pub answered: usize,
    /// The first bytes that each of the first connection's messages had.
    pub sent: Vec<String>,
}

/// What `lab compare --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Compare {
    /// The version of this form.
    pub version: u32,
    /// The exit status.
    pub status: u8,
    /// The first side, in its runs.
    pub before: Vec<Measured>,
    /// The second side.
    pub after: Vec<Measured>,
    /// Figure by figure, how the second side stands to the first.
    pub figures: Vec<Figure>,
}

/// What `lab check --rough --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rough {
    /// The version of this form.
    pub version: u32,
    /// The exit status.
    pub status: u8,
    /// What chance followed from.
    pub seed: u64,
    /// One for each ordeal that was asked for.
    pub ordeals: Vec<Ordeal>,
    /// Reasons why nothing is proved, or not all that was asked for.
    pub unproved: Vec<String>,
}

/// What became of a server in an ordeal.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ordeal {
    /// The ordeal's name.
    pub name: &'static str,
    /// How it ended.
    pub verdict: Word<Verdict>,
    /// What it failed by, where that has a name: `head-of-line`.
    pub finding: Option<&'static str>,
    /// Why, in a sentence.
    pub reason: String,
    /// What shows it.
    pub evidence: Vec<String>,
    /// A command that shows this run in lanes. Null where nothing ran.
    pub see: Option<String>,
}

/// What `lab doctor --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Doctor {
    /// The version of this form.
    pub version: u32,
    /// True if the exercises can be done on this machine.
    pub ready: bool,
    /// What they need and the machine does not have.
    pub lacking: Vec<&'static str>,
    /// How much can be observed there. Null if a server cannot be.
    pub level: Option<Word<Level>>,
    /// What was looked for, and whether it is there.
    pub has: BTreeMap<&'static str, bool>,
}

/// What happened, by kind.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "most events are packets")]
pub enum Kind {
    /// A packet was on the wire.
    Packet(Packet),
    /// The server made a system call.
    Call(Call),
    /// The client did something.
    Client(Client),
    /// The socket table changed.
    State(State),
    /// A process of the server did something else.
    Process(Process),
}

impl Kind {
    /// With what is known of a packet, or without it.
    fn of(kind: &EventKind, known: Option<KnownPacket<'_>>) -> Kind {
        match kind {
            EventKind::Packet(packet) => Kind::Packet((&**packet, known).into()),
            EventKind::Call(call) => Kind::Call((&**call).into()),
            EventKind::Client(action) => Kind::Client((&**action).into()),
            EventKind::State(change) => Kind::State(change.into()),
            EventKind::Process(event) => Kind::Process((&**event).into()),
        }
    }
}

fn certain(fact: &facts::Fact) -> (&'static str, Shown) {
    (fact.kind.name(), (fact.certainty, &fact.evidence[..]).into())
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The first bytes as text, in which everything that is not printable ASCII is escaped.
fn text(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(events::Call::KEEP)].escape_ascii().to_string()
}

/// The bytes that a client sent or received, and how many they were.
fn moved(kind: &ClientActionKind) -> Option<(&[u8], u64)> {
    match kind {
        ClientActionKind::Sent { bytes, len } | ClientActionKind::Received { bytes, len } => Some((bytes, *len)),
        _ => None,
    }
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

fn worst(teardowns: Vec<Teardown>) -> Option<Teardown> {
    teardowns.into_iter().max_by_key(|teardown| match teardown {
        Teardown::Clean { .. } => 0,
        Teardown::Open => 1,
        Teardown::Refused => 2,
        Teardown::Reset { .. } => 3,
        Teardown::Cut { .. } => 4,
        Teardown::Unknown => 5,
        Teardown::LeftOpen(_) => 6,
    })
}
