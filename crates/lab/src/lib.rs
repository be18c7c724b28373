//! What the `lab` command does, apart from its command line.

pub mod capture;
pub mod newline;
pub mod pages;
pub mod steps;
