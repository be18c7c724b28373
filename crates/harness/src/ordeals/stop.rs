//! The server is asked to stop while a reply is on its way and an idle client is connected.

use std::time::Duration;

use super::day::{Day, FILLS};
use super::fault::Fault;
use super::ruling::{Ruling, failed_by, not_judged, policy};
use super::talk::Came;
use timeline::Exit;

/// What a server does at once that waited for one thing alone.
const AT_ONCE: Duration = Duration::from_secs(2);

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let mut idle = match day.gentle.closes || day.gentle.passes_on {
        true => None,
        false => {
            let mut idle = day.client()?;
            for exchange in &day.ground.exchanges {
                idle.ask(exchange);
            }
            Some(idle)
        }
    };
    let mut reading = day.client_before_last()?;
    day.about(reading.on());
    // One reply has to fill the buffers: no client sends thousands of requests before it reads, and where such replies are
    // cut, it is by chance that one of them is begun.
    let filled = (day.longest() >= FILLS).then(|| day.fill(&mut reading)).flatten();
    // A chat tells each client what others say, and the idle client does not read. So it connects only now, when the
    // reply is stuck, and is told nothing.
    if day.gentle.passes_on {
        idle = Some(day.client()?);
    }
    let signal = day.ground.stop_signal;
    if !day.server.signal(signal) {
        return not_judged("it ended before it was asked to");
    }
    // The client reads on once the signal was sent, whatever the server makes of the signal.
    let cut = filled.and_then(|filled| {
        let (came, _, last) = day.drain(&mut reading, &filled);
        // A request that the server had not begun to answer may be dropped. Only a reply that has begun can be cut.
        match &last {
            Came::Cut(bytes, _) | Came::Part(bytes) if !bytes.is_empty() => Some((came, day.told(&last))),
            _ => None,
        }
    });
    reading.close();
    let ended = || day.server.ended();
    let in_time = day.until(|| ended().is_some());
    let waits_for_idle = !in_time && idle.is_some();
    drop(idle);
    let hangs = || {
        let reason = format!("it does not end within {:?} of signal {signal}", day.ground.limit);
        failed_by(Fault::HangsOnStop, reason)
    };
    if waits_for_idle {
        return match day.until_within(AT_ONCE, || ended().is_some()) {
            true => policy(format!(
                "it ends only when an idle client leaves, which it did not within {:?}",
                day.ground.limit
            )),
            false => hangs(),
        };
    }
    let Some(exit) = ended() else { return hangs() };
    day.note(format!("it ended: {exit}"));
    match cut {
        None => Ok(format!("no reply was cut that had begun, and it ended: {exit}")),
        // The server did not handle the signal, or its handler let the signal end it.
        Some((_, told)) if exit == Exit::Signal(signal) => {
            policy(format!("it does not handle signal {signal}, which ends it: {told}"))
        }
        Some((came, told)) => failed_by(
            Fault::ReplyCutByStop,
            format!("{came} replies came whole, and the next was cut: {told}"),
        ),
    }
}
