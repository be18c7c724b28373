//! What there is to say of a packet. It is found in words, and written into a capture file, from which it is read back.

use super::ids::FrameNumber;

/// What there is to say of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The calls that made it leave, with their side, one per line: `server: sendto(9, "1", 1) = 1`.
    /// `None` for a packet that the kernel made on its own.
    pub call: Option<String>,
    /// Set where the packet left later than its call.
    pub held: Option<HeldBack>,
    /// Why it is there.
    pub sentence: String,
}

/// How long a segment was held back, and what let it go, in the terms that a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// From the return of its call to the segment, in whole milliseconds.
    pub milliseconds: u64,
    /// The number of the frame whose ACK let it go.
    pub until_frame: FrameNumber,
}
