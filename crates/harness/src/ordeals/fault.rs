//! What a server fails by that has a name of its own, whichever ordeal shows it.

use std::fmt;

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
        self.entry().0
    }

    /// What it is, in a sentence.
    pub fn about(self) -> &'static str {
        self.entry().1
    }

    fn entry(self) -> (&'static str, &'static str) {
        match self {
            Fault::AddressInUse => (
                "address-in-use",
                "the server cannot be started again: bind fails with EADDRINUSE, as connections of its last process are \
                 in TIME_WAIT and SO_REUSEADDR is not set",
            ),
            Fault::DiesOfAClient => ("dies-of-a-client", "what one client did has ended the whole server"),
            Fault::HangsOnStop => (
                "hangs-on-stop",
                "the server does not end after the signal that asks it to, or not while a client is connected",
            ),
            Fault::HeadOfLine => (
                "head-of-line",
                "one client does not go on, and others wait until it does: they stand behind it in one queue or one loop",
            ),
            Fault::LostGoodbye => (
                "lost-goodbye",
                "the answer to a request that is refused was lost once on the way, and a reset ended its retransmission: \
                 the server closed with bytes unread",
            ),
            Fault::ReplyCutByStop => (
                "reply-cut-by-stop",
                "the server was asked to end with a reply on its way, and the client did not get the rest",
            ),
            Fault::UnboundedRequest => (
                "unbounded-request",
                "the memory of the server grows with a request that does not end",
            ),
            Fault::WaitsForEver => (
                "waits-for-ever",
                "a client is gone without a word, and nothing will tell the server: the kernel has no timer for its \
                 connection, and no thread sleeps with a timeout. RFC 1122 (section 4.2.3.6) leaves that to the server",
            ),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
