//! # The course
//!
//! What is taught, and what tells whether it was understood.
//!
//! A lesson is a [step](steps): a small server, a page, and a [capture](mod@capture) that anyone can make again;
//! [experiments] put a step behind a wire. An exercise of [learn] is a folder with a server that has a fault or a
//! question about one: a run of it is observed, judged by its timeline, and answered with one piece of advice. A
//! [quiz] asks the same questions of a run that nobody else has, and grades what was answered.
//!
//! Nothing here reads a command line or draws on a terminal. `lab` does that for those who learn and teach, and
//! `xtask` for those who keep the pages true.

pub mod capture;
pub mod checkout;
pub mod experiments;
pub mod learn;
pub mod lesson;
pub mod quiz;
pub mod steps;

use harness::format::json;
use serde::Deserialize;

/// What a file of this crate says, which is compiled in.
pub(crate) fn data<T: Deserialize<'static>>(file: &'static str) -> T {
    serde_json::from_str(file).expect("the tests read each of these files, so it is well formed")
}

/// The JSON Schema of all that `lab` writes as JSON.
pub fn schema() -> serde_json::Value {
    json::schema_with(|schemas| vec![schemas.subschema_for::<learn::report::Report>()])
}
