//! How a verdict is shown: the lanes with the rows that matter marked, and as many around them as there is room for.

use course::learn::verdict::{MarkedRow, Verdict};
use harness::format::line::{Kind, Line, Role};
use harness::format::text::Lanes;
use harness::timeline::Timeline;

use super::screen::wrapped;

/// What stands before a row that matters.
const ARROW: &str = "▶";

/// The lanes of a timeline, at most so many lines if so many are given, with marks at their left.
pub fn marked(timeline: &Timeline, marks: &[MarkedRow], width: usize, height: Option<usize>) -> Vec<Line> {
    let gutter = marks
        .iter()
        .filter_map(|mark| mark.count)
        .max()
        .map_or(1, |most| most.to_string().len() + 1);
    let lanes = Lanes::with_width(width.saturating_sub(gutter + 1));
    let lines = of_connection(lanes.lines(timeline), timeline, marks);
    let labels: Vec<String> = lines.iter().map(|line| label(line, timeline, marks)).collect();
    let shown = match height {
        Some(height) if lines.len() > height => window(&lines, &labels, height),
        _ => (0..lines.len()).map(Some).collect(),
    };
    let row = |place: Option<usize>| match place {
        None => Line::new(Role::Time, format!("{:gutter$} ┊", "")),
        Some(place) => {
            let mut row = Line::new(Role::Held, format!("{:>gutter$} ", labels[place]));
            row.spans.extend(lines[place].spans.iter().cloned());
            row
        }
    };
    shown.into_iter().map(row).collect()
}

/// Of several connections those lanes that have a mark.
fn of_connection(lines: Vec<Line>, timeline: &Timeline, marks: &[MarkedRow]) -> Vec<Line> {
    if timeline.endpoints.len() < 2 {
        return lines;
    }
    let mut blocks: Vec<Vec<Line>> = Vec::new();
    for line in lines {
        if line.kind == Kind::Title || blocks.is_empty() {
            blocks.push(Vec::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push(line);
        }
    }
    let has_mark = |block: &Vec<Line>| block.iter().any(|line| !label(line, timeline, marks).is_empty());
    if blocks.iter().any(has_mark) {
        blocks.retain(has_mark);
    }
    blocks.concat()
}

/// The mark of a row: its number among those that were counted, or an arrow.
fn label(line: &Line, timeline: &Timeline, marks: &[MarkedRow]) -> String {
    let Kind::Row(Some(frame)) = line.kind else {
        return String::new();
    };
    let event = timeline.event_of_frame(frame);
    let mark = marks.iter().find(|mark| Some(mark.event) == event);
    mark.map_or_else(String::new, |mark| {
        mark.count
            .map_or_else(|| ARROW.to_owned(), |count| format!("{count}{ARROW}"))
    })
}

/// Which lines to show where not all fit: the heading, the verdict, the marked rows, and those around them. `None`
/// stands for lines that are left out.
fn window(lines: &[Line], labels: &[String], height: usize) -> Vec<Option<usize>> {
    let heading = lines.iter().position(|line| line.kind == Kind::Heading).unwrap_or(0);
    let marked: Vec<usize> = (0..lines.len()).filter(|&place| !labels[place].is_empty()).collect();
    let mut wanted: Vec<usize> = vec![heading];
    wanted.extend(&marked);
    // Where there is no room for them, numbers of frames alone tell what is left out.
    let is_tight = with_gaps(wanted.clone(), lines.len()).len() > height;
    if is_tight {
        wanted.sort_unstable();
        wanted.truncate(height.max(1));
        return wanted.into_iter().map(Some).collect();
    }
    // The figures below the lanes come next, unless they would take most of the room.
    let mut figures = wanted.clone();
    figures.extend((0..lines.len()).filter(|&place| is_figure(&lines[place])));
    if with_gaps(figures.clone(), lines.len()).len() * 4 <= height * 3 {
        wanted = figures;
    }
    let near = |place: usize| marked.iter().map(|mark| mark.abs_diff(place)).min().unwrap_or(place);
    let mut rest: Vec<usize> = (heading..lines.len()).filter(|place| !wanted.contains(place)).collect();
    rest.sort_by_key(|&place| near(place));
    for place in rest {
        let mut more = wanted.clone();
        more.push(place);
        if with_gaps(more.clone(), lines.len()).len() > height {
            break;
        }
        wanted = more;
    }
    with_gaps(wanted, lines.len())
}

fn is_figure(line: &Line) -> bool {
    line.spans.first().is_some_and(|span| span.role == Role::Verdict)
}

fn with_gaps(mut wanted: Vec<usize>, all: usize) -> Vec<Option<usize>> {
    wanted.sort_unstable();
    let mut shown = Vec::new();
    let mut next = wanted.first().copied().unwrap_or(0);
    for place in wanted {
        if place > next {
            shown.push(None);
        }
        shown.push(Some(place));
        next = place + 1;
    }
    if next < all {
        shown.push(None);
    }
    shown
}

/// What stands below the lanes: what is so, what to do, what could not be seen.
pub fn words(verdict: &Verdict, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for said in &verdict.said {
        lines.extend(wrapped(said, width));
    }
    if let Some(advice) = &verdict.advice {
        lines.push(String::new());
        lines.extend(wrapped(&advice.text, width));
    }
    for note in &verdict.notes {
        lines.extend(wrapped(&format!("note: {note}"), width));
    }
    lines
}

#[cfg(test)]
#[path = "../../tests/unit/learn_show.rs"]
mod tests;
