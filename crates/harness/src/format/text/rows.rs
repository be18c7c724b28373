//! Which events share a row, and which rows a call spans.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::facts::FactKind;
use crate::timeline::explain::{
    Explanation, HeldBack, action_text, call_text, call_text_within, client_actions_of, cut, data_text,
};
use crate::timeline::frames::{call_words, client_words, process_words, state_words};
use crate::timeline::*;

use super::{Role, start, time};

/// A row of the lanes.
#[derive(Default)]
pub(super) struct Row {
    /// When it happened. A row that stands for a time in which nothing happened has none.
    pub at: Option<Timestamp>,
    /// True for a row that stands for such a time.
    pub pause: bool,
    pub client: Option<Cell>,
    /// The packet on the wire, as an index into the timeline's events.
    pub packet: Option<usize>,
    /// The number of the frame that it shows.
    pub number: Option<usize>,
    /// What the wire did to the packet in the row above.
    pub wire: Option<Cell>,
    /// The bracket left of the server's lane.
    pub mark: Option<Mark>,
    pub server: Option<Cell>,
}

/// A text that has shorter forms for where there is less room.
pub(super) struct Cell {
    pub role: Role,
    /// From the longest to the shortest; never empty.
    pub forms: Vec<String>,
}

/// A piece of a bracket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// The only packet of a call.
    Only,
    First,
    Middle,
    Last,
    /// A write has returned and its bytes wait.
    Waits,
    /// They leave.
    Leaves,
}

impl Cell {
    fn new(role: Role, forms: impl IntoIterator<Item = String>) -> Cell {
        Cell {
            role,
            forms: forms.into_iter().collect(),
        }
    }
}

/// A pause is a row of its own from here on: many times what loopback needs for a packet, and
/// less than Linux's shortest delayed ACK.
const PAUSE: Duration = Duration::from_millis(10);

/// An action of the client and its packet share a row if they are not further apart.
const TOGETHER: Duration = Duration::from_millis(1);

/// The rows of a connection. Each frame has one of its own, with its number. Where there is only one
/// connection, what belongs to none has its rows among them.
pub(super) fn of(
    timeline: &Timeline,
    connection: Connection<'_>,
    explanations: &BTreeMap<usize, Explanation>,
    output: bool,
) -> Vec<Row> {
    let mut rows = Rows::new(timeline, connection, explanations);
    let alone = timeline.connections_in_all() == 1;
    for (index, event) in timeline.events_around(connection, alone || output) {
        match &event.kind {
            EventKind::Packet(packet) => rows.packet(index, event.at, packet),
            EventKind::Call(call) if event.connection.is_some() || alone => rows.call(index, event.at, call),
            EventKind::Client(action) => rows.client(index, event.at, action),
            EventKind::Process(process) => match &process.kind {
                ProcessEventKind::Wrote { stream, line } if output => rows.output(event.at, *stream, line),
                _ if alone => rows.process(index, event.at, process),
                _ => {}
            },
            EventKind::Call(_) | EventKind::State(_) => {}
        }
        rows.states(index, event.at);
    }
    rows.brackets();
    rows.waits();
    rows.rows
}

struct Rows<'a> {
    timeline: &'a Timeline,
    connection: Connection<'a>,
    explanations: &'a BTreeMap<usize, Explanation>,
    rows: Vec<Row>,
    row_of: HashMap<usize, usize>,
    /// The packets that left or were caused during a call.
    inside: HashMap<usize, Vec<usize>>,
    /// The client's action that shares a row with a packet, and the other way round.
    behind: HashMap<usize, usize>,
    shares: HashSet<usize>,
    has_syn: bool,
    /// True if the client's calls have rows of their own.
    client_is_traced: bool,
}

