//! A request comes byte by byte: a message may come in any pieces.

use std::time::Duration;

use super::day::Day;
use super::ruling::{Ruling, not_judged};
use timeline::CallKind;

/// So many bytes of a conversation are waited for one by one.
const MOST: usize = 400;

/// So often a byte may not be seen to be read until nothing is waited for.
const MISSES: usize = 3;

/// A server reads what comes within this time, or waits for more by design.
const READS: Duration = Duration::from_secs(1);

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let mut talk = day.client_in_view()?;
    // With Nagle's algorithm the client's kernel would hold bytes back until an ACK came, and send them in one segment.
    let _ = talk.client().socket().set_tcp_nodelay(true);
    let on = talk.on();
    let (mut bytes, mut alone) = (0, 0);
    for (place, exchange) in day.ground.exchanges.iter().enumerate() {
        for byte in &exchange.request {
            talk.send(&[*byte]);
            bytes += 1;
            // This waits until the server has read the byte. Else the next byte could join it in the socket's buffer,
            // and one read would return both.
            let waits = bytes <= MOST && bytes - alone <= MISSES;
            alone += usize::from(waits && day.until_within(READS, || day.moved_on(on, CallKind::Read) >= bytes as u64));
        }
        let came = talk.reply(exchange);
        day.is_as_ever(place, &came)?;
    }
    talk.close();
    if alone * 2 < bytes.min(MOST) {
        return not_judged(format!("of {bytes} bytes the server read {alone} by themselves"));
    }
    Ok(format!(
        "the replies are the same, though it read {alone} of {bytes} bytes by themselves"
    ))
}
