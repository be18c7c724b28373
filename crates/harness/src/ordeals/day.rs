//! A day: a server that runs, on a host and behind a wire as an ordeal wants them, and what its clients find.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::fault::Fault;
use super::ground::{Gentle, Ground};
use super::ruling::{Ruling, Sentence, failed, failed_by, not_judged};
use super::talk::{Came, Ended, Exchange, Talk};
use crate::error::Error;
use crate::lock::lock;
use crate::look::Look;
use crate::recorder::Seen;
use crate::server::{Server, ServerBuilder};
use timeline::{Call, CallKind, Connection, Endpoints, Flags, Level, Side, Timeline, What};

/// A server on its day.
pub(super) struct Day<'d> {
    pub ground: &'d Ground,
    pub gentle: &'d Gentle,
    pub server: Server,
    /// What was measured, for people.
    notes: Mutex<Vec<String>>,
    /// The connections that it is about.
    about: Mutex<Vec<Endpoints>>,
}

/// So many bytes of each packet are kept: its headers, and the first of its text.
const SNAPLEN: u32 = 256;

/// So much of what happens is kept for whoever asks what it was.
const KEEP: usize = 100_000;

/// How often something is looked at that nothing tells of.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Of signal(7), on each architecture that is observed here.
const SIGSTOP: i32 = 19;
const SIGCONT: i32 = 18;

/// At most so long a server that does something by itself is waited for.
const IDLE: Duration = Duration::from_secs(2);

