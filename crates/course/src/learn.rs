//! Exercises that the wire checks.
//!
//! [`exercise`] is what an exercise is, [`play`] what its clients do, [`measure`] the questions that a timeline
//! answers. [`judge`] tells whether a server solves it, [`mod@answers`] whether answers do; both give a [`verdict`], with
//! [`advice`] on the [`fault`] if there is one. [`folder`] and [`progress`] are the learner's, [`report`] and [`class`]
//! the teacher's.

pub mod advice;
pub mod answers;
pub mod attempt;
pub mod call_off;
pub mod catalog;
pub mod class;
pub mod exercise;
pub mod fault;
pub mod folder;
pub mod judge;
pub mod measure;
pub mod play;
pub mod progress;
pub mod recapture;
pub mod report;
pub mod subject;
#[cfg(target_os = "linux")]
mod untraced;
pub mod verdict;
