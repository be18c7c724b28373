//! The rough day of a server: what `lab check --rough` prints, and whether it fails.

use std::ffi::OsStr;

use anyhow::{Result, bail};
use clap::Args;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use harness::conversation::signal;
use harness::format::json;
use harness::format::line::{Line, Role};
use harness::ordeals::{Fault, Judged, ORDEALS, Ordeal, Report, Rough, Verdict};
use harness::timeline::printable;

use crate::called::typed;
use crate::check::Format;
use crate::junit::{Case, Outcome};
use crate::status::Status;
use crate::trace::{INTERRUPTED, Plan};

/// Which ordeals a server is to meet.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "A rough day (docs/ordeals.md)")]
#[group(id = "Rough")]
pub struct Options {
    /// Make the day rough for the server, in each way that there is, and judge how it comes through: small buffers,
    /// rude clients, a cable that is pulled, a stop. Exit status: 0 it failed nothing, 1 it failed an ordeal, 2 nothing is proved
    #[arg(long)]
    pub rough: bool,

    /// Only the ordeals that take a second or two
    #[arg(long, requires = "rough")]
    quick: bool,

    /// Only these ordeals, with commas between them
    #[arg(long, value_name = "ORDEAL", requires = "rough", value_delimiter = ',', value_parser = named)]
    only: Vec<&'static Ordeal>,

    /// Leave these ordeals out, with commas between them
    #[arg(long, value_name = "ORDEAL", requires = "rough", value_delimiter = ',', value_parser = named)]
    skip: Vec<&'static Ordeal>,

    /// The signal that asks the server to stop: TERM, INT, QUIT or a number; TERM if not given
    #[arg(long, value_name = "SIGNAL", requires = "rough", value_parser = signal)]
    stop_signal: Option<i32>,
}

/// The ordeal with a name.
///
/// # Errors
///
/// The names that there are.
pub fn named(name: &str) -> Result<&'static Ordeal, String> {
    let names = || ORDEALS.map(|ordeal| ordeal.name).join(", ");
    Ordeal::named(name).ok_or_else(|| format!("there is no ordeal {name:?}; there are {}", names()))
}

/// What somebody may want who names an ordeal where a server stands.
fn instead_of(ordeal: &Ordeal) -> String {
    let (lab, name) = (typed(), ordeal.name);
    format!(
        "{name} is an ordeal: {lab} check --rough --only {name} SERVER lets a server meet it alone, and {lab} trace \
         --rough {name} SERVER shows it"
    )
}

/// The error of a command line. Of a check that names an ordeal where a server stands it tells what to type instead.
pub fn with_tip(mut error: clap::Error) -> clap::Error {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into()).collect();
    let has = |word: &str| words.iter().any(|own| own == word);
    let ordeal = words.iter().find_map(|word| Ordeal::named(word));
    if let Some(ordeal) =
        ordeal.filter(|_| has("check") && has("--rough") && error.kind() == ErrorKind::UnknownArgument)
    {
        let tip = ContextValue::StyledStrs(vec![instead_of(ordeal).into()]);
        error.insert(ContextKind::Suggested, tip);
    }
    error
}

impl Options {
    /// All ordeals, with this signal to stop the server.
    pub fn stopping_by(stop_signal: Option<i32>) -> Options {
        Options {
            stop_signal,
            ..Options::default()
        }
    }

