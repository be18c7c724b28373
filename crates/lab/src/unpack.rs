//! Captures that were compressed: by gzip, by zstd or by xz.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use anyhow::{Result, bail};
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// A file that is unpacked may be so long, and so many times as long as it is packed. Headers of packets are packed to
/// a tenth; zeros to a thousandth, and nobody wants to look at those.
const MOST: u64 = 1 << 30;
const MOST_TIMES: u64 = 200;
/// What xz may ask for, in KiB: at its highest level it asks for 65 MiB. zstd has a limit of its own, of 128 MiB.
const MOST_MEMORY: u32 = 128 << 10;

/// A reader of what a file holds, whether it is packed or not. `length` is the file's, where that is known.
///
/// # Errors
///
/// If it is packed in a way that is not known here, or cannot be read.
pub fn unpacked(mut input: impl Read + 'static, length: Option<u64>) -> Result<Box<dyn Read>> {
    const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
    let mut start = Vec::new();
    input.by_ref().take(XZ.len() as u64).read_to_end(&mut start)?;
    let whole = Cursor::new(start.clone()).chain(input);
    let left = length.map_or(u64::MAX, |length| {
        MOST.saturating_add(length.saturating_mul(MOST_TIMES))
    });
    let (input, by): (Box<dyn Read>, _) = match &start[..] {
        [0x1f, 0x8b, ..] => (Box::new(MultiGzDecoder::new(whole)), "gzip"),
        // A frame, or one to skip (RFC 8878, sections 3.1.1 and 3.1.2).
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            let (input, decoder) = (BufReader::new(whole), FrameDecoder::new());
            (Box::new(Frames { input, decoder }), "zstd")
        }
        XZ => {
            let input = XzReader::new_mem_limit(BufReader::new(whole), true, MOST_MEMORY);
            (Box::new(input), "xz")
        }
        [b'B', b'Z', b'h', ..] => {
            bail!("it is packed by bzip2, which is not read here: unpack it, as in bzip2 -dc FILE | lab show -")
        }
        _ => return Ok(Box::new(whole)),
    };
    Ok(Box::new(Bounded { input, left, by }))
}

/// What is in frames of zstd, which may stand one after the other.
struct Frames<R> {
    input: BufReader<R>,
    decoder: FrameDecoder,
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Frames { input, decoder } = self;
        while decoder.can_collect() == 0 {
            if !decoder.is_finished() {
                let few = BlockDecodingStrategy::UptoBlocks(1);
                if decoder.decode_blocks(&mut *input, few).is_err() {
                    let is_cut = input.fill_buf()?.is_empty();
                    return Err(if is_cut {
                        ErrorKind::UnexpectedEof
                    } else {
                        ErrorKind::InvalidData
                    }
                    .into());
                }
                continue;
            }
            let told = decoder.get_checksum_from_data();
            if told.is_some() && told != decoder.get_calculated_checksum() {
                return Err(ErrorKind::InvalidData.into());
            }
            if input.fill_buf()?.is_empty() {
                return Ok(0);
            }
            match decoder.reset(&mut *input) {
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    if io::copy(&mut input.take(length), &mut io::sink())? < length {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                begun => begun.map_err(io::Error::other)?,
            }
        }
        decoder.read(buffer)
    }
}

/// What is unpacked, up to a length that no capture has.
struct Bounded<R> {
    input: R,
    left: u64,
    /// The program that packed it.
    by: &'static str,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let by = self.by;
        let told = |error: io::Error| {
            let what = match error.kind() {
                _ if error.raw_os_error().is_some() => return error,
                ErrorKind::UnexpectedEof => "and ends too early to have that byte: copy it anew".to_owned(),
                ErrorKind::OutOfMemory => {
                    format!("so that it takes more than 128 MB of memory: unpack it first, as with {by} -dc FILE")
                }
                _ => {
                    format!("and damaged where that byte comes from: copy it anew, or save what {by} -dc FILE unpacks")
                }
            };
            io::Error::other(format!("it is packed by {by}, {what}"))
        };
        let read = self.input.read(buffer).map_err(told)?;
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| {
            let told = format!("it unpacks to more than 1 GB and {MOST_TIMES} times its length: that is no capture");
            io::Error::other(told)
        })?;
        Ok(read)
    }
}

#[cfg(test)]
#[path = "../tests/unit/unpack.rs"]
mod tests;
