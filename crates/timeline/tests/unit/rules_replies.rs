//! Tests of `src/rules/replies.rs`, which see what is private there.

use super::*;

#[test]
fn requests_are_counted_by_their_form() {
    for (bytes, count) in [
        ("", 1),
        ("1", 1),
        ("1\n", 1),
        ("1\n2\n3\n", 3),
        ("1\n2\n3", 2),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n", 2),
        // The end of it was not kept.
        ("GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nUser-A", 1),
        ("*1\r\n$4\r\nPING\r\n", 1),
        ("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n", 2),
        ("EHLO a\r\nQUIT\r\n", 2),
    ] {
        assert_eq!(requests_in(bytes.as_bytes()), count..=count, "{bytes:?}");
    }
}

#[test]
fn a_body_is_none_of_the_requests() {
    let form = "POST / HTTP/1.1\r\nContent-Length: 23\r\n\r\n--B\r\n\r\nhello\r\n\r\n--B--\r\n";
    let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\n\r\n\r\n\r\n0\r\n\r\n";
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (bytes, count) in [
        (form.to_owned(), 1),
        (form.repeat(2), 2),
        (chunked.to_owned(), 1),
        (format!("{chunked}{get}{form}{get}"), 4),
        (format!("{}{get}", form.replace("23", "99999999999999999999")), 1),
        (form.replace("23", "9999"), 1),
    ] {
        assert_eq!(requests_in(bytes.as_bytes()), count..=count, "{bytes:?}");
    }
}

#[test]
fn bytes_without_a_form_may_be_any_number_of_requests() {
    assert_eq!(requests_in(b"\x02ab\x03cde"), 1..=7);
    assert_eq!(requests_in(b"\x01\n"), 1..=2);
    assert_eq!(requests_in("grüß\n".as_bytes()), 1..=1);
    assert_eq!(
        requests_in(&"grüß".as_bytes()[..3]),
        1..=1,
        "cut off within a character"
    );
    let record = |kind: u8| [kind, 3, 3, 0, 2, b'\n', b'\n'];
    assert_eq!(requests_in(&[record(20), record(23), record(23)].concat()), 2..=2);
    assert_eq!(requests_in(&record(22)), 1..=1);
}
