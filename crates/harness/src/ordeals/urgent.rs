//! Urgent data comes, which almost nobody expects: it is no part of the stream.

use super::day::Day;
use super::ordeal::{Ordeal, gentle_host};
use super::ruling::{Ruling, failed};

/// See the module.
pub(super) const ORDEAL: Ordeal = Ordeal {
    name: "urgent",
    about: "Urgent data comes, which almost nobody expects: it is no part of the stream",
    lever: "a byte of urgent data before each request",
    fails: "another reply, or an end",
    cure: "leave SO_OOBINLINE off, and take what poll says of urgent data for no end",
    quick: true,
    host: gentle_host,
    run,
};

fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let mut talk = day.client()?;
    day.about(talk.on());
    for (place, exchange) in day.ground.exchanges.iter().enumerate() {
        let sent = talk.client().send_urgent();
        sent.or_else(|error| failed(format!("after urgent data {error}")))?;
        let came = talk.ask(exchange);
        day.is_as_ever(place, &came)?;
    }
    talk.close();
    day.serves_on("after urgent data")?;
    Ok("the replies are the same".to_owned())
}
