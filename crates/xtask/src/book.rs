//! The pages as a book, by [mdBook](https://rust-lang.github.io/mdBook/): `docs/book.toml` names two commands of
//! this program. The first gets every chapter before it is drawn, and points its links at what the book holds. The
//! second puts beside the chapters what they link to and mdBook does not draw: captures and sources, and of each
//! capture a page to touch, to which the sentences on its frames lead.
//!
//! The Markdown in `docs` stays what a code host shows.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use harness::format::html;
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::{Value, json};

use course::checkout;

/// Pages that stand outside `docs`, each with its name in the table of contents and its place in the book.
const OUTSIDE: [(&str, &str, &str); 2] = [
    ("README.md", "TCP, one step at a time", "index.md"),
    ("captures/README.md", "The captures", "captures/index.md"),
];

/// The folder of the pages to touch, in the book.
const TOUCH: &str = "touch";

/// The folder that mdBook writes, from the checkout's.
const BOOK: &str = "target/book/html";

/// What to tell who runs by hand what mdBook runs.
const BY_ITSELF: &str = "mdBook runs this by itself: try `cargo xtask book`";

/// Make a book of the pages, with mdBook: target/book/html/index.html
#[derive(Args, Debug)]
pub struct Arguments {
    /// What mdBook asks for, as docs/book.toml tells it
    #[command(subcommand)]
    part: Option<MdBookRequest>,
}

/// What mdBook runs while it makes the book.
#[derive(Subcommand, Debug)]
enum MdBookRequest {
    /// Point the links of the chapters on standard input at what the book holds
    #[command(hide = true)]
    Chapters {
        /// mdBook asks with "supports html" whether this is for a renderer
        asked: Vec<String>,
    },
    /// Put beside the chapters what they link to
    #[command(hide = true)]
    Files,
}

impl Arguments {
    /// Does it. False to mdBook for a renderer that this is not for.
    ///
    /// # Errors
    ///
    /// If mdBook fails, or what it sent is not understood.
    pub fn run(&self) -> Result<bool> {
        match &self.part {
            None => writeln!(io::stdout(), "the book is at {}", build()?.display())?,
            Some(MdBookRequest::Files) => add_files(io::stdin().lock())?,
            // The answer to "supports RENDERER" is the exit status. The one after mdBook's own reads no chapters.
            Some(MdBookRequest::Chapters { asked }) => match &asked[..] {
                [] => preprocess(io::stdin().lock(), io::stdout().lock())?,
                [.., renderer] => return Ok(renderer == "html"),
            },
        }
        Ok(true)
    }
}

/// Lets mdBook make the book, and gives the path of its first page.
///
/// # Errors
///
/// If mdBook is not installed, with how it is; if it fails, and it has said why.
pub fn build() -> Result<PathBuf> {
    let checkout = checkout::find()?;
    let status = Command::new("mdbook")
        .arg("build")
        .arg("docs")
        .current_dir(&checkout)
        .status();
    let status = match status {
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
            "the book is made by mdBook, and there is no program `mdbook` in your PATH. Install it with: \
             cargo install mdbook --locked --version {}. The pages read well without it, in docs",
            version(&checkout)?
        ),
        status => status.context("cannot run mdbook")?,
    };
    ensure!(status.success(), "mdbook could not make the book; it has said why");
    Ok(checkout.join(BOOK).join("index.html"))
}

