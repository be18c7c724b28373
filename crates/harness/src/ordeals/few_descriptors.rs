//! There are fewer descriptors than clients: some have to wait, and then all are served.

use std::time::{Duration, Instant};

use super::Host;
use super::day::Day;
use super::ruling::{Ruling, failed, not_judged};
use super::talk::Talk;
use timeline::{CallKind, Errno};

/// So many more than the server needs to start.
const DESCRIPTORS: usize = 64;

/// At most so long it is waited for that a client is accepted.
const ACCEPTS: Duration = Duration::from_millis(500);

/// More than there are descriptors for.
const CLIENTS: usize = 90;

/// Of errno(3).
const EMFILE: i32 = 24;

/// At least so long a server is watched that has no descriptor left, unless it sleeps before.
const WATCHED: Duration = Duration::from_secs(3);

/// At most so long, since a busy machine lets a server that spins try but now and then.
const PATIENCE: Duration = Duration::from_secs(30);

/// More tries without any sleep than anybody makes who waits between them.
const SPINS: usize = 200;

pub(super) const HOST: Host = |server, ground| server.descriptors(ground.descriptors + DESCRIPTORS as u64);

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let failures = |day: &Day<'_>| {
        day.count_calls(|call| call.result == Some(Err(Errno(EMFILE))) && call.kind == CallKind::Accept)
    };
    let accepted = || day.count_calls(|call| call.kind == CallKind::Accept && matches!(call.result, Some(Ok(_))));
    // Two that nobody accepts are enough, and the queue of the listening socket has room for them, however short it is.
    let (mut clients, already) = (Vec::new(), accepted());
    while clients.len() < CLIENTS && (failures(day) == 0 || clients.len() < accepted() - already + 2) {
        clients.push(day.client()?);
        if clients.len() > DESCRIPTORS / 4 {
            day.until_within(ACCEPTS, || day.server.is_idle());
        }
    }
    // A server that waits before it tries to accept again falls asleep, even if it tries several times in a row before.
    // One that never sleeps spins.
    let (before, begun) = (failures(day), Instant::now());
    let (mut sleeps, mut spins) = (false, false);
    day.until_within(PATIENCE, || {
        sleeps = day.server.is_idle();
        spins = !sleeps && begun.elapsed() >= WATCHED && failures(day) > before + SPINS;
        sleeps || spins
    });
    let tries = failures(day);
    if tries == 0 {
        clients.into_iter().for_each(Talk::close);
        return not_judged(format!(
            "no accept failed for want of a descriptor, with {CLIENTS} clients"
        ));
    }
    day.note(format!("accept failed {tries} times with EMFILE"));
    for client in clients {
        client.close();
    }
    day.serves_on("once the others had left,")?;
    if spins {
        return failed(format!(
            "it spins: {} accepts failed in a row, and it was not seen asleep between them",
            tries - before
        ));
    }
    if !sleeps {
        return not_judged(format!("neither asleep nor at work within {PATIENCE:?}"));
    }
    Ok("accept fails while there is no descriptor, it does not spin, and the next client is served".to_owned())
}
