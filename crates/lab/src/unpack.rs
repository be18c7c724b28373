//! Captures that were compressed: by gzip, by zstd or by xz.

use std::io::{self, BufRead, BufReader, Cursor, Read};

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
    let bounded = |input: Box<dyn Read>| Box::new(Bounded { input, left });
    match &start[..] {
        [0x1f, 0x8b, ..] => Ok(bounded(Box::new(MultiGzDecoder::new(whole)))),
        // A frame, or one to skip (RFC 8878, sections 3.1.1 and 3.1.2).
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(bounded(Box::new(Frames {
            input: BufReader::new(whole),
            decoder: FrameDecoder::new(),
        }))),
        XZ => Ok(bounded(Box::new(XzReader::new_mem_limit(
            BufReader::new(whole),
            true,
            MOST_MEMORY,
        )))),
        [b'B', b'Z', b'h', ..] => {
            bail!("it is packed by bzip2, which is not read here: unpack it, as in bzip2 -dc FILE | lab show -")
        }
        _ => Ok(Box::new(whole)),
    }
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
                decoder.decode_blocks(&mut *input, few).map_err(io::Error::other)?;
                continue;
            }
            let told = decoder.get_checksum_from_data();
            if told.is_some() && told != decoder.get_calculated_checksum() {
                return Err(io::Error::other("its checksum differs: it was damaged"));
            }
            if input.fill_buf()?.is_empty() {
                return Ok(0);
            }
            match decoder.reset(&mut *input) {
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    if io::copy(&mut input.take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
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
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer).map_err(|error| match error.raw_os_error() {
            Some(_) => error,
            None => io::Error::other(format!("the packed file is cut or damaged here ({error})")),
        })?;
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
