//! A run at a glance: a row for each connection, and what all of them come to.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::events::{Both, CallKind, ConnectionId, Side, added};
use crate::rules::{Finding, RuleId, Severity};
use crate::timeline::spent::{Awaited, Spent, each_spent};
use crate::timeline::{Connection, Teardown, Timeline};

/// What there is to say of a run's connections.
#[derive(Clone, Debug)]
pub struct Overview {
    /// In the order in which they began.
    pub rows: Vec<Row>,
    /// Of all exchanges, the time until the first byte of the reply had come.
    pub first_byte: Option<Spread>,
    /// Of all exchanges, the time until the last byte had.
    pub whole: Option<Spread>,
    /// Where the time of all exchanges went, added up, in the order of [`Awaited::ALL`].
    pub parts: [Duration; Awaited::ALL.len()],
    /// The tracer's own share of it: at least so much. `None` if no calls were traced.
    pub tracer: Option<Duration>,
    /// How many connections ended in each way.
    pub teardowns: BTreeMap<Teardown, usize>,
    /// How many connections each rule found something in.
    pub findings: BTreeMap<RuleId, usize>,
    /// True if a connection is of TLS: its first exchange is a handshake, and no request.
    pub has_tls: bool,
    /// True if packets were lost or events not kept, so that counts are the least there can be.
    pub at_least: bool,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which.
    pub connection: ConnectionId,
    /// Where it came from.
    pub client: SocketAddr,
    /// How many requests the client made: one for each time it sent after a reply, however many its
    /// protocol counts.
    pub requests: usize,
    /// How many of them were answered, as far as the capture shows.
    pub answered: usize,
    /// How many bytes each side sent. Bytes that were sent again count once.
    pub bytes: Both<u64>,
    /// The exchange that took longest: its place among those of the connection, and where its time went.
    pub slowest: Option<(usize, Spent)>,
    /// How many segments were held back until an ACK came, and the longest such time. `None` where nothing tells: it takes
    /// packets and all of the server's calls.
    pub stalls: Option<(usize, Duration)>,
    /// How it ended.
    pub teardown: Teardown,
    /// The rules that found something, in their order.
    pub findings: Vec<RuleId>,
    /// How many of these are warnings.
    warnings: usize,
}

/// How times are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// Half of them are at most this.
    pub median: Duration,
    /// 99 of 100 are at most this.
    pub of_100_99: Duration,
    /// All are.
    pub longest: Duration,
}

impl Spread {
    /// By the nearest rank: each figure is a time that was measured. `None` of no times.
    pub fn of(mut times: Vec<Duration>) -> Option<Spread> {
        times.sort_unstable();
        let rank = |percent: usize| {
            times
                .get((times.len() * percent).div_ceil(100).saturating_sub(1))
                .copied()
        };
        Some(Spread {
            count: times.len(),
            median: rank(50)?,
            of_100_99: rank(99)?,
            longest: rank(100)?,
        })
    }
}

