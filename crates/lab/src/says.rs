//! What the clients say, as the command line has it.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use harness::Conversation;
use harness::conversation::{Act, Pattern, Wait, unescape};

/// What each client says.
#[derive(Args, Clone, Debug, Default)]
pub struct Says {
    /// Send this and wait for the reply; may be repeated. Understands \n \r \t \0 \\ and \xHH
    #[arg(long = "send", value_name = "TEXT", value_parser = some_bytes)]
    pub send: Vec<Vec<u8>>,

    /// A reply is there when it holds this: a text with those escapes, or /a regular expression/. Once for all
    /// replies, or once for each, that of --greeting first
    #[arg(long, value_name = "TEXT", value_parser = Pattern::parse)]
    pub expect: Vec<Pattern>,

    /// A reply is there when MS milliseconds have brought nothing more of it
    #[arg(long, value_name = "MS", conflicts_with = "expect", value_parser = clap::value_parser!(u64).range(1..))]
    pub until_quiet: Option<u64>,

    /// The server speaks first: wait for that before the first send
    #[arg(long)]
    pub greeting: bool,

    /// Close the sending half right behind the last send, and read the reply then. Without --send one line is sent
    #[arg(long, conflicts_with = "script")]
    pub half_close: bool,

    /// The server never answers, and is not to blame for that: wait for no reply. A check leaves the finding no-reply
    /// out, and an answer all the same proves nothing
    #[arg(long, conflicts_with_all = ["expect", "until_quiet"])]
    pub no_reply: bool,

    /// Hold the conversation of this file, a step on each line: send TEXT, expect TEXT, expect /REGEX/, receive TEXT,
    /// quiet MS, pause MS, signal NAME [in MS], restart, half-close, end, reset, close; client 2 before a step makes it that client's
    #[arg(long, value_name = "FILE", conflicts_with_all = ["send", "expect", "until_quiet", "greeting", "pause"])]
    pub script: Option<PathBuf>,

    /// Wait MS milliseconds before each send but the first
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub pause: u64,

    /// The conversation, once it was asked for: a script may come through a pipe, and then only once.
    #[arg(skip)]
    conversation: OnceLock<Conversation>,
}

fn some_bytes(text: &str) -> Result<Vec<u8>, String> {
    let nothing = "nothing is sent by that: an empty line is \\n, and --greeting waits for a server that speaks first";
    let bytes = unescape(text)?;
    (!bytes.is_empty()).then_some(bytes).ok_or_else(|| nothing.to_owned())
}

/// Without `--send`, two lines, the second as soon as the first is answered.
const LINES: [&[u8]; 2] = [b"1\n", b"2\n"];

impl Says {
    /// The conversation that it asks for.
    ///
    /// # Errors
    ///
    /// If the script cannot be read or is none, or there are some expectations and not one for each reply.
    pub fn conversation(&self) -> Result<Conversation> {
        if let Some(conversation) = self.conversation.get() {
            return Ok(conversation.clone());
        }
        let made = self.read()?;
        Ok(self.conversation.get_or_init(|| made).clone())
    }

    fn read(&self) -> Result<Conversation> {
        let Some(path) = &self.script else {
            return Ok(Conversation::of_one(self.acts()?).catching_up());
        };
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let parsed = Conversation::parse(&text).map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?;
        Ok(parsed.catching_up())
    }

    /// True if somebody asked for the conversation: then it is to be held to its end. What is said by default may end early.
    pub fn is_asked_for(&self) -> bool {
        self.script.is_some() || !self.send.is_empty() || !self.expect.is_empty()
    }

    /// True if something is said of the conversation at all.
    pub fn is_given(&self) -> bool {
        let how = self.until_quiet.is_some() || self.pause > 0 || self.half_close || self.no_reply;
        how || self.greeting || self.is_asked_for()
    }

    fn acts(&self) -> Result<Vec<Act>> {
        let texts: Vec<&[u8]> = match self.send.is_empty() {
            true if self.half_close => LINES[..1].to_vec(),
            true => LINES.to_vec(),
            false => self.send.iter().map(Vec::as_slice).collect(),
        };
        let replies = texts.len() + usize::from(self.greeting);
        if self.expect.len() > 1 && self.expect.len() != replies {
            bail!(
                "there are {} of --expect for {replies} replies: give one for all of them, or one for each",
                self.expect.len()
            );
        }
        let mut acts = Vec::new();
        if self.greeting {
            acts.push(self.wait(0, Wait::Greeting));
        }
        for (number, text) in texts.iter().enumerate() {
            if number > 0 && self.pause > 0 {
                acts.push(Act::Pause(Duration::from_millis(self.pause)));
            }
            acts.push(Act::Send(text.to_vec()));
            if self.half_close && number + 1 == texts.len() {
                acts.push(Act::HalfClose);
            }
            if !self.no_reply {
                acts.push(self.wait(number + usize::from(self.greeting), Wait::Reply));
            }
        }
        Ok(acts)
    }

    /// How to wait for a reply, by its place among all: as told, or else `otherwise`.
    fn wait(&self, place: usize, otherwise: Wait) -> Act {
        let expected = self.expect.get(place).or(self.expect.first());
        Act::Wait(match (expected, self.until_quiet) {
            (Some(pattern), _) => Wait::Expect(pattern.clone()),
            (None, Some(time)) => Wait::Quiet(Duration::from_millis(time)),
            (None, None) => otherwise,
        })
    }
}

#[cfg(test)]
#[path = "../tests/unit/says.rs"]
mod tests;
