//! Exercises that the wire checks.
//!
//! [`exercise`] is what an exercise is, [`play`] what its clients do, [`measure`] the questions that a timeline
//! answers, [`judge`] whether it is solved, [`advice`] what to say if not. [`folder`] and [`progress`] are the
//! learner's, [`report`] and [`class`] the teacher's.

pub mod advice;
pub mod attempt;
pub mod catalog;
pub mod class;
pub mod exercise;
pub mod folder;
pub mod judge;
pub mod measure;
pub mod play;
pub mod progress;
pub mod recapture;
pub mod report;
#[cfg(target_os = "linux")]
mod untraced;