    /// The server of a plan, and the ordeals that it is to meet.
    ///
    /// # Errors
    ///
    /// If the plan asks for what ordeals do by themselves, or the server cannot be built.
    pub fn of(&self, plan: &Plan) -> Result<Rough> {
        if plan.client.is_some() || plan.stdin || plan.clients > 1 || plan.asks_how_clients_end() {
            bail!(
                "the rough day brings its own clients: give it the conversation (--send, --expect, --script), and leave \
                 --client, --stdin, --clients and --close away"
            );
        }
        if let Some(ordeal) = plan.step.as_deref().and_then(Ordeal::named) {
            bail!("{}", instead_of(ordeal));
        }
        if plan.wire.wants_more_than_a_seed() {
            bail!("the rough day brings its own wires: leave the options of the wire away, but --seed");
        }
        let chosen = |ordeal: &Ordeal| {
            let has = |list: &[&Ordeal]| list.iter().any(|one| one.name == ordeal.name);
            (self.only.is_empty() || has(&self.only)) && !has(&self.skip) && (!self.quick || ordeal.quick)
        };
        let mut rough = Rough::of(plan.builder()?)
            .conversation(plan.says.conversation()?)
            .only(chosen)
            .seed(plan.wire.seed());
        if let Some(signal) = self.stop_signal {
            rough = rough.stop_signal(signal);
        }
        if let Some(port) = plan.port {
            rough = rough.port(port);
        }
        if plan.timeout.is_some() {
            rough = rough.limit(plan.limit());
        }
        Ok(rough)
    }
}

/// What became of a rough day, to be shown.
pub struct Shown<'r> {
    /// What there is to show.
    pub report: &'r Report,
    /// The arguments of the command that made it, for one that shows a run of it.
    pub again: String,
    /// What chance followed from.
    pub seed: u64,
    /// The ordeals without a verdict on which nothing is proved.
    pub required: Vec<&'static Ordeal>,
    /// Set if ctrl-C has ended it: there are more ordeals, which had not ended.
    pub is_interrupted: bool,
}

