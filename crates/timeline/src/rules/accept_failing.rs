//! An accept that fails and is tried again at once.

use super::rule::{Body, Found};
use super::run::Run;
use crate::timeline::Connection;
use crate::words::call_text;

pub(super) const RULE: Body = Body {
    summary: "accept failed over and over, without a pause between",
    cure: "pause before you try again, close what is done with, and raise the limit of descriptors (ulimit -n)",
    needs: &[],
    look,
};

/// So many failures in a row are no accident.
const MANY: usize = 20;

fn look(run: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let spin = run.spin.as_ref().filter(|spin| spin.count >= MANY)?;
    // It is told once, of the client that was accepted behind it; of the first one, if none was.
    let timeline = connection.timeline();
    let waited = spin.ended_by.and_then(|accept| timeline[accept].connection);
    let told = waited.or_else(|| timeline.of_clients().next().map(|first| first.id()))?;
    if told != connection.id() {
        return None;
    }
    let (first, last) = (spin.first, spin.last);
    let call = timeline.call(last)?;
    let message = format!(
        "{} accepts in a row failed, each within {} ms of the one before: {}",
        spin.count,
        Run::AT_ONCE.as_millis(),
        call_text(call)
    );
    Some(Found::new(message, [first, last].into_iter().chain(spin.ended_by)))
}
