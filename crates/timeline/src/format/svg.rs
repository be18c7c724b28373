//! Pictures of a scene, for pages, print and projectors: the diagram of a connection with time running down,
//! diagrams side by side on one scale, and bytes against time.
//!
//! A picture is one SVG file that needs nothing else. It has larger type and fewer words where it is shown on
//! less than 560 pixels, and the colours that the reader's system asks for, unless it is drawn in a [`Theme`].

mod axis;
mod diagram;
mod legend;
mod multiples;
mod shapes;
mod style;
mod xml;

use crate::scene::Scene;
use crate::width::{cut, wrapped};

pub use multiples::side_by_side;
pub(crate) use shapes::{Look, looks};
pub(crate) use style::variables;

use xml::Xml;

/// The colours of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Theme {
    /// Light or dark, as the reader's system is set; light on paper.
    #[default]
    Auto,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// Black, white and grey.
    Mono,
}

/// How to draw a scene as a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its title, for who cannot see it and for the tab of a browser.
    pub title: String,
    /// Its colours.
    pub theme: Theme,
    /// Draw at most so many rows of a connection; what is left out is said.
    pub rows: usize,
    /// Draw at most so many connections; what is left out is said.
    pub connections: usize,
}

impl Default for Picture {
    fn default() -> Picture {
        Picture {
            title: String::new(),
            theme: Theme::Auto,
            rows: 400,
            connections: 20,
        }
    }
}

impl Picture {
    /// A picture with this title.
    pub fn titled(title: impl Into<String>) -> Picture {
        Picture {
            title: title.into(),
            ..Picture::default()
        }
    }

    /// Draws each connection: time runs down, and each packet is an arrow.
    pub fn draw(&self, scene: &Scene) -> String {
        diagram::draw(self, scene)
    }
}

/// The whole of a picture: its size, what it is in words, its style, and what `draw` draws.
fn document(size: (f64, f64), (title, description): (&str, &str), theme: Theme, draw: impl FnOnce(&mut Xml)) -> String {
    let (width, height) = size;
    let mut xml = Xml::default();
    xml.element("svg")
        .with("xmlns", "http://www.w3.org/2000/svg")
        .with("viewBox", format!("0 0 {} {}", xml::number(width), xml::number(height)))
        .at("width", width)
        .at("height", height)
        .with("role", "img")
        .with("aria-labelledby", "title description")
        .open();
    xml.element("title").with("id", "title").text(title);
    xml.element("desc").with("id", "description").text(description);
    xml.element("style").verbatim(&style::sheet(theme));
    xml.element("rect")
        .with("class", "paper")
        .at("width", width)
        .at("height", height)
        .with("rx", 6)
        .empty();
    draw(&mut xml);
    xml.finish()
}

/// A text in lines of at most `width` characters, broken at spaces where there are any.
fn lines(text: &str, width: usize) -> Vec<String> {
    let words: Vec<String> = text.split(' ').map(|word| cut(word, width)).collect();
    wrapped(&words.join(" "), width)
}

/// Round numbers from 0 to at most `end`, not many more than so many.
fn ticks(end: f64, many: u32) -> Vec<f64> {
    if !(end > 0.0 && end.is_finite()) {
        return vec![0.0];
    }
    let least = end / f64::from(many);
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= least);
    let step = step.unwrap_or(end);
    // Multiples of a tenth or a hundredth are not exact in binary, so each tick is rounded.
    let rounded = |tick: f64| (tick * 1000.0).round() / 1000.0;
    (0..=many)
        .map(|number| rounded(f64::from(number) * step))
        .take_while(|tick| *tick <= end)
        .collect()
}

#[cfg(test)]
#[path = "../../tests/unit/format_svg.rs"]
mod tests;
