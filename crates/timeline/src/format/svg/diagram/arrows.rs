//! The arrows, and what is written on them.

use crate::events::Side;
use crate::format::fit::{Detail, header, label};
use crate::format::rows::{Row, wire_cell};
use crate::format::svg::axis::{FLIGHT, LOST};
use crate::format::svg::shapes::{self, HALF, classes, cross, head, line};
use crate::format::svg::xml::{Xml, number};
use crate::scene::{Arrow, Outcome};
use crate::width::{columns, cut};

use super::{CLIENT, CLIENT_ROOM, Drawing, SCREENS, SERVER, SERVER_ROOM, beside_lifeline, lifeline, middle, outward};

/// An arrow is steep that falls by more than it goes across.
const STEEP: f64 = 1.0;

impl Drawing<'_> {
    pub(super) fn arrow(&self, xml: &mut Xml, (row, arrow): (&Row<'_>, &Arrow), place: f64) {
        let (from, to) = (lifeline(arrow.from), lifeline(arrow.from.peer()));
        let inward = -outward(arrow.from);
        let start = (from + inward * (HALF + 2.0), place);
        let group = xml
            .element("g")
            .with("class", classes(arrow))
            .with("data-event", arrow.event);
        let group = match arrow.frame {
            Some(frame) => group.with("data-frame", frame),
            None => group,
        };
        group.with("data-outcome", arrow.outcome).open();
        xml.element("title").text(&told(arrow));
        let ends = self.ends(arrow, start, to - inward * (HALF + 2.0));
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
                let words = what.fitted(((SERVER - CLIENT - 20.0) / screen.prose) as usize);
                middle(xml, screen.class, end.1.max(place) + 22.0, &words);
            }
        }
        xml.close();
    }

    /// Where it ends, at the edge of the other lifeline: twice if it came twice, on the way if it was lost.
    fn ends(&self, arrow: &Arrow, start: (f64, f64), edge: f64) -> Vec<(f64, f64)> {
        match arrow.outcome {
            Outcome::Captured => vec![(edge, start.1)],
            Outcome::Lost => {
                let down = self.axis.flight.map_or(0.0, |_| FLIGHT);
                vec![(start.0 + (edge - start.0) * LOST, start.1 + down * LOST)]
            }
            Outcome::Delivered | Outcome::Duplicated | Outcome::Damaged => {
                let came = arrow.came.iter().map(|came| self.axis.at(*came));
                came.map(|came| (edge, came.max(start.1))).collect()
            }
        }
    }

    /// What is written on an arrow.
    fn label(&self, xml: &mut Xml, arrow: &Arrow, start: (f64, f64), slope: f64) {
        let room = SERVER - CLIENT - 2.0 * HALF - 14.0;
        // The arrow of a lost packet ends before the other host.
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
            let [degrees, left, top] = [slope.atan().to_degrees(), x, y].map(number);
            let text = match slope.abs() < 0.01 {
                true => text,
                false => text.with("transform", format!("rotate({degrees} {left} {top})")),
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
            let words = match columns(&words) > width {
                true => cut(&format!("len {}", arrow.len), width),
                false => words,
            };
            let class = format!("soft {end} {}", screen.class);
            shapes::words(xml, &class, (x, place + 5.0), &words);
        }
    }
}

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

/// The most of an arrow's words that fits into so many characters.
fn shortest(arrow: &Arrow, width: usize) -> String {
    let whole = [Detail::Full, Detail::WithoutAck].map(|detail| label(arrow, detail, usize::MAX));
    let fits = whole.into_iter().find(|label| columns(label) <= width);
    fits.unwrap_or_else(|| label(arrow, Detail::Least, width))
}
