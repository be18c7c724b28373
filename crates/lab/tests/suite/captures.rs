//! The committed captures and the pages say what the kernel does.

use anyhow::Result;
use harness::suite::{
    self,
    Needs::{Sandbox, Wire},
};
use lab::capture::{self, Seen};
use lab::experiments::{self, Told};
use lab::{checkout, pages, steps};

/// Delayed ACKs go by the clock, so a run in which a busy machine paused somebody for 40 ms shows
/// other packets. It proves nothing; another run does.
const ATTEMPTS: usize = 20;

/// Runs each step afresh: the kernel still does what the committed capture shows, and the same
/// calls caused its packets.
fn captures_are_what_the_steps_do() -> Result<()> {
    suite::at_once(steps::all()?, |step| {
        let binary = step.build()?;
        let committed = Seen::of(&capture::read(&step.capture())?);
        let mut fresh = capture::run(&binary)?;
        for _ in 1..ATTEMPTS {
            if Seen::of(&fresh) == committed {
                break;
            }
            fresh = capture::run(&binary)?;
        }
        assert_eq!(
            Seen::of(&fresh),
            committed,
            "{}: make it anew with `just capture`\n{fresh}",
            step.slug
        );
        Ok(())
    })
}

/// Runs each experiment afresh behind its wire, and reads what the committed capture tells. A run in which
/// the machine paused somebody for a delayed ACK tells something else, and proves nothing: one more may.
fn experiments_tell_what_their_captures_tell() -> Result<()> {
    const RUNS: usize = 5;
    suite::at_once(experiments::ALL, |experiment| {
        let committed = Told::of(&capture::read(&experiment.capture()?)?);
        let mut fresh = experiment.run()?;
        for _ in 1..RUNS {
            if Told::of(&fresh) == committed {
                break;
            }
            fresh = experiment.run()?;
        }
        assert_eq!(Told::of(&fresh), committed, "{}\n{fresh}", experiment.name);
        Ok(())
    })
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

/// There is a page and a capture for each step, under the step's own name.
fn every_step_has_a_page_and_a_capture() -> Result<()> {
    let steps = steps::all()?;
    assert!(!steps.is_empty());
    for step in steps {
        let page = checkout::find()?.join("docs").join(&step.slug).with_extension("md");
        assert!(page.is_file(), "{} is missing", page.display());
        assert!(step.capture().is_file(), "{} is missing", step.capture().display());
    }
    Ok(())
}

harness::tests! {
    captures_are_what_the_steps_do needs [Sandbox];
    experiments_tell_what_their_captures_tell needs [Wire];
    pages_have_not_drifted needs [];
    every_step_has_a_page_and_a_capture needs [];
}