impl Overview {
    /// Looks at each connection of a timeline.
    pub fn of(timeline: &Timeline) -> Overview {
        let findings = timeline.findings();
        let (mut first_bytes, mut wholes) = (Vec::new(), Vec::new());
        let mut parts = [Duration::ZERO; Awaited::ALL.len()];
        let mut tracer = None;
        let mut rows = Vec::new();
        let mut findings = findings.iter().peekable();
        for connection in timeline.connections() {
            // They are sorted by their connections.
            let is_of_this = |finding: &&Finding| finding.connection == connection.id();
            let findings: Vec<&Finding> = std::iter::from_fn(|| findings.next_if(is_of_this)).collect();
            let mut row = row(connection, &findings);
            if let Some((totals, times)) = timeline.counted(connection.id()) {
                (row.requests, row.answered, row.slowest) = (totals.requests(), totals.answered, totals.slowest);
                let (first, whole): (Vec<_>, Vec<_>) = times.unzip();
                first_bytes.extend(first);
                wholes.extend(whole);
                parts[Awaited::Unknown as usize] += totals.spent;
                rows.push(row);
                continue;
            }
            for spent in each_spent(connection) {
                row.requests += 1;
                let Some(spent) = spent else { continue };
                row.answered += 1;
                // Where several took equally long, the first one is named.
                if row.slowest.is_none_or(|(_, slowest)| spent.whole > slowest.whole) {
                    row.slowest = Some((row.requests - 1, spent));
                }
                first_bytes.push(spent.first_byte);
                wholes.push(spent.whole);
                for part in Awaited::ALL {
                    parts[part as usize] += spent.part(part);
                }
                tracer = spent.tracer.map(|share| share + tracer.unwrap_or_default()).or(tracer);
            }
            rows.push(row);
        }
        let mut teardowns = BTreeMap::new();
        let mut found = BTreeMap::new();
        for row in &rows {
            *teardowns.entry(row.teardown).or_default() += 1;
            for rule in &row.findings {
                *found.entry(*rule).or_default() += 1;
            }
        }
        Overview {
            rows,
            first_byte: Spread::of(first_bytes),
            whole: Spread::of(wholes),
            parts,
            tracer,
            teardowns,
            findings: found,
            has_tls: timeline.connections().any(|connection| connection.is_tls()),
            at_least: timeline.dropped > 0 || timeline.not_kept > 0,
        }
    }

    /// That of a connection, if it is here.
    pub fn row(&self, id: ConnectionId) -> Option<&Row> {
        let place = self.rows.binary_search_by_key(&id, |row| row.connection);
        Some(&self.rows[place.ok()?])
    }

    /// The connections that are worth a look first, the worst of them first: with warnings, with other findings, with
    /// an unhappy end, with requests that were not answered, and then the slowest.
    pub fn worst(&self, most: usize) -> Vec<ConnectionId> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| {
            let slowest = row.slowest.map_or(Duration::ZERO, |(_, spent)| spent.whole);
            Reverse((
                row.warnings,
                row.findings.len(),
                row.teardown.is_unhappy(),
                row.requests - row.answered,
                slowest,
            ))
        });
        rows.into_iter().take(most).map(|row| row.connection).collect()
    }
}

/// What is known of a connection without its exchanges.
fn row(connection: Connection<'_>, findings: &[&Finding]) -> Row {
    let timeline = connection.timeline();
    let held = connection.held_segments().filter_map(|(_, packet)| packet.held());
    let stalls = held.fold((0, Duration::ZERO), |(count, longest), held| {
        (count + 1, longest.max(held.waited))
    });
    let warnings = findings.iter().filter(|finding| finding.severity == Severity::Warning);
    Row {
        connection: connection.id(),
        client: connection.endpoints().client,
        requests: 0,
        answered: 0,
        bytes: bytes(connection),
        slowest: None,
        stalls: (timeline.tells_calls() && connection.is_captured() && !connection.is_half_traced()).then_some(stalls),
        teardown: connection.teardown(),
        findings: findings.iter().map(|finding| finding.rule.id).collect(),
        warnings: warnings.count(),
    }
}

/// How many bytes each side sent: as the packets show, or without them as the client and the calls tell.
fn bytes(connection: Connection<'_>) -> Both<u64> {
    if let Some(totals) = connection.totals() {
        return totals.bytes;
    }
    if !connection.is_captured() {
        // Of an end that nobody traced the other's calls tell.
        let moved = |kind| {
            connection
                .calls()
                .filter(move |(_, call)| call.kind == kind)
                .map(|(_, call)| call.moved())
        };
        return Both {
            client: connection.bytes_from(Side::Client).max(added(moved(CallKind::Read))),
            server: connection.bytes_from(Side::Server).max(added(moved(CallKind::Write))),
        };
    }
    let mut bytes = Both::<u64>::default();
    for (_, packet) in connection.packets().filter(|(_, packet)| !packet.facts.is_repeat()) {
        bytes[packet.from] += u64::from(packet.segment.len);
    }
    bytes
}
