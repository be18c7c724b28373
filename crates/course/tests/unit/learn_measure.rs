//! Tests of `src/learn/measure.rs`, which see what is private there.

use super::Form;

#[test]
fn frames_are_read_as_people_write_them() {
    let read = |form: Form, answer: &str| form.read(answer).ok();
    for answer in ["28 32", "28,32", "32 and 28.", "Frames 28 and 32", "frame 28: #32"] {
        assert_eq!(
            read(Form::Frames, answer),
            Some(vec!["28".to_owned(), "32".to_owned()]),
            "{answer}"
        );
    }
    for answer in ["28-30", "28 to 30", "28–30", "frames 28 - 30"] {
        let all = ["28", "29", "30"].map(str::to_owned).to_vec();
        assert_eq!(read(Form::Frames, answer), Some(all), "{answer}");
    }
    assert_eq!(read(Form::Number, "three"), Some(vec!["3".to_owned()]));
    assert_eq!(read(Form::Number, "None"), None);
    assert_eq!(read(Form::Frame, "frame 16"), Some(vec!["16".to_owned()]));
    for answer in [
        "frame",
        "16 17",
        "16-17",
        "9-1",
        "1-99999999999",
        "frame x",
        "sixteen",
        "",
    ] {
        assert_eq!(read(Form::Frame, answer), None, "{answer}");
    }
}
