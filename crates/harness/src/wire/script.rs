//! The words of a wire's script.

use std::time::Duration;

use super::{Acked, Action, Change, Copies, KIND_WORDS, Kind, MTU, Moment, Named, Rule, Wire};
use timeline::Side;

/// No packet is kept longer than this; Linux gives up on a connection after some 15 minutes.
const LONGEST: Duration = Duration::from_secs(3600);

const STATEMENTS: &str =
    "delay, rate, queue, loss, mtu, seed, congestion, lose, duplicate, swap, hold, corrupt, cut or restore";
const KINDS: &str = "syn, fin, rst, data, ack, probe or packet";
const MOMENTS: &str = "at once, or after: a time (after 300ms), a reply (after reply 1), bytes (after 5000 bytes, after server \
     sent 100 bytes, after server read 100 bytes), lost packets (after 3 lost), a packet (after server data 2)";

/// What is wrong with a script: the word, where it stands, and the words that would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The line, from 1, where there are several.
    pub line: Option<usize>,
    /// The statement.
    pub statement: String,
    /// The word that will not do; `None` if one is missing.
    pub word: Option<String>,
    /// What would do in its place.
    pub wanted: String,
}

impl std::error::Error for ScriptError {}

impl std::fmt::Display for ScriptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        let statement = &self.statement;
        match self.word.as_deref() {
            Some(word) if word == statement => write!(f, "{word:?} is no statement")?,
            Some(word) => write!(f, "{word:?} will not do in {statement:?}")?,
            None => write!(f, "{statement:?} ends too early")?,
        }
        write!(f, ": {}", self.wanted)
    }
}

impl Wire {
    /// Adds the statements of a script, one a line: `lose server data 2`. Empty lines and what follows
    /// a `#` say nothing.
    ///
    /// # Errors
    ///
    /// If a statement says nothing that a wire could do: which word, and the words that would do.
    pub fn script(mut self, text: &str) -> Result<Wire, ScriptError> {
        run(&mut self, text)?;
        Ok(self)
    }
}

impl std::str::FromStr for Wire {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Wire, ScriptError> {
        Wire::new().script(text)
    }
}

/// Adds the statements of a text to a wire.
fn run(wire: &mut Wire, text: &str) -> Result<(), ScriptError> {
    let several = text.lines().count() > 1;
    for (number, line) in text.lines().enumerate() {
        let statement = line.split('#').next().unwrap_or_default().trim();
        if statement.is_empty() {
            continue;
        }
        let mut words = Words {
            statement,
            words: statement.split_whitespace().collect(),
            next: 0,
        };
        words.statement(wire).map_err(|error| ScriptError {
            line: several.then_some(number + 1),
            ..error
        })?;
    }
    let ways = [&wire.ways.client, &wire.ways.server];
    let has_queue = ways.iter().any(|way| way.queue.is_some());
    let has_rate = ways.iter().any(|way| way.queue.is_some() && way.rate.is_some());
    if has_queue && !has_rate {
        return Err(ScriptError {
            line: None,
            statement: text.trim().to_owned(),
            word: Some("queue".to_owned()),
            wanted: "packets wait only for a wire that has a rate: add one, such as rate 1mbit".to_owned(),
        });
    }
    Ok(())
}

/// A statement's words, from left to right.
struct Words<'a> {
    statement: &'a str,
    words: Vec<&'a str>,
    next: usize,
}

