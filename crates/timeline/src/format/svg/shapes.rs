//! The shapes that pictures are made of.

use crate::events::TcpState;

use super::xml::{Xml, number};

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
    let spot = xml
        .element("rect")
        .with("class", "held")
        .at("x", right - width)
        .at("y", y - 10.0);
    spot.at("width", width).at("height", 20.0).with("rx", 10).empty();
    let text = xml
        .element("text")
        .with("class", "words sign")
        .at("x", right - width / 2.0);
    text.at("y", y + 5.0).text(numbers);
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

/// A piece of a band: its state has a colour and a hatching.
pub(super) fn bar(xml: &mut Xml, state: TcpState, (x, y): (f64, f64), height: f64) {
    let class = match state {
        TcpState::Established => "open",
        TcpState::CloseWait => "close-wait",
        TcpState::Listen | TcpState::SynSent | TcpState::SynReceived => "opening",
        TcpState::FinWait1 | TcpState::FinWait2 | TcpState::TimeWait | TcpState::LastAck | TcpState::Closing => {
            "closing"
        }
    };
    xml.element("rect")
        .with("class", format!("band {class}"))
        .at("x", x - HALF)
        .at("y", y)
        .at("width", 2.0 * HALF)
        .at("height", height)
        .empty();
    // How much a line rises to the right, and how far the lines are apart. No two of these states look alike.
    let (rise, apart) = match state {
        TcpState::CloseWait => (10.0, 9.0),
        TcpState::FinWait1 => (10.0, 14.0),
        TcpState::FinWait2 => (0.0, 14.0),
        TcpState::TimeWait => (0.0, 6.0),
        TcpState::LastAck => (-10.0, 14.0),
        TcpState::Closing => (-10.0, 9.0),
        TcpState::Established | TcpState::Listen | TcpState::SynSent | TcpState::SynReceived => return,
    };
    let mut path = String::new();
    let mut at = y + f64::max(rise, 0.0).max(4.0);
    while at <= y + height && at - rise <= y + height {
        path += &format!(
            "M{} {}L{} {}",
            number(x - HALF),
            number(at),
            number(x + HALF),
            number(at - rise)
        );
        at += apart;
    }
    if !path.is_empty() {
        xml.element("path").with("class", "hatch").with("d", path).empty();
    }
}
