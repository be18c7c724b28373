//! Values that are written as one of a few words.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::compare::Outcome;
use crate::events::{
    CallKind, ClientActionKind, CongestionState, Level, OutputStream, ProcessEventKind, Side, TcpState,
};
use crate::facts::{Certainty, FactKind, Reason};
use crate::rules::{Severity, Verdict};
use crate::timeline::Teardown;

/// A type with a word for each of its values.
pub trait Words {
    /// All words that there are.
    fn all() -> Vec<String>;

    /// The word for this value.
    fn word(&self) -> String;
}

/// The word for a value of such a type.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Word<T> {
    word: String,
    #[serde(skip)]
    of: PhantomData<T>,
}

impl<T: Words> From<&T> for Word<T> {
    fn from(value: &T) -> Word<T> {
        let (word, of) = (value.word(), PhantomData);
        Word { word, of }
    }
}

impl<T: Words> From<T> for Word<T> {
    fn from(value: T) -> Word<T> {
        Word::from(&value)
    }
}

impl<T: Words> JsonSchema for Word<T> {
    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": T::all() })
    }
}

/// Gives types their words: a list of all values, where the words are those that people read too, or the words
/// themselves, where they stand here alone.
macro_rules! words {
    ($($type:ident = $all:expr;)+) => { $(
        impl Words for $type {
            fn all() -> Vec<String> {
                $all.iter().map(ToString::to_string).collect()
            }

            fn word(&self) -> String {
                self.to_string()
            }
        }
    )+ };
    ($($type:ident { $($value:ident $(($any:tt))? $({ $more:tt })? => $word:literal),+ $(,)? })+) => { $(
        impl Words for $type {
            fn all() -> Vec<String> {
                vec![$($word.to_owned()),+]
            }

            fn word(&self) -> String {
                let word = match self { $($type::$value $(($any))? $({ $more })? => $word),+ };
                word.to_owned()
            }
        }
    )+ };
}

words! {
    FactKind = FactKind::ALL;
    Reason = Reason::ALL;
    Side = [Side::Client, Side::Server];
    Certainty = [Certainty::Seen, Certainty::Inferred, Certainty::Unknown];
    Severity = [Severity::Warning, Severity::Note];
    Verdict = Verdict::ALL;
    Outcome = Outcome::ALL;
    OutputStream = [OutputStream::Stdout, OutputStream::Stderr];
}

words! {
    Level { Sandbox => "sandbox", Loopback => "loopback", NoPackets => "no-packets", Capture => "capture-file" }
    Teardown {
        Clean { .. } => "clean", Open => "open", Refused => "refused", Reset { .. } => "reset",
        Cut { .. } => "cut", Unknown => "unknown", LeftOpen(_) => "left-open",
    }
    TcpState {
        Listen => "LISTEN", SynSent => "SYN_SENT", SynReceived => "SYN_RECV", Established => "ESTABLISHED",
        FinWait1 => "FIN_WAIT1", FinWait2 => "FIN_WAIT2", CloseWait => "CLOSE_WAIT", Closing => "CLOSING",
        LastAck => "LAST_ACK", TimeWait => "TIME_WAIT",
    }
    CongestionState {
        Open => "open", Disorder => "disorder", Reduced => "cwr", Recovery => "recovery", Loss => "loss",
    }
    CallKind {
        Listen => "listen", Accept => "accept", Connect => "connect", Read => "read", Write => "write",
        Shutdown => "shutdown", Close => "close", SetOption => "setsockopt",
    }
    ClientActionKind {
        Connected => "connected", Sent { .. } => "sent", Received { .. } => "received", EndOfFile => "end-of-file",
        ShutdownWrite => "shutdown-write", Closed => "closed", Reset => "reset", Failed(_) => "failed",
        GaveUp { .. } => "gave-up", Called(_) => "called",
    }
    ProcessEventKind {
        Started => "started", Exited(_) => "exited", UsesIoUring => "uses-io-uring", ForeignCalls => "foreign-calls",
        NoStrictMode => "no-strict-mode", WithoutRights { .. } => "without-rights", Holds { .. } => "holds", Dials { .. } => "dials",
        Settled(_) => "settled", OutputNotKept => "output-not-kept", Wrote { .. } => "wrote",
    }
}
