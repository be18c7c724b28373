//! The pages of the steps as slides for a projector: one file, which takes nothing from anywhere else.
//!
//! Here the pages become HTML, with their pictures in it. `slides.html` makes slides of them: its script says how.

use std::path::{Path, PathBuf};
use std::{fs, mem};

use anyhow::{Context, Result};
use course::learn::exercise;
use course::{checkout, steps};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

/// The pages with the plans of a class.
const PLANS: [&str; 2] = ["docs/workshop.md", "docs/second-afternoon.md"];

/// Writes the slides, and gives their path.
///
/// # Errors
///
/// If a page or a picture cannot be read, or the file cannot be written.
pub fn write() -> Result<PathBuf> {
    let checkout = checkout::find()?;
    let steps = steps::all()?.into_iter().map(|step| step.lesson.page);
    let pages = ["README.md".to_owned()]
        .into_iter()
        .chain(steps)
        .map(|page| ("page", page));
    let plans = PLANS.into_iter().map(|page| ("plan", page.to_owned()));
    let mut made = String::new();
    for (class, page) in pages.chain(plans) {
        let path = checkout.join(&page);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {page}"))?;
        let shown = rendered(&text, &path.with_file_name(""))?;
        made += &format!("<article class=\"{class}\" data-page=\"{page}\" hidden>\n{shown}</article>\n");
    }
    for exercise in exercise::all()? {
        let (name, about) = (&exercise.name, &exercise.about);
        let page = exercise.page()?;
        let (_, task) = page.split_once('\n').unwrap_or_default();
        let command = format!("```\ncargo run --bin lab -- learn {name}\n```\n");
        let text = format!("# Exercise {}: {}\n{task}\n{command}", about.order, about.title);
        let said = format!(
            "data-name=\"{name}\" data-minutes=\"{}\" data-page=\"{}\"",
            about.minutes, about.page
        );
        let shown = rendered(&text, &checkout)?;
        made += &format!("<article class=\"exercise\" {said} hidden>\n{shown}</article>\n");
    }
    let path = checkout.join("target/slides.html");
    fs::create_dir_all(checkout.join("target"))?;
    fs::write(&path, include_str!("../slides.html").replace("<!-- pages -->", &made))?;
    Ok(path)
}

/// Markdown as HTML, with its pictures in it and without its links, which lead nowhere from a projector.
fn rendered(text: &str, folder: &Path) -> Result<String> {
    let (mut events, mut picture, mut told) = (Vec::new(), None, String::new());
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link) => {}
            Event::Start(Tag::Image { dest_url, .. }) => picture = Some(folder.join(&*dest_url)),
            Event::End(TagEnd::Image) => {
                let path = picture.take().context("an image ends that did not begin")?;
                let drawn = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                let safe = |text: String, sign: char| text.replace(sign, &format!("%{:02X}", u32::from(sign)));
                let drawn = ['%', '#', '"', '\n', '&', '<'].into_iter().fold(drawn, safe);
                let told = mem::take(&mut told).replace('&', "&amp;").replace('"', "&quot;");
                let image = format!("<img alt=\"{told}\" src=\"data:image/svg+xml,{drawn}\">");
                events.push(Event::InlineHtml(image.into()));
            }
            Event::Text(words) | Event::Code(words) if picture.is_some() => told += &words,
            _ if picture.is_some() => told.push(' '),
            event => events.push(event),
        }
    }
    let mut made = String::new();
    html::push_html(&mut made, events.into_iter());
    Ok(made)
}

#[cfg(test)]
#[path = "../tests/unit/slides.rs"]
mod tests;