/// The version of mdBook that the book is tried with: `docs/book.toml` says it.
fn version(checkout: &Path) -> Result<String> {
    let path = checkout.join("docs/book.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let version = text.lines().find_map(|line| line.strip_prefix("# mdBook "));
    Ok(version
        .with_context(|| format!("{} does not say \"# mdBook VERSION\"", path.display()))?
        .to_owned())
}

/// The preprocessor: reads what mdBook says of the book, and writes the book with its links made right.
///
/// # Errors
///
/// If mdBook says something else, or a page cannot be read.
pub fn preprocess(input: impl Read, output: impl Write) -> Result<()> {
    let (_, mut book): (Value, Value) = serde_json::from_reader(input).context(BY_ITSELF)?;
    let chapters = book.get_mut("items").and_then(Value::as_array_mut);
    let chapters = chapters.context("this mdBook describes a book in another way than ours does")?;
    let checkout = checkout::find()?;
    let captures = captures(&checkout)?;
    chapters.iter_mut().for_each(|chapter| prepare(chapter, &captures));
    for (at, (page, name, place)) in OUTSIDE.into_iter().enumerate() {
        let path = checkout.join(page);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let chapter = json!({
            "name": name, "content": relinked(&touchable(&text, &captures), Path::new(page), Path::new(place)), "number": null, "sub_items": [],
            "path": place, "source_path": null, "parent_names": [],
        });
        let at = if at == 0 { 0 } else { chapters.len() };
        chapters.insert(at, json!({ "Chapter": chapter }));
    }
    Ok(serde_json::to_writer(output, &book)?)
}

/// Points the links of a chapter, and of those below it, at what the book holds.
fn prepare(item: &mut Value, captures: &[String]) {
    let Some(chapter) = item.get_mut("Chapter") else { return };
    let place = chapter.get("path").and_then(Value::as_str).map(PathBuf::from);
    if let Some(place) = place
        && let Some(content) = chapter.get("content").and_then(Value::as_str)
    {
        let touched = touchable(content, captures);
        chapter["content"] = relinked(&touched, &Path::new("docs").join(&place), &place).into();
    }
    if let Some(below) = chapter.get_mut("sub_items").and_then(Value::as_array_mut) {
        below.iter_mut().for_each(|chapter| prepare(chapter, captures));
    }
}

/// A page's text in which each picture of a capture, and each sentence on one of its frames, leads to the page to
/// touch.
fn touchable(text: &str, captures: &[String]) -> String {
    let mut made = String::new();
    let mut capture = None;
    for line in text.split_inclusive('\n') {
        if let Some(what) = line.strip_prefix("<!-- generated: ") {
            let mut words = what.split_whitespace();
            capture = words.next().filter(|kind| *kind == "frames").and(words.next());
        }
        let told = line.strip_prefix("- **Frame ").and_then(|rest| rest.split_once("**"));
        match capture.zip(told) {
            Some((capture, (number, rest))) => {
                made += &format!("- [**Frame {number}**]({TOUCH}/{capture}.html#frame={number}){rest}");
            }
            None => made += line,
        }
        if let Some(page) = pictured(line, captures) {
            made += &format!("\n[Go through it event by event, and open each byte]({page}).\n");
        }
    }
    made
}

/// The page to touch of what the picture at the end of a line shows. An image may have a text of several lines.
fn pictured(line: &str, captures: &[String]) -> Option<String> {
    let (_, target) = line.trim_end().strip_suffix(".svg)")?.rsplit_once("](")?;
    let name = Path::new(target).file_name()?.to_str()?;
    let (capture, place) = match name {
        // The stall is a part of step 1.
        "stall" => ("step1-two-writes", "#frame=20"),
        whole => (whole, ""),
    };
    let known = captures.iter().any(|known| known == capture);
    known.then(|| format!("{TOUCH}/{capture}.html{place}"))
}

/// The names of the committed captures.
fn captures(checkout: &Path) -> Result<Vec<String>> {
    let names = checkout::names_in(&checkout.join("captures"))?;
    let captures = names.iter().filter_map(|name| name.strip_suffix(".pcapng"));
    Ok(captures.map(str::to_owned).collect())
}

/// A page's text with links that lead to where the book keeps what they mean. `page` is its path in the checkout,
/// `place` its path in the book.
fn relinked(text: &str, page: &Path, place: &Path) -> String {
    let mut made = String::new();
    let mut done = 0;
    for (range, link) in links(text) {
        made += &text[done..range.start];
        made += &in_book(&link, page, place).unwrap_or(link);
        done = range.end;
    }
    made + &text[done..]
}

/// Where each link of a page stands in its text, and where it leads to.
fn links(text: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                // An image within a link comes after it, and stands before the link's own target.
                if let Some(at) = text[range.clone()].rfind(&format!("]({dest_url}")) {
                    let start = range.start + at + 2;
                    found.push((start..start + dest_url.len(), dest_url.to_string()));
                }
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                for attribute in ["src=\"", "srcset=\"", "href=\""] {
                    for (at, _) in html.match_indices(attribute) {
                        let start = at + attribute.len();
                        let length = html[start..].find('"').unwrap_or(0);
                        let target = html[start..start + length].to_owned();
                        found.push((range.start + start..range.start + start + length, target));
                    }
                }
            }
            _ => {}
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    found
}

