//! What the signs of a picture mean: an entry for each that it uses.

use crate::events::{Side, TcpState};
use crate::scene::{Diagram, Mark, Outcome};

use super::shapes::{bar, cross, dot, head, line, words};
use super::xml::{Xml, number};

/// From entry to entry, and from line to line.
const ENTRY: f64 = 236.0;
const LINE: f64 = 25.0;

#[derive(Clone, Copy, PartialEq)]
enum Sign {
    /// An arrow, by the classes that give it colour, width and dashes.
    Way(&'static str),
    Lost,
    Call,
    Dot,
    Wait,
    Cut,
    /// A state, or none where it is not known which of two a socket had.
    State(Option<TcpState>),
}

/// The entries of a picture, below a sentence on its times.
pub(super) struct Legend {
    times: &'static str,
    signs: Vec<Sign>,
}

impl Legend {
    /// What diagrams use: all of it, or states, arrows and waits alone.
    pub fn of<'d>(diagrams: impl Iterator<Item = &'d Diagram>, is_whole: bool, times: &'static str) -> Legend {
        let (mut signs, mut states) = (Vec::new(), Vec::new());
        for diagram in diagrams {
            for arrow in diagram.arrows() {
                let is_client = arrow.from == Side::Client;
                signs.push(Sign::Way(if is_client { "client" } else { "server" }));
                signs.extend((arrow.len > 0).then_some(Sign::Way("client data")));
                signs.extend(arrow.repeats.then_some(Sign::Way("server again")));
                let is_lost = matches!(arrow.outcome, Outcome::Lost | Outcome::Damaged);
                signs.extend(is_lost.then_some(Sign::Lost));
            }
            let others = diagram.marks.iter().filter(|mark| is_whole && !mark.is_quiet());
            signs.extend(others.filter_map(|mark| match mark {
                Mark::Arrow(_) => None,
                Mark::Call(call) if !call.waits => Some(Sign::Call),
                _ => Some(Sign::Dot),
            }));
            signs.extend((!diagram.waits.is_empty()).then_some(Sign::Wait));
            signs.extend((is_whole && !diagram.folds.is_empty()).then_some(Sign::Cut));
            states.extend(diagram.bands.iter().map(|band| Sign::State(Some(band.state))));
            let unsure = diagram.bands.iter().find(|band| band.since < band.known);
            states.extend(unsure.map(|_| Sign::State(None)));
        }
        let mut used = Vec::new();
        for sign in signs.into_iter().chain(states) {
            if !used.contains(&sign) {
                used.push(sign);
            }
        }
        Legend { times, signs: used }
    }

    fn columns(width: f64) -> usize {
        ((width / ENTRY) as usize).max(1)
    }

    pub fn height(&self, width: f64) -> f64 {
        (1 + self.signs.len().div_ceil(Self::columns(width))) as f64 * LINE + 14.0
    }

    /// Draws it into so much width, and says where it ends.
    pub fn draw(&self, xml: &mut Xml, top: f64, width: f64) -> f64 {
        xml.element("g").with("class", "legend").open();
        words(xml, "words soft small", (24.0, top), self.times);
        for (place, sign) in self.signs.iter().enumerate() {
            let x = 24.0 + (place % Self::columns(width)) as f64 * ENTRY;
            let y = top + (1 + place / Self::columns(width)) as f64 * LINE - 4.0;
            let meaning = sign.draw(xml, (x, y));
            words(xml, "words soft small", (x + 34.0, y + 5.0), &meaning);
        }
        xml.close();
        top + self.height(width)
    }
}

impl Sign {
    /// Draws it, and says what it means.
    fn draw(self, xml: &mut Xml, (x, y): (f64, f64)) -> String {
        let words = match self {
            Sign::Way(classes) => {
                xml.element("g").with("class", classes).open();
                line(xml, "way", (x, y), (x + 26.0, y));
                head(xml, (x, y), (x + 26.0, y));
                xml.close();
                match classes {
                    "client" => "from the client",
                    "server" => "from the server",
                    "client data" => "thick: carries data",
                    _ => "dashed: sent again",
                }
            }
            Sign::Lost => {
                cross(xml, (x + 13.0, y));
                "lost or damaged"
            }
            Sign::Call => {
                let path = format!("M{} {}h10v14h-10", number(x + 8.0), number(y - 7.0));
                xml.element("path").with("class", "call").with("d", path).empty();
                "a call, to its end"
            }
            Sign::Dot => {
                dot(xml, "dot", (x + 13.0, y), 3.5);
                "done, or returned"
            }
            Sign::Wait => {
                line(xml, "wait", (x, y), (x + 20.0, y));
                dot(xml, "held", (x + 22.0, y), 4.5);
                "waits in the kernel"
            }
            Sign::Cut => {
                line(xml, "cut", (x + 2.0, y + 1.0), (x + 24.0, y - 9.0));
                line(xml, "cut", (x + 2.0, y + 9.0), (x + 24.0, y - 1.0));
                "time cut short"
            }
            Sign::State(state) => {
                bar(xml, state, (x + 13.0, y - 9.0), 18.0);
                return state.map_or("changed meanwhile".to_owned(), |state| state.to_string());
            }
        };
        words.to_owned()
    }
}
