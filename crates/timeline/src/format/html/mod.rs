//! A timeline as a page to touch: one file that needs no network.
//!
//! The page draws the [scene](crate::scene) as it is and computes no facts. Beside it stand, for each event, what
//! is [in flight and unread](crate::facts::amounts), and for each frame its [fields](crate::dissect).

mod data;

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::format::markup::escaped;
use crate::timeline::Timeline;

pub use data::data;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes a timeline as a page.
///
/// # Errors
///
/// What `out` says.
pub fn write(timeline: &Timeline, title: &str, out: &mut impl Write) -> io::Result<()> {
    fill(title, "", &data(timeline, title), out)
}

/// A page that has nothing to show yet. It asks the server that it came from for [data](data()): server-sent events
/// at the address `events` beside its own, each with all there is by then, and one called `end` behind the last.
pub fn live(title: &str) -> String {
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = fill(title, "connect-src 'self'; ", "null", &mut page);
    String::from_utf8_lossy(&page).into_owned()
}

/// Fills in the page.
fn fill(title: &str, allowed: &str, data: &str, out: &mut impl Write) -> io::Result<()> {
    let title = escaped(title);
    let policy = policy(allowed);
    let mut rest = PAGE;
    // What is put in is not looked through for further places.
    while let Some((before, place)) = rest.split_once('{') {
        let (name, after) = place.split_once('}').unwrap_or((place, ""));
        out.write_all(before.as_bytes())?;
        out.write_all(match name {
            "title" => title.as_bytes(),
            "policy" => policy.as_bytes(),
            "style" => STYLE.as_bytes(),
            "script" => SCRIPT.as_bytes(),
            "data" => data.as_bytes(),
            _ => b"",
        })?;
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

/// What the page is allowed: its own style and script, known by what is in them, and nothing from elsewhere.
/// What was recorded is data, and could not run if it got out of its place.
fn policy(allowed: &str) -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; {allowed}base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

/// As a Content Security Policy names a script
/// ([CSP, section 2.3.1](https://www.w3.org/TR/CSP3/#framework-directive-source-list)).
fn hash(source: &str) -> String {
    format!("sha256-{}", STANDARD.encode(hmac_sha256::Hash::hash(source.as_bytes())))
}

#[cfg(test)]
mod tests {
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
}
