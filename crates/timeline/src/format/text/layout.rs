//! How wide each lane is, and a row drawn in them.

use crate::events::Side;
use crate::scene::{Arrow, Diagram, Outcome};
use crate::width::{columns, cut, padded};
use crate::words::data_text;

use crate::format::fit::{Detail, header, label};
use crate::format::line::{Kind, Line, Role};
use crate::format::rows::{BracketPiece, Cell, Row};

/// The widths of the lanes of one connection, in columns.
pub(super) struct Layout {
    time: usize,
    /// When a packet came to the other host; 0 where both are one.
    came: usize,
    /// 0 where there are no packets.
    number: usize,
    client: usize,
    /// What a segment holds, without its arrow.
    label: usize,
    server: usize,
    detail: Detail,
}

/// `├ ` before a client's segment and ` ─►│` behind it; as much for the server's.
const ARROW: usize = 6;
/// The bracket and a space before a call.
const BRACKET: usize = 2;
/// What the server's lane has at least: `sendto(9, "\n", 1) = 1` fits.
const SERVER_LEAST: usize = 22;
/// What the client's lane grows to before others do: `send "1\n"` fits.
const CLIENT_FIRST: usize = 10;
const CLIENT_MOST: usize = 28;
/// A payload of so many bytes is always written. Of a longer one the start is, where there is room.
const PAYLOAD_SHORT: usize = 4;

/// What a lane needs and what it would take.
#[derive(Clone, Copy)]
struct Want {
    least: usize,
    most: usize,
}

impl Want {
    fn of<'c>(cells: impl Iterator<Item = &'c Cell<'c>>, heading: usize) -> Want {
        let (mut least, mut most) = (heading, heading);
        for forms in cells.map(Cell::forms) {
            least = forms.last().map_or(least, |form| columns(form).max(least));
            most = forms.first().map_or(most, |form| columns(form).max(most));
        }
        Want { least, most }
    }

    fn at_least(self, least: usize) -> Want {
        Want {
            least: self.least.max(least).min(self.most),
            ..self
        }
    }

    fn at_most(self, most: usize) -> Want {
        Want {
            least: self.least.min(most),
            most: self.most.min(most),
        }
    }
}

