//! Tests of `src/conversation/bytes.rs`, which see what is private there.

use super::*;

#[test]
fn escapes_become_bytes() {
    assert_eq!(unescape(r"GET / HTTP/1.0\r\n\r\n").unwrap(), b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(unescape(r"\x00\xfF\\\té").unwrap(), b"\x00\xff\\\t\xc3\xa9");
    assert_eq!(unescape("").unwrap(), b"");
}

#[test]
fn what_is_no_escape_is_named() {
    assert!(unescape(r"\q").unwrap_err().contains(r"\q"));
    assert!(unescape(r"\x+1").unwrap_err().contains("+1"));
    assert!(unescape(r"\xé").unwrap_err().contains("two"));
    assert!(unescape("\\").unwrap_err().contains("end"));
}
