//! Tests of `src/learn/report.rs`, which see what is private there.

use super::*;
use crate::learn::progress::Done;

fn progress() -> Progress {
    let done = |passed, tries, seconds| Done {
        passed,
        tries,
        hints: 1,
        seconds,
        ..Done::default()
    };
    let exercises = [
        ("stall", done(false, 3, 61)),
        ("handshake", done(true, 1, 60)),
        ("of-long-ago", done(true, 2, 0)),
    ];
    Progress {
        current: Some("stall".to_owned()),
        exercises: exercises.map(|(name, done)| (name.to_owned(), done)).into(),
    }
}

#[test]
fn what_is_written_is_read_back_in_the_order_of_the_exercises() {
    let report = Report::of("Ada", &progress(), &["handshake", "first-exchange", "stall"]);
    let names: Vec<&str> = report.exercises.iter().map(|row| &*row.exercise).collect();
    assert_eq!(names, ["handshake", "stall", "of-long-ago"]);
    let minutes: Vec<u64> = report.exercises.iter().map(|row| row.minutes).collect();
    assert_eq!(minutes, [1, 2, 0]);
    let text = report.to_json().unwrap();
    assert_eq!(Report::parse(text.as_bytes()).unwrap(), report);
}

#[test]
fn gradescope_gets_a_point_for_each_solved_exercise() {
    let order = ["handshake", "first-exchange", "stall"];
    let text = Report::of("Ada", &progress(), &order).to_gradescope(&order).unwrap();
    let results: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(results["score"], 1);
    let tests = results["tests"].as_array().unwrap();
    let told: Vec<_> = tests
        .iter()
        .map(|test| (&test["status"], &test["score"], &test["output"]))
        .collect();
    assert_eq!(
        told[0],
        (&"passed".into(), &1.into(), &"checks: 1, hints: 1, minutes: 1".into())
    );
    assert_eq!(told[1], (&"failed".into(), &0.into(), &"not begun".into()));
    assert_eq!(told.len(), 3);
}

#[test]
fn what_is_no_report_is_refused_with_a_reason() {
    let reason = |text: &[u8]| format!("{:#}", Report::parse(text).unwrap_err());
    assert!(reason(b"").contains("empty"));
    assert!(reason(b" \n").contains("empty"));
    assert!(reason(b"{\"version\": 1}").contains("no report"));
    assert!(reason(b"[1, 2").contains("no report"));
    assert!(reason(b"\xff\xfe").contains("no report"));
    assert!(reason(&[b'['; 100_000]).contains("no report"));
    assert!(reason(b"{\"version\": 2}").contains("newer"));
    assert!(reason(&vec![b' '; 2 << 20]).contains("longer"));
    let negative =
        br#"{"version":1,"learner":"x","exercises":[{"exercise":"a","passed":true,"tries":-1,"hints":0,"minutes":0}]}"#;
    assert!(reason(negative).contains("no report"));
}

#[test]
fn a_file_name_leads_nowhere_else() {
    assert_eq!(file_name("Ada Lovelace"), "report-Ada_Lovelace.json");
    assert_eq!(file_name("../../etc/passwd\n"), "report-______etc_passwd_.json");
    assert!(file_name(&"x".repeat(1000)).len() < 100);
}

#[test]
fn a_name_without_letters_is_none() {
    assert!(learner(Some("  ".to_owned())).is_err());
    assert_eq!(learner(Some(" Ada ".to_owned())).unwrap(), "Ada");
}
