//! Which marks of a diagram share a row, and which rows a call spans: what lanes and pictures have in common.

use std::collections::HashMap;
use std::time::Duration;

use crate::events::{Call, ClientActionKind, EventId, FrameNumber, Side, TcpView};
use crate::facts::{FactKind, Reason};
use crate::scene::{Action, Arrow, Bracket, Diagram, Fold, HeldSegment, Mark, Moment, Outcome, Process, State};
use crate::width::{columns, cut};
use crate::words::{action_text, call_text, call_text_within, data_text, process_forms};

use super::line::Role;

/// A row of the lanes.
#[derive(Default)]
pub(crate) struct Row<'s> {
    /// When it happened. A row that stands for a time in which nothing happened has none.
    pub at: Option<Moment>,
    /// The event that it shows.
    pub event: Option<EventId>,
    /// The event that brought the state that it shows, and whose it is.
    pub state: Option<(EventId, Side)>,
    /// That time, for a row that stands for it.
    pub pause: Option<Box<Fold>>,
    pub client: Option<Cell<'s>>,
    /// The packet on the wire.
    pub arrow: Option<&'s Arrow>,
    /// The number of the frame that it shows.
    pub number: Option<FrameNumber>,
    /// What the wire did to the packet in the row above.
    pub wire: Option<Box<Cell<'s>>>,
    /// The bracket left of the server's lane.
    pub mark: Option<BracketPiece>,
    pub server: Option<Cell<'s>>,
    /// How many ends of processes that only helped it stands for.
    helpers: usize,
}

/// A text that has shorter forms for where there is less room.
pub(crate) struct Cell<'s> {
    pub role: Role,
    forms: Box<dyn Fn() -> Vec<String> + 's>,
}

/// A piece of a bracket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BracketPiece {
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

impl<'s> Cell<'s> {
    fn new(role: Role, forms: impl IntoIterator<Item = String>) -> Cell<'s> {
        let forms: Vec<String> = forms.into_iter().collect();
        Cell::made(role, move || forms.clone())
    }

    fn made(role: Role, forms: impl Fn() -> Vec<String> + 's) -> Cell<'s> {
        let forms = Box::new(forms);
        Cell { role, forms }
    }

    /// From the longest to the shortest; never empty. They are made anew each time, as few rows of a long run are drawn.
    pub fn forms(&self) -> Vec<String> {
        (self.forms)()
    }

    /// The longest form that fits; the shortest one cut, where none does.
    pub fn fitted(&self, width: usize) -> String {
        let forms = self.forms();
        let fits = forms.iter().find(|form| columns(form) <= width);
        let least = || forms.last().map(|form| cut(form, width)).unwrap_or_default();
        fits.cloned().unwrap_or_else(least)
    }
}

/// An action of the client and its packet share a row if they are not further apart.
const TOGETHER: Duration = Duration::from_millis(1);

/// The rows of a connection. Each frame has one of its own, with its number.
pub(crate) fn of(diagram: &Diagram) -> Vec<Row<'_>> {
    let mut rows = Rows::new(diagram);
    for (place, mark) in diagram.marks.iter().enumerate() {
        rows.folded = rows.folds.get(&place).copied().or(rows.folded);
        // A read that found nothing to read is quiet. A server may make very many of them, so they have no row.
        if mark.is_quiet() {
            continue;
        }
        let row = Row {
            at: Some(mark.at()),
            event: Some(mark.event()),
            number: mark.frame(),
            ..Row::default()
        };
        match mark {
            Mark::Arrow(arrow) => rows.arrow(row, arrow),
            Mark::Call(call) => rows.call(row, call),
            Mark::Action(action) => rows.action(row, action),
            Mark::State(state) => rows.state(row, state),
            Mark::Process(process) => rows.process(row, process),
        }
    }
    rows.brackets();
    rows.waits();
    rows.rows
}

struct Rows<'s> {
    diagram: &'s Diagram,
    rows: Vec<Row<'s>>,
    /// The row of an arrow or a call, by its event.
    row_of: HashMap<EventId, usize>,
    /// The server's calls, by their events.
    calls: HashMap<EventId, &'s Bracket>,
    /// The client's action that shares a row with an arrow, by the arrow's event.
    shared: HashMap<EventId, &'s Action>,
    /// The times in which nothing happened, by the place of the mark after each.
    folds: HashMap<usize, Fold>,
    /// Set if the next row comes after such a time.
    folded: Option<Fold>,
}

