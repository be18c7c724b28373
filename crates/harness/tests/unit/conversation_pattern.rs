//! Tests of `src/conversation/pattern.rs`, which see what is private there.

use super::*;

#[test]
fn a_text_is_found_with_the_rest_of_its_line() {
    let pattern = Pattern::parse("250 ").unwrap();
    let reply = b"250-mail\r\n250 HELP\r\n354 more";
    assert_eq!(pattern.end_in(&reply[..10]), None);
    assert_eq!(pattern.end_in(reply), Some(20));
    // The rest has not come, and is not waited for.
    assert_eq!(pattern.end_in(&reply[..15]), Some(14));
    assert_eq!(Pattern::parse(r"ok\n").unwrap().end_in(b"ok\nok\n"), Some(3));
    assert_eq!(pattern.to_string(), "\"250 \"");
}

#[test]
fn a_regular_expression_stands_between_slashes() {
    let pattern = Pattern::parse(r"/^2\d\d /").unwrap();
    assert_eq!(pattern.end_in(b"220 ready\r\n"), Some(11));
    assert_eq!(pattern.end_in(b"421 busy\r\n"), None);
    assert_eq!(pattern.end_in(b"220-it is\r\n220 ready\r\n"), Some(22));
    assert_eq!(pattern.end_in(b"220 \xff\n"), Some(6));
    assert!(Pattern::parse("/(/").unwrap_err().contains("no regular expression"));
    // A path is a text.
    assert!(matches!(Pattern::parse("/index").unwrap(), Pattern::Text(..)));
    assert!(matches!(Pattern::parse("/").unwrap(), Pattern::Text(..)));
    assert!(Pattern::parse("").is_err());
}
