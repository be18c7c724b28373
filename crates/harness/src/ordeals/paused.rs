//! The server is stopped in the middle of its work and goes on, as when a laptop sleeps.

use super::day::Day;
use super::ruling::Ruling;

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    for _ in 0..3 {
        let mut talk = day.client_in_view()?;
        for (place, exchange) in day.ground.exchanges.iter().enumerate() {
            day.pause()?;
            talk.send(&exchange.request);
            day.go_on();
            let came = talk.reply(exchange);
            day.is_as_ever(place, &came)?;
        }
        talk.close();
        if let Some((exchange, reply)) = &day.gentle.long {
            let mut talk = day.client()?;
            talk.send(&exchange.request);
            talk.wait_long();
            day.pause()?;
            day.go_on();
            let came = talk.reply(exchange);
            day.is_as_ever_when_long(&came, reply)?;
            talk.close();
        }
    }
    Ok("the replies are the same".to_owned())
}
