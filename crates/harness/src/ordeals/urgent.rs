//! Urgent data comes, which almost nobody expects: it is no part of the stream.

use super::day::Day;
use super::ruling::{Ruling, failed};

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let mut talk = day.client_in_view()?;
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