impl<'s> Rows<'s> {
    fn new(diagram: &'s Diagram) -> Rows<'s> {
        let left: HashMap<EventId, Moment> = diagram.arrows().map(|arrow| (arrow.event, arrow.left)).collect();
        let shares = |action: &&Action| {
            let left = action.arrow.and_then(|arrow| left.get(&arrow));
            let apart = |left: &Moment| left.since(action.at).max(action.at.since(*left));
            action.frame.is_none() && !action.quiet && left.is_some_and(|left| apart(left) <= TOGETHER)
        };
        let actions = diagram.marks.iter().filter_map(|mark| match mark {
            Mark::Action(action) => Some(&**action),
            _ => None,
        });
        let shared = actions
            .filter(shares)
            .filter_map(|action| Some((action.arrow?, action)));
        let of_server = diagram.calls().filter(|call| call.side == Side::Server);
        Rows {
            diagram,
            rows: Vec::new(),
            row_of: HashMap::new(),
            calls: of_server.map(|call| (call.event, call)).collect(),
            shared: shared.collect(),
            folds: diagram.folds.iter().map(|fold| (fold.mark, *fold)).collect(),
            folded: None,
        }
    }

    fn push(&mut self, row: Row<'s>) {
        let pause = self.folded.take_if(|_| row.at.is_some());
        self.rows.extend(pause.map(|fold| Row {
            pause: Some(fold.into()),
            ..Row::default()
        }));
        self.rows.push(row);
    }

    // The functions from here on say what goes into which row.

    fn arrow(&mut self, row: Row<'s>, arrow: &'s Arrow) {
        let mut client = self.client_behind(arrow);
        let mut server = self.server_behind(arrow);
        if let Some(note) = note(arrow) {
            let sender = if arrow.from == Side::Client {
                &mut client
            } else {
                &mut server
            };
            if arrow.repeats || sender.is_none() {
                *sender = Some(Cell::new(Role::Note, note.map(str::to_owned)));
            }
        }
        self.push(Row {
            arrow: Some(arrow),
            client,
            server,
            ..row
        });
        self.row_of.insert(arrow.event, self.rows.len() - 1);
        self.passage(arrow);
    }

    /// Below a packet: what the wire did to it, and where it was lost or sent again TCP's view of its sender.
    fn passage(&mut self, arrow: &'s Arrow) {
        let wire = wire_cell(arrow).map(Box::new);
        let is_of_interest = arrow.repeats || arrow.outcome == Outcome::Lost;
        let view = arrow.tcp.as_deref().filter(|_| is_of_interest).map(view_cell);
        if wire.is_none() && view.is_none() {
            return;
        }
        let (client, server) = of_side(arrow.from, view);
        self.rows.push(Row {
            client,
            wire,
            server,
            ..Row::default()
        });
    }

    fn client_behind(&self, arrow: &Arrow) -> Option<Cell<'s>> {
        if arrow.opens && !self.diagram.client_is_traced && self.diagram.tells_calls {
            return Some(Cell::new(Role::Client, ["connect".to_owned()]));
        }
        let action = self.shared.get(&arrow.event)?;
        Some(Cell::made(Role::Client, || action_forms(&action.action)))
    }

