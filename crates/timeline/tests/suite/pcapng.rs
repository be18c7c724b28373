//! Capture files that are written and read back.

use std::io::{self, Read, Write};

use proptest::prelude::*;

use pcap_parser::pcapng::{EPB_MAGIC, IDB_MAGIC, SHB_MAGIC, SPB_MAGIC};

use timeline::format::pcapng::*;
use timeline::rules::RuleId;
use timeline::words::explain_all;
use timeline::*;

use crate::arbitrary;
use crate::samples::{self, Script};

fn file(timeline: &Timeline) -> Vec<u8> {
    let mut file = Vec::new();
    write(timeline, "step1", &mut file).unwrap();
    file
}

fn packets(timeline: &Timeline) -> Vec<(Timestamp, KnownPacket<'_>)> {
    let packets = timeline.connections().flat_map(Connection::packets);
    packets.map(|(index, packet)| (timeline[index].at, packet)).collect()
}

#[test]
fn what_is_written_is_read_back() {
    for script in [samples::two_writes(), samples::clean_close(), samples::client_reset()] {
        let timeline = script.timeline();
        let again = read(&file(&timeline)[..]).unwrap().into_timeline();
        assert_eq!(again, timeline);
        assert_eq!(again.findings(), timeline.findings());
        // A file of a file is the same file.
        assert_eq!(file(&again), file(&timeline));
    }
}

/// Whoever is to find out has the same frames, and nothing that says what they are.
#[test]
fn frames_alone_have_the_same_numbers_and_say_no_more() {
    for script in [samples::two_writes(), samples::clean_close(), samples::client_reset()] {
        let timeline = script.timeline();
        let mut bare = Vec::new();
        write_frames(&timeline, "step1", &mut bare).unwrap();
        let again = read(&bare[..]).unwrap().into_timeline();
        let numbers = |timeline: &Timeline| {
            packets(timeline)
                .iter()
                .map(|(_, packet)| packet.number)
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(&again), numbers(&timeline));
        assert!(packets(&again).iter().all(|(_, packet)| packet.comment.is_none()));
        // Frames alone tell of a wait, and not of what was waited for.
        let found = again.finding_ids();
        assert!(found.iter().all(|id| *id == RuleId::LateAck), "{found:?}");
        assert_eq!(again.held_segments(), []);
        for word in ["harness {", "Held", "kernel", "Sent"] {
            let found = bare.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "{word:?} is in the file");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was recorded: what is written and read is the same timeline.
    #[test]
    fn every_timeline_reads_back(recording in arbitrary::recording()) {
        let timeline = recording.into_timeline();
        let again = read(&file(&timeline)[..]).unwrap().into_timeline();
        prop_assert_eq!(&again, &timeline);
        prop_assert_eq!(file(&again), file(&timeline));
    }

    /// A file that is written while things happen holds the same events.
    #[test]
    fn every_record_reads_back(recording in arbitrary::recording()) {
        let mut records = recording.records.clone();
        records.sort_by_key(|record| record.at);
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, "step1", recording.level).unwrap();
        records.iter().for_each(|record| encoder.record(record).unwrap());
        encoder.finish().unwrap();
        let again = read(&file[..]).unwrap();
        prop_assert_eq!(again.level, recording.level);
        let expected: Vec<_> = records.iter().map(|record| format!("{record:?}")).collect();
        let found: Vec<_> = again.records.iter().map(|record| format!("{record:?}")).collect();
        prop_assert_eq!(found, expected);
        again.into_timeline().to_string();
    }
}

#[test]
fn a_frame_that_was_cut_by_the_capture_keeps_its_length() {
    let mut script = Script::new();
    script.frame(0, Side::Client, "PSH,ACK", 1, 1, "hello");
    for record in &mut script.recording.records {
        if let What::Frame { frame, .. } = &mut record.what {
            *frame = frame[..frame.len() - 3].into();
        }
    }
    let timeline = script.timeline();
    let again = read(&file(&timeline)[..]).unwrap().into_timeline();
    let packet = packets(&again)[0].1;
    assert_eq!((packet.wire_len, packet.frame.len()), (59, 56));
    assert_eq!((packet.segment.len, &packet.segment.payload[..]), (5, &b"he"[..]));
}

