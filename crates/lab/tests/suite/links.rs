//! Links between the pages lead somewhere, and the table of contents names every page.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lab::{checkout, pages};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

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

harness::tests! {
    every_link_leads_somewhere needs [];
    a_link_to_nothing_is_found needs [];
    the_table_of_contents_names_every_page needs [];
}
