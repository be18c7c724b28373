//! Text within HTML and XML.

use crate::events::printable;

/// Text for content and attributes. What can do more than be read is escaped as everywhere; the two characters
/// that are no XML and that this leaves are escaped too ([XML 1.0, section 2.2](https://www.w3.org/TR/xml/#charsets)).
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\u{fffe}' | '\u{ffff}' => escaped.extend(c.escape_default()),
            _ => escaped.push(c),
        }
    }
    escaped
}