#[test]
fn drops_are_kept() {
    let mut script = samples::clean_close();
    script.recording.dropped = 7;
    let timeline = script.timeline();
    assert_eq!(read(&file(&timeline)[..]).unwrap().dropped, 7);
}

#[test]
fn a_comment_too_long_for_an_option_is_cut_between_characters() {}

/// A block in either byte order, with its lengths.
fn raw_block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = number(big, u32::try_from(body.len()).unwrap() + 12);
    [&number(big, kind)[..], &length, &body, &length].concat()
}

fn number(big: bool, number: u32) -> [u8; 4] {
    if big {
        number.to_be_bytes()
    } else {
        number.to_le_bytes()
    }
}

fn short(big: bool, number: u16) -> [u8; 2] {
    if big {
        number.to_be_bytes()
    } else {
        number.to_le_bytes()
    }
}

fn raw_section(big: bool) -> Vec<u8> {
    let body = [
        &number(big, 0x1a2b_3c4d)[..],
        &short(big, 1),
        &short(big, 0),
        &[0xff; 8],
    ]
    .concat();
    raw_block(big, SHB_MAGIC, &body)
}

/// An interface with a resolution and an offset in seconds.
fn raw_interface(big: bool, link_type: u16, resolution: u8, offset: i64, snaplen: u32) -> Vec<u8> {
    let offset = if big {
        offset.to_be_bytes()
    } else {
        offset.to_le_bytes()
    };
    let body = [
        &short(big, link_type)[..],
        &[0, 0],
        &number(big, snaplen),
        &[short(big, 9), short(big, 1)].concat(),
        &[resolution, 0, 0, 0],
        &[short(big, 14), short(big, 8)].concat(),
        &offset,
        &[0; 4],
    ];
    raw_block(big, IDB_MAGIC, &body.concat())
}

fn raw_packet(big: bool, interface: u32, units: u64, frame: &[u8]) -> Vec<u8> {
    let length = number(big, u32::try_from(frame.len()).unwrap());
    let (high, low) = (number(big, (units >> 32) as u32), number(big, units as u32));
    raw_block(
        big,
        EPB_MAGIC,
        &[&number(big, interface)[..], &high, &low, &length, &length, frame].concat(),
    )
}

fn a_frame() -> Vec<u8> {
    let mut script = Script::new();
    script.frame(0, Side::Client, "PSH,ACK", 1, 1, "hi");
    let What::Frame { frame, .. } = &script.recording.records[0].what else {
        unreachable!()
    };
    frame.to_vec()
}

fn times(recording: &Recording) -> Vec<u64> {
    recording.records.iter().map(|record| record.at.0).collect()
}

#[test]
fn both_byte_orders_several_interfaces_and_resolutions() {
    let frame = a_frame();
    for big in [false, true] {
        let file = [
            raw_section(big),
            raw_interface(big, 1, 6, 0, 0),
            raw_interface(big, 1, 9, 10, 0),
            raw_interface(big, 1, 0x80 | 10, 0, 0),
            raw_interface(big, 252, 9, 0, 0), // not used by a packet
            raw_block(big, 4, b"names: not needed"),
            raw_packet(big, 0, 1_500_000, &frame),
            raw_packet(big, 1, 1_500_000_001, &frame),
            raw_packet(big, 2, 1024 + 512, &frame),
            raw_block(big, SPB_MAGIC, &[&number(big, 56)[..], &frame].concat()),
        ];
        let recording = read(&file.concat()[..]).unwrap();
        assert_eq!(
            times(&recording),
            [1_500_000_000, 11_500_000_001, 1_500_000_000, 1_500_000_000]
        );
        for record in &recording.records {
            let What::Frame {
                frame: read, segment, ..
            } = &record.what
            else {
                unreachable!()
            };
            assert_eq!(
                (&read[..], segment.as_deref()),
                (&frame[..], Segment::from_ethernet(&frame).as_ref())
            );
        }
    }
}

