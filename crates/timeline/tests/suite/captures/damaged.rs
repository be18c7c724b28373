//! Damaged and hostile files: an error or a drawing, never a panic, a hang or a flood.
//!
//! A short run is part of the tests. For a long one:
//! `PROPTEST_CASES=100000 cargo test --release -p tcp-timeline --test suite damaged`

use std::io::Read;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::Index;
use timeline::format::text::Lanes;
use timeline::format::{json, markdown, pcapng};
use timeline::words::explain_all;
use timeline::{Excerpt, FrameNumber, Limits, LinkType, Segment, Timeline};

use super::files;

/// A change to a file.
#[derive(Clone, Debug)]
enum Damage {
    /// A byte gets another value.
    Byte(Index, u8),
    /// Two or four bytes become a number of the kind that lengths and counts go wrong with.
    Number(Index, Vec<u8>),
    /// It ends early.
    Cut(Index),
    /// A piece is taken out.
    Remove(Index, usize),
    /// A piece of a file comes in between.
    Splice(Index, Index, Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let number = prop_oneof![
        prop::sample::select(vec![0, 1, 2, 3, 11, 12, 13, 16, 28, 32, 65_535, 65_536]),
        prop::sample::select(vec![
            262_144,
            262_145,
            16 << 20,
            (16 << 20) + 4,
            i32::MAX as u32,
            1 << 31,
            u32::MAX - 3,
            u32::MAX
        ]),
        any::<u32>(),
        0..400_u32,
    ];
    let bytes = (number, 0..4).prop_map(|(number, form)| match form {
        0 => number.to_le_bytes().to_vec(),
        1 => number.to_be_bytes().to_vec(),
        2 => (number as u16).to_le_bytes().to_vec(),
        _ => (number as u16).to_be_bytes().to_vec(),
    });
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, value)| Damage::Byte(at, value)),
        4 => (any::<Index>(), bytes).prop_map(|(at, number)| Damage::Number(at, number)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => (any::<Index>(), 1..200_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        2 => (any::<Index>(), any::<Index>(), any::<Index>(), 1..300_usize)
            .prop_map(|(at, file, from, length)| Damage::Splice(at, file, from, length)),
    ]
}

fn apply(file: &mut Vec<u8>, damage: &Damage, files: &[Vec<u8>]) {
    if file.is_empty() {
        return;
    }
    match damage {
        Damage::Byte(at, value) => *at.get_mut(file) = *value,
        Damage::Number(at, number) => {
            // Most lengths stand at a multiple of two.
            let at = at.index(file.len()) & !1;
            for (byte, new) in file[at..].iter_mut().zip(number) {
                *byte = *new;
            }
        }
        Damage::Cut(at) => file.truncate(at.index(file.len())),
        Damage::Remove(at, length) => {
            let at = at.index(file.len());
            file.drain(at..file.len().min(at + length));
        }
        Damage::Splice(at, source, from, length) => {
            let source = source.get(files);
            let from = from.index(source.len());
            let piece = source[from..source.len().min(from + length)].to_vec();
            let at = at.index(file.len());
            file.splice(at..at, piece);
        }
    }
}

/// Hands out little at a time, as a pipe may.
struct Slowly<'a>(&'a [u8]);

impl Read for Slowly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = 1 + self.0.len() % 7;
        let length = buffer.len().min(most);
        self.0.read(&mut buffer[..length])
    }
}

/// A file of a few kilobytes takes this even on a slow machine, in a debug build.
const LONG: Duration = Duration::from_secs(20);

