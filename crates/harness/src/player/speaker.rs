//! A client that takes its turns in a conversation.

use std::mem::{MaybeUninit, take};
use std::time::{Duration, Instant};

use super::trouble::{Conversed, How, Trouble};
use crate::client::Client;
use crate::conversation::reply::{Form, ReplyEnd};
use crate::conversation::{Act, Turn, Wait};
use crate::error::Error;
use crate::server::Server;
use timeline::printable;

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

/// A client that is connected.
pub(super) struct Speaker {
    pub client: Client,
    /// Its place among the connections of its player.
    pub connection: usize,
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
    pub fn new(client: Client, connection: usize, limit: Duration) -> Speaker {
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

    /// Takes its turn at this place, and does not leave.
    pub fn take_turn(
        &mut self,
        turns: &[Turn],
        place: usize,
        server: &Server,
        held: &mut Conversed,
    ) -> Result<(), Box<Trouble>> {
        let turn = &turns[place];
        let later = || turns[place + 1..].iter().filter(|later| later.client == turn.client);
        let done = match &turn.act {
            Act::Pause(_) | Act::Signal(..) | Act::Restart | Act::Connect(_) | Act::Refused | Act::Leave(_) => Ok(()),
            Act::Send(bytes) => self.send(bytes),
            Act::CatchUp => self
                .catch_up(server, later().any(Turn::searches), held)
                .and_then(|()| self.can_send(turns, place)),
            Act::Wait(wait) => self.wait(wait, held),
            Act::HalfClose => self.client.shutdown_write().map_err(|error| self.failed(error)),
            Act::StopReading | Act::ReadOn => {
                self.reads = turn.act == Act::ReadOn;
                Ok(())
            }
        };
        // Of what could not be sent, the reply will not come either.
        let about = match &turn.act {
            Act::Send(_) => later().next().filter(|next| next.receives()).unwrap_or(turn),
            _ => turn,
        };
        done.map_err(|trouble| trouble.of(about))
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Box<Trouble>> {
        self.sent = Some(bytes.to_vec());
        self.told.not_all |= self.told.open;
        self.told.open = true;
        self.client.send(bytes).map_err(|error| self.failed(error))
    }

    /// Takes in what else belongs to the reply before, until the server has gone back to sleep.
    fn catch_up(&mut self, server: &Server, keeps: bool, held: &mut Conversed) -> Result<(), Box<Trouble>> {
        if !self.reads {
            return Ok(());
        }
        let deadline = Instant::now() + GOES_BACK_TO_SLEEP;
        while !self.closed {
            // A server that slept before the socket was found empty has said all that it is going to say.
            let slept = server.is_idle();
            let part = match self.client.read_now() {
                Ok(None) if slept || Instant::now() >= deadline => break,
                Ok(None) => self.client.read_within(Duration::from_millis(1)),
                part => part,
            };
            self.take_in(part)?;
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
    fn can_send(&self, turns: &[Turn], place: usize) -> Result<(), Box<Trouble>> {
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
        Err(self.trouble(How::Unsent, format!("the server closed first: {what}")))
    }

    /// Takes in what was read, or learns that there is no more. False if nothing came in time.
    fn take_in(&mut self, part: Result<Option<Vec<u8>>, Error>) -> Result<bool, Box<Trouble>> {
        let part = part.map_err(|error| self.failed(error))?;
        self.closed |= part.as_ref().is_some_and(Vec::is_empty);
        self.got.extend(part.iter().flatten());
        Ok(part.is_some())
    }

    fn wait(&mut self, wait: &Wait, held: &mut Conversed) -> Result<(), Box<Trouble>> {
        let form = Form::of_reply_to(self.sent.as_deref().unwrap_or_default());
        let progress = |came: &[u8], ended| wait.progress(form, came, ended);
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
            Wait::Reply => _ = self.until(form.wanted(), form == Form::Line, progress)?,
            Wait::Greeting => _ = self.until("a greeting", true, progress)?,
            Wait::Expect(pattern) => _ = self.until(&pattern.to_string(), true, progress)?,
            Wait::Quiet(time) => self.quiet("a reply", *time)?,
        }
        self.told.not_all = true;
        self.has_replies = true;
        held.replies += 1;
        Ok(())
    }

    /// Reads bytes that are told, and no others.
    fn receive(&mut self, wanted: &[u8]) -> Result<(), Box<Trouble>> {
        let mut left = wanted;
        while !left.is_empty() {
            let part = self.until("data", true, |bytes, _| match bytes {
                [] => ReplyEnd::More,
                bytes if left.starts_with(bytes) => ReplyEnd::Whole(bytes.len()),
                _ => ReplyEnd::Differs,
            });
            let came = &wanted[..wanted.len() - left.len()];
            left = &left[part.map_err(|mut trouble| {
                trouble.got = [came, &self.got].concat();
                if trouble.how == How::Differs {
                    trouble.text = differs(wanted, &trouble.got);
                }
                trouble
            })?..];
        }
        Ok(())
    }

    /// Reads until the server closes. What comes before that is one byte too many if all that has to come was told.
    fn end(&mut self) -> Result<(), Box<Trouble>> {
        let ended = self.until("the end of file", true, |_, ended| match ended {
            true => ReplyEnd::Whole(0),
            false => ReplyEnd::More,
        });
        ended.map_err(|mut trouble| {
            if trouble.how == How::Silence {
                trouble.how = How::StaysOpen;
            }
            trouble
        })?;
        match take(&mut self.got) {
            got if self.told.all() && !got.is_empty() => Err(self.unasked(got)),
            _ => Ok(()),
        }
    }

    /// Waits until what has come is whole, and takes it out: its length. It has to be so within the limit. With `in_all`
    /// false what is not whole by then, and goes on coming, is no failure of the server's.
    fn until(
        &mut self,
        wanted: &str,
        in_all: bool,
        progress: impl Fn(&[u8], bool) -> ReplyEnd,
    ) -> Result<usize, Box<Trouble>> {
        let began = Instant::now();
        loop {
            match progress(&self.got, self.closed) {
                ReplyEnd::Whole(length) => {
                    self.got.drain(..length.min(self.got.len()));
                    return Ok(length);
                }
                ReplyEnd::UntilQuiet => return self.quiet(wanted, REPLY_IS_OVER).map(|()| 0),
                ReplyEnd::Differs => return Err(self.trouble(How::Differs, "")),
                ReplyEnd::More if self.closed => return Err(self.give_up(wanted, None)),
                ReplyEnd::More => {}
            }
            if in_all && self.got.len() > SEARCHED {
                self.got.drain(..SEARCHED / 2);
            }
            if !in_all && !self.got.is_empty() && began.elapsed() > self.limit {
                return Err(self.goes_on());
            }
            let spent = if in_all { began.elapsed() } else { Duration::ZERO };
            let part = match self.limit.saturating_sub(spent) {
                Duration::ZERO => Ok(None),
                left => self.client.read_within(left),
            };
            if !self.take_in(part)? {
                return Err(self.give_up(wanted, Some(self.limit)));
            }
        }
    }

    /// Waits until something has come, and then nothing for so long. Takes all of it.
    fn quiet(&mut self, wanted: &str, time: Duration) -> Result<(), Box<Trouble>> {
        let began = Instant::now();
        let mut any = false;
        while !self.closed {
            any |= !take(&mut self.got).is_empty();
            // Who is never quiet is not listened to for ever.
            if any && began.elapsed() > self.limit.max(time) {
                return Err(self.goes_on());
            }
            let part = self.client.read_within(if any { time } else { self.limit });
            match self.take_in(part)? {
                false if any => return Ok(()),
                false => return Err(self.give_up(wanted, Some(self.limit))),
                true => {}
            }
        }
        match any || !take(&mut self.got).is_empty() {
            true => Ok(()),
            false => Err(self.give_up(wanted, None)),
        }
    }

    fn give_up(&self, wanted: &str, waited: Option<Duration>) -> Box<Trouble> {
        self.failed(self.client.give_up("read a reply", wanted, waited))
    }

    fn goes_on(&self) -> Box<Trouble> {
        let text = format!(
            "the end of a reply was waited for, and after {:?} more was still coming",
            self.limit
        );
        self.trouble(How::GoesOn, text)
    }

    pub fn close(mut self) -> Result<(), Box<Trouble>> {
        if !self.reads {
            // What has come stays unread, and the kernel tells the server so by a reset.
            self.client.settle();
            return Ok(());
        }
        let mut trouble = None;
        if self.told.all() {
            self.client.settle();
            let more = self.client.read_within(MORE).ok().flatten();
            trouble = more.filter(|more| !more.is_empty()).map(|more| self.unasked(more));
        }
        self.client.close();
        trouble.map_or(Ok(()), Err)
    }

    /// Something has come though all that had to come was told, and has come.
    fn unasked(&self, got: Vec<u8>) -> Box<Trouble> {
        let mut trouble = self.trouble(How::Differs, differs(&[], &got));
        trouble.got = got;
        trouble
    }

    fn failed(&self, error: Error) -> Box<Trouble> {
        let how = match &error {
            error if error.is_timeout() => How::Silence,
            error if error.is_no_reply() => How::Closed,
            _ => How::Failed,
        };
        self.trouble(how, error.to_string())
    }

    fn trouble(&self, how: How, text: impl Into<String>) -> Box<Trouble> {
        let mut trouble = Trouble::new(how, text, self.connection);
        // What has got its reply has nothing to do with it.
        if self.told.open {
            trouble.sent = self.sent.clone().unwrap_or_default();
        }
        trouble
    }
}

/// In words, that others than these bytes came.
fn differs(wanted: &[u8], got: &[u8]) -> String {
    let what = match wanted {
        [] => "nothing more had to come".to_owned(),
        wanted => format!("\"{}\" had to come", first_of(wanted).escape_ascii()),
    };
    format!("{what}, and \"{}\" came", first_of(got).escape_ascii())
}
