//! Which connections of a capture are to be shown.

use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{Result, bail};
use clap::Args;
use harness::facts::FactKind;
use harness::rules::{Finding, RuleId};
use harness::timeline::{Connection, ConnectionId, Teardown, Timeline};

/// What a connection must have.
#[derive(Args, Debug)]
pub struct Filter {
    /// Show only connections that have this: an address, a port, a fact of some packet (retransmission), or a finding
    /// (late-ack); may be repeated, and all must fit
    #[arg(long, value_name = "WHAT")]
    filter: Vec<Term>,
    /// Show only connections in which something is unusual: a finding, or an end that is no close
    #[arg(long)]
    odd: bool,
}

/// One thing that a connection must have.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Term {
    Address(IpAddr),
    Port(u16),
    Fact(FactKind),
    Finding(RuleId),
}

impl FromStr for Term {
    type Err = String;

    fn from_str(text: &str) -> Result<Term, String> {
        let fact = || FactKind::ALL.into_iter().find(|fact| fact.name() == text);
        let address = text.parse().map(Term::Address).ok();
        let port = || text.parse().map(Term::Port).ok();
        let found = address
            .or_else(port)
            .or_else(|| fact().map(Term::Fact))
            .or_else(|| text.parse().map(Term::Finding).ok());
        found.ok_or_else(|| {
            "it is no address, no port, no fact and no finding; `lab explain` lists the names of the last two"
                .to_owned()
        })
    }
}

impl Term {
    fn fits(self, connection: Connection<'_>, findings: &[Finding]) -> bool {
        let ends = connection.endpoints();
        let mut both = [ends.client, ends.server].into_iter();
        match self {
            Term::Address(address) => both.any(|end| end.ip() == address),
            Term::Port(port) => both.any(|end| end.port() == port),
            Term::Fact(kind) => connection.packets().any(|(_, packet)| packet.facts.has(kind)),
            Term::Finding(id) => findings.iter().any(|finding| finding.rule.id == id),
        }
    }
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
        let fits = |connection: Connection<'_>| {
            let of_this = |finding: &&Finding| finding.connection == connection.id();
            let findings: Vec<Finding> = findings.iter().filter(of_this).cloned().collect();
            let closes = matches!(
                connection.teardown(),
                Teardown::Clean { .. } | Teardown::Open | Teardown::LeftOpen(_)
            );
            let odd = !findings.is_empty() || !closes;
            (odd || !self.odd) && self.filter.iter().all(|term| term.fits(connection, &findings))
        };
        let kept = timeline.connections().filter(|connection| fits(*connection));
        let kept: Vec<ConnectionId> = kept.map(|connection| connection.id()).collect();
        if kept.is_empty() {
            bail!(
                "none of {} connections fits: leave out --filter or --odd to see all",
                timeline.endpoints.len()
            );
        }
        Ok(timeline.part(&kept))
    }
}
