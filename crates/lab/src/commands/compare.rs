//! `lab compare`

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use harness::compare::{Figure, Measured, Outcome, Ratio, compare, result};
use harness::format::json;
use harness::rules::RuleId;

use super::show::capture;
use crate::check::Format;
use crate::junit::{self, Case};
use crate::show::read;
use crate::status::{Run, Status};
use crate::terminal::{filled, terminal_width};

/// Compare two captures: what is better, the same or worse in the second, and what cannot be told
///
///     lab compare step1 step2
///     lab compare main.pcapng branch.pcapng
///     lab compare --before main-*.pcapng --after branch-*.pcapng
///
/// Exit status: 0 the second is not worse, 1 it is, 2 that cannot be told: one side does not show what the other does, or
/// the clients did not do the same.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// What to compare with: all that lab show takes
    #[arg(required_unless_present = "before", requires = "second")]
    first: Option<String>,
    /// What is compared with it
    second: Option<String>,
    /// Several captures to compare with, in place of one: times are judged from five on
    #[arg(long, num_args = 1.., value_name = "CAPTURE", requires = "after", conflicts_with = "first")]
    before: Vec<String>,
    /// Several captures that are compared with them
    #[arg(long, num_args = 1.., value_name = "CAPTURE", requires = "before")]
    after: Vec<String>,
    /// A time is worse if each run of the second took more than RATIO times as long as each of the first
    #[arg(long, value_name = "RATIO", default_value_t = 1.1, value_parser = ratio)]
    slower: f64,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

fn ratio(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().unwrap_or(f64::NAN);
    match number.is_finite() && number >= 1.0 {
        true => Ok(number),
        false => Err("give a number from 1 on, such as 1.25".to_owned()),
    }
}

impl Run for Arguments {
    fn run(&self) -> Result<Status> {
        let side =
            |one: &Option<String>, several: &[String]| -> Vec<String> { one.iter().chain(several).cloned().collect() };
        let (before, after) = (side(&self.first, &self.before), side(&self.second, &self.after));
        let compared = Compared::of(before, after, self.slower)?;
        let written = io::stdout().write_all(compared.show(self.format).as_bytes());
        compared.status().told(written)
    }
}

/// Two sides, and how the second stands to the first.
#[derive(Debug)]
pub struct Compared {
    before: Vec<(String, Measured)>,
    after: Vec<(String, Measured)>,
    figures: Vec<Figure>,
}

/// Reads each capture to its end, one after the other. One that is cut short shows nothing for sure.
fn measured(names: Vec<String>) -> Result<Vec<(String, Measured)>> {
    let measure = |name: String| {
        let (path, is_asked) = capture(&name)?;
        ensure!(
            !is_asked,
            "{name} is an exercise: what is to be found in its capture is not told"
        );
        let mut run = None;
        let ended = read(&path, |timeline| {
            run = Some(Measured::of(timeline));
            Ok(())
        });
        match (run, ended) {
            (Some(run), Err(error)) => Ok((name, run.cut_short(&super::told(&error)))),
            (run, ended) => ended.and_then(|()| Ok((name, run.context("nothing was read")?))),
        }
    };
    names.into_iter().map(measure).collect()
}

impl Compared {
    /// Compares captures, each by its name or its path. `slower` is the ratio from which a time is worse.
    ///
    /// # Errors
    ///
    /// If nothing of one of them can be read.
    pub fn of(before: Vec<String>, after: Vec<String>, slower: f64) -> Result<Compared> {
        let (before, after) = (measured(before)?, measured(after)?);
        let runs = |side: &[(String, Measured)]| -> Vec<Measured> { side.iter().map(|(_, run)| run.clone()).collect() };
        let figures = compare(&runs(&before), &runs(&after), slower);
        Ok(Compared { before, after, figures })
    }

    /// Wrong if the second side is worse, unknown if that cannot be told.
    pub fn status(&self) -> Status {
        match result(&self.figures) {
            Outcome::Worse => Status::Wrong,
            Outcome::Better | Outcome::Same => Status::Well,
            Outcome::Unknown | Outcome::NotJudged => Status::Unknown,
        }
    }