impl<'a> Rows<'a> {
    fn new(
        timeline: &'a Timeline,
        connection: Connection<'a>,
        explanations: &'a BTreeMap<usize, Explanation>,
    ) -> Rows<'a> {
        let mut behind = client_actions_of(connection);
        behind.retain(|&packet, &mut action| {
            timeline.frame(action).is_none() && apart(timeline, packet, action) <= TOGETHER
        });
        let is_traced =
            |(_, event): (usize, &Event)| matches!(&event.kind, EventKind::Client(action) if action.call.is_some());
        Rows {
            timeline,
            connection,
            explanations,
            rows: Vec::new(),
            row_of: HashMap::new(),
            inside: packets_inside(timeline, connection),
            shares: behind.values().copied().collect(),
            behind,
            has_syn: connection.packets().any(|(_, packet)| packet.is_first_syn()),
            client_is_traced: connection.events().any(is_traced),
        }
    }

    fn push(&mut self, row: Row) {
        let last = self.rows.iter().rev().find_map(|row| row.at);
        if let (Some(last), Some(at)) = (last, row.at)
            && at.since(last) >= PAUSE
        {
            self.rows.push(Row {
                pause: true,
                ..Row::default()
            });
        }
        self.rows.push(row);
    }

    // What goes into which row.

    fn packet(&mut self, index: usize, at: Timestamp, packet: &Packet) {
        let mut client = self.client_behind(index, packet);
        let mut server = self.server_behind(index, packet);
        if let Some(note) = note(packet) {
            let sender = if packet.from == Side::Client {
                &mut client
            } else {
                &mut server
            };
            if packet.facts.is_repeat() || sender.is_none() {
                *sender = Some(Cell::new(Role::Note, note.map(str::to_owned)));
            }
        }
        self.push(Row {
            at: Some(at),
            packet: Some(index),
            number: self.timeline.frame(index),
            client,
            server,
            ..Row::default()
        });
        self.row_of.insert(index, self.rows.len() - 1);
        self.passage(packet);
    }

    /// Below a packet: what the wire did to it, and where it was lost or sent again TCP's view of its sender.
    fn passage(&mut self, packet: &Packet) {
        let Some(passage) = &packet.passage else { return };
        let wire = passage.what.as_deref().map(|what| {
            let what = printable(what);
            let before = |end: char| what.split(end).next().unwrap_or_default().trim_end().to_owned();
            Cell::new(Role::Note, [what.to_string(), before('('), before(':')])
        });
        let is_of_interest = packet.facts.is_repeat() || passage.arrivals.is_empty();
        let view = passage.tcp.as_ref().and_then(|views| views.of(packet.from));
        let view = view.filter(|_| is_of_interest).map(view_cell);
        if wire.is_none() && view.is_none() {
            return;
        }
        let (client, server) = match packet.from {
            Side::Client => (view, None),
            Side::Server => (None, view),
        };
        self.rows.push(Row {
            client,
            wire,
            server,
            ..Row::default()
        });
    }

    fn client_behind(&self, index: usize, packet: &Packet) -> Option<Cell> {
        if packet.is_first_syn() && !self.client_is_traced && self.timeline.level != Level::Capture {
            return Some(Cell::new(Role::Client, ["connect".to_owned()]));
        }
        match &self.timeline.events[*self.behind.get(&index)?].kind {
            EventKind::Client(action) => Some(action_cell(&action.kind)),
            _ => None,
        }
    }

    fn server_behind(&self, index: usize, packet: &Packet) -> Option<Cell> {
        if let Some(held) = self.held(index) {
            return Some(self.held_cell(packet, held));
        }
        let write = *packet
            .facts
            .carries
            .last()
            .filter(|&&write| packet.facts.during != Some(write))?;
        let name = &self.timeline.call(write)?.name;
        let entered = time(start(self.timeline), self.timeline.events[write].at);
        Some(Cell::new(Role::Call, [format!("of {name} at {entered}")]))
    }

    fn held_cell(&self, packet: &Packet, held: HeldBack) -> Cell {
        let until = format!("held until frame {}", held.until_frame);
        let write = packet
            .held()
            .and_then(|held| Some((held.write, self.timeline.call(held.write)?)));
        let long = write.map(|(index, call)| {
            let entered = time(start(self.timeline), self.timeline.events[index].at);
            format!("{} of {entered} ms, {until}", call.name)
        });
        let short = format!("until frame {}", held.until_frame);
        Cell::new(Role::Held, long.into_iter().chain([until, short]))
    }

    fn call(&mut self, index: usize, at: Timestamp, call: &Call) {
        // A read that had to wait is no frame, and there may be very many.
        if call.kind != CallKind::Write && call_words(call).is_none() {
            return;
        }
        self.push(Row {
            at: Some(at),
            number: self.timeline.frame(index),
            server: Some(call_cell(call)),
            ..Row::default()
        });
        self.row_of.insert(index, self.rows.len() - 1);
    }

    fn process(&mut self, index: usize, at: Timestamp, process: &ProcessEvent) {
        let Some(words) = process_words(process) else { return };
        let short = words.split(':').next().unwrap_or_default().to_owned();
        self.push(Row {
            at: Some(at),
            number: self.timeline.frame(index),
            server: Some(Cell::new(Role::Note, [words, short])),
            ..Row::default()
        });
    }

    /// A line that the server wrote.
    fn output(&mut self, at: Timestamp, stream: OutputStream, line: &str) {
        let forms = [120, 80, 40, 24, 16].map(|width| format!("{stream}: {}", cut(&printable(line), width)));
        self.push(Row {
            at: Some(at),
            server: Some(Cell::new(Role::Note, forms)),
            ..Row::default()
        });
    }

    fn client(&mut self, index: usize, at: Timestamp, action: &ClientAction) {
        let number = self.timeline.frame(index);
        let drawn_with_syn = action.kind == ClientActionKind::Connected && self.has_syn;
        if number.is_none() && (drawn_with_syn || self.shares.contains(&index)) {
            return;
        }
        let call = action.call.as_ref().filter(|_| client_words(action).is_some());
        let client = call.map_or_else(
            || action_cell(&action.kind),
            |call| Cell {
                role: Role::Client,
                ..call_cell(call)
            },
        );
        self.push(Row {
            at: Some(at),
            number,
            client: Some(client),
            ..Row::default()
        });
    }

    fn states(&mut self, index: usize, at: Timestamp) {
        let of_connection = |state: &&ShownState| state.connection == self.connection.id();
        let states: Vec<ShownState> = self
            .timeline
            .states_after(index)
            .iter()
            .filter(of_connection)
            .copied()
            .collect();
        for state in states {
            self.state(at, state);
        }
    }

    /// A state is a row, or goes into that of the packet before it if it has no frame of its own and
    /// there is room.
    fn state(&mut self, at: Timestamp, state: ShownState) {
        let change = state.change;
        if state_words(&change).is_none() {
            return;
        }
        let client = change.side == Side::Client;
        let name = change.to.map_or("closed".to_owned(), |state| state.to_string());
        let long = (!client).then(|| format!("socket: {name}"));
        let cell = Cell::new(Role::State, long.into_iter().chain([name]));
        let room = self
            .rows
            .last_mut()
            .filter(|row| row.packet.is_some() && state.frame.is_none());
        let room = room.map(|row| if client { &mut row.client } else { &mut row.server });
        if let Some(room) = room.filter(|cell| cell.is_none()) {
            *room = Some(cell);
            return;
        }
        let (client, server) = if client { (Some(cell), None) } else { (None, Some(cell)) };
        self.push(Row {
            at: Some(at),
            number: state.frame,
            client,
            server,
            ..Row::default()
        });
    }

    fn held(&self, index: usize) -> Option<HeldBack> {
        self.explanations.get(&index)?.held
    }

    // The brackets.

    /// Marks the rows of the packets inside each call.
    fn brackets(&mut self) {
        for (call, packets) in &self.inside {
            let packets = packets.iter().filter_map(|packet| self.row_of.get(packet));
            let rows: Vec<usize> = self.row_of.get(call).into_iter().chain(packets).copied().collect();
            let (Some(&first), Some(&last)) = (rows.iter().min(), rows.iter().max()) else {
                continue;
            };
            for (index, row) in self.rows.iter_mut().enumerate().take(last + 1).skip(first) {
                let mark = match (index == first, index == last) {
                    (true, true) => Mark::Only,
                    (true, false) => Mark::First,
                    (false, true) => Mark::Last,
                    (false, false) => Mark::Middle,
                };
                row.mark.get_or_insert(mark);
            }
        }
    }

    /// Marks the rows from a write to its held segment.
    fn waits(&mut self) {
        let spans: Vec<(usize, usize)> = self
            .row_of
            .keys()
            .filter_map(|&packet| Some((self.row_written(packet)?, self.row_of[&packet])))
            // A file may say otherwise.
            .filter(|(write, packet)| write < packet)
            .collect();
        for (write, packet) in spans {
            self.rows[write].mark.get_or_insert(Mark::First);
            for row in &mut self.rows[write + 1..packet] {
                row.mark.get_or_insert(Mark::Waits);
                if row.pause && row.server.is_none() {
                    row.server = Some(Cell::new(
                        Role::Held,
                        ["Nagle waits for an ACK", "Nagle waits"].map(str::to_owned),
                    ));
                }
            }
            self.rows[packet].mark = Some(Mark::Leaves);
        }
    }

    /// The row of the write whose segment was held back until this packet.
    fn row_written(&self, packet: usize) -> Option<usize> {
        let held = self.timeline.packet(packet)?.held()?;
        self.row_of.get(&held.write).copied()
    }
}

