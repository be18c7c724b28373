//! Tests of `src/quiz/sheet.rs`, which see what is private there.

use super::*;

#[test]
fn answers_are_found_as_people_write_them() {
    let sheet =
        "1. Which?\n\n    Answer 1: 6 7, 11\nAnswer 2:`none`\n  Answer 9999999999999999999999: 1\nAnswer x: 2\n";
    let answers = read_answers(sheet).unwrap();
    assert_eq!(answers[0].as_deref(), Some("6 7, 11"));
    assert_eq!(answers[1].as_deref(), Some("none"));
    assert!(answers[2..].iter().all(Option::is_none));
}

#[test]
fn what_is_no_sheet_is_refused() {
    for text in ["", "Answer", "Answer 1 2", "# Quiz\n\nAnswers: 1\n"] {
        assert!(read_answers(text).is_err(), "{text:?}");
    }
}
