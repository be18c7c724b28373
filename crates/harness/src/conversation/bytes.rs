//! Bytes as they are written on a command line and in a script.

/// The bytes of a text in which `\n`, `\r`, `\t`, `\0`, `\\` and `\xHH` stand for one byte each.
///
/// # Errors
///
/// What is wrong with it, in words.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        bytes.push(match rest.next() {
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                let two = digits.len() == 2 && digits.chars().all(|c| c.is_ascii_hexdigit());
                let number = two.then(|| u8::from_str_radix(&digits, 16).ok()).flatten();
                number.ok_or_else(|| format!("\\x takes two hexadecimal digits, not {digits:?}"))?
            }
            Some(other) => {
                return Err(format!(
                    "\\{other} is no escape; there are \\n \\r \\t \\0 \\\\ and \\xHH"
                ));
            }
            None => return Err("a single \\ at the end; write \\\\ for one".to_owned()),
        });
    }
    Ok(bytes)
}

#[cfg(test)]
#[path = "../../tests/unit/conversation_bytes.rs"]
mod tests;
