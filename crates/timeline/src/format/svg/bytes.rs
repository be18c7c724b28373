//! Bytes against time, after tcptrace's time-sequence graph: what one side sent, what the other acknowledged, and
//! how far it might have gone.

use std::time::Duration;

use crate::events::{Flags, Side};
use crate::scene::{Arrow, Diagram, Moment, Outcome, Scene};

use super::shapes::{cross, dot, line};
use super::xml::{Xml, number};
use super::{Picture, document, lines, ticks};

const WIDTH: f64 = 772.0;
/// A segment that is drawn no higher is a stroke without ends.
const SHORT: f64 = 9.0;
/// The field of a plot.
const LEFT: f64 = 86.0;
const RIGHT: f64 = 744.0;
const HEIGHT: f64 = 320.0;
/// What a plot takes above and below its field.
const ABOVE: f64 = 62.0;
const BELOW: f64 = 116.0;

pub(super) fn draw(picture: &Picture, scene: &Scene) -> String {
    let diagrams = scene.connections.iter().take(picture.connections);
    let plots = diagrams.flat_map(|diagram| [Side::Server, Side::Client].map(|side| Plot::of(diagram, side)));
    let plots: Vec<Plot<'_>> = plots.flatten().collect();
    let notes: Vec<String> = match plots.is_empty() {
        true => vec!["No packet with data was captured.".to_owned()],
        false => scene.notes.iter().flat_map(|note| lines(note, 58)).collect(),
    };
    let one = ABOVE + HEIGHT + BELOW;
    let height = plots.len() as f64 * one + notes.len() as f64 * 25.0 + 20.0;
    let said: Vec<String> = plots.iter().map(Plot::said).collect();
    let description = format!("Bytes against time. {}", said.join(" "));
    document((WIDTH, height), (&picture.title, &description), picture.theme, |xml| {
        for (place, plot) in plots.iter().enumerate() {
            plot.draw(xml, place as f64 * one + ABOVE, scene.connections_in_all > 1);
        }
        for (place, note) in notes.iter().enumerate() {
            let y = plots.len() as f64 * one + 18.0 + place as f64 * 25.0;
            let text = xml.element("text").with("class", "words soft").at("x", 24.0).at("y", y);
            text.text(note);
        }
    })
}

/// What one side sent, on its way to be drawn.
struct Plot<'s> {
    diagram: &'s Diagram,
    side: Side,
    /// Its segments with data.
    sent: Vec<&'s Arrow>,
    /// When its sender heard of which acknowledgment, and how far it might go then.
    acks: Vec<(Moment, u32, u64)>,
    start: Moment,
    length: Duration,
    /// The number after the highest byte.
    highest: u32,
}