type Parsed<T> = Result<T, ScriptError>;

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).copied()
    }

    /// The next word, if it is this one.
    fn take(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    /// What is to be said of the next word.
    fn error(&self, wanted: impl Into<String>) -> ScriptError {
        ScriptError {
            line: None,
            statement: self.statement.to_owned(),
            word: self.peek().map(str::to_owned),
            wanted: wanted.into(),
        }
    }

    /// The next word as something; `wanted` says what it should be.
    fn read<T>(&mut self, wanted: &str, read: impl FnOnce(&str) -> Option<T>) -> Parsed<T> {
        let found = self.peek().and_then(read);
        let found = found.ok_or_else(|| self.error(format!("{wanted} is wanted here")))?;
        self.next += 1;
        Ok(found)
    }

    /// This word and no other.
    fn expect(&mut self, word: &str) -> Parsed<()> {
        match self.take(word) {
            true => Ok(()),
            false => Err(self.error(format!("{word:?} is wanted here"))),
        }
    }

    fn end(&self) -> Parsed<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error("nothing is wanted here: the statement is complete before it")),
        }
    }

    fn statement(&mut self, wire: &mut Wire) -> Parsed<()> {
        let word = self.peek().unwrap_or_default().to_ascii_lowercase();
        self.next += 1;
        match word.as_str() {
            "lose" => wire.rules.push(self.rule(Action::Lose)?),
            "duplicate" => wire.rules.push(self.rule(Action::Duplicate)?),
            "swap" => wire.rules.push(self.rule(Action::Swap)?),
            "corrupt" => wire.rules.push(self.rule(Action::Corrupt)?),
            "hold" => wire.rules.push(self.rule(Action::Hold(Duration::ZERO))?),
            "cut" | "restore" => wire.changes.push(self.change(word == "cut")?),
            "mtu" => {
                let wanted = format!("a number of bytes from {} to {}", MTU.0, MTU.1);
                wire.mtu = self.read(&wanted, |word| {
                    word.parse().ok().filter(|mtu| (MTU.0..=MTU.1).contains(mtu))
                })?;
            }
            "seed" => wire.seed = self.read("a whole number", |word| word.parse().ok())?,
            "congestion" => {
                wire.congestion = self.read("the name of a congestion control, such as reno", |word| {
                    let is_name = word.len() < 16
                        && word
                            .bytes()
                            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
                    is_name.then(|| word.to_owned())
                })?;
            }
            "delay" | "rate" | "queue" | "loss" => self.way(wire, &word)?,
            _ => {
                // It is the first word that will not do.
                self.next = 0;
                return Err(self.error(format!("a statement begins with {STATEMENTS}")));
            }
        }
        self.end()
    }

    /// What holds for a direction, or for both.
    fn way(&mut self, wire: &mut Wire, word: &str) -> Parsed<()> {
        let of = self.side_if_any();
        match word {
            "delay" => {
                let delay = self.time()?;
                wire.ways_mut(of).for_each(|way| way.delay = delay);
            }
            "rate" => {
                let rate = self.read(
                    "a number and its unit, bit, kbit, mbit or gbit per second (1mbit),",
                    rate,
                )?;
                wire.ways_mut(of).for_each(|way| way.rate = Some(rate));
            }
            "queue" => {
                let packets = self.read("a number of packets", |word| word.parse().ok())?;
                self.take("packets");
                wire.ways_mut(of).for_each(|way| way.queue = Some(packets));
            }
            _ => {
                let loss = self.read("a share from 0% to 100%", percent)?;
                wire.ways_mut(of).for_each(|way| way.loss = loss);
            }
        }
        Ok(())
    }

    fn side_if_any(&mut self) -> Option<Side> {
        let side = self.peek().and_then(side);
        self.next += usize::from(side.is_some());
        side
    }

    fn time(&mut self) -> Parsed<Duration> {
        self.read("a time of at most an hour, a number and s, ms or us (25ms),", time)
    }

    fn rule(&mut self, action: Action) -> Parsed<Rule> {
        let packets = self.named()?;
        let Action::Hold(_) = action else {
            return Ok(Rule { action, packets });
        };
        self.expect("for")?;
        let action = Action::Hold(self.time()?);
        Ok(Rule { action, packets })
    }

    fn named(&mut self) -> Parsed<Named> {
        let connection = match self.take("connection") {
            true => Some(self.number()?),
            false => None,
        };
        let by = self.read("the side that sends it, client or server,", side)?;
        let kind = self.kind()?;
        let numbered = kind.is_numbered() && !self.copies_follow();
        let range = self.peek().filter(|_| numbered).and_then(numbers);
        let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
        if range.is_none() && numbered && self.peek().is_some_and(is_number) {
            return Err(self.error("a number from 1 on is wanted here, or a range such as 2-4"));
        }
        self.next += usize::from(range.is_some());
        Ok(Named {
            connection,
            by,
            kind,
            numbers: range.unwrap_or(1..=1),
            copies: self.copies()?,
        })
    }

    fn kind(&mut self) -> Parsed<Kind> {
        let wanted = format!("what the {} sends, {KINDS},", self.words[self.next - 1]);
        let kind = self.read(&wanted, |word| {
            let known = KIND_WORDS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known));
            known.map(|(_, kind)| *kind)
        })?;
        if kind != Kind::Ack || !self.take("of") {
            return Ok(kind);
        }
        let what = self.read("syn, fin or data", |word| {
            ["syn", "fin", "data"]
                .into_iter()
                .find(|what| word.eq_ignore_ascii_case(what))
        })?;
        Ok(Kind::AckOf(match what {
            "syn" => Acked::Syn,
            "fin" => Acked::Fin,
            _ => Acked::Data(self.number()?),
        }))
    }

    /// True where the next number counts copies.
    fn copies_follow(&self) -> bool {
        self.words
            .get(self.next + 1)
            .is_some_and(|word| word.eq_ignore_ascii_case("times"))
    }

    fn copies(&mut self) -> Parsed<Copies> {
        if self.take("every") {
            return Ok(Copies::Every);
        }
        if self.copies_follow() {
            let copies = self.number()?;
            self.expect("times")?;
            return Ok(Copies::First(copies));
        }
        Ok(Copies::First(1))
    }

    fn number(&mut self) -> Parsed<u32> {
        self.read("a number from 1 on", |word| {
            word.parse().ok().filter(|number| *number > 0)
        })
    }

    fn change(&mut self, cut: bool) -> Parsed<Change> {
        let of = self.side_if_any();
        if self.take("at") {
            self.expect("once")?;
            let when = Moment::AtOnce;
            return Ok(Change { cut, of, when });
        }
        if !self.take("after") {
            return Err(self.error(format!("a moment is wanted here: {MOMENTS}")));
        }
        let when = self.moment()?;
        Ok(Change { cut, of, when })
    }

    fn moment(&mut self) -> Parsed<Moment> {
        if self.take("reply") {
            return Ok(Moment::Reply(self.number()?));
        }
        let (word, second) = (self.peek().unwrap_or_default(), self.words.get(self.next + 1));
        let second = second.copied().unwrap_or_default().to_ascii_lowercase();
        if let Some(length) = time(word) {
            self.next += 1;
            return Ok(Moment::Time(length));
        }
        match (side(word), second.as_str()) {
            (Some(by), "sent" | "read") => {
                self.next += 2;
                let bytes = self.bytes()?;
                Ok(match second.as_str() {
                    "sent" => Moment::Bytes(Some(by), bytes),
                    _ => Moment::Read(by, bytes),
                })
            }
            (Some(_), _) => Ok(Moment::Packet(self.named()?)),
            _ if word.eq_ignore_ascii_case("connection") => Ok(Moment::Packet(self.named()?)),
            (_, "lost") => {
                let packets = self.number()?;
                self.expect("lost")?;
                Ok(Moment::Lost(packets))
            }
            (_, "bytes" | "byte") => Ok(Moment::Bytes(None, self.bytes()?)),
            _ => Err(self.error(format!("a moment is wanted here: {MOMENTS}"))),
        }
    }

    fn bytes(&mut self) -> Parsed<u64> {
        let bytes = self.read("a number of bytes from 1 on", |word| {
            word.parse().ok().filter(|bytes| *bytes > 0)
        })?;
        match self.take("bytes") || self.take("byte") {
            true => Ok(bytes),
            false => Err(self.error("\"bytes\" is wanted here")),
        }
    }
}

