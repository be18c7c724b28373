//! Captures that were compressed: by gzip or by zstd.

use std::io::{self, Cursor, Read};

use anyhow::{Result, bail};
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

/// A file that is unpacked may be so long, and so many times as long as it is packed. Headers of packets are packed to
/// a tenth; zeros to a thousandth, and nobody wants to look at those.
const MOST: u64 = 1 << 30;
const MOST_TIMES: u64 = 200;

/// A reader of what a file holds, whether it is packed or not. `length` is the file's, where that is known.
///
/// # Errors
///
/// If it is packed in a way that is not known here, or cannot be read.
pub fn unpacked(mut input: impl Read + 'static, length: Option<u64>) -> Result<Box<dyn Read>> {
    const GZIP: &[u8] = &[0x1f, 0x8b];
    const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
    const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
    const BZIP2: &[u8] = b"BZh";
    let mut start = Vec::new();
    input.by_ref().take(XZ.len() as u64).read_to_end(&mut start)?;
    let whole = Cursor::new(start.clone()).chain(input);
    let left = length.map_or(u64::MAX, |length| {
        MOST.saturating_add(length.saturating_mul(MOST_TIMES))
    });
    let bounded = |input: Box<dyn Read>| Box::new(Bounded { input, left });
    match &start[..] {
        start if start.starts_with(GZIP) => Ok(bounded(Box::new(MultiGzDecoder::new(whole)))),
        start if start.starts_with(ZSTD) => Ok(bounded(Box::new(StreamingDecoder::new(whole)?))),
        start if start.starts_with(XZ) => {
            bail!("it is packed by xz, which is not read here: unpack it, as in xz -dc FILE | lab show -")
        }
        start if start.starts_with(BZIP2) => {
            bail!("it is packed by bzip2, which is not read here: unpack it, as in bzip2 -dc FILE | lab show -")
        }
        _ => Ok(Box::new(whole)),
    }
}

/// What is unpacked, up to a length that no capture has.
struct Bounded<R> {
    input: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(io::Error::other(format!(
                    "it unpacks to more than 1 GB and {MOST_TIMES} times its length: that is no capture"
                )));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
#[path = "../tests/unit/unpack.rs"]
mod tests;
