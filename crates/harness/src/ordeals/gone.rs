//! The cable is pulled: a client is gone, and nobody says so.

use super::Host;
use super::day::Day;
use super::fault::Fault;
use super::ruling::{Ruling, Sentence, failed, not_judged};
use crate::look::Outlook;
use crate::wire::Wire;
use timeline::Endpoints;
use timeline::rules::Verdict;

pub(super) const HOST: Host = |server, _| server.sysctl("net.ipv4.tcp_retries2", "2").wire(Wire::new());

/// Of a chat no client is idle while another one asks, so here nobody does.
fn run_chat(day: &Day<'_>) -> Ruling {
    let mut idle = day.client()?;
    day.hold(&mut idle, day.ground.exchanges.len())?;
    day.until_idle();
    // Data that nobody has acknowledged would be sent again after the cut, and the kernel would find out by itself. So
    // all of it is acknowledged first.
    idle.client().settle();
    let on = idle.on();
    day.about(on);
    day.server.cut().or_else(|error| not_judged(error.to_string()))?;
    // The server may have set a timer for what it has just done. If that timer leads to nothing, it stops, and does not
    // count.
    day.until(|| {
        let look = day.look();
        look.idle && !look.on_clock
    });
    of_idle_one("", day.server.outlook(on))
}

/// What becomes of a client that is gone while idle, behind what was seen before.
fn of_idle_one(told: &str, outlook: Outlook) -> Ruling {
    let reason = format!("{told}a client that is gone while idle: {outlook}");
    match outlook {
        Outlook::Nothing => Sentence::of(Verdict::Policy, Some(Fault::WaitsForEver), reason),
        _ => Ok(reason),
    }
}

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    if day.gentle.passes_on && !day.gentle.closes {
        return run_chat(day);
    }
    let mut idle = day.client()?;
    let mut asking = day.client()?;
    for talk in [&mut idle, &mut asking] {
        day.hold(talk, day.ground.exchanges.len())?;
    }
    day.until_idle();
    idle.client().settle();
    if day.gentle.closes {
        return not_judged("it closes behind its reply: no client is gone while it is connected");
    }
    // The request is there before the cable is cut, and the reply leaves behind it.
    day.pause()?;
    asking.send(&day.ground.exchanges[day.last_asked()].request);
    asking.client().settle();
    let (on, of_idle) = (asking.on(), idle.on());
    day.about(on);
    let cut = day.server.cut();
    day.go_on();
    cut.or_else(|error| not_judged(error.to_string()))?;
    let sockets = || day.server.network().sockets();
    let is_there = |of: Endpoints| sockets().into_iter().find(|socket| socket.on == of);
    let sends = day.until(|| is_there(on).is_none_or(|socket| socket.unsent > 0));
    if !sends || !day.until(|| is_there(on).is_none()) {
        return not_judged("the kernel has not given the connection up");
    }
    day.note("the kernel has given up the connection with a reply on its way");
    // A kernel that gives up sending data reports an error on the socket. A server that looks at its socket lets go of
    // it then.
    let holds = || day.look().held.into_iter().find(|(_, _, held)| *held == on);
    day.until(|| holds().is_none() || day.sleeps_for_good());
    if let Some((pid, fd, _)) = holds() {
        day.note(format!("process {pid} holds descriptor {fd}"));
        if day.look().on_clock {
            return not_judged(
                "it keeps the descriptor for now, and a thread sleeps until some moment: it may let it go",
            );
        }
        return failed(
            "it keeps the descriptor of a client that was gone when a reply was on its way, after the kernel gave up",
        );
    }
    if let Some(exit) = day.server.ended() {
        return failed(format!("the server ended when the kernel gave up a client: {exit}"));
    }
    let told = "with a reply on its way the client is let go";
    of_idle_one(&format!("{told}; "), day.server.outlook(of_idle))
}
