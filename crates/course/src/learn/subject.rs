//! The server that a check is about, and a run of it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use harness::timeline::Level;
use harness::{Conversation, Error, LISTEN, Machine, Server};

use super::exercise::Exercise;
use super::play::{self, Ran};

/// A learner's server, or one of ours in its place.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The program.
    pub program: PathBuf,
    /// What is set in its environment.
    pub environment: Vec<(String, String)>,
    /// Its source.
    pub source: String,
    /// How much may be observed; all that the machine allows unless told.
    pub level: Option<Level>,
}

impl Subject {
    fn start(&self, descriptors: Option<u32>) -> Result<Server, Error> {
        let mut build = match descriptors {
            None => Server::build(&self.program),
            // The shell sets the limit for itself, and `exec` turns it into the server, which keeps the limit.
            Some(most) => Server::build("/bin/sh")
                .args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &most.to_string()])
                .arg(&self.program),
        }
        .arg(LISTEN);
        for (name, value) in &self.environment {
            build = build.env(name, value);
        }
        if let Some(level) = self.level {
            build = build.level(level);
        }
        build
            .listen_within(Duration::from_secs(5))
            .reply_within(play::PATIENCE)
            .start()
    }

    /// Runs it. `Err` of the inner result: it did not come to listen.
    pub(super) fn run(&self, exercise: &Exercise, conversations: &[Conversation]) -> Result<Result<Ran, String>> {
        match self.start(exercise.about.descriptors) {
            Ok(server) => Ok(Ok(play::play(server, conversations)?)),
            Err(error @ (Error::ExitedEarly { .. } | Error::NeverListened { .. })) => Ok(Err(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}

/// What stands in the way of observing all, with the cures.
pub fn refusals() -> Vec<String> {
    let machine = Machine::look();
    let all = [&machine.no_trace, &machine.no_sandbox];
    all.into_iter().flatten().map(ToString::to_string).collect()
}
