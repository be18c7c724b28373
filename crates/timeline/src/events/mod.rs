//! What was seen: events, ordered and typed. Nothing is concluded here.

mod bytes;
mod event;
mod explanation;
pub(crate) mod fragments;
pub(crate) mod frames;
mod ids;
pub(crate) mod layers;
pub(crate) mod link_type;
pub(crate) mod merge;
pub(crate) mod moments;
mod numbered;
mod numbers;
mod plain;
mod seen;
mod segment;
pub(crate) mod sockets;

pub use bytes::Bytes;
pub use event::*;
pub use explanation::{Explanation, HeldBack, ToldCall};
pub use frames::ShownState;
pub use ids::*;
pub use link_type::{LinkType, NoSegment};
pub use merge::{Record, Recording, Stream, What};
pub use numbers::is_after;
pub(crate) use numbers::unwrapped;
pub use plain::printable;
pub(crate) use plain::{is_plain, quoted};
pub use seen::{Seen, SeenConnection};
pub use segment::{Ends, Flags, IpMarks, RareOptions, Segment, SegmentOptions};
