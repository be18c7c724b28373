//! The diagram of a connection: two lifelines, time running down, and what went from one to the other.

use std::collections::HashMap;

use crate::format::fit::{Detail, header, label};
use crate::format::rows::{self, Cell, Row, wire_cell};
use crate::format::text::Role;
use crate::scene::{Arrow, Band, Bracket, Diagram, Finding, Outcome, Scene, Wait};
use crate::timeline::explain::cut;
use crate::timeline::{Side, TcpState};

use super::axis::{Axis, FLIGHT, LOST};
use super::shapes::{HALF, bar, cross, dot, head, line, sign};
use super::xml::{Xml, number};
use super::{Picture, document, lines};

/// The width of the picture.
const WIDTH: f64 = 772.0;
/// Where times and numbers of frames end.
const TIME: f64 = 52.0;
const FRAME: f64 = 80.0;
/// The two lifelines.
const CLIENT: f64 = 214.0;
const SERVER: f64 = 502.0;
/// From a lifeline to the brackets of its calls.
const BRACKET: f64 = 17.0;
/// An arrow is steep that falls by more than it goes across.
const STEEP: f64 = 1.0;
/// From a lifeline to the words beside it.
const WORDS: f64 = 26.0;
/// The room for words on either side.
const CLIENT_ROOM: f64 = CLIENT - WORDS - FRAME - 8.0;
const SERVER_ROOM: f64 = SIGN - 24.0 - SERVER - WORDS;
/// Where the signs of findings end.
const SIGN: f64 = 760.0;
/// Height of a diagram's heading.
const HEADING: f64 = 78.0;
/// From line to line of a text.
const LINE: f64 = 25.0;
/// The same of words beside a wait.
const BESIDE: f64 = 20.0;
/// From one diagram to the next.
const APART: f64 = 40.0;

/// How much wider bold type is.
const BOLD: f64 = 1.15;

/// A kind of screen, for which words are chosen.
#[derive(Clone, Copy)]
struct Screen {
    class: &'static str,
    /// The width of a character of calls and segments.
    character: f64,
    /// The width that most characters of other words have.
    prose: f64,
}

/// By the sizes of type in the style sheet. Characters of all widths are 0.602 as wide as high in the
/// typefaces that it names, and those of prose some 0.57.
const SCREENS: [Screen; 2] = [
    Screen {
        class: "wide",
        character: 8.43,
        prose: 8.0,
    },
    Screen {
        class: "narrow",
        character: 12.04,
        prose: 10.0,
    },
];

pub(super) fn draw(picture: &Picture, scene: &Scene) -> String {
    let diagrams: Vec<Drawing<'_>> = scene
        .connections
        .iter()
        .take(picture.connections)
        .scan(0.0, |top, diagram| {
            let drawing = Drawing::new(picture, scene, diagram, *top);
            *top = drawing.bottom + APART;
            Some(drawing)
        })
        .collect();
    let left_out = scene.connections_in_all - diagrams.len();
    let mut notes: Vec<String> = scene.notes.clone();
    if scene.connections_in_all == 0 {
        notes.push("No connection.".to_owned());
    }
    if left_out > 0 {
        notes.push(format!("{left_out} connections are left out."));
    }
    if scene.connections_in_all != 1 {
        notes.extend(scene.outside.iter().cloned());
    }
    let notes: Vec<String> = notes.iter().flat_map(|note| lines(note, 58)).collect();
    let bottom = diagrams.last().map_or(20.0, |drawing| drawing.bottom);
    let height = bottom + notes.len() as f64 * LINE + 16.0;
    let words = (&*picture.title, &*description(scene));
    document((WIDTH, height), words, picture.theme, |xml| {
        diagrams.iter().for_each(|drawing| drawing.draw(xml));
        for (place, note) in notes.iter().enumerate() {
            let text = xml.element("text").with("class", "words soft").at("x", 24.0);
            text.at("y", bottom + 16.0 + place as f64 * LINE).text(note);
        }
    })
}

