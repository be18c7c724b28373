//! What there is to say of a packet. It is found in words, and written into a capture file, from which it is read back.

use std::fmt;

use super::ids::{FrameNumber, Side};

/// What there is to say of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The calls that made it leave. None for a packet that the kernel made on its own.
    pub calls: Vec<ToldCall>,
    /// Set where the packet left later than its call.
    pub held: Option<HeldBack>,
    /// Why it is there.
    pub sentence: String,
}

/// A call that made a packet leave: `server: sendto(9, "1", 1) = 1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldCall {
    /// Who made it. `None` where a file's comment does not say.
    pub by: Option<Side>,
    /// The call.
    pub words: String,
}

impl fmt::Display for ToldCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            Some(side) => write!(f, "{side}: {}", self.words),
            None => f.write_str(&self.words),
        }
    }
}

/// How long a segment was held back, and what let it go, in the terms that a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// From the return of its call to the segment, in whole milliseconds.
    pub milliseconds: u64,
    /// The number of the frame whose ACK let it go.
    pub until_frame: FrameNumber,
}
