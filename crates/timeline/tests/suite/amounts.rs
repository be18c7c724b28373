//! How much is on the way and unread, after each event.

use timeline::facts::{Amounts, amounts};
use timeline::{Both, EventId, Side, Timeline};

use crate::samples::committed;

/// Each segment with data, with what is in flight of its sender's and unread at its receiver's after it.
fn after_data(timeline: &Timeline) -> Vec<(String, u64, Option<u64>)> {
    let of_packet = |(id, amounts): (EventId, Amounts)| {
        let packet = timeline.packet(id)?;
        let (from, to) = (packet.from, packet.from.peer());
        let shown = packet.segment.payload.escape_ascii().to_string();
        (packet.segment.len > 0).then(|| (shown, amounts.in_flight[from], amounts.unread[to]))
    };
    amounts(*timeline.only()).into_iter().filter_map(of_packet).collect()
}

fn last(timeline: &Timeline) -> Amounts {
    amounts(*timeline.only()).last().unwrap().1
}

#[test]
fn a_byte_is_in_flight_until_its_ack_and_unread_until_its_read() {
    let timeline = committed("step1-two-writes");
    let shown = after_data(&timeline);
    assert_eq!(shown[0], ("1\\n".to_owned(), 2, Some(2)));
    assert!(
        shown[1..]
            .iter()
            .any(|(shown, in_flight, _)| shown == "\\n" && *in_flight == 1)
    );
    let nothing = Amounts {
        in_flight: Both::default(),
        unread: Both::of(|_| Some(0)),
    };
    assert_eq!(last(&timeline), nothing);
}

/// A segment that the wire lost is in flight, and has not come.
#[test]
fn what_was_lost_has_not_come() {
    let timeline = committed("wire-lost-segment");
    let lost = timeline.only().packets().find(|(_, packet)| {
        let passage = packet.passage.as_ref();
        passage.is_some_and(|passage| passage.arrivals.is_empty())
    });
    let (lost, packet) = lost.unwrap();
    let (_, after) = amounts(*timeline.only())
        .into_iter()
        .find(|(id, _)| *id == lost)
        .unwrap();
    assert!(after.in_flight[packet.from] >= u64::from(packet.segment.len));
    assert_eq!(after.unread[packet.from.peer()], Some(0));
    assert_eq!(last(&timeline).in_flight, Both::default());
}

#[test]
fn what_is_not_known_is_not_said() {
    let timeline = committed("step1-two-writes").captured_at(Side::Client);
    let all = amounts(*timeline.only());
    assert!(all.iter().all(|(_, amounts)| amounts.unread == Both::default()));
    assert!(
        all.iter()
            .any(|(_, amounts)| amounts.in_flight == Both { client: 2, server: 0 })
    );
}
