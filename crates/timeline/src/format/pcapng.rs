//! Captures that Wireshark opens.
//!
//! [`write()`] makes a [pcapng](https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html)
//! file with every packet of a timeline, unedited, and a comment on each that says what it is. Between
//! them stand the server's calls and the sockets' states, in words for Wireshark and as records that
//! [`read()`] gives back: a timeline that is written and read is the same timeline.
//! [`write_frames`] writes the frames without the records and the comments.
//! [`write_ends`] writes what a capture at an end of a wire would hold.
//! [`Encoder`] writes such a file while a server runs, event by event.
//! [`read()`] takes pcapng and classic pcap files from anywhere, [`read_into`] those of any length.
//!
//! ```
//! use timeline::format::pcapng;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut file = Vec::new();
//! # let empty = timeline::Recording::default();
//! # pcapng::write(&empty.into_timeline(), "echo", &mut file)?;
//! let timeline = pcapng::read(&file[..])?.into_timeline();
//! println!("{timeline}");
//! # Ok(())
//! # }
//! ```

mod block;
mod comment;
mod encode;
mod ends;
mod entry;
mod error;
mod input;
mod read;
mod record;
mod write;

pub use encode::Encoder;
pub use ends::{Vantage, write_ends};
pub use error::ReadError;
pub(crate) use read::retell;
pub use read::{read, read_as_far, read_into};
pub use write::{write, write_frames};

/// The longest frame that a capture keeps: what Wireshark writes and takes at most.
const LONGEST_FRAME: u32 = 262_144;
