//! JUnit's XML, as those who collect test results take it: one `testsuite` with its `testcase`s.

use harness::format::markup::escaped;

/// One test.
pub struct Case<'c> {
    /// Its name.
    pub name: &'c str,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a test ended.
pub enum Outcome {
    /// Well.
    Passed,
    /// Well, and there is something to say.
    Noted(String),
    /// It did not hold.
    Failed {
        /// Why, on one line.
        message: String,
        /// What shows it.
        text: String,
    },
    /// Nothing can be said, for this reason.
    Skipped(String),
}

/// A suite of tests, and errors beside them.
pub fn suite<'c>(name: &str, cases: impl Iterator<Item = Case<'c>>, errors: &[String]) -> String {
    let (mut tests, mut failures, mut skipped) = (0, 0, 0);
    let mut inside = String::new();
    for Case { name: case, outcome } in cases {
        tests += 1;
        let within = match outcome {
            Outcome::Passed => String::new(),
            Outcome::Noted(text) => format!("<system-out>{}</system-out>", escaped(&text)),
            Outcome::Failed { message, text } => {
                failures += 1;
                let lines: Vec<String> = text.lines().map(escaped).collect();
                format!(
                    "<failure message=\"{}\">{}</failure>",
                    escaped(&message),
                    lines.join("\n")
                )
            }
            Outcome::Skipped(why) => {
                skipped += 1;
                format!("<skipped message=\"{}\"/>", escaped(&why))
            }
        };
        inside += &format!(
            "  <testcase classname=\"lab.{name}\" name=\"{}\">{within}</testcase>\n",
            escaped(case)
        );
    }
    for why in errors {
        tests += 1;
        inside += &format!(
            "  <testcase classname=\"lab.{name}\" name=\"proved\"><error message=\"{}\"/></testcase>\n",
            escaped(why)
        );
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"lab.{name}\" tests=\"{tests}\" \
         failures=\"{failures}\" errors=\"{}\" skipped=\"{skipped}\">\n{inside}</testsuite>\n",
        errors.len()
    )
}
