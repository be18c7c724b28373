//! What was seen, what is so of it, what is said and what is drawn, by what anybody may call.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod amounts;
mod arbitrary;
mod captures;
mod dissect;
mod encoder;
mod facts;
mod follow;
mod hostile;
mod json;
mod lanes;
mod markdown;
mod pcapng;
mod pictures;
mod questions;
mod samples;
mod scene;
mod sizes;
mod spent;
mod valid;
mod verdicts;
mod words;
mod writes;
