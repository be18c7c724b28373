//! What the `lab` command does, apart from its command line.

#[cfg(target_os = "linux")]
pub mod bench;
pub mod book;
pub mod capture;
pub mod capture_file;
pub mod check;
pub mod checkout;
pub mod doctor;
pub mod experiments;
pub mod explain;
pub mod frames;
pub mod handout;
pub mod interrupt;
pub mod languages;
pub mod learn;
pub mod lesson;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub mod live;
pub mod newline;
pub mod pages;
pub mod pictures;
pub mod quiz;
pub mod running;
pub mod show;
pub mod steps;
pub mod talk;
pub mod terminal;
pub mod trace;
pub mod wire;
pub mod wireshark;
