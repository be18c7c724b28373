//! Names for things that would be bare numbers otherwise: an event, a frame, a side and its share.

use std::fmt;
use std::num::ParseIntError;
use std::ops::{Index, IndexMut, RangeInclusive};
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// Defines names for numbers of four bytes, as a run has millions of them. What is beyond shares the last number.
macro_rules! numbers {
    ($($(#[$about:meta])* $name:ident)+) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The one with this number.
            pub fn of(number: usize) -> $name {
                $name(u32::try_from(number).unwrap_or(u32::MAX))
            }

            /// The number, for a list of what is so counted.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

numbers! {
    /// An event, by its place among those of a run or a capture, from 0. It is no frame's number.
    EventId
    /// The number of a frame in a capture file, counted from 1 as Wireshark does.
    FrameNumber
    /// A connection of a [`Timeline`](crate::Timeline): its place in
    /// [`Timeline::connections`](crate::Timeline::connections).
    ConnectionId
}

impl FrameNumber {
    /// From one number to another.
    pub fn range(numbers: RangeInclusive<usize>) -> RangeInclusive<FrameNumber> {
        FrameNumber::of(*numbers.start())..=FrameNumber::of(*numbers.end())
    }
}

impl FromStr for FrameNumber {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<FrameNumber, ParseIntError> {
        text.parse().map(FrameNumber)
    }
}

/// So that a test can say `packet.number == 3`.
impl PartialEq<usize> for FrameNumber {
    fn eq(&self, number: &usize) -> bool {
        self.index() == *number
    }
}

/// What is known of how a connection was told from others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// Which end is the server is a guess.
    pub roles_guessed: bool,
    /// The last connection before that had the same four numbers: two addresses, two ports.
    pub earlier: Option<ConnectionId>,
}

shown! {
    /// Which end of a connection: the one that connected or the one that accepted.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    pub enum Side {
        /// The end that sent the SYN.
        Client = "client",
        /// The end that accepted.
        Server = "server",
    }
}

impl Side {
    /// The other end.
    pub fn peer(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// A thing for each side of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Both<T> {
    /// The client's.
    pub client: T,
    /// The server's.
    pub server: T,
}

impl<T> Both<T> {
    /// What `of` says of each side.
    pub fn of(of: impl Fn(Side) -> T) -> Both<T> {
        Both {
            client: of(Side::Client),
            server: of(Side::Server),
        }
    }

    /// A side's own, and its peer's.
    pub fn split_mut(&mut self, side: Side) -> (&mut T, &mut T) {
        match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        }
    }
}

impl<T> Index<Side> for Both<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

impl<T> IndexMut<Side> for Both<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        self.split_mut(side).0
    }
}

/// As a list of two, the client's first.
impl<T: Serialize> Serialize for Both<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.client, &self.server).serialize(serializer)
    }
}
