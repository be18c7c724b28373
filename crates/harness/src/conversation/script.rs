//! A conversation as a text: a step on each line. No I/O.

use std::time::Duration;

use super::{Act, Conversation, Ending, Pattern, Turn, Wait, unescape};

/// All that may stand on a line, for whoever wrote something else.
const STEPS: &str = "send TEXT, fill N TEXT, expect TEXT, expect /REGEX/, receive TEXT, nothing, reply, greeting, \
                     quiet MS, peek, pause MS, catch up, half-close, stop reading, read on, end, close, reset, stay, \
                     connect, connect from PORT, why SENTENCE, and before each of them client N";

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
        return act(line).map(Turn::first);
    };
    let (number, rest) = named.split_once(' ').unwrap_or((named, ""));
    let client = number.parse().ok().filter(|number| *number > 0);
    let client = client.ok_or_else(|| format!("client takes a number from 1 on, not {number:?}"))?;
    Ok(Turn {
        client,
        ..act(rest).map(Turn::first)?
    })
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
        ("catch", "up") => Act::CatchUp,
        ("half-close", "") => Act::HalfClose,
        ("stop", "reading") => Act::StopReading,
        ("read", "on") => Act::ReadOn,
        ("end", "") => Act::Wait(Wait::End),
        ("close", "") => Act::Leave(Ending::Close),
        ("reset", "") => Act::Leave(Ending::Reset),
        ("stay", "") => Act::Leave(Ending::Stay),
        ("connect", "") => Act::Connect(None),
        ("connect", from) if from.starts_with("from ") => Act::Connect(Some(number(name, "a port", &from[5..])?)),
        _ => return Err(format!("{line:?} is no step; there are: {STEPS}")),
    })
}

fn number<N: std::str::FromStr>(name: &str, of: &str, text: &str) -> Result<N, String> {
    let parsed = text.trim().parse();
    parsed.map_err(|_| format!("{name} takes a number of {of}, not {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acts(text: &str) -> Vec<Act> {
        let parsed = Conversation::parse(text).unwrap();
        parsed.turns.into_iter().map(|turn| turn.act).collect()
    }

    #[test]
    fn a_script_is_a_step_on_each_line() {
        let steps =
            acts("# hello\nexpect 220\n\nsend EHLO x\\r\\n\nexpect 250 \nexpect /^2../\nquiet 100\npause 5\nend\n");
        assert_eq!(steps.len(), 7, "{steps:?}");
        assert_eq!(steps[1], Act::Send(b"EHLO x\r\n".to_vec()));
        assert_eq!(steps[2], Act::Wait(Wait::Expect(Pattern::parse("250 ").unwrap())));
        assert_eq!(steps[4], Act::Wait(Wait::Quiet(Duration::from_millis(100))));
        assert_eq!(steps[6], Act::Wait(Wait::End));
    }

    #[test]
    fn each_step_has_its_words() {
        let text = "connect from 57464\nfill 3 \\n\nreceive xxx\\n\nnothing\nreply\ngreeting\npeek\ncatch up\nstop reading\n\
                    read on\nhalf-close\nreset\nclose\nstay\nconnect";
        let expected = [
            Act::Connect(Some(57464)),
            Act::Send(b"xxx\n".to_vec()),
            Act::Wait(Wait::Receive(b"xxx\n".to_vec())),
            Act::Wait(Wait::Receive(Vec::new())),
            Act::Wait(Wait::Reply),
            Act::Wait(Wait::Greeting),
            Act::Wait(Wait::Peek),
            Act::CatchUp,
            Act::StopReading,
            Act::ReadOn,
            Act::HalfClose,
            Act::Leave(Ending::Reset),
            Act::Leave(Ending::Close),
            Act::Leave(Ending::Stay),
            Act::Connect(None),
        ];
        assert_eq!(acts(text), expected);
    }

    #[test]
    fn a_step_names_its_client_and_may_say_why() {
        let both = Conversation::parse("client 2 send b\\n\nwhy It is the second.\nend").unwrap();
        assert_eq!((both.turns[0].client, both.turns[1].client), (2, 1));
        assert_eq!(both.turns[0].why.as_deref(), Some("It is the second."));
        assert_eq!(both.turns[1].why, None);
    }

    /// In JSON a line may hold its newline as it is.
    #[test]
    fn a_line_of_a_list_may_end_with_a_newline_that_is_sent() {
        let lines = ["send \n", "receive \n"].map(str::to_owned).to_vec();
        let held = Conversation::try_from(lines).unwrap();
        assert_eq!(held.turns[0].act, Act::Send(b"\n".to_vec()));
        assert_eq!(held.turns[1].act, Act::Wait(Wait::Receive(b"\n".to_vec())));
    }

    #[test]
    fn what_is_no_step_is_named_with_its_line() {
        for (text, says) in [
            ("expect 1\nsay hi\n", "line 2"),
            ("expect\n", "empty"),
            ("pause soon\n", "milliseconds"),
            ("expect /(/\n", "regular expression"),
            ("# nothing\n", "no step"),
            ("why not\n", "no step before"),
            ("client 0 end\n", "from 1 on"),
            ("client 2\n", "is no step"),
            ("fill x y\n", "letters"),
            ("connect from home\n", "port"),
            ("receive\n", "receive what"),
        ] {
            let error = Conversation::parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn an_echo_is_received_where_nothing_else_is() {
        let text = "send a\nclient 2 send b\nsend in two \nnothing\nclient 2 end\nsend parts\nreceive in two parts";
        let echoed = "send a\nreceive a\nclient 2 send b\nclient 2 receive b\nsend in two \nnothing\nclient 2 end\n\
                      send parts\nreceive in two parts";
        let [held, wanted] = [text, echoed].map(|text| Conversation::parse(text).unwrap());
        assert_eq!(held.echoed(), wanted);
    }
}