impl Shown<'_> {
    /// Wrong if an ordeal was failed. Unknown if nothing was proved, or not what was asked for.
    pub fn status(&self) -> Status {
        if self.report.failed().next().is_some() {
            Status::Wrong
        } else if self.unproved().is_empty() {
            Status::Well
        } else {
            Status::Unknown
        }
    }

    /// Reasons why nothing is proved, or not all that was asked for.
    fn unproved(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.report.not_begun.clone().into_iter().collect();
        reasons.extend(self.is_interrupted.then(|| INTERRUPTED.to_owned()));
        let judged = |judged: &&Judged| judged.verdict != Verdict::NotJudged;
        if reasons.is_empty() && self.report.ordeals.iter().filter(judged).count() == 0 {
            reasons.push("no ordeal was judged".to_owned());
        }
        for required in &self.required {
            match self.report.of(required.name) {
                Some(one) if one.verdict == Verdict::NotJudged => {
                    reasons.push(format!("{} was not judged: {}", required.name, one.reason));
                }
                Some(_) => {}
                None if self.is_interrupted => {}
                None => reasons.push(format!("{} was not asked", required.name)),
            }
        }
        reasons
    }

    /// The command that shows this run.
    fn see(&self, judged: &Judged) -> String {
        format!("lab trace --rough {} {}", judged.ordeal.name, self.again)
    }

    /// The table, and below it what it comes to.
    pub fn lines(&self, width: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let width = width.max(NAME + VERDICT + 20);
        for judged in &self.report.ordeals {
            let role = match judged.verdict {
                Verdict::Passed => Role::Segment,
                Verdict::Failed => Role::Held,
                Verdict::Policy | Verdict::NotJudged => Role::Note,
            };
            let head = format!("{:<NAME$}{:<VERDICT$}", judged.ordeal.name, judged.verdict);
            let named = judged.finding.map(|name| format!("[{name}] ")).unwrap_or_default();
            let told = format!("{named}{}", printable(&judged.reason));
            let whole = Line::from_iter([(role, head.as_str()), (Role::Segment, told.as_str())]);
            lines.extend(whole.wrapped(width, NAME + VERDICT));
            if judged.verdict != Verdict::Failed {
                continue;
            }
            let evidence = judged.evidence.iter().map(|line| format!("- {}", printable(line)));
            let more = [
                format!("cure: {}", judged.ordeal.cure),
                format!("see:  {}", self.see(judged).replacen("lab", &typed(), 1)),
            ];
            for line in evidence.chain(more) {
                let whole = Line::new(Role::Segment, format!("{:NAME$}{line}", ""));
                lines.extend(whole.wrapped(width, NAME + 6));
            }
        }
        let mut sum = String::new();
        for verdict in Verdict::ALL {
            let names: Vec<_> = self.report.with(verdict).map(|judged| judged.ordeal.name).collect();
            let named = match verdict {
                _ if names.is_empty() => continue,
                Verdict::Passed => String::new(),
                _ => format!(" ({})", names.join(", ")),
            };
            let comma = if sum.is_empty() { "" } else { ", " };
            sum += &format!("{comma}{} {}{named}", names.len(), verdict.name().replace('-', " "));
        }
        let unproved = self
            .unproved()
            .into_iter()
            .map(|why| format!("not proved: {}", printable(&why)));
        for text in std::iter::once(sum).filter(|sum| !sum.is_empty()).chain(unproved) {
            lines.extend(Line::new(Role::Note, text).wrapped(width, 2));
        }
        lines
    }

    /// As one of the forms for programs.
    pub fn text(&self, format: Format) -> String {
        match format {
            Format::Text => String::new(),
            Format::Json => self.json(),
            Format::Github => self.github(),
            Format::Junit | Format::Sarif => self.cases(format),
        }
    }

    fn json(&self) -> String {
        let ordeal = |judged: &Judged| json::Ordeal {
            name: judged.ordeal.name,
            verdict: (&judged.verdict).into(),
            finding: judged.finding.map(Fault::name),
            reason: judged.reason.clone(),
            evidence: judged.evidence.clone(),
            see: judged.timeline.as_ref().map(|_| self.see(judged)),
        };
        let rough = json::Rough {
            version: json::VERSION,
            status: self.status() as u8,
            seed: self.seed,
            ordeals: self.report.ordeals.iter().map(ordeal).collect(),
            unproved: self.unproved(),
        };
        json::plain(&rough) + "\n"
    }

    /// Workflow commands, one for each ordeal that was failed.
    fn github(&self) -> String {
        let escaped = |text: &str| printable(&text.replace('%', "%25"));
        let failed = self.report.failed().map(|judged| {
            let (name, reason) = (judged.ordeal.name, escaped(&judged.reason));
            format!(
                "::error title={name}::{reason}. Cure: {}\n",
                escaped(judged.ordeal.cure)
            )
        });
        let unproved = self.unproved();
        let unproved = unproved
            .iter()
            .map(|why| format!("::error title=not proved::{}\n", escaped(why)));
        failed.chain(unproved).collect()
    }

    fn cases(&self, format: Format) -> String {
        let cases = self.report.ordeals.iter().map(|judged| Case {
            name: judged.ordeal.name,
            outcome: match judged.verdict {
                Verdict::Passed => Outcome::Passed,
                Verdict::Policy => Outcome::Noted(judged.reason.clone()),
                Verdict::Failed => Outcome::Failed {
                    message: judged.reason.clone(),
                    text: judged
                        .evidence
                        .iter()
                        .chain([&self.see(judged)])
                        .fold(String::new(), |all, line| all + line + "\n"),
                },
                Verdict::NotJudged => Outcome::Skipped(judged.reason.clone()),
            },
        });
        format.of_cases("rough", cases, &self.unproved())
    }
}

/// The widths of the table's columns.
const NAME: usize = 17;
const VERDICT: usize = 11;

/// A command's arguments as a shell takes them.
pub fn quoted<'a>(words: impl IntoIterator<Item = &'a OsStr>) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    let quote = |word: &OsStr| {
        let word = word.to_string_lossy().into_owned();
        match !word.is_empty() && word.chars().all(plain) {
            true => word,
            false => format!("'{}'", word.replace('\'', "'\\''")),
        }
    };
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}
