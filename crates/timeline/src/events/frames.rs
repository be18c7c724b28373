//! Which events of a timeline are frames of its capture file, and their numbers.
//!
//! There is one numbering: that of the file. Wireshark shows it, and so do the lanes, the pages and
//! the JSON, whether the timeline comes from a run or from the file of that run. Packets are frames,
//! and so are the calls, and the states of sockets that are worth a line.

use std::collections::HashMap;

use super::event::*;
use crate::timeline::Timeline;
use crate::words::{call_words, client_words, process_words, state_words};

/// The numbers of a timeline's frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frames {
    /// By the index of the event; `None` for one that is no frame.
    of_event: Vec<Option<usize>>,
    /// The numbers in order, each with the index of its event.
    by_number: Vec<(usize, usize)>,
    /// By the index of the event behind which they stand.
    states: HashMap<usize, Vec<ShownState>>,
}

/// A socket's state at the place where it is shown: behind the packet that brought it, where the
/// capture has every packet, and else where the socket table showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownState {
    /// Whose.
    pub connection: ConnectionId,
    /// The change.
    pub change: StateChange,
    /// The number of its frame. `None` if it has none, as in the captures of others.
    pub frame: Option<usize>,
}

impl Timeline {
    /// The number of the frame that an event is in the capture file, counted from 1 as Wireshark
    /// does. `None` for an event that is no frame.
    pub fn frame(&self, index: usize) -> Option<usize> {
        self.frames.of_event.get(index).copied().flatten()
    }

    /// The index of the event that is the frame with this number.
    pub fn index_of_frame(&self, number: usize) -> Option<usize> {
        let found = self.frames.by_number.binary_search_by_key(&number, |frame| frame.0);
        Some(self.frames.by_number[found.ok()?].1)
    }

    /// The states that are shown behind an event.
    pub fn states_after(&self, index: usize) -> &[ShownState] {
        self.frames.states.get(&index).map_or(&[], Vec::as_slice)
    }

    /// The highest number of a frame; 0 if there are none.
    pub fn last_frame(&self) -> usize {
        let states = self.frames.states.values().flatten().filter_map(|state| state.frame);
        let events = self.frames.of_event.iter().copied().flatten();
        events.chain(states).max().unwrap_or(0)
    }
}

/// Gives each event its number. `given` are the numbers that a file has given to them, or nothing
/// for a run that is in no file yet.
pub(crate) fn number(timeline: &mut Timeline, given: Vec<Option<usize>>) {
    let mut frames = counted(timeline);
    // A file that was written while the run went on, or somebody else's, is numbered in its own way.
    if !given.is_empty() && given != frames.of_event {
        frames.of_event = given;
        for (index, states) in &mut frames.states {
            let event = &timeline.events[*index].kind;
            for state in states {
                let is_event = matches!(event, EventKind::State(change) if *change == state.change);
                state.frame = frames.of_event[*index].filter(|_| is_event);
            }
        }
    }
    for (event, number) in timeline.events.iter_mut().zip(&frames.of_event) {
        if let (EventKind::Packet(packet), Some(number)) = (&mut event.kind, number) {
            packet.number = *number;
        }
    }
    let indexed = frames.of_event.iter().enumerate();
    frames.by_number = indexed
        .filter_map(|(index, number)| Some(((*number)?, index)))
        .collect();
    frames.by_number.sort_unstable();
    timeline.frames = frames;
}

/// The numbers as the file has them that is written of a timeline.
fn counted(timeline: &Timeline) -> Frames {
    let mut states: HashMap<usize, Vec<ShownState>> = HashMap::new();
    for connection in timeline.connections() {
        for (index, change) in connection.states_in_place() {
            states.entry(index).or_default().push(ShownState {
                connection: connection.id(),
                change,
                frame: None,
            });
        }
    }
    let observed = timeline.level != Level::Capture;
    let mut count = 0;
    let mut next = |is_frame: bool| {
        count += usize::from(is_frame);
        is_frame.then_some(count)
    };
    let mut of_event = Vec::with_capacity(timeline.events.len());
    for (index, event) in timeline.events.iter().enumerate() {
        of_event.push(next(is_frame(&event.kind)));
        for state in states.get_mut(&index).into_iter().flatten() {
            state.frame = next(observed && state_words(&state.change).is_some());
        }
    }
    Frames {
        of_event,
        by_number: Vec::new(),
        states,
    }
}

/// Whether an event is a frame of its own. Of the states those are that [`ShownState`] holds.
fn is_frame(kind: &EventKind) -> bool {
    match kind {
        EventKind::Packet(_) => true,
        EventKind::Call(call) => call_words(call).is_some(),
        EventKind::Client(action) => client_words(action).is_some(),
        EventKind::Process(event) => process_words(event).is_some(),
        EventKind::State(_) => false,
    }
}
