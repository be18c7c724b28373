//! Who made the calls: short labels for processes and threads, where there are several, and what they stand for.

use std::collections::HashMap;

use crate::events::{Both, Call, EventKind, Side};
use crate::timeline::Timeline;

use super::{Mark, Verdict};

/// The processes and threads that made calls, each with its place in the order in which they first did.
#[derive(Default)]
pub(super) struct Makers {
    processes: HashMap<i32, usize>,
    /// The number among those of its process, from 1.
    threads: HashMap<i32, usize>,
    /// Whether several processes of the client, and of the server, made calls.
    several: Both<bool>,
    /// Whether threads are named.
    named: bool,
}

impl Makers {
    pub fn of(timeline: &Timeline, threads: bool) -> Makers {
        let mut makers = Makers {
            named: threads,
            ..Makers::default()
        };
        let mut first = Both::<Option<i32>>::default();
        let mut in_process: HashMap<i32, usize> = HashMap::new();
        for event in &timeline.events {
            let (side, call) = match &event.kind {
                EventKind::Call(call) => (Side::Server, &**call),
                EventKind::Client(action) => match action.call.as_deref() {
                    Some(call) => (Side::Client, call),
                    None => continue,
                },
                _ => continue,
            };
            let Some(process) = call.process.map(i32::from) else {
                continue;
            };
            let known = makers.processes.len();
            makers.processes.entry(process).or_insert(known);
            makers.several[side] |= *first[side].get_or_insert(process) != process;
            makers.threads.entry(call.thread).or_insert_with(|| {
                let threads = in_process.entry(process).or_default();
                *threads += 1;
                *threads
            });
        }
        // A name tells threads apart, and where each process has one thread there is nothing to tell apart.
        makers.named &= in_process.values().any(|threads| *threads > 1);
        makers
    }

    /// `A` for the first process, `A2` for its second thread, and `t2` for that of the only process. `None` where one
    /// call is like another.
    pub fn label(&self, side: Side, call: &Call) -> Option<String> {
        let process = letters(*self.processes.get(&call.process?.get())?);
        let thread = self.threads.get(&call.thread)?;
        match (self.several[side], self.named) {
            (true, true) => Some(format!("{process}{thread}")),
            (true, false) => Some(process),
            (false, true) => Some(format!("t{thread}")),
            (false, false) => None,
        }
    }

    pub fn made_calls(&self, process: i32) -> bool {
        self.processes.contains_key(&process)
    }

    /// The ids that the labels among these marks stand for.
    pub fn legend(&self, marks: &[Mark]) -> Option<Verdict> {
        let mut ids: Vec<(&str, i32)> = Vec::new();
        let labelled = marks.iter().filter_map(|mark| match mark {
            Mark::Call(bracket) if !bracket.quiet => Some((bracket.label.as_deref()?, &bracket.call)),
            _ => None,
        });
        for (label, call) in labelled {
            if !ids.iter().any(|(known, _)| *known == label) {
                let id = call.process.filter(|_| !self.named).map_or(call.thread, i32::from);
                ids.push((label, id));
            }
        }
        let words: Vec<String> = ids.iter().map(|(label, id)| format!("{label} is {id}")).collect();
        let name = if self.named { "threads" } else { "processes" };
        (!words.is_empty()).then(|| Verdict {
            name,
            words: words.join(", "),
        })
    }
}

/// `A` to `Z`, then `AA` and so on.
fn letters(place: usize) -> String {
    let last = char::from(b'A' + (place % 26) as u8);
    match place / 26 {
        0 => last.to_string(),
        more => letters(more - 1) + &last.to_string(),
    }
}

#[cfg(test)]
#[path = "../../tests/unit/scene_makers.rs"]
mod tests;
