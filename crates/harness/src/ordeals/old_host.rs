//! The host has been up for 24 days: its milliseconds no longer fit into 31 bits.

use std::time::Duration;

use super::Host;
use super::day::Day;
use super::ruling::{Ruling, not_judged};

/// When they no longer fit.
const MOMENT: Duration = Duration::from_millis(1 << 31);
/// How long before it the server starts, up to a second earlier or later: a clock is set in whole seconds. Many servers
/// close a connection that is idle for five seconds, and this one is idle until the moment has passed.
const BEFORE: Duration = Duration::from_secs(4);

pub(super) const HOST: Host = |server, _| server.uptime(MOMENT - BEFORE);

pub(super) fn run(day: &Day<'_>) -> Ruling {
    let Some(ahead) = day.clock_ahead() else {
        return not_judged("this kernel gave the server no clock of its own");
    };
    let has_passed = || uptime().is_some_and(|uptime| uptime + ahead as f64 > MOMENT.as_secs_f64());
    let mut talk = day.client_in_view()?;
    let last = day.ground.exchanges.len() - 1;
    for (place, exchange) in day.ground.exchanges.iter().enumerate() {
        if place == last && !day.until_within(2 * BEFORE, has_passed) {
            return not_judged("the server's clock did not pass the moment");
        }
        let came = talk.ask(exchange);
        day.is_as_ever(place, &came)?;
        if place == 0 && last > 0 && has_passed() {
            return not_judged("it took longer to start and to answer than its clock had to go");
        }
    }
    talk.close();
    day.serves_on("once its clock had passed 2^31 ms")?;
    Ok("the replies are the same before and after 2^31 milliseconds".to_owned())
}

/// How many seconds the host has been up, the time that it slept included: proc_uptime(5).
fn uptime() -> Option<f64> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    uptime.split(' ').next()?.parse().ok()
}
