//! Clients connect and say nothing: others are served all the same.

use super::day::Day;
use super::fault::Fault;
use super::ruling::{Ruling, failed, failed_by};
use super::talk::Talk;

const CLIENTS: usize = 20;

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(day.client()?);
    }
    day.until_idle();
    let served = day.converse();
    clients.into_iter().for_each(Talk::close);
    match (served, day.converse()) {
        (Ok(_), _) => Ok(format!(
            "another client is served while {CLIENTS} are connected and say nothing"
        )),
        (Err(_), Ok(_)) => failed_by(
            Fault::HeadOfLine,
            format!("another client is served only when the {CLIENTS} that say nothing have left"),
        ),
        (Err(sentence), Err(_)) => failed(format!("no other client is served any more: {}", sentence.reason)),
    }
}