    fn server_behind(&self, arrow: &Arrow) -> Option<Cell<'s>> {
        if let Some(held) = arrow.held {
            return Some(self.held_cell(held));
        }
        let write = arrow.carries.last().filter(|&&write| arrow.during != Some(write))?;
        let write = self.calls.get(write)?;
        Some(Cell::new(
            Role::Call,
            [format!("of {} at {}", write.call.name, write.at)],
        ))
    }

    fn held_cell(&self, held: HeldSegment) -> Cell<'s> {
        let until = format!("held until frame {}", held.until_frame);
        let write = held.write.and_then(|write| self.calls.get(&write));
        let long = write.map(|write| format!("{} of {} ms, {until}", write.call.name, write.at));
        let short = format!("until frame {}", held.until_frame);
        Cell::new(Role::Held, long.into_iter().chain([until, short]))
    }

    fn call(&mut self, row: Row<'s>, call: &'s Bracket) {
        let role = match call.side {
            Side::Client => Role::Client,
            Side::Server => Role::Call,
        };
        let cell = Cell::made(role, || {
            let mut forms = call_forms(&call.call);
            if let Some(label) = &call.label {
                // The shortest form may be without the call's name: there that matters more.
                let named = &forms[..(forms.len() - 1).max(1)];
                let labelled: Vec<String> = named.iter().map(|form| format!("{label} {form}")).collect();
                forms.splice(0..0, labelled);
            }
            forms
        });
        let (client, server) = of_side(call.side, Some(cell));
        self.push(Row { client, server, ..row });
        if call.side == Side::Server {
            self.row_of.insert(call.event, self.rows.len() - 1);
        }
    }

    fn process(&mut self, row: Row<'s>, process: &Process) {
        // A script that starts a server may start fifty programs before it, so their ends share a row.
        if process.is_helper
            && let Some(row) = self.rows.last_mut().filter(|row| row.helpers > 0)
        {
            row.helpers += 1;
            let many = format!("{} helping processes ended", row.helpers);
            row.server = Some(Cell::new(Role::Note, [many, format!("{} ended", row.helpers)]));
            self.folded = None;
            return;
        }
        let words = &process.words;
        let forms = match process.output {
            // For a line that the server wrote, the shorter forms cut its end off.
            Some(stream) => [120, 80, 40, 24, 16]
                .map(|width| format!("{stream}: {}", cut(words, width)))
                .to_vec(),
            None => process_forms(&process.process),
        };
        self.push(Row {
            server: Some(Cell::new(Role::Note, forms)),
            helpers: usize::from(process.is_helper),
            ..row
        });
    }

    fn action(&mut self, row: Row<'s>, action: &'s Action) {
        let shares = action.arrow.and_then(|arrow| self.shared.get(&arrow));
        if shares.is_none_or(|shared| shared.event != action.event) {
            let client = Some(Cell::made(Role::Client, || action_forms(&action.action)));
            self.push(Row { client, ..row });
        }
    }

    /// A state is a row, or goes into that of the packet before it if it has no frame of its own and
    /// there is room.
    fn state(&mut self, row: Row<'s>, state: &State) {
        let client = state.side == Side::Client;
        let name = &state.words;
        let long = (!client).then(|| format!("socket: {name}"));
        let cell = Cell::new(Role::State, long.into_iter().chain([name.clone()]));
        let room = self
            .rows
            .last_mut()
            .filter(|row| row.arrow.is_some() && state.frame.is_none());
        let room = room.map(|row| if client { &mut row.client } else { &mut row.server });
        if let Some(room) = room.filter(|cell| cell.is_none()) {
            *room = Some(cell);
            return;
        }
        let (client, server) = of_side(state.side, Some(cell));
        self.push(Row {
            event: None,
            state: Some((state.event, state.side)),
            client,
            server,
            ..row
        });
    }

    // The functions from here on draw the brackets.

    /// Marks the rows of the packets inside each call.
    fn brackets(&mut self) {
        let of_server = self
            .diagram
            .calls()
            .filter(|call| call.side == Side::Server && !call.arrows.is_empty());
        for call in of_server {
            let packets = call.arrows.iter().filter_map(|arrow| self.row_of.get(arrow));
            let rows: Vec<usize> = self
                .row_of
                .get(&call.event)
                .into_iter()
                .chain(packets)
                .copied()
                .collect();
            let (Some(&first), Some(&last)) = (rows.iter().min(), rows.iter().max()) else {
                continue;
            };
            for (index, row) in self.rows.iter_mut().enumerate().take(last + 1).skip(first) {
                let mark = match (index == first, index == last) {
                    (true, true) => BracketPiece::Only,
                    (true, false) => BracketPiece::First,
                    (false, true) => BracketPiece::Last,
                    (false, false) => BracketPiece::Middle,
                };
                row.mark.get_or_insert(mark);
            }
        }
    }

    /// Marks the rows from a write to its held segment.
    fn waits(&mut self) {
        let held = self.diagram.waits.iter().filter(|wait| wait.reason == Reason::Nagle);
        let spans: Vec<(usize, usize, &'static str)> = held
            .filter_map(|wait| {
                Some((
                    *self.row_of.get(&wait.call?)?,
                    *self.row_of.get(&wait.arrow)?,
                    wait.words,
                ))
            })
            // In a file a packet may stand before the write that it carries, if the stamps are wrong. No line is drawn
            // for such a wait.
            .filter(|(write, packet, _)| write < packet)
            .collect();
        for (write, packet, words) in spans {
            self.rows[write].mark.get_or_insert(BracketPiece::First);
            for row in &mut self.rows[write + 1..packet] {
                row.mark.get_or_insert(BracketPiece::Waits);
                if row.pause.is_some() && row.server.is_none() {
                    let short = words.split(" for ").next().unwrap_or_default();
                    row.server = Some(Cell::new(Role::Held, [words, short].map(str::to_owned)));
                }
            }
            self.rows[packet].mark = Some(BracketPiece::Leaves);
        }
    }
}

