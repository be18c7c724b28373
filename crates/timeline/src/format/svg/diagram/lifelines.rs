//! The lifelines with the states of their sockets, and the times that are cut.

use crate::format::svg::shapes::{bar, line, rect, words};
use crate::format::svg::xml::Xml;
use crate::scene::Band;

use super::{CLIENT, Drawing, SERVER, TIME, WIDTH, lifeline, middle_of};

impl Drawing<'_> {
    pub(super) fn lifelines(&self, xml: &mut Xml) {
        for x in [CLIENT, SERVER] {
            line(xml, "life", (x, self.top + 56.0), (x, self.end));
        }
        self.diagram.bands.iter().for_each(|band| self.band(xml, band));
    }

    fn band(&self, xml: &mut Xml, band: &Band) {
        let x = lifeline(band.side);
        let (from, known) = self.begins(band);
        let follows = |next: &&Band| next.side == band.side && Some(next.since) == band.until;
        let next = self.diagram.bands.iter().find(follows);
        let to = match band.until {
            None => self.end + 10.0,
            // The state ends after all that is drawn, as only a part of the connection is.
            Some(until) if until > self.axis.last() => self.end,
            Some(until) => next.map_or_else(|| self.axis.at(until), |next| self.begins(next).0),
        };
        let (from, to) = (from.max(self.top + 56.0), to.max(from));
        let known = known.clamp(from, to.max(from));
        xml.element("g").with("class", format!("state {}", band.side)).open();
        xml.element("title").text(&format!(
            "The {}'s socket is in {}, from {} ms {}",
            band.side,
            band.state,
            band.known,
            band.until
                .map_or("on, and still when the observation ends".to_owned(), |until| format!(
                    "to {until} ms"
                ))
        ));
        bar(xml, None, (x, from), known - from);
        bar(xml, Some(band.state), (x, known), to - known);
        xml.close();
    }

    /// From where on a socket can have had a state, and is known to: in the row that shows it, if that was the moment.
    fn begins(&self, band: &Band) -> (f64, f64) {
        let own = self.state_row.get(&(band.event, band.side)).copied();
        let shown = own.or_else(|| Some((*self.row_of.get(&band.event)?, band.known)));
        let place = |moment| shown.filter(|(_, at)| *at == moment).map(|(place, _)| place);
        let at = |moment| place(moment).unwrap_or_else(|| self.axis.at(moment));
        (at(band.since), at(band.known))
    }

    /// The ground of the times that are cut.
    pub(super) fn grounds(&self, xml: &mut Xml) {
        for &(top, bottom, ..) in &self.axis.cuts {
            let size = (WIDTH - 28.0, bottom - top - 16.0);
            rect(xml, "fold", (14.0, top + 12.0), size).with("rx", 4).empty();
        }
    }

    pub(super) fn cuts(&self, xml: &mut Xml) {
        for &(top, bottom, since, until) in &self.axis.cuts {
            let place = middle_of((top, bottom));
            for x in [CLIENT, SERVER] {
                // Two strokes across the line mark where a piece of it is left out.
                for y in [place - 4.0, place + 4.0] {
                    line(xml, "cut", (x - 11.0, y + 5.0), (x + 11.0, y - 5.0));
                }
            }
            words(xml, "soft end", (TIME, place + 5.0), "⋮");
            let length = format!("{} ms", self.diagram.length(since, until));
            words(
                xml,
                "words middle strong",
                ((CLIENT + SERVER) / 2.0, place + 5.0),
                &length,
            );
        }
    }
}
