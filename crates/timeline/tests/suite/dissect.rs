//! Every bit of a frame belongs to one field.

use std::ops::Range;

use proptest::prelude::*;
use proptest::sample::select;

use timeline::dissect::*;
use timeline::{EventKind, LinkType, Segment, Side};

use crate::arbitrary;
use crate::samples::{Script, committed};

/// Each bit of a frame of so many bytes belongs to one field, and the fields stand in order.
fn covers(fields: &[Field], length: usize) -> Result<(), TestCaseError> {
    let mut next = 0;
    for field in fields {
        prop_assert_eq!(field.bits.start, next, "before {:?} of {:#?}", field, fields);
        prop_assert!(field.bits.end > next, "{:?} is empty", field);
        next = field.bits.end;
    }
    prop_assert_eq!(next, length * 8, "{:#?}", fields);
    Ok(())
}

/// The fields say what the timeline goes by.
fn agrees(fields: &[Field], segment: &Segment) -> Result<(), TestCaseError> {
    let of_tcp = |name: &str| {
        let field = fields
            .iter()
            .find(|field| field.layer == Layer::Tcp && field.name.name == name);
        field.map(|field| field.value.clone())
    };
    let expected = [
        ("Source Port", u32::from(segment.source().port())),
        ("Destination Port", u32::from(segment.destination().port())),
        ("Sequence Number", segment.seq),
        ("Acknowledgment Number", segment.ack),
        ("Window", segment.window.into()),
    ];
    for (name, number) in expected {
        prop_assert_eq!(of_tcp(name), Some(number.to_string()), "{}: {:#?}", name, fields);
    }
    let data = fields.iter().find(|field| field.layer == Layer::Data);
    prop_assert_eq!(
        data.map_or(0, |data| data.bytes().len()),
        segment.payload.len(),
        "{:#?}",
        fields
    );
    Ok(())
}

fn check(link_type: LinkType, frame: &[u8]) -> Result<(), TestCaseError> {
    let fields = dissect_frame(link_type, frame, Context::default());
    covers(&fields, frame.len())?;
    match Segment::decode(link_type, frame, u32::try_from(frame.len()).unwrap()) {
        Ok(segment) => agrees(&fields, &segment),
        Err(_) => Ok(()),
    }
}

const LINKS: [u16; 10] = [0, 1, 12, 14, 101, 108, 113, 228, 229, 276];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_bit_of_chance_belongs_to_one_field(
        link in select(&[0, 1, 9, 12, 101, 105, 108, 113, 228, 229, 276][..]),
        frame in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        check(LinkType(link), &frame)?;
    }

    #[test]
    fn each_bit_of_a_frame_belongs_to_one_field(
        recording in arbitrary::recording(),
        kept in 0..200_usize,
        damage in prop::collection::vec((0..200_usize, any::<u8>()), 0..4),
        link in select(&LINKS[..]),
    ) {
        for event in &recording.into_timeline().events {
            let EventKind::Packet(packet) = &event.kind else { continue };
            covers(&dissect(packet), packet.frame.len())?;
            let mut frame = packet.frame.to_vec();
            for (at, byte) in &damage {
                if let Some(place) = frame.get_mut(*at) {
                    *place = *byte;
                }
            }
            check(packet.link_type, &frame)?;
            frame.truncate(kept);
            check(packet.link_type, &frame)?;
            check(LinkType(link), &frame)?;
        }
    }
}

/// A field as a line: its layer, bits, name, value, and words.
fn line(field: &Field) -> String {
    let words = field
        .words
        .iter()
        .map(|words| format!("  ({words})"))
        .collect::<String>();
    let Range { start, end } = field.bits;
    format!(
        "{} {start}..{end} {}: {}{words}\n",
        field.layer, field.name.name, field.value
    )
}

#[test]
fn a_syn_of_step_1_is_taken_apart() {
    let timeline = committed("step1-two-writes");
    let syn = timeline.events.iter().find_map(|event| match &event.kind {
        EventKind::Packet(packet) => Some(packet),
        _ => None,
    });
    let shown: String = dissect(syn.unwrap()).iter().map(line).collect();
    let expected = [
        "Link 0..48 Destination: 00:00:00:00:00:00  (the loopback interface has no address of its own)",
        "Link 96..112 EtherType: 0x0800  (IPv4)",
        "IPv4 112..116 Version: 4",
        "IPv4 116..120 IHL: 5  (20 bytes)",
        "IPv4 208..240 Source Address: 127.0.0.2",
        "TCP 272..288 Source Port: 57464  (a dynamic port)",
        "TCP 288..304 Destination Port: 3000  (a user port)",
        "  (relative 0)",
        "does not count: ACK is not set",
        "TCP 382..383 SYN: 1  (set)",
        "  (partial: only the addresses, the protocol and the length are added up.",
        "TCP 432..440 Kind: 2  (Maximum Segment Size)",
        "TCP 448..464 Maximum Segment Size: 1460  (1460 bytes)",
        "TCP 496..528 Timestamp Value: ",
        "Window Scale: ",
    ];
    for part in expected {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
}

/// The sum that a receiver would make: correct where it was filled in, and then wrong with any bit turned.
#[test]
fn a_checksum_is_checked() {
    let mut script = Script::new();
    let timeline = script.frame(0, Side::Client, "PSH,ACK", 1, 1, "hello").timeline();
    let EventKind::Packet(packet) = &timeline.events[0].kind else {
        panic!("{timeline}")
    };
    let words = |frame: &[u8]| -> Vec<String> {
        let fields = dissect_frame(packet.link_type, frame, Context::default());
        let sums = fields.into_iter().filter(|field| field.name.name.ends_with("Checksum"));
        sums.filter_map(|field| field.words).collect()
    };
    assert_eq!(words(&packet.frame), ["correct", "correct"]);
    let mut frame = packet.frame.to_vec();
    *frame.last_mut().unwrap() ^= 1;
    assert_eq!(words(&frame)[0], "correct");
    assert!(words(&frame)[1].starts_with("wrong"), "{:?}", words(&frame));
    // The time to live.
    frame[22] ^= 1;
    assert!(words(&frame)[0].starts_with("wrong"), "{:?}", words(&frame));
    frame.pop();
    assert!(words(&frame)[1].starts_with("not checked"), "{:?}", words(&frame));
}

#[test]
fn each_field_has_a_meaning() {
    let timeline = committed("step1-two-writes");
    for event in &timeline.events {
        let EventKind::Packet(packet) = &event.kind else {
            continue;
        };
        for field in dissect(packet) {
            assert!(field.name.meaning.ends_with('.'), "{field:?}");
            assert!(!field.name.source.is_empty(), "{field:?}");
        }
    }
}
