//! The exercises: each is unsolved as it is given, solved by its solution, and each wrong turn gets its advice.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use course::learn::call_off::CallOff;
use course::learn::exercise::{self, Exercise, Kind};
use course::learn::subject::Subject;
use course::learn::verdict::{Outcome, Verdict};
use course::learn::{answers, catalog, judge, measure};
use course::steps;
use harness::testing::{self, Needs::Calls, Needs::Sandbox, Needs::Wire};
use harness::timeline::Level;

/// One of the servers of an exercise: `main.rs`, `solution.rs`, `wrong/sleep.rs`.
fn subject(exercise: &Exercise, file: &str) -> Result<Subject> {
    Ok(Subject {
        program: steps::build_example(catalog::PROGRAM)?,
        environment: vec![("EXERCISE".to_owned(), format!("{}/{file}", exercise.slug))],
        source: std::fs::read_to_string(exercise.folder().join(file))?,
        level: None,
    })
}

fn judged(exercise: &Exercise, file: &str) -> Result<Verdict> {
    judge::server(exercise, &subject(exercise, file)?, &CallOff::default())
}

fn advice(verdict: &Verdict) -> &str {
    verdict.advice.as_ref().map_or("none", |advice| advice.id)
}

/// Runs many cases, some of them at once: a check waits more than it works, and all at once would wait for each other.
pub fn few_at_once<T: Send>(cases: Vec<T>, run: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    const AT_ONCE: usize = 12;
    let cases = Mutex::new(cases.into_iter());
    let next = || cases.lock().unwrap_or_else(PoisonError::into_inner).next();
    testing::at_once(0..AT_ONCE, |_| std::iter::from_fn(next).try_for_each(&run))
}

/// Checks a server, and whether it comes to this.
fn comes_to(exercise: &Exercise, file: &str, outcome: Outcome, id: Option<&str>) -> Result<()> {
    let name = format!("{}/{file}", exercise.slug);
    testing::in_time(&name, || {
        let verdict = judged(exercise, file)?;
        ensure!(
            verdict.outcome == outcome && id.is_none_or(|id| advice(&verdict) == id),
            "expected {outcome:?} and advice {id:?}; it was {:?} and {:?}: {:?} {:?}\n{}",
            verdict.outcome,
            advice(&verdict),
            verdict.said,
            verdict.advice,
            verdict.timeline.as_ref().map(ToString::to_string).unwrap_or_default()
        );
        Ok(())
    })
}

/// Behind a wire, or not.
fn of_kind(is_code: bool, wire: bool) -> Result<Vec<Exercise>> {
    let mut exercises = all_of_kind(is_code)?;
    exercises.retain(|exercise| exercise.about.wire.is_empty() != wire);
    Ok(exercises)
}

/// First the one that takes longest: without descriptors its server tries again each second, and never settles.
fn all_of_kind(is_code: bool) -> Result<Vec<Exercise>> {
    let mut exercises = exercise::all()?;
    exercises.retain(|exercise| exercise.about.kind.is_code() == is_code);
    exercises.sort_by_key(|exercise| exercise.name != "sixty-four");
    Ok(exercises)
}

/// As it is given it fails, and a fix shows what it names and nothing else.
fn an_exercise_is_unsolved_as_it_is_given() -> Result<()> {
    unsolved(of_kind(true, false)?)
}

fn unsolved(exercises: Vec<Exercise>) -> Result<()> {
    few_at_once(exercises, |exercise| {
        let about = &exercise.about;
        let mut expected: Vec<_> = about.gone.iter().chain(&about.stays).copied().collect();
        expected.sort_unstable();
        testing::in_time(&exercise.slug, || {
            let verdict = judged(&exercise, "main.rs")?;
            let timeline = verdict.timeline.context("it did not run")?;
            let mut found = timeline.finding_ids();
            found.retain(|id| !about.chance.contains(id));
            found.sort_unstable();
            ensure!(
                verdict.outcome == Outcome::Failed && (about.kind == Kind::Break || found == expected),
                "{:?}, expected {expected:?}, found {found:?}\n{timeline}",
                verdict.outcome
            );
            Ok(())
        })
    })
}

fn a_solution_passes() -> Result<()> {
    solved(of_kind(true, false)?)
}

fn solved(exercises: Vec<Exercise>) -> Result<()> {
    few_at_once(exercises, |exercise| {
        comes_to(&exercise, "solution.rs", Outcome::Passed, None)
    })
}

fn a_wrong_turn_gets_advice_of_its_own() -> Result<()> {
    advised(of_kind(true, false)?)
}

fn a_wire_is_no_other_world() -> Result<()> {
    testing::at_once([unsolved, solved, advised], |does| does(of_kind(true, true)?))
}

