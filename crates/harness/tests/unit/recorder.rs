//! Tests of `src/recorder/mod.rs`, which see what is private there.

use super::*;
use timeline::SegmentOptions;

#[test]
fn what_the_client_has_read_has_to_be_seen_before_all_is_quiet() {
    let ends: [SocketAddr; 2] = ["127.0.0.1:57464", "127.0.0.1:3000"].map(|end| end.parse().unwrap());
    let on = Endpoints {
        client: ends[0],
        server: ends[1],
    };
    let mut seen = Seen::default();
    let mut segment = |by: Side, flags: Flags, seq: u32, ack: u32, len: u32| {
        let [source, destination] = if by == Side::Client { ends } else { [ends[1], ends[0]] };
        let segment = Segment {
            ends: [source, destination].into(),
            seq,
            ack,
            flags,
            window: 1000,
            len,
            payload: Default::default(),
            options: SegmentOptions::default(),
            ip: timeline::IpMarks::default(),
            fragments: 0,
        };
        seen.segment(&segment, true);
        [(0, 0), (2, 0), (2, 2), (2, 3)].map(|(sent, received)| seen.is_quiet(&on, sent, received))
    };
    segment(Side::Client, Flags::SYN, 99, 0, 0);
    segment(Side::Server, Flags::SYN | Flags::ACK, u32::MAX, 100, 0);
    let opened = segment(Side::Client, Flags::ACK, 100, 0, 0);
    assert_eq!(opened, [true, false, false, false]);
    segment(Side::Client, Flags::ACK, 100, 0, 2);
    segment(Side::Server, Flags::ACK, 0, 102, 2);
    let replied = segment(Side::Client, Flags::ACK, 102, 2, 0);
    assert_eq!(replied, [true, true, true, false]);
    assert_eq!(segment(Side::Server, Flags::FIN | Flags::ACK, 2, 102, 0), [false; 4]);
    assert_eq!(segment(Side::Client, Flags::ACK, 102, 3, 0), [true; 4]);
}

fn line(length: usize) -> Record {
    let kind = ProcessEventKind::Wrote {
        stream: timeline::OutputStream::Stdout,
        line: "x".repeat(length),
    };
    Record {
        at: Timestamp(0),
        what: What::Process(timeline::ProcessEvent { pid: 1, kind }.into()),
    }
}

#[test]
fn what_is_kept_is_bounded_in_number_and_in_bytes_and_has_no_hole() {
    let kept = |records, bytes, lengths: &[usize]| {
        let recorder = Recorder::new(Keep {
            records,
            bytes,
            ..Keep::ALL
        });
        recorder.push_all(lengths.iter().map(|length| line(*length)));
        let (records, not_kept) = recorder.take();
        (records.len(), not_kept)
    };
    assert_eq!(kept(2, usize::MAX, &[1, 1, 1]), (2, 1));
    assert_eq!(kept(9, 100_000, &[20_000; 9]), (4, 5));
    assert_eq!(kept(9, 100_000, &[90_000, 20_000, 1, 1]), (1, 3));
}
