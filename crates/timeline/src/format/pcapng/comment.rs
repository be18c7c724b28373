//! What is said of a packet, as the comment of its frame.

use std::fmt::Write as _;

use crate::events::{Explanation, FrameNumber, HeldBack, Side, ToldCall, printable};

impl Explanation {
    /// As the comment of a packet in a capture file: the sentence, which is what a narrow column shows of it,
    /// then a line for a wait, and one for each call: `call: server: sendto(9, "1", 1) = 1`.
    pub fn to_comment(&self) -> String {
        let mut comment = self.sentence.clone();
        // Writing to a string cannot fail.
        if let Some(held) = self.held {
            let (milliseconds, frame) = (held.milliseconds, held.until_frame);
            let _ = write!(comment, "\nheld: {milliseconds} ms, until frame {frame}");
        }
        for call in &self.calls {
            let _ = write!(comment, "\ncall: {call}");
        }
        comment
    }

    /// Reads back what [`to_comment`](Self::to_comment) wrote, or wrote when calls stood before the sentence.
    /// Any other comment becomes the sentence. Control characters are escaped, since a file may hold any.
    pub fn from_comment(comment: &str) -> Explanation {
        let mut lines: Vec<&str> = comment.lines().collect();
        let is_told = |line: &&str| line.starts_with("call: ") || read_held(line).is_some();
        let before = lines.iter().take_while(|line| is_told(line)).count();
        let told = if before > 0 && before < lines.len() {
            lines.drain(..before).collect()
        } else {
            let behind = lines.iter().rev().take_while(|line| is_told(line)).count();
            // A comment always has a sentence, even one whose first line looks like a call.
            lines.split_off((lines.len() - behind).max(1).min(lines.len()))
        };
        let sentence: Vec<String> = lines.iter().map(|line| printable(line)).collect();
        Explanation {
            calls: told
                .iter()
                .filter_map(|line| line.strip_prefix("call: "))
                .map(read_call)
                .collect(),
            held: told.iter().find_map(|line| read_held(line)),
            sentence: sentence.join(" "),
        }
    }
}

fn read_call(call: &str) -> ToldCall {
    let by = |side: Side| Some((Some(side), call.strip_prefix(&format!("{side}: "))?));
    let sides = [Side::Client, Side::Server].into_iter();
    let (by, words) = sides.filter_map(by).next().unwrap_or((None, call));
    ToldCall {
        by,
        words: printable(words),
    }
}

fn read_held(line: &str) -> Option<HeldBack> {
    let (milliseconds, frame) = line.strip_prefix("held: ")?.split_once(" ms, until frame ")?;
    Some(HeldBack {
        milliseconds: milliseconds.parse().ok()?,
        until_frame: FrameNumber(frame.parse().ok()?),
    })
}
