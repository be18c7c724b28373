//! The frames are numbered, from the events alone: which socket has which state needs flags, packets and sides, and no
//! fact.

use std::collections::HashMap;

use super::event::*;
use super::frames::{Frames, ShownState};
use super::ids::{EventId, FrameNumber};
use super::seen::Seen;
use super::sockets::states_by_packets;

impl Seen {
    /// With its frames numbered: `given` are the numbers of a file, one for each event, and none for a run that is in no
    /// file yet. `by_packets` is what the packets of each connection tell of its sockets, where not all are here.
    pub(crate) fn numbered(
        mut self,
        given: Vec<Option<FrameNumber>>,
        by_packets: Option<Vec<Vec<(EventId, StateChange)>>>,
    ) -> Seen {
        self.of_connection = vec![Vec::new(); self.endpoints.len()];
        for (event, id) in self.events.iter().zip((0..).map(EventId::of)) {
            event
                .connection
                .into_iter()
                .for_each(|on| self.of_connection[on.index()].push(id));
        }
        self.by_packets = by_packets.unwrap_or_else(|| self.connections().map(states_by_packets).collect());
        self.frames = number(&mut self, given);
        self
    }
}

/// Gives each event its number.
fn number(seen: &mut Seen, given: Vec<Option<FrameNumber>>) -> Frames {
    let mut frames = counted(seen);
    let given: Vec<FrameNumber> = given.iter().map(|number| number.unwrap_or_default()).collect();
    // A file that was written while the run went on, or somebody else's, is numbered in its own way.
    if !given.is_empty() && given != frames.of_event {
        frames.of_event = given;
        for (id, states) in &mut frames.states {
            for state in states {
                let is_event = matches!(seen[*id].kind, EventKind::State(change) if change == state.change);
                state.frame = Some(frames.of_event[id.index()]).filter(|number| is_event && *number != 0);
            }
        }
    }
    for (event, number) in seen.events.iter_mut().zip(&frames.of_event) {
        if let EventKind::Packet(packet) = &mut event.kind {
            packet.number = *number;
        }
    }
    let of_event = &frames.of_event;
    let numbered = (0..of_event.len()).filter(|event| of_event[*event] != 0);
    frames.by_number = numbered.map(EventId::of).collect();
    frames.by_number.sort_by_key(|id| of_event[id.index()]);
    frames
}

/// The numbers as the file has them that is written of a timeline.
fn counted(seen: &Seen) -> Frames {
    let mut states: HashMap<EventId, Vec<ShownState>> = HashMap::new();
    for connection in seen.connections() {
        for (id, change) in connection.states_in_place() {
            states.entry(id).or_default().push(ShownState {
                connection: connection.id(),
                change,
                frame: None,
            });
        }
    }
    let observed = seen.level != Level::Capture;
    let mut count = 0_usize;
    let mut next = |is_frame: bool| {
        count += usize::from(is_frame);
        is_frame.then_some(FrameNumber::of(count))
    };
    let mut of_event = Vec::with_capacity(seen.events.len());
    for (id, event) in seen.iter() {
        of_event.push(next(event.is_frame()).unwrap_or_default());
        for state in states.get_mut(&id).into_iter().flatten() {
            state.frame = next(observed && state.change.is_frame());
        }
    }
    Frames {
        of_event,
        by_number: Vec::new(),
        states,
    }
}
