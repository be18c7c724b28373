//! A request is refused while it is still being sent, and the answer is lost once: it has to be sent again.

use super::day::Day;
use super::fault::Fault;
use super::ruling::{Ruling, failed_by, not_judged};
use super::{Host, behind};
use timeline::CallKind;

/// A line that is too long for many, and a body.
const LINE: usize = 200_000;
const BODY: usize = 2_000_000;
const PART: usize = 10_000;

// Where there is no way to go, the answer can be sent again between `shutdown` and `close`.
pub(super) const HOST: Host = |server, _| behind("delay 5ms\nlose server data 1", server);

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let asked = day.first_asked();
    if asked.is_redis() {
        return not_judged("a command of this protocol says how long it is before it begins");
    }
    let size = if asked.is_http() { BODY } else { LINE };
    let mut talk = day.client()?;
    let on = talk.on();
    day.about(on);
    // Of HTTP a body is refused, by a status of 400 or more; else what is asked is one line that is too long.
    if asked.is_http() {
        talk.send(&upload(&asked.request));
    }
    let mut sent = 0;
    while sent < size && talk.left().is_empty() && talk.send(&[b'x'; PART]) {
        sent += PART;
        talk.read();
    }
    if !asked.is_http() && talk.left().is_empty() {
        talk.send(b"\n");
    }
    while talk.left().is_empty() && talk.ended().is_none() && talk.wait_long() {}
    let said = day.server_said_on(on);
    // The server has refused the line if it answered less than the line and closed. One that takes the line answers as
    // much. One that closes without an answer has written nothing, which is asked next.
    let refused = match asked.is_http() {
        true => said.starts_with(b"HTTP/1.") && matches!(said.get(9), Some(b'4' | b'5')),
        false => talk.left().len() < size && (talk.end_if_closing() || talk.ended().is_some()),
    };
    let wrote = day.moved_on(on, CallKind::Write);
    if !refused || wrote == 0 {
        return not_judged(format!("it refuses no request of {size} bytes by an answer"));
    }
    // On Linux a client can read what came before a reset, even after the reset. So if the client has nothing, nothing
    // of the answer came.
    match (talk.left().len(), day.count_lost_of(on)) {
        (_, 0) => not_judged("no segment of the answer was lost"),
        (0, _) => {
            day.note(format!("the server wrote {wrote} bytes, and none of them came"));
            failed_by(
                Fault::LostGoodbye,
                format!("the answer to a request of {size} bytes never came: a reset ended its retransmission"),
            )
        }
        (answer, _) => Ok(format!(
            "the answer of {answer} bytes to a request of {size} bytes came, though its first segment was lost"
        )),
    }
}

/// The same request with a body that is long.
fn upload(request: &[u8]) -> Vec<u8> {
    let head = String::from_utf8_lossy(request);
    let path = head.split(' ').nth(1).unwrap_or("/");
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY}\r\n\r\n").into_bytes()
}
