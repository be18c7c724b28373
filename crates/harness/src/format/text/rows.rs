//! Which events share a row, and which rows a call spans.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::timeline::explain::{
    Explanation, HeldBack, action_text, call_text, call_text_within, client_actions_of, cut, data_text, printable,
};
use crate::timeline::*;

use super::{Role, start};

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
    /// The number of a file's frame that is no packet.
    pub entry: Option<usize>,
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

/// A file may have an entry alike much earlier, of which the packets in between are left out. So many
/// frames away it is taken for another one.
const FAR: usize = 64;

/// An action of the client and its packet share a row if they are not further apart.
const TOGETHER: Duration = Duration::from_millis(1);

/// The rows of a connection.
pub(super) fn of(
    timeline: &Timeline,
    connection: Connection<'_>,
    explanations: &BTreeMap<usize, Explanation>,
    output: bool,
) -> Vec<Row> {
    let mut rows = Rows::new(timeline, connection, explanations);
    let mut written = timeline.output().filter(|_| output).peekable();
    for (index, event) in connection.events() {
        while let Some((at, stream, line)) = written.next_if(|(at, ..)| *at < event.at) {
            rows.output(at, stream, line);
        }
        match &event.kind {
            EventKind::Packet(packet) => rows.packet(index, event.at, packet),
            EventKind::Call(call) => rows.call(index, event.at, call),
            EventKind::Client(action) => rows.client(index, event.at, action),
            EventKind::Entry(entry) => rows.entry(index, event.at, entry),
            EventKind::State(_) | EventKind::Process(_) => {}
        }
        rows.states(index, event.at);
    }
    for (at, stream, line) in written {
        rows.output(at, stream, line);
    }
    rows.brackets();
    rows.waits();
    rows.rows
}

struct Rows<'a> {
    timeline: &'a Timeline,
    explanations: &'a BTreeMap<usize, Explanation>,
    rows: Vec<Row>,
    row_of: HashMap<usize, usize>,
    /// The packets that left or were caused during a call.
    inside: HashMap<usize, Vec<usize>>,
    /// The client's action that shares a row with a packet, and the other way round.
    behind: HashMap<usize, usize>,
    shares: HashSet<usize>,
    states: HashMap<usize, Vec<StateChange>>,
    has_syn: bool,
    /// For a capture file: after which packet a write was made whose segment was held back.
    written_after: HashMap<usize, usize>,
    /// For a capture file: whose calls are entries, and those of the calls that a packet's comment names.
    tells: HashSet<Side>,
    told: HashMap<usize, Vec<usize>>,
}

