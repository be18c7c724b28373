//! Bytes as text, for records that people may read: each byte is the character of its number
//! (ISO 8859-1), so `hello\n` is `"hello\n"` in JSON and not a list of numbers.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::Serializer;
use smallvec::SmallVec;

/// Some bytes, which are mostly few: those need no room of their own.
pub type Bytes = SmallVec<[u8; 16]>;

pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&bytes.iter().map(|byte| char::from(*byte)).collect::<String>())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    let byte = |c| u8::try_from(u32::from(c)).map_err(|_| D::Error::custom("a character stands for no byte"));
    text.chars().map(byte).collect()
}
