//! The pages of the steps as slides for a projector: one file, which takes nothing from anywhere else.
//!
//! What a page shows (code, traces, tables, pictures, lists) gets a slide each, with the first sentence of the paragraph
//! before it. The prose of its section is for the speaker, with the minutes and words of a class's plans.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, mem};

use anyhow::{Context, Result};
use course::learn::exercise::{self, Exercise};
use course::{checkout, steps};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// Sections that are for readers alone.
const PASSED_OVER: [&str; 1] = ["Not tested"];

/// The pages with the plans of a class.
const PLANS: [&str; 2] = ["docs/workshop.md", "docs/second-afternoon.md"];

/// A slide, in Markdown.
#[derive(Debug, Default, PartialEq, Eq)]
struct Slide {
    class: &'static str,
    title: String,
    lead: String,
    shown: String,
    /// What is said of each frame of a trace.
    said: String,
    notes: String,
}

/// Writes the slides, and gives their path.
///
/// # Errors
///
/// If a page or a picture cannot be read, or the file cannot be written.
pub fn write() -> Result<PathBuf> {
    let checkout = checkout::find()?;
    let exercises = exercise::all()?;
    let read = |name: &str| fs::read_to_string(checkout.join(name)).with_context(|| format!("cannot read {name}"));
    let plans = PLANS.map(read).into_iter().collect::<Result<Vec<_>>>()?;
    let mut made = String::new();
    let mut pages = vec!["README.md".to_owned()];
    pages.extend(steps::all()?.into_iter().map(|step| step.lesson.page));
    for page in &pages {
        let mut slides = slides(&read(page)?, |anchor| taught(page, anchor, &exercises, &plans))?;
        // Of the README it takes what comes before its first section.
        slides.truncate(if page == "README.md" { 2 } else { usize::MAX });
        let folder = checkout.join(page).with_file_name("");
        for slide in slides {
            made += &slide.to_html(&folder)?;
        }
    }
    let path = checkout.join("target/slides.html");
    fs::create_dir_all(checkout.join("target"))?;
    fs::write(&path, include_str!("../slides.html").replace("<!-- slides -->", &made))?;
    Ok(path)
}

/// The slides of a page. `taught` gives those of the exercises that a section teaches, by its anchor: they come first,
/// since the section has the answers.
fn slides(page: &str, taught: impl Fn(&str) -> Result<Vec<Slide>>) -> Result<Vec<Slide>> {
    let mut slides: Vec<Slide> = Vec::new();
    let (mut title, mut lead, mut notes, mut generated) = (String::new(), String::new(), String::new(), "");
    let (mut depth, mut start, mut passed_over) = (0, 0, false);
    for (event, range) in Parser::new_ext(page, Options::ENABLE_TABLES).into_offset_iter() {
        if let Event::Start(_) = event {
            start = if depth == 0 { range.start } else { start };
            depth += 1;
            continue;
        }
        let Event::End(end) = event else { continue };
        depth -= 1;
        if depth > 0 {
            continue;
        }
        let text = page[start..range.end].trim_end();
        let marker = text.lines().find_map(|line| line.strip_prefix("<!-- generated: "));
        let is_picture = text.starts_with("![");
        match end {
            TagEnd::Heading(level) => {
                close(&mut slides, &title, &mut lead, &mut notes);
                title = text.trim_start_matches(['#', ' ']).to_owned();
                passed_over = PASSED_OVER.contains(&&*title);
                let class = if level == HeadingLevel::H1 { "first" } else { "" };
                if level == HeadingLevel::H1 {
                    slides.push(Slide {
                        class,
                        title: title.clone(),
                        ..Slide::default()
                    });
                    slides.extend(taught("")?);
                }
                slides.extend(taught(&anchor(&title))?);
            }
            _ if passed_over => {}
            TagEnd::HtmlBlock => generated = marker.and_then(|rest| rest.split(' ').next()).unwrap_or_default(),
            TagEnd::List(_) if text.starts_with("- **Frame ") => {
                if let Some(slide) = slides.last_mut() {
                    slide.said = text.to_owned();
                }
            }
            TagEnd::Paragraph if !is_picture => match slides.first_mut() {
                // The minutes of a step.
                Some(first) if first.notes.is_empty() && text.starts_with('*') => first.notes = text.to_owned(),
                _ => {
                    lead = text.to_owned();
                    notes += &format!("{text}\n\n");
                }
            },
            _ => slides.push(Slide {
                class: if ["lanes", "frames", "wire"].contains(&generated) {
                    "trace"
                } else {
                    ""
                },
                title: title.clone(),
                lead: first_sentence(&mem::take(&mut lead)).to_owned(),
                shown: page[start..range.end].to_owned(),
                notes: mem::take(&mut notes),
                said: String::new(),
            }),
        }
    }
    close(&mut slides, &title, &mut lead, &mut notes);
    Ok(slides)
}

