//! The wire of a command line: `--delay 25ms --lose 'server data 2'`, or a script in a file.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use harness::Wire;

/// Two hosts and a wire between them, if any of this is given.
///
/// Each option is a statement of the wire's script; a file may hold them all. docs/wire-reference.md has the words.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Two hosts and a wire (docs/wire-reference.md)")]
pub struct Options {
    /// Packets come so much later: 25ms, or of one side 'client 25ms'. 0ms for a wire without delay
    #[arg(long, value_name = "TIME", value_parser = |value: &str| statement("delay", value))]
    delay: Vec<String>,

    /// So many bits go through in a second: 1mbit, or of one side 'server 1mbit'
    #[arg(long, value_name = "RATE", value_parser = |value: &str| statement("rate", value))]
    rate: Vec<String>,

    /// At most this many packets may wait for a wire with a rate; one more is lost
    #[arg(long, value_name = "PACKETS", value_parser = |value: &str| statement("queue", value))]
    queue: Vec<String>,

    /// Lose this share of all packets by chance: 1%, or of one side 'server 1%'
    #[arg(long, value_name = "PERCENT", value_parser = |value: &str| statement("loss", value))]
    loss: Vec<String>,

    /// What chance follows from: the same seed loses the same packets
    #[arg(long, value_name = "NUMBER", value_parser = |value: &str| statement("seed", value))]
    seed: Option<String>,

    /// The largest packet, in bytes
    #[arg(long, value_name = "BYTES", value_parser = |value: &str| statement("mtu", value))]
    mtu: Option<String>,

    /// The congestion control of both hosts; reno unless given
    #[arg(long, value_name = "NAME", value_parser = |value: &str| statement("congestion", value))]
    congestion: Option<String>,

    /// Lose a packet, once: 'server data 2', 'client syn', 'server fin', 'client ack of fin'. Its copy
    /// passes, unless 'every' or '3 times' follows
    #[arg(long, value_name = "PACKET", value_parser = |value: &str| statement("lose", value))]
    lose: Vec<String>,

    /// Let a packet come twice
    #[arg(long, value_name = "PACKET", value_parser = |value: &str| statement("duplicate", value))]
    duplicate: Vec<String>,

    /// Let a packet come behind the one that follows it
    #[arg(long, value_name = "PACKET", value_parser = |value: &str| statement("swap", value))]
    swap: Vec<String>,

    /// Let a packet come later than others: 'server data 2 for 50ms'
    #[arg(long, value_name = "PACKET for TIME", value_parser = |value: &str| statement("hold", value))]
    hold: Vec<String>,

    /// Change a bit of a packet, so that its checksum is wrong
    #[arg(long, value_name = "PACKET", value_parser = |value: &str| statement("corrupt", value))]
    corrupt: Vec<String>,

    /// Pull the cable: 'after reply 1', 'after 5000 bytes', 'after server read 2 bytes', 'after 300ms',
    /// 'after server data 2', 'at once'
    #[arg(long, value_name = "MOMENT", value_parser = |value: &str| statement("cut", value))]
    cut: Vec<String>,

    /// Put the cable back, after a cut: 'after 2s', 'after 3 lost'
    #[arg(long, value_name = "MOMENT", value_parser = |value: &str| statement("restore", value))]
    restore: Vec<String>,

    /// Read statements from a file first, one a line: delay 25ms
    #[arg(long, value_name = "FILE")]
    wire: Option<PathBuf>,
}

/// A statement, if it is one.
fn statement(word: &str, value: &str) -> Result<String, String> {
    let statement = format!("{word} {value}");
    // A queue needs a rate, which may be another option: that is checked once all statements are known.
    let rate = if word == "queue" { "rate 1mbit\n" } else { "" };
    match (rate.to_owned() + &statement).parse::<Wire>() {
        Ok(_) => Ok(statement),
        Err(error) => Err(harness::ScriptError { line: None, ..error }.to_string()),
    }
}

impl Options {
    /// The wire, if there is to be one.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or says what no wire can do.
    pub fn wire(&self) -> Result<Option<Wire>> {
        let file = match &self.wire {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.with_context(|| format!("cannot read {}", path.display()))?;
                let _: Wire = text.parse().with_context(|| path.display().to_string())?;
                text
            }
            None => String::new(),
        };
        let options: Vec<&str> = self.statements().collect();
        if self.wire.is_none() && options.is_empty() {
            return Ok(None);
        }
        Ok(Some(format!("{file}\n{}", options.join("\n")).parse()?))
    }

    /// What chance follows from.
    pub fn seed(&self) -> u64 {
        let statement = self.seed.as_deref().unwrap_or("seed 1");
        statement.trim_start_matches("seed").trim().parse().unwrap_or(1)
    }

    /// True if more is said of the wire than what chance follows from.
    pub fn wants_more_than_a_seed(&self) -> bool {
        self.wire.is_some() || self.statements().any(|statement| !statement.starts_with("seed"))
    }

    /// All statements. A cut and a restore follow each other by turns.
    fn statements(&self) -> impl Iterator<Item = &str> {
        let several = [
            &self.delay,
            &self.rate,
            &self.queue,
            &self.loss,
            &self.lose,
            &self.duplicate,
            &self.swap,
            &self.hold,
            &self.corrupt,
        ];
        let turns = self.cut.len().max(self.restore.len());
        let changes = (0..turns).flat_map(|turn| [self.cut.get(turn), self.restore.get(turn)]);
        let one = [&self.seed, &self.mtu, &self.congestion].into_iter().flatten();
        let all = several.into_iter().flatten().chain(one);
        all.chain(changes.flatten()).map(String::as_str)
    }
}

#[cfg(test)]
#[path = "../tests/unit/wire.rs"]
mod tests;
