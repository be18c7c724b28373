//! Tests of `src/format/html/mod.rs`, which see what is private there.

use super::*;
use crate::format::pcapng;

fn step1() -> Timeline {
    let file = std::fs::File::open("../../captures/step1-two-writes.pcapng").unwrap();
    pcapng::read(file).unwrap().into_timeline()
}

fn page(title: &str) -> String {
    let mut page = Vec::new();
    write(&step1(), title, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

#[test]
fn a_page_is_one_file_without_an_address_to_load_from() {
    let page = page("step1");
    for part in ["src=", "href=\"http", "url(http", "@import", "fetch(\"http", "import("] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("default-src 'none'"), "{}", &page[..600]);
    assert!(!page.contains("connect-src"));
    // Nothing is left to be filled in: braces stand in the style and the script alone.
    let places: Vec<&str> = PAGE
        .split('{')
        .skip(1)
        .filter_map(|place| place.split('}').next())
        .collect();
    assert_eq!(places, ["policy", "title", "style", "title", "data", "script"]);
    let (head, _) = page.split_once("<style>").unwrap();
    assert!(!head.contains(['{', '}']), "{head}");
}

#[test]
fn a_live_page_may_ask_where_it_came_from_and_nowhere_else() {
    let page = live("step1");
    assert!(page.contains("connect-src 'self';"), "{}", &page[..600]);
    assert!(page.contains(">null</script>"));
}

/// What a page takes without its data, and with that of a step.
#[test]
fn a_page_of_a_step_is_small() {
    assert!(SCRIPT.len() + STYLE.len() + PAGE.len() < 100_000);
    let length = page("step1").len();
    assert!(length < 300_000, "{length}");
}

#[test]
fn a_hash_is_what_browsers_work_out() {
    // RFC 6234's test vector, "abc", in Base64.
    assert_eq!(hash("abc"), "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

#[test]
fn a_title_cannot_break_out() {
    let page = page("</title><script>alert(1)</script>\u{202e}{data}");
    assert_eq!(page.matches("<script").count(), 2, "the data and the page's own");
    assert!(page.contains("&lt;/title&gt;"));
    assert!(!page.contains('\u{202e}'));
    assert!(page.contains("{data}"), "what is put in is not looked through");
}
