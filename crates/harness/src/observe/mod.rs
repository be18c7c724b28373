//! Where events come from, on Linux.
//!
//! Each observer fills one [`Recorder`](crate::recorder::Recorder) and knows nothing of the others; [`Run`] holds them
//! together.

mod filter;
mod guests;
mod keeper;
mod machine;
mod memory;
mod messages;
mod namespace;
mod net;
mod output;
mod packets;
mod run;
mod sandbox;
mod sockets;
mod spawn;
mod spin;
mod trace;
mod worker;

pub use machine::wire_refusal;
pub(crate) use machine::{processors, stay_on};
pub use run::segment_counters;
pub(crate) use run::{Network, Run};
pub use trace::traced_calls;
