//! Tests of `src/learn/show.rs`, which see what is private there.

use super::*;

/// Ten rows below a heading, some of them marked.
fn shown(marked: &[usize], height: usize) -> Vec<Option<usize>> {
    let line = |place: usize| Line {
        kind: if place == 0 { Kind::Heading } else { Kind::Row(None) },
        ..Line::new(Role::Time, "")
    };
    let lines: Vec<Line> = (0..11).map(line).collect();
    let labels: Vec<String> = (0..11)
        .map(|place| {
            if marked.contains(&place) {
                ARROW.to_owned()
            } else {
                String::new()
            }
        })
        .collect();
    window(&lines, &labels, height)
}

#[test]
fn rows_that_matter_are_shown_before_gaps() {
    let all = [0, 2, 4, 6, 8].map(Some).to_vec();
    assert_eq!(shown(&[2, 4, 6, 8], 5), all);
    assert_eq!(shown(&[2, 4, 6, 8], 3), all[..3]);
    // With more room a gap is shown as one, and rows around a mark.
    assert_eq!(shown(&[8], 6), [Some(0), None, Some(7), Some(8), Some(9), None]);
}
