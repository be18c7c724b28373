//! What a client of ours says, and what it waits for.
//!
//! [`bytes`], [`pattern`], [`reply`] and [`script`] are about text alone; here a conversation is held with a server.

pub mod options;
pub mod pattern;
pub mod reply;
pub mod script;

use std::time::{Duration, Instant};

use harness::timeline::printable;
use harness::{Client, Server};

use self::pattern::Pattern;
use self::reply::{Form, Progress};

/// A reply whose end nothing tells has come when so long nothing follows. Longer than a delayed ACK, which may stand
/// between two parts of it.
const REPLY_IS_OVER: Duration = Duration::from_millis(250);

/// Before the next message a server has so long to go back to sleep: until then it may still close, or send more of
/// its reply. Shorter than a client takes to delay its ACK, so that the next message carries it.
const GOES_BACK_TO_SLEEP: Duration = Duration::from_millis(20);

/// No more of what came is searched for a pattern.
const SEARCHED: usize = 1 << 20;

/// A step of a conversation.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Waits for a reply of this form.
    Reply(Form),
    /// Waits for what the server says before anything is asked of it.
    Greeting,
    /// Waits until this has come.
    Expect(Pattern),
    /// Waits until something has come and then nothing for so long.
    Quiet(Duration),
    /// Waits for the clock.
    Pause(Duration),
    /// Waits until the server closes.
    End,
}

/// What a client says and waits for, step by step.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// The steps.
    pub steps: Vec<Step>,
    /// True if somebody asked for it: then it is to be held to its end. What is said by default may end early.
    pub is_asked_for: bool,
}

/// Why a conversation was not held to its end.
#[derive(Debug)]
pub enum Stopped {
    /// Something failed, or did not come in time.
    Failed(harness::Error),
    /// What came went on coming for so long, and its end was waited for.
    GoesOn(Duration),
    /// The server closed first: so many of so many messages were not sent.
    Closed {
        /// Messages that were not sent.
        unsent: usize,
        /// All of them.
        of: usize,
    },
}

impl From<harness::Error> for Stopped {
    fn from(error: harness::Error) -> Stopped {
        Stopped::Failed(error)
    }
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stopped::Failed(error) => error.fmt(f),
            Stopped::GoesOn(limit) => write!(
                f,
                "the end of a reply was waited for, and after {limit:?} more was still coming; --timeout gives it \
                 longer, --expect says where it ends"
            ),
            Stopped::Closed { unsent: 1, of } => {
                write!(f, "the server closed first: the last of {of} messages was not sent")
            }
            Stopped::Closed { unsent, of } => {
                write!(
                    f,
                    "the server closed first: the last {unsent} of {of} messages were not sent"
                )
            }
        }
    }
}

/// A conversation that was held, to its end or not.
#[derive(Debug, Default)]
pub struct Held {
    /// How many replies came.
    pub replies: usize,
    /// What the server said before anything was asked of it, if that was not waited for.
    pub greeting: Option<String>,
    /// Why it was not held to its end.
    pub stopped: Option<Stopped>,
}

impl Conversation {
    /// Holds it.
    pub fn hold(&self, server: &Server, client: &mut Client, limit: Duration) -> Held {
        let mut talk = Talk::new(server, client, limit);
        let stopped = self.steps_of(&mut talk).err();
        Held {
            replies: talk.replies,
            greeting: talk.greeting,
            stopped,
        }
    }

    fn steps_of(&self, talk: &mut Talk<'_>) -> Result<(), Stopped> {
        let sends = |steps: &[Step]| steps.iter().filter(|step| matches!(step, Step::Send(_))).count();
        for (index, step) in self.steps.iter().enumerate() {
            let Step::Send(bytes) = step else {
                talk.step(step)?;
                continue;
            };
            // What a pattern will look for may have come already.
            let keeps = self.steps[index..].iter().any(|step| matches!(step, Step::Expect(_)));
            talk.catch_up(keeps)?;
            if talk.closed {
                return Err(Stopped::Closed {
                    unsent: sends(&self.steps[index..]),
                    of: sends(&self.steps),
                });
            }
            talk.client.send(bytes)?;
            talk.has_sent = true;
        }
        Ok(())
    }
}

/// One side of a conversation as it goes.
#[derive(Debug)]
pub struct Talk<'t> {
    server: &'t Server,
    client: &'t mut Client,
    limit: Duration,
    /// What has come and was not taken yet.
    got: Vec<u8>,
    /// True once the end of file was read.
    closed: bool,
    has_sent: bool,
    replies: usize,
    greeting: Option<String>,
}

