//! Writes XML that is well formed whatever its texts are.

use std::fmt::Display;

use crate::format::markup::escaped;

/// A document that grows.
#[derive(Default)]
pub(super) struct Xml {
    text: String,
    open: Vec<&'static str>,
}

/// An element whose attributes are being written.
#[must_use = "an element needs an end: empty, text or open"]
pub(super) struct Element<'x> {
    xml: &'x mut Xml,
    tag: &'static str,
}

impl Xml {
    /// Begins an element.
    pub fn element(&mut self, tag: &'static str) -> Element<'_> {
        self.text += &" ".repeat(self.open.len());
        self.text.push('<');
        self.text += tag;
        Element { xml: self, tag }
    }

    /// Ends the innermost element that is open.
    pub fn close(&mut self) {
        if let Some(tag) = self.open.pop() {
            self.text += &" ".repeat(self.open.len());
            self.text += &format!("</{tag}>\n");
        }
    }

    /// The document, with all elements ended.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }
}

impl Element<'_> {
    /// An attribute.
    pub fn with(self, name: &str, value: impl Display) -> Self {
        self.xml.text += &format!(" {name}=\"{}\"", escaped(&value.to_string()));
        self
    }

    /// An attribute that is a length or a place, to a tenth.
    pub fn at(self, name: &str, value: f64) -> Self {
        self.with(name, number(value))
    }

    /// Ends it: there is nothing in it.
    pub fn empty(self) {
        self.xml.text += "/>\n";
    }

    /// Ends it with this text in it.
    pub fn text(self, text: &str) {
        self.xml.text += &format!(">{}</{}>\n", escaped(text), self.tag);
    }

    /// Ends it with a text of ours in it, as it is: a style sheet.
    pub fn verbatim(self, text: &str) {
        self.xml.text += &format!(">\n{text}</{}>\n", self.tag);
    }

    /// What follows is in it, until [`Xml::close`].
    pub fn open(self) {
        self.xml.text += ">\n";
        self.xml.open.push(self.tag);
    }
}

/// A number of an attribute, to a tenth: shorter, and the same on every machine.
pub(super) fn number(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // Adding 0 turns `-0` into `0`.
    (rounded + 0.0).to_string()
}
