//! Links between the pages lead somewhere, and the table of contents names every page.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use course::checkout;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, TextMergeStream};
use xtask::pages;

fn checkout() -> PathBuf {
    checkout::find().expect("a test stands in a checkout")
}

/// What a page links to, and the anchors of its headings.
fn links_and_anchors(text: &str) -> (Vec<String>, HashSet<String>) {
    let (mut links, mut anchors, mut heading) = (Vec::new(), HashSet::new(), None);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => links.push(dest_url.to_string()),
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take().map(|heading| anchor(&heading))),
            // A place that is no heading, as a row of a table.
            Event::InlineHtml(html) => {
                let id = html.strip_prefix("<a id=\"").and_then(|rest| rest.strip_suffix("\">"));
                anchors.extend(id.map(str::to_owned));
            }
            _ => {}
        }
    }
    (links, anchors)
}

/// A heading's anchor, as code hosts and mdBook make it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    kept.trim().replace(' ', "-")
}

fn broken(from: &Path, text: &str) -> Vec<String> {
    let folder = from.parent().expect("a page stands in a folder");
    let checkout = checkout().canonicalize().expect("the checkout is there");
    let leads_nowhere = |link: &String| {
        if link.starts_with("https://") || link.starts_with("http://") {
            return false; // outside; a test must not depend on somebody's server
        }
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = if file.is_empty() {
            from.to_owned()
        } else {
            folder.join(file)
        };
        let Ok(found) = target.canonicalize() else { return true };
        let has_anchor =
            || std::fs::read_to_string(&found).is_ok_and(|page| links_and_anchors(&page).1.contains(anchor));
        !found.starts_with(&checkout) || !(anchor.is_empty() || has_anchor())
    };
    links_and_anchors(text).0.into_iter().filter(leads_nowhere).collect()
}

fn every_link_leads_somewhere() -> Result<()> {
    for page in pages::all()? {
        let broken = broken(&page.path, &page.text);
        assert!(
            broken.is_empty(),
            "{} links to what is not there: {broken:?}",
            page.path.display()
        );
    }
    Ok(())
}

fn a_link_to_nothing_is_found() -> Result<()> {
    let page = checkout().join("README.md");
    let text = "[a](docs/none.md) [b](#no-such-heading) [c](README.md) [d](../outside)";
    assert_eq!(broken(&page, text), ["docs/none.md", "#no-such-heading", "../outside"]);
    Ok(())
}

fn the_table_of_contents_names_every_page() -> Result<()> {
    let docs = checkout().join("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md"))?;
    let (links, _) = links_and_anchors(&summary);
    for page in pages::all()? {
        let Ok(name) = page.path.strip_prefix(&docs) else {
            continue;
        };
        let name = name.to_str().context("no text")?;
        assert!(
            name == "SUMMARY.md" || links.iter().any(|link| link == name),
            "SUMMARY.md does not name {name}"
        );
    }
    Ok(())
}

/// A word of docs/words.md that a page uses before it has linked it: of a page without its generated parts, code and
/// headings.
fn unlinked(text: &str, words: &[String]) -> Vec<String> {
    let (mut open, mut link, mut seen) = (words.to_vec(), None, Vec::new());
    let mut passed_over = 0;
    // A line that ends is a space.
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::SoftBreak => Event::Text(" ".into()),
        event => event,
    });
    for event in TextMergeStream::new(events) {
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::Heading { .. }) => passed_over += 1,
            Event::End(TagEnd::CodeBlock | TagEnd::Heading(_)) => passed_over -= 1,
            Event::Start(Tag::Link { dest_url, .. }) => link = Some(dest_url),
            Event::End(TagEnd::Link) => link = None,
            Event::Text(text) if passed_over == 0 => {
                let linked = link.as_ref().is_some_and(|link| link.contains("words.md"));
                open.retain(|word| {
                    let used = uses(&text, word);
                    if used && !linked {
                        seen.push(word.clone());
                    }
                    !used
                });
            }
            _ => {}
        }
    }
    seen
}

/// True if a text has this word, or its plural. A word with capitals is written so.
fn uses(text: &str, word: &str) -> bool {
    let written = word.starts_with(char::is_uppercase);
    let text = if written { text.to_owned() } else { text.to_lowercase() };
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let after = text[at + word.len()..].trim_start_matches('s');
        !text[..at].ends_with(inside) && !after.starts_with(inside)
    })
}

