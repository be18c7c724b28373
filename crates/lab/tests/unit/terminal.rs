//! Tests of `src/terminal.rs`, which see what is private there.

use super::*;
use harness::timeline::width::columns;

fn told(text: &str) -> Vec<Line> {
    text.lines().map(|line| Line::new(Role::Note, line)).collect()
}

fn broken(text: &str, width: usize) -> Vec<String> {
    finding_lines(&told(text), Some(width))
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn findings_are_broken_at_words_and_lose_none() {
    let text = "warning[split-reply]: a reply is made of several small writes\n  cure: put the whole reply into one write: a buffer and one flush, or writev\n";
    let lines = broken(text, 40);
    assert_eq!(
        lines,
        [
            "warning[split-reply]: a reply is made of",
            "  several small writes",
            "  cure: put the whole reply into one",
            "    write: a buffer and one flush, or",
            "    writev",
        ]
    );
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for width in [24, 33, 80, 500] {
        let lines = broken(text, width);
        assert_eq!(words(&lines.join("\n")), words(text));
        assert!(lines.iter().all(|line| columns(line) <= width), "{lines:?}");
    }
    // For a program that reads it, a line stays a line.
    assert_eq!(finding_lines(&told(text), None).len(), 2);
}

#[test]
fn a_word_that_is_too_long_is_broken_between_characters() {
    assert_eq!(
        broken("  ääääääääääääääääääääääääää", 22),
        ["  ääääääääääääääääääää", "    ääääää"]
    );
}

#[test]
fn nothing_is_dim_and_mono_has_no_colour() {
    let roles = [
        Role::Note,
        Role::Time,
        Role::Frame,
        Role::Client,
        Role::Wire,
        Role::Segment,
        Role::Bracket,
        Role::Call,
        Role::State,
        Role::Held,
        Role::Verdict,
    ];
    for role in roles {
        for theme in [None, Some(Theme::Light), Some(Theme::Dark), Some(Theme::Mono)] {
            assert!(!style(role, theme).get_effects().contains(anstyle::Effects::DIMMED));
        }
        assert_eq!(style(role, Some(Theme::Mono)).get_fg_color(), None);
    }
}
