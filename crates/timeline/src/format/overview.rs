//! A run of many connections as a table: a row for each, and what they come to.

use std::fmt::Write as _;
use std::time::Duration;

use crate::overview::{Overview, Row, Spread};
use crate::timeline::spent::Awaited;
use crate::timeline::{Teardown, Timeline};
use crate::width::{columns, cut, wrapped};
use crate::words::amount;

/// Of more connections than this, only the worst have a row.
const ROWS: usize = 60;

/// As text, in so many columns.
pub fn table(overview: &Overview, width: usize) -> String {
    let mut text = String::new();
    let shown: Vec<&Row> = match overview.rows.len() {
        0..=ROWS => overview.rows.iter().collect(),
        _ => {
            let worst = overview.worst(ROWS);
            worst.into_iter().filter_map(|id| overview.row(id)).collect()
        }
    };
    // Writing to a string cannot fail, in all of this.
    let heading = format!(
        "{:>4} {:>5} {:>6} {:>7} {:>7} {:>9}  {:<7} {:>6}  end",
        "#", "port", "asked", "sent", "recv", "slowest", "mostly", "stalls"
    );
    let _ = writeln!(text, "{}", cut(&heading, width));
    for row in &shown {
        text += &line(row, width);
        text.push('\n');
    }
    text += &hidden(overview, "");
    text.push('\n');
    for (name, words) in totals(overview) {
        for (number, words) in wrapped(&words, width.saturating_sub(NAME).max(20))
            .into_iter()
            .enumerate()
        {
            let name = if number == 0 { name } else { "" };
            let _ = writeln!(text, "{name:<NAME$}{}", words.replace(TOGETHER, " "));
        }
    }
    text
}

/// How many connections have no row, where only the worst have one, `of` what is judged.
fn hidden(overview: &Overview, of: &str) -> String {
    match overview.rows.len().saturating_sub(ROWS) {
        0 => String::new(),
        hidden => format!("these are the worst{of}; {hidden} more by --filter, or in --format json\n"),
    }
}

