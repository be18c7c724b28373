//! Some connections of a timeline, as if there had been no others.

use super::Timeline;
use crate::events::frames::Frames;
use crate::events::*;

impl Timeline {
    /// The timeline of these connections alone, in their order. Its frames keep their numbers; its connections are
    /// counted anew. What belongs to none stays where calls were recorded.
    pub fn part(&self, keep: &[ConnectionId]) -> Timeline {
        let place = |id: ConnectionId| keep.iter().position(|kept| *kept == id).map(ConnectionId);
        let outside = self.level != Level::Capture;
        let mut events = Vec::new();
        let mut numbers = Vec::new();
        for (id, event) in self.iter() {
            let connection = event.connection.map(place);
            if connection == Some(None) || connection.is_none() && !outside {
                continue;
            }
            events.push(Event {
                connection: connection.flatten(),
                ..event.clone()
            });
            numbers.push(self.frame(id));
        }
        let seen = Seen {
            level: self.level,
            endpoints: keep.iter().map(|id| self.endpoints[id.0]).collect(),
            links: keep.iter().map(|id| self.links[id.0]).collect(),
            events,
            dropped: self.dropped,
            not_kept: self.not_kept,
            of_connection: Vec::new(),
            by_packets: Vec::new(),
            frames: Frames::default(),
        };
        seen.numbered(numbers, None).into()
    }
}
