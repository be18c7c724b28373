//! The committed captures say what the kernel does.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use course::capture::{self, Seen};
use course::experiments;
use course::lesson::Shown;
use course::{checkout, steps};
use harness::testing::{
    self,
    Needs::{Sandbox, Wire},
};

/// Runs cases of which a few share the machine: all at once would pause each other, and each pause is another run. One
/// processor has one at a time.
fn few_at_once<T: Send>(mut cases: Vec<T>, run: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    let at_once = std::thread::available_parallelism().map_or(1, |cores| if cores.get() == 1 { 1 } else { 4 });
    while !cases.is_empty() {
        let few = cases.split_off(cases.len().saturating_sub(at_once));
        testing::at_once(few, &run)?;
    }
    Ok(())
}

/// Runs each step afresh: the kernel still does what the committed capture shows, the same calls caused its packets,
/// and facts and findings are those that the lesson expects.
fn captures_are_what_the_steps_do() -> Result<()> {
    few_at_once(steps::all()?, |step| {
        let committed = Seen::of(&capture::read(&step.capture())?);
        testing::in_time(&step.slug, || {
            let fresh = capture::run(&step)?;
            let (seen, shown) = (Seen::of(&fresh), Shown::of(&fresh));
            ensure!(
                seen == committed,
                "make it anew with `just capture`; committed {committed:#?}\nseen {seen:#?}\n{fresh}"
            );
            let (expected, lesson) = (&step.lesson.expected, course::lesson::FILE);
            ensure!(
                shown == *expected,
                "{lesson} expects {expected:#?}\nseen {shown:#?}\n{fresh}"
            );
            Ok(())
        })
    })
}

/// Runs each experiment afresh behind its wire, and reads what the committed capture tells.
fn experiments_tell_what_their_captures_tell() -> Result<()> {
    few_at_once(experiments::ALL.iter().collect(), |experiment| {
        let committed = experiment.told(&capture::read(&experiment.capture()?)?);
        testing::in_time(&experiment.name, || {
            let fresh = match experiment.run() {
                // Linux 6.1 shows some settings to root alone.
                Err(error) if matches!(error.downcast_ref(), Some(harness::Error::Setting { .. })) => {
                    eprintln!("{}: {error}", experiment.name);
                    return Ok(());
                }
                fresh => fresh?,
            };
            let told = experiment.told(&fresh);
            ensure!(told == committed, "committed {committed:#?}\nseen {told:#?}\n{fresh}");
            Ok(())
        })
    })
}

/// A committed capture tells what its lesson expects, also where nothing can be run.
fn captures_show_what_the_lessons_expect() -> Result<()> {
    for step in steps::all()? {
        let shown = Shown::of(&capture::read(&step.capture())?);
        assert_eq!(shown, step.lesson.expected, "{}", step.slug);
    }
    Ok(())
}

/// Wireshark shows the comments of a file, and everything else what is said today: that is the same.
fn comments_of_captures_have_not_drifted() -> Result<()> {
    for (path, made) in experiments::commented()? {
        let name = path.display();
        assert!(
            std::fs::read(&path)? == made,
            "the comments of {name} are of before; `just docs` writes them anew"
        );
    }
    Ok(())
}

/// Each step has a lesson, and each lesson a page and a capture.
fn every_step_has_a_lesson_a_page_and_a_capture() -> Result<()> {
    let steps = steps::all()?;
    let lessons: BTreeSet<&str> = steps.iter().map(|step| step.slug.as_str()).collect();
    for entry in std::fs::read_dir(checkout::find()?.join("crates"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let file = format!("crates/{name}/{}", course::lesson::FILE);
        assert!(
            !name.starts_with("step") || lessons.contains(name.as_str()),
            "{file} is missing"
        );
    }
    for step in steps {
        assert!(step.page().is_file(), "{} is missing", step.page().display());
        assert!(step.capture().is_file(), "{} is missing", step.capture().display());
    }
    Ok(())
}

/// A step is read in two to three minutes, and differs from the one before by its lesson alone.
fn each_step_is_short_and_differs_little() -> Result<()> {
    let steps = steps::all()?;
    for step in &steps {
        let lines = step.read_source()?.lines().count();
        let most = match step.lesson.order {
            ..=3 => 70,
            4 => 82,
            5 | 6 => 94,
            7 | 8 => 124,
            _ => 139,
        };
        assert!(lines <= most, "{} has {lines} lines, and {most} are enough", step.slug);
    }
    for pair in steps.windows(2) {
        let diff = steps::diff(&pair[0], &pair[1])?;
        let is_change =
            |line: &&str| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---");
        let differ = diff.lines().filter(is_change).count();
        let most = if pair[1].lesson.order == 7 { 55 } else { 35 };
        let slug = &pair[1].slug;
        assert!(
            differ <= most,
            "{differ} lines of {slug} differ from the step before, and {most} are enough"
        );
    }
    Ok(())
}

harness::tests! {
    captures_are_what_the_steps_do needs [Sandbox];
    experiments_tell_what_their_captures_tell needs [Wire];
    captures_show_what_the_lessons_expect needs [];
    comments_of_captures_have_not_drifted needs [];
    every_step_has_a_lesson_a_page_and_a_capture needs [];
    each_step_is_short_and_differs_little needs [];
}
