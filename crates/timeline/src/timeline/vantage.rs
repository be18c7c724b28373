//! What a capture at one end alone would hold.

use super::Timeline;
use crate::events::*;

impl Timeline {
    /// The packets as a capture on one side's host would have them, and nothing else: what it sent when it
    /// left, what came to it when it came, and nothing of what was lost on the way to it.
    ///
    /// Where both hosts were observed this tells apart what each of them can know. Of any other timeline all
    /// packets are there.
    pub fn captured_at(&self, side: Side) -> Timeline {
        let mut records = Vec::new();
        for event in &self.events {
            let EventKind::Packet(packet) = &event.kind else {
                continue;
            };
            let came = packet.passage.as_ref().filter(|_| packet.from != side);
            let moments = came.map_or(vec![event.at], |passage| passage.arrivals.clone());
            // What the wire damaged looks sound to whoever does not add up its checksum.
            let frame = match came {
                Some(passage) if passage.corrupted => damaged(&packet.frame).into(),
                _ => packet.frame.clone(),
            };
            let segment = Segment::from_frame(packet.link_type, &frame, packet.wire_len);
            records.extend(moments.into_iter().map(|at| Record {
                at,
                what: What::Frame {
                    frame: frame.clone(),
                    link_type: packet.link_type,
                    wire_len: packet.wire_len,
                    comment: None,
                    passage: None,
                    segment: segment.clone().map(Box::new),
                },
            }));
        }
        Recording {
            records,
            dropped: self.dropped,
            not_kept: self.not_kept,
            ..Recording::default()
        }
        .into_timeline()
    }
}
