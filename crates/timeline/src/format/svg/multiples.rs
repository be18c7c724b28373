//! Diagrams side by side on one true axis: what differs between them is what the eye sees first.

use std::time::Duration;

use crate::events::{Flags, Side};
use crate::scene::{Arrow, Band, Diagram, Mark, Moment, Outcome, Scene, Wait};

use super::legend::Legend;
use super::shapes::{HALF, bar, begin, classes, cross, head, line, words};
use super::xml::Xml;
use super::{Theme, document, lines, ticks};

/// Where the first diagram begins; times stand before it.
const LEFT: f64 = 62.0;
/// The width of a diagram.
const PANEL: f64 = 236.0;
/// Its lifelines.
const CLIENT: f64 = 58.0;
const SERVER: f64 = 168.0;
/// Where the axis begins.
const TOP: f64 = 104.0;
/// So long is the whole of the axis.
const HEIGHT: f64 = 640.0;
/// From line to line of a text.
const LINE: f64 = 24.0;
/// Words nearer to each other than this would touch.
const TOUCH: f64 = 17.0;

/// Draws the first connection of each scene beside the others, each under its name. All begin at the same
/// moment, the first packet, and a millisecond is as long in one as in the other.
pub fn side_by_side(title: &str, scenes: &[(String, Scene)], theme: Theme) -> String {
    let diagrams = scenes
        .iter()
        .filter_map(|(name, scene)| Some((name, scene.connections.first()?)));
    let panels: Vec<Panel<'_>> = diagrams.enumerate().map(|(place, of)| Panel::new(place, of)).collect();
    let longest = panels.iter().map(|panel| panel.length).max().unwrap_or_default();
    let scale = Scale {
        per_second: HEIGHT / longest.as_secs_f64().max(1e-9),
    };
    let width = LEFT + panels.len() as f64 * PANEL + 10.0;
    let text = panels.iter().map(|panel| panel.verdict.len()).max().unwrap_or(0);
    let foot = TOP + HEIGHT + 62.0 + text as f64 * LINE;
    let legend = Legend::of(panels.iter().map(|panel| panel.diagram), false, "Times are to scale.");
    let height = foot + 8.0 + legend.height(width - 24.0);
    let said: Vec<String> = panels.iter().map(Panel::said).collect();
    let description = format!(
        "Diagrams side by side on one scale of time, which runs down. {}",
        said.join(" ")
    );
    document((width, height), (title, &description), theme, |xml| {
        scale.draw(xml, longest, width);
        panels.iter().for_each(|panel| panel.draw(xml, scale));
        legend.draw(xml, foot + 14.0, width - 24.0);
    })
}

/// How long a time is drawn.
#[derive(Clone, Copy)]
struct Scale {
    per_second: f64,
}

impl Scale {
    fn length(self, time: Duration) -> f64 {
        time.as_secs_f64() * self.per_second
    }

    fn draw(self, xml: &mut Xml, longest: Duration, width: f64) {
        words(xml, "soft small end", (LEFT - 16.0, TOP - 16.0), "ms");
        for milliseconds in ticks(longest.as_secs_f64() * 1000.0, 10) {
            let y = TOP + milliseconds / 1000.0 * self.per_second;
            line(xml, "grid", (LEFT - 8.0, y), (width - 16.0, y));
            words(xml, "soft small end", (LEFT - 16.0, y + 5.0), &milliseconds.to_string());
        }
    }
}

/// One of the diagrams.
struct Panel<'s> {
    name: &'s str,
    diagram: &'s Diagram,
    left: f64,
    /// Its first packet.
    start: Moment,
    length: Duration,
    verdict: Vec<String>,
}

