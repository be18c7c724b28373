//! What the signs of a picture mean: an entry for each that it uses.

use crate::events::{Side, TcpState};
use crate::scene::{Diagram, Mark, Outcome};

use super::shapes::{bar, cross, dot, head, line};
use super::xml::{Xml, number};

/// From entry to entry, and from line to line.
const ENTRY: f64 = 236.0;
const LINE: f64 = 25.0;

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
    signs: Vec<(Sign, String)>,
}

impl Legend {
    /// What a diagram uses: all of it, or states, arrows and waits alone.
    pub fn of<'d>(diagrams: impl Iterator<Item = &'d Diagram> + Clone, is_whole: bool, times: &'static str) -> Legend {
        let arrows = || diagrams.clone().flat_map(Diagram::arrows);
        let from = |side: Side| arrows().any(|arrow| arrow.from == side);
        let has_dots = diagrams
            .clone()
            .flat_map(|diagram| &diagram.marks)
            .any(|mark| !mark.is_quiet() && !matches!(mark, Mark::Arrow(_) | Mark::Call(_)));
        let is_call = |waits| {
            diagrams
                .clone()
                .flat_map(Diagram::calls)
                .any(|call| !call.quiet && call.waits == waits)
        };
        let lost = |outcome| matches!(outcome, Outcome::Lost | Outcome::Damaged);
        let entries = [
            (from(Side::Client), Sign::Way("client"), "from the client"),
            (from(Side::Server), Sign::Way("server"), "from the server"),
            (
                arrows().any(|arrow| arrow.len > 0),
                Sign::Way("client data"),
                "thick: carries data",
            ),
            (
                arrows().any(|arrow| arrow.repeats),
                Sign::Way("server again"),
                "dashed: sent again",
            ),
            (arrows().any(|arrow| lost(arrow.outcome)), Sign::Lost, "lost or damaged"),
            (is_whole && is_call(false), Sign::Call, "a call, to its end"),
            (is_whole && (has_dots || is_call(true)), Sign::Dot, "done, or returned"),
            (
                diagrams.clone().any(|diagram| !diagram.waits.is_empty()),
                Sign::Wait,
                "waits in the kernel",
            ),
            (
                is_whole && diagrams.clone().any(|diagram| !diagram.folds.is_empty()),
                Sign::Cut,
                "time cut short",
            ),
        ];
        let used = entries.into_iter().filter(|(is_used, ..)| *is_used);
        let mut signs: Vec<(Sign, String)> = used.map(|(_, sign, words)| (sign, words.to_owned())).collect();
        let bands = || diagrams.clone().flat_map(|diagram| &diagram.bands);
        let mut states: Vec<TcpState> = Vec::new();
        for band in bands() {
            if !states.contains(&band.state) {
                states.push(band.state);
            }
        }
        signs.extend(
            states
                .into_iter()
                .map(|state| (Sign::State(Some(state)), state.to_string())),
        );
        if bands().any(|band| band.since < band.known) {
            signs.push((Sign::State(None), "changed meanwhile".to_owned()));
        }
        Legend { times, signs }
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
        let text = xml.element("text").with("class", "words soft small").at("x", 24.0);
        text.at("y", top).text(self.times);
        for (place, (sign, words)) in self.signs.iter().enumerate() {
            let x = 24.0 + (place % Self::columns(width)) as f64 * ENTRY;
            let y = top + (1 + place / Self::columns(width)) as f64 * LINE - 4.0;
            sign.draw(xml, (x, y));
            let text = xml.element("text").with("class", "words soft small").at("x", x + 34.0);
            text.at("y", y + 5.0).text(words);
        }
        xml.close();
        top + self.height(width)
    }
}

impl Sign {
    fn draw(&self, xml: &mut Xml, (x, y): (f64, f64)) {
        match self {
            Sign::Way(classes) => {
                xml.element("g").with("class", classes).open();
                line(xml, "way", (x, y), (x + 26.0, y));
                head(xml, (x, y), (x + 26.0, y));
                xml.close();
            }
            Sign::Lost => cross(xml, (x + 13.0, y)),
            Sign::Call => {
                let (x, top) = (number(x + 8.0), number(y - 7.0));
                xml.element("path")
                    .with("class", "call")
                    .with("d", format!("M{x} {top}h10v14h-10"))
                    .empty();
            }
            Sign::Dot => dot(xml, "dot", (x + 13.0, y), 3.5),
            Sign::Wait => {
                line(xml, "wait", (x, y), (x + 20.0, y));
                dot(xml, "held", (x + 22.0, y), 4.5);
            }
            Sign::Cut => {
                for y in [y - 4.0, y + 4.0] {
                    line(xml, "cut", (x + 2.0, y + 5.0), (x + 24.0, y - 5.0));
                }
            }
            Sign::State(state) => bar(xml, *state, (x + 13.0, y - 9.0), 18.0),
        }
    }
}