impl<'a> Rows<'a> {
    fn new(
        timeline: &'a Timeline,
        connection: Connection<'a>,
        explanations: &'a BTreeMap<usize, Explanation>,
    ) -> Rows<'a> {
        let mut behind = client_actions_of(connection);
        behind.retain(|&packet, &mut action| apart(timeline, packet, action) <= TOGETHER);
        let mut states: HashMap<usize, Vec<StateChange>> = HashMap::new();
        for (index, change) in connection.states_in_place() {
            states.entry(index).or_default().push(change);
        }
        Rows {
            timeline,
            explanations,
            rows: Vec::new(),
            row_of: HashMap::new(),
            inside: packets_inside(timeline, connection),
            shares: behind.values().copied().collect(),
            behind,
            states,
            has_syn: connection.packets().any(|(_, packet)| packet.is_first_syn()),
            written_after: written_after(timeline, connection, explanations),
            tells: HashSet::new(),
            told: HashMap::new(),
        }
        .with_entries(connection)
    }

    /// Ties the packets of a file to the entries of their calls. Those are drawn instead of what the
    /// comments say.
    fn with_entries(mut self, connection: Connection<'a>) -> Rows<'a> {
        let mut entries: HashMap<(Side, &str), Vec<(usize, usize)>> = HashMap::new();
        for (index, entry) in connection.entries().filter(|(_, entry)| entry.is_call()) {
            self.tells.insert(entry.by);
            let alike = entries.entry((entry.by, &entry.text)).or_default();
            alike.push((index, entry.number));
        }
        for (index, packet) in connection.packets() {
            let calls = self
                .explanations
                .get(&index)
                .and_then(|explanation| explanation.call.as_deref());
            for call in calls.into_iter().flat_map(str::lines) {
                let (by, text) = match call.split_once(": ") {
                    Some(("client", text)) => (Side::Client, text),
                    Some(("server", text)) => (Side::Server, text),
                    _ => continue,
                };
                let alike = entries.get(&(by, text)).map(Vec::as_slice).unwrap_or_default();
                let before = alike.partition_point(|(entry, _)| *entry < index);
                let Some(&(entry, number)) = before.checked_sub(1).and_then(|last| alike.get(last)) else {
                    continue;
                };
                if packet.number.abs_diff(number) > FAR {
                    continue;
                }
                self.told.entry(index).or_default().push(entry);
                if self.held(index).is_none() {
                    self.inside.entry(entry).or_default().push(index);
                }
            }
        }
        self.written_after.retain(|_, packet| !self.told.contains_key(packet));
        self
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
        // A file's comment does not say more of a call than that this packet is its work.
        let called = self.reads_comments() && server.is_some();
        if packet.facts.is_repeat() {
            let sender = if packet.from == Side::Client {
                &mut client
            } else {
                &mut server
            };
            *sender = Some(Cell::new(Role::Note, ["sent again".to_owned(), "again".to_owned()]));
        }
        let mark = called.then_some(Mark::Only);
        self.push(Row {
            at: Some(at),
            packet: Some(index),
            client,
            server,
            mark,
            ..Row::default()
        });
        self.row_of.insert(index, self.rows.len() - 1);
        if let Some(held) = self.written_after.get(&index) {
            let server = self.comment(*held, Side::Server);
            self.rows.push(Row {
                server,
                ..Row::default()
            });
        }
    }

    fn client_behind(&self, index: usize, packet: &Packet) -> Option<Cell> {
        if self.reads_comments() {
            return self.comment(index, Side::Client);
        }
        if packet.is_first_syn() {
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
        if self.reads_comments() {
            return self.comment(index, Side::Server);
        }
        let first_of_call = packet
            .facts
            .during
            .filter(|call| self.inside.get(call).is_some_and(|p| p[0] == index));
        if let Some(call) = first_of_call {
            return self.timeline.call(call).map(call_cell);
        }
        let write = *packet
            .facts
            .carries
            .last()
            .filter(|&&write| packet.facts.during != Some(write))?;
        let name = &self.timeline.call(write)?.name;
        let entered = super::layout::time(start(self.timeline), self.timeline.events[write].at);
        Some(Cell::new(Role::Call, [format!("of {name} at {entered}")]))
    }

    fn held_cell(&self, packet: &Packet, held: HeldBack) -> Cell {
        let until = format!("held until frame {}", held.until_frame);
        let write = packet
            .held()
            .and_then(|held| Some((held.write, self.timeline.call(held.write)?)));
        let long = write.map(|(index, call)| {
            let entered = super::layout::time(start(self.timeline), self.timeline.events[index].at);
            format!("{} of {entered} ms, {until}", call.name)
        });
        let short = format!("until frame {}", held.until_frame);
        Cell::new(Role::Held, long.into_iter().chain([until, short]))
    }

    fn call(&mut self, index: usize, at: Timestamp, call: &Call) {
        if call.kind == CallKind::Listen || (call.kind == CallKind::Read && call.would_block()) {
            return;
        }
        let packets = self.inside.get(&index);
        let drawn_there = packets.is_some_and(|packets| self.held(packets[0]).is_none());
        if drawn_there {
            return;
        }
        self.push(Row {
            at: Some(at),
            server: Some(call_cell(call)),
            ..Row::default()
        });
        self.row_of.insert(index, self.rows.len() - 1);
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
        let drawn_with_syn = action.kind == ClientActionKind::Connected && self.has_syn;
        if drawn_with_syn || self.shares.contains(&index) {
            return;
        }
        self.push(Row {
            at: Some(at),
            client: Some(action_cell(&action.kind)),
            ..Row::default()
        });
    }

    fn states(&mut self, index: usize, at: Timestamp) {
        for change in self.states.remove(&index).unwrap_or_default() {
            self.state(at, change);
        }
    }

    /// A state goes into the row of the packet before it, if there is room.
    fn state(&mut self, at: Timestamp, change: StateChange) {
        let name = change.to.map_or("closed".to_owned(), |state| state.to_string());
        let client = change.side == Side::Client;
        // Of the client's states only those are worth a word in which its socket outlives `close`.
        if client
            && !matches!(
                change.to,
                Some(TcpState::FinWait2 | TcpState::TimeWait | TcpState::CloseWait)
            )
        {
            return;
        }
        let long = (!client).then(|| format!("socket: {name}"));
        let cell = Cell::new(Role::State, long.into_iter().chain([name]));
        let room = self.rows.last_mut().filter(|row| row.packet.is_some());
        let room = room.map(|row| if client { &mut row.client } else { &mut row.server });
        match room.filter(|cell| cell.is_none()) {
            Some(room) => *room = Some(cell),
            None if client => self.push(Row {
                at: Some(at),
                client: Some(cell),
                ..Row::default()
            }),
            None => self.push(Row {
                at: Some(at),
                server: Some(cell),
                ..Row::default()
            }),
        }
    }

    // What a capture file's comments say.

    fn reads_comments(&self) -> bool {
        self.timeline.level == Level::Capture
    }

    /// The calls of one side in a packet's comment, unless its calls have entries of their own.
    fn comment(&self, index: usize, by: Side) -> Option<Cell> {
        if self.tells.contains(&by) {
            return None;
        }
        let calls = self.explanations.get(&index)?.call.as_deref()?;
        let prefix = format!("{by}: ");
        let calls: Vec<&str> = calls.lines().filter_map(|call| call.strip_prefix(&prefix)).collect();
        Some(words(by, calls.first()?, &calls.join("; ")))
    }

    /// What a file tells between its packets. States follow from its segments.
    fn entry(&mut self, index: usize, at: Timestamp, entry: &Entry) {
        if !entry.is_call() {
            return;
        }
        let mut row = Row {
            at: Some(at),
            entry: Some(entry.number),
            ..Row::default()
        };
        let lane = match entry.by {
            Side::Client => &mut row.client,
            Side::Server => &mut row.server,
        };
        *lane = Some(words(entry.by, &entry.text, &entry.text));
        self.push(row);
        self.row_of.insert(index, self.rows.len() - 1);
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
        if let Some(held) = self.timeline.packet(packet)?.held() {
            let inside = || {
                self.inside
                    .get(&held.write)
                    .and_then(|packets| self.row_of.get(packets.last()?))
            };
            return self.row_of.get(&held.write).or_else(inside).copied();
        }
        if self.held(packet).is_some()
            && let Some(entry) = self.told.get(&packet).and_then(|entries| entries.last())
        {
            return self.row_of.get(entry).copied();
        }
        let before = self.written_after.iter().find(|(_, held)| **held == packet)?.0;
        Some(self.row_of.get(before)? + 1)
    }
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

/// Nagle's algorithm holds a segment back while an earlier one is unacknowledged. So its write was
/// made after the server's data before it, and that is all that a capture file tells of when.
fn written_after(
    timeline: &Timeline,
    connection: Connection<'_>,
    explanations: &BTreeMap<usize, Explanation>,
) -> HashMap<usize, usize> {
    let mut after = HashMap::new();
    if timeline.level != Level::Capture {
        return after;
    }
    let mut before = None;
    for (index, packet) in connection.packets() {
        let held = explanations
            .get(&index)
            .is_some_and(|explanation| explanation.held.is_some());
        if let Some(before) = before.filter(|_| held) {
            after.insert(before, index);
        }
        if packet.from == Side::Server && packet.segment.len > 0 {
            before = Some(index);
        }
    }
    after
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
    Cell::new(Role::Call, forms)
}

/// A file's words for calls, which are text and may hold anything: all of them, and the first alone.
fn words(by: Side, first: &str, all: &str) -> Cell {
    let role = match by {
        Side::Client => Role::Client,
        Side::Server => Role::Call,
    };
    let (first, all) = (plain(first), plain(all));
    let name = first.split([' ', '(']).next().unwrap_or_default().to_owned();
    let short = without_size(&first);
    let shorter = without_descriptor(&short);
    let result = first
        .rsplit_once(") = ")
        .map(|(_, result)| format!("{name} = {result}"));
    let forms = [all, first, short, shorter].into_iter().chain(result);
    Cell::new(role, forms.chain([name]))
}

/// `sendto(9, "1") = 1` without its first argument, if there is another.
fn without_descriptor(call: &str) -> String {
    let short = call.split_once('(').and_then(|(name, arguments)| {
        let (descriptor, arguments) = arguments.split_once(", ")?;
        let is_descriptor = descriptor.bytes().all(|byte| byte.is_ascii_digit());
        is_descriptor.then(|| format!("{name}({arguments}"))
    });
    short.unwrap_or_else(|| call.to_owned())
}

/// `sendto(9, "1", 1) = 1` without its third argument.
fn without_size(call: &str) -> String {
    let short = call.rsplit_once(") = ").and_then(|(head, result)| {
        let (head, size) = head.rsplit_once(", ")?;
        let is_size = head.ends_with(['"', '.']) && size.bytes().all(|byte| byte.is_ascii_digit());
        is_size.then(|| format!("{head}) = {result}"))
    });
    short.unwrap_or_else(|| call.to_owned())
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
