//! Tests of `src/slides.rs`, which see what is private there.

use super::*;

const PAGE: &str = "\
# Step 1: two writes

*25 minutes for a class: 5 to predict. Next: [step 2](step2.md).*

An echo server. It sends each line back:

    cargo run --bin step1

## The trace: frames 1 to 2

The [handshake](words.md#handshake) takes three packets. None is a call.

<!-- generated: frames step1 1-2 -->

| # | flags |
|--:|---|
| 1 | SYN |

- **Frame 1**: The client asks.

<!-- end -->

Said at the end.

## What remains

A word. And more.

## Not tested

Nothing.
";

fn of_page() -> Vec<Slide> {
    slides(PAGE, |anchor| match anchor {
        "the-trace-frames-1-to-2" => Ok(vec![Slide {
            title: "Exercise 1".to_owned(),
            ..Slide::default()
        }]),
        _ => Ok(Vec::new()),
    })
    .unwrap()
}

#[test]
fn what_a_page_shows_is_a_slide_and_the_rest_is_for_the_speaker() {
    let slides = of_page();
    let told: Vec<_> = slides
        .iter()
        .map(|slide| (slide.class, &*slide.title, &*slide.lead))
        .collect();
    assert_eq!(
        told,
        [
            ("first", "Step 1: two writes", ""),
            ("", "Step 1: two writes", "An echo server."),
            ("", "Exercise 1", ""),
            (
                "trace",
                "The trace: frames 1 to 2",
                "The [handshake](words.md#handshake) takes three packets."
            ),
            ("", "What remains", "A word."),
        ]
    );
    assert!(slides[0].notes.starts_with("*25 minutes"), "{}", slides[0].notes);
    assert!(slides[1].shown.contains("cargo run --bin step1"), "{}", slides[1].shown);
    assert!(slides[3].shown.contains("| 1 | SYN |"), "{}", slides[3].shown);
    assert_eq!(slides[3].said, "- **Frame 1**: The client asks.");
    assert!(slides[3].notes.contains("None is a call.") && slides[3].notes.contains("Said at the end."));
    assert!(slides[4].notes.contains("And more."));
}

#[test]
fn a_slide_has_no_links_and_holds_its_pictures() {
    let folder = checkout::find().unwrap().join("docs");
    let made = rendered("[ACK](words.md#ack) ![a \"stall\"](images/stall.svg)", &folder).unwrap();
    assert!(!made.contains("<a ") && made.contains("ACK"), "{made}");
    assert!(made.contains("alt=\"a &quot;stall&quot;\""), "{made}");
    assert!(made.contains("src=\"data:image/svg+xml,%3Csvg"), "{made}");
    assert!(rendered("![](images/none.svg)", &folder).is_err());
}

#[test]
fn the_plans_tell_the_minutes_of_an_exercise() {
    let plan = "## 45 minutes\n\n| 20-30 | `one-write` | change little | two calls |\n| 9 | `one-write` | | fix | 10 | page |\n";
    let said = said("one-write", &[plan.to_owned()]);
    assert_eq!(
        said.trim(),
        "*45 minutes, 20-30* **Say:** change little. **What goes wrong:** two calls."
    );
}
