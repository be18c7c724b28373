//! A rough day from its beginning: the server's conversation is held gently, and then it meets its ordeals.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::day::Day;
use super::ground::{Gentle, Ground};
use super::ordeal::{Judged, Ordeal};
use super::talk::{Came, Exchange};
use super::{ORDEALS, gentle_host};
use crate::conversation::{Act, Conversation, Wait};
use crate::lock::lock;
use crate::server::ServerBuilder;
use timeline::Timeline;
use timeline::rules::Verdict;

/// A server, and which ordeals it is to meet.
#[must_use = "no ordeal is met until it is run"]
pub struct Rough {
    server: ServerBuilder,
    conversation: Conversation,
    ordeals: Vec<&'static Ordeal>,
    stop_signal: i32,
    seed: u64,
    limit: Duration,
    port: Option<u16>,
}

/// How long the line is that is sent where buffers are small: the first of these that is answered.
const LONG: [usize; 2] = [100_000, 50_000];

impl Rough {
    /// All ordeals for this server. Its clients send two lines, as those of `lab check` do, each when the one before is
    /// answered.
    pub fn of(server: ServerBuilder) -> Rough {
        let line = |text: &str| [Act::Send(text.into()), Act::Wait(Wait::Reply)];
        Rough {
            server,
            conversation: Conversation::of_one(["1\n", "2\n"].into_iter().flat_map(line)),
            ordeals: ORDEALS.to_vec(),
            stop_signal: 15,
            seed: 1,
            limit: Duration::from_secs(10),
            port: None,
        }
    }

    /// Lets its clients hold this conversation: sends and replies, of one client.
    pub fn conversation(mut self, conversation: Conversation) -> Rough {
        self.conversation = conversation;
        self
    }

    /// Leaves out those that this does not keep.
    pub fn only(mut self, keep: impl Fn(&Ordeal) -> bool) -> Rough {
        self.ordeals.retain(|ordeal| keep(ordeal));
        self
    }

    /// The signal that asks the server to stop; SIGTERM unless told.
    pub fn stop_signal(mut self, number: i32) -> Rough {
        self.stop_signal = number;
        self
    }

    /// What chance follows from, where something is lost by chance.
    pub fn seed(mut self, seed: u64) -> Rough {
        self.seed = seed;
        self
    }

    /// How long a server may take for what it does at once on a gentle day; 10 s unless told. A verdict goes by what came
    /// or did not, and this is when it is no longer waited for.
    pub fn limit(mut self, limit: Duration) -> Rough {
        self.limit = limit;
        self
    }

    /// The port that clients connect to, of a server that listens on several; the first unless told.
    pub fn port(mut self, port: u16) -> Rough {
        self.server = self.server.port(port);
        self.port = Some(port);
        self
    }

    /// Lets the server meet them, several side by side, each with a process of its own.
    pub fn run(&self) -> Report {
        self.run_telling(&|_| ())
    }

    /// As [`run`](Self::run), and tells each verdict as it comes.
    pub fn run_telling(&self, tell: &(dyn Fn(&Judged) + Sync)) -> Report {
        match self.begun() {
            Ok((ground, gentle)) => Report::of_some(judge_all(&self.ordeals, &ground, &gentle, tell)),
            Err(why) => Report {
                ordeals: Vec::new(),
                not_begun: Some(why),
            },
        }
    }

    /// All that is seen of one of them, and its verdict.
    ///
    /// # Errors
    ///
    /// Why it did not begin, or why there is nothing to see.
    pub fn show(&self, ordeal: &'static Ordeal) -> Result<(Judged, Timeline), String> {
        let (mut ground, gentle) = self.begun()?;
        ground.shows = true;
        let mut judged = ordeal.judge(&ground, &gentle);
        match judged.timeline.take() {
            Some(timeline) => Ok((judged, timeline)),
            None => Err(judged.reason),
        }
    }

    fn begun(&self) -> Result<(Ground, Gentle), String> {
        let mut ground = Ground {
            descriptors: 0,
            shows: false,
            exchanges: Exchange::all_of(&self.conversation)?,
            server: self.server.clone().reply_within(self.limit),
            stop_signal: self.stop_signal,
            seed: self.seed,
            limit: self.limit,
            port: self.port,
        };
        let gentle = Gentle::of(&ground)?;
        ground.descriptors = gentle.descriptors;
        Ok((ground, gentle))
    }
}

impl Gentle {
    /// Holds the conversation with two processes, in two different seconds of the clock: a reply may have the time in it.
    fn of(ground: &Ground) -> Result<Gentle, String> {
        let mut gentle = Gentle::once(ground)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // This waits for the next second of the clock, as a reply may have the time in it: a server may format the time
        // once and use it for the rest of that second.
        std::thread::sleep(Duration::from_secs(now.as_secs() + 1).saturating_sub(now));
        let again = Gentle::once(ground)?;
        gentle.equal = gentle.replies == again.replies;
        gentle.closes |= again.closes;
        gentle.passes_on |= again.passes_on;
        gentle.cut = gentle.cut.or(again.cut);
        // If the two processes answered the long line differently, neither answer can be expected later.
        if gentle.long.as_ref().map(|(_, reply)| reply) != again.long.as_ref().map(|(_, reply)| reply) {
            gentle.long = None;
        }
        Ok(gentle)
    }

