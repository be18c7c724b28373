//! One client does not read: nobody else has to wait for it, and it gets all once it reads on.

use super::day::Day;
use super::fault::Fault;
use super::ruling::{Ruling, failed, failed_by, not_judged, policy};
use super::talk::Came;

/// At most so long a server with a deadline is waited for.
const LETS_GO: std::time::Duration = std::time::Duration::from_secs(3);

pub(super) fn run(day: &Day<'_>) -> Ruling {
    let idle = day.client()?;
    day.gently()?;
    idle.close();
    let mut slow = day.client_before_last()?;
    day.about(slow.on());
    let Some(filled) = day.fill(&mut slow) else {
        return not_judged("the buffers of a client that does not read did not fill: ask for a longer reply");
    };
    day.note(format!(
        "{} requests were sent before nothing more went in",
        filled.sent.len()
    ));
    let on = slow.on();
    let holds = || day.look().held.iter().any(|(_, _, held)| *held == on);
    let (held, other) = (holds(), day.converse());
    // A server with a deadline for such clients lets go of this one when the deadline is over.
    let let_go = held && day.until_within(LETS_GO, || !holds() || !day.look().on_clock) && !holds();
    let (came, of, last) = day.drain(&mut slow, &filled);
    if other.is_err() {
        return match day.converse() {
            Ok(_) => failed_by(
                Fault::HeadOfLine,
                "another client is served only once the first reads on",
            ),
            Err(sentence) => failed(format!(
                "no other client is served, also once the first reads on: {}",
                sentence.reason
            )),
        };
    }
    if came < of {
        let reason = format!("{came} of {of} replies came once it read on: {}", day.told(&last));
        // To close because the buffers are full is a fault. To close because a deadline has passed is a policy.
        if let_go {
            return policy(format!(
                "it lets go of a client that does not read for a while; {reason}"
            ));
        }
        return match last {
            // HTTP lets a server close behind any reply (RFC 9112, section 9.6), and a reply is whole or is none.
            Came::Cut(bytes, _) if bytes.is_empty() && came > 0 && day.ground.exchanges[0].is_http() => policy(reason),
            _ => failed(reason),
        };
    }
    slow.close();
    Ok(format!(
        "the other is served meanwhile, and the slow one got all of its {of} replies"
    ))
}
