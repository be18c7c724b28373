//! What is known before the day becomes rough: the server, what its clients say, and what it answers gently.

use std::time::Duration;

use super::talk::Exchange;
use crate::server::ServerBuilder;

/// What all ordeals have in common.
pub(super) struct Ground {
    pub server: ServerBuilder,
    pub exchanges: Vec<Exchange>,
    pub stop_signal: i32,
    pub seed: u64,
    /// How long a server may take for what it does at once on a gentle day.
    pub limit: Duration,
    /// Where clients connect to, of a server that listens on several ports.
    pub port: Option<u16>,
    /// How many descriptors one of its processes has, at most, when it has done nothing yet.
    pub descriptors: u64,
    /// The run is to be shown: so its end waits until the server has closed what it will.
    pub shows: bool,
}

/// What a server does on a gentle day.
#[derive(Default)]
pub(super) struct Gentle {
    /// Its replies, in the order of the exchanges.
    pub replies: Vec<Vec<u8>>,
    /// Two processes gave the same replies, to the byte.
    pub equal: bool,
    /// It closes by itself behind the last reply.
    pub closes: bool,
    /// It passes on to one client what another one said, as a chat does: such lines are no replies.
    pub passes_on: bool,
    /// A long line and its reply, if it answers one.
    pub long: Option<(Exchange, Vec<u8>)>,
    /// What came instead, if the reply to that line is cut on a gentle day already.
    pub cut: Option<String>,
    /// How many descriptors one of its processes has, at most, when it has done nothing yet.
    pub descriptors: u64,
}