/// A page without what is generated, which has no links.
fn by_hand(text: &str) -> String {
    let mut generated = false;
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        generated |= line.starts_with("<!-- generated: ");
        if !generated {
            kept += line;
        }
        generated &= !line.starts_with("<!-- end");
    }
    kept
}

/// The words that docs/words.md explains, each under a heading of its own.
fn words() -> Result<Vec<String>> {
    let page = std::fs::read_to_string(checkout().join("docs/words.md"))?;
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    let words: Vec<String> = headings
        .map(|word| word.trim_end_matches("'s algorithm").to_owned())
        .collect();
    anyhow::ensure!(words.len() > 20, "docs/words.md explains only {words:?}");
    Ok(words)
}

/// A reader meets no word of the field that is neither explained nor linked.
fn a_page_links_each_word_where_it_first_uses_it() -> Result<()> {
    let words = words()?;
    let mut wrong = String::new();
    for page in pages::all()? {
        if page.path.ends_with("words.md") || page.path.ends_with("SUMMARY.md") {
            continue;
        }
        let unlinked = unlinked(&by_hand(&page.text), &words);
        if !unlinked.is_empty() {
            wrong += &format!(
                "{} uses words of docs/words.md before it has linked them: {unlinked:?}\n",
                page.path.display()
            );
        }
    }
    anyhow::ensure!(wrong.is_empty(), "{wrong}");
    Ok(())
}

/// A page of the course is read in one sitting. What is longer is for those who look something up, and has a page of its
/// own.
fn a_page_of_the_course_has_at_most_two_thousand_words() -> Result<()> {
    const MOST: usize = 2000;
    /// Pages to look things up in.
    const REFERENCES: [&str; 1] = ["findings.md"];
    let mut long = String::new();
    for page in pages::all()? {
        // Comments are for those who write the page.
        let text = by_hand(&page.text);
        let seen = text
            .split("<!--")
            .map(|part| part.split_once("-->").map_or(part, |(_, seen)| seen));
        let words: usize = seen.map(|part| part.split_whitespace().count()).sum();
        if words > MOST && !REFERENCES.iter().any(|name| page.path.ends_with(name)) {
            long += &format!("{} has {words} words\n", page.path.display());
        }
    }
    anyhow::ensure!(long.is_empty(), "more than {MOST}:\n{long}");
    Ok(())
}

/// Paragraphs are wrapped, so that a change of a word shows as a change of a few lines.
fn a_line_of_a_paragraph_has_at_most_120_columns() -> Result<()> {
    const MOST: usize = 120;
    let mut long = String::new();
    for page in pages::all()? {
        let (mut fenced, mut comment) = (false, false);
        for line in by_hand(&page.text).lines() {
            fenced ^= line.starts_with("```");
            comment |= line.starts_with("<!--");
            let is_code = fenced || line.starts_with("    ") || line.trim_start().starts_with('|');
            // A link is as long as it is.
            if line.chars().count() > MOST && line.contains(' ') && !is_code && !comment {
                long += &format!("{}: {line}\n", page.path.display());
            }
            comment &= !line.ends_with("-->");
        }
    }
    anyhow::ensure!(long.is_empty(), "more than {MOST}:\n{long}");
    Ok(())
}

fn a_word_without_a_link_is_found() -> Result<()> {
    let words = ["ACK", "delayed ACK", "socket", "CLOSE_WAIT"].map(String::from);
    let found = |text| unlinked(&by_hand(text), &words);
    assert_eq!(found("Sockets in CLOSE_WAIT."), ["socket", "CLOSE_WAIT"]);
    assert_eq!(
        found("# An ACK\n\n    socket\n\nThe `socket` of WebSockets, PACK."),
        [""; 0]
    );
    assert_eq!(found("<!-- generated: x -->\nACK\n<!-- end -->\n"), [""; 0]);
    assert_eq!(found("A [delayed ACK](words.md#delayed-ack) is an ACK."), [""; 0]);
    assert_eq!(found("A [socket](elsewhere.md)"), ["socket"]);
    Ok(())
}

harness::tests! {
    a_page_links_each_word_where_it_first_uses_it needs [];
    a_word_without_a_link_is_found needs [];
    a_line_of_a_paragraph_has_at_most_120_columns needs [];
    a_page_of_the_course_has_at_most_two_thousand_words needs [];
    every_link_leads_somewhere needs [];
    a_link_to_nothing_is_found needs [];
    the_table_of_contents_names_every_page needs [];
}
