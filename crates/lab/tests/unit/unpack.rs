//! Tests of `src/unpack.rs`, which see what is private there.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
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

#[test]
fn what_is_packed_is_what_was() {
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
    let zstd = compress_to_vec(&bytes[..], CompressionLevel::Fastest);
    let twice = [gzip(&bytes[..1000]), gzip(&bytes[1000..])].concat();
    for packed in [bytes.clone(), gzip(&bytes), twice, zstd] {
        assert!(all(&packed).expect("it is whole") == bytes);
    }
    for few in 0..6 {
        assert!(all(&bytes[..few]).expect("it is short") == bytes[..few]);
    }
    assert!(all(&gzip(&bytes)[..1000]).is_err(), "it is cut");
    let xz = all(&[0xfd, b'7', b'z', b'X', b'Z', 0, 0]).expect_err("it is not read");
    assert!(xz.to_string().contains("xz -dc"), "{xz}");
}

#[test]
fn a_bomb_does_not_go_off() {
    let mut bounded = Bounded {
        input: io::repeat(0),
        left: 1_000_000,
    };
    let error = io::copy(&mut bounded, &mut io::sink()).expect_err("it never ends");
    assert!(error.to_string().contains("no capture"), "{error}");
    assert!(bounded.left < 1_000_000);
}