impl<'t> Talk<'t> {
    /// Begins a conversation.
    pub fn new(server: &'t Server, client: &'t mut Client, limit: Duration) -> Talk<'t> {
        Talk {
            server,
            client,
            limit,
            got: Vec::new(),
            closed: false,
            has_sent: false,
            replies: 0,
            greeting: None,
        }
    }

    /// Takes in what else belongs to the reply before, until the server has gone back to sleep.
    fn catch_up(&mut self, keeps: bool) -> Result<(), Stopped> {
        let deadline = Instant::now() + GOES_BACK_TO_SLEEP;
        while !self.closed {
            // A server that slept before the socket was found empty has said all that it is going to say.
            let slept = self.server.is_idle();
            let part = match self.client.read_now()? {
                None if slept || Instant::now() >= deadline => break,
                None => self.client.read_within(Duration::from_millis(1))?,
                part => part,
            };
            self.take_in(part);
        }
        if !self.has_sent && self.replies == 0 && !self.got.is_empty() {
            let first: Vec<u8> = self.got.iter().take(60).copied().collect();
            self.greeting = Some(printable(&String::from_utf8_lossy(&first)));
        }
        if !keeps {
            self.got.clear();
        }
        Ok(())
    }

    fn take_in(&mut self, part: Option<Vec<u8>>) {
        let Some(part) = part else { return };
        self.closed |= part.is_empty();
        self.got.extend(part);
    }

    fn step(&mut self, step: &Step) -> Result<(), Stopped> {
        match step {
            Step::Send(bytes) => self.client.send(bytes)?,
            Step::Pause(time) => std::thread::sleep(*time),
            Step::Reply(form) => self.reply(*form)?,
            Step::Greeting => self.until("a greeting", true, |bytes, _| {
                let complete = bytes.ends_with(b"\n").then(|| Form::Line.progress(bytes, false));
                match complete {
                    // A greeting of several lines that are not marked as such ends when nothing follows.
                    Some(Progress::More) => Progress::More,
                    _ => Progress::UntilQuiet,
                }
            })?,
            Step::Expect(pattern) => {
                self.until(&pattern.to_string(), true, |bytes, _| {
                    pattern.end_in(bytes).map_or(Progress::More, Progress::Whole)
                })?;
            }
            Step::Quiet(time) => self.quiet("a reply", *time)?,
            Step::End => self.until("the end of file", true, |bytes, ended| match ended {
                true => Progress::Whole(bytes.len()),
                false => Progress::More,
            })?,
        }
        self.replies += usize::from(matches!(
            step,
            Step::Reply(_) | Step::Greeting | Step::Expect(_) | Step::Quiet(_)
        ));
        Ok(())
    }

    /// Waits for a reply of a form.
    ///
    /// # Errors
    ///
    /// If it does not come.
    fn reply(&mut self, form: Form) -> Result<(), Stopped> {
        self.until(form.wanted(), form == Form::Line, |bytes, ended| {
            form.progress(bytes, ended)
        })
    }

    /// Waits until what has come is whole, and takes it out. It has to be so within the limit. With `in_all` false what
    /// is not whole by then, and goes on coming, is no failure of the server's.
    fn until(&mut self, wanted: &str, in_all: bool, progress: impl Fn(&[u8], bool) -> Progress) -> Result<(), Stopped> {
        let began = Instant::now();
        loop {
            match progress(&self.got, self.closed) {
                Progress::Whole(length) => {
                    self.got.drain(..length.min(self.got.len()));
                    return Ok(());
                }
                Progress::UntilQuiet => return self.quiet(wanted, REPLY_IS_OVER),
                Progress::More if self.closed => return Err(self.ended(wanted)),
                Progress::More => {}
            }
            if in_all && self.got.len() > SEARCHED {
                self.got.drain(..SEARCHED / 2);
            }
            if !in_all && !self.got.is_empty() && began.elapsed() > self.limit {
                return Err(Stopped::GoesOn(self.limit));
            }
            let spent = if in_all { began.elapsed() } else { Duration::ZERO };
            let part = match self.limit.saturating_sub(spent) {
                Duration::ZERO => None,
                left => self.client.read_within(left)?,
            };
            if part.is_none() {
                return Err(self.client.give_up("read a reply", wanted, Some(self.limit)).into());
            }
            self.take_in(part);
        }
    }

    /// Waits until something has come, and then nothing for so long. Takes all of it.
    fn quiet(&mut self, wanted: &str, time: Duration) -> Result<(), Stopped> {
        let mut any = !self.got.is_empty();
        let began = Instant::now();
        while !self.closed {
            // Who is never quiet is not listened to for ever.
            if any && began.elapsed() > self.limit.max(time) {
                return Err(Stopped::GoesOn(self.limit));
            }
            let wait = if any { time } else { self.limit };
            match self.client.read_within(wait)? {
                None if any => break,
                None => return Err(self.client.give_up("read a reply", wanted, Some(self.limit)).into()),
                part => self.closed = part.is_some_and(|part| part.is_empty()),
            }
            any |= !self.closed;
        }
        self.got.clear();
        if any { Ok(()) } else { Err(self.ended(wanted)) }
    }

    fn ended(&self, wanted: &str) -> Stopped {
        self.client.give_up("read a reply", wanted, None).into()
    }

    /// Sends what somebody has typed, and waits for a reply to it.
    ///
    /// # Errors
    ///
    /// If that is not possible, or no reply comes.
    pub fn exchange(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        self.catch_up(false)?;
        if self.closed {
            return Err(Stopped::Closed { unsent: 1, of: 1 });
        }
        self.client.send(bytes)?;
        self.has_sent = true;
        self.reply(Form::of_reply_to(bytes))
    }
}

/// What came of waiting for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replied {
    /// It came, and nothing more after it.
    Whole,
    /// The server closed the connection, with or without a reply before that.
    Closed,
    /// Nothing came.
    Nothing,
}

/// Reads a reply, each part when it comes, until nothing follows or the server closes. It has to begin within
/// `limit`.
///
/// # Errors
///
/// Those of the client.
pub fn read_reply(
    client: &mut Client,
    limit: Duration,
    mut take: impl FnMut(&[u8]),
) -> Result<Replied, harness::Error> {
    let mut replied = Replied::Nothing;
    let mut wait = limit;
    while let Some(part) = client.read_within(wait)? {
        if part.is_empty() {
            return Ok(Replied::Closed);
        }
        take(&part);
        (replied, wait) = (Replied::Whole, REPLY_IS_OVER);
    }
    Ok(replied)
}