fn advised(exercises: Vec<Exercise>) -> Result<()> {
    let mut turns = Vec::new();
    for exercise in exercises {
        let named: Vec<&String> = exercise.about.wrong.keys().collect();
        ensure!(
            exercise.wrong_turns().iter().eq(named.iter().copied()),
            "{}: the files in wrong/ and the advice in {} are not of the same names",
            exercise.slug,
            exercise::FILE
        );
        turns.extend(
            exercise
                .about
                .wrong
                .clone()
                .into_iter()
                .map(|turn| (exercise.clone(), turn)),
        );
    }
    // First those in which somebody waits in vain: they take longest.
    const IN_VAIN: [&str; 5] = [
        "no-write",
        "newline-missing",
        "stays-open",
        "written-too-late",
        "untraced",
    ];
    turns.sort_by_key(|(exercise, (_, id))| exercise.name != "sixty-four" && !IN_VAIN.contains(&id.as_str()));
    few_at_once(turns, |(exercise, (turn, id))| {
        comes_to(&exercise, &format!("wrong/{turn}.rs"), Outcome::Failed, Some(&id))
    })
}

/// The right answers, as the committed capture gives them. Of several any one will do, unless the question asks for all
/// of them.
fn right_answers(exercise: &Exercise) -> Result<Vec<Vec<String>>> {
    let timeline = answers::evidence(exercise, None)?.0;
    let told = answers::tell(exercise, &timeline)
        .into_iter()
        .zip(&exercise.about.questions);
    told.map(|(right, question)| {
        let right = right.with_context(|| format!("{}: no answer to {:?}", exercise.slug, question.ask))?;
        Ok(match measure::find(&question.measure).map(|measure| measure.form) {
            Some(measure::Form::Frames) => right,
            _ => right.into_iter().take(1).collect(),
        })
    })
    .collect()
}

/// What the committed capture answers is right, any other answer is wrong, and what is said of it does not tell the
/// right one.
fn an_answer_is_right_or_wrong() -> Result<()> {
    for exercise in all_of_kind(false)? {
        let right = right_answers(&exercise)?;
        let passed = answers::judge(&exercise, None, &right)?;
        assert_eq!(passed.outcome, Outcome::Passed, "{}: {:?}", exercise.slug, passed.said);
        for (place, question) in exercise.about.questions.iter().enumerate() {
            let mut wrong = right.clone();
            wrong[place] = vec![other_than(&right[place][0], &question.measure)];
            let failed = answers::judge(&exercise, None, &wrong)?;
            let line = failed.said.iter().find(|line| line.contains(&question.ask));
            let after = line.map(|line| line.replace(&question.ask, "")).unwrap_or_default();
            let words = |c: char| !c.is_alphanumeric() && c != '_';
            let gives_away = after.split(words).any(|word| word == right[place][0]);
            assert!(
                failed.outcome == Outcome::Failed && !gives_away && failed.timeline.is_none(),
                "{}: {wrong:?} gives {:?} {:?}",
                exercise.slug,
                failed.outcome,
                failed.said
            );
        }
    }
    Ok(())
}

/// A question is answered by a fresh run: what the committed capture answers is right there, and the next wrong.
///
/// Any of a few runs will do. On a busy machine a kernel sends ACKs alone that else ride on data; but no run answers
/// what the capture of another server does, nor takes two answers for right.
fn a_fresh_run_answers_as_the_capture() -> Result<()> {
    const RUNS: usize = 5;
    let predictions = all_of_kind(false)?
        .into_iter()
        .filter(|exercise| exercise.about.kind == Kind::Predict);
    few_at_once(predictions.collect(), |exercise| {
        let subject = match &exercise.about.server {
            Some(step) => Subject {
                program: steps::find(step)?.build()?,
                environment: Vec::new(),
                source: String::new(),
                level: None,
            },
            None => subject(&exercise, "main.rs")?,
        };
        let right = right_answers(&exercise)?;
        let mut said = Vec::new();
        for _ in 0..RUNS {
            let evidence = answers::evidence(&exercise, Some(&subject))?;
            if !evidence.1.is_empty() {
                // No two of several runs were alike: the machine is busy, and the capture has answered.
                said = evidence.1;
                continue;
            }
            let verdict = answers::graded(&exercise, evidence.clone(), &right);
            said = verdict.said;
            if verdict.outcome == Outcome::Passed {
                let mut wrong = right.clone();
                wrong[0] = vec![other_than(&right[0][0], &exercise.about.questions[0].measure)];
                let verdict = answers::graded(&exercise, evidence, &wrong);
                said = verdict.said;
                if verdict.outcome == Outcome::Failed {
                    return Ok(());
                }
            }
        }
        bail!(
            "{}: no run of {RUNS} answers as its capture, {right:?}: is `cargo xtask capture {}` due? {said:?}",
            exercise.slug,
            exercise.name
        )
    })
}

