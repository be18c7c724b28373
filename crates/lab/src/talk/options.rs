//! What the clients say, as the command line has it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::pattern::Pattern;
use super::reply::Form;
use super::{Conversation, Step, script};
use course::bytes::{Bytes, unescape};

/// What each client says.
#[derive(Args, Clone, Debug, Default)]
pub struct Says {
    /// Send this and wait for the reply; may be repeated. Understands \n \r \t \0 \\ and \xHH
    #[arg(long = "send", value_name = "TEXT", value_parser = unescape)]
    pub send: Vec<Bytes>,

    /// A reply is there when it holds this: a text with those escapes, or /a regular expression/. Once for all
    /// replies, or once for each, that of --greeting first
    #[arg(long, value_name = "TEXT", value_parser = Pattern::parse)]
    pub expect: Vec<Pattern>,

    /// A reply is there when so many milliseconds have brought nothing more of it
    #[arg(long, value_name = "MS", conflicts_with = "expect", value_parser = clap::value_parser!(u64).range(1..))]
    pub until_quiet: Option<u64>,

    /// The server speaks first: wait for that before the first send
    #[arg(long)]
    pub greeting: bool,

    /// Hold the conversation of this file, a step on each line: send TEXT, expect TEXT, expect /REGEX/, quiet MS,
    /// pause MS, end
    #[arg(long, value_name = "FILE", conflicts_with_all = ["send", "expect", "until_quiet", "greeting", "pause"])]
    pub script: Option<PathBuf>,

    /// Wait so many milliseconds before each send but the first
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub pause: u64,
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
        if let Some(path) = &self.script {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let steps = script::parse(&text).map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?;
            return Ok(Conversation {
                steps,
                is_asked_for: true,
            });
        }
        let texts: Vec<&[u8]> = match self.send.is_empty() {
            true => LINES.to_vec(),
            false => self.send.iter().map(|text| text.0.as_slice()).collect(),
        };
        let replies = texts.len() + usize::from(self.greeting);
        if self.expect.len() > 1 && self.expect.len() != replies {
            bail!(
                "there are {} of --expect for {replies} replies: give one for all of them, or one for each",
                self.expect.len()
            );
        }
        let mut steps = Vec::new();
        if self.greeting {
            steps.push(self.reply(0, Step::Greeting));
        }
        for (number, text) in texts.iter().enumerate() {
            if number > 0 && self.pause > 0 {
                steps.push(Step::Pause(Duration::from_millis(self.pause)));
            }
            steps.push(Step::Send(text.to_vec()));
            let place = number + usize::from(self.greeting);
            steps.push(self.reply(place, Step::Reply(Form::of_reply_to(text))));
        }
        Ok(Conversation {
            steps,
            is_asked_for: !self.send.is_empty() || !self.expect.is_empty(),
        })
    }

    /// How to wait for a reply, by its place among all: as told, or else `otherwise`.
    fn reply(&self, place: usize, otherwise: Step) -> Step {
        let expected = self.expect.get(place).or(self.expect.first());
        match (expected, self.until_quiet) {
            (Some(pattern), _) => Step::Expect(pattern.clone()),
            (None, Some(time)) => Step::Quiet(Duration::from_millis(time)),
            (None, None) => otherwise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(send: &[&str], expect: &[&str]) -> Says {
        Says {
            send: send.iter().map(|text| unescape(text).unwrap()).collect(),
            expect: expect.iter().map(|text| Pattern::parse(text).unwrap()).collect(),
            ..Says::default()
        }
    }

    #[test]
    fn each_reply_has_its_expectation() {
        let held = |says: &Says| {
            says.conversation()
                .unwrap()
                .steps
                .iter()
                .map(|step| format!("{step:?}"))
                .collect::<Vec<_>>()
        };
        let both = held(&says(&["a\\n", "b\\n"], &["x", "y"]));
        assert!(both[1].contains("\"x\"") && both[3].contains("\"y\""), "{both:?}");
        let one = held(&says(&["a\\n", "b\\n"], &["x"]));
        assert!(one[1].contains("\"x\"") && one[3].contains("\"x\""), "{one:?}");
        let greeted = held(&Says {
            greeting: true,
            ..says(&["a\\n"], &["x", "y"])
        });
        assert!(
            greeted[0].contains("\"x\"") && greeted[2].contains("\"y\""),
            "{greeted:?}"
        );
        let error = says(&["a\\n", "b\\n", "c\\n"], &["x", "y"]).conversation().unwrap_err();
        assert!(error.to_string().contains("2 of --expect for 3 replies"), "{error}");
    }

    #[test]
    fn what_is_said_by_default_may_end_early() {
        assert!(!Says::default().conversation().unwrap().is_asked_for);
        assert!(says(&["a\\n"], &[]).conversation().unwrap().is_asked_for);
    }
}
