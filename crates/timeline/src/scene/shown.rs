//! How the values of a scene are written for programs: with the words that people see.

use std::fmt::Display;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::events::Level;
use crate::facts::Reason;

pub(super) fn words<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(super) fn optional<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(ToString::to_string).serialize(serializer)
}

pub(super) fn level<S: Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&level.to_string().replace(' ', "-"))
}

pub(super) fn reason<S: Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.name())
}

/// Bytes as text in which everything that is not printable ASCII is escaped.
pub(super) fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&bytes.escape_ascii())
}

pub(super) fn nanoseconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let nanoseconds = duration.map(|duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    nanoseconds.serialize(serializer)
}
