//! How far a connection has come, for whoever waits while a run goes on: the recorder asks after each packet, before
//! there is a timeline.

use timeline::is_after;
use timeline::{Flags, Segment, Side};

/// How far the two directions of a connection have come.
#[derive(Default)]
pub(crate) struct FlowProgress {
    client: Way,
    server: Way,
    /// True once a FIN or a reset was seen.
    pub closing: bool,
    reset: bool,
}

/// One direction, by absolute sequence numbers.
#[derive(Default)]
struct Way {
    start: Option<u32>,
    /// The sequence number behind everything sent.
    next: u32,
    /// What the other side has acknowledged.
    acked: u32,
}

impl FlowProgress {
    /// Takes in a segment; `came` is false for one that did not come to its host.
    pub fn see(&mut self, side: Side, segment: &Segment, came: bool) {
        let (mine, theirs) = match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        };
        let controls = u32::from(segment.flags.has(Flags::SYN)) + u32::from(segment.flags.has(Flags::FIN));
        let end = segment.seq.wrapping_add(segment.len).wrapping_add(controls);
        if mine.start.is_none() {
            *mine = Way {
                start: Some(segment.seq),
                next: end,
                acked: segment.seq,
            };
        } else if is_after(end, mine.next) {
            mine.next = end;
        }
        // ACKs may come in another order than they left.
        let is_newer = is_after(segment.ack, theirs.acked);
        if segment.flags.has(Flags::ACK) && came && is_newer {
            theirs.acked = segment.ack;
        }
        self.reset |= segment.flags.has(Flags::RST) && came;
        self.closing |= self.reset || segment.flags.has(Flags::FIN);
    }

    /// True if all that both ends have sent is acknowledged, and that is at least so much, a FIN counted as
    /// a byte; or if a reset came.
    pub fn is_quiet(&self, client_sent: u64, server_sent: u64) -> bool {
        let all_left = self.client.has_sent(client_sent) && self.server.has_sent(server_sent);
        self.reset || (all_left && !self.awaits_ack())
    }

    /// True if something that was sent is not acknowledged, and no reset came.
    pub fn awaits_ack(&self) -> bool {
        let awaits = |way: &Way| way.next != way.acked;
        !self.reset && (awaits(&self.client) || awaits(&self.server))
    }
}

impl Way {
    /// True if so many bytes were sent, one for a FIN among them.
    fn has_sent(&self, bytes: u64) -> bool {
        self.start.is_some_and(|start| {
            // The SYN counts for one; the low 32 bits are all that a sequence number holds.
            let due = start.wrapping_add(1).wrapping_add(bytes as u32);
            self.next.wrapping_sub(due).cast_signed() >= 0
        })
    }
}
