//! # The command line
//!
//! What the `lab` command does for those who look at a server, learn, and teach.
//!
//! [`commands`] has a file for each command, with its arguments; main.rs is the list of them. They stand on a few rooms
//! that several share: [`trace`] runs any server and its clients, who [say](says) something, across a [wire] or none; [`check`] says
//! whether the findings count, [`rough`] what became of a rough day, [`show`] reads captures, [`terminal`] draws, [`learn`] shows the exercises of the
//! course while somebody edits. How a command ends, [`status`] decides.

#![allow(
    rustdoc::invalid_rust_codeblocks,
    reason = "clap prints what is said of a command, with its examples"
)]

mod called;
pub mod capture_file;
pub mod check;
pub mod commands;
pub mod doctor;
pub mod explain;
pub mod filter;
pub mod interrupt;
mod junit;
pub mod learn;
#[cfg(target_os = "linux")]
pub mod linux;
#[cfg(target_os = "linux")]
pub mod live;
mod output;
pub mod rough;
mod sarif;
pub mod says;
pub mod show;
pub mod status;
mod stream;
pub mod terminal;
pub mod trace;
mod unpack;
pub mod wire;
pub mod wireshark;
