//! No format lets anything through that does more than be read, whatever was recorded.

use proptest::prelude::*;
use pulldown_cmark::{Event as Markup, Options, Parser, Tag};
use serde_json::Value;

use timeline::format::svg::{Picture, Theme, side_by_side};
use timeline::format::{html, json, markdown, pcapng, text};
use timeline::scene::Scene;
use timeline::width::columns;
use timeline::{FrameNumber, Timeline};

use crate::samples::is_plain;
use crate::{arbitrary, encoder};

fn all_plain(format: &str, shown: &str) -> Result<(), TestCaseError> {
    let live = shown.chars().find(|c| *c != '\n' && !is_plain(*c));
    prop_assert!(live.is_none(), "{format}: {live:?} in {shown:?}");
    Ok(())
}

/// Tables of one shape, lists, and code: nothing that a text could have brought.
fn all_expected(page: &str) -> Result<(), TestCaseError> {
    const COLUMNS: usize = 8;
    let mut cells = 0;
    for markup in Parser::new_ext(page, Options::all()) {
        match markup {
            Markup::Start(Tag::TableHead | Tag::TableRow) => cells = 0,
            Markup::Start(Tag::TableCell) => cells += 1,
            Markup::Start(Tag::Table(_) | Tag::List(_) | Tag::Item | Tag::Paragraph | Tag::Strong) => {}
            Markup::Start(other) => prop_assert!(false, "{other:?} in:\n{page}"),
            Markup::End(pulldown_cmark::TagEnd::TableRow) => prop_assert_eq!(cells, COLUMNS, "{}", page),
            Markup::End(_) | Markup::Code(_) => {}
            // GitHub makes links of these.
            Markup::Text(text) => {
                let link = ["://", "www.", "@"].into_iter().find(|link| text.contains(link));
                prop_assert!(link.is_none(), "{link:?} in:\n{page}");
            }
            Markup::SoftBreak => {}
            other => prop_assert!(false, "{other:?} in:\n{page}"),
        }
    }
    // What it shows is on one line each.
    let rows = page.lines().filter(|line| !line.is_empty());
    for row in rows {
        prop_assert!(
            row.starts_with("| ") || row.starts_with("|-") || row.starts_with("- **Frame "),
            "{row:?} in:\n{page}"
        );
    }
    Ok(())
}

fn check(timeline: &Timeline) -> Result<(), TestCaseError> {
    let lanes = text::Lanes {
        output: true,
        ..text::Lanes::default()
    };
    let drawn = lanes.draw(timeline);
    all_plain("text", &drawn)?;
    for line in drawn.lines() {
        prop_assert!(columns(line) <= lanes.width, "{line}");
    }
    let page = markdown::frames(timeline, FrameNumber::range(1..=usize::MAX));
    all_plain("markdown", &page)?;
    all_expected(&page)?;
    let mut object = Vec::new();
    json::write(timeline, &mut object).unwrap();
    all_plain("json", std::str::from_utf8(&object).unwrap())?;
    prop_assert_eq!(crate::json::is_valid(timeline), Ok(()));
    let data = html::data(timeline, "a \u{1b}[31m\u{202e}</title><script>");
    all_plain("html", &data)?;
    // So it cannot end the element that it stands in.
    prop_assert!(!data.contains(['<', '>', '&']), "{}", data);
    prop_assert!(serde_json::from_str::<Value>(&data).is_ok(), "{}", data);
    for finding in timeline.findings() {
        all_plain("findings", &finding.to_string())?;
    }
    let picture = Picture::titled("<script>&\"\u{1}\u{202e}\u{ffff}");
    let scene = Scene::of(timeline);
    let beside = side_by_side(&picture.title, &[(picture.title.clone(), scene.clone())], Theme::Auto);
    for drawn in [picture.draw(&scene), beside] {
        all_plain("svg", &drawn)?;
        let document = roxmltree::Document::parse(&drawn);
        prop_assert!(document.is_ok(), "{document:?} in:\n{drawn}");
        prop_assert!(!drawn.contains("NaN") && !drawn.contains("inf\""), "{drawn}");
    }
    let mut file = Vec::new();
    pcapng::write(timeline, "a \u{1b}[31m\u{202e}server", &mut file).unwrap();
    for shown in encoder::shown_in(&file) {
        all_plain("pcapng", &shown)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_was_recorded_does_more_than_be_read(recording in arbitrary::recording()) {
        check(&recording.into_timeline())?;
    }
}
