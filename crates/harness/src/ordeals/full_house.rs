//! More clients come than the queue of the listener holds: each is served in the end.

use super::day::Day;
use super::ruling::{Ruling, failed, not_judged};

const CLIENTS: usize = 8;

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let overflows = |day: &Day<'_>| day.server.network().overflows().unwrap_or(0);
    let before = overflows(day);
    day.pause()?;
    let served: Vec<Ruling> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| day.converse())).collect();
        // A SYN that was dropped is sent again after a second, so a client whose SYN was dropped can still get in.
        day.until(|| overflows(day) > before);
        day.go_on();
        let served = clients.into_iter().map(|client| client.join());
        served
            .map(|served| served.unwrap_or_else(|_| not_judged("a client panicked")))
            .collect()
    });
    let overflows = overflows(day) - before;
    day.note(format!("ListenOverflows grew by {overflows}"));
    let refused: Vec<_> = served.into_iter().filter_map(Result::err).collect();
    match refused.into_iter().next() {
        Some(sentence) => failed(format!(
            "a client that came when the queue was full: {}",
            sentence.reason
        )),
        None if overflows == 0 => not_judged("the queue of the listener was never full"),
        None => Ok(format!(
            "all {CLIENTS} clients were served though the queue was full {overflows} times"
        )),
    }
}
