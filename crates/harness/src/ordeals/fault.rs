//! What a server fails by that has a name of its own, whichever ordeal shows it.

use std::fmt;

use super::WORDS;

/// A fault by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Bind failed with EADDRINUSE.
    AddressInUse,
    /// The server's process ended by what one client did.
    DiesOfAClient,
    /// The server does not end when it is asked to.
    HangsOnStop,
    /// Clients are served only once another one has gone on.
    HeadOfLine,
    /// A client never gets the answer to what was refused.
    LostGoodbye,
    /// A reply that had begun is not whole.
    ReplyCutByStop,
    /// Memory grows with a request.
    UnboundedRequest,
    /// Nothing will tell the server that a client is gone.
    WaitsForEver,
}

/// What is written of a fault. The entries stand in the order of the faults.
#[derive(serde::Deserialize)]
pub(super) struct Entry {
    name: &'static str,
    about: &'static str,
}

impl Fault {
    /// All of them, by their names.
    pub const ALL: [Fault; 8] = [
        Fault::AddressInUse,
        Fault::DiesOfAClient,
        Fault::HangsOnStop,
        Fault::HeadOfLine,
        Fault::LostGoodbye,
        Fault::ReplyCutByStop,
        Fault::UnboundedRequest,
        Fault::WaitsForEver,
    ];

    /// Its name in output, JSON and the pages.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// What it is, in a sentence.
    pub fn about(self) -> &'static str {
        self.entry().about
    }

    fn entry(self) -> &'static Entry {
        &WORDS.faults[self as usize]
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
