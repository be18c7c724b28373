//! Which events of a timeline are frames of its capture file, and their numbers.
//!
//! There is one numbering: that of the file. Wireshark shows it, and so do the lanes, the pages and
//! the JSON, whether the timeline comes from a run or from the file of that run. Packets are frames,
//! and so are the calls, and the states of sockets that are worth a line.

use std::collections::HashMap;

use super::event::*;
use super::ids::{ConnectionId, EventId, FrameNumber};
use super::seen::Seen;

/// The numbers of a timeline's frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frames {
    /// In the order of the events; `None` for one that is no frame.
    of_event: Vec<Option<FrameNumber>>,
    /// The numbers in order, each with its event.
    by_number: Vec<(FrameNumber, EventId)>,
    /// By the event behind which they stand.
    states: HashMap<EventId, Vec<ShownState>>,
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
    pub frame: Option<FrameNumber>,
}

impl Seen {
    /// The number of the frame that an event is in the capture file. `None` for an event that is no frame.
    pub fn frame(&self, id: EventId) -> Option<FrameNumber> {
        self.frames().of_event.get(id.0).copied().flatten()
    }

    /// The event that is the frame with this number.
    pub fn event_of_frame(&self, number: FrameNumber) -> Option<EventId> {
        let by_number = &self.frames().by_number;
        let found = by_number.binary_search_by_key(&number, |frame| frame.0);
        Some(by_number[found.ok()?].1)
    }

    /// The states that are shown behind an event.
    pub fn states_after(&self, id: EventId) -> &[ShownState] {
        self.frames().states.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The highest number of a frame; 0 if there are none.
    pub fn last_frame(&self) -> FrameNumber {
        let states = self.frames().states.values().flatten().filter_map(|state| state.frame);
        let events = self.frames().of_event.iter().copied().flatten();
        events.chain(states).max().unwrap_or_default()
    }
}

/// Gives each event its number. `given` are the numbers that a file has given to them, or nothing
/// for a run that is in no file yet.
pub(super) fn number(seen: &mut Seen, given: Vec<Option<FrameNumber>>) -> Frames {
    let mut frames = counted(seen);
    // A file that was written while the run went on, or somebody else's, is numbered in its own way.
    if !given.is_empty() && given != frames.of_event {
        frames.of_event = given;
        for (id, states) in &mut frames.states {
            for state in states {
                let is_event = matches!(seen[*id].kind, EventKind::State(change) if change == state.change);
                state.frame = frames.of_event[id.0].filter(|_| is_event);
            }
        }
    }
    for (event, number) in seen.events.iter_mut().zip(&frames.of_event) {
        if let (EventKind::Packet(packet), Some(number)) = (&mut event.kind, number) {
            packet.number = *number;
        }
    }
    let numbered = frames.of_event.iter().zip((0..).map(EventId));
    frames.by_number = numbered.filter_map(|(number, id)| Some(((*number)?, id))).collect();
    frames.by_number.sort_unstable();
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
    let mut count = 0;
    let mut next = |is_frame: bool| {
        count += usize::from(is_frame);
        is_frame.then_some(FrameNumber(count))
    };
    let mut of_event = Vec::with_capacity(seen.events.len());
    for (id, event) in seen.iter() {
        of_event.push(next(event.is_frame()));
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

impl Event {
    /// Whether it is a frame of its own. Of the states those are that [`ShownState`] holds. A call that only found
    /// that it would have had to wait (EAGAIN) is none, nor is what a client of ours does, which is no call; a
    /// process is one if more became of it than that it was started.
    pub fn is_frame(&self) -> bool {
        match &self.kind {
            EventKind::Packet(_) => true,
            EventKind::Call(call) => !call.would_block(),
            EventKind::Client(action) => action.call.is_some(),
            EventKind::Process(event) => !matches!(
                event.kind,
                ProcessEventKind::Started
                    | ProcessEventKind::Settled(_)
                    | ProcessEventKind::OutputNotKept
                    | ProcessEventKind::Wrote { .. }
            ),
            EventKind::State(_) => false,
        }
    }
}

impl StateChange {
    /// Whether it is a frame. Of the client's states those are none in which its process still owns the socket.
    pub fn is_frame(&self) -> bool {
        let outlives_close = matches!(
            self.to,
            Some(TcpState::FinWait2 | TcpState::TimeWait | TcpState::CloseWait)
        );
        self.side == Side::Server || outlives_close
    }
}
