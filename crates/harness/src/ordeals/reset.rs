//! Clients reset: before they are accepted, in their request, behind it, and in their reply.

use super::day::Day;
use super::fault::Fault;
use super::ruling::{Ruling, Sentence, failed};
use timeline::rules::Verdict;

pub(super) fn run(day: &Day<'_>) -> Ruling {
    // If the server has ended, the failure has that name, whichever client noticed it.
    resets(day).map_err(|sentence| match day.server.ended() {
        Some(_) if sentence.verdict == Verdict::Failed => Sentence {
            finding: Some(Fault::DiesOfAClient),
            ..sentence
        },
        _ => sentence,
    })
}

fn resets(day: &Day<'_>) -> Ruling {
    day.gently()?;
    // First a client closes in the usual way. A server that keeps something of it will keep as much of one that resets,
    // and that is no fault of its handling of resets.
    let mut closing = day.client()?;
    for exchange in &day.ground.exchanges {
        closing.ask(exchange);
    }
    let left = closing.on();
    closing.close();
    let keeps_any = !day.keeps(&[left]).is_empty();
    let mut of = Vec::new();
    for _ in 0..3 {
        // A stopped server accepts nobody. Its kernel still completes the handshakes, and the resets come before the
        // server accepts.
        day.pause()?;
        let early = day.client()?;
        of.push(early.on());
        early.reset();
        day.go_on();
        let mut asking = day.client()?;
        of.push(asking.on());
        let request = &day
            .ground
            .exchanges
            .last()
            .map_or(&[][..], |exchange| &exchange.request);
        asking.send(&request[..request.len() / 2]);
        asking.reset();
        // A whole request waits when the reset comes, and only then the server goes on. So its reply finds nobody.
        let mut asked = day.client_before_last()?;
        of.push(asked.on());
        day.until_idle();
        day.pause()?;
        asked.send(&day.ground.exchanges[day.last_asked()].request);
        asked.reset();
        day.go_on();
        let mut reading = day.client_before_last()?;
        of.push(reading.on());
        day.fill(&mut reading);
        reading.reset();
    }
    day.until_idle();
    day.serves_on("after twelve resets")?;
    if keeps_any {
        return Ok(
            "twelve clients reset, and the next one is served; their descriptors are kept as those of clients that \
                   close: see closes"
                .to_owned(),
        );
    }
    let kept = day.keeps(&of);
    if kept.is_empty() {
        return Ok("twelve clients reset, nothing is kept of them, and the next one is served".to_owned());
    }
    kept.iter().take(3).for_each(|kept| day.note(kept.as_str()));
    failed(format!(
        "the descriptors of {} of {} clients that reset are kept",
        kept.len(),
        of.len()
    ))
}