    fn once(ground: &Ground) -> Result<Gentle, String> {
        let mut gentle = Gentle::default();
        let unproved = |why: String| format!("on a gentle day {why}");
        let nothing = Gentle::default();
        let day = Day::begin(ground, &nothing, gentle_host).map_err(|sentence| sentence.reason)?;
        gentle.descriptors = day.look().descriptors as u64;
        let mut talk = day.client().map_err(|sentence| unproved(sentence.reason))?;
        for exchange in &ground.exchanges {
            match talk.ask(exchange) {
                Came::Whole(reply) => gentle.replies.push(reply),
                other => return Err(unproved(day.told(&other))),
            }
        }
        // The server may still do something by itself, such as close. It has done that when all of its threads sleep.
        day.until_idle();
        talk.read();
        gentle.closes = talk.ended().is_some();
        if !gentle.closes {
            talk.forget();
            let mut other = day.client().map_err(|sentence| unproved(sentence.reason))?;
            ground.exchanges.iter().for_each(|exchange| drop(other.ask(exchange)));
            day.until_idle();
            talk.read();
            let is_heard = |reply: &Vec<u8>| talk.left().windows(reply.len().max(1)).any(|part| part == reply);
            gentle.passes_on = gentle.replies.iter().any(is_heard);
            other.close();
        }
        talk.close();
        let is_line = ground.exchanges.iter().any(Exchange::is_line);
        for length in LONG.into_iter().filter(|_| is_line) {
            let exchange = Exchange {
                request: [vec![b'x'; length], b"\n".to_vec()].concat(),
                until: Wait::Reply,
            };
            let mut talk = day.client().map_err(|sentence| unproved(sentence.reason))?;
            match talk.ask(&exchange) {
                Came::Whole(reply) if reply.len() >= length => {
                    gentle.long = Some((exchange, reply));
                    break;
                }
                // The reply begins as the line does, and is not all of it.
                came if came.bytes().starts_with(b"xx") => {
                    gentle.cut = Some(format!("of a line of {length} bytes, {}", day.told(&came)));
                    break;
                }
                _ => {}
            }
        }
        drop(day);
        Ok(gentle)
    }
}

/// What became of all ordeals that were asked for, in their order.
#[derive(Debug, Default)]
pub struct Report {
    /// One for each.
    pub ordeals: Vec<Judged>,
    /// Why nothing was asked, if that is so: the gentle conversation was not held to its end.
    pub not_begun: Option<String>,
}

impl Report {
    /// A report of these, however many of the day's they are.
    pub fn of_some(mut ordeals: Vec<Judged>) -> Report {
        ordeals.sort_by_key(|one| ORDEALS.iter().position(|ordeal| *ordeal == one.ordeal));
        let not_begun = None;
        Report { ordeals, not_begun }
    }

    /// Those that the server failed.
    pub fn failed(&self) -> impl Iterator<Item = &Judged> {
        self.with(Verdict::Failed)
    }

    /// Those that ended so.
    pub fn with(&self, verdict: Verdict) -> impl Iterator<Item = &Judged> {
        self.ordeals.iter().filter(move |judged| judged.verdict == verdict)
    }

    /// The ordeal with this name, if it was asked for.
    pub fn of(&self, name: &str) -> Option<&Judged> {
        self.ordeals.iter().find(|judged| judged.ordeal.name == name)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.not_begun {
            writeln!(f, "not begun: {why}")?;
        }
        for judged in &self.ordeals {
            writeln!(f, "{:<16} {:<10} {}", judged.ordeal.name, judged.verdict, judged.reason)?;
            for line in judged.evidence.iter().filter(|_| judged.verdict == Verdict::Failed) {
                writeln!(f, "{:<16} {:<10} - {line}", "", "")?;
            }
        }
        Ok(())
    }
}

/// So many ordeals run side by side: they wait more than they work.
const AT_ONCE: usize = 6;

/// Lets each be judged, several side by side, and tells each verdict as it comes.
fn judge_all(
    ordeals: &[&'static Ordeal],
    ground: &Ground,
    gentle: &Gentle,
    tell: &(dyn Fn(&Judged) + Sync),
) -> Vec<Judged> {
    let next = AtomicUsize::new(0);
    let judged = Mutex::new(Vec::new());
    // The ordeals that take longest begin first, so that the whole ends sooner.
    let mut waiting = ordeals.to_vec();
    waiting.sort_by_key(|ordeal| ordeal.quick);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(waiting.len()) {
            scope.spawn(|| {
                while let Some(ordeal) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let one = ordeal.judge(ground, gentle);
                    tell(&one);
                    lock(&judged).push(one);
                }
            });
        }
    });
    judged.into_inner().unwrap_or_else(PoisonError::into_inner)
}
