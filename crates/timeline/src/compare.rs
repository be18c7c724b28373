//! What differs between two runs, or between several of one kind and several of another: figure by figure, and what
//! cannot be told.
//!
//! What a run could not show is no zero: where one side alone shows a figure, nothing is said of it.

use std::time::Duration;

use crate::events::Level;
use crate::overview::{Overview, Row, Spread};
use crate::rules::{RULES, Severity, captured, no_packet_of};
use crate::timeline::spent::spent;
use crate::timeline::{Connection, Teardown, Timeline};
use crate::width::cut;

/// What a run shows of a figure: a number for each reply, exchange or connection, of which a greater one is worse. Or why
/// it shows none.
pub type Numbers = Result<Vec<u64>, String>;

/// Times vary from run to run. Of so many runs of each side, all of one are slower than all of the other by chance once
/// in 252 times.
pub const RUNS_FOR_TIMES: usize = 5;

shown! {
    /// How the second side stands to the first.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Outcome {
        /// All its runs are better than all of the first.
        Better = "better",
        /// They are alike, or the runs of one side lie among those of the other.
        Same = "same",
        /// All its runs are worse than all of the first.
        Worse = "worse",
        /// One side alone shows it, or the two did not do the same.
        Unknown = "unknown",
        /// Neither side shows it, or these are times of too few runs.
        NotJudged = "not-judged",
    }
}

impl Outcome {
    /// All that there are.
    pub const ALL: [Outcome; 5] = [
        Outcome::Worse,
        Outcome::Unknown,
        Outcome::Better,
        Outcome::Same,
        Outcome::NotJudged,
    ];
}

/// The figures beside the rules, in the order in which a run is measured.
const FIGURES: [&str; 8] = [
    REQUESTS,
    "unanswered-requests",
    "writes-per-reply",
    PACKETS,
    "stalls",
    "unhappy-ends",
    TIMES[0],
    TIMES[1],
];
const REQUESTS: &str = "requests";
const PACKETS: &str = "packets-per-exchange";
/// Those that are times, in nanoseconds.
const TIMES: [&str; 2] = ["first-byte", "whole-exchange"];

/// So many bytes of what a client sent are compared, and so many characters shown of those that differ.
const SAID: u64 = 1024;
const SHOWN: usize = 24;

/// A run, as far as it is compared.
#[derive(Clone, Debug)]
pub struct Measured {
    /// How many connections it has.
    pub connections: usize,
    /// How many requests its clients made.
    pub requests: usize,
    /// How many bytes they sent.
    pub sent: u64,
    /// The first bytes that the client of each connection sent, as far as they were captured, in the order of the bytes.
    said: Vec<Vec<u8>>,
    /// How many packets carry data.
    segments: usize,
    /// Those of [`FIGURES`], then a severity in each connection for each rule; `None` of a rule that is not for such a run.
    numbers: Vec<Option<Numbers>>,
}

