//! What happened: one ordered list of events. Pure data, no I/O, any operating system.

mod bytes;
pub mod dissect;
mod event;
pub mod frames;
mod layers;
mod link_type;
mod long_capture;
mod merge;
mod plain;
mod query;
mod segment;
mod vantage;

pub mod explain;

pub use event::*;
pub use frames::ShownState;
pub use layers::NoSegment;
pub use link_type::LinkType;
pub(crate) use long_capture::{Counts, Found, Run, Stalls};
pub use long_capture::{Excerpt, Limits};
pub use merge::{Record, Recording, What};
pub(crate) use plain::is_plain;
pub use plain::printable;
pub(crate) use query::added;
pub use query::{Closing, Connection, Held, Teardown};
pub use segment::{Flags, Segment, SegmentOptions};

use crate::facts::ConnectionFacts;

/// Everything that was observed of a run, in one order.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// How much could be observed.
    pub level: Level,
    /// The connections, in the order in which they began. [`ConnectionId`] is an index into this.
    pub endpoints: Vec<Endpoints>,
    /// All events, ordered by [`Event::at`]; those of a file in the order of its frames, which is the
    /// same unless the file's stamps go back.
    pub events: Vec<Event>,
    /// Packets that the kernel had to drop because the capture did not keep up. Never hidden:
    /// every format shows it where it is not 0.
    pub dropped: u64,
    /// How many events came later and were not kept, as the run was too long
    /// (`keep` of the harness's `ServerBuilder`).
    pub not_kept: u64,
    /// What is so of each connection as a whole, in the order of `endpoints`.
    pub facts: Vec<ConnectionFacts>,
    /// How each connection was told from others.
    pub(crate) links: Vec<merge::Link>,
    /// The events of each connection, as indices: ten thousand connections must not each look
    /// through all events.
    of_connection: Vec<Vec<usize>>,
    /// The numbers of the frames.
    frames: frames::Frames,
    /// What an [`Excerpt`] counted of a long capture and did not keep; `None` where all is here.
    left_out: Option<Box<long_capture::LeftOut>>,
}
