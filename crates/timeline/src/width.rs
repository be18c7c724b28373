//! How wide text is in a terminal, and text in lines of a width.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

/// The columns that a text takes: two for a character of Chinese and for most pictures, none for an accent that stands
/// on the character before it.
///
/// ```
/// use timeline::width::columns;
///
/// assert_eq!([columns("segment"), columns("漢字"), columns("e\u{301}"), columns("🦀")], [7, 4, 1, 2]);
/// ```
pub fn columns(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// A text in at most `width` columns, with `…` where its end is missing.
pub fn cut(text: &str, width: usize) -> String {
    match width {
        _ if columns(text) <= width => text.to_owned(),
        0 => String::new(),
        _ => format!("{}…", &text[..fitting(text, width - 1)]),
    }
}

/// A text with spaces behind it, as many as it lacks of `width` columns.
pub fn padded(text: &str, width: usize) -> String {
    format!("{text}{:1$}", "", width.saturating_sub(columns(text)))
}

/// A text in lines of at most `width` columns: see [`broken`].
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let lines = broken(text, width, width);
    lines.into_iter().map(|line| text[line].to_owned()).collect()
}

/// The lines of a text, as places in it: the first of at most so many columns, the others of at most as many as
/// `further` says. A line ends at spaces, which belong to none, or within a word that is wider than a line.
pub fn broken(text: &str, first: usize, further: usize) -> Vec<Range<usize>> {
    let mut lines: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for word in text.split(' ') {
        let end = start + word.len();
        // Between two spaces there is none; but those that a text begins with belong to its first line.
        while start < end || start == 0 && lines.is_empty() {
            let is_first = text[..start].trim_start().is_empty();
            let most = if is_first { first.saturating_sub(start) } else { further };
            let width = fitting(&text[start..end], most);
            // Of a line that is narrower than a character, that character is left.
            let least = text[start..end].chars().next().map_or(0, char::len_utf8);
            let piece = start..start + width.max(least);
            start = piece.end;
            let room = if lines.len() < 2 { first } else { further };
            match lines.last_mut() {
                Some(line) if columns(&text[line.start..piece.end]) <= room => line.end = piece.end,
                _ => lines.push(piece),
            }
        }
        start = end + 1;
    }
    lines
}

/// How many bytes of a text fit into so many columns.
fn fitting(text: &str, width: usize) -> usize {
    if columns(text) <= width {
        return text.len();
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let fit = ends.partition_point(|end| columns(&text[..*end]) <= width);
    ends[fit.saturating_sub(1)]
}

#[cfg(test)]
#[path = "../tests/unit/width.rs"]
mod tests;
