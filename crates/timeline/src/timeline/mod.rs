//! What happened, as a whole: the events of a run, what is so of them, and the questions to ask.

mod excerpt;
mod questions;
mod vantage;

pub(crate) use excerpt::{Counts, Found, Run, Stalls};
pub use excerpt::{Excerpt, Limits};
pub use questions::{Closing, Connection, Held, Teardown};

use crate::events::frames::Frames;
use crate::events::merge::Link;
use crate::events::{Endpoints, Event, Level};
use crate::facts::ConnectionFacts;

/// Everything that was observed of a run, in one order.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// How much could be observed.
    pub level: Level,
    /// The connections, in the order in which they began. [`ConnectionId`](crate::ConnectionId) is an index into this.
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
    pub(crate) links: Vec<Link>,
    /// The events of each connection, as indices: ten thousand connections must not each look
    /// through all events.
    pub(crate) of_connection: Vec<Vec<usize>>,
    /// The numbers of the frames.
    pub(crate) frames: Frames,
    /// What an [`Excerpt`] counted of a long capture and did not keep; `None` where all is here.
    pub(crate) left_out: Option<Box<excerpt::LeftOut>>,
}
