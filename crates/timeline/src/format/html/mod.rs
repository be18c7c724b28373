//! A timeline as a page to touch: one file that needs no network.
//!
//! The page draws the [scene](crate::scene) as it is and computes no facts. Beside it stand, for each event, what
//! is [in flight and unread](crate::facts::amounts), and for each frame its [fields](crate::dissect).

mod data;

use std::io::{self, Write};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::format::{markup::escaped, svg};
use crate::timeline::Timeline;

pub use data::data;

const PAGE: &str = include_str!("page.html");
/// The page's style, behind the colours that it has in common with pictures.
static STYLE: LazyLock<String> = LazyLock::new(|| svg::variables() + include_str!("page.css"));
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
    // Each piece is written as it is: a `{` in a title or in the data is not taken for a place to fill.
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
        hash(&STYLE)
    )
}

/// As a Content Security Policy names a script
/// ([CSP, section 2.3.1](https://www.w3.org/TR/CSP3/#framework-directive-source-list)).
fn hash(source: &str) -> String {
    format!("sha256-{}", STANDARD.encode(hmac_sha256::Hash::hash(source.as_bytes())))
}

#[cfg(test)]
#[path = "../../../tests/unit/format_html.rs"]
mod tests;