/// What the picture shows, for who cannot see it.
fn description(scene: &Scene) -> String {
    let mut said = vec![
        "Time runs down; each arrow is a packet between the client on the left and the server on the right.".to_owned(),
    ];
    for diagram in &scene.connections {
        let arrows = diagram.arrows().count();
        said.push(format!(
            "{arrows} packets between client {} and server {}.",
            diagram.client.address, diagram.server.address
        ));
        said.extend(
            diagram
                .findings
                .iter()
                .map(|finding| format!("{}: {}.", finding.id, finding.message)),
        );
        said.extend(
            diagram
                .verdict
                .iter()
                .map(|line| format!("{}: {}.", line.name, line.words)),
        );
    }
    said.join(" ")
}

/// A diagram whose places are known.
struct Drawing<'s> {
    diagram: &'s Diagram,
    title: Option<String>,
    top: f64,
    /// The rows that are drawn, with their places.
    rows: Vec<(Row<'s>, f64)>,
    /// Where rows are left out, and what is said of them.
    left_out: Option<(f64, String)>,
    axis: Axis,
    /// The place of the row of each event.
    row_of: HashMap<usize, f64>,
    /// The places of the rows of states, by the event that brought them.
    state_row: HashMap<(usize, Side), f64>,
    /// The findings that are shown, each with its lines.
    findings: Vec<(&'s Finding, Vec<String>)>,
    /// Where the lifelines end.
    end: f64,
    bottom: f64,
}

impl<'s> Drawing<'s> {
    fn new(picture: &Picture, scene: &Scene, diagram: &'s Diagram, top: f64) -> Drawing<'s> {
        let mut rows = rows::of(diagram);
        let title = (scene.connections_in_all > 1)
            .then(|| format!("connection {} of {}", diagram.connection + 1, scene.connections_in_all));
        let top = if title.is_some() { top + 34.0 } else { top };
        let middle = rows.len().saturating_sub(picture.rows);
        let head = picture.rows - picture.rows / 2;
        rows.drain(head.min(rows.len())..(head + middle).min(rows.len()));
        let axis = Axis::new(diagram, &rows, top + HEADING);
        let left_out = match (diagram.left_out, middle) {
            (0, 0) => None,
            (0, rows) => Some(format!("{rows} rows are left out here")),
            (packets, _) => Some(format!("{packets} packets or more are left out here")),
        };
        let place = axis.rows.get(head.min(rows.len()).saturating_sub(1)).copied();
        let left_out = place.zip(left_out).map(|(place, words)| (place + 14.0, words));
        let rows: Vec<(Row<'s>, f64)> = rows.into_iter().zip(axis.rows.iter().copied()).collect();
        let row_of = rows
            .iter()
            .filter_map(|(row, place)| Some((row.event?, *place)))
            .collect();
        let state_row = rows
            .iter()
            .filter_map(|(row, place)| Some((row.state?, *place)))
            .collect();
        let end = axis.end + 30.0;
        let mut drawing = Drawing {
            diagram,
            title,
            top,
            rows,
            left_out,
            axis,
            row_of,
            state_row,
            findings: Vec::new(),
            end,
            bottom: end,
        };
        drawing.findings = drawing.shown_findings();
        let text: usize = drawing.findings.iter().map(|(_, lines)| lines.len()).sum();
        let left = drawing.left_in().len();
        drawing.bottom = end + 14.0 + if left > 0 { 20.0 } else { 0.0 } + drawing.legend_height();
        drawing.bottom += text as f64 * LINE + if text > 0 { 12.0 } else { 0.0 };
        drawing
    }

    /// The findings that show in what is drawn.
    fn shown_findings(&self) -> Vec<(&'s Finding, Vec<String>)> {
        let shows = |finding: &&Finding| finding.evidence.iter().any(|event| self.row_of.contains_key(event));
        let found = self.diagram.findings.iter().filter(shows);
        found
            .map(|finding| (finding, lines(&format!("{}: {}", finding.id, finding.message), 62)))
            .collect()
    }

    /// The states that the sockets still have when the observation ends.
    fn left_in(&self) -> Vec<(Side, TcpState)> {
        let left = self.diagram.bands.iter().filter(|band| band.until.is_none());
        left.map(|band| (band.side, band.state)).collect()
    }

    fn draw(&self, xml: &mut Xml) {
        xml.element("g")
            .with("class", "diagram")
            .with("data-connection", self.diagram.connection)
            .open();
        self.grounds(xml);
        self.heading(xml);
        self.lifelines(xml);
        self.cuts(xml);
        self.diagram.waits.iter().for_each(|wait| self.wait(xml, wait));
        self.diagram.calls().for_each(|call| self.bracket(xml, call));
        let mut last_time = String::new();
        for (row, place) in &self.rows {
            self.margin(xml, row, *place, &mut last_time);
            self.words(xml, row, *place);
            if let Some(arrow) = row.arrow {
                self.arrow(xml, (row, arrow), *place);
            }
        }
        if let Some((place, words)) = &self.left_out {
            middle(xml, "", *place, words);
        }
        self.foot(xml);
        xml.close();
    }

    fn heading(&self, xml: &mut Xml) {
        if let Some(title) = &self.title {
            let text = xml.element("text").with("class", "words title").at("x", 24.0);
            text.at("y", self.top - 8.0).text(title);
        }
        for (side, x) in [(Side::Client, CLIENT), (Side::Server, SERVER)] {
            let name = xml.element("text").with("class", "words name middle").at("x", x);
            name.at("y", self.top + 26.0).text(&side.to_string());
            let address = self.diagram.lifeline(side).address.to_string();
            let text = xml.element("text").with("class", "soft small middle").at("x", x);
            text.at("y", self.top + 46.0).text(&cut(&address, 23));
        }
        for (x, words) in [(TIME, "ms"), (FRAME, "#")] {
            let text = xml.element("text").with("class", "soft small end").at("x", x);
            text.at("y", self.top + 46.0).text(words);
        }
    }

    // The lifelines.

    fn lifelines(&self, xml: &mut Xml) {
        for x in [CLIENT, SERVER] {
            line(xml, "life", (x, self.top + 56.0), (x, self.end));
        }
        self.diagram.bands.iter().for_each(|band| self.band(xml, band));
    }

    fn band(&self, xml: &mut Xml, band: &Band) {
        let x = lifeline(band.side);
        let from = self
            .state_place(band.event, band.side)
            .unwrap_or_else(|| self.axis.at(band.since));
        let from = from.max(self.top + 56.0);
        let next = self
            .diagram
            .bands
            .iter()
            .find(|next| next.side == band.side && Some(next.since) == band.until);
        let next = next.and_then(|next| self.state_place(next.event, next.side));
        let to = match band.until {
            None => self.end + 10.0,
            // Of a part, after all that is drawn.
            Some(until) if until > self.axis.last() => self.end,
            Some(until) => next.unwrap_or_else(|| self.axis.at(until)),
        };
        let to = to.max(from);
        xml.element("g").with("class", format!("state {}", band.side)).open();
        xml.element("title").text(&format!(
            "The {}'s socket is in {}, from {} ms {}",
            band.side,
            band.state,
            band.since,
            band.until
                .map_or("on, and still when the observation ends".to_owned(), |until| format!(
                    "to {until} ms"
                ))
        ));
        bar(xml, band.state, (x, from), to - from);
        xml.close();
    }

    /// Where a state is shown: in a row of its own, or in that of the packet that brought it.
    fn state_place(&self, event: usize, side: Side) -> Option<f64> {
        let own = self.state_row.get(&(event, side));
        own.or_else(|| self.row_of.get(&event)).copied()
    }

    /// The ground of the times that are cut.
    fn grounds(&self, xml: &mut Xml) {
        for &(top, bottom, _) in &self.axis.cuts {
            let ground = xml
                .element("rect")
                .with("class", "fold")
                .at("x", 14.0)
                .at("y", top + 12.0);
            let ground = ground.at("width", WIDTH - 28.0).at("height", bottom - top - 16.0);
            ground.with("rx", 4).empty();
        }
    }

    fn cuts(&self, xml: &mut Xml) {
        for &(top, bottom, length) in &self.axis.cuts {
            let place = middle_of((top, bottom));
            for x in [CLIENT, SERVER] {
                // Two strokes, where a piece of the line is left out.
                for y in [place - 4.0, place + 4.0] {
                    line(xml, "cut", (x - 11.0, y + 5.0), (x + 11.0, y - 5.0));
                }
            }
            let text = xml.element("text").with("class", "soft end").at("x", TIME);
            text.at("y", place + 5.0).text("⋮");
            let words = format!("{:.1} ms", length.as_secs_f64() * 1000.0);
            let text = xml.element("text").with("class", "words middle strong");
            text.at("x", (CLIENT + SERVER) / 2.0).at("y", place + 5.0).text(&words);
        }
    }

    // Calls and waits.

    /// From where to where a call is.
    fn span(&self, call: &Bracket) -> Option<(f64, f64)> {
        let first = self.row_of.get(&call.event).copied()?;
        let arrows = call.arrows.iter().filter_map(|arrow| self.row_of.get(arrow).copied());
        let last = arrows.fold(first, f64::max);
        let returned = call.returned.map_or(self.end, |returned| self.axis.at(returned));
        // A row is higher than most calls are long: the bracket closes below the last that it holds.
        Some((first, returned.max(last + 9.0)))
    }

    fn bracket(&self, xml: &mut Xml, call: &Bracket) {
        let Some((from, to)) = self.span(call).filter(|_| !call.quiet) else {
            return;
        };
        let x = lifeline(call.side);
        let out = outward(call.side);
        xml.element("g")
            .with("class", "bracket")
            .with("data-event", call.event)
            .open();
        xml.element("title").text(&call.words);
        if call.waits {
            dot(xml, "dot", (x, from), 3.5);
        } else {
            let (near, far) = (x + out * (HALF + 3.0), x + out * BRACKET);
            let mut path = format!("M{} {}H{}V{}", number(near), number(from), number(far), number(to));
            if call.returned.is_some() {
                path += &format!("H{}", number(near));
            }
            xml.element("path").with("class", "call").with("d", path).empty();
        }
        xml.close();
    }

    fn wait(&self, xml: &mut Xml, wait: &Wait) {
        let Some(&to) = self.row_of.get(&wait.arrow) else {
            return;
        };
        let call = wait
            .call
            .and_then(|call| self.diagram.calls().find(|bracket| bracket.event == call));
        let closed = call.and_then(|call| Some(self.span(call)?.1));
        let from = closed
            .unwrap_or_else(|| self.axis.at(wait.since))
            .max(self.top + HEADING);
        if to - from < 12.0 {
            return;
        }
        let (x, out) = (lifeline(wait.side), outward(wait.side));
        let far = x + out * BRACKET;
        let length = format!("{:.1} ms", wait.until.since(wait.since).as_secs_f64() * 1000.0);
        xml.element("g")
            .with("class", "waiting")
            .with("data-event", wait.arrow)
            .open();
        xml.element("title").text(&format!("{}: {length}", wait.words));
        line(xml, "wait", (far, from + 4.0), (far, to));
        line(xml, "wait", (far, to), (x + out * HALF, to));
        dot(xml, "held", (far, to), 4.5);
        self.wait_words(xml, wait, (from, to), &length);
        xml.close();
    }

    /// Words beside a wait, where there is room between the rows.
    fn wait_words(&self, xml: &mut Xml, wait: &Wait, (from, to): (f64, f64), length: &str) {
        let beside = |row: &Row<'_>| match wait.side {
            Side::Client => row.client.is_some(),
            Side::Server => row.server.is_some() && row.pause.is_none(),
        };
        let taken = self.rows.iter().filter(|(row, _)| beside(row)).map(|(_, place)| *place);
        let mut places: Vec<f64> = taken.filter(|place| *place > from && *place < to).collect();
        places.insert(0, from);
        places.push(to);
        let gaps = places.windows(2).map(|pair| (pair[0], pair[1]));
        let Some((above, below)) = gaps.max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0))) else {
            return;
        };
        let words: Vec<String> = match wait.side {
            Side::Client => lines(wait.words, 11).into_iter().chain([length.to_owned()]).collect(),
            Side::Server => vec![wait.words.to_owned(), length.to_owned()],
        };
        let height = words.len() as f64 * BESIDE;
        // A cut says how long it is.
        let cut = self
            .axis
            .cuts
            .iter()
            .find(|(top, bottom, _)| (above..below).contains(&middle_of((*top, *bottom))));
        let tight = below - above < height + 26.0;
        let words = if tight || cut.is_some() {
            &words[..words.len() - 1]
        } else {
            &words[..]
        };
        let height = words.len() as f64 * BESIDE;
        if below - above < height + 8.0 {
            return;
        }
        let place = cut.map_or((above + below) / 2.0, |&(top, bottom, _)| middle_of((top, bottom)));
        let top = place - height / 2.0 + 14.0;
        let (class, x) = beside_lifeline(wait.side);
        for (place, words) in words.iter().enumerate() {
            let text = xml
                .element("text")
                .with("class", format!("words held-text {class}"))
                .at("x", x);
            text.at("y", top + place as f64 * BESIDE).text(words);
        }
    }

    // The rows.

    /// Time and number.
    fn margin(&self, xml: &mut Xml, row: &Row<'_>, place: f64, last: &mut String) {
        if let Some(at) = row.at.map(|at| at.to_string()).filter(|at| at != last) {
            let text = xml.element("text").with("class", "soft small end").at("x", TIME);
            text.at("y", place + 5.0).text(&at);
            *last = at;
        }
        if let Some(frame) = row.number {
            let text = xml.element("text").with("class", "soft small end").at("x", FRAME);
            text.at("y", place + 5.0).text(&frame.to_string());
        }
        let shown = (1..).zip(&self.findings);
        let shown = shown.filter(|(_, (finding, _))| row.event.is_some_and(|event| finding.evidence.contains(&event)));
        let numbers: Vec<String> = shown.map(|(number, _)| number.to_string()).collect();
        if !numbers.is_empty() {
            sign(xml, &numbers.join(" "), (SIGN, place));
        }
    }

    /// What client and server did in a row.
    fn words(&self, xml: &mut Xml, row: &Row<'_>, place: f64) {
        if row.pause.is_some() {
            return;
        }
        for (side, cell) in [(Side::Client, &row.client), (Side::Server, &row.server)] {
            let Some(cell) = cell else { continue };
            let (end, x) = beside_lifeline(side);
            let room = match side {
                Side::Client => CLIENT_ROOM,
                Side::Server => SERVER_ROOM,
            };
            let role = match cell.role {
                Role::State if row.at.is_some() => "words strong small",
                Role::State => "words small",
                Role::Held => "words held-text strong",
                Role::Note => "words",
                _ => "",
            };
            for screen in SCREENS {
                let text = xml
                    .element("text")
                    .with("class", format!("{role} {end} {}", screen.class).trim())
                    .at("x", x);
                let character = match cell.role {
                    Role::Held => screen.prose * BOLD,
                    _ if role.is_empty() => screen.character,
                    _ => screen.prose,
                };
                text.at("y", place + 5.0).text(&fitting(cell, room / character));
            }
            // A call has its bracket, and an arrow its end.
            if row.arrow.is_none() && row.at.is_some() && cell.role != Role::Call {
                dot(xml, "dot", (lifeline(side), place), 3.5);
            }
        }
    }

    fn arrow(&self, xml: &mut Xml, (row, arrow): (&Row<'_>, &Arrow), place: f64) {
        let (from, to) = (lifeline(arrow.from), lifeline(arrow.from.peer()));
        let inward = -outward(arrow.from);
        let start = (from + inward * (HALF + 2.0), place);
        let mut classes = format!("arrow {}", arrow.from);
        for (is, class) in [(arrow.len > 0, " data"), (arrow.repeats, " again")] {
            if is {
                classes += class;
            }
        }
        let group = xml.element("g").with("class", classes).with("data-event", arrow.event);
        let group = match arrow.frame {
            Some(frame) => group.with("data-frame", frame),
            None => group,
        };
        group.with("data-outcome", outcome(arrow.outcome)).open();
        xml.element("title").text(&told(arrow));
        let edge = to - inward * (HALF + 2.0);
        let tip = |came: f64| (edge, came.max(place));
        let mut ends: Vec<(f64, f64)> = arrow.came.iter().map(|came| tip(self.axis.at(*came))).collect();
        match arrow.outcome {
            Outcome::Captured => ends = vec![tip(place)],
            Outcome::Lost => {
                let down = self.axis.flight.map_or(0.0, |_| FLIGHT);
                ends = vec![(start.0 + (edge - start.0) * LOST, place + down * LOST)];
            }
            Outcome::Delivered | Outcome::Duplicated | Outcome::Damaged => {}
        }
        for &end in &ends {
            line(xml, "way", start, end);
            match arrow.outcome {
                Outcome::Lost | Outcome::Damaged => cross(xml, end),
                _ => head(xml, start, end),
            }
        }
        let end = ends.first().copied().unwrap_or(start);
        let slope = (end.1 - start.1) / (end.0 - start.0);
        if slope.abs() > STEEP {
            self.label_beside(xml, (row, arrow), place);
        } else {
            self.label(xml, arrow, start, slope);
        }
        if let (Some(what), Some(end)) = (wire_cell(arrow), ends.first()) {
            for screen in SCREENS {
                let words = fitting(&what, (SERVER - CLIENT - 20.0) / screen.prose);
                middle(xml, screen.class, end.1.max(place) + 22.0, &words);
            }
        }
        xml.close();
    }

    /// What is written on an arrow.
    fn label(&self, xml: &mut Xml, arrow: &Arrow, start: (f64, f64), slope: f64) {
        let room = SERVER - CLIENT - 2.0 * HALF - 14.0;
        // What was lost did not get so far.
        let room = if arrow.outcome == Outcome::Lost {
            room * LOST
        } else {
            room
        };
        for screen in SCREENS {
            let words = shortest(arrow, (room / screen.character) as usize);
            // A slanting arrow's words are near its tail: arrows may cross in the middle.
            let (class, x) = match (self.axis.flight.is_some(), arrow.from) {
                (false, _) => ("middle", (CLIENT + SERVER) / 2.0),
                (true, Side::Client) => ("", start.0 + 6.0),
                (true, Side::Server) => ("end", start.0 - 6.0),
            };
            let y = start.1 + (x - start.0) * slope - 7.0;
            let text = xml
                .element("text")
                .with("class", format!("over {class} {}", screen.class))
                .at("x", x);
            let text = text.at("y", y);
            let text = match slope.abs() < 0.01 {
                true => text,
                false => text.with(
                    "transform",
                    format!(
                        "rotate({} {} {})",
                        number(slope.atan().to_degrees()),
                        number(x),
                        number(y)
                    ),
                ),
            };
            text.text(&words);
        }
    }

    /// The same beside the lifeline, if nothing stands there: words on steep arrows would lie on each other.
    fn label_beside(&self, xml: &mut Xml, (row, arrow): (&Row<'_>, &Arrow), place: f64) {
        let (is_free, room) = match arrow.from {
            Side::Client => (row.client.is_none(), CLIENT_ROOM),
            Side::Server => (row.server.is_none(), SERVER_ROOM),
        };
        let (end, x) = beside_lifeline(arrow.from);
        for screen in SCREENS.into_iter().filter(|_| is_free) {
            let width = (room / screen.character) as usize;
            let words = match (arrow.len, arrow.ack) {
                (0, Some(ack)) => cut(&format!("ack {ack}"), width),
                _ => header(arrow, Detail::Least),
            };
            let words = match words.chars().count() > width {
                true => cut(&format!("len {}", arrow.len), width),
                false => words,
            };
            let class = format!("soft {end} {}", screen.class);
            let text = xml.element("text").with("class", class).at("x", x);
            text.at("y", place + 5.0).text(&words);
        }
    }

    // Below the rows.

    fn foot(&self, xml: &mut Xml) {
        let mut y = self.end + 14.0;
        let left = self.left_in();
        for &(side, state) in &left {
            // The client's words begin at the margin: its lane is for shorter ones.
            let (class, x) = beside_lifeline(side);
            let strong = if state == TcpState::CloseWait {
                "strong held-text"
            } else {
                "soft"
            };
            let text = xml
                .element("text")
                .with("class", format!("words {strong} {class}"))
                .at("x", x);
            text.at("y", self.end + 6.0).text(&format!("still {state}"));
        }
        if !left.is_empty() {
            y += 20.0;
        }
        y = self.legend(xml, y + 14.0);
        for (number, (_, lines)) in (1..).zip(&self.findings) {
            sign(xml, &number.to_string(), (44.0, y - 5.0));
            for line in lines {
                let text = xml.element("text").with("class", "words").at("x", 56.0);
                text.at("y", y).text(line);
                y += LINE;
            }
        }
    }

    /// The states that are shown, in the order in which they come.
    fn states(&self) -> Vec<TcpState> {
        let mut states: Vec<TcpState> = Vec::new();
        for band in &self.diagram.bands {
            if !states.contains(&band.state) {
                states.push(band.state);
            }
        }
        states
    }

    fn legend_height(&self) -> f64 {
        let rows = self.states().len().div_ceil(LEGEND);
        rows as f64 * LINE + 14.0
    }

    /// What the bands mean.
    fn legend(&self, xml: &mut Xml, top: f64) -> f64 {
        for (place, state) in self.states().into_iter().enumerate() {
            let x = 34.0 + (place % LEGEND) as f64 * 170.0;
            let y = top + (place / LEGEND) as f64 * LINE;
            bar(xml, state, (x, y - 11.0), 15.0);
            let text = xml.element("text").with("class", "words soft small").at("x", x + 14.0);
            text.at("y", y + 1.0).text(&state.to_string());
        }
        top + self.legend_height()
    }
}

/// So many states are explained in a line.
const LEGEND: usize = 4;

/// What an arrow is, in words, for who points at it.
fn told(arrow: &Arrow) -> String {
    let mut told = arrow.frame.map_or(String::new(), |frame| format!("Frame {frame}, "));
    told += &format!("{} to {}: {}", arrow.from, arrow.from.peer(), arrow.words);
    if arrow.len > 0 {
        told += &format!(" \"{}\"", arrow.data.escape_ascii());
    }
    if !arrow.sentence.is_empty() {
        told += &format!(". {}", arrow.sentence);
    }
    told
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Captured => "captured",
        Outcome::Delivered => "delivered",
        Outcome::Lost => "lost",
        Outcome::Duplicated => "duplicated",
        Outcome::Damaged => "damaged",
    }
}

