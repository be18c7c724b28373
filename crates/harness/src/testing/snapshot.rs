//! A run as a text that is the same in the next run.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};
use timeline::Timeline;

/// Dates as HTTP and mail write them (RFC 9110, section 5.6.7; RFC 5322, section 3.3), and as RFC 3339 does.
static DATES: LazyLock<Regex> = LazyLock::new(|| {
    let clock = r"[0-9]{2}:[0-9]{2}:[0-9]{2}";
    let words = format!(r"[A-Z][a-z]{{2}}, [0-9]{{1,2}} [A-Z][a-z]{{2}} [0-9]{{4}} {clock}( GMT| [+-][0-9]{{4}})");
    let digits = format!(r"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{clock}(\.[0-9]+)?(Z|[+-][0-9]{{2}}:?[0-9]{{2}})?");
    Regex::new(&format!("{words}|{digits}")).expect("the tests read it, so it is well formed")
});

/// A port behind its colon.
static PORTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(":([0-9]{1,5})\\b").expect("the tests read it, so it is well formed"));

/// The packets of each connection in short notation, as [`wire`](timeline::SeenConnection::wire) has them: without times,
/// and with `DATE` and `:PORT` for the dates and the connection's own ports that the bytes name. It is made to be kept
/// with the tests, by crates such as expect-test or insta. How long a segment is stays: a date is always as long.
pub fn snapshot(timeline: &Timeline) -> String {
    let mut text = String::new();
    for (place, connection) in timeline.connections().enumerate() {
        let ends = connection.endpoints();
        let ports = BTreeSet::from([ends.client.port(), ends.server.port()]);
        let own = |captures: &Captures<'_>| match captures[1].parse() {
            Ok(port) if ports.contains(&port) => ":PORT".to_owned(),
            _ => captures[0].to_owned(),
        };
        text += &format!("connection {}\n", place + 1);
        for line in connection.wire() {
            let line = DATES.replace_all(&line, "DATE");
            text += &format!("  {}\n", PORTS.replace_all(&line, own));
        }
    }
    text
}

#[cfg(test)]
#[path = "../../tests/unit/testing_snapshot.rs"]
mod tests;
