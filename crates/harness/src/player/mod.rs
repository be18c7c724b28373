//! Holds conversations with a server: what they [say](crate::conversation) becomes what clients do.

mod speaker;
mod trouble;

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::mem::take;
use std::net::SocketAddr;
use std::thread::Scope;
use std::time::Duration;

pub use self::speaker::REPLY_IS_OVER;
use self::speaker::Speaker;
pub use self::trouble::{Conversed, How, Trouble};
use crate::client::Client;
use crate::conversation::{Act, Conversation, Ending, Turn};
use crate::error::Error;
use crate::server::Server;
use timeline::Timeline;

/// SIGTERM of signal(7), by which a service is stopped.
const TERM: i32 = 15;

/// The clients of a server, and what they do there: see [`hold`](Self::hold).
#[must_use = "no client comes until something is held"]
pub struct Player<'s> {
    server: &'s Server,
    address: SocketAddr,
    limit: Duration,
    /// Those that are connected, by their numbers.
    speakers: BTreeMap<usize, Speaker>,
    /// Those that stay connected until the observation has ended.
    stay: Vec<Client>,
    connections: usize,
}

impl<'s> Player<'s> {
    /// Lets clients talk to a server, where it listens first.
    pub fn new(server: &'s Server) -> Player<'s> {
        Player {
            server,
            address: server.address(),
            limit: server.reply(),
            speakers: BTreeMap::new(),
            stay: Vec::new(),
            connections: 0,
        }
    }

    /// Lets them talk to another of its addresses.
    pub fn at(self, address: SocketAddr) -> Player<'s> {
        Player { address, ..self }
    }

    /// Lets them wait at most so long for what has to come; unless told, as long as clients of the server
    /// [do](crate::ServerBuilder::reply_within).
    pub fn within(self, limit: Duration) -> Player<'s> {
        Player { limit, ..self }
    }

    /// Holds a conversation until something goes wrong. Clients that have not left stay connected.
    pub fn hold(&mut self, conversation: &Conversation) -> Conversed {
        let mut held = Conversed::default();
        // Signals that are to come later come from threads of their own, and are waited for.
        std::thread::scope(|later| {
            for place in 0..conversation.turns.len() {
                if let Err(trouble) = self.take_turn(&conversation.turns, place, &mut held, later) {
                    held.trouble = Some(*trouble);
                    break;
                }
            }
        });
        held
    }

    /// The clients that are connected.
    pub fn connected(&self) -> Vec<usize> {
        self.speakers.keys().copied().collect()
    }

    /// A player for each client that is connected, with its number: they can talk at the same time, each on a thread of
    /// its own. This one has no clients then.
    pub fn apart(&mut self) -> Vec<(usize, Player<'s>)> {
        let alone = |(client, speaker)| {
            let player = Player {
                server: self.server,
                address: self.address,
                limit: self.limit,
                speakers: BTreeMap::from([(client, speaker)]),
                stay: Vec::new(),
                connections: self.connections,
            };
            (client, player)
        };
        take(&mut self.speakers).into_iter().map(alone).collect()
    }

    /// How many connections there were, refused ones included.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Lets all clients close that have not left.
    ///
    /// # Errors
    ///
    /// If one of them got what it had not asked for.
    pub fn close(&mut self) -> Result<(), Box<Trouble>> {
        let speakers = take(&mut self.speakers).into_values();
        let closed = speakers.map(|speaker| self.leave(speaker, Ending::Close));
        closed.fold(Ok(()), Result::and)
    }

    /// The clients that stay connected, once all that both sides have sent is acknowledged. They are to be kept until the
    /// server has stopped.
    pub fn finish(self) -> Vec<Client> {
        self.stay.iter().for_each(Client::settle);
        self.stay
    }

    fn take_turn<'l>(
        &mut self,
        turns: &[Turn],
        place: usize,
        held: &mut Conversed,
        later: &'l Scope<'l, '_>,
    ) -> Result<(), Box<Trouble>>
    where
        's: 'l,
    {
        let turn = &turns[place];
        if let Act::Pause(time) = turn.act {
            // What the conversation asks for: nothing is waited for but the clock.
            std::thread::sleep(time);
            return Ok(());
        }
        if let Act::Signal(number, after) = turn.act {
            let server = self.server;
            if after > Duration::ZERO {
                later.spawn(move || {
                    // The conversation asks for it. If the server has ended by then, there is nobody to tell.
                    std::thread::sleep(after);
                    server.signal(number)
                });
                return Ok(());
            }
            return match self.server.signal(number) {
                true => Ok(()),
                false => Err(Trouble::new(
                    How::Failed,
                    format!("signal {number}: the server has ended"),
                    self.connections,
                )),
            };
        }
        if turn.act == Act::Restart {
            let again = self.server.restart(TERM);
            return again.map_err(|error| Trouble::new(How::Failed, error.to_string(), self.connections));
        }
        if turn.act == Act::Refused {
            let connection = self.connections;
            self.connections += 1;
            let trouble = match self.server.open(self.address, None) {
                // A SYN that nobody answers is no refusal.
                Err(Error::Connect { source, .. }) if source.kind() == ErrorKind::ConnectionRefused => return Ok(()),
                Err(error) => Trouble::new(How::Failed, error.to_string(), connection),
                Ok(_) => Trouble::new(How::Admitted, How::Admitted.to_string(), connection),
            };
            return Err(trouble.of(turn));
        }
        let mut speaker = match self.speakers.remove(&turn.client) {
            Some(known) => known,
            None => self.connect(&turn.act)?,
        };
        let done = match &turn.act {
            Act::Leave(ending) => return self.leave(speaker, *ending).map_err(|trouble| trouble.of(turn)),
            _ => speaker.take_turn(turns, place, self.server, held),
        };
        self.speakers.insert(turn.client, speaker);
        done
    }

    fn connect(&mut self, first: &Act) -> Result<Speaker, Box<Trouble>> {
        let connection = self.connections;
        self.connections += 1;
        let port = match first {
            Act::Connect(port) => *port,
            _ => None,
        };
        let connected = self.server.open(self.address, port);
        connected
            .map(|client| Speaker::new(client, connection, self.limit))
            .map_err(|error| Trouble::new(How::Refused, error.to_string(), connection))
    }

    fn leave(&mut self, speaker: Speaker, ending: Ending) -> Result<(), Box<Trouble>> {
        match ending {
            Ending::Close => speaker.close(),
            Ending::Reset => {
                let Speaker { client, connection, .. } = speaker;
                let reset = client.reset();
                reset.map_err(|error| Trouble::new(How::Failed, error.to_string(), connection))
            }
            Ending::Stay => {
                self.stay.push(speaker.client);
                Ok(())
            }
        }
    }
}

impl Server {
    /// Holds a conversation, lets all clients close that have not left, and stops: what there was to see.
    ///
    /// # Errors
    ///
    /// A [`Trouble`] if the conversation was not held to its end, and those of [`stop`](Server::stop).
    pub fn hold(self, conversation: &Conversation) -> anyhow::Result<Timeline> {
        let mut player = Player::new(&self);
        if let Some(trouble) = player.hold(conversation).trouble {
            return Err(trouble.into());
        }
        player.close()?;
        let stay = player.finish();
        let timeline = self.stop()?;
        drop(stay);
        Ok(timeline)
    }
}

impl fmt::Debug for Player<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player")
            .field("server", self.server)
            .field("connected", &self.connected())
            .finish()
    }
}