/// Reads a file in all ways and draws what was read.
fn try_all(file: &[u8], width: usize) {
    let begun = Instant::now();
    let recording = pcapng::read(file);
    let lanes = Lanes {
        rows: 7,
        connections: 2,
        ..Lanes::with_width(width)
    };
    for (lanes, whole) in [(lanes, 0), (lanes, 20), (Lanes::with_width(width), 4096)] {
        let mut excerpt = Excerpt::new(Limits {
            whole,
            ..lanes.limits()
        });
        let end = pcapng::read_into(Slowly(file), &mut excerpt);
        let (end, whole) = (end.map_err(|error| error.to_string()), recording.as_ref().map(|_| ()));
        assert_eq!(end, whole.map_err(ToString::to_string));
        draw(&excerpt.into_timeline(), &lanes);
    }
    match recording {
        Ok(recording) => {
            let timeline = recording.into_timeline();
            draw(&timeline, &Lanes::with_width(width));
            explain_all(&timeline);
            markdown::frames(&timeline, FrameNumber::range(1..=20));
            timeline.findings();
            let mut object = Vec::new();
            json::write(&timeline, &mut object).expect("a vector takes all");
            assert!(serde_json::from_slice::<serde_json::Value>(&object).is_ok());
            pcapng::write(&timeline, "a server", &mut std::io::sink()).expect("a sink takes all");
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("at byte ") && text.contains("expected"), "{text}");
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
    assert!(begun.elapsed() < LONG, "it took {:?}", begun.elapsed());
}

fn draw(timeline: &Timeline, lanes: &Lanes) {
    for line in lanes.draw(timeline).lines() {
        assert!(
            line.chars().count() <= lanes.width,
            "wider than {}: {line}",
            lanes.width
        );
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(files::of_each_kind);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_errors_or_drawn(
        file in any::<Index>(),
        changes in prop::collection::vec(damage(), 1..12),
        width in 60..=160_usize,
    ) {
        let mut file = file.get(&FILES).clone();
        for change in &changes {
            apply(&mut file, change, &FILES);
        }
        try_all(&file, width);
    }

    /// Behind the start of a file, anything.
    #[test]
    fn noise_is_an_error_or_drawn(
        file in any::<Index>(),
        start in 0..150_usize,
        noise in prop::collection::vec(any::<u8>(), 0..600),
        width in 60..=160_usize,
    ) {
        let file = file.get(&FILES);
        try_all(&[&file[..start.min(file.len())], &noise].concat(), width);
    }
}

/// A large block, full of what grows when it is read.
#[test]
fn a_block_full_of_options_or_comments_is_no_flood() {
    let order = files::Order::Little;
    let most = 4 << 20;
    let empty_options = [1, 0, 0, 0].repeat(most / 4);
    let long_comment = [&[1, 0, 0xff, 0xff][..], &[0xe2; 65_536]]
        .concat()
        .repeat(most / 65_540);
    for options in [empty_options, long_comment] {
        let mut packet = [&[0; 20][..], &options].concat();
        let mut interface = [&[1, 0, 0, 0, 0, 0, 0, 0][..], &options].concat();
        interface.truncate(most);
        packet.truncate(most);
        let file = [order.section(), order.block(1, &interface), order.block(6, &packet)].concat();
        let mut excerpt = Excerpt::new(Lanes::default().limits());
        pcapng::read_into(&file[..], &mut excerpt).expect("it is as the format asks");
        draw(&excerpt.into_timeline(), &Lanes::default());
    }
}

#[test]
fn interfaces_without_end_are_an_error() {
    let order = files::Order::Little;
    let file = [order.section(), order.interface(1).repeat(65_537)].concat();
    let error = pcapng::read(&file[..]).expect_err("too many");
    let expected = "the capture is damaged: expected at most 65536 interfaces in a section, found one more at byte ";
    assert!(error.to_string().starts_with(expected), "{error}");
}

/// A length is believed when the bytes are there.
#[test]
fn an_announced_length_takes_no_memory() {
    let order = files::Order::Little;
    let announced = [
        order.section(),
        order.long(6).to_vec(),
        order.long(16 << 20).to_vec(),
        vec![0; 100],
    ]
    .concat();
    let error = pcapng::read(&announced[..]).expect_err("it is not there");
    assert!(error.to_string().ends_with("found 108 bytes"), "{error}");
}

#[test]
fn offsets_count_from_the_start_of_a_long_file() {
    let frames = files::conversation(files::Ip::V4, 40_000)
        .into_iter()
        .cycle()
        .take(10_000);
    let frames = files::stored(frames.map(|ip| files::framed(1, &ip)));
    let file = files::Order::Little.pcapng(&[1], &frames);
    assert!(file.len() > 1_000_000);
    for input in [&file[..], &file[..700_000]] {
        let damaged = [input, &[0xff; 400_000]].concat();
        let error = pcapng::read(&damaged[..]).expect_err("it is damaged");
        let at = error
            .to_string()
            .rsplit_once(" at byte ")
            .and_then(|(_, at)| at.parse().ok());
        let at: usize = at.expect("a number");
        // A length that is not there, or of the block in which the damage begins, whose own length
        // is not repeated.
        assert!((input.len()..input.len() + 120).contains(&at), "{error}");
    }
}

/// Lengths and offsets inside a packet that contradict each other.
#[test]
fn packets_that_contradict_themselves() {
    for ip in files::IPS {
        let whole = files::framed(1, &files::conversation(ip, 40_000)[3]);
        for at in 14..whole.len() {
            for value in 0..=u8::MAX {
                let mut frame = whole.clone();
                frame[at] = value;
                let of = |frame: &[u8]| Segment::from_frame(LinkType::ETHERNET, frame, 90);
                let (segment, cut) = (of(&frame), of(&frame[..70]));
                let longest = |segment: Segment| segment.payload.len() <= whole.len();
                assert!(segment.is_none_or(longest) && cut.is_none_or(longest));
            }
        }
    }
}