/// A link as the book needs it; nothing if it stays as it is.
fn in_book(link: &str, page: &Path, place: &Path) -> Option<String> {
    if link.contains("://") || link.starts_with('#') || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link
        .split_once('#')
        .map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = match file.strip_prefix(TOUCH).is_some_and(|rest| rest.starts_with('/')) {
        true => PathBuf::from(file),
        false => place_of(&plain(&page.parent()?.join(file))?),
    };
    let relative = from(place.parent()?, &target);
    Some(match anchor {
        Some(anchor) => format!("{relative}#{anchor}"),
        None => relative,
    })
}

/// Where the book keeps a file of the checkout.
fn place_of(path: &Path) -> PathBuf {
    if let Some((_, _, place)) = OUTSIDE.iter().find(|(page, _, _)| Path::new(page) == path) {
        return place.into();
    }
    if let Ok(within) = path.strip_prefix("docs") {
        return within.to_owned();
    }
    if path.starts_with("captures") {
        return path.to_owned();
    }
    // A browser shows text by this ending, and asks where to save it by others.
    let mut name = path.as_os_str().to_owned();
    name.push(".txt");
    name.into()
}

/// A path without `..`; nothing if it leads out of the checkout.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir if plain.pop() => {}
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(plain)
}

/// The way from a folder to a file, both of the book.
fn from(folder: &Path, file: &Path) -> String {
    let shared = folder
        .components()
        .zip(file.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = folder.components().skip(shared).map(|_| "..");
    let down = file
        .components()
        .skip(shared)
        .map(|part| part.as_os_str().to_str().unwrap_or_default());
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// The renderer that comes after mdBook's own: puts beside the chapters what they link to. It reads what mdBook says
/// of the book, of which it takes the place.
///
/// # Errors
///
/// If mdBook says something else, or a file cannot be read or written.
pub fn add_files(input: impl Read) -> Result<()> {
    let told: Value = serde_json::from_reader(input).context(BY_ITSELF)?;
    let ours = told.get("destination").and_then(Value::as_str).map(Path::new);
    let book = ours
        .and_then(Path::parent)
        .context("mdBook does not say where the book is")?
        .join("html");
    let checkout = checkout::find()?;
    for page in crate::pages::all()? {
        let path = page.path.strip_prefix(&checkout).unwrap_or(&page.path).to_owned();
        for (_, link) in links(&page.text) {
            let file = link.split('#').next().unwrap_or_default();
            let within = path.parent().and_then(|folder| plain(&folder.join(file)));
            let Some(within) = within.filter(|path| !path.starts_with("docs") && checkout.join(path).is_file()) else {
                continue;
            };
            if within.extension().is_none_or(|extension| extension != "md") {
                copy(&checkout.join(&within), &book.join(place_of(&within)))?;
            }
        }
    }
    for capture in captures(&checkout)? {
        let page = book.join(TOUCH).join(&capture).with_extension("html");
        let file = checkout.join("captures").join(format!("{capture}.pcapng"));
        touch_page(&file, &capture, &page).with_context(|| format!("cannot write {}", page.display()))?;
    }
    Ok(())
}

fn touch_page(capture: &Path, title: &str, page: &Path) -> Result<()> {
    let timeline = course::capture::read(capture)?;
    page.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    let mut file = BufWriter::new(File::create(page)?);
    html::write(&timeline, title, &mut file)?;
    Ok(file.flush()?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = to
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::copy(from, to));
    copied.with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

#[cfg(test)]
#[path = "../tests/unit/book.rs"]
mod tests;