#[test]
fn a_new_section_brings_its_own_byte_order_and_interfaces() {
    let frame = a_frame();
    let one = [
        raw_section(false),
        raw_interface(false, 1, 9, 0, 0),
        raw_packet(false, 0, 1, &frame),
    ]
    .concat();
    let two = [
        raw_section(true),
        raw_interface(true, 1, 9, 0, 0),
        raw_packet(true, 0, 2, &frame),
    ]
    .concat();
    assert_eq!(times(&read(&[one.clone(), two].concat()[..]).unwrap()), [1, 2]);
    let bare = [raw_section(true), raw_packet(true, 0, 2, &frame)].concat();
    let error = read(&[one, bare].concat()[..]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the capture is damaged: expected a description of interface 0 before its first packet at byte 188"
    );
}

#[test]
fn classic_pcap_in_all_its_orders() {
    let frame = a_frame();
    for (magic, big, fraction) in [
        (0xa1b2_c3d4_u32, false, 1500),
        (0xa1b2_c3d4, true, 1500),
        (0xa1b2_3c4d, false, 1_500_000),
        (0xa1b2_3c4d, true, 1_500_000),
    ] {
        let length = number(big, u32::try_from(frame.len()).unwrap());
        let header = [
            number(big, magic),
            number(big, if big { 0x0002_0004 } else { 0x0004_0002 }),
        ]
        .concat();
        let rest = [[0; 4], [0; 4], number(big, 65_535), number(big, 1)].concat();
        let packet = [&number(big, 3)[..], &number(big, fraction), &length, &length, &frame].concat();
        let file = [header, rest, packet.clone(), packet].concat();
        let recording = read(&file[..]).unwrap();
        assert_eq!(times(&recording), [3_001_500_000; 2]);
        assert_eq!(recording.into_timeline().events.len(), 2);
    }
}

fn error_of(file: &[u8]) -> String {
    read(file).unwrap_err().to_string()
}

#[test]
fn errors_name_the_byte_and_what_was_expected() {
    assert_eq!(
        error_of(b""),
        "not a capture: expected a pcapng or pcap file, found an empty file at byte 0"
    );
    assert_eq!(
        error_of(b"\x1f\x8b\x08\x00zip"),
        "not a capture: expected a pcapng or pcap file, found 1f 8b 08 00 (gzip: unpack it with gunzip, or pipe it in through zcat) at byte 0"
    );
    assert_eq!(
        error_of(b"\xfd7zXZ\x00"),
        "not a capture: expected a pcapng or pcap file, found fd 37 7a 58 (xz: unpack it, or pipe it in through xzcat) at byte 0"
    );
    let start = [raw_section(false), raw_interface(false, 105, 9, 0, 0)].concat();
    let radio = [start, raw_packet(false, 0, 1, &a_frame())].concat();
    assert_eq!(
        error_of(&radio),
        "expected frames of Ethernet, Linux cooked (any), raw IP or loopback, found only others, the first of link type 105 (IEEE802_11) at byte 72"
    );
    let whole = file(&samples::clean_close().timeline());
    assert_eq!(
        error_of(&whole[..150]),
        "the capture is cut: expected a pcapng block of 52 bytes at byte 132, found 18 bytes"
    );
    let huge = [raw_section(false), [0; 4].to_vec(), vec![0xff; 8]].concat();
    assert_eq!(
        error_of(&huge),
        "the capture is damaged: expected a block length from 12 to 16777216 that 4 divides, found 4294967295, at byte 32"
    );
    let overlong = raw_block(false, EPB_MAGIC, &[[0; 12].to_vec(), vec![0x7f; 8]].concat());
    let start = [raw_section(false), raw_interface(false, 1, 9, 0, 0)].concat();
    assert_eq!(
        error_of(&[start, overlong].concat()),
        "the capture is damaged: expected a whole Enhanced Packet Block at byte 72"
    );
}

