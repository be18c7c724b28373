//! The brackets of calls, and what waits after they have closed.

use crate::events::Side;
use crate::format::rows::Row;
use crate::format::svg::lines;
use crate::format::svg::shapes::{self, HALF, begin, dot, line};
use crate::format::svg::xml::{Xml, number};
use crate::scene::{Bracket, Wait};

use super::{BRACKET, Drawing, HEADING, beside_lifeline, lifeline, middle_of, outward};

/// The same of words beside a wait.
const BESIDE: f64 = 20.0;

impl Drawing<'_> {
    /// From where to where a call is.
    fn span(&self, call: &Bracket) -> Option<(f64, f64)> {
        let first = self.row_of.get(&call.event).copied()?;
        let arrows = call.arrows.iter().filter_map(|arrow| self.row_of.get(arrow).copied());
        let last = arrows.fold(first, f64::max);
        let returned = call.returned.map_or(self.end, |returned| self.axis.at(returned));
        // A row is higher than most calls are long: the bracket closes below the last that it holds.
        Some((first, returned.max(last + 9.0)))
    }

    pub(super) fn bracket(&self, xml: &mut Xml, call: &Bracket) {
        let Some((from, to)) = self.span(call).filter(|_| !call.quiet) else {
            return;
        };
        let x = lifeline(call.side);
        let out = outward(call.side);
        begin(xml, "bracket", call.event, &call.words);
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

    pub(super) fn wait(&self, xml: &mut Xml, wait: &Wait) {
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
        let length = format!("{} ms", wait.milliseconds);
        begin(xml, "waiting", wait.arrow, &format!("{}: {length}", wait.words));
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
        // Where the axis is cut, the length of the cut stands beside it. So the wait's length is not repeated there.
        let cut = self
            .axis
            .cuts
            .iter()
            .find(|(top, bottom, ..)| (above..below).contains(&middle_of((*top, *bottom))));
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
        let place = cut.map_or((above + below) / 2.0, |&(top, bottom, ..)| middle_of((top, bottom)));
        let top = place - height / 2.0 + 14.0;
        let (class, x) = beside_lifeline(wait.side);
        let class = format!("words held-text {class}");
        for (place, text) in words.iter().enumerate() {
            shapes::words(xml, &class, (x, top + place as f64 * BESIDE), text);
        }
    }
}
