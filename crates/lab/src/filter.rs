//! Which connections of a capture are to be shown.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use harness::facts::FactKind;
use harness::rules::{Finding, RuleId};
use harness::timeline::{Connection, ConnectionId, Teardown, Timeline, Timestamp};

/// What a connection must have.
#[derive(Args, Debug)]
pub struct Filter {
    /// Show only connections that have this: an address, a port, a fact of some packet (retransmission), a finding
    /// (late-ack), a number (connection=2, connection=2-4), or a time in seconds at which it had begun and not
    /// ended (time=1.5, time=1.5-3, time=3-); may be repeated, and all must fit
    #[arg(long, value_name = "WHAT")]
    filter: Vec<Term>,
    /// Show only connections in which something is unusual: a finding, or an end that is no close
    #[arg(long)]
    odd: bool,
}

/// One thing that a connection must have.
#[derive(Clone, Debug, PartialEq)]
enum Term {
    Address(IpAddr),
    Port(u16),
    Fact(FactKind),
    Finding(RuleId),
    /// As the table of connections counts them, from 1.
    Number(RangeInclusive<usize>),
    /// Since what is 0 in lanes: the first thing that happened on a connection.
    Time(RangeInclusive<Duration>),
}

/// `3`, or from one to another: `2-4`, `2-`, `-4`.
fn range<T: Clone + PartialOrd>(
    text: &str,
    [least, most]: [T; 2],
    parse: impl Fn(&str) -> Option<T>,
) -> Option<RangeInclusive<T>> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let end = |text: &str, open: T| if text.is_empty() { Some(open) } else { parse(text) };
    let (range, is_given) = (end(from, least)?..=end(to, most)?, !["", "-"].contains(&text));
    Some(range).filter(|range| is_given && !range.is_empty())
}

impl FromStr for Term {
    type Err = String;

    fn from_str(text: &str) -> Result<Term, String> {
        let fact = || FactKind::ALL.into_iter().find(|fact| fact.name() == text);
        let address = text.parse().map(Term::Address).ok();
        let port = || text.parse().map(Term::Port).ok();
        let number = |text| range(text, [1, usize::MAX], |end| end.parse().ok()).map(Term::Number);
        let seconds = |end: &str| Duration::try_from_secs_f64(end.parse().ok()?).ok();
        let time = |text| range(text, [Duration::ZERO, Duration::MAX], seconds).map(Term::Time);
        let found = address
            .or_else(port)
            .or_else(|| fact().map(Term::Fact))
            .or_else(|| text.parse().map(Term::Finding).ok())
            .or_else(|| number(text.strip_prefix("connection=")?))
            .or_else(|| time(text.strip_prefix("time=")?));
        found.ok_or_else(|| {
            "it is no address, no port, no fact and no finding (`lab explain` lists the names of these two), \
             no connection=2-4 and no time=1.5-3, in seconds"
                .to_owned()
        })
    }
}

impl Term {
    fn fits(&self, connection: Connection<'_>, findings: &[Finding], start: Timestamp) -> bool {
        let ends = connection.endpoints();
        let mut both = [ends.client, ends.server].into_iter();
        match self {
            Term::Address(address) => both.any(|end| end.ip() == *address),
            Term::Port(port) => both.any(|end| end.port() == *port),
            Term::Fact(kind) => connection.has_fact(*kind),
            Term::Finding(id) => findings.iter().any(|finding| finding.rule.id == *id),
            Term::Number(numbers) => numbers.contains(&(connection.id().index() + 1)),
            Term::Time(times) => {
                let span = connection.span();
                span.is_some_and(|(first, last)| {
                    first.since(start) <= *times.end() && last.since(start) >= *times.start()
                })
            }
        }
    }
}

/// What was not looked at for what is asked for, at the end of a sentence.
pub fn and_the_rest(timeline: &Timeline) -> String {
    timeline
        .not_looked_at()
        .map_or(String::new(), |rest| format!("; {rest}"))
}

impl Filter {
    /// True if all connections are to be shown.
    pub fn is_all(&self) -> bool {
        self.filter.is_empty() && !self.odd
    }

    /// The timeline of those that fit.
    ///
    /// # Errors
    ///
    /// If none does.
    pub fn part_of(&self, timeline: &Timeline) -> Result<Timeline> {
        let findings = timeline.findings();
        let start = timeline.start();
        let fits = |connection: Connection<'_>| {
            let of_this = |finding: &&Finding| finding.connection == connection.id();
            let findings: Vec<Finding> = findings.iter().filter(of_this).cloned().collect();
            let teardown = connection.teardown();
            let ends_odd = teardown.is_unhappy() && !matches!(teardown, Teardown::LeftOpen(_));
            let odd = !findings.is_empty() || ends_odd;
            (odd || !self.odd) && self.filter.iter().all(|term| term.fits(connection, &findings, start))
        };
        let kept = timeline.connections().filter(|connection| fits(*connection));
        let kept: Vec<ConnectionId> = kept.map(|connection| connection.id()).collect();
        if kept.is_empty() {
            bail!(
                "none of {} connections fits: leave out --filter or --odd to see all{}",
                timeline.endpoints.len(),
                and_the_rest(timeline)
            );
        }
        Ok(timeline.part(&kept))
    }
}
