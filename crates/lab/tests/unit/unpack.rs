//! Tests of `src/unpack.rs`, which see what is private there.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use lzma_rust2::{XzOptions, XzWriter};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

fn all(packed: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = packed.len() as u64;
    unpacked(Cursor::new(packed.to_vec()), Some(length))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).expect("a known preset");
    encoder.write_all(bytes).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// A frame that a reader of zstd skips.
fn skipped(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("it is short").to_le_bytes();
    [&[0x5a, 0x2a, 0x4d, 0x18], &length[..], bytes].concat()
}

fn numbers(count: u32) -> Vec<u8> {
    (0..count).flat_map(|number| (number / 7).to_le_bytes()).collect()
}

#[test]
fn what_is_packed_is_what_was() {
    let bytes = numbers(100_000);
    for packed in [bytes.clone(), gzip(&bytes), zstd(&bytes), xz(&bytes)] {
        assert!(all(&packed).expect("it is whole") == bytes);
    }
    for few in 0..6 {
        assert!(all(&bytes[..few]).expect("it is short") == bytes[..few]);
    }
    let bzip2 = all(b"BZh91AY&SY").expect_err("it is not read");
    assert!(bzip2.to_string().contains("bzip2 -dc"), "{bzip2}");
}

#[test]
fn pieces_are_one_file() {
    let bytes = numbers(30_000);
    let (first, second) = bytes.split_at(1000);
    let pieces = |pack: fn(&[u8]) -> Vec<u8>| [pack(first), pack(&[]), pack(second)].concat();
    let skips = [
        skipped(b"a table"),
        zstd(first),
        skipped(&[]),
        zstd(second),
        skipped(&[7; 50_000]),
    ];
    // Zeros may stand between streams of xz, four at a time.
    let padded = [xz(first), vec![0; 8], xz(second), vec![0; 4]];
    for packed in [pieces(gzip), pieces(zstd), pieces(xz), skips.concat(), padded.concat()] {
        assert!(all(&packed).expect("it is whole") == bytes);
    }
    assert_eq!(all(&skipped(b"nothing else")).expect("it is whole"), b"");
}

#[test]
fn a_cut_or_a_changed_byte_is_an_error_or_leaves_what_was() {
    let bytes = numbers(300);
    let two = |pack: fn(&[u8]) -> Vec<u8>| [pack(&bytes[..600]), pack(&bytes[600..])].concat();
    let with_skipped = [two(zstd), skipped(b"a table")].concat();
    for packed in [two(gzip), two(xz), with_skipped] {
        for place in 6..packed.len() {
            if let Ok(unpacked) = all(&packed[..place]) {
                assert!(bytes.starts_with(&unpacked), "cut at byte {place}");
            }
            let mut changed = packed.clone();
            changed[place] ^= 0x41;
            if let Ok(unpacked) = all(&changed) {
                assert!(unpacked == bytes, "changed at byte {place}");
            }
        }
    }
    // What is said is said here, and not by a library.
    for (by, mut packed) in [("gzip", gzip(&bytes)), ("xz", xz(&bytes)), ("zstd", zstd(&bytes))] {
        let cut = all(&packed[..packed.len() - 1]).expect_err("it is cut in its last byte");
        let expected = format!("it is packed by {by}, and ends too early to have that byte: copy it anew");
        assert_eq!(cut.to_string(), expected);
        let middle = packed.len() / 2;
        packed[middle..middle + 4].fill(0x5a);
        let damaged = all(&packed).expect_err("it is damaged");
        let expected = format!(
            "it is packed by {by}, and damaged where that byte comes from: copy it anew, or save what {by} -dc FILE unpacks"
        );
        assert_eq!(damaged.to_string(), expected);
    }
    let more = |packed: Vec<u8>| all(&[packed, b"and what is no frame".to_vec()].concat());
    assert!(more(zstd(&bytes)).is_err() && more(xz(&bytes)).is_err());
}

#[test]
fn memory_has_a_bound() {
    let mut options = XzOptions::with_preset(0);
    options.lzma_options.dict_size = 1 << 30;
    let mut encoder = XzWriter::new(Vec::new(), options).expect("a known preset");
    encoder.write_all(b"short").expect("a vector takes all");
    let error = all(&encoder.finish().expect("a vector takes all")).expect_err("it asks for 1 GB");
    assert!(error.to_string().contains("128 MB of memory"), "{error}");
}

#[test]
fn a_bomb_does_not_go_off() {
    let mut bounded = Bounded {
        input: io::repeat(0),
        left: 1_000_000,
        by: "nobody",
    };
    let error = io::copy(&mut bounded, &mut io::sink()).expect_err("it never ends");
    assert!(error.to_string().contains("no capture"), "{error}");
    assert!(bounded.left < 1_000_000);
}