fn other_than(right: &str, measure: &str) -> String {
    let form = measure::find(measure).map(|measure| measure.form);
    match form {
        Some(measure::Form::Word(words)) => words
            .iter()
            .find(|word| **word != right)
            .map_or("?", |word| word)
            .to_owned(),
        // Where several frames fit, the next number may fit too.
        _ => right.parse::<u64>().map_or(0, |number| number + 1000).to_string(),
    }
}

/// What cannot be seen is no reason to pass, and what can be seen is one to fail.
fn without_packets_nothing_passes_unseen() -> Result<()> {
    let exercise = exercise::find(&exercise::all()?, "one-write")?.clone();
    let judged = |file: &str| {
        let subject = Subject {
            level: Some(Level::NoPackets),
            ..subject(&exercise, file)?
        };
        judge::server(&exercise, &subject, &CallOff::default())
    };
    testing::at_once(["solution.rs", "main.rs"], |file| {
        let verdict = judged(file)?;
        if file == "main.rs" {
            let of = (verdict.outcome, advice(&verdict));
            assert_eq!(of, (Outcome::Failed, "two-writes"), "{verdict:?}");
            return Ok(());
        }
        assert_eq!(verdict.outcome, Outcome::Unknown, "{verdict:?}");
        assert!(verdict.said.concat().contains("nagle-stall"), "{:?}", verdict.said);
        assert!(verdict.notes.concat().contains("no packets"), "{:?}", verdict.notes);
        Ok(())
    })
}

/// Where a panic was is the first thing to know of it.
fn a_panic_is_quoted() -> Result<()> {
    let exercise = exercise::find(&exercise::all()?, "one-write")?.clone();
    let said = judged(&exercise, "wrong/panics.rs")?.said.concat();
    assert!(
        said.contains("panicked at") && said.contains("no answer to so short a line"),
        "{said}"
    );
    Ok(())
}

/// What is said of a wrong turn holds in its exercise: it calls nothing wrong that the task wants, and nothing seen that
/// is not.
fn advice_does_not_contradict_the_task() -> Result<()> {
    let cases = [
        // Two writes are wanted there, and what waits is the fault.
        ("nodelay", "flush-after-each", "waited for an ACK", "Still 2 writes"),
        ("nodelay", "short-sleep", "waited for an ACK", "2 packets"),
        // A reset puts the client's close first as little as the given server does.
        (
            "time-wait",
            "lingers",
            "throws away",
            "What would the close send without that",
        ),
        // This server reads the end; it has only said the last word before.
        (
            "time-wait",
            "shutdown-first",
            "shutdown(7, SHUT_WR)",
            "From what does a server learn",
        ),
        // What is not shown must not be told as if it were.
        (
            "unread-eof",
            "closes",
            "has to show is that the client has closed",
            "not there yet: the client has closed",
        ),
        (
            "reset",
            "reads-all",
            "has to show is that the server's close sent",
            "not there yet: the server's close sent",
        ),
    ];
    let exercises = exercise::all()?;
    few_at_once(cases.to_vec(), |(name, turn, says, never)| {
        let exercise = exercise::find(&exercises, name)?;
        testing::in_time(turn, || {
            let verdict = judged(exercise, &format!("wrong/{turn}.rs"))?;
            let advice = verdict.advice.map(|advice| advice.text).unwrap_or_default();
            let all = verdict.said.join(" ") + " " + &advice;
            ensure!(all.contains(says) && !all.contains(never), "{name}, {turn}: {all}");
            Ok(())
        })
    })
}

/// A server that no test runs would rot.
fn every_server_is_in_the_program() -> Result<()> {
    let (path, made) = catalog::source()?;
    assert!(
        std::fs::read_to_string(&path)? == made,
        "{} has drifted; `just docs` writes it anew",
        path.display()
    );
    Ok(())
}

/// A page fits on a screen of 80 columns and 24 rows.
fn a_page_is_one_screen() -> Result<()> {
    for exercise in exercise::all()? {
        let page = exercise.page()?;
        let rows: usize = page.lines().map(|line| line.chars().count().div_ceil(80).max(1)).sum();
        assert!(rows <= 20, "{}: its page takes {rows} rows of 20", exercise.slug);
        assert_eq!(exercise.hints()?.len(), 3, "{}: three hints", exercise.slug);
    }
    Ok(())
}

harness::tests! {
    a_wrong_turn_gets_advice_of_its_own needs [Sandbox];
    a_wire_is_no_other_world needs [Wire];
    an_exercise_is_unsolved_as_it_is_given needs [Sandbox];
    without_packets_nothing_passes_unseen needs [Calls];
    a_solution_passes needs [Sandbox];
    a_panic_is_quoted needs [Calls];
    advice_does_not_contradict_the_task needs [Sandbox];
    an_answer_is_right_or_wrong needs [];
    a_fresh_run_answers_as_the_capture needs [Sandbox];
    every_server_is_in_the_program needs [];
    a_page_is_one_screen needs [];
}
