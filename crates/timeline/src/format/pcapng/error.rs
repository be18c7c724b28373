//! Why a file could not be read.

use std::io;

use crate::events::LinkType;

/// Why a file could not be read as a capture. Offsets are in bytes from the file's start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system failed to read.
    #[error("cannot read the capture at byte {offset}: {source}")]
    Io {
        /// Where.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// It is neither pcapng nor pcap.
    #[error("not a capture: expected a pcapng or pcap file, found {found} at byte 0")]
    NotACapture {
        /// Its first bytes, and what they are, where that is known.
        found: String,
    },
    /// It ends too early.
    #[error("the capture is cut: expected {expected} of {needed} bytes at byte {offset}, found {found} bytes")]
    Cut {
        /// Where that begins which is not whole.
        offset: u64,
        /// What that is.
        expected: &'static str,
        /// How long it should be.
        needed: u64,
        /// How much of it is there.
        found: u64,
    },
    /// It contradicts its format.
    #[error("the capture is damaged: expected {expected} at byte {offset}")]
    Damaged {
        /// Where.
        offset: u64,
        /// What should be there.
        expected: String,
    },
    /// It holds no frames that we decode, only others.
    #[error(
        "expected frames of Ethernet, Linux cooked (any), raw IP or loopback, found only others, the first of link type {link_type} at byte {offset}"
    )]
    LinkType {
        /// Where the first packet, or the header of the file, begins.
        offset: u64,
        /// What its frames are.
        link_type: LinkType,
    },
}
