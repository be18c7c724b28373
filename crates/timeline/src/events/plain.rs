//! Text that came from elsewhere, made safe to show.

/// A text with every character escaped that could do more than be read: control characters (with
/// those of C1, which terminals obey too), what turns the direction of writing, what breaks a line,
/// and what cannot be seen. Every format shows foreign text through this: a payload, a comment, a
/// call's arguments, a file's name.
///
/// ```
/// use timeline::printable;
///
/// assert_eq!(printable("a\u{1b}[31m\u{9b}b"), r"a\u{1b}[31m\u{9b}b");
/// assert_eq!(printable("gnp.\u{202e}exe\n"), r"gnp.\u{202e}exe\n");
/// assert_eq!(printable("größer"), "größer");
/// ```
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    shown
}

/// True for a character that can only be read.
pub(crate) fn is_plain(c: char) -> bool {
    let acts = c.is_control()
        || matches!(c,
            // Soft hyphen, Arabic letter mark.
            '\u{ad}' | '\u{61c}'
            // Zero widths and marks of direction; breaks of lines and paragraphs, embeddings, overrides.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            // Invisible operators, isolates.
            | '\u{2060}'..='\u{206f}'
            // Byte order mark, annotations, tags.
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !acts
}

/// Bytes as a Rust byte string would show them, without the `b`: `"1\n"`.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii().to_string().replace("\\'", "'"))
}
