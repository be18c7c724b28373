//! Tests of `src/terminal/step.rs`, which see what is private there.

use super::*;

fn keys(mut bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    while let Some((found, used)) = key(bytes) {
        keys.extend(found);
        bytes = &bytes[used..];
    }
    keys
}

#[test]
fn keys_are_told_apart() {
    use Key::{Back, Forward, Quit, Rest};
    assert_eq!(keys(b" \x1b[C\r\x1b[D"), [Forward, Forward, Forward, Back]);
    assert_eq!(keys(b"e"), [Rest]);
    assert_eq!(keys(b"\x03"), [Quit]);
    assert_eq!(keys(b"\x1b"), [Quit]);
    // What means nothing here does nothing, a function key as little as a letter.
    assert_eq!(keys(b"x\x1b[15~z\x1bOP "), [Forward]);
}