/// TCP's view of a socket, as `ss -i` has it.
fn view_cell(view: &TcpView) -> Cell {
    let cwnd = format!("cwnd {}", view.cwnd);
    let rto = format!("{cwnd} rto {:.0} ms", view.rto.as_secs_f64() * 1000.0);
    Cell::new(Role::State, [view.to_string(), rto, cwnd])
}

fn apart(timeline: &Timeline, a: usize, b: usize) -> Duration {
    let (a, b) = (timeline.events[a].at, timeline.events[b].at);
    a.since(b).max(b.since(a))
}

/// The packets that each call made: those inside its interval, without what the client sent on its
/// own. A read is left out: it may wait through any number of packets that it has nothing to do
/// with, and stands where it returned.
fn packets_inside(timeline: &Timeline, connection: Connection<'_>) -> HashMap<usize, Vec<usize>> {
    let mut inside: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, packet) in connection.packets() {
        let bare_ack = packet.segment.flags == Flags::ACK && packet.segment.len == 0;
        let during = packet.facts.during.and_then(|call| Some((call, timeline.call(call)?)));
        let during = during.filter(|_| packet.from == Side::Server || bare_ack);
        if let Some((call, _)) = during.filter(|(_, call)| call.kind != CallKind::Read) {
            inside.entry(call).or_default().push(index);
        }
    }
    inside
}