impl Measured {
    /// Measures a run.
    pub fn of(timeline: &Timeline) -> Measured {
        let overview = Overview::of(timeline);
        let rows = &overview.rows;
        let each = |number: &dyn Fn(&Row) -> usize| rows.iter().map(|row| number(row) as u64).collect();
        let requests: usize = rows.iter().map(|row| row.requests).sum();
        let (lost, edge) = (lost(timeline), edge(timeline));
        let seen = || match (timeline.level, requests) {
            (Level::NoPackets, 0) => Err("no request was seen".to_owned()),
            _ => lost.clone(),
        };
        let calls = || match timeline.tells_calls() {
            true => Ok(()),
            false => Err("not all of the server's calls were seen".to_owned()),
        };
        let whole = || seen().and_then(|()| edge.clone());
        let stalls = rows.iter().map(|row| row.stalls.map(|(count, _)| count as u64));
        let stalls = stalls.collect::<Option<Vec<u64>>>();
        let exchanges: Vec<_> = timeline.connections().flat_map(spent).flatten().collect();
        let times = |time: &dyn Fn(usize) -> Duration| {
            let all = (0..exchanges.len()).map(time);
            seen().map(|()| {
                all.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
                    .collect()
            })
        };
        let counts = |counts: Vec<usize>| counts.into_iter().map(|count| count as u64).collect::<Vec<u64>>();
        let figures: [Numbers; FIGURES.len()] = [
            seen().map(|()| each(&|row| row.requests)),
            whole().map(|()| each(&|row| row.requests - row.answered)),
            calls().map(|()| counts(timeline.writes_per_reply())),
            whole().map(|()| counts(timeline.packets_per_exchange())),
            stalls.ok_or_else(|| "it takes packets and all of the server's calls".to_owned()),
            lost.clone()
                .and(edge.clone())
                .map(|()| each(&|row| row.teardown.is_unhappy().into())),
            times(&|place| exchanges[place].first_byte),
            times(&|place| exchanges[place].whole),
        ];
        let carrying = |on: Connection<'_>| on.packets().filter(|(_, packet)| packet.segment.len > 0).count();
        let findings = timeline.findings();
        let rule = |rule| {
            timeline.rules().find(|own| *own == rule)?;
            if let Some(why) = timeline.why_unknown(rule) {
                return Some(Err(why));
            }
            let mut severities = vec![0; rows.len()];
            for finding in findings.iter().filter(|finding| finding.rule == rule) {
                severities[finding.connection.index()] = match finding.severity {
                    Severity::Note => 1,
                    Severity::Warning => 2,
                };
            }
            Some(Ok(severities))
        };
        // No two clients of TLS send the same, whatever they say.
        let asks = timeline.connections().filter(|connection| !connection.is_tls());
        let mut said: Vec<Vec<u8>> = asks.map(|connection| captured(connection, 0, SAID)).collect();
        said.sort_unstable();
        let measured = Measured {
            connections: rows.len(),
            requests,
            said,
            segments: timeline.connections().map(carrying).sum(),
            sent: rows.iter().map(|row| row.bytes.client).fold(0, u64::saturating_add),
            numbers: figures.into_iter().map(Some).chain(RULES.iter().map(rule)).collect(),
        };
        match timeline.not_kept > 0 || timeline.is_excerpt() {
            true => measured.cut_short("the run was longer than what was kept of it"),
            false => measured,
        }
    }

    /// How what its clients sent differs from what those of another sent, if it does.
    fn differs(&self, other: &Measured) -> Option<String> {
        let first = |(one, other): (&Vec<u8>, &Vec<u8>)| {
            let at = one.iter().zip(other).position(|(one, other)| one != other)?;
            let [one, other] = [one, other].map(|said| said[at..].escape_ascii().to_string());
            Some((at + 1, cut(&one, SHOWN), cut(&other, SHOWN)))
        };
        let (from, one, other) = self.said.iter().zip(&other.said).find_map(first)?;
        Some(format!(
            "the clients did not send the same: from byte {from} on \"{one}\" and \"{other}\""
        ))
    }

    /// The same run of which not all is there, for this reason: it shows nothing for sure.
    #[must_use]
    pub fn cut_short(mut self, why: &str) -> Measured {
        self.numbers
            .iter_mut()
            .flatten()
            .for_each(|numbers| *numbers = Err(why.to_owned()));
        self
    }
}

/// Whether all packets were captured that counts go by.
fn lost(timeline: &Timeline) -> Result<(), String> {
    match (timeline.dropped, timeline.uncaptured()) {
        (0, None) => Ok(()),
        (0, Some(connection)) => Err(no_packet_of(connection)),
        (dropped, _) => Err(format!("the capture lost {dropped} packets")),
    }
}

/// Whether all connections begin and end in what was recorded.
fn edge(timeline: &Timeline) -> Result<(), String> {
    let goes_on = |connection: &Connection<'_>| {
        connection.facts().began_before || matches!(connection.teardown(), Teardown::Open | Teardown::Unknown)
    };
    match timeline.connections().find(goes_on) {
        Some(connection) => Err(format!(
            "connection {} began before what was recorded, or goes on behind it",
            connection.id().0 + 1
        )),
        None => Ok(()),
    }
}