/// A cell at the client's place in a row, or at the server's.
fn of_side<'s>(side: Side, cell: Option<Cell<'s>>) -> (Option<Cell<'s>>, Option<Cell<'s>>) {
    match side {
        Side::Client => (cell, None),
        Side::Server => (None, cell),
    }
}

/// What the wire did to a packet.
pub(crate) fn wire_cell<'s>(arrow: &Arrow) -> Option<Cell<'s>> {
    let what = arrow.wire.as_ref()?;
    let before = |end: char| what.split(end).next().unwrap_or_default().trim_end().to_owned();
    Some(Cell::new(Role::Note, [what.clone(), before('('), before(':')]))
}

/// TCP's view of a socket, as `ss -i` has it.
fn view_cell<'s>(view: &TcpView) -> Cell<'s> {
    let cwnd = format!("cwnd {}", view.cwnd);
    let rto = format!("{cwnd} rto {:.0} ms", view.rto.as_secs_f64() * 1000.0);
    Cell::new(Role::State, [view.to_string(), rto, cwnd])
}

fn call_forms(call: &Call) -> Vec<String> {
    let whole = call_text(call);
    let widths = (8..columns(&whole)).rev();
    let mut forms = vec![whole];
    for width in widths {
        let form = call_text_within(call, width);
        if forms.last() != Some(&form) {
            forms.push(form);
        }
    }
    if let Some(address) = call.listens_at() {
        // What a reader wants to know of a listen is its address, so the shortest form keeps that.
        let least = forms.len() - 1;
        forms.insert(least, format!("listen({address})"));
    }
    forms
}

/// What is unusual about a packet, in words and in fewer.
fn note(arrow: &Arrow) -> Option<[&'static str; 2]> {
    let notes = [
        (FactKind::OutOfOrder, ["out of order", "late"]),
        (FactKind::Overtaken, ["overtaken", "late"]),
        (FactKind::CapturedTwice, ["captured twice", "twice"]),
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
    let found = notes
        .into_iter()
        .find(|(kind, _)| arrow.facts.iter().any(|fact| fact.kind == *kind));
    found.map(|(_, note)| note)
}

/// How many bytes of data the client's lane shows.
const CLIENT_BYTES: usize = 16;

fn action_forms(action: &ClientActionKind) -> Vec<String> {
    let moved = |word: &str, bytes: &[u8], len: u64| format!("{word} {}", data_text(bytes, len, CLIENT_BYTES));
    let (long, short) = match action {
        ClientActionKind::Sent { bytes, len } => (moved("send", bytes, *len), "send"),
        ClientActionKind::Received { bytes, len } => (moved("recv", bytes, *len), "recv"),
        ClientActionKind::EndOfFile => ("reads EOF".to_owned(), "EOF"),
        ClientActionKind::ShutdownWrite => (action_text(action), "shutdown"),
        ClientActionKind::Reset => (action_text(action), "reset"),
        ClientActionKind::Failed(_) => (action_text(action), "failed"),
        ClientActionKind::GaveUp { .. } => (action_text(action), "gave up"),
        ClientActionKind::Connected | ClientActionKind::Closed | ClientActionKind::Called(_) => {
            return vec![action_text(action)];
        }
    };
    vec![long, short.to_owned()]
}
