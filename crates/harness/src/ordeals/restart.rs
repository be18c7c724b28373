//! The server is stopped with clients connected, and started again at once.

use super::day::Day;
use super::fault::Fault;
use super::ruling::{Ruling, failed, failed_by, not_judged};
use timeline::Errno;

/// Of net/tcp_states.h.
const TIME_WAIT: u8 = 6;

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut talk = day.client()?;
        talk.ask(&day.ground.exchanges[0]);
        clients.push(talk);
    }
    let stopped = day.server.stop_first(day.ground.stop_signal);
    let first = stopped.or_else(|error| not_judged(error.to_string()))?;
    for mut talk in clients {
        talk.end();
        talk.close();
    }
    if !day.until(|| !day.look().processes.contains(&first)) {
        return not_judged(format!("it does not end within {:?}: see stop", day.ground.limit));
    }
    let waiting = |day: &Day<'_>| {
        day.server
            .network()
            .sockets()
            .iter()
            .filter(|socket| socket.state == TIME_WAIT)
            .count()
    };
    let waiting = waiting(day);
    day.note(format!("{waiting} sockets of the first process are in TIME_WAIT"));
    let again = day.until(|| day.server.ended().is_some() || day.converse().is_ok());
    let refused = day.server.network().recorder().with(|seen| seen.refused_address());
    let in_use = refused.is_some_and(|(_, errno)| errno == Errno::EADDRINUSE);
    if again && day.server.ended().is_none() {
        return match waiting {
            0 => not_judged("no connection of the first process was in TIME_WAIT, so its address was free"),
            _ => Ok(format!("it listens again while {waiting} connections are in TIME_WAIT")),
        };
    }
    let how = match day.server.ended() {
        Some(exit) => format!("it ended: {exit}"),
        None => format!("it does not listen within {:?}", day.ground.limit),
    };
    match in_use {
        false => failed(format!("started again, {how}")),
        true => failed_by(
            Fault::AddressInUse,
            format!("started again, bind = EADDRINUSE, and {how}"),
        ),
    }
}
