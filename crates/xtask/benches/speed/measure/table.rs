//! A table of measurements, and how numbers stand in it.

use std::fmt;
use std::time::Duration;

/// A table for a page, with a line below it about what could not be measured.
pub(crate) struct Table {
    pub headings: &'static [&'static str],
    pub rows: Vec<Vec<String>>,
    pub left_out: Vec<String>,
}

impl Table {
    pub fn new(headings: &'static [&'static str]) -> Table {
        Table {
            headings,
            rows: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.headings.join(" | "))?;
        writeln!(f, "|---|{}", "--:|".repeat(self.headings.len() - 1))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        for line in &self.left_out {
            writeln!(f, "\n{line}")?;
        }
        Ok(())
    }
}

/// A number with its thousands apart: `1,234,567`.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many times one number is another: `1.3`, and `1,400`.
pub(crate) fn times(number: f64, base: f64) -> String {
    let ratio = number / base;
    match ratio {
        10.0.. => grouped(ratio),
        1.0.. => format!("{ratio:.1}"),
        _ => format!("{ratio:.2}"),
    }
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{} MB", grouped(bytes as f64 / 1e6))
}
