//! From the numbers on the wire to those that are shown, and to those that are followed.

use super::{Both, Flags, Segment, Side};

/// True if sequence number `a` lies after `b`, wrapping (RFC 9293, section 3.4).
pub fn is_after(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() > 0
}

/// The 64-bit number with these low 32 bits that is nearest to `near`.
pub(crate) fn unwrapped(low: u32, near: u64) -> u64 {
    let distance = low.wrapping_sub(near as u32).cast_signed();
    near.saturating_add_signed(distance.into())
}

/// A connection's relative numbers: where each side's begin, and how its windows are scaled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbering(Both<Half>);

#[derive(Clone, Copy, Debug, Default)]
struct Half {
    /// The sequence number that is shown as 0.
    base: Option<u32>,
    saw_syn: bool,
    /// The shift that this side announced.
    window_scale: Option<u8>,
}

/// A segment's numbers as they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub seq: u32,
    pub ack: u32,
    pub window: u32,
}

impl Numbering {
    /// True if this side's SYN was captured.
    pub fn saw_syn(&self, side: Side) -> bool {
        self.0[side].saw_syn
    }

    /// True if a SYN of this side with this sequence number was captured.
    pub fn has_syn(&self, side: Side, seq: u32) -> bool {
        let half = self.0[side];
        half.saw_syn && half.base == Some(seq)
    }

    /// True if this side's numbers begin with this one, whether its SYN was captured or follows from what came after it.
    pub fn begins_at(&self, side: Side, seq: u32) -> bool {
        self.0[side].base == Some(seq)
    }

    /// Takes in a segment.
    pub fn see(&mut self, from: Side, segment: &Segment) -> Numbers {
        let (mine, theirs) = self.0.split_mut(from);
        let syn = segment.flags.has(Flags::SYN);
        if syn {
            *mine = Half {
                base: Some(segment.seq),
                saw_syn: true,
                window_scale: segment.options.rare.as_ref().and_then(|rare| rare.window_scale),
            };
        }
        // Without the SYN the first segment counts from 1, as in Wireshark.
        let base = *mine.base.get_or_insert(segment.seq.wrapping_sub(1));
        let ack = if segment.flags.has(Flags::ACK) {
            let base = *theirs.base.get_or_insert(segment.ack.wrapping_sub(1));
            segment.ack.wrapping_sub(base)
        } else {
            0
        };
        // Both must have offered to scale (RFC 7323, section 2.2). A shift above 14 counts as 14. Where the
        // peer's SYN was not captured, its sender's own offer is all there is to go by.
        let agreed = !theirs.saw_syn || theirs.window_scale.is_some();
        let shift = mine.window_scale.filter(|_| agreed && !syn).unwrap_or(0).min(14);
        Numbers {
            seq: segment.seq.wrapping_sub(base),
            ack,
            window: u32::from(segment.window) << shift,
        }
    }
}

#[cfg(test)]
#[path = "../../tests/unit/events_numbers.rs"]
mod tests;
