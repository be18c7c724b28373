//! Tests of `src/book.rs`, which see what is private there.

use super::*;

fn in_step1(link: &str) -> Option<String> {
    in_book(link, Path::new("docs/step1.md"), Path::new("step1.md"))
}

#[test]
fn a_link_leads_to_where_the_book_keeps_the_file() {
    assert_eq!(in_step1("words.md#ack").unwrap(), "words.md#ack");
    assert_eq!(in_step1("../README.md#two-commands").unwrap(), "index.md#two-commands");
    assert_eq!(in_step1("../captures/a.pcapng").unwrap(), "captures/a.pcapng");
    assert_eq!(in_step1("../crates/a/src/main.rs").unwrap(), "crates/a/src/main.rs.txt");
    assert_eq!(in_step1("../LICENSE").unwrap(), "LICENSE.txt");
    let in_captures = |link| in_book(link, Path::new("captures/README.md"), Path::new("captures/index.md")).unwrap();
    assert_eq!(in_captures("../docs/words.md#ack"), "../words.md#ack");
    assert_eq!(in_captures("../README.md"), "../index.md");
    assert_eq!(in_captures("a.pcapng"), "a.pcapng");
}

#[test]
fn what_leads_out_of_the_checkout_stays_as_it_is() {
    for link in [
        "https://example.org/a.md",
        "#here",
        "mailto:a@example.org",
        "../../outside",
    ] {
        assert_eq!(in_step1(link), None, "{link}");
    }
}

#[test]
fn links_are_found_in_text_tables_images_and_html_and_not_in_code() {
    let text = "[a](../x.rs) `[b](../y.rs)`\n\n| [c](../z.rs) |\n|---|\n\n[![d](../d.svg)](../e.rs)\n\n    [f](../f.rs)\n\n\
                <img src=\"../g.svg\" alt=\"g\">\n";
    let found: Vec<String> = links(text)
        .into_iter()
        .map(|(range, link)| {
            assert_eq!(text[range], link);
            link
        })
        .collect();
    assert_eq!(found, ["../x.rs", "../z.rs", "../d.svg", "../e.rs", "../g.svg"]);
}

#[test]
fn pictures_and_sentences_on_frames_lead_to_the_page_to_touch() {
    let captures = ["step1-two-writes", "wire-lost-segment"].map(String::from);
    let text = "![two\nlines](docs/images/stall.svg)\n![a window](images/wireshark-step1.png)\n\
                - **Frame 1**: of nothing.\n\
                <!-- generated: frames wire-lost-segment 4-9 -->\n- **Frame 4**: lost.\n<!-- end -->\n";
    let made = touchable(text, &captures);
    let page = "(touch/step1-two-writes.html#frame=20)";
    assert!(made.contains(page), "{made}");
    assert!(
        made.contains("- [**Frame 4**](touch/wire-lost-segment.html#frame=4): lost."),
        "{made}"
    );
    assert!(made.contains("- **Frame 1**: of nothing."), "{made}");
    assert_eq!(made.matches("touch/").count(), 2, "{made}");
    assert!(touchable(text, &[]).contains("stall.svg)\n![a window]"));
    // It is a place of the book, not of the folder of the page.
    let captured = |link| in_book(link, Path::new("captures/README.md"), Path::new("captures/index.md"));
    assert_eq!(captured("touch/a.html#frame=4").unwrap(), "../touch/a.html#frame=4");
}

#[test]
fn only_links_change() {
    let text = "See [it](../crates/a.rs), `../crates/a.rs`, and [it](../crates/a.rs) again.";
    let made = relinked(text, Path::new("docs/p.md"), Path::new("p.md"));
    assert_eq!(
        made,
        "See [it](crates/a.rs.txt), `../crates/a.rs`, and [it](crates/a.rs.txt) again."
    );
}
