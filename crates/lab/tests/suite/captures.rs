//! The committed captures and the pages say what the kernel does.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use harness::testing::{
    self,
    Needs::{Sandbox, Wire},
};
use lab::capture::{self, Seen};
use lab::experiments::{self, Told};
use lab::lesson::Shown;
use lab::{checkout, frames, pages, pictures, steps};

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
            let (expected, lesson) = (&step.lesson.expected, lab::lesson::FILE);
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

/// Each page's generated parts are what the captures and sources give.
fn pages_have_not_drifted() -> Result<()> {
    for page in pages::all()? {
        let made = pages::generate(&page)?;
        let changes = pages::changes(&page.text, &made);
        assert!(
            changes.is_empty(),
            "{} has drifted; `just docs` writes it anew\n{changes}",
            page.path.display()
        );
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

/// Each picture is what its capture gives, and a page shows it with words for who cannot see it.
fn pictures_have_not_drifted_and_are_shown() -> Result<()> {
    let pages = pages::all()?;
    for drawn in pictures::all()? {
        let name = drawn.path.display();
        let old = std::fs::read_to_string(&drawn.path).unwrap_or_default();
        assert!(old == drawn.text, "{name} has drifted; `just docs` draws it anew");
        let file = drawn.path.file_name().unwrap_or_default().to_string_lossy();
        let link = format!("images/{file})");
        let told = |text: &str| {
            let before = text.split(&link).next().filter(|before| before.len() < text.len());
            before
                .and_then(|before| Some(before.rsplit_once("![")?.1.len()))
                .is_some_and(|words| words > 40)
        };
        assert!(
            pages.iter().any(|page| told(&page.text)),
            "no page shows {name} and tells what it shows"
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
        let file = format!("crates/{name}/{}", lab::lesson::FILE);
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

/// A sentence that names a frame means the one that has this number in the committed capture.
fn frames_in_prose_are_those_of_the_captures() -> Result<()> {
    let mut wrong = String::new();
    for page in pages::all()? {
        for complaint in frames::check(&page.text)? {
            wrong += &format!("{}: {complaint}\n", page.path.display());
        }
    }
    ensure!(wrong.is_empty(), "{wrong}");
    Ok(())
}

harness::tests! {
    captures_are_what_the_steps_do needs [Sandbox];
    experiments_tell_what_their_captures_tell needs [Wire];
    captures_show_what_the_lessons_expect needs [];
    pages_have_not_drifted needs [];
    comments_of_captures_have_not_drifted needs [];
    pictures_have_not_drifted_and_are_shown needs [];
    every_step_has_a_lesson_a_page_and_a_capture needs [];
    frames_in_prose_are_those_of_the_captures needs [];
}
