//! The frames that sentences name by number, checked against the captures.
//!
//! A capture that is made anew may give a frame another number, and no command can tell what a sentence means. So a page
//! says what each frame is that its prose names, in a comment that readers do not see:
//!
//! ```text
//! <!-- frames of step2-one-write
//! 10 sendto(7, "1\n", 2) = 2
//! 11 S>C PSH,ACK seq 1 ack 3 len 2 "1\n"
//! -->
//! ```
//!
//! [`check`] compares the comment with the capture, and its numbers with those of the prose.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use course::capture;
use course::experiments::capture_of;
use harness::timeline::FrameNumber;

const BEGIN: &str = "<!-- frames of ";

/// The words that may stand between two numbers that are both frames'.
const BETWEEN: [&str; 5] = ["to", "and", "or", ",", "-"];

/// What a page says of frames.
#[derive(Debug, Default, PartialEq, Eq)]
struct Named {
    /// For each capture, what each of its frames is.
    meant: BTreeMap<String, BTreeMap<FrameNumber, String>>,
    /// The frames that its prose names as frames.
    in_prose: BTreeSet<FrameNumber>,
    /// All numbers of its prose: an answer in a table may be a frame, and does not say so.
    numbers: BTreeSet<FrameNumber>,
}

/// What is wrong with the numbers of frames in a page, one complaint each.
///
/// # Errors
///
/// If a comment names no capture, or the capture cannot be read.
pub fn check(page: &str) -> Result<Vec<String>> {
    let named = Named::of(page)?;
    let mut complaints = Vec::new();
    let mut captures = Vec::new();
    for (capture, meant) in &named.meant {
        let timeline = capture_of(capture).and_then(|path| capture::read(&path));
        let frames = capture::frames(&timeline.with_context(|| format!("{BEGIN}{capture}"))?);
        complaints.extend(moved(capture, meant, &frames));
        captures.push((capture, frames));
    }
    let explained: BTreeSet<FrameNumber> = named.meant.values().flat_map(BTreeMap::keys).copied().collect();
    for number in named.in_prose.difference(&explained) {
        let all = captures
            .iter()
            .flat_map(|(capture, frames)| frames.iter().map(move |frame| (capture, frame)));
        let lines: Vec<String> = all
            .filter(|(_, frame)| frame.0 == *number)
            .map(|(capture, (number, words))| format!("; if it is of {capture}, add: {number} {words}"))
            .collect();
        complaints.push(format!(
            "a sentence names frame {number}, and no comment `{BEGIN}STEP` on the page says what it is{}",
            lines.concat()
        ));
    }
    let drop =
        |number: &FrameNumber| format!("a comment says what frame {number} is, and nothing on the page names it");
    complaints.extend(explained.difference(&named.numbers).map(drop));
    Ok(complaints)
}

/// The frames that are not what a page means, and where what it means is now.
fn moved(capture: &str, meant: &BTreeMap<FrameNumber, String>, frames: &[(FrameNumber, String)]) -> Vec<String> {
    let complain = |(number, words): (&FrameNumber, &String)| {
        let now = frames.iter().find(|frame| frame.0 == *number).map(|frame| &*frame.1);
        if now == Some(words) {
            return None;
        }
        let now = now.map_or("not there".to_owned(), |now| format!("`{now}`"));
        let places: Vec<String> = frames
            .iter()
            .filter(|frame| frame.1 == *words)
            .map(|frame| frame.0.to_string())
            .collect();
        let place = match places.is_empty() {
            true => "no frame".to_owned(),
            false => format!("frame {}", places.join(" or ")),
        };
        Some(format!(
            "frame {number} of {capture} is {now}, and the page means `{words}`: that is {place}"
        ))
    };
    meant.iter().filter_map(complain).collect()
}

impl Named {
    /// Reads a page, but for what is generated and for code.
    fn of(page: &str) -> Result<Named> {
        let mut named = Named::default();
        let mut prose = String::new();
        let (mut generated, mut code, mut table) = (false, false, false);
        let mut lines = page.lines();
        while let Some(line) = lines.next() {
            if let Some(capture) = line.strip_prefix(BEGIN) {
                let meant = named.meant.entry(capture.trim().to_owned()).or_default();
                for line in lines.by_ref().take_while(|line| *line != "-->") {
                    let (number, words) = line.trim().split_once(' ').unwrap_or_default();
                    let number = number
                        .parse()
                        .with_context(|| format!("{BEGIN}{capture}: {line:?} is no frame: NUMBER WORDS"))?;
                    meant.insert(number, words.trim().to_owned());
                }
                continue;
            }
            generated |= line.starts_with("<!-- generated: ");
            code ^= line.starts_with("```");
            table = line.starts_with('|') && (table || line.starts_with("| frame |"));
            if table {
                named
                    .in_prose
                    .extend(numbers_of(line.split('|').nth(1).unwrap_or_default()));
            } else if !generated && !code && !line.starts_with("    ") {
                prose += line;
                prose += "\n";
            }
            generated &= !line.starts_with("<!-- end");
        }
        named.in_prose.extend(frames_in(&prose));
        named.numbers = numbers_of(&prose).chain(named.in_prose.iter().copied()).collect();
        Ok(named)
    }
}

fn numbers_of(cell: &str) -> impl Iterator<Item = FrameNumber> {
    cell.split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
}

/// The numbers behind each "frame" or "frames": `frame 7`, `frames 2 to 4`, `Frames 12, 15 and 16`.
fn frames_in(prose: &str) -> BTreeSet<FrameNumber> {
    let spaced = prose.replace(',', " , ").replace(['–', '-'], " - ");
    let mut numbers = BTreeSet::new();
    let mut counts = false;
    for word in spaced.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if let (true, Ok(number)) = (counts, bare.parse()) {
            numbers.insert(number);
            // A sentence or a bracket that ends behind a number ends the list.
            counts = !word.ends_with(['.', ':', ';', ')']);
        } else {
            counts = matches!(bare.to_lowercase().as_str(), "frame" | "frames") || (counts && BETWEEN.contains(&word));
        }
    }
    numbers
}

#[cfg(test)]
#[path = "../tests/unit/frames.rs"]
mod tests;
