//! A request does not end, and the memory of the server must not grow with it.

use super::day::Day;
use super::fault::Fault;
use super::ruling::{Ruling, failed_by};

const MB: u64 = 1_000_000;
const ALL: usize = 64_000_000;
const PART: usize = 1_000_000;

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let asked = day.first_asked();
    let mut talk = day.client_in_view()?;
    let begin = if asked.is_http() {
        &b"GET / HTTP/1.1\r\nHost: a\r\nX-Endless: "[..]
    } else {
        b""
    };
    let before = day.look().memory;
    let mut most = before;
    let mut sent = usize::from(talk.send(begin)) * begin.len();
    let part = vec![b'x'; PART];
    while sent < ALL {
        // The server may answer and close while the client still sends, and the answer may be lost then. So the answer
        // is thrown away, and nothing is judged by it.
        let whole = talk.send(&part);
        talk.forget();
        most = most.max(day.look().memory);
        if !whole {
            break;
        }
        sent += PART;
    }
    let grown = most.saturating_sub(before);
    let (sent, grown) = (sent as u64 / MB, grown / MB);
    day.note(format!("{sent} MB were sent, and its memory grew by {grown} MB"));
    if grown * 2 > ALL as u64 / MB {
        return failed_by(
            Fault::UnboundedRequest,
            format!("its memory grew by {grown} MB with {sent} MB of one request"),
        );
    }
    talk.reset();
    day.serves_on("after a request without end")?;
    Ok(format!("its memory grew by {grown} MB with {sent} MB of one request"))
}
