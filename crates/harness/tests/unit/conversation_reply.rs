//! Tests of `src/conversation/reply.rs`, which see what is private there.

use super::*;

fn progress(request: &str, reply: &str, ended: bool) -> ReplyEnd {
    Form::of_reply_to(request.as_bytes()).progress(reply.as_bytes(), ended)
}

fn goes_on(request: &str, reply: &str) {
    assert_eq!(progress(request, reply, false), ReplyEnd::More, "{reply:?}");
}

/// A reply is whole at its last byte, and not before.
fn ends_there(request: &str, reply: &str) {
    let more = format!("{reply}+more");
    assert_eq!(progress(request, &more, false), ReplyEnd::Whole(reply.len()), "{more}");
    for end in 0..reply.len() {
        goes_on(request, &reply[..end]);
    }
}

#[test]
fn a_body_that_waits_for_leave_gets_an_interim_reply() {
    let post = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    ends_there(post, "HTTP/1.1 100 Continue\r\n\r\n");
    ends_there(post, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno");
    // With its body it has one that is final.
    let both = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    ends_there(&format!("{post}hello"), both);
    // Without leave to wait for there is nothing to wait for.
    let half = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe";
    assert_eq!(progress(half, "", false), ReplyEnd::Whole(0));
}

#[test]
fn a_server_that_says_that_it_closes_is_waited_for() {
    let get = "GET / HTTP/1.1\r\n\r\n";
    for (head, closes) in [
        ("HTTP/1.0 200 OK\r\n", true),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", false),
        ("HTTP/1.1 200 OK\r\n", false),
        ("HTTP/1.1 200 OK\r\nConnection: Upgrade, Close\r\n", true),
    ] {
        let reply = format!("{head}Content-Length: 2\r\n\r\nok");
        let whole = ReplyEnd::Whole(reply.len());
        let expected = if closes { ReplyEnd::UntilQuiet } else { whole };
        assert_eq!(progress(get, &reply, false), expected, "{head}");
        assert_eq!(progress(get, &reply, true), whole, "{head}");
        goes_on(get, &reply[..reply.len() - 1]);
    }
}

#[test]
fn a_line_ends_at_its_newline() {
    ends_there("1\n", "1\n");
    ends_there("PING\r\n", "+PONG\r\n");
    ends_there("1\n", "250 ok\n");
}

#[test]
fn the_lines_of_one_reply_belong_together() {
    ends_there("EHLO a\r\n", "250-mail\r\n250-SIZE 100\r\n250 HELP\r\n");
    // FTP lets lines in between begin as they like.
    ends_there("HELP\r\n", "214-These:\r\n USER\r\n250 of them\r\n214 done\r\n");
}

#[test]
fn a_response_of_http_ends_as_its_head_says() {
    let get = "GET / HTTP/1.1\r\n\r\n";
    ends_there(get, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    ends_there(get, "HTTP/1.1 204 No Content\r\n\r\n");
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    ends_there(
        get,
        &(interim.to_owned() + "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    );
    let chunks = "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nEnd: 1\r\n\r\n";
    ends_there(
        get,
        &("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned() + chunks),
    );
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    ends_there("HEAD / HTTP/1.1\r\n\r\n", head);
    let twice = get.repeat(2);
    ends_there(&twice, &"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx".repeat(2));
}

#[test]
fn a_response_of_http_may_end_with_its_connection() {
    let (get, reply) = ("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nhello");
    goes_on(get, reply);
    assert_eq!(progress(get, reply, true), ReplyEnd::Whole(reply.len()));
    // An echo of the request is no response.
    assert_eq!(progress(get, get, false), ReplyEnd::UntilQuiet);
}

#[test]
fn a_reply_of_redis_ends_where_its_lengths_say() {
    let command = "*1\r\n$4\r\nPING\r\n";
    ends_there(command, "+PONG\r\n");
    ends_there(command, "$-1\r\n");
    ends_there(command, "*2\r\n$3\r\na\nb\r\n*1\r\n:1\r\n");
    ends_there(&command.repeat(2), "+PONG\r\n+PONG\r\n");
}

#[test]
fn of_other_replies_nobody_knows_the_end() {
    for request in ["", "1", "a\nb\n", "\x16\x03\x01"] {
        assert_eq!(progress(request, "a\nb\n", false), ReplyEnd::UntilQuiet, "{request:?}");
    }
}

#[test]
fn hostile_bytes_end_nothing() {
    let nested = "*1\r\n".repeat(100);
    for reply in [
        "*99999999999\r\n",
        "$99999999999999999999\r\n",
        "%9223372036854775807\r\n",
        &nested,
    ] {
        goes_on("*1\r\n$4\r\nPING\r\n", reply);
    }
    let get = "GET / HTTP/1.1\r\n\r\n";
    goes_on(get, "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n");
    goes_on(
        get,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    );
}
