//! A client of the rough day: it reads while it sends, and keeps each byte that came.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::conversation::reply::{Form, ReplyEnd};
use crate::conversation::{Act, Conversation, Wait};
use crate::error::Error;
use crate::player::REPLY_IS_OVER;
use timeline::Endpoints;

/// A request, and what its reply is known by.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// What is sent; nothing for a greeting.
    pub request: Vec<u8>,
    pub until: Wait,
}

/// What came in answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// The whole of it.
    Whole(Vec<u8>),
    /// So much, and then the connection ended.
    Cut(Vec<u8>, Ended),
    /// So much in the time that there was, and the connection stays.
    Part(Vec<u8>),
}

/// How a connection ended for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By the server's FIN.
    Closed,
    /// By an error: a reset, or the kernel gave up.
    Failed(String),
}

/// A client, and what it has got.
pub(super) struct Talk {
    client: Client,
    got: Vec<u8>,
    ended: Option<Ended>,
    limit: Duration,
}

/// While it can neither send nor read a client looks again so often.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

impl Exchange {
    /// What a conversation of one client asks and waits for, or what stands in the way.
    pub fn all_of(conversation: &Conversation) -> Result<Vec<Exchange>, String> {
        let mut exchanges: Vec<Exchange> = Vec::new();
        if conversation.clients().len() != 1 {
            return Err("the rough day takes the conversation of one client, and gives it to several".to_owned());
        }
        let mut asked = Vec::new();
        for turn in &conversation.turns {
            match &turn.act {
                Act::Send(bytes) => asked.extend_from_slice(bytes),
                Act::Wait(Wait::Peek | Wait::End) => {}
                Act::Wait(wait) => exchanges.push(Exchange {
                    request: std::mem::take(&mut asked),
                    until: wait.clone(),
                }),
                Act::CatchUp | Act::Connect(_) | Act::Pause(_) | Act::Leave(_) => {}
                Act::HalfClose | Act::StopReading | Act::ReadOn | Act::Signal(..) | Act::Restart | Act::Refused => {
                    return Err(
                        "the rough day takes a conversation of sends and replies: it closes, stops \
                                reading, sends signals and restarts the server by itself"
                            .to_owned(),
                    );
                }
            }
        }
        match exchanges.iter().any(|exchange| !exchange.request.is_empty()) {
            true => Ok(exchanges),
            false => Err("the conversation waits for no reply to anything".to_owned()),
        }
    }

    fn form(&self) -> Form {
        Form::of_reply_to(&self.request)
    }

    /// True if it is a request of HTTP/1.
    pub fn is_http(&self) -> bool {
        matches!(self.form(), Form::Http { .. })
    }

    /// True if it is a command of Redis, which says how long it is before it begins.
    pub fn is_redis(&self) -> bool {
        matches!(self.form(), Form::Redis { .. })
    }

    /// True if it is a line, whose reply is waited for as such.
    pub fn is_line(&self) -> bool {
        matches!((&self.until, self.form()), (Wait::Reply | Wait::Receive(_), Form::Line))
    }

    /// For how long nothing comes when a reply is over whose end nothing tells.
    fn quiet(&self) -> Duration {
        match self.until {
            Wait::Quiet(time) => time,
            _ => REPLY_IS_OVER,
        }
    }
}

impl Came {
    /// What came.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Came::Whole(bytes) | Came::Cut(bytes, _) | Came::Part(bytes) => bytes,
        }
    }
}

impl Talk {
    pub fn new(client: Client, limit: Duration) -> Talk {
        Talk {
            client,
            got: Vec::new(),
            ended: None,
            limit,
        }
    }

    pub fn on(&self) -> Endpoints {
        self.client.on()
    }

    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// How the connection ended, if it has.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// What has come and belongs to no reply yet.
    pub fn left(&self) -> &[u8] {
        &self.got
    }

    /// Sends a request and waits for its reply.
    pub fn ask(&mut self, exchange: &Exchange) -> Came {
        self.send(&exchange.request);
        self.reply(exchange)
    }

