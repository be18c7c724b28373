//! Some connections of a timeline, as if there had been no others.

use super::Timeline;
use crate::events::*;

impl Timeline {
    /// The timeline of these connections alone. They keep their numbers, and so do the frames. What belongs to none stays
    /// where calls were recorded.
    pub fn part(&self, keep: &[ConnectionId]) -> Timeline {
        let mut kept = vec![false; self.endpoints.len()];
        keep.iter().for_each(|id| kept[id.index()] = true);
        if self.is_excerpt() {
            // What is so of its packets follows from all of the capture.
            let mut part = self.clone();
            let totals = part
                .left_out
                .iter_mut()
                .flat_map(|left_out| &mut left_out.of_connection);
            let others = totals.zip(kept).filter(|(_, kept)| !kept);
            others.for_each(|(totals, _)| *totals = None);
            return part;
        }
        let outside = self.level != Level::Capture;
        let mut events = Vec::new();
        let mut numbers = Vec::new();
        for (id, event) in self.iter() {
            if event.connection.map_or(outside, |on| kept[on.index()]) {
                events.push(event.clone());
                numbers.push(self.frame(id));
            }
        }
        let seen = Seen {
            level: self.level,
            endpoints: self.endpoints.clone(),
            links: self.links.clone(),
            events,
            dropped: self.dropped,
            not_kept: self.not_kept,
            ..Seen::default()
        };
        Timeline {
            left_out: self.left_out.clone(),
            ..seen.numbered(numbers, None).into()
        }
    }

    /// An excerpt with those packets that another one of the same capture keeps.
    pub fn with_packets_of(mut self, other: Timeline) -> Timeline {
        for (id, totals) in (0..).map(ConnectionId).zip(
            self.left_out
                .iter_mut()
                .flat_map(|left_out| &mut left_out.of_connection),
        ) {
            if let (Some(totals), Some(others)) = (totals, other.totals(id)) {
                totals.left_out = others.left_out;
            }
        }
        Timeline {
            facts: other.facts.of_connections(self.facts.connections),
            seen: other.seen,
            left_out: self.left_out,
        }
    }
}
