//! # What keeps the pages true
//!
//! For those who change the project: `cargo xtask help` lists the commands, and main.rs is the list of them.
//!
//! Nothing that a page shows is typed by hand. [`captures`] are made anew by running steps, experiments and exercises;
//! [`docs`] makes of them the generated parts of the [pages], the [pictures], the [handout], and finds sentences that
//! name another of the [frames] than they did. What only another language can tell is measured by [`newline`]
//! and [`languages`], and what only a stopwatch can, by `cargo bench -p xtask`. mdBook makes a [book] of it all, a
//! projector gets [slides], and a [room] one archive.

pub mod book;
pub mod captures;
pub mod docs;
pub mod frames;
pub mod handout;
pub mod languages;
pub mod newline;
mod options;
pub mod pages;
pub mod pictures;
pub mod room;
pub mod running;
pub mod schema;
pub mod slides;