    /// Sends all of it, and takes in what comes meanwhile. False if not all could be sent.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        let mut left = bytes;
        let mut moved = Instant::now();
        while !left.is_empty() && self.ended.is_none() && moved.elapsed() < self.limit {
            let sent = self.send_some(left);
            left = &left[sent..];
            if sent > 0 || self.read() > 0 {
                moved = Instant::now();
            } else {
                self.wait();
            }
        }
        left.is_empty()
    }

    /// Sends as much as the kernel takes: how many bytes. None once the connection cannot take any more.
    pub fn send_some(&mut self, bytes: &[u8]) -> usize {
        match self.client.send_now(bytes) {
            Ok(sent) => sent,
            Err(error) => {
                // The client may not have read yet what the server said before.
                while self.read() > 0 {}
                self.ended.get_or_insert_with(|| Ended::Failed(cause(&error)));
                0
            }
        }
    }

    /// Takes in what has come: how many bytes.
    pub fn read(&mut self) -> usize {
        if self.ended.is_some() {
            return 0;
        }
        let part = self.client.read_now();
        self.take_in(part).unwrap_or(0)
    }

    /// Waits a moment for something to come.
    pub fn wait(&mut self) -> Option<usize> {
        self.wait_for(LOOK_AGAIN)
    }

    /// Waits for something to come, as long as a server may take. False if nothing does.
    pub fn wait_long(&mut self) -> bool {
        self.wait_for(self.limit).is_some()
    }

    fn wait_for(&mut self, time: Duration) -> Option<usize> {
        if self.ended.is_some() {
            return None;
        }
        let part = self.client.read_within(time);
        self.take_in(part)
    }

    /// How many bytes came; `None` if nothing did in time, or the connection has ended.
    fn take_in(&mut self, part: Result<Option<Vec<u8>>, Error>) -> Option<usize> {
        match part {
            Ok(None) => None,
            Ok(Some(bytes)) if bytes.is_empty() => {
                self.ended = Some(Ended::Closed);
                None
            }
            Ok(Some(bytes)) => {
                self.got.extend_from_slice(&bytes);
                Some(bytes.len())
            }
            Err(error) => {
                self.ended = Some(Ended::Failed(cause(&error)));
                None
            }
        }
    }

    /// Waits for the reply to a request that was sent. It may take as long as something of it comes.
    pub fn reply(&mut self, exchange: &Exchange) -> Came {
        loop {
            let wait = match exchange
                .until
                .progress(exchange.form(), &self.got, self.ended.is_some())
            {
                ReplyEnd::Whole(length) => return Came::Whole(self.take(length)),
                ReplyEnd::UntilQuiet if self.got.is_empty() => self.limit,
                ReplyEnd::UntilQuiet if self.ended == Some(Ended::Closed) => return Came::Whole(self.take_all()),
                ReplyEnd::UntilQuiet => exchange.quiet(),
                ReplyEnd::More | ReplyEnd::Differs => self.limit,
            };
            if let Some(ended) = self.ended.clone() {
                return Came::Cut(self.take_all(), ended);
            }
            if self.wait_for(wait).is_none() && self.ended.is_none() {
                return match wait < self.limit {
                    true => Came::Whole(self.take_all()),
                    false => Came::Part(self.take_all()),
                };
            }
        }
    }

    /// Waits until the connection has ended, and throws away what comes until then. False if it does not in time.
    pub fn end(&mut self) -> bool {
        while self.ended.is_none() && self.wait_for(self.limit).is_some() {
            self.got.clear();
        }
        self.ended.is_some()
    }

    /// Waits for the server's end behind what has come, and keeps that. False if it stays.
    pub fn end_if_closing(&mut self) -> bool {
        while self.ended.is_none() && self.wait_for(REPLY_IS_OVER * 4).is_some() {}
        self.ended.is_some()
    }

    /// Throws away what has come.
    pub fn forget(&mut self) {
        self.got.clear();
    }

    /// Closes, once everything is acknowledged and read.
    pub fn close(self) {
        self.client.close();
    }

    /// Leaves by a reset.
    pub fn reset(self) {
        // If the connection is gone already, this fails, and there is nothing to reset.
        let _ = self.client.reset();
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        self.got.drain(..length.min(self.got.len())).collect()
    }

    fn take_all(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.got)
    }
}

/// What the system said.
fn cause(error: &Error) -> String {
    match error {
        Error::Client { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}