fn call_cell(call: &Call) -> Cell {
    let whole = call_text(call);
    let widths = (8..whole.chars().count()).rev();
    let mut forms = vec![whole];
    for width in widths {
        let form = call_text_within(call, width);
        if forms.last() != Some(&form) {
            forms.push(form);
        }
    }
    if let (CallKind::Listen, Some(address)) = (call.kind, &call.detail) {
        // Of all calls it is named by where it is.
        let least = forms.len() - 1;
        forms.insert(least, format!("listen({})", plain(address)));
    }
    Cell::new(Role::Call, forms)
}

/// Text from a file may hold anything; what is not one column wide is escaped.
fn plain(text: &str) -> String {
    let escape = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c.to_string()
        } else {
            c.escape_default().to_string()
        }
    };
    text.chars().map(escape).collect()
}

/// What is unusual about a packet, in words and in fewer.
fn note(packet: &Packet) -> Option<[&'static str; 2]> {
    let notes = [
        (FactKind::OutOfOrder, ["out of order", "late"]),
        (FactKind::Retransmission, ["sent again", "again"]),
        (FactKind::KeepAlive, ["keep-alive", "alive?"]),
        (FactKind::ZeroWindowProbe, ["window probe", "probe"]),
        (FactKind::KeepAliveAck, ["answers", "answers"]),
        (FactKind::ZeroWindowProbeAck, ["answers", "answers"]),
        (FactKind::DuplicateAck, ["duplicate ACK", "dup ACK"]),
        (FactKind::ChallengeAck, ["challenge ACK", "challenge"]),
        (FactKind::WindowUpdate, ["window update", "window"]),
        (FactKind::PreviousSegmentNotCaptured, ["gap before it", "gap"]),
    ];
    let found = notes.into_iter().find(|(kind, _)| packet.facts.has(*kind));
    found.map(|(_, note)| note)
}

/// How many bytes of data the client's lane shows.
const CLIENT_BYTES: usize = 16;

fn action_cell(action: &ClientActionKind) -> Cell {
    let forms = match action {
        ClientActionKind::Sent { bytes, len } => {
            vec![
                format!("send {}", data_text(bytes, *len, CLIENT_BYTES)),
                "send".to_owned(),
            ]
        }
        ClientActionKind::Received { bytes, len } => {
            vec![
                format!("recv {}", data_text(bytes, *len, CLIENT_BYTES)),
                "recv".to_owned(),
            ]
        }
        ClientActionKind::EndOfFile => vec!["reads EOF".to_owned(), "EOF".to_owned()],
        ClientActionKind::ShutdownWrite => vec![action_text(action), "shutdown".to_owned()],
        ClientActionKind::Reset => vec![action_text(action), "reset".to_owned()],
        ClientActionKind::Failed(_) => vec![plain(&action_text(action)), "failed".to_owned()],
        ClientActionKind::Connected | ClientActionKind::Closed | ClientActionKind::Called(_) => {
            vec![action_text(action)]
        }
    };
    Cell::new(Role::Client, forms)
}
