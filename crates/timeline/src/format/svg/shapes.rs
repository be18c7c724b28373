//! The shapes that pictures are made of.

use std::collections::BTreeMap;

use crate::events::{EventId, TcpState};
use crate::scene::Arrow;

use super::xml::{Element, Xml, number};

/// Half the width of a lifeline's band.
pub(super) const HALF: f64 = 5.0;

pub(super) fn line(xml: &mut Xml, class: &str, from: (f64, f64), to: (f64, f64)) {
    let line = xml.element("line").with("class", class);
    line.at("x1", from.0)
        .at("y1", from.1)
        .at("x2", to.0)
        .at("y2", to.1)
        .empty();
}

/// Begins a rectangle of this class, at this place and of this size.
pub(super) fn rect<'x>(xml: &'x mut Xml, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) -> Element<'x> {
    let rect = xml.element("rect").with("class", class).at("x", x).at("y", y);
    rect.at("width", width).at("height", height)
}

/// Words of this class, from this place on.
pub(super) fn words(xml: &mut Xml, class: &str, (x, y): (f64, f64), text: &str) {
    xml.element("text")
        .with("class", class)
        .at("x", x)
        .at("y", y)
        .text(text);
}

/// Begins a group that shows an event, and tells of it to who points at it.
pub(super) fn begin(xml: &mut Xml, class: &str, event: EventId, title: &str) {
    xml.element("g").with("class", class).with("data-event", event).open();
    xml.element("title").text(title);
}

pub(super) fn dot(xml: &mut Xml, class: &str, (x, y): (f64, f64), radius: f64) {
    xml.element("circle")
        .with("class", class)
        .at("cx", x)
        .at("cy", y)
        .at("r", radius)
        .empty();
}

/// The sign of findings: their numbers on a spot that ends here.
pub(super) fn sign(xml: &mut Xml, numbers: &str, (right, y): (f64, f64)) {
    let width = 20.0 + (numbers.chars().count() - 1) as f64 * 7.0;
    let spot = rect(xml, "held", (right - width, y - 10.0), (width, 20.0));
    spot.with("rx", 10).empty();
    words(xml, "words sign", (right - width / 2.0, y + 5.0), numbers);
}

/// An arrow's head, at the end of a line.
pub(super) fn head(xml: &mut Xml, from: (f64, f64), to: (f64, f64)) {
    let (across, down) = (to.0 - from.0, to.1 - from.1);
    let length = across.hypot(down).max(1.0);
    let (across, down) = (across / length, down / length);
    let corner = |side: f64| {
        let (x, y) = (
            to.0 - across * 13.0 - side * down * 5.5,
            to.1 - down * 13.0 + side * across * 5.5,
        );
        format!("{},{}", number(x), number(y))
    };
    let points = format!("{},{} {} {}", number(to.0), number(to.1), corner(1.0), corner(-1.0));
    xml.element("polygon")
        .with("class", "head")
        .with("points", points)
        .empty();
}

/// The end of what was lost.
pub(super) fn cross(xml: &mut Xml, (x, y): (f64, f64)) {
    let (left, right) = (number(x - 8.0), number(x + 8.0));
    let (top, bottom) = (number(y - 8.0), number(y + 8.0));
    let path = format!("M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}");
    xml.element("path").with("class", "cross").with("d", path).empty();
}

/// How states look: the class that gives the colour, and for each set of lines how much a line rises to the right, and
/// how far the lines are apart. No two look alike. `None` is what is not known: it was the state before, or the next.
pub(crate) type Look = (&'static str, &'static [(f64, f64)]);

fn look(state: Option<TcpState>) -> Look {
    match state {
        None => ("unsure", &[(16.0, 5.0)]),
        Some(TcpState::Established) => ("open", &[]),
        Some(TcpState::CloseWait) => ("close-wait", &[(10.0, 9.0)]),
        Some(TcpState::Listen) => ("opening", &[]),
        Some(TcpState::SynSent) => ("opening", &[(5.0, 8.0)]),
        Some(TcpState::SynReceived) => ("opening", &[(-5.0, 8.0)]),
        Some(TcpState::FinWait1) => ("closing", &[(10.0, 7.0)]),
        Some(TcpState::FinWait2) => ("closing", &[(0.0, 8.0)]),
        Some(TcpState::LastAck) => ("closing", &[(-10.0, 7.0)]),
        Some(TcpState::Closing) => ("closing", &[(10.0, 10.0), (-10.0, 10.0)]),
        Some(TcpState::TimeWait) => ("opening", &[(0.0, 4.0)]),
    }
}

/// The looks of states by their names, for a page that draws them itself.
pub(crate) fn looks(states: impl Iterator<Item = TcpState>) -> BTreeMap<String, Look> {
    let looks = states.map(|state| (state.to_string(), look(Some(state))));
    looks.chain([("unsure".to_owned(), look(None))]).collect()
}

/// The classes of an arrow, which give its colour, width and dashes.
pub(super) fn classes(arrow: &Arrow) -> String {
    let (data, again) = (arrow.len > 0, arrow.repeats);
    let class = |is, class| if is { class } else { "" };
    format!("arrow {}{}{}", arrow.from, class(data, " data"), class(again, " again"))
}

/// A piece of a band.
pub(super) fn bar(xml: &mut Xml, state: Option<TcpState>, (x, y): (f64, f64), height: f64) {
    let ((class, strokes), height) = (look(state), height.max(0.0));
    if state.is_none() && height == 0.0 {
        return;
    }
    let class = format!("band {class}");
    rect(xml, &class, (x - HALF, y), (2.0 * HALF, height)).empty();
    let mut path = String::new();
    for &(rise, apart) in strokes {
        let mut at = y + f64::max(rise, 0.0).max(4.0);
        while at <= y + height && at - rise <= y + height {
            let [left, right, from, to] = [x - HALF, x + HALF, at, at - rise].map(number);
            path += &format!("M{left} {from}L{right} {to}");
            at += apart;
        }
    }
    if !path.is_empty() {
        xml.element("path").with("class", "hatch").with("d", path).empty();
    }
}