/// A capture of packets alone, in so many columns: what is unusual comes first, and is not what is left out.
pub fn survey(timeline: &Timeline, width: usize) -> String {
    const SERVER: usize = 3;
    let overview = Overview::of(timeline);
    let heading = ["#", "odd", "client", "server", "end", "longest wait", "sent", "recv"].map(str::to_owned);
    let worst = overview.worst(ROWS).into_iter();
    let rows = worst.filter_map(|id| Some((id, overview.row(id)?))).map(|(id, row)| {
        let connection = timeline.connection(id);
        let names: Vec<&str> = row.findings.iter().map(|rule| rule.name()).collect();
        let wait = connection.facts().tally.longest();
        let wait = wait.map(|(waited, frame)| format!("{} frame {frame}", milliseconds(waited).replace(TOGETHER, " ")));
        [
            (id.0 + 1).to_string(),
            names.join(", "),
            connection.endpoints().client.to_string(),
            connection.endpoints().server.to_string(),
            end(row.teardown),
            wait.unwrap_or_default(),
            size(row.bytes.client),
            size(row.bytes.server),
        ]
    });
    let rows: Vec<[String; 8]> = std::iter::once(heading).chain(rows).collect();
    let width_of = |column: usize| rows.iter().map(|row| columns(&row[column])).max().unwrap_or_default();
    let widths: [usize; 8] = std::array::from_fn(width_of);
    let is_one = rows.len() > 1 && rows[1..].windows(2).all(|two| two[0][SERVER] == two[1][SERVER]);
    let room = |shown: &[usize]| shown.iter().map(|column| widths[*column] + 2).sum::<usize>() - 2;
    let mut shown = vec![0, 1, 2, 3, 4, 5, 6, 7];
    let (mut left_out, all) = (Vec::new(), room(&shown));
    // What tells least goes first: a server that is the same in each row.
    for column in if is_one { [SERVER, 6, 7, 5] } else { [6, 7, SERVER, 5] } {
        if room(&shown) > width {
            shown.retain(|other| *other != column);
            left_out.push(match column {
                SERVER if is_one => format!("server ({} of all)", rows[1][SERVER]),
                _ => rows[0][column].clone(),
            });
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cell = |column: &usize| match (&row[*column], widths[*column]) {
            // Columns of numbers are aligned to the right.
            (cell, width) if [0, 6, 7].contains(column) => format!("{cell:>width$}"),
            (cell, width) => format!("{cell:<width$}"),
        };
        let cells: Vec<String> = shown.iter().map(cell).collect();
        text += &(cut(cells.join("  ").trim_end(), width) + "\n");
    }
    let of = if timeline.not_kept > 0 {
        " of the beginning that is here"
    } else {
        ""
    };
    text += &hidden(&overview, of);
    if !left_out.is_empty() {
        let note = format!("no room for {}: --width {all} has all", left_out.join(", "));
        text += &(wrapped(&note, width).join("\n") + "\n");
    }
    text
}

/// So many columns have the names of the totals.
const NAME: usize = 22;

fn line(row: &Row, width: usize) -> String {
    let (slowest, mostly) = match row.slowest {
        Some((_, spent)) => (milliseconds(spent.whole).replace(TOGETHER, " "), spent.mostly().name()),
        None => ("none".to_owned(), ""),
    };
    let requests = match row.requests - row.answered {
        0 => row.requests.to_string(),
        _ => format!("{}/{}", row.answered, row.requests),
    };
    let row_text = format!(
        "{:>4} {:>5} {:>6} {:>7} {:>7} {:>9}  {:<7} {:>6}  {}",
        row.connection.0 + 1,
        row.client.port(),
        requests,
        size(row.bytes.client),
        size(row.bytes.server),
        slowest,
        mostly,
        row.stalls.map_or("?".to_owned(), |(count, _)| count.to_string()),
        end(row.teardown),
    );
    // The findings are named if there is room for that, and counted if not.
    let names: Vec<&str> = row.findings.iter().map(|rule| rule.name()).collect();
    let names = format!("{row_text}  {}", names.join(", "));
    match row.findings.len() {
        0 => cut(&row_text, width),
        _ if columns(&names) <= width => names,
        1 => cut(&format!("{row_text}  1 found"), width),
        more => cut(&format!("{row_text}  {more} found"), width),
    }
}

fn end(teardown: Teardown) -> String {
    match teardown {
        Teardown::Clean { .. } => "clean".to_owned(),
        Teardown::LeftOpen(state) => state.to_string(),
        Teardown::Reset { by } => format!("RST by {by}"),
        Teardown::Cut { .. } => "RST from between".to_owned(),
        other @ (Teardown::Open | Teardown::Refused | Teardown::Unknown) => other.to_string(),
    }
}

fn totals(overview: &Overview) -> Vec<(&'static str, String)> {
    let least = if overview.at_least { "at least " } else { "" };
    let sum = |value: fn(&Row) -> u64| overview.rows.iter().map(value).fold(0_u64, u64::saturating_add);
    let requests = sum(|row| row.requests as u64);
    let unanswered = requests - sum(|row| row.answered as u64);
    let unanswered = match unanswered {
        0 => String::new(),
        some => format!(", {some} of them not answered"),
    };
    let mut totals = vec![
        ("connections", format!("{least}{}", overview.rows.len())),
        (
            if overview.has_tls { "exchanges" } else { "requests" },
            format!("{least}{requests}{unanswered}"),
        ),
        (
            "bytes",
            format!(
                "{least}{} sent by clients, {} received",
                size(sum(|row| row.bytes.client)),
                size(sum(|row| row.bytes.server))
            ),
        ),
    ];
    totals.extend(
        overview
            .first_byte
            .map(|spread| ("time to first byte", spread_text(&spread))),
    );
    totals.extend(overview.whole.map(|spread| ("whole exchange", spread_text(&spread))));
    totals.extend(parts_text(overview).map(|text| ("where the time went", text)));
    let ends: Vec<String> = overview
        .teardowns
        .iter()
        .map(|(teardown, count)| format!("{count} {teardown}"))
        .collect();
    totals.push(("ends", ends.join("; ")));
    if !overview.findings.is_empty() {
        let found = overview.findings.iter();
        let mut found: Vec<String> = found
            .map(|(rule, count)| format!("{rule} in {}", amount(*count as u64, "connection", "connections")))
            .collect();
        found.sort_unstable();
        totals.push(("findings", found.join("; ")));
    }
    totals
}

fn spread_text(spread: &Spread) -> String {
    format!(
        "median {}, 99 of 100 within {}, longest {}",
        milliseconds(spread.median),
        milliseconds(spread.of_100_99),
        milliseconds(spread.longest)
    )
}

/// In parts of a hundred. `None` of no time.
fn parts_text(overview: &Overview) -> Option<String> {
    let whole: Duration = overview.parts.iter().sum();
    if whole.is_zero() {
        return None;
    }
    let percent = |time: Duration| time.as_secs_f64() / whole.as_secs_f64() * 100.0;
    if overview.parts[Awaited::Unknown as usize] == whole {
        return Some("unknown: it takes packets and the server's calls".to_owned());
    }
    let parts = Awaited::ALL
        .into_iter()
        .map(|part| (part, overview.parts[part as usize]));
    let shown: Vec<String> = parts
        .filter(|(_, time)| !time.is_zero())
        .map(|(part, time)| format!("{}{TOGETHER}{:.1}{TOGETHER}%", part.name(), percent(time)))
        .collect();
    let tracer = overview
        .tracer
        .map(|time| format!("; the tracer's own share is at least {:.1}{TOGETHER}%", percent(time)));
    Some(shown.join(", ") + &tracer.unwrap_or_default())
}

fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    match milliseconds {
        ..10.0 => format!("{milliseconds:.3}{TOGETHER}ms"),
        10.0..1000.0 => format!("{milliseconds:.1}{TOGETHER}ms"),
        _ => format!("{:.2}{TOGETHER}s", milliseconds / 1000.0),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        ..100_000 => bytes.to_string(),
        100_000..10_000_000 => format!("{} kB", bytes / 1000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

/// A space at which no line ends.
const TOGETHER: char = '\u{a0}';
