//! Clients leave, each in its own way: nothing of them may stay.

use super::day::Day;
use super::ruling::{Ruling, failed};
use super::talk::Talk;

/// Of net/tcp_states.h.
const CLOSE_WAIT: u8 = 8;

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let mut of = Vec::new();
    for round in 0..2 {
        let mut whole = day.client()?;
        day.hold(&mut whole, day.ground.exchanges.len())?;
        let mut half = day.client()?;
        half.send(&day.ground.exchanges[0].request);
        let silent = day.client()?;
        of.extend([whole.on(), half.on(), silent.on()]);
        // In the second round the clients leave in another order than they came.
        let mut leave = [whole, half, silent];
        leave.rotate_left(round);
        leave.into_iter().for_each(Talk::close);
    }
    let kept = day.keeps(&of);
    let waiting = day.server.network().sockets();
    let waiting = waiting
        .iter()
        .filter(|socket| of.contains(&socket.on) && socket.state == CLOSE_WAIT);
    let waiting = waiting.count();
    if let Some(on) = of.first() {
        day.about(*on);
    }
    if kept.is_empty() && waiting == 0 {
        return Ok(format!("nothing is kept of {} clients that left", of.len()));
    }
    let connections = kept.len().max(waiting);
    day.note(format!("{waiting} sockets in CLOSE_WAIT"));
    kept.iter().take(2).for_each(|kept| day.note(kept.as_str()));
    failed(format!(
        "{connections} of {} connections are kept though their clients have left",
        of.len()
    ))
}
