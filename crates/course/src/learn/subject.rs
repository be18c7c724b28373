//! The server that a check is about, and a run of it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use harness::timeline::Level;
use harness::{Error, LISTEN, Machine, Server, ServerBuilder};

use super::exercise::{About, Exercise};
use super::play;

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
    fn start(&self, about: &About, wire: &str) -> Result<Server> {
        let mut build = Server::build(&self.program).arg(LISTEN);
        build = build.given(about.descriptors, ServerBuilder::descriptors);
        build = build.given(about.buffers, ServerBuilder::buffers);
        build = build.given(self.level, ServerBuilder::level);
        if !wire.is_empty() {
            build = build.wire(wire.parse()?);
        }
        for (name, value) in &self.environment {
            build = build.env(name, value);
        }
        let build = build.listen_within(Duration::from_secs(5));
        Ok(build.reply_within(play::PATIENCE).start()?)
    }

    /// Runs it, behind a wire if it has statements. `Err` of the inner result: it did not come to listen.
    pub(super) fn with<R>(
        &self,
        exercise: &Exercise,
        wire: &str,
        run: impl FnOnce(Server) -> Result<R>,
    ) -> Result<Result<R, String>> {
        match self.start(&exercise.about, wire) {
            Ok(server) => Ok(Ok(run(server)?)),
            Err(error) => match error.downcast_ref() {
                Some(Error::ExitedEarly { .. } | Error::NeverListened { .. }) => Ok(Err(error.to_string())),
                _ => Err(error),
            },
        }
    }
}

/// What stands in the way of observing all, with the cures.
pub fn refusals() -> Vec<String> {
    let machine = Machine::look();
    let all = [&machine.no_trace, &machine.no_sandbox];
    all.into_iter().flatten().map(ToString::to_string).collect()
}
