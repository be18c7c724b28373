//! What came of a conversation: how many replies, and what went wrong.

use std::fmt;

use crate::conversation::{Act, Turn, Wait};

/// What came of a conversation.
#[derive(Debug, Default)]
pub struct Conversed {
    /// How many replies came that were waited for.
    pub replies: usize,
    /// What the server said before anything was asked of it, if that was not waited for.
    pub greeting: Option<String>,
    /// What went wrong. No turn is taken after that.
    pub trouble: Option<Trouble>,
}

/// What a client could not do, or did not get.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Trouble {
    /// What it comes to.
    pub how: How,
    /// In words, with what is known of the server.
    pub text: String,
    /// The connection: its place among those of this player.
    pub connection: usize,
    /// What the client had sent, if its reply had yet to come.
    pub sent: Vec<u8>,
    /// What had to come, where the conversation tells it.
    pub wanted: Vec<u8>,
    /// What came of it, or in its place.
    pub got: Vec<u8>,
    /// Why it had to come, where the conversation says so.
    pub why: Option<String>,
}

/// How waiting for something ended, or trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Bytes came, and they are others.
    Differs,
    /// Nothing more came in time.
    Silence,
    /// More and more came, and no end of it in time.
    GoesOn,
    /// The server closed.
    Closed,
    /// The server had closed before all was sent.
    Unsent,
    /// The connection failed: a reset, for instance.
    Failed,
    /// There was no connection.
    Refused,
    /// There was one, and there had to be none.
    Admitted,
    /// The server did not close, and it had to.
    StaysOpen,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            How::Differs => "the bytes that came back are not the right ones",
            How::Silence => "a client waited in vain for its reply",
            How::GoesOn => "a client waited in vain for the end of its reply",
            How::Closed => "the server closed while a client waited for its reply",
            How::Unsent => "the server closed before a client had sent everything",
            How::Failed => "the connection failed while a client waited for its reply",
            How::Refused => "a client could not connect",
            How::Admitted => "a client could connect, and had to be refused",
            How::StaysOpen => "a client waited in vain for the server to close",
        })
    }
}

impl Trouble {
    pub(super) fn new(how: How, text: impl Into<String>, connection: usize) -> Box<Trouble> {
        Box::new(Trouble {
            how,
            text: text.into(),
            connection,
            sent: Vec::new(),
            wanted: Vec::new(),
            got: Vec::new(),
            why: None,
        })
    }

    /// With what a turn tells of what had to come.
    pub(super) fn of(mut self: Box<Self>, turn: &Turn) -> Box<Trouble> {
        if let Act::Wait(Wait::Receive(bytes)) = &turn.act {
            self.wanted.clone_from(bytes);
        }
        self.why.clone_from(&turn.why);
        self
    }
}
