//! What clients say to a server, and what they wait for: plain data, written as a [script](Conversation::parse). A
//! [`Player`](crate::Player) holds a conversation.

mod bytes;
mod pattern;
pub(crate) mod reply;
mod script;

use std::collections::BTreeSet;
use std::time::Duration;

pub use self::bytes::unescape;
pub use self::pattern::Pattern;
pub use self::script::signal;

/// What one client does, or several do, turn by turn: in a lesson, an exercise, a capture, a script, a test.
///
/// ```
/// use harness::Conversation;
///
/// // Both are connected before the first is answered.
/// let two_at_once = Conversation::parse(
///     r"
///     client 1 send one\n
///     client 2 send two\n
///     client 1 receive one\n
///     client 2 receive two\n
///     client 1 half-close
///     client 1 end
///     ",
/// )?;
/// assert_eq!(two_at_once.turns.len(), 6);
/// assert_eq!(two_at_once.clients().len(), 2);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Conversation {
    /// The turns, in order.
    pub turns: Vec<Turn>,
}

/// What one client does at one point of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Which client, from 1. It connects with its first turn, and after it has left with the next one anew.
    pub client: usize,
    /// What it does.
    pub act: Act,
    /// Why that must succeed, in a sentence for whom it did not.
    pub why: Option<String>,
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It connects, from this port, or from one that the kernel chooses.
    Connect(Option<u16>),
    /// It sends these bytes.
    Send(Vec<u8>),
    /// It waits for the server.
    Wait(Wait),
    /// It takes in what else has come of the reply before, until the server has gone back to sleep, at most for a moment.
    CatchUp,
    /// All wait for the clock.
    Pause(Duration),
    /// The server's first process gets this signal, signal(7): now, or so much later, while the conversation goes on.
    Signal(i32, Duration),
    /// The server is stopped by SIGTERM, started again at once, and listens: see [`Server::restart`](crate::Server::restart).
    Restart,
    /// It tries to connect, and has to be refused.
    Refused,
    /// It closes its sending half: its FIN goes out, and it can still read.
    HalfClose,
    /// It reads nothing any more, also not before it sends or when it closes, but where it waits for something.
    StopReading,
    /// It reads again.
    ReadOn,
    /// It leaves.
    Leave(Ending),
}

/// How a client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It closes once everything is acknowledged, and has read what has come unless it has stopped reading: a socket that
    /// is closed with unread data sends a reset instead of a FIN.
    Close,
    /// It sends a reset.
    Reset,
    /// It stays connected until the observation has ended.
    Stay,
}

/// What a client waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A reply to what it has sent last, which ends where its protocol says.
    Reply,
    /// What the server says before anything is asked of it.
    Greeting,
    /// Until this has come, with the rest of its line.
    Expect(Pattern),
    /// These bytes and no others. A client that is told in this way what each of its requests is answered by gets nothing
    /// else, until it leaves.
    Receive(Vec<u8>),
    /// Until something has come and then nothing for so long.
    Quiet(Duration),
    /// Until something has come, which it leaves unread.
    Peek,
    /// Until the server closes.
    End,
}

impl Turn {
    /// What a client does, for no reason that is told.
    fn by(client: usize, act: Act) -> Turn {
        let why = None;
        Turn { client, act, why }
    }
}

impl Conversation {
    /// What the first client does, and nobody else.
    pub fn of_one(acts: impl IntoIterator<Item = Act>) -> Conversation {
        Conversation {
            turns: acts.into_iter().map(|act| Turn::by(1, act)).collect(),
        }
    }

    /// What a client of an echo server does that sends each text when the one before has come back.
    pub fn echo_of<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Conversation {
        let sends = texts.into_iter().map(|text| Act::Send(text.as_ref().to_vec()));
        Conversation::of_one(sends).echoed()
    }

    /// The clients that take part.
    pub fn clients(&self) -> BTreeSet<usize> {
        self.turns.iter().map(|turn| turn.client).collect()
    }

    /// What is held by this client in place of each that takes part.
    #[must_use]
    pub fn held_by(mut self, client: usize) -> Conversation {
        self.turns.iter_mut().for_each(|turn| turn.client = client);
        self
    }

    /// The same, where the first client connects from this port.
    #[must_use]
    pub fn from_port(mut self, port: u16) -> Conversation {
        self.turns.insert(0, Turn::by(1, Act::Connect(Some(port))));
        self
    }

    /// The same, where each client catches up with the server before it sends.
    #[must_use]
    pub fn catching_up(self) -> Conversation {
        let turns = self.turns.into_iter().flat_map(|turn| {
            let catch_up = Turn::by(turn.client, Act::CatchUp);
            let is_send = matches!(turn.act, Act::Send(_));
            is_send.then_some(catch_up).into_iter().chain([turn])
        });
        Conversation { turns: turns.collect() }
    }

    /// The same with an echo server, where what a client sends comes back unless it says that something else does.
    #[must_use]
    pub fn echoed(self) -> Conversation {
        let mut turns = Vec::new();
        for (place, turn) in self.turns.iter().enumerate() {
            let next = self.turns[place + 1..].iter().find(|next| next.client == turn.client);
            let echo = match &turn.act {
                Act::Send(bytes) if !next.is_some_and(Turn::receives) => {
                    Some(Turn::by(turn.client, Act::Wait(Wait::Receive(bytes.clone()))))
                }
                _ => None,
            };
            turns.push(turn.clone());
            turns.extend(echo);
        }
        Conversation { turns }
    }

    /// How often the server is started again: see [`ServerBuilder::restarts`](crate::ServerBuilder::restarts).
    pub fn restarts(&self) -> usize {
        self.turns.iter().filter(|turn| turn.act == Act::Restart).count()
    }

    /// True if a client sends again before it has waited for anything.
    pub fn sends_on(&self) -> bool {
        let is_send = |turn: &Turn| matches!(turn.act, Act::Send(_));
        let next = |place: usize| {
            let client = self.turns[place].client;
            self.turns[place + 1..].iter().find(|turn| turn.client == client)
        };
        (0..self.turns.len()).any(|place| is_send(&self.turns[place]) && next(place).is_some_and(is_send))
    }

    /// What each turn sends that does.
    pub fn sent(&self) -> impl Iterator<Item = &[u8]> {
        self.turns.iter().filter_map(|turn| match &turn.act {
            Act::Send(bytes) => Some(bytes.as_slice()),
            _ => None,
        })
    }
}

impl Turn {
    /// True if it waits for bytes that are told.
    pub(crate) fn receives(&self) -> bool {
        matches!(self.act, Act::Wait(Wait::Receive(_)))
    }

    /// True if what has come already may be what it waits for.
    pub(crate) fn searches(&self) -> bool {
        self.receives() || matches!(self.act, Act::Wait(Wait::Expect(_)))
    }
}