impl<'d> Day<'d> {
    pub fn begin(
        ground: &'d Ground,
        gentle: &'d Gentle,
        host: fn(ServerBuilder, &Ground) -> ServerBuilder,
    ) -> Result<Day<'d>, Sentence> {
        let server = ground.server.clone().snaplen(SNAPLEN).keep(KEEP);
        match host(server, ground).start() {
            Ok(server) => Ok(Day {
                ground,
                gentle,
                server,
                notes: Mutex::default(),
                about: Mutex::default(),
            }),
            Err(error) => not_judged(error.to_string()),
        }
    }

    /// A client that is connected. A server that has ended meanwhile has failed.
    pub fn client(&self) -> Result<Talk, Sentence> {
        self.connect().or_else(|error| match self.server.ended() {
            Some(exit) => failed_by(Fault::DiesOfAClient, format!("the server has ended ({exit})")),
            None => not_judged(error.to_string()),
        })
    }

    /// The same, of whose connection the evidence is to be.
    pub fn client_in_view(&self) -> Result<Talk, Sentence> {
        self.client().inspect(|talk| self.about(talk.on()))
    }

    fn connect(&self) -> Result<Talk, Error> {
        let chosen = self.ground.port.and_then(|port| self.server.address_of(port));
        let client = self
            .server
            .connect_to(chosen.unwrap_or_else(|| self.server.address()))?;
        Ok(Talk::new(client, self.ground.limit))
    }

    /// The conversation, with a client of its own that leaves by closing.
    pub fn converse(&self) -> Ruling {
        let mut talk = self.connect().or_else(|error| failed(error.to_string()))?;
        self.hold(&mut talk, self.ground.exchanges.len())?;
        talk.close();
        Ok(String::new())
    }

    /// Lets a client hold the first so many exchanges: each reply has to be what it is on a gentle day.
    pub fn hold(&self, talk: &mut Talk, exchanges: usize) -> Result<(), Sentence> {
        for (place, exchange) in self.ground.exchanges.iter().enumerate().take(exchanges) {
            let reply = self.gentle.replies.get(place).map_or(&[][..], Vec::as_slice);
            talk.send(&exchange.request);
            let came = self.reply(talk, exchange, reply);
            self.is_as_ever(place, &came)?;
        }
        Ok(())
    }

    /// Waits for the reply to what was asked. What a chat passes on before it, of what others said, is none.
    fn reply(&self, talk: &mut Talk, exchange: &Exchange, reply: &[u8]) -> Came {
        let long = self.gentle.long.iter().map(|(_, reply)| reply);
        let said: Vec<&Vec<u8>> = self.gentle.replies.iter().chain(long).collect();
        loop {
            match talk.reply(exchange) {
                Came::Whole(other) if self.gentle.passes_on && other != reply && said.contains(&&other) => {}
                came => return came,
            }
        }
    }

    /// Holds the conversation before it becomes rough: what fails by then is no matter of the ordeal's.
    pub fn gently(&self) -> Result<(), Sentence> {
        match self.converse() {
            Ok(_) => Ok(()),
            Err(sentence) => not_judged(format!("not even a gentle client: {}", sentence.reason)),
        }
    }

    /// Holds it once more: somebody has to be served as on a gentle day.
    pub fn serves_on(&self, after: &str) -> Result<(), Sentence> {
        match self.converse() {
            Ok(_) => Ok(()),
            Err(sentence) => failed(format!("{after} a gentle client: {}", sentence.reason)),
        }
    }

    /// The reply to an exchange has to be what it is on a gentle day.
    pub fn is_as_ever(&self, place: usize, came: &Came) -> Result<(), Sentence> {
        match came {
            Came::Whole(reply) if self.gentle.equal && *reply != self.gentle.replies[place] => {
                failed(format!("another reply came: {}", self.told(came)))
            }
            Came::Whole(_) => Ok(()),
            cut => failed(self.told(cut)),
        }
    }

    /// The same of the long line's reply.
    pub fn is_as_ever_when_long(&self, came: &Came, reply: &[u8]) -> Result<(), Sentence> {
        match came {
            Came::Whole(whole) if self.gentle.equal && whole != reply => failed(format!(
                "of a line of {} bytes another reply came: {}",
                reply.len(),
                self.told(came)
            )),
            Came::Whole(_) => Ok(()),
            cut => failed(format!("to a line of {} bytes, {}", reply.len(), self.told(cut))),
        }
    }

    /// The longest reply that it gives, in bytes.
    pub fn longest(&self) -> usize {
        let long = self.gentle.long.iter().map(|(_, reply)| reply.len());
        self.gentle.replies.iter().map(Vec::len).chain(long).max().unwrap_or(0)
    }

    /// The conversation and, if the server answers one, a long line, with clients of their own.
    pub fn converse_at_length(&self) -> Ruling {
        if let Some(cut) = &self.gentle.cut {
            return failed(format!("already on a gentle day, {cut}"));
        }
        let mut talk = self.client_in_view()?;
        self.hold(&mut talk, self.ground.exchanges.len())?;
        talk.close();
        if let Some((exchange, reply)) = &self.gentle.long {
            let mut talk = self.client_in_view()?;
            talk.send(&exchange.request);
            let came = self.reply(&mut talk, exchange, reply);
            self.is_as_ever_when_long(&came, reply)?;
            talk.close();
        }
        Ok(String::new())
    }

    /// What came, in words.
    pub fn told(&self, came: &Came) -> String {
        let bytes = came.bytes().len();
        let server = match self.server.ended() {
            Some(exit) => format!("; the server has ended ({exit})"),
            None => String::new(),
        };
        match came {
            Came::Whole(_) => format!("{bytes} bytes came{server}"),
            Came::Part(_) if bytes == 0 => format!("no reply came within {:?}{server}", self.ground.limit),
            Came::Part(_) => format!(
                "{bytes} bytes of a reply came, and then nothing within {:?}{server}",
                self.ground.limit
            ),
            Came::Cut(_, ended) => {
                let how = match ended {
                    Ended::Closed => "the server closed".to_owned(),
                    Ended::Failed(error) => format!("the client got \"{error}\""),
                };
                match bytes {
                    0 => format!("no reply came: {how}{server}"),
                    _ => format!("{bytes} bytes of a reply came, and then {how}{server}"),
                }
            }
        }
    }

    pub fn look(&self) -> Look {
        self.server.look()
    }

    /// Waits until all threads of the server sleep.
    pub fn until_idle(&self) {
        self.server.wait_until_idle(IDLE.min(self.ground.limit));
    }

    /// Stops each process of the server, until it [goes on](Self::go_on).
    pub fn pause(&self) -> Result<(), Sentence> {
        self.server.signal_all(SIGSTOP);
        match self.until(|| self.look().stopped && self.look().stopped) {
            true => Ok(()),
            false => not_judged("the server could not be stopped by SIGSTOP"),
        }
    }

    pub fn go_on(&self) {
        self.server.signal_all(SIGCONT);
    }

    /// True if a thread of the server wakes up within a moment.
    pub fn wakes(&self) -> bool {
        self.server.wakes()
    }

    /// True if no thread will go on by itself: all sleep, none until some moment, and none has woken up meanwhile.
    pub fn sleeps_for_good(&self) -> bool {
        let look = self.look();
        look.idle && !look.on_clock && !self.wakes()
    }

    /// How many seconds the server's own clock is ahead of its host's; `None` if it has none of its own:
    /// time_namespaces(7).
    pub fn clock_ahead(&self) -> Option<i64> {
        let pid = *self.look().processes.first()?;
        let offsets = std::fs::read_to_string(format!("/proc/{pid}/timens_offsets")).ok()?;
        let offset = offsets.lines().find_map(|line| line.strip_prefix("boottime"))?;
        let ahead = offset.split_whitespace().next()?.parse().ok()?;
        (ahead != 0).then_some(ahead)
    }

    /// How many calls there were of this kind.
    pub fn count_calls(&self, wanted: impl Fn(&Call) -> bool) -> usize {
        self.count(|what| matches!(what, What::Call { call, .. } if wanted(call)))
    }

    /// How many packets the wire has lost.
    pub fn count_lost(&self) -> usize {
        self.count(|what| matches!(what, What::Frame { passage: Some(passage), .. } if passage.arrivals.is_empty()))
    }

    /// The same, of those that the server sent on a connection.
    pub fn count_lost_of(&self, on: Endpoints) -> usize {
        self.count(|what| match what {
            What::Frame {
                segment: Some(segment),
                passage: Some(passage),
                ..
            } => segment.source() == on.server && segment.destination() == on.client && passage.arrivals.is_empty(),
            _ => false,
        })
    }

    /// The first bytes of what the server has written on a connection.
    pub fn server_said_on(&self, on: Endpoints) -> Vec<u8> {
        let said = |what: &What| match what {
            What::Call { on: Some(of), call } if *of == on && call.kind == CallKind::Write => Some(call.bytes.to_vec()),
            _ => None,
        };
        let first = |seen: &Seen| seen.records.iter().find_map(|record| said(&record.what));
        self.server.network().recorder().with(first).unwrap_or_default()
    }

    /// How many bytes the server has read or written on a connection.
    pub fn moved_on(&self, on: Endpoints, kind: CallKind) -> u64 {
        let moved = |what: &What| match what {
            What::Call { on: Some(of), call } if *of == on && call.kind == kind && !call.is_peek() => call.moved(),
            _ => 0,
        };
        let sum = |seen: &Seen| seen.records.iter().map(|record| moved(&record.what)).sum();
        self.server.network().recorder().with(sum)
    }

    fn count(&self, wanted: impl Fn(&What) -> bool) -> usize {
        let recorder = self.server.network().recorder();
        recorder.with(|seen| seen.records.iter().filter(|record| wanted(&record.what)).count())
    }

    /// Waits until something is so, at most as long as the server may take. Whether it is.
    pub fn until(&self, is_so: impl FnMut() -> bool) -> bool {
        self.until_within(self.ground.limit, is_so)
    }

    pub fn until_within(&self, limit: Duration, is_so: impl FnMut() -> bool) -> bool {
        self.server.until_within(limit, is_so)
    }

    /// A client that has held the conversation up to its last request: that one can be asked again and again, while
    /// what stands before it may be a login.
    pub fn client_before_last(&self) -> Result<Talk, Sentence> {
        let mut talk = self.client()?;
        self.hold(&mut talk, self.last_asked())?;
        Ok(talk)
    }

    /// The first exchange in which something is asked. There is one: see [`Exchange::all_of`].
    pub fn first_asked(&self) -> &Exchange {
        let asks = |exchange: &&Exchange| !exchange.request.is_empty();
        self.ground
            .exchanges
            .iter()
            .find(asks)
            .unwrap_or(&self.ground.exchanges[0])
    }

    /// The place of the last request.
    pub fn last_asked(&self) -> usize {
        let asks = |exchange: &Exchange| !exchange.request.is_empty();
        self.ground.exchanges.iter().rposition(asks).unwrap_or_default()
    }

    /// Fills the buffers between a client that does not read and the server, with the last request, or with the long
    /// line if there is one: until nothing more goes in and the server waits. The requests that were sent whole, and what of the
    /// last one is yet to be sent. `None` if the buffers did not fill.
    pub fn fill(&self, talk: &mut Talk) -> Option<Filled> {
        let place = self.last_asked();
        // Few HTTP clients send a request before the one before it is answered. So for HTTP one reply has to fill the
        // buffers by itself.
        if self.request(place).0.is_http() && self.request(place).1.len() < FILLS {
            return None;
        }
        let mut filled = Filled::default();
        let (mut stuck, mut moved) = (0, Instant::now());
        // Many small replies are asked for, up to a limit, as a server may hold any number of them in its own memory.
        // One long reply is enough by itself, and more requests would do harm: a server that closes with requests
        // unread resets the connection.
        let most = if self.request(place).1.len() < FILLS {
            ENOUGH
        } else {
            FILLS
        };
        while filled.replies < most || !filled.left.is_empty() {
            let (exchange, reply) = self.request(place);
            if filled.left.is_empty() && filled.replies < most {
                filled.left.clone_from(&exchange.request);
                filled.replies += reply.len();
                filled.sent.push(place);
            }
            let sent = talk.send_some(&filled.left);
            filled.left.drain(..sent);
            if talk.ended().is_some() {
                return None;
            }
            if sent > 0 {
                (stuck, moved) = (0, Instant::now());
                continue;
            }
            stuck = if self.server.is_idle() { stuck + 1 } else { 0 };
            if stuck > STILL || moved.elapsed() > self.ground.limit {
                break;
            }
            // Nothing tells when the buffers have room again, so this looks again and again.
            std::thread::sleep(LOOK_AGAIN);
        }
        let on = talk.on();
        let waits = || {
            self.server
                .network()
                .sockets()
                .into_iter()
                .any(|socket| socket.on == on && socket.unsent > 0)
        };
        self.until_within(IDLE, waits).then_some(filled)
    }

    /// A request that fills buffers, and its reply.
    fn request(&self, place: usize) -> (&Exchange, &[u8]) {
        match &self.gentle.long {
            Some((exchange, reply)) => (exchange, reply),
            None => (&self.ground.exchanges[place], &self.gentle.replies[place]),
        }
    }

    /// Lets a client that has filled the buffers read on, and sends what is left: how many replies came, of how many.
    pub fn drain(&self, talk: &mut Talk, filled: &Filled) -> (usize, usize, Came) {
        talk.send(&filled.left);
        let mut last = Came::Whole(Vec::new());
        for (number, place) in filled.sent.iter().enumerate() {
            let (exchange, reply) = self.request(*place);
            last = self.reply(talk, exchange, reply);
            let same = |whole: &Vec<u8>| !self.gentle.equal || *whole == reply;
            if !matches!(&last, Came::Whole(whole) if same(whole)) {
                return (number, filled.sent.len(), last);
            }
        }
        (filled.sent.len(), filled.sent.len(), last)
    }

    /// What the server keeps of these clients, once it has done all that it does.
    pub fn keeps(&self, of: &[Endpoints]) -> Vec<String> {
        self.server.settle();
        let held = self.server.held_by().into_iter();
        held.filter(|(_, on)| of.contains(on)).map(|(who, _)| who).collect()
    }

    /// Notes what was measured.
    pub fn note(&self, measured: impl Into<String>) {
        lock(&self.notes).push(measured.into());
    }

    /// Says which connection the evidence is to be of.
    pub fn about(&self, on: Endpoints) {
        lock(&self.about).push(on);
    }

    /// Ends it: what was measured, with the frames that end the connections it is about, and all that was seen.
    pub fn over(self, passed: bool) -> (Vec<String>, Option<Timeline>) {
        let mut evidence = lock(&self.notes).clone();
        let about = lock(&self.about).clone();
        if self.ground.shows {
            self.server.settle();
        }
        let timeline = self.server.conclude().ok();
        if let Some(timeline) = timeline
            .as_ref()
            .filter(|timeline| !passed && timeline.level > Level::NoPackets)
        {
            let is_about = |connection: &Connection<'_>| about.contains(&connection.endpoints());
            evidence.extend(timeline.connections().filter(is_about).filter_map(ending).take(3));
        }
        (evidence, timeline)
    }
}

