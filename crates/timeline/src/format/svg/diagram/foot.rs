//! What stands below the rows: what is still open, the names of the states, the findings.

use crate::events::TcpState;
use crate::format::svg::shapes::{sign, words};
use crate::format::svg::xml::Xml;

use super::{Drawing, LINE, WIDTH, beside_lifeline};

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
            let class = format!("words {strong} {class}");
            words(xml, &class, (x, self.end + 6.0), &format!("still {state}"));
        }
        if !left.is_empty() {
            y += 20.0;
        }
        y = self.legend.draw(xml, y + 14.0, WIDTH);
        for (number, (_, lines)) in (1..).zip(&self.findings) {
            sign(xml, &number.to_string(), (44.0, y - 5.0));
            for line in lines {
                words(xml, "words", (56.0, y), line);
                y += LINE;
            }
        }
    }
}
