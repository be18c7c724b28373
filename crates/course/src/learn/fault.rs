//! What may be wrong with a server.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use harness::Trouble;
use harness::rules::{Finding, Rule};
use harness::timeline::{Endpoints, EventId};

use super::measure::Measure;

/// What is wrong with a server.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A client did not get what it had to.
    Reply(Trouble),
    /// A finding that has to go is there.
    Found(Finding),
    /// A finding is there that was not there before.
    Worse(Finding),
    /// Each reply takes time in which nothing happens.
    Slow {
        /// The shortest time from request to reply.
        waited: Duration,
        /// The events of that exchange.
        evidence: Vec<EventId>,
    },
    /// A measure has another value than it must.
    Must {
        /// The measure.
        measure: &'static Measure,
        /// What it has to be.
        wanted: String,
        /// What it is.
        got: String,
        /// On which connection, from 1, if that is said.
        on: Option<usize>,
        /// What shows it.
        evidence: Vec<EventId>,
    },
    /// A finding that has to be there is not.
    Missing(&'static Rule),
    /// Without a tracer it does something else.
    Untraced(Untraced),
    /// It keeps a descriptor of a client that has left.
    Kept {
        /// Who has it, in words.
        held: String,
        /// What that client did, in words.
        guest: &'static str,
        /// Its connection.
        on: Endpoints,
    },
}

/// What a run that nobody traced did otherwise than the traced one.
#[derive(Clone, Debug)]
pub enum Untraced {
    /// It did not come to listen on the address that it was given.
    Listening(SocketAddr),
    /// What it did.
    Behaviour(&'static str),
    /// How many segments it sent, for so many replies.
    Segments(u32, u32),
}

impl fmt::Display for Untraced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Untraced::Listening(address) => {
                return write!(
                    f,
                    "Run once more, without a tracer and with the argument {address}, the server did not come to listen \
                     there."
                );
            }
            Untraced::Behaviour(what) => (*what).to_owned(),
            Untraced::Segments(count, replies) => format!("sends {count} segments for {replies} replies"),
        };
        write!(f, "Run without a tracer, the server {what}; traced it does not.")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Reply(trouble) => trouble.how.fmt(f),
            Fault::Found(finding) => write!(f, "still there: {}: {}", finding.rule.name, finding.rule.summary),
            Fault::Worse(finding) => write!(f, "new: {}: {}", finding.rule.name, finding.rule.summary),
            Fault::Slow { waited, .. } => {
                write!(
                    f,
                    "no reply comes sooner than {} ms after its request",
                    waited.as_millis()
                )
            }
            Fault::Must {
                measure,
                wanted,
                got,
                on,
                ..
            } => write!(f, "{}: {got}, and it has to be {wanted}", measure.about(*on)),
            Fault::Missing(rule) => write!(f, "not shown yet: {}, which is: {}", rule.name, rule.summary),
            Fault::Untraced(difference) => difference.fmt(f),
            Fault::Kept { held, guest, .. } => write!(f, "a client {guest}, and {held}"),
        }
    }
}
