//! The client has said all: its FIN is on the segment of its request, and it waits for the reply.

use super::day::Day;
use super::ruling::{Ruling, failed, not_judged, policy};

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let mut talk = day.client()?;
    let on = talk.on();
    day.about(on);
    let last = day.ground.exchanges.len() - 1;
    day.hold(&mut talk, last)?;
    let exchange = &day.ground.exchanges[last];
    let sent = talk.client().send_last(&exchange.request);
    sent.or_else(|error| not_judged(error.to_string()))?;
    let came = talk.reply(exchange);
    if let Err(sentence) = day.is_as_ever(last, &came) {
        // An HTTP server may take the FIN for a client that has gone, as nginx does (RFC 9112, section 9.6).
        return match exchange.is_http() {
            true => policy(format!(
                "it takes the client's FIN for its leaving: {}",
                sentence.reason
            )),
            false => Err(sentence),
        };
    }
    let kept = day.keeps(&[on]);
    if kept.is_empty() {
        talk.end();
        return Ok("the reply came, and then the end".to_owned());
    }
    kept.iter().for_each(|kept| day.note(kept.as_str()));
    failed("the reply came, and the connection is kept though the client will send no more")
}
