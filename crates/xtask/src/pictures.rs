//! The pictures of the pages, drawn from the committed captures.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Context, Result};
use harness::format::svg::{Picture, Theme, side_by_side};
use harness::scene::Scene;
use harness::timeline::{Connection, EventId, FrameNumber, Timeline};

use course::experiments::Experiment;
use course::{capture, checkout, experiments, steps};

/// A picture as it should be: where it belongs, and the file's text.
type Drawn = (PathBuf, String);

/// All pictures: one of each step, the stall, the steps side by side behind a wire, and the experiments.
///
/// # Errors
///
/// If there is no checkout, or a capture cannot be read.
pub fn all() -> Result<Vec<Drawn>> {
    let mut drawn = Vec::new();
    for step in steps::all()? {
        drawn.push(one(&step.slug, &capture::read(&step.capture())?)?);
    }
    drawn.push(stall()?);
    drawn.push(beside()?);
    for Experiment { name, .. } in experiments::ALL.iter().filter(|experiment| experiment.drawn) {
        drawn.push(one(name, &committed(name)?)?);
    }
    Ok(drawn)
}

fn one(name: &str, timeline: &Timeline) -> Result<Drawn> {
    let title = format!("{name}: what client, wire and server do");
    picture(name, Picture::titled(title).draw(&Scene::of(timeline)))
}

fn picture(name: &str, text: String) -> Result<Drawn> {
    let folder = checkout::find()?.join("docs/images");
    Ok((folder.join(name).with_extension("svg"), text))
}

fn committed(name: &str) -> Result<Timeline> {
    capture::read(&experiments::capture_of(name)?)
}

/// The exchange of step 1 in which a segment is held back.
fn stall() -> Result<Drawn> {
    let timeline = committed("step1-two-writes")?;
    let frames = stalled(timeline.only()).context("no segment of step 1 is held back")?;
    let picture_of = Picture::titled("The stall of step 1: the newline waits for an ACK that its receiver puts off");
    picture("stall", picture_of.draw(&Scene::of(&timeline).frames(&frames)))
}

/// The frames of the first exchange in which a segment was held back.
fn stalled(connection: Connection<'_>) -> Option<RangeInclusive<FrameNumber>> {
    let (held, _) = connection.held_segments().next()?;
    let exchange = connection
        .exchanges()
        .into_iter()
        .find(|exchange| exchange.packets.contains(&held))?;
    let frame = |packet: Option<&EventId>| connection.timeline().frame(*packet?);
    Some(frame(exchange.packets.first())?..=frame(exchange.packets.last())?)
}

/// The steps behind a wire of 25 ms, where a true axis shows each packet.
fn beside() -> Result<Drawn> {
    let scene = |step: &steps::Step| {
        let timeline = committed(&format!("wire-25ms-{}", step.binary()))?;
        Ok((format!("step {}", step.lesson.order), Scene::of(&timeline)))
    };
    let behind_wire = |step: &&steps::Step| experiments::find(&format!("wire-25ms-{}", step.binary())).is_some();
    let scenes = steps::all()?
        .iter()
        .filter(behind_wire)
        .map(scene)
        .collect::<Result<Vec<_>>>()?;
    let title = "The steps side by side, with 25 ms each way between the hosts";
    picture("steps-side-by-side", side_by_side(title, &scenes, Theme::Auto))
}
