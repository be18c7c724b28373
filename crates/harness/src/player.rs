//! Holds conversations with a server: what they [say](crate::conversation) becomes what clients do.

use std::collections::BTreeMap;
use std::fmt;
use std::mem::{MaybeUninit, take};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::conversation::reply::{Form, Progress};
use crate::conversation::{Act, Conversation, Ending, Turn, Wait};
use crate::error::Error;
use crate::server::Server;
use crate::timeline::{Timeline, printable};

/// A reply whose end nothing tells has come when so long nothing follows. Longer than a delayed ACK, which may stand
/// between two parts of it.
pub const REPLY_IS_OVER: Duration = Duration::from_millis(250);

/// A client that catches up gives the server so long to go back to sleep: until then it may still close, or send more of
/// its reply. Shorter than a client takes to delay its ACK, so that what it sends next carries it.
const GOES_BACK_TO_SLEEP: Duration = Duration::from_millis(20);

/// Bytes that nobody asked for have come by then, once everything is acknowledged.
const MORE: Duration = Duration::from_millis(1);

/// No more of what came is searched for what is waited for.
const SEARCHED: usize = 1 << 20;

/// So many of the bytes that came are told.
const TOLD: usize = 60;

fn first_of(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(TOLD)]
}

/// The clients of a server, and what they do there: see [`hold`](Self::hold).
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
            How::StaysOpen => "a client waited in vain for the server to close",
        })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Trouble {}

/// Why a turn was not taken to its end.
struct Stop {
    how: How,
    text: String,
    got: Vec<u8>,
}

impl Stop {
    fn new(how: How, text: impl Into<String>) -> Stop {
        Stop {
            how,
            text: text.into(),
            got: Vec::new(),
        }
    }

    fn differs(wanted: &[u8], got: Vec<u8>) -> Stop {
        let what = match wanted {
            [] => "nothing more had to come".to_owned(),
            wanted => format!("\"{}\" had to come", first_of(wanted).escape_ascii()),
        };
        let text = format!("{what}, and \"{}\" came", first_of(&got).escape_ascii());
        Stop {
            got,
            ..Stop::new(How::Differs, text)
        }
    }