impl<'s> Panel<'s> {
    fn new(place: usize, (name, diagram): (&'s String, &'s Diagram)) -> Panel<'s> {
        let start = diagram.arrows().map(|arrow| arrow.left).min().unwrap_or_default();
        let came = diagram.arrows().flat_map(|arrow| arrow.came.iter().copied());
        let moments = came.chain(diagram.marks.iter().map(Mark::at));
        let end = moments.max().unwrap_or(start);
        let said = diagram.verdict.iter().filter(|line| line.name != "stalls");
        let verdict = said.flat_map(|line| match line.name {
            "teardown" => lines(&line.words, 22),
            name => lines(&format!("{name}: {}", line.words), 22),
        });
        Panel {
            name,
            diagram,
            left: LEFT + place as f64 * PANEL,
            start,
            length: end.since(start),
            verdict: verdict.collect(),
        }
    }

    /// What it shows, in words.
    fn said(&self) -> String {
        let verdict = self
            .diagram
            .verdict
            .iter()
            .map(|line| format!("{}: {}", line.name, line.words));
        format!("{}: {}.", self.name, verdict.collect::<Vec<_>>().join("; "))
    }

    fn draw(&self, xml: &mut Xml, scale: Scale) {
        xml.element("g")
            .with("class", "diagram")
            .with("data-name", self.name)
            .open();
        let middle = self.left + (CLIENT + SERVER) / 2.0;
        words(xml, "words title middle", (middle, 36.0), self.name);
        for side in [Side::Client, Side::Server] {
            words(xml, "words soft small middle", (self.x(side), 68.0), &side.to_string());
            let (from, to) = (TOP - 26.0, self.end(scale));
            line(xml, "life", (self.x(side), from), (self.x(side), to));
        }
        self.diagram.bands.iter().for_each(|band| self.band(xml, scale, band));
        self.diagram.waits.iter().for_each(|wait| self.wait(xml, scale, wait));
        self.diagram.arrows().for_each(|arrow| self.arrow(xml, scale, arrow));
        self.labels(xml, scale);
        self.foot(xml);
        xml.close();
    }

    fn x(&self, side: Side) -> f64 {
        self.left
            + match side {
                Side::Client => CLIENT,
                Side::Server => SERVER,
            }
    }

    fn y(&self, scale: Scale, at: Moment) -> f64 {
        TOP + scale.length(at.since(self.start))
    }

    /// Where what was observed of it ends; what is still open then is open at the bottom.
    fn end(&self, scale: Scale) -> f64 {
        TOP + scale.length(self.length) + 18.0
    }

    fn band(&self, xml: &mut Xml, scale: Scale, band: &Band) {
        let (from, known) = (self.y(scale, band.since), self.y(scale, band.known));
        let to = band.until.map_or(self.end(scale), |until| self.y(scale, until));
        xml.element("g").with("class", format!("state {}", band.side)).open();
        xml.element("title")
            .text(&format!("the {}'s socket is in {}", band.side, band.state));
        bar(xml, None, (self.x(band.side), from), known - from);
        bar(xml, Some(band.state), (self.x(band.side), known), to - known);
        xml.close();
    }

    /// A wait that is long enough to be seen.
    fn wait(&self, xml: &mut Xml, scale: Scale, wait: &Wait) {
        const SEEN: f64 = 24.0;
        let (from, to) = (self.y(scale, wait.since), self.y(scale, wait.until));
        if to - from < SEEN {
            return;
        }
        let (x, class) = match wait.side {
            Side::Client => (self.x(wait.side) - 14.0, "end"),
            Side::Server => (self.x(wait.side) + 14.0, ""),
        };
        let title = format!("{}: {} ms", wait.words, wait.milliseconds);
        begin(xml, "waiting", wait.arrow, &title);
        line(xml, "wait", (x, from + 3.0), (x, to - 3.0));
        let away = if wait.side == Side::Client { -7.0 } else { 7.0 };
        let class = format!("words held-text small over {class}");
        let place = (x + away, (from + to) / 2.0 + 5.0);
        words(xml, &class, place, &wait.milliseconds.to_string());
        xml.close();
    }

    fn arrow(&self, xml: &mut Xml, scale: Scale, arrow: &Arrow) {
        let from = (self.x(arrow.from), self.y(scale, arrow.left));
        let to = self.x(arrow.from.peer());
        let inward = (to - from.0).signum();
        let from = (from.0 + inward * (HALF + 1.0), from.1);
        let edge = to - inward * (HALF + 1.0);
        begin(xml, &classes(arrow), arrow.event, &arrow.words);
        let mut ends: Vec<(f64, f64)> = arrow.came.iter().map(|came| (edge, self.y(scale, *came))).collect();
        if ends.is_empty() {
            ends.push(match arrow.outcome {
                Outcome::Lost => ((from.0 + edge) / 2.0, from.1),
                _ => (edge, from.1),
            });
        }
        for end in ends {
            line(xml, "way", from, end);
            match arrow.outcome {
                Outcome::Lost | Outcome::Damaged => cross(xml, end),
                _ => head(xml, from, end),
            }
        }
        xml.close();
    }

    /// What leaves: words for data and for beginning and end. A bare ACK has none.
    fn labels(&self, xml: &mut Xml, scale: Scale) {
        for side in [Side::Client, Side::Server] {
            let sent = self.diagram.arrows().filter(|arrow| arrow.from == side);
            let labels = sent.filter_map(|arrow| Some((self.y(scale, arrow.left), named(arrow)?)));
            let mut apart: Vec<(f64, String)> = Vec::new();
            for (y, words) in labels {
                match apart.last_mut() {
                    Some((last, others)) if y - *last < TOUCH => *others = format!("{others} {words}"),
                    _ => apart.push((y, words)),
                }
            }
            let (x, class) = match side {
                Side::Client => (self.x(side) - HALF - 5.0, "end"),
                Side::Server => (self.x(side) + HALF + 5.0, ""),
            };
            let class = format!("small over {class}");
            for (y, named) in apart {
                words(xml, class.trim_end(), (x, y + 5.0), &crate::width::cut(&named, 14));
            }
        }
    }

    fn foot(&self, xml: &mut Xml) {
        let mut y = TOP + HEIGHT + 62.0;
        for said in &self.verdict {
            words(xml, "words small", (self.left + 14.0, y), said);
            y += LINE;
        }
    }
}

/// A short name of a segment that is more than an ACK.
fn named(arrow: &Arrow) -> Option<String> {
    const SHOWN: usize = 4;
    let flags = [(Flags::SYN, "SYN"), (Flags::RST, "RST"), (Flags::FIN, "FIN")];
    if let Some((_, name)) = flags.into_iter().find(|(flag, _)| arrow.flags.has(*flag)) {
        return Some(name.to_owned());
    }
    let data = crate::words::data_text(&arrow.data, arrow.len.into(), SHOWN);
    (arrow.len > 0).then_some(data)
}
