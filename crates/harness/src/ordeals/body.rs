//! A request has a body that the server does not read, or not to its end.

use super::day::Day;
use super::ruling::{Ruling, failed, not_judged, policy};
use super::talk::Came;
use super::{Host, behind};
use timeline::CallKind;

pub(super) const HOST: Host = |server, _| {
    // Some servers write the head of a reply by itself, in one segment. If that one alone were lost, the body behind it
    // would make the client ask for it at once; so the wire loses one more.
    behind("lose server data 1\nlose server data 2", server.buffers(4096))
};

pub(super) fn run(day: &Day<'_>) -> Ruling {
    let Some(place) = day.ground.exchanges.iter().position(|exchange| exchange.is_http()) else {
        return not_judged("the conversation is no HTTP/1");
    };
    day.gently()?;
    let exchange = day.ground.exchanges[place].clone();
    let (mut whole, mut cut_where_broken) = (0, None);
    for method in [None, Some("POST")] {
        for (what, ask) in bodies(&exchange.request, method) {
            let mut talk = day.client()?;
            let on = talk.on();
            talk.send(&ask);
            // The client that has sent half of its body waits for no more than an answer that has begun.
            let came = talk.reply(&exchange);
            let wrote = day.moved_on(on, CallKind::Write);
            match &came {
                Came::Whole(_) => whole += 1,
                // The server closed before it had begun a reply, or it waits for the rest of the body, as it may.
                Came::Cut(bytes, _) if bytes.is_empty() && wrote == 0 => {}
                Came::Part(_) => {}
                // The client has broken the protocol, and the server may be done with it (RFC 9112, section 2.2).
                Came::Cut(..) if what == BROKEN => {
                    day.about(on);
                    cut_where_broken = Some(day.told(&came));
                }
                Came::Cut(bytes, _) if bytes.is_empty() => {
                    day.about(on);
                    return failed(format!(
                        "a request with {what}: {wrote} bytes of a reply were written, and none came: a reset ended \
                         their retransmission"
                    ));
                }
                Came::Cut(..) => {
                    day.about(on);
                    day.note(format!(
                        "the server wrote {wrote} bytes, and {} of them came",
                        came.bytes().len()
                    ));
                    let method = method.map(|method| format!(" ({method})")).unwrap_or_default();
                    return failed(format!("a request{method} with {what}: {}", day.told(&came)));
                }
            }
            talk.reset();
        }
    }
    match whole {
        _ if cut_where_broken.is_some() => policy(format!(
            "it cuts its reply when the request breaks the protocol, by {BROKEN}: {}",
            cut_where_broken.unwrap_or_default()
        )),
        0 => not_judged("no request with such a body was answered, nor was a reply begun"),
        _ => Ok(format!("each reply that was begun came whole, {whole} of 6")),
    }
}

const BROKEN: &str = "a chunked body of one byte too many";

/// The request with bodies that a server may not read: of its own method, or of another.
fn bodies(request: &[u8], method: Option<&str>) -> Vec<(&'static str, Vec<u8>)> {
    let end = request
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .unwrap_or(request.len());
    let head = String::from_utf8_lossy(&request[..end]);
    let (first, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
    let rest = first.split_once(' ').map_or("/ HTTP/1.1", |(_, rest)| rest);
    let own = first.split(' ').next().unwrap_or("GET");
    let kept = headers.split("\r\n").filter(|line| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !name.is_empty() && name != "content-length" && name != "transfer-encoding"
    });
    let head = format!(
        "{} {rest}\r\n{}",
        method.unwrap_or(own),
        kept.map(|line| format!("{line}\r\n")).collect::<String>()
    );
    let with = |header: &str, body: &[u8]| [head.as_bytes(), header.as_bytes(), b"\r\n\r\n", body].concat();
    vec![
        ("half a body", with("Content-Length: 20", b"half a body")),
        (
            BROKEN,
            with("Transfer-Encoding: chunked", b"A\r\nHello World\r\n0\r\n\r\n"),
        ),
        ("a body of 60,000 bytes", with("Content-Length: 60000", &[b'x'; 60_000])),
    ]
}
