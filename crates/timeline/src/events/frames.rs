//! Which events of a timeline are frames of its capture file, and their numbers.
//!
//! There is one numbering: that of the file. Wireshark shows it, and so do the lanes, the pages and
//! the JSON, whether the timeline comes from a run or from the file of that run. Packets are frames,
//! and so are the calls, and the states of sockets that are worth a line.

use std::collections::HashMap;

use super::event::*;
use super::ids::{ConnectionId, EventId, FrameNumber, Side};

/// The numbers of a timeline's frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frames {
    /// In the order of the events; 0 for one that is no frame.
    pub of_event: Vec<FrameNumber>,
    /// The events that are frames, in the order of their numbers.
    pub by_number: Vec<EventId>,
    /// By the event behind which they stand.
    pub states: HashMap<EventId, Vec<ShownState>>,
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
