//! What the `lab` command does, apart from its command line.

pub mod capture;
pub mod check;
pub mod doctor;
pub mod languages;
pub mod newline;
pub mod pages;
pub mod paint;
pub mod show;
pub mod steps;
pub mod trace;
pub mod wireshark;
