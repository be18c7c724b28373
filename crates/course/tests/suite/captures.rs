//! The committed captures say what the kernel does.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use course::capture::{self, Seen};
use course::experiments::{self, Told};
use course::lesson::Shown;
use course::{checkout, steps};
use harness::testing::{
    self,
    Needs::{Sandbox, Wire},
};

/// Runs each step afresh: the kernel still does what the committed capture shows, the same calls caused its packets,
/// and facts and findings are those that the lesson expects.
fn captures_are_what_the_steps_do() -> Result<()> {
    testing::at_once(steps::all()?, |step| {
        let committed = Seen::of(&capture::read(&step.capture())?);
        testing::in_time(&step.slug, || {
            let fresh = capture::run(&step)?;
            let (seen, shown) = (Seen::of(&fresh), Shown::of(&fresh));
            ensure!(
                seen == committed,
                "make it anew with `just capture`; committed {committed:#?}\n{fresh}"
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
    testing::at_once(experiments::ALL, |experiment| {
        let committed = Told::of(&capture::read(&experiment.capture()?)?);
        testing::in_time(experiment.name, || {
            let fresh = experiment.run()?;
            let told = Told::of(&fresh);
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

harness::tests! {
    captures_are_what_the_steps_do needs [Sandbox];
    experiments_tell_what_their_captures_tell needs [Wire];
    captures_show_what_the_lessons_expect needs [];
    comments_of_captures_have_not_drifted needs [];
    every_step_has_a_lesson_a_page_and_a_capture needs [];
}
