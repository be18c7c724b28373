//! What a TCP server did on the wire, as plain data: what was seen, what is so, what to say, what to draw.
//!
//! Nothing here watches a server; the crate `harness` does, and a capture file tells as much as it holds. So all
//! of this builds and runs on any operating system, and none of it is `unsafe`.
//!
//! ```
//! let file = std::fs::File::open("../../captures/step1-two-writes.pcapng")?;
//! let timeline = timeline::format::pcapng::read(file)?.into_timeline();
//! assert_eq!(timeline.packets_per_exchange(), [6, 5]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The floors, each of which stands on those above it in this list
//!
//! - events, which stand at the top of this crate: [`Event`] and its kinds, as they were seen and numbered.
//! - [`facts`] is what is so of each packet, with its evidence and how sure it is.
//! - [`Timeline`] is both together, and the questions to ask of them.
//! - [`rules`] find what a server should not do; they go by facts.
//! - [`words`] are a sentence for each event, which says what the facts say.
//! - [`overview`] is a run at a glance: a row for each connection, and what they come to.
//! - [`mod@compare`] is what differs between two runs.
//! - [`scene`] is what to draw of a timeline: arrows, calls, states, waits, words.
//! - [`mod@format`] is how it is shown: lanes for a terminal, Markdown, JSON, pictures, pcapng for Wireshark.
//! - [`width`] is for all that has only so many columns.

#[macro_use]
mod shown;

pub mod compare;
pub mod dissect;
mod events;
pub mod facts;
pub mod format;
pub mod overview;
pub mod rules;
pub mod scene;
mod timeline;
pub mod width;
pub mod words;

pub use events::*;
pub use timeline::{Closing, Connection, Excerpt, Held, KnownPacket, Limits, Teardown, Timeline, spent};
