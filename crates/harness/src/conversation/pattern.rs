//! What a reply has to hold.

use std::fmt;

use regex_lite::{Regex, RegexBuilder};

use super::bytes::unescape;

/// A text, or a regular expression between slashes.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// These bytes.
    Text(Vec<u8>, String),
    /// What this matches, of the bytes as text; what is not UTF-8 is replaced.
    Regex(Regex),
}

impl Pattern {
    /// Reads `TEXT`, with the escapes of [`unescape`], or `/REGEX/`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let inside = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        if let Some(regex) = inside.filter(|regex| !regex.is_empty()) {
            // People think of replies as lines, so `^` and `$` match at each line.
            let built = RegexBuilder::new(regex).multi_line(true).build();
            let regex = built.map_err(|error| format!("/{regex}/ is no regular expression: {error}"))?;
            return Ok(Pattern::Regex(regex));
        }
        if text.is_empty() {
            return Err("an empty text is in everything: say what the reply holds".to_owned());
        }
        Ok(Pattern::Text(unescape(text)?, text.to_owned()))
    }

    /// The end of its first match, or of the line that the match is in, as far as that has come.
    pub fn end_in(&self, bytes: &[u8]) -> Option<usize> {
        let matched = match self {
            Pattern::Text(wanted, _) => {
                let at = bytes.windows(wanted.len()).position(|part| part == wanted)?;
                at + wanted.len()
            }
            Pattern::Regex(regex) => end_of_match(regex, bytes)?,
        };
        let complete = matched > 0 && bytes[matched - 1] == b'\n';
        let rest = bytes[matched..]
            .iter()
            .position(|byte| *byte == b'\n')
            .filter(|_| !complete);
        Some(rest.map_or(matched, |newline| matched + newline + 1))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Pattern {}

/// In lossy text a match may end at another place than in the bytes: then all of them are taken.
fn end_of_match(regex: &Regex, bytes: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(bytes);
    let end = regex.find(&text)?.end();
    Some(if text.len() == bytes.len() { end } else { bytes.len() })
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Text(_, text) => write!(f, "\"{text}\""),
            Pattern::Regex(regex) => write!(f, "/{regex}/"),
        }
    }
}

#[cfg(test)]
#[path = "../../tests/unit/conversation_pattern.rs"]
mod tests;
