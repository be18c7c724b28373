//! How JSON is put down: which characters are escaped beside those that must be, and where lines end.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::events::is_plain;

/// Writes JSON on one line, or with a line for each field of the outermost object and for each item of their lists.
struct Layout<F> {
    /// The characters that are escaped, though JSON does not ask for it.
    escaped: F,
    in_lines: bool,
    depth: usize,
}

impl<F> Layout<F> {
    fn ends_line(&self, depth: usize) -> bool {
        self.in_lines && self.depth == depth
    }

    fn separate<W: ?Sized + Write>(&self, out: &mut W, depth: usize, separator: &str) -> io::Result<()> {
        let end = if self.ends_line(depth) { "\n" } else { "" };
        write!(out, "{separator}{end}")
    }
}

impl<F: Fn(char) -> bool> Formatter for Layout<F> {
    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        out.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        out.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { self.separate(out, 1, ",") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(if self.ends_line(1) { b": " } else { b":" })
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        out.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.separate(out, 2, "")?;
        self.depth -= 1;
        out.write_all(b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.separate(out, 2, if first { "" } else { "," })
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, mut text: &str) -> io::Result<()> {
        while let Some((at, c)) = text.char_indices().find(|(_, c)| (self.escaped)(*c)) {
            out.write_all(&text.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            text = &text[at + c.len_utf8()..];
        }
        out.write_all(text.as_bytes())
    }
}

/// Writes a value whose outermost fields, and the items of their lists, have a line each. What is not plain text is
/// escaped: see [`printable`](crate::printable).
pub(super) fn write_in_lines(value: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    let layout = Layout {
        escaped: |c| !is_plain(c),
        in_lines: true,
        depth: 0,
    };
    value.serialize(&mut Serializer::with_formatter(&mut *out, layout))?;
    writeln!(out)
}

/// A value on one line, in which these characters are escaped besides those of which JSON asks it.
pub(crate) fn text(value: &impl Serialize, escaped: impl Fn(char) -> bool) -> serde_json::Result<String> {
    let layout = Layout {
        escaped,
        in_lines: false,
        depth: 0,
    };
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, layout))?;
    String::from_utf8(text).map_err(serde::ser::Error::custom)
}
