//! A conversation as a text: a step on each line. No I/O.

use std::time::Duration;

use super::{Act, Conversation, Ending, Pattern, Turn, Wait, unescape};

/// All that may stand on a line, for whoever wrote something else.
const STEPS: &str = "send TEXT, fill N TEXT, expect TEXT, expect /REGEX/, receive TEXT, nothing, reply, greeting, \
                     quiet MS, peek, pause MS, signal NAME, signal NAME in MS, restart, catch up, half-close, stop reading, read on, end, close, reset, stay, \
                     connect, connect from PORT, refused, why SENTENCE, and before each of them client N";

impl Conversation {
    /// Reads a script, a step on each line:
    ///
    /// ```text
    /// # SMTP
    /// expect 220
    /// send EHLO x\r\n
    /// expect 250
    /// ```
    ///
    /// What follows the one space after a step's name belongs to it, spaces at the end included. `why` and a sentence
    /// say why the step before must succeed.
    ///
    /// # Errors
    ///
    /// The line that is no step, and what there is.
    pub fn parse(text: &str) -> Result<Conversation, String> {
        let turns = turns(text.lines())?;
        match turns.is_empty() {
            true => Err("it has no step".to_owned()),
            false => Ok(Conversation { turns }),
        }
    }
}

/// From the lines of a script.
impl TryFrom<Vec<String>> for Conversation {
    type Error = String;

    fn try_from(lines: Vec<String>) -> Result<Conversation, String> {
        turns(lines.iter().map(String::as_str)).map(|turns| Conversation { turns })
    }
}

fn turns<'l>(lines: impl Iterator<Item = &'l str>) -> Result<Vec<Turn>, String> {
    let mut turns: Vec<Turn> = Vec::new();
    for (line, number) in lines.zip(1..) {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let failed = |why| format!("line {number}: {why}");
        match (line.strip_prefix("why "), turns.last_mut()) {
            (Some(why), Some(turn)) => turn.why = Some(why.trim().to_owned()),
            (Some(_), None) => return Err(failed("there is no step before it, which it could be about".to_owned())),
            (None, _) => turns.push(turn(line).map_err(failed)?),
        }
    }
    Ok(turns)
}

fn turn(line: &str) -> Result<Turn, String> {
    let Some(named) = line.strip_prefix("client ") else {
        return Ok(Turn::by(1, act(line)?));
    };
    let (number, rest) = named.split_once(' ').unwrap_or((named, ""));
    let client = number.parse().ok().filter(|number| *number > 0);
    let client = client.ok_or_else(|| format!("client takes a number from 1 on, not {number:?}"))?;
    Ok(Turn::by(client, act(rest)?))
}

fn act(line: &str) -> Result<Act, String> {
    let (name, rest) = line.split_once(' ').unwrap_or((line.trim_end(), ""));
    let milliseconds = || number(name, "milliseconds", rest).map(Duration::from_millis);
    Ok(match (name, rest.trim()) {
        ("send", _) if rest.is_empty() => return Err("send what? send TEXT".to_owned()),
        ("send", _) => Act::Send(unescape(rest)?),
        ("fill", _) => {
            let (count, text) = rest.split_once(' ').unwrap_or((rest, ""));
            let count = number(name, "letters", count)?;
            Act::Send([vec![b'x'; count], unescape(text)?].concat())
        }
        ("expect", _) => Act::Wait(Wait::Expect(Pattern::parse(rest)?)),
        ("receive", _) if rest.is_empty() => return Err("receive what? receive TEXT, or nothing".to_owned()),
        ("receive", _) => Act::Wait(Wait::Receive(unescape(rest)?)),
        ("nothing", "") => Act::Wait(Wait::Receive(Vec::new())),
        ("reply", "") => Act::Wait(Wait::Reply),
        ("greeting", "") => Act::Wait(Wait::Greeting),
        ("quiet", _) => Act::Wait(Wait::Quiet(milliseconds()?)),
        ("peek", "") => Act::Wait(Wait::Peek),
        ("pause", _) => Act::Pause(milliseconds()?),
        ("signal", rest) => {
            let (signal_name, later) = rest.split_once(" in ").unwrap_or((rest, "0"));
            let later = number(name, "milliseconds", later).map(Duration::from_millis)?;
            Act::Signal(signal(signal_name)?, later)
        }
        ("restart", "") => Act::Restart,
        ("catch", "up") => Act::CatchUp,
        ("half-close", "") => Act::HalfClose,
        ("stop", "reading") => Act::StopReading,
        ("read", "on") => Act::ReadOn,
        ("end", "") => Act::Wait(Wait::End),
        ("close", "") => Act::Leave(Ending::Close),
        ("reset", "") => Act::Leave(Ending::Reset),
        ("stay", "") => Act::Leave(Ending::Stay),
        ("refused", "") => Act::Refused,
        ("connect", "") => Act::Connect(None),
        ("connect", from) if from.starts_with("from ") => Act::Connect(Some(number(name, "a port", &from[5..])?)),
        _ => return Err(format!("{line:?} is no step; there are: {STEPS}")),
    })
}

/// Signals by their names: their numbers are those of signal(7), on each architecture that is observed.
const SIGNALS: [(&str, i32); 9] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("KILL", 9),
    ("USR1", 10),
    ("USR2", 12),
    ("TERM", 15),
    ("CONT", 18),
    ("STOP", 19),
];

/// The number of a signal, by its name (`TERM`, `SIGTERM`) or as a number.
///
/// # Errors
///
/// The names that there are.
pub fn signal(name: &str) -> Result<i32, String> {
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    let named = SIGNALS.iter().find(|(known, _)| *known == short);
    let number = || name.parse().ok().filter(|number| (1..=64).contains(number));
    named.map(|(_, number)| *number).or_else(number).ok_or_else(|| {
        let names = SIGNALS.map(|(name, _)| name).join(", ");
        format!("{name:?} is no signal: give {names} or a number from 1 to 64")
    })
}

fn number<N: std::str::FromStr>(name: &str, of: &str, text: &str) -> Result<N, String> {
    let parsed = text.trim().parse();
    parsed.map_err(|_| format!("{name} takes a number of {of}, not {text:?}"))
}

#[cfg(test)]
#[path = "../../tests/unit/conversation_script.rs"]
mod tests;