fn side(word: &str) -> Option<Side> {
    [Side::Client, Side::Server]
        .into_iter()
        .find(|side| word.eq_ignore_ascii_case(&side.to_string()))
}

/// A number and its unit. The number is plain: no sign, no exponent.
fn measure(word: &str, units: &[(&str, f64)]) -> Option<f64> {
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = word.split_at(end);
    let (_, size) = units.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name))?;
    Some(number.parse::<f64>().ok()? * size)
}

fn time(word: &str) -> Option<Duration> {
    let nanoseconds = measure(word, &[("s", 1e9), ("ms", 1e6), ("us", 1e3), ("µs", 1e3), ("ns", 1.0)])?;
    let time = Duration::from_nanos(nanoseconds.round() as u64);
    (time <= LONGEST).then_some(time)
}

fn rate(word: &str) -> Option<u64> {
    let units = [("bit", 1.0), ("kbit", 1e3), ("mbit", 1e6), ("gbit", 1e9)];
    let bits = measure(word, &units)?.round();
    (1.0..=1e12).contains(&bits).then_some(bits as u64)
}

/// A share, in millionths.
fn percent(word: &str) -> Option<u32> {
    let millionths = measure(word, &[("%", 10_000.0)])?.round();
    (0.0..=1e6).contains(&millionths).then_some(millionths as u32)
}

/// `2`, or `2-4`.
fn numbers(word: &str) -> Option<std::ops::RangeInclusive<u32>> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first > 0 && first <= last).then_some(first..=last)
}

#[cfg(test)]
#[path = "../../tests/unit/wire_script.rs"]
mod tests;
