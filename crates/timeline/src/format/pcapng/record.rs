//! What was observed, as text that reads back: the part of our files that Wireshark skips.
//!
//! Each record is a line of JSON. The lines stand in custom options
//! ([section 3.5.1](https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html#section-3.5.1)),
//! which every reader of pcapng passes over and editcap and mergecap keep:
//!
//! - of the Section Header: how much of the run was observed;
//! - of a frame: what it is itself, and before that what happened since the frame before and is no
//!   frame (a line that the server wrote, what the socket table showed, a read that had to wait);
//! - of an Interface Statistics Block: what there is no frame behind.
//!
//! The options of a file are one stream of lines: a line may be longer than an option, or a block, can
//! be, and belongs to the block that it ends in.
//!
//! Options need the number of an enterprise. This project has none, so it uses the one that is set
//! apart for examples ([RFC 5612](https://www.rfc-editor.org/rfc/rfc5612)). Others may do that too: so
//! each option begins with a word of ours.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::events::{
    Call, ClientAction, Endpoints, Level, Passage, ProcessEvent, Record, StateChange, Timestamp, What,
};
use crate::format::json;

/// A custom option whose value is text and may be copied to another file.
pub(super) const CUSTOM: u16 = 2988;
/// The enterprise number for examples.
const ENTERPRISE: u32 = 32_473;
/// What our options begin with.
const OURS: &[u8] = b"harness ";

/// So much of the text stands in an option, which holds 65,535 bytes.
const LONGEST_PIECE: usize = 65_000;
/// So much of the text stands in a block. Readers take 16 MB.
pub(super) const MOST_IN_A_BLOCK: usize = 1 << 20;
/// No name of a call is longer.
const LONGEST_NAME: usize = 64;
/// A longer line than this is a damaged file.
pub(super) const LONGEST_LINE: usize = 64 << 20;

/// What a section says of the run that is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Section {
    /// The version of this form. It grows when what was written before cannot be read any more.
    pub version: u32,
    pub level: Level,
    #[serde(default)]
    pub not_kept: u64,
    /// The name of the server.
    #[serde(default)]
    pub program: String,
}

/// The version that is written.
pub(super) const VERSION: u32 = 1;

/// A line: when it was, if that is not when its frame was, and what.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line<'a>(pub Option<Timestamp>, pub Told<'a>);

/// What is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Told<'a> {
    Call(Option<Endpoints>, Cow<'a, Call>),
    Client(Endpoints, Cow<'a, ClientAction>),
    State(Endpoints, StateChange),
    Process(Cow<'a, ProcessEvent>),
    /// More of the packet in this frame.
    Packet(Extra),
}

/// What is known of a packet beside its bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Extra {
    /// A comment that the packet came with, where its option cannot hold it as it is, or where the
    /// option holds ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passage: Option<Box<Passage>>,
}

impl Told<'_> {
    /// False for a call whose name cannot be one. Names are written as they are, in all formats.
    pub fn has_a_name(&self) -> bool {
        let call = match self {
            Told::Call(_, call) => Some(&**call),
            Told::Client(_, action) => action.call.as_deref(),
            Told::State(..) | Told::Process(_) | Told::Packet(_) => None,
        };
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        call.is_none_or(|call| call.name.len() <= LONGEST_NAME && is_name(&call.name))
    }

    /// As a record. `None` for what is said of a packet, which is none by itself.
    pub fn into_record(self, at: Timestamp) -> Option<Record> {
        let what = match self {
            Told::Call(on, call) => What::Call {
                on,
                call: Box::new(call.into_owned()),
            },
            Told::Client(on, action) => What::Client {
                on,
                action: Box::new(action.into_owned()),
            },
            Told::State(on, change) => What::State { on, change },
            Told::Process(event) => What::Process(Box::new(event.into_owned())),
            Told::Packet(_) => return None,
        };
        Some(Record { at, what })
    }
}

/// A line, in ASCII: control characters and what is not ASCII are escaped.
pub(super) fn line(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(json::text(value, |c| !c.is_ascii() || c.is_ascii_control())? + "\n")
}

/// The values of the options that hold such a text, in the byte order of our files.
pub(super) fn options(text: &str) -> Vec<Vec<u8>> {
    let pieces = text.as_bytes().chunks(LONGEST_PIECE);
    let option = |piece| [&ENTERPRISE.to_le_bytes()[..], OURS, piece].concat();
    pieces.map(option).collect()
}

/// The text in the value of a custom option, if it is ours.
pub(super) fn text(value: &[u8], big_endian: bool) -> Option<&[u8]> {
    let (enterprise, value) = value.split_first_chunk()?;
    let enterprise = if big_endian {
        u32::from_be_bytes(*enterprise)
    } else {
        u32::from_le_bytes(*enterprise)
    };
    value.strip_prefix(OURS).filter(|_| enterprise == ENTERPRISE)
}