/// The most of an arrow's words that fits into so many characters.
fn shortest(arrow: &Arrow, width: usize) -> String {
    let full = label(arrow, Detail::Full, usize::MAX);
    if full.chars().count() <= width {
        return full;
    }
    let middle = label(arrow, Detail::WithoutAck, usize::MAX);
    if middle.chars().count() <= width {
        return middle;
    }
    label(arrow, Detail::Least, width)
}

/// The longest form of a cell that fits.
fn fitting(cell: &Cell, width: f64) -> String {
    let width = width as usize;
    let fits = cell.forms.iter().find(|form| form.chars().count() <= width);
    match (fits, cell.forms.last()) {
        (Some(form), _) => form.clone(),
        (None, Some(form)) => cut(form, width),
        (None, None) => String::new(),
    }
}

fn lifeline(side: Side) -> f64 {
    match side {
        Side::Client => CLIENT,
        Side::Server => SERVER,
    }
}

/// The middle of what is drawn of a cut.
fn middle_of((top, bottom): (f64, f64)) -> f64 {
    (top + 12.0 + bottom - 4.0) / 2.0
}

/// The direction away from the other lifeline.
fn outward(side: Side) -> f64 {
    match side {
        Side::Client => -1.0,
        Side::Server => 1.0,
    }
}

/// How words beside a lifeline are set, and where.
fn beside_lifeline(side: Side) -> (&'static str, f64) {
    match side {
        Side::Client => ("end", CLIENT - WORDS),
        Side::Server => ("", SERVER + WORDS),
    }
}

/// Words in the middle of the wire.
fn middle(xml: &mut Xml, screen: &str, y: f64, words: &str) {
    let class = format!("words over middle held-text {screen}");
    let text = xml.element("text").with("class", class.trim_end());
    text.at("x", (CLIENT + SERVER) / 2.0).at("y", y).text(words);
}