/// How much longer the second side took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// By the middle one of each side's medians.
    pub middle: f64,
    /// The least that two runs give, one of each side.
    pub lowest: f64,
    /// The most.
    pub highest: f64,
}

/// One figure of both sides.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its name: that of a rule, or another one.
    pub name: &'static str,
    /// How the second side stands to the first.
    pub outcome: Outcome,
    /// Why nothing is said of it, if so.
    pub why: Option<String>,
    /// The first side's numbers, run by run. Empty where nothing is said.
    pub before: Vec<Vec<u64>>,
    /// The second side's.
    pub after: Vec<Vec<u64>>,
    /// Set of a time, whether it is judged or not.
    pub ratio: Option<Ratio>,
}

/// What differs between two sides, figure by figure. A time is worse where each run of the second takes more than `slower`
/// times as long as each of the first.
pub fn compare(before: &[Measured], after: &[Measured], slower: f64) -> Vec<Figure> {
    let names = FIGURES.into_iter().chain(RULES.iter().map(|rule| rule.name));
    let mut same_requests = true;
    let figure = |(place, name): (usize, &'static str)| {
        let missing = |runs: &[Measured]| {
            runs.iter().find_map(|run: &Measured| match &run.numbers[place] {
                Some(numbers) => numbers.as_ref().err().cloned(),
                None => Some("the rule is for captures of packets alone".to_owned()),
            })
        };
        let numbers = |runs: &[Measured]| runs.iter().filter_map(|run| run.numbers[place].clone()?.ok()).collect();
        // A rule that is for neither side is no figure of theirs.
        before.iter().chain(after).find(|run| run.numbers[place].is_some())?;
        let mut figure = Figure {
            name,
            outcome: Outcome::Same,
            why: None,
            before: numbers(before),
            after: numbers(after),
            ratio: None,
        };
        match (missing(before), missing(after)) {
            // What a client did not do could not show what comes of it.
            (None, None) if !same_requests => {
                figure.say(Outcome::Unknown, "the clients did not do the same");
            }
            (None, None) if figure.is_time() => figure.judge_times(slower),
            (None, None) => {
                figure.judge_counts();
                let differs = || after.iter().chain(before).find_map(|run| before[0].differs(run));
                if let Some(why) = differs().filter(|_| name == REQUESTS && figure.outcome == Outcome::Same) {
                    figure.say(Outcome::Unknown, why);
                }
                let segments = |run: &Measured| run.segments == before[0].segments;
                let few = before.len().min(after.len()) < RUNS_FOR_TIMES;
                let acks_alone = || name == PACKETS && before.iter().chain(after).all(segments);
                if few && figure.outcome != Outcome::Same && acks_alone() {
                    let why =
                        format!("ACKs alone differ, which go by a clock: that takes {RUNS_FOR_TIMES} runs of each");
                    figure.say(Outcome::NotJudged, why);
                }
            }
            (Some(why), Some(_)) => figure.say(Outcome::NotJudged, why),
            (Some(why), None) => figure.say(Outcome::Unknown, format!("of the first: {why}")),
            (None, Some(why)) => figure.say(Outcome::Unknown, format!("of the second: {why}")),
        }
        same_requests &= name != REQUESTS || figure.outcome != Outcome::Unknown;
        Some(figure)
    };
    names.enumerate().filter_map(figure).collect()
}

impl Figure {
    /// True of a time, which is in nanoseconds.
    pub fn is_time(&self) -> bool {
        TIMES.contains(&self.name)
    }

    fn say(&mut self, outcome: Outcome, why: impl Into<String>) {
        (self.outcome, self.why) = (outcome, Some(why.into()));
    }