/// A client that fills buffers stops when this many bytes of small replies are on their way.
const ENOUGH: usize = 1_000_000;

/// Replies of so many bytes fit into no small buffers.
pub(super) const FILLS: usize = 32_768;

/// The server slept so often in a row, and took nothing in.
const STILL: u32 = 5;

/// What a client that fills buffers has sent.
#[derive(Default)]
pub(super) struct Filled {
    /// The places of the requests, in their order.
    pub sent: Vec<usize>,
    /// What the last one lacks.
    pub left: Vec<u8>,
    replies: usize,
}

/// How the server ended a connection: the frame.
fn ending(connection: Connection<'_>) -> Option<String> {
    let of_server = || connection.packets().filter(|(_, packet)| packet.from == Side::Server);
    let ends = |(_, packet): &(_, timeline::KnownPacket<'_>)| {
        packet.segment.flags.has(Flags::RST) || packet.segment.flags.has(Flags::FIN)
    };
    let bytes: u64 = of_server().map(|(_, packet)| u64::from(packet.segment.len)).sum();
    let (_, last) = of_server().find(ends)?;
    let kind = if last.segment.flags.has(Flags::RST) {
        "RST"
    } else {
        "FIN"
    };
    Some(format!(
        "frame {}: the server's {kind}, on the connection from {}, which has sent {bytes} bytes in all",
        last.number,
        connection.endpoints().client
    ))
}
