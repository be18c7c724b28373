//! How much room is taken by what is kept of each event: a run of a million events has a million of each of these.

use timeline::facts::PacketFacts;
use timeline::scene::{Arrow, Bracket, Mark};
use timeline::{Call, ClientAction, Event, Packet, ProcessEvent, Record, Segment};

#[cfg(target_pointer_width = "64")]
#[test]
fn what_is_kept_of_an_event_is_no_larger_than_it_was() {
    // Where one of these fails: box what few events have. A larger bound means more memory for each event of each run.
    let sizes = [
        ("an observation", size_of::<Record>(), 88),
        ("an event", size_of::<Event>(), 32),
        ("a packet", size_of::<Packet>(), 72),
        ("a segment", size_of::<Segment>(), 88),
        ("a call", size_of::<Call>(), 152),
        ("what a client did", size_of::<ClientAction>(), 56),
        ("what a process did", size_of::<ProcessEvent>(), 56),
        ("the facts of a packet", size_of::<PacketFacts>(), 136),
        ("a mark of a scene", size_of::<Mark>(), 16),
        ("an arrow of a scene", size_of::<Arrow>(), 416),
        ("a call of a scene", size_of::<Bracket>(), 352),
    ];
    for (what, bytes, most) in sizes {
        assert!(bytes <= most, "{what} takes {bytes} bytes, and {most} are the most");
    }
}
