//! The diagram of a connection: two lifelines, time running down, and what went from one to the other.

mod arrows;
mod calls;
mod foot;
mod lifelines;

use std::collections::HashMap;

use crate::events::{EventId, Side, TcpState};
use crate::format::line::Role;
use crate::format::rows::{self, Row};
use crate::scene::{Diagram, Finding, Moment, Scene};
use crate::width::cut;
use crate::words::are_left_out;

use super::axis::Axis;
use super::legend::Legend;
use super::shapes::{dot, sign, words};
use super::xml::Xml;
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
/// From one diagram to the next.
const APART: f64 = 40.0;

/// Said of each diagram.
const NOT_TO_SCALE: &str = "Times are not to scale: their column tells them, in ms.";

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
        notes.push(format!("{}.", are_left_out(left_out)));
    }
    if scene.connections_in_all != 1 {
        notes.extend(scene.outside.iter().cloned());
    }
    let notes: Vec<String> = notes.iter().flat_map(|note| lines(note, 58)).collect();
    let bottom = diagrams.last().map_or(20.0, |drawing| drawing.bottom);
    let height = bottom + notes.len() as f64 * LINE + 16.0;
    let told = (&*picture.title, &*description(scene));
    document((WIDTH, height), told, picture.theme, |xml| {
        diagrams.iter().for_each(|drawing| drawing.draw(xml));
        for (place, note) in notes.iter().enumerate() {
            words(xml, "words soft", (24.0, bottom + 16.0 + place as f64 * LINE), note);
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
        let findings = diagram.findings.iter();
        said.extend(findings.map(|finding| format!("{}: {}.", finding.id, finding.message)));
        let verdict = diagram.verdict.iter();
        said.extend(verdict.map(|line| format!("{}: {}.", line.name, line.words)));
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
    row_of: HashMap<EventId, f64>,
    /// The places and moments of the rows of states, by the event that brought them.
    state_row: HashMap<(EventId, Side), (f64, Moment)>,
    /// The findings that are shown, each with its lines.
    findings: Vec<(&'s Finding, Vec<String>)>,
    legend: Legend,
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
            .filter_map(|(row, place)| Some((row.state?, (*place, row.at?))))
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
            legend: Legend::of(std::iter::once(diagram), true, NOT_TO_SCALE),
            end,
            bottom: end,
        };
        drawing.findings = drawing.shown_findings();
        let text: usize = drawing.findings.iter().map(|(_, lines)| lines.len()).sum();
        let left = drawing.left_in().len();
        drawing.bottom = end + 14.0 + if left > 0 { 20.0 } else { 0.0 } + drawing.legend.height(WIDTH);
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
            words(xml, "words title", (24.0, self.top - 8.0), title);
        }
        for (side, x) in [(Side::Client, CLIENT), (Side::Server, SERVER)] {
            words(xml, "words name middle", (x, self.top + 26.0), &side.to_string());
            let address = self.diagram.lifeline(side).address.to_string();
            words(xml, "soft small middle", (x, self.top + 46.0), &cut(&address, 23));
        }
        for (x, what) in [(TIME, "ms"), (FRAME, "#")] {
            words(xml, "soft small end", (x, self.top + 46.0), what);
        }
    }

    /// Time and number.
    fn margin(&self, xml: &mut Xml, row: &Row<'_>, place: f64, last: &mut String) {
        if let Some(at) = row.at.map(|at| at.to_string()).filter(|at| at != last) {
            words(xml, "soft small end", (TIME, place + 5.0), &at);
            *last = at;
        }
        if let Some(frame) = row.number {
            words(xml, "soft small end", (FRAME, place + 5.0), &frame.to_string());
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
                let character = match cell.role {
                    Role::Held => screen.prose * BOLD,
                    _ if role.is_empty() => screen.character,
                    _ => screen.prose,
                };
                let class = format!("{role} {end} {}", screen.class);
                let fitted = cell.fitted((room / character) as usize);
                words(xml, class.trim(), (x, place + 5.0), &fitted);
            }
            // A dot marks the moment. A call and an arrow need none: the bracket and the arrow's end mark theirs.
            if row.arrow.is_none() && row.at.is_some() && cell.role != Role::Call {
                dot(xml, "dot", (lifeline(side), place), 3.5);
            }
        }
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
fn middle(xml: &mut Xml, screen: &str, y: f64, text: &str) {
    let class = format!("words over middle held-text {screen}");
    words(xml, class.trim_end(), ((CLIENT + SERVER) / 2.0, y), text);
}