impl<'s> Plot<'s> {
    fn of(diagram: &'s Diagram, side: Side) -> Option<Plot<'s>> {
        let sent: Vec<&Arrow> = diagram
            .arrows()
            .filter(|arrow| arrow.from == side && arrow.len > 0)
            .collect();
        let first = sent.first()?.left;
        let moments = diagram
            .arrows()
            .flat_map(|arrow| arrow.came.iter().copied().chain([arrow.left]));
        let (start, end) = moments.fold((first, first), |(start, end), at| (start.min(at), end.max(at)));
        let heard = diagram
            .arrows()
            .filter(|arrow| arrow.from == side.peer() && arrow.outcome != Outcome::Lost);
        let acks = heard.filter_map(|arrow| {
            let at = arrow.came.first().copied().unwrap_or(arrow.left);
            let ack = arrow.ack?;
            Some((at, ack, u64::from(ack) + u64::from(arrow.window)))
        });
        let highest = sent.iter().map(|arrow| arrow.seq.saturating_add(arrow.len)).max()?;
        Some(Plot {
            diagram,
            side,
            acks: acks.collect(),
            start,
            length: end.since(start),
            highest,
            sent,
        })
    }

    fn said(&self) -> String {
        let lost = self.sent.iter().filter(|arrow| arrow.outcome == Outcome::Lost).count();
        let again = self.sent.iter().filter(|arrow| arrow.repeats).count();
        format!(
            "The {} sends bytes up to number {} in {} segments; {again} of them again, {lost} lost.",
            self.side,
            self.highest.saturating_sub(1),
            self.sent.len()
        )
    }

    fn x(&self, at: Moment) -> f64 {
        let part = at.since(self.start).as_secs_f64() / self.length.as_secs_f64().max(1e-9);
        LEFT + part.min(1.0) * (RIGHT - LEFT)
    }

    /// Where a sequence number is. A little room stays above the highest.
    fn y(&self, top: f64, number: f64) -> f64 {
        top + HEIGHT - number / (f64::from(self.highest) * 1.06) * HEIGHT
    }

    fn draw(&self, xml: &mut Xml, top: f64, named: bool) {
        xml.element("g").with("class", format!("plot {}", self.side)).open();
        let connection = if named {
            format!(", connection {}", self.diagram.connection + 1)
        } else {
            String::new()
        };
        let title = format!("What the {} sends{connection}", self.side);
        let text = xml.element("text").with("class", "words title").at("x", 24.0);
        text.at("y", top - 30.0).text(&title);
        self.axes(xml, top);
        self.steps(xml, top);
        self.sent.iter().for_each(|arrow| self.segment(xml, top, arrow));
        self.ends(xml, top);
        self.legend(xml, top + HEIGHT + 66.0);
        xml.close();
    }

    fn axes(&self, xml: &mut Xml, top: f64) {
        let bottom = top + HEIGHT;
        for number in ticks(f64::from(self.highest), 6)
            .into_iter()
            .filter(|tick| tick.fract() == 0.0)
        {
            let y = self.y(top, number);
            line(xml, "grid", (LEFT, y), (RIGHT, y));
            let text = xml.element("text").with("class", "soft small end").at("x", LEFT - 10.0);
            text.at("y", y + 5.0).text(&number.to_string());
        }
        for milliseconds in ticks(self.length.as_secs_f64() * 1000.0, 7) {
            let x = LEFT + milliseconds / (self.length.as_secs_f64() * 1000.0).max(1e-9) * (RIGHT - LEFT);
            line(xml, "grid", (x, top), (x, bottom));
            let text = xml.element("text").with("class", "soft small middle").at("x", x);
            text.at("y", bottom + 24.0).text(&milliseconds.to_string());
        }
        line(xml, "life", (LEFT, bottom), (RIGHT, bottom));
        line(xml, "life", (LEFT, top), (LEFT, bottom));
        let text = xml.element("text").with("class", "soft small").at("x", 24.0);
        text.at("y", top - 8.0).text("sequence number, relative");
        let text = xml.element("text").with("class", "soft small end").at("x", RIGHT);
        text.at("y", bottom + 44.0).text("ms");
    }

    /// What is acknowledged, and the room for more where it is near enough to be seen.
    fn steps(&self, xml: &mut Xml, top: f64) {
        let acked = self.acks.iter().map(|&(at, ack, _)| (at, f64::from(ack)));
        self.step(xml, top, "acked", acked.collect());
        if self.room_shows() {
            let room = self.acks.iter().map(|&(at, _, room)| (at, room as f64));
            self.step(xml, top, "room", room.collect());
        }
    }

    fn room_shows(&self) -> bool {
        self.acks
            .iter()
            .any(|ack| ack.2 as f64 <= f64::from(self.highest) * 1.06)
    }

    /// A line that stays as it is until the next moment.
    fn step(&self, xml: &mut Xml, top: f64, class: &str, numbers: Vec<(Moment, f64)>) {
        let mut path = String::new();
        for (at, value) in numbers {
            let (x, y) = (self.x(at), self.y(top, value).clamp(top, top + HEIGHT));
            path += &match path.is_empty() {
                true => format!("M{} {}", number(x), number(y)),
                false => format!("H{}V{}", number(x), number(y)),
            };
        }
        if !path.is_empty() {
            path += &format!("H{}", number(RIGHT));
            xml.element("path").with("class", class).with("d", path).empty();
        }
    }

    /// A segment: its bytes, at the moment when it left.
    fn segment(&self, xml: &mut Xml, top: f64, arrow: &Arrow) {
        let x = self.x(arrow.left);
        let (low, high) = (f64::from(arrow.seq), f64::from(arrow.seq.saturating_add(arrow.len)));
        let (low, high) = (self.y(top, low), self.y(top, high));
        let class = if arrow.repeats { " again" } else { "" };
        let group = xml
            .element("g")
            .with("class", format!("segment data {}{class}", self.side));
        group.with("data-event", arrow.event).open();
        xml.element("title")
            .text(&format!("{} ms: {}. {}", arrow.left, arrow.words, arrow.sentence));
        line(xml, "way", (x, low), (x, high));
        // Ends of short ones would hide them.
        let is_long = low - high > SHORT;
        for y in [low, high].into_iter().filter(|_| is_long) {
            line(xml, "call", (x - 5.0, y), (x + 5.0, y));
        }
        if arrow.repeats {
            again(xml, (x, high - 5.0));
        }
        if arrow.outcome == Outcome::Lost {
            cross(xml, (x, (low + high) / 2.0));
        }
        for came in &arrow.came {
            let x = self.x(*came);
            dot(xml, "head", (x, (low + high) / 2.0), if is_long { 3.0 } else { 1.6 });
        }
        xml.close();
    }

    /// Its FIN and resets, which take no bytes.
    fn ends(&self, xml: &mut Xml, top: f64) {
        let sent = self.diagram.arrows().filter(|arrow| arrow.from == self.side);
        for arrow in sent {
            let ends = [(Flags::FIN, "FIN"), (Flags::RST, "RST")];
            let Some((_, name)) = ends.into_iter().find(|(flag, _)| arrow.flags.has(*flag)) else {
                continue;
            };
            let y = self.y(top, f64::from(arrow.seq.saturating_add(arrow.len).min(self.highest)));
            let text = xml
                .element("text")
                .with("class", "small middle over")
                .at("x", self.x(arrow.left));
            text.at("y", y - 8.0).text(name);
        }
    }

    fn legend(&self, xml: &mut Xml, y: f64) {
        let lost = self.sent.iter().any(|arrow| arrow.outcome == Outcome::Lost);
        let again = self.sent.iter().any(|arrow| arrow.repeats);
        let came = self.sent.iter().any(|arrow| !arrow.came.is_empty());
        let room = if self.room_shows() { "room" } else { "" };
        let wanted = [
            ("sent", true),
            ("sent again", again),
            ("lost", lost),
            ("came", came),
            ("acknowledged", true),
        ];
        let wanted = wanted.into_iter().chain([("room for more", !room.is_empty())]);
        let entries: Vec<&str> = wanted.filter(|(_, is)| *is).map(|(name, _)| name).collect();
        for (place, name) in entries.iter().enumerate() {
            let (x, y) = (34.0 + (place % 5) as f64 * 148.0, y + (place / 5) as f64 * 25.0);
            self.sample(xml, name, (x, y - 5.0));
            let text = xml.element("text").with("class", "words soft small").at("x", x + 24.0);
            text.at("y", y).text(name);
        }
    }

    /// What an entry of the legend looks like in the plot.
    fn sample(&self, xml: &mut Xml, name: &str, (x, y): (f64, f64)) {
        xml.element("g").with("class", format!("data {}", self.side)).open();
        match name {
            "lost" => cross(xml, (x, y)),
            "sent again" => again(xml, (x, y + 5.0)),
            "came" => dot(xml, "head", (x, y), 3.0),
            "acknowledged" | "room for more" => {
                let class = if name == "acknowledged" { "acked" } else { "room" };
                let path = format!(
                    "M{} {}H{}V{}H{}",
                    number(x - 12.0),
                    number(y + 5.0),
                    number(x),
                    number(y - 5.0),
                    number(x + 12.0)
                );
                xml.element("path").with("class", class).with("d", path).empty();
            }
            _ => line(xml, "way", (x, y - 8.0), (x, y + 8.0)),
        }
        xml.close();
    }
}

/// The sign of a segment that was sent again, which tcptrace has too.
fn again(xml: &mut Xml, (x, y): (f64, f64)) {
    let text = xml
        .element("text")
        .with("class", "words strong small middle over held-text");
    text.at("x", x).at("y", y).text("R");
}
