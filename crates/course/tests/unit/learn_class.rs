//! Tests of `src/learn/class.rs`, which see what is private there.

use super::*;
use harness::timeline::width::columns;

fn class(reports: &[&str]) -> Class {
    let folder = std::env::temp_dir().join(format!(
        "lab-class-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::create_dir_all(&folder).unwrap();
    let paths: Vec<PathBuf> = (0..reports.len()).map(|n| folder.join(format!("{n}.json"))).collect();
    for (path, text) in paths.iter().zip(reports) {
        std::fs::write(path, text).unwrap();
    }
    let order = ["handshake", "stall", "one-write"].map(str::to_owned).to_vec();
    let class = Class::read(paths.iter().map(PathBuf::as_path), order);
    std::fs::remove_dir_all(&folder).unwrap();
    class
}

const ADA: &str = r#"{"version":1,"learner":"Ada","exercises":[
    {"exercise":"handshake","passed":true,"tries":1,"hints":0,"minutes":3},
    {"exercise":"stall","passed":true,"tries":4,"hints":2,"minutes":9,"shown":true}]}"#;
const BOB: &str = r#"{"version":1,"learner":"Bob","exercises":[
    {"exercise":"handshake","passed":true,"tries":3,"hints":1,"minutes":5},
    {"exercise":"stall","passed":false,"tries":2,"hints":0,"minutes":4},
    {"exercise":"one-write","passed":false,"tries":0,"hints":0,"minutes":0}]}"#;
const EVE: &str = r#"{"version":1,"learner":"Eve","exercises":[
    {"exercise":"one-write","passed":false,"tries":0,"hints":0,"minutes":0,"shown":true}]}"#;

#[test]
fn a_class_at_a_glance() {
    let expected = "\
learner               solved  tries  hints  minutes  one sign for each exercise
Ada                      2/3      5      2       12  #s.
Bob                      1/3      5      1        9  #+.
# solved, s solved once the solution was shown, + tried and not solved, . not begun

exercise              solved  tries  hints  minutes  (of who solved it, the median)
 1 handshake             2/2      1      0        3
 2 stall                 1/2      4      2        9
";
    assert_eq!(class(&[ADA, BOB]).text(), expected);
    let shown = class(&[EVE]).text();
    assert!(shown.contains("  ..+\n") && shown.contains(" 3 one-write"), "{shown}");
}

#[test]
fn a_broken_file_is_named_and_the_others_count() {
    let class = class(&["{", ADA, ""]);
    assert_eq!(class.reports.len(), 1);
    let names: Vec<_> = class
        .broken
        .iter()
        .map(|(path, why)| (path.file_name().unwrap(), why.as_str()))
        .collect();
    assert_eq!(names.len(), 2);
    assert!(
        names[0].1.contains("no report") && names[1].1.contains("empty"),
        "{names:?}"
    );
    let folder = Class::read([Path::new("/"), Path::new("/no/such/file")], Vec::new());
    assert!(
        folder.broken[0].1.contains("no file") && folder.broken[1].1.contains("cannot read"),
        "{folder:?}"
    );
}

#[test]
fn a_hostile_name_moves_nothing() {
    let name = r#"{"version":1,"learner":"\u001b[2J\u202eeve\nAda    3/3","exercises":[
        {"exercise":"=cmd|'/c calc'!A1,\"x\"","passed":true,"tries":4294967295,"hints":4294967295,"minutes":18446744073709551615},
        {"exercise":"\u0007","passed":true,"tries":1,"hints":1,"minutes":18446744073709551615}]}"#;
    let class = class(&[name, r#"{"version":1,"learner":"+1+1","exercises":[]}"#]);
    for text in [class.text(), class.csv()] {
        assert!(
            text.chars().all(|c| !c.is_control() || c == '\n' || c == '\r'),
            "{text:?}"
        );
        assert!(!text.contains('\u{202e}'), "{text:?}");
    }
    assert!(class.text().lines().all(|line| columns(line) <= 120));
    let csv = class.csv();
    let cells = csv.lines().skip(1).map(|line| line.split(',').nth(1).unwrap());
    assert!(
        cells.clone().count() == 2 && cells.into_iter().all(|cell| !cell.starts_with(['=', '+'])),
        "{csv}"
    );
    assert!(csv.contains(r#""'=cmd|'/c calc'!A1,""x""""#), "{csv}");
}

#[test]
fn what_a_spreadsheet_would_run_is_text() {
    for name in ["=1+1", "+1", "-1", "@SUM(A1)", " =1"] {
        assert!(field(name).starts_with('\''), "{name}: {}", field(name));
    }
    assert_eq!(field("Ada, Countess"), "\"Ada, Countess\"");
    assert_eq!(field("\"Ada\""), "\"\"\"Ada\"\"\"");
    assert_eq!(field("Ada"), "Ada");
    assert_eq!(field("\t=1"), "\\t=1");
}

#[test]
fn the_median_is_a_number_that_there_is() {
    assert_eq!(median::<u64>(vec![]), None);
    assert_eq!(median(vec![7]), Some(7));
    assert_eq!(median(vec![9, 1]), Some(1));
    assert_eq!(median(vec![9, 1, 5]), Some(5));
}