    /// By how much there is in each run; or where the runs have different numbers of them, by each single one.
    fn judge_counts(&mut self) {
        let runs = || self.before.iter().chain(&self.after);
        let many = runs().next().map_or(0, Vec::len);
        let alike = runs().all(|run| run.len() == many);
        if runs().all(Vec::is_empty) {
            return self.say(Outcome::NotJudged, "there is none");
        }
        let ends = |runs: &[Vec<u64>]| {
            let of_run = |run: &Vec<u64>| match alike {
                true => Some((run.iter().sum(), run.iter().sum())),
                false => Some((*run.iter().min()?, *run.iter().max()?)),
            };
            let ends: Option<Vec<(u64, u64)>> = runs.iter().map(of_run).collect();
            ends.and_then(hull)
        };
        let (Some(before), Some(after)) = (ends(&self.before), ends(&self.after)) else {
            return self.say(Outcome::Unknown, "a run has none");
        };
        let is_point = before == after && before.0 == before.1;
        // Other requests are another conversation, and neither better nor worse.
        if self.name == REQUESTS {
            let mut sorted: Vec<Vec<u64>> = runs().cloned().collect();
            sorted.iter_mut().for_each(|run| run.sort_unstable());
            if sorted.windows(2).any(|two| two[0] != two[1]) {
                self.say(Outcome::Unknown, "the clients did not do the same");
            }
            return;
        }
        // One run in which a rule finds more than it ever did shows that it can.
        let is_found = alike && after.1 > before.1 && RULES.iter().any(|rule| rule.name == self.name);
        if is_found || after.0 > before.1 {
            self.outcome = Outcome::Worse;
        } else if after.1 < before.0 {
            self.outcome = Outcome::Better;
        } else if !alike && !is_point {
            self.say(
                Outcome::Unknown,
                "the runs have different numbers of them, and these overlap",
            );
        }
    }

    fn judge_times(&mut self, slower: f64) {
        let medians = |runs: &[Vec<u64>]| {
            let median = |run: &Vec<u64>| Spread::of(run.iter().map(|ns| Duration::from_nanos(*ns)).collect());
            let mut medians: Vec<f64> = runs
                .iter()
                .filter_map(median)
                .map(|of| of.median.as_secs_f64())
                .collect();
            medians.sort_unstable_by(f64::total_cmp);
            (medians.len() == runs.len()).then_some(medians)
        };
        let (Some(before), Some(after)) = (medians(&self.before), medians(&self.after)) else {
            return self.say(Outcome::NotJudged, "a run has none");
        };
        let middle = |medians: &[f64]| medians[(medians.len() - 1) / 2];
        let ratio = |after: f64, before: f64| if before > 0.0 { after / before } else { f64::NAN };
        let ratio = Ratio {
            middle: ratio(middle(&after), middle(&before)),
            lowest: ratio(after[0], before[before.len() - 1]),
            highest: ratio(after[after.len() - 1], before[0]),
        };
        // A clock that is too coarse gives no ratio.
        if [ratio.middle, ratio.lowest, ratio.highest]
            .iter()
            .any(|ratio| ratio.is_nan())
        {
            return self.say(Outcome::NotJudged, "no time passed, by the clock of the capture");
        }
        self.ratio = Some(ratio);
        if before.len().min(after.len()) < RUNS_FOR_TIMES {
            self.say(Outcome::NotJudged, format!("that takes {RUNS_FOR_TIMES} runs of each"));
        } else if ratio.lowest > slower {
            self.outcome = Outcome::Worse;
        } else if ratio.highest < 1.0 / slower {
            self.outcome = Outcome::Better;
        }
    }
}

/// From the least to the most.
fn hull(ends: Vec<(u64, u64)>) -> Option<(u64, u64)> {
    let least = ends.iter().map(|ends| ends.0).min()?;
    Some((least, ends.iter().map(|ends| ends.1).max()?))
}

/// What a comparison comes to: worse if a figure is; else unknown if one is, or if none is known.
pub fn result(figures: &[Figure]) -> Outcome {
    let any = |outcome| figures.iter().any(|figure| figure.outcome == outcome);
    if any(Outcome::Worse) {
        Outcome::Worse
    } else if any(Outcome::Unknown) || !(any(Outcome::Same) || any(Outcome::Better)) {
        Outcome::Unknown
    } else if any(Outcome::Better) {
        Outcome::Better
    } else {
        Outcome::Same
    }
}

#[cfg(test)]
#[path = "../tests/unit/compare.rs"]
mod tests;