    /// What came of it.
    pub fn show(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Json => {
                let runs = |side: &[(String, Measured)]| side.iter().map(|(name, run)| (&**name, run).into()).collect();
                let object = json::Compare {
                    version: json::VERSION,
                    status: self.status() as u8,
                    before: runs(&self.before),
                    after: runs(&self.after),
                    figures: self.figures.iter().map(Into::into).collect(),
                };
                json::plain(&object) + "\n"
            }
            Format::Github => {
                let counts = |figure: &&Figure| matches!(figure.outcome, Outcome::Worse | Outcome::Unknown);
                let worth = self.figures.iter().filter(counts);
                let told =
                    |figure: &Figure| format!("::error title={}::{}\n", figure.name, line(figure).replace('%', "%25"));
                worth.map(told).collect()
            }
            Format::Junit | Format::Sarif => format.of_cases("compare", self.figures.iter().map(case), &[]),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (side, runs) in [("before", &self.before), ("after", &self.after)] {
            for (name, run) in runs {
                text += &format!(
                    "{side:<10}  {name}: connections {}, requests {}, bytes sent {}\n",
                    run.connections, run.requests, run.sent
                );
            }
        }
        // Those that have the same to say stand on one line.
        let mut alike: BTreeMap<(Outcome, &str), Vec<&str>> = BTreeMap::new();
        for figure in &self.figures {
            let is_zero = figure
                .before
                .iter()
                .chain(&figure.after)
                .flatten()
                .all(|number| *number == 0);
            let one_sided = figure.before.is_empty() || figure.after.is_empty();
            match &figure.why {
                Some(why) if figure.ratio.is_none() && (is_zero || one_sided || figure.is_time()) => {
                    alike.entry((figure.outcome, why)).or_default().push(figure.name)
                }
                None if is_zero => alike
                    .entry((figure.outcome, "neither has any"))
                    .or_default()
                    .push(figure.name),
                _ => text += &format!("{:<10}  {}\n", figure.outcome, line(figure)),
            }
        }
        for ((outcome, why), names) in alike {
            text += &format!("{outcome:<10}  {why}: {}\n", names.join(", "));
        }
        text += match self.status() {
            Status::Well => "the second is not worse\n",
            Status::Wrong => "the second is worse\n",
            Status::Unknown => "whether the second is worse cannot be told\n",
        };
        // A line stays whole for a program that reads it.
        let Some(width) = terminal_width() else { return text };
        filled(&text, width, 12)
    }
}

fn case(figure: &Figure) -> Case<'_> {
    let outcome = match (figure.outcome, &figure.why) {
        (Outcome::Worse, _) => junit::Outcome::Failed {
            message: "worse than before".to_owned(),
            text: line(figure),
        },
        (Outcome::Better, _) => junit::Outcome::Noted(format!("better: {}", line(figure))),
        (_, Some(why)) => junit::Outcome::Skipped(why.clone()),
        (_, None) => junit::Outcome::Passed,
    };
    Case {
        name: figure.name,
        outcome,
    }
}

/// A figure of both sides: each run's numbers; of a time how the sides stand to each other.
fn line(figure: &Figure) -> String {
    const SHOWN: usize = 8;
    let is_rule = figure.name.parse::<RuleId>().is_ok();
    let in_run = |run: &[u64]| match run.iter().filter(|number| **number > 0).count() {
        found if is_rule => format!("in {found} of {}", run.len()),
        _ => {
            let shown: Vec<String> = run.iter().take(SHOWN).map(u64::to_string).collect();
            shown.join(" ") + if run.len() > SHOWN { " ..." } else { "" }
        }
    };
    let side = |runs: &[Vec<u64>]| match runs {
        [] => "?".to_owned(),
        [run] => in_run(run),
        runs => {
            let runs = runs.chunk_by(|one, other| one == other);
            let told = runs.map(|alike| format!("{} ({} runs)", in_run(&alike[0]), alike.len()));
            told.collect::<Vec<_>>().join(", ")
        }
    };
    let told = match figure.ratio {
        Some(Ratio {
            middle,
            lowest,
            highest,
        }) => format!("× {middle:.2}, run by run × {lowest:.2} to × {highest:.2}"),
        None => format!("{} → {}", side(&figure.before), side(&figure.after)),
    };
    let why = figure.why.iter().map(|why| format!(" ({why})"));
    format!("{}: {told}{}", figure.name, why.collect::<String>())
}