#[test]
fn reading_errors_are_passed_on() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unplugged"))
        }
    }
    let start = raw_section(false);
    let error = read(start.chain(Broken)).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the capture at byte 28: unplugged");
}

#[test]
fn a_file_cut_anywhere_is_an_error_or_whole_blocks() {
    let whole = file(&samples::two_writes().timeline());
    let mut good = 0;
    for end in 0..whole.len() {
        match read(&whole[..end]) {
            Ok(recording) => {
                good += 1;
                recording.into_timeline().to_string();
            }
            Err(ReadError::Cut { .. } | ReadError::NotACapture { .. }) => {}
            Err(other) => panic!("cut at {end}: {other}"),
        }
    }
    // Only between blocks: behind the section header, each interface, and each frame but the last.
    assert_eq!(good, 3 + 26);
}

/// Hostile files: every byte changed, in one of several ways, and nothing panics, here or in what is drawn. Where
/// properties are tried with few inputs, one byte in so many.
#[test]
fn a_damaged_file_never_panics() {
    let ng = file(&samples::two_writes().timeline());
    let frame = a_frame();
    let length = number(false, u32::try_from(frame.len()).unwrap());
    let header = [
        number(false, 0xa1b2_c3d4),
        number(false, 0x0004_0002),
        [0; 4],
        [0; 4],
        [0xff; 4],
        number(false, 1),
    ];
    let classic = [&header.concat()[..], &[0; 8], &length, &length, &frame].concat();
    let one_in = if proptest::test_runner::Config::default().cases < 256 {
        7
    } else {
        1
    };
    for whole in [ng, classic] {
        for index in (0..whole.len()).step_by(one_in) {
            // Nothing, much, or one more: what a byte of one block is spared, that of another meets.
            let values = [0, 0xff, whole[index].wrapping_add(1)];
            let mut damaged = whole.clone();
            damaged[index] = values[index % values.len()];
            if let Ok(recording) = read(&damaged[..]) {
                let timeline = recording.into_timeline();
                // Drawing all of them would take long and show little more.
                if index % 32 == 0 {
                    timeline.to_string();
                    timeline::format::markdown::frames(&timeline, FrameNumber::range(1..=99));
                    file(&timeline);
                }
            }
        }
    }
}

/// What tshark says of a file, without the warning that root gets.
fn tshark(file: &[u8], arguments: &[&str]) -> String {
    use std::process::{Command, Stdio};
    let mut child = Command::new("tshark")
        .args(["-r", "-"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tshark is installed");
    child.stdin.take().unwrap().write_all(file).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<&str> = errors
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("Running as user"))
        .collect();
    assert!(output.status.success() && errors.is_empty(), "{errors:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "needs tshark"]
fn tshark_opens_what_is_written_and_sees_the_same() {
    let mut script = samples::two_writes();
    script.recording.dropped = 2;
    let timeline = script.timeline();
    let fields = [
        "frame.number",
        "frame.time_epoch",
        "tcp.flags",
        "tcp.seq",
        "tcp.ack",
        "tcp.len",
        "frame.comment",
    ];
    let mut arguments = vec!["-Y", "tcp", "-T", "fields", "-E", "separator=|"];
    arguments.extend(fields.iter().flat_map(|field| ["-e", field]));
    let seen = tshark(&file(&timeline), &arguments);
    let explanations = explain_all(&timeline);
    let expected: Vec<String> = timeline
        .only()
        .packets()
        .map(|(index, packet)| {
            let at = timeline[index].at.0;
            let (seconds, rest) = (at / 1_000_000_000, at % 1_000_000_000);
            let comment = explanations[&index].to_comment().replace('\n', "\\n");
            let (flags, seq, ack, len) = (packet.segment.flags.0, packet.seq, packet.ack, packet.segment.len);
            format!(
                "{}|{seconds}.{rest:09}|0x{flags:04x}|{seq}|{ack}|{len}|{comment}",
                packet.number
            )
        })
        .collect();
    let seen: Vec<String> = seen.lines().map(str::to_owned).collect();
    assert_eq!(seen, expected);
}
