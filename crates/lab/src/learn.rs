//! The exercises of the course on a terminal: the [session] of a learner, and how what came of a check is shown.

mod keys;
pub mod screen;
pub mod session;
pub mod show;
