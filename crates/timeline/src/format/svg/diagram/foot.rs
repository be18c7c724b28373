//! What stands below the rows: what is still open, the names of the states, the findings.

use crate::events::TcpState;
use crate::format::svg::shapes::{bar, sign};
use crate::format::svg::xml::Xml;

use super::{Drawing, LINE, beside_lifeline};

/// So many states are explained in a line.
const LEGEND: usize = 4;

impl Drawing<'_> {
    pub(super) fn foot(&self, xml: &mut Xml) {
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

    pub(super) fn legend_height(&self) -> f64 {
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
