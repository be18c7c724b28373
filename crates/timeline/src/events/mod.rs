//! What was seen: events, ordered and typed. Nothing is concluded here.

mod bytes;
mod event;
pub(crate) mod frames;
pub(crate) mod layers;
mod link_type;
pub(crate) mod merge;
mod numbers;
mod plain;
mod segment;
pub(crate) mod sockets;

pub use event::*;
pub use frames::ShownState;
pub use layers::NoSegment;
pub use link_type::LinkType;
pub use merge::{Record, Recording, Stream, What};
pub use numbers::is_after;
pub(crate) use numbers::{Numbering, Numbers, unwrapped};
pub use plain::printable;
pub(crate) use plain::{is_plain, quoted};
pub use segment::{Flags, Segment, SegmentOptions};
