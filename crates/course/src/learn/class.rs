//! A class at a glance: what the reports of its learners say, in one table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use harness::timeline::printable;
use harness::timeline::width::{cut, padded};

use super::report::{Report, Row};

/// So much of a learner's name stands in the table.
const LONGEST_NAME: usize = 20;

/// The reports of a class.
#[derive(Debug, Default)]
pub struct Class {
    /// Those that could be read, in the order in which they were given.
    pub reports: Vec<Report>,
    /// The files that could not, and why.
    pub broken: Vec<(PathBuf, String)>,
    /// The names of all exercises, in order.
    order: Vec<String>,
}

impl Class {
    /// Reads the reports. `order` has the names of the exercises, where they are known; others come behind them.
    pub fn read<'p>(paths: impl IntoIterator<Item = &'p Path>, order: Vec<String>) -> Class {
        let mut class = Class {
            order,
            ..Class::default()
        };
        for path in paths {
            match Report::read(path) {
                Ok(report) => class.add(report),
                Err(error) => class.broken.push((path.to_owned(), format!("{error:#}"))),
            }
        }
        class
    }

    fn add(&mut self, report: Report) {
        for row in &report.exercises {
            if !self.order.contains(&row.exercise) {
                self.order.push(row.exercise.clone());
            }
        }
        self.reports.push(report);
    }

    /// A row for each learner, and below one for each exercise that somebody has tried.
    pub fn text(&self) -> String {
        if self.reports.is_empty() {
            return "no reports\n".to_owned();
        }
        let mut text = self.learners();
        text.push('\n');
        text += &self.exercises();
        text
    }

    // Writing to a string cannot fail, in all of these.
    fn learners(&self) -> String {
        let mut text = format!(
            "{:<LONGEST_NAME$}  solved  tries  hints  minutes  one sign for each exercise\n",
            "learner"
        );
        for report in &self.reports {
            let rows = by_exercise(report);
            let solved = rows.values().filter(|row| row.passed).count();
            let sum = |of: fn(&Row) -> u64| rows.values().fold(0, |sum: u64, row| sum.saturating_add(of(row)));
            let signs: String = self.order.iter().map(|name| sign(rows.get(&**name).copied())).collect();
            let _ = writeln!(
                text,
                "{}  {:>6}  {:>5}  {:>5}  {:>7}  {signs}",
                cell(&report.learner),
                format!("{solved}/{}", self.order.len()),
                sum(|row| row.tries.into()),
                sum(|row| row.hints.into()),
                sum(|row| row.minutes),
            );
        }
        text += "# solved, + tried and not solved, . not begun\n";
        text
    }

    /// Where a class gets stuck.
    fn exercises(&self) -> String {
        let mut text = format!(
            "{:<LONGEST_NAME$}  solved  tries  hints  minutes  (of who solved it, the median)\n",
            "exercise"
        );
        for name in &self.order {
            let rows = self
                .reports
                .iter()
                .filter_map(|report| by_exercise(report).get(&**name).copied());
            let rows: Vec<&Row> = rows
                .filter(|row| row.passed || row.tries > 0 || row.hints > 0)
                .collect();
            if rows.is_empty() {
                continue;
            }
            let solved: Vec<&Row> = rows.iter().filter(|row| row.passed).copied().collect();
            let middle = |of: fn(&Row) -> u64| {
                median(solved.iter().map(|row| of(row)).collect()).map_or_else(|| "-".to_owned(), |n| n.to_string())
            };
            let _ = writeln!(
                text,
                "{}  {:>6}  {:>5}  {:>5}  {:>7}",
                cell(name),
                format!("{}/{}", solved.len(), rows.len()),
                middle(|row| row.tries.into()),
                middle(|row| row.hints.into()),
                middle(|row| row.minutes),
            );
        }
        text
    }

    /// A line for each learner and exercise, for a spreadsheet (RFC 4180).
    pub fn csv(&self) -> String {
        let mut text = "learner,exercise,passed,tries,hints,minutes\r\n".to_owned();
        for report in &self.reports {
            for row in &report.exercises {
                let _ = write!(
                    text,
                    "{},{},{},{},{},{}\r\n",
                    field(&report.learner),
                    field(&row.exercise),
                    row.passed,
                    row.tries,
                    row.hints,
                    row.minutes
                );
            }
        }
        text
    }
}

/// A learner's exercises by name. Of one that stands there twice, the later.
fn by_exercise(report: &Report) -> BTreeMap<&str, &Row> {
    report.exercises.iter().map(|row| (&*row.exercise, row)).collect()
}

fn sign(row: Option<&Row>) -> char {
    match row {
        Some(row) if row.passed => '#',
        Some(row) if row.tries > 0 || row.hints > 0 => '+',
        _ => '.',
    }
}

/// A name as wide as its column, with nothing in it that acts on a terminal.
fn cell(name: &str) -> String {
    padded(&cut(&printable(name), LONGEST_NAME), LONGEST_NAME)
}

/// A field of CSV. A spreadsheet takes what begins with one of these signs for a formula, and runs it; behind an
/// apostrophe it is text.
fn field(text: &str) -> String {
    let plain = printable(text);
    let acts = plain.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r']);
    let safe = if acts { format!("'{plain}") } else { plain };
    match safe.contains(['"', ',', '\r', '\n', ';']) {
        true => format!("\"{}\"", safe.replace('"', "\"\"")),
        false => safe,
    }
}

/// The middle one; of an even number the smaller of the two.
pub fn median<T: Copy + Ord>(mut numbers: Vec<T>) -> Option<T> {
    numbers.sort_unstable();
    numbers.get(numbers.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
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
        {"exercise":"stall","passed":true,"tries":4,"hints":2,"minutes":9}]}"#;
    const BOB: &str = r#"{"version":1,"learner":"Bob","exercises":[
        {"exercise":"handshake","passed":true,"tries":3,"hints":1,"minutes":5},
        {"exercise":"stall","passed":false,"tries":2,"hints":0,"minutes":4},
        {"exercise":"one-write","passed":false,"tries":0,"hints":0,"minutes":0}]}"#;

    #[test]
    fn a_class_at_a_glance() {
        let expected = "\
learner               solved  tries  hints  minutes  one sign for each exercise
Ada                      2/3      5      2       12  ##.
Bob                      1/3      5      1        9  #+.
# solved, + tried and not solved, . not begun

exercise              solved  tries  hints  minutes  (of who solved it, the median)
handshake                2/2      1      0        3
stall                    1/2      4      2        9
";
        assert_eq!(class(&[ADA, BOB]).text(), expected);
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
}