impl Layout {
    pub fn new(diagram: &Diagram, rows: &[Row<'_>], width: usize) -> Layout {
        let arrows: Vec<&Arrow> = rows.iter().filter_map(|row| row.arrow).collect();
        let times = rows.iter().filter_map(|row| row.at).map(|at| columns(&at.to_string()));
        let came = arrows.iter().filter_map(|arrow| Some(columns(&came(arrow)?)));
        let came = came.max().map_or(0, |came| came.max(CAME.len()));
        let number = rows
            .iter()
            .filter_map(|row| row.number)
            .max()
            .map(|number| number.to_string().len());
        // A file may say that it has no packets and hold some all the same. What it holds counts.
        let has_wire = diagram.has_wire || !arrows.is_empty();
        let mut layout = Layout {
            time: times.max().unwrap_or(0).max("ms".len()),
            came,
            number: if has_wire { number.unwrap_or(1) } else { 0 },
            client: 0,
            label: 0,
            server: 0,
            detail: Detail::Least,
        };
        let client = Want::of(rows.iter().filter_map(|row| row.client.as_ref()), "client".len());
        let server = Want::of(rows.iter().filter_map(|row| row.server.as_ref()), "server".len());
        let client = client.at_most(CLIENT_MOST);
        let server = server.at_least(SERVER_LEAST);
        for detail in [Detail::Full, Detail::WithoutAck, Detail::Least] {
            layout.detail = detail;
            let label = wanted(&arrows, detail);
            (layout.client, layout.label, layout.server) = (client.least, label.least, server.least);
            if layout.width() <= width {
                layout.grow(width, client, label, server);
                return layout;
            }
        }
        layout.cut(width);
        layout
    }

    /// Shares what is left of the width.
    fn grow(&mut self, width: usize, client: Want, label: Want, server: Want) {
        let mut left = width.saturating_sub(self.width());
        let mut give = |lane: &mut usize, most: usize| {
            let given = left.min(most.saturating_sub(*lane));
            *lane += given;
            left -= given;
        };
        give(&mut self.client, client.most.min(CLIENT_FIRST));
        give(&mut self.server, server.most);
        give(&mut self.label, label.most);
        give(&mut self.client, client.most);
    }

    /// Takes what is too much where even the shortest forms do not fit.
    fn cut(&mut self, width: usize) {
        const READABLE: usize = 14;
        let mut over = self.width().saturating_sub(width);
        let mut take = |lane: &mut usize, least: usize| {
            let taken = over.min(lane.saturating_sub(least));
            *lane -= taken;
            over -= taken;
        };
        take(&mut self.server, READABLE);
        take(&mut self.label, READABLE);
        for lane in [&mut self.client, &mut self.label, &mut self.server] {
            take(lane, 1);
        }
    }

    fn width(&self) -> usize {
        self.before_client() + self.client + 1 + self.wire() + BRACKET + self.server
    }

    fn before_client(&self) -> usize {
        let number = if self.number > 0 { self.number + 1 } else { 0 };
        let came = if self.came > 0 { self.came + 1 } else { 0 };
        self.time + 1 + came + number
    }

    fn wire(&self) -> usize {
        if self.number > 0 { self.label + ARROW } else { 1 }
    }

    pub fn heading(&self) -> Line {
        let mut line = Line::new(Role::Note, format!("{:>1$} ", "ms", self.time));
        if self.came > 0 {
            line.push(Role::Note, format!("{CAME:>0$} ", self.came));
        }
        if self.number > 0 {
            line.push(Role::Note, format!("{:>1$} ", "#", self.number));
        }
        line.push(Role::Note, format!("{:<1$} ", cut("client", self.client), self.client));
        line.push(Role::Wire, self.ends('╷'));
        line.push(Role::Note, format!("  {}", cut("server", self.server)));
        line.kind = Kind::Heading;
        line
    }

    pub fn line(&self, row: &Row<'_>) -> Line {
        let at = match (row.at, &row.pause) {
            (Some(at), _) => at.to_string(),
            (None, Some(_)) => "┊".to_owned(),
            (None, None) => String::new(),
        };
        let mut line = Line::new(Role::Time, format!("{at:>0$} ", self.time));
        if self.came > 0 {
            let came = row.arrow.and_then(came).unwrap_or_default();
            line.push(Role::Time, format!("{came:>0$} ", self.came));
        }
        if self.number > 0 {
            let number = row.number.map_or(String::new(), |number| number.to_string());
            line.push(Role::Frame, format!("{number:>0$} ", self.number));
        }
        let (role, client) = fitted(row.client.as_ref(), Role::Client, self.client);
        line.push(role, padded(&client, self.client) + " ");
        self.push_wire(&mut line, row.arrow, row.wire.as_deref());
        line.push(Role::Bracket, format!("{} ", row.mark.map_or(' ', mark)));
        let (role, server) = fitted(row.server.as_ref(), Role::Call, self.server);
        line.push(role, server);
        line.kind = Kind::Row(row.number);
        line
    }

    fn push_wire(&self, line: &mut Line, arrow: Option<&Arrow>, note: Option<&Cell<'_>>) {
        let Some(arrow) = arrow else {
            match self.wire().checked_sub(2) {
                Some(room) if note.is_some() => {
                    let (role, text) = fitted(note, Role::Note, room);
                    line.push(Role::Wire, "│");
                    let before = room.saturating_sub(columns(&text)) / 2;
                    line.push(role, padded(&(" ".repeat(before) + &text), room));
                    line.push(Role::Wire, "│");
                }
                _ => line.push(Role::Wire, self.ends('│')),
            }
            return;
        };
        let label = label(arrow, self.detail, self.label);
        let dashes = "─".repeat(self.label - columns(&label));
        let is_lost = arrow.outcome == Outcome::Lost;
        match arrow.from {
            Side::Client => {
                let head = if is_lost { "✗ │" } else { "─►│" };
                line.push(Role::Wire, "├ ");
                line.push(Role::Segment, label);
                line.push(Role::Wire, format!(" {dashes}{head}"));
            }
            Side::Server => {
                let head = if is_lost { "│ ✗" } else { "│◄─" };
                line.push(Role::Wire, format!("{head}{dashes} "));
                line.push(Role::Segment, label);
                line.push(Role::Wire, " ┤");
            }
        }
    }

    /// The two ends of the wire with nothing on it.
    fn ends(&self, end: char) -> String {
        match self.wire() {
            1 => end.to_string(),
            wire => format!("{end}{}{end}", " ".repeat(wire - 2)),
        }
    }
}

/// The heading of the moments at which packets came.
const CAME: &str = "came";

/// When a packet came to the other host, if that is another one.
fn came(arrow: &Arrow) -> Option<String> {
    match arrow.outcome {
        Outcome::Captured => None,
        Outcome::Lost => Some("lost".to_owned()),
        Outcome::Delivered | Outcome::Duplicated | Outcome::Damaged => arrow.came.first().map(ToString::to_string),
    }
}

/// What the labels of all arrows need at a level of detail: all numbers, and short data.
fn wanted(arrows: &[&Arrow], detail: Detail) -> Want {
    let most = arrows.iter().map(|arrow| columns(&label(arrow, detail, usize::MAX)));
    let least = arrows.iter().map(|arrow| {
        let header = columns(&header(arrow, detail));
        let data = &arrow.data;
        if data.is_empty() || data.len() > PAYLOAD_SHORT {
            return header;
        }
        header + 1 + columns(&data_text(data, arrow.len.into(), PAYLOAD_SHORT))
    });
    Want {
        least: least.max().unwrap_or(0),
        most: most.max().unwrap_or(0),
    }
}

/// What of a cell fits, with its role.
fn fitted(cell: Option<&Cell<'_>>, role: Role, width: usize) -> (Role, String) {
    cell.map_or_else(|| (role, String::new()), |cell| (cell.role, cell.fitted(width)))
}

fn mark(mark: BracketPiece) -> char {
    match mark {
        BracketPiece::Only => '─',
        BracketPiece::First => '┌',
        BracketPiece::Middle => '│',
        BracketPiece::Last => '└',
        BracketPiece::Waits => '┆',
        BracketPiece::Leaves => '╰',
    }
}