    fn at(self, connection: usize) -> Box<Trouble> {
        let Stop { how, text, got } = self;
        Box::new(Trouble {
            how,
            text,
            connection,
            sent: Vec::new(),
            wanted: Vec::new(),
            got,
            why: None,
        })
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        let how = match &error {
            error if error.is_timeout() => How::Silence,
            error if error.is_no_reply() => How::Closed,
            _ => How::Failed,
        };
        Stop::new(how, error.to_string())
    }
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
    #[must_use]
    pub fn at(self, address: SocketAddr) -> Player<'s> {
        Player { address, ..self }
    }

    /// Lets them wait at most so long for what has to come; unless told, as long as clients of the server
    /// [do](crate::ServerBuilder::reply_within).
    #[must_use]
    pub fn within(self, limit: Duration) -> Player<'s> {
        Player { limit, ..self }
    }

    /// Holds a conversation until something goes wrong. Clients that have not left stay connected.
    pub fn hold(&mut self, conversation: &Conversation) -> Conversed {
        let mut held = Conversed::default();
        for place in 0..conversation.turns.len() {
            if let Err(trouble) = self.take_turn(&conversation.turns, place, &mut held) {
                held.trouble = Some(*trouble);
                break;
            }
        }
        held
    }

    /// The clients that are connected.
    pub fn connected(&self) -> Vec<usize> {
        self.speakers.keys().copied().collect()
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

    fn take_turn(&mut self, turns: &[Turn], place: usize, held: &mut Conversed) -> Result<(), Box<Trouble>> {
        let turn = &turns[place];
        if let Act::Pause(time) = turn.act {
            // What the conversation asks for: nothing is waited for but the clock.
            std::thread::sleep(time);
            return Ok(());
        }
        let mut speaker = match self.speakers.remove(&turn.client) {
            Some(known) => known,
            None => self.connect(&turn.act)?,
        };
        let later = || turns[place + 1..].iter().filter(|later| later.client == turn.client);
        let done = match &turn.act {
            Act::Pause(_) | Act::Connect(_) => Ok(()),
            Act::Send(bytes) => speaker.send(bytes),
            Act::CatchUp => speaker
                .catch_up(self.server, later().any(Turn::searches), held)
                .and_then(|()| speaker.can_send(turns, place)),
            Act::Wait(wait) => speaker.wait(wait, held),
            Act::HalfClose => speaker.client.shutdown_write().map_err(Stop::from),
            Act::StopReading => {
                speaker.reads = false;
                Ok(())
            }
            Act::ReadOn => {
                speaker.reads = true;
                Ok(())
            }
            Act::Leave(ending) => return self.leave(speaker, *ending).map_err(|trouble| trouble.of(turn)),
        };
        // Of what could not be sent, the reply will not come either.
        let about = match &turn.act {
            Act::Send(_) => later().next().filter(|next| next.receives()).unwrap_or(turn),
            _ => turn,
        };
        let done = done.map_err(|stop| speaker.trouble(stop).of(about));
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
            .map_err(|error| Stop::new(How::Refused, error.to_string()).at(connection))
    }

    fn leave(&mut self, speaker: Speaker, ending: Ending) -> Result<(), Box<Trouble>> {
        let connection = speaker.connection;
        let left = match ending {
            Ending::Close => speaker.close(),
            Ending::Reset => speaker.client.reset().map_err(Stop::from),
            Ending::Stay => {
                self.stay.push(speaker.client);
                Ok(())
            }
        };
        left.map_err(|stop| stop.at(connection))
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

impl Turn {
    /// True if what has come already may be what it waits for.
    fn searches(&self) -> bool {
        self.receives() || matches!(self.act, Act::Wait(Wait::Expect(_)))
    }
}

impl Trouble {
    /// With what a turn tells of what had to come.
    fn of(mut self: Box<Self>, turn: &Turn) -> Box<Trouble> {
        if let Act::Wait(Wait::Receive(bytes)) = &turn.act {
            self.wanted.clone_from(bytes);
        }
        self.why.clone_from(&turn.why);
        self
    }
}

/// A client that is connected.
struct Speaker {
    client: Client,
    /// Its place among the connections of its player.
    connection: usize,
    limit: Duration,
    /// What has come and was not taken yet.
    got: Vec<u8>,
    /// True once the end of file was read.
    closed: bool,
    /// False if it was told to stop reading.
    reads: bool,
    /// What it has sent last, if anything.
    sent: Option<Vec<u8>>,
    has_replies: bool,
    told: Told,
}

/// Whether a client was told all that has to come.
#[derive(Default)]
struct Told {
    /// It was told something.
    any: bool,
    /// It has sent something since then.
    open: bool,
    /// Something was not told, and may have brought anything.
    not_all: bool,
}

impl Told {
    /// True if nothing may come any more.
    fn all(&self) -> bool {
        self.any && !self.open && !self.not_all
    }
}

impl Speaker {
    fn new(client: Client, connection: usize, limit: Duration) -> Speaker {
        Speaker {
            client,
            connection,
            limit,
            got: Vec::new(),
            closed: false,
            reads: true,
            sent: None,
            has_replies: false,
            told: Told::default(),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.sent = Some(bytes.to_vec());
        self.told.not_all |= self.told.open;
        self.told.open = true;
        Ok(self.client.send(bytes)?)
    }

    /// Takes in what else belongs to the reply before, until the server has gone back to sleep.
    fn catch_up(&mut self, server: &Server, keeps: bool, held: &mut Conversed) -> Result<(), Stop> {
        if !self.reads {
            return Ok(());
        }
        let deadline = Instant::now() + GOES_BACK_TO_SLEEP;
        while !self.closed {
            // A server that slept before the socket was found empty has said all that it is going to say.
            let slept = server.is_idle();
            let part = match self.client.read_now()? {
                None if slept || Instant::now() >= deadline => break,
                None => self.client.read_within(Duration::from_millis(1))?,
                part => part,
            };
            self.take_in(part);
        }
        if self.sent.is_none() && !self.has_replies && !self.got.is_empty() {
            held.greeting = Some(printable(&String::from_utf8_lossy(first_of(&self.got))));
        }
        if !keeps {
            self.got.clear();
        }
        Ok(())
    }

    /// Fails if the server has closed and this client was going to send.
    fn can_send(&self, turns: &[Turn], place: usize) -> Result<(), Stop> {
        let own = |turn: &&Turn| turn.client == turns[place].client;
        let is_send = |turn: &&Turn| matches!(turn.act, Act::Send(_));
        if !self.closed || !turns[place + 1..].iter().find(own).is_some_and(|next| is_send(&next)) {
            return Ok(());
        }
        let sends = |turns: &[Turn]| turns.iter().filter(own).filter(is_send).count();
        let of = sends(turns);
        let what = match sends(&turns[place..]) {
            1 => format!("the last of {of} messages was not sent"),
            unsent => format!("the last {unsent} of {of} messages were not sent"),
        };
        Err(Stop::new(How::Unsent, format!("the server closed first: {what}")))
    }

    fn take_in(&mut self, part: Option<Vec<u8>>) {
        let Some(part) = part else { return };
        self.closed |= part.is_empty();
        self.got.extend(part);
    }

    fn wait(&mut self, wait: &Wait, held: &mut Conversed) -> Result<(), Stop> {
        match wait {
            Wait::Receive(bytes) => {
                self.receive(bytes)?;
                (self.told.any, self.told.open) = (true, false);
                return Ok(());
            }
            Wait::End => return self.end(),
            Wait::Peek => {
                // If nothing comes, there is nothing to leave unread: the timeline shows it.
                let _ = self.client.socket().peek(&mut [MaybeUninit::uninit()]);
                return Ok(());
            }
            Wait::Reply => {
                let form = Form::of_reply_to(self.sent.as_deref().unwrap_or_default());
                self.until(form.wanted(), form == Form::Line, |bytes, ended| {
                    form.progress(bytes, ended)
                })?;
            }
            Wait::Greeting => {
                self.until("a greeting", true, |bytes, _| {
                    let complete = bytes.ends_with(b"\n").then(|| Form::Line.progress(bytes, false));
                    match complete {
                        // A greeting of several lines that are not marked as such ends when nothing follows.
                        Some(Progress::More) => Progress::More,
                        _ => Progress::UntilQuiet,
                    }
                })?;
            }
            Wait::Expect(pattern) => {
                self.until(&pattern.to_string(), true, |bytes, _| {
                    pattern.end_in(bytes).map_or(Progress::More, Progress::Whole)
                })?;
            }
            Wait::Quiet(time) => self.quiet("a reply", *time)?,
        }
        self.told.not_all = true;
        self.has_replies = true;
        held.replies += 1;
        Ok(())
    }

    /// Reads bytes that are told, and no others.
    fn receive(&mut self, wanted: &[u8]) -> Result<(), Stop> {
        let mut left = wanted;
        while !left.is_empty() {
            let part = self.until("data", true, |bytes, _| match bytes {
                [] => Progress::More,
                bytes if left.starts_with(bytes) => Progress::Whole(bytes.len()),
                _ => Progress::Differs,
            });
            let came = &wanted[..wanted.len() - left.len()];
            let got = || [came, &self.got].concat();
            left = &left[part.map_err(|stop| match stop.how {
                How::Differs => Stop::differs(wanted, got()),
                _ => Stop { got: got(), ..stop },
            })?..];
        }
        Ok(())
    }

    /// Reads until the server closes. What comes before that is one byte too many if all that has to come was told.
    fn end(&mut self) -> Result<(), Stop> {
        let ended = self.until("the end of file", true, |_, ended| match ended {
            true => Progress::Whole(0),
            false => Progress::More,
        });
        ended.map_err(|stop| match stop.how {
            How::Silence => Stop {
                how: How::StaysOpen,
                ..stop
            },
            _ => stop,
        })?;
        let got = take(&mut self.got);
        match self.told.all() && !got.is_empty() {
            true => Err(Stop::differs(&[], got)),
            false => Ok(()),
        }
    }

    /// Waits until what has come is whole, and takes it out: its length. It has to be so within the limit. With `in_all`
    /// false what is not whole by then, and goes on coming, is no failure of the server's.
    fn until(&mut self, wanted: &str, in_all: bool, progress: impl Fn(&[u8], bool) -> Progress) -> Result<usize, Stop> {
        let began = Instant::now();
        loop {
            match progress(&self.got, self.closed) {
                Progress::Whole(length) => {
                    self.got.drain(..length.min(self.got.len()));
                    return Ok(length);
                }
                Progress::UntilQuiet => return self.quiet(wanted, REPLY_IS_OVER).map(|()| 0),
                Progress::Differs => return Err(Stop::differs(&[], Vec::new())),
                Progress::More if self.closed => return Err(self.give_up(wanted, None)),
                Progress::More => {}
            }
            if in_all && self.got.len() > SEARCHED {
                self.got.drain(..SEARCHED / 2);
            }
            if !in_all && !self.got.is_empty() && began.elapsed() > self.limit {
                return Err(self.goes_on());
            }
            let spent = if in_all { began.elapsed() } else { Duration::ZERO };
            let part = match self.limit.saturating_sub(spent) {
                Duration::ZERO => None,
                left => self.client.read_within(left)?,
            };
            if part.is_none() {
                return Err(self.give_up(wanted, Some(self.limit)));
            }
            self.take_in(part);
        }
    }

    /// Waits until something has come, and then nothing for so long. Takes all of it.
    fn quiet(&mut self, wanted: &str, time: Duration) -> Result<(), Stop> {
        let mut any = !self.got.is_empty();
        let began = Instant::now();
        while !self.closed {
            // Who is never quiet is not listened to for ever.
            if any && began.elapsed() > self.limit.max(time) {
                return Err(self.goes_on());
            }
            let wait = if any { time } else { self.limit };
            match self.client.read_within(wait)? {
                None if any => break,
                None => return Err(self.give_up(wanted, Some(self.limit))),
                part => self.closed = part.is_some_and(|part| part.is_empty()),
            }
            any |= !self.closed;
        }
        self.got.clear();
        if any { Ok(()) } else { Err(self.give_up(wanted, None)) }
    }

    fn give_up(&self, wanted: &str, waited: Option<Duration>) -> Stop {
        self.client.give_up("read a reply", wanted, waited).into()
    }

    fn goes_on(&self) -> Stop {
        let text = format!(
            "the end of a reply was waited for, and after {:?} more was still coming",
            self.limit
        );
        Stop::new(How::GoesOn, text)
    }

    fn close(mut self) -> Result<(), Stop> {
        if !self.reads {
            // What has come stays unread, and the kernel tells the server so by a reset.
            self.client.settle();
            return Ok(());
        }
        let more = self.unasked();
        self.client.close();
        more.map_or(Ok(()), |more| Err(Stop::differs(&[], more)))
    }

    /// What has come though all that had to come was told, and has come.
    fn unasked(&mut self) -> Option<Vec<u8>> {
        if !self.told.all() {
            return None;
        }
        self.client.settle();
        self.client.read_within(MORE).ok()?.filter(|more| !more.is_empty())
    }

    fn trouble(&self, stop: Stop) -> Box<Trouble> {
        let mut trouble = stop.at(self.connection);
        if self.told.open {
            trouble.sent = self.sent.clone().unwrap_or_default();
        }
        trouble
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