/// What is left of a section is said to its last slide, or, if it shows nothing, is its slide.
fn close(slides: &mut Vec<Slide>, title: &str, lead: &mut String, notes: &mut String) {
    let (lead, notes) = (mem::take(lead), mem::take(notes));
    match slides.last_mut() {
        _ if notes.is_empty() => {}
        Some(slide) if slide.title == title => slide.notes += &format!("\n\n{notes}"),
        _ => slides.push(Slide {
            title: title.to_owned(),
            lead: first_sentence(&lead).to_owned(),
            notes,
            ..Slide::default()
        }),
    }
}

fn first_sentence(text: &str) -> &str {
    let mut letters = text.char_indices().zip(text.chars().skip(1));
    let end = letters.find(|((_, letter), next)| ".:?!".contains(*letter) && next.is_whitespace());
    end.map_or(text, |((at, _), _)| &text[..=at])
}

/// A heading's anchor, as code hosts make it.
fn anchor(heading: &str) -> String {
    let heading = heading.to_lowercase().replace(' ', "-");
    heading
        .chars()
        .filter(|c| c.is_alphanumeric() || "-_".contains(*c))
        .collect()
}

/// A slide for each exercise that a section of a page teaches, with its task.
fn taught(page: &str, anchor: &str, exercises: &[Exercise], plans: &[String]) -> Result<Vec<Slide>> {
    let place = format!("{page}{}{anchor}", if anchor.is_empty() { "" } else { "#" });
    let here = exercises.iter().filter(|exercise| exercise.about.page == place);
    let slide = |exercise: &Exercise| {
        let (name, about) = (&exercise.name, &exercise.about);
        let page = exercise.page()?;
        let (_, task) = page.split_once('\n').unwrap_or_default();
        Ok(Slide {
            title: format!("Exercise {}: {}", about.order, about.title),
            shown: format!("{task}\n```\ncargo run --bin lab -- learn {name}\n```\n"),
            notes: format!("**{} minutes.**\n\n{}", about.minutes, said(name, plans)),
            ..Slide::default()
        })
    };
    here.map(slide).collect()
}

/// What the plans of a class say of an exercise.
fn said(name: &str, plans: &[String]) -> String {
    let (mut said, mut heading) = (String::new(), "");
    for line in plans.iter().flat_map(|plan| plan.lines()) {
        heading = line.strip_prefix("## ").unwrap_or(heading);
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Some(at) = cells.iter().position(|cell| cell.contains(&format!("`{name}`"))) else {
            continue;
        };
        // The table of all exercises has their titles next.
        if !line.starts_with('|') || cells.len() > 4 {
            continue;
        }
        let minutes = cells[..at]
            .last()
            .map(|minutes| format!(", {minutes}"))
            .unwrap_or_default();
        let _ = write!(said, "*{heading}{minutes}*"); // writing to a string cannot fail
        for (what, cell) in ["Say", "What goes wrong"]
            .iter()
            .zip(&cells[at + 1..])
            .filter(|(_, cell)| !cell.is_empty())
        {
            let _ = write!(said, " **{what}:** {cell}.");
        }
        said += "\n\n";
    }
    said
}

impl Slide {
    fn to_html(&self, folder: &Path) -> Result<String> {
        let mut made = format!(
            "<section class=\"{}\">\n<h1>{}</h1>\n",
            self.class,
            inline(&self.title, folder)?
        );
        for (name, text) in [("lead", &self.lead), ("shown", &self.shown), ("said", &self.said)] {
            if !text.is_empty() {
                made += &format!(
                    "<div class=\"{name} {}\">{}</div>\n",
                    self.class,
                    rendered(text, folder)?
                );
            }
        }
        Ok(made + &format!("<aside>{}</aside>\n</section>\n", rendered(&self.notes, folder)?))
    }
}

fn inline(text: &str, folder: &Path) -> Result<String> {
    Ok(rendered(text, folder)?.replace("<p>", "").replace("</p>\n", ""))
}

/// Markdown as HTML, with its pictures in it and without its links, which lead nowhere from a projector.
fn rendered(text: &str, folder: &Path) -> Result<String> {
    let (mut events, mut picture) = (Vec::new(), None);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link) => {}
            Event::Start(Tag::Image { dest_url, .. }) => picture = Some((folder.join(&*dest_url), String::new())),
            Event::End(TagEnd::Image) => {
                let (path, told) = picture.take().context("an image ends that did not begin")?;
                let drawn = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                let safe = [
                    ("%", "%25"),
                    ("#", "%23"),
                    ("\"", "%22"),
                    ("\n", "%0A"),
                    ("&", "%26"),
                    ("<", "%3C"),
                ];
                let drawn = safe.iter().fold(drawn, |drawn, (from, to)| drawn.replace(from, to));
                let told = told.replace('&', "&amp;").replace('"', "&quot;");
                let image = format!("<img alt=\"{told}\" src=\"data:image/svg+xml,{drawn}\">");
                events.push(Event::InlineHtml(image.into()));
            }
            event => match (&mut picture, event) {
                (Some((_, told)), Event::Text(words) | Event::Code(words)) => *told += &words,
                (Some((_, told)), _) => told.push(' '),
                (None, event) => events.push(event),
            },
        }
    }
    let mut made = String::new();
    html::push_html(&mut made, events.into_iter());
    Ok(made)
}

#[cfg(test)]
#[path = "../tests/unit/slides.rs"]
mod tests;
