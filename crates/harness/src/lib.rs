//! Runs a real TCP server and puts its system calls, its packets and its socket states on one
//! timeline, without root.
//!
//! An echo server can pass every test that looks at bytes and still make its readers wait 40 ms
//! for each message, or leak every connection. strace shows one half of why, a packet capture the
//! other, `ss` a third. This crate records the three on one clock, and a test can ask:
//!
//! ```
//! use harness::timeline::Teardown;
//! use harness::{LISTEN, Server};
//! # use std::io::{BufRead, BufReader, Write};
//! # fn serve(address: &str) -> std::io::Result<()> {
//! #     for stream in std::net::TcpListener::bind(address)?.incoming() {
//! #         let mut stream = stream?;
//! #         let mut line = String::new();
//! #         BufReader::new(stream.try_clone()?).read_line(&mut line)?;
//! #         writeln!(stream, "{}", line.trim_end())?;
//! #         std::io::copy(&mut stream.try_clone()?, &mut std::io::sink())?;
//! #     }
//! #     Ok(())
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let is_address = |word: &String| word.parse::<std::net::SocketAddr>().is_ok();
//! # if let Some(address) = std::env::args().find(is_address) {
//! #     return Ok(serve(&address)?);
//! # }
//! # let program = std::env::current_exe()?;
//! # if harness::Machine::look().level.is_none() { return Ok(()); }
//!
//! // `program` answers each line with std's `writeln!(stream, "{line}")`.
//! let server = Server::build(program).arg(LISTEN).start()?;
//! let mut client = server.connect()?;
//! assert_eq!(client.exchange("hello\n")?, "hello\n");
//! client.close();
//! let timeline = server.stop()?;
//!
//! // Rust's own `puts`: the line is one write, its newline another.
//! assert_eq!(timeline.writes_per_reply(), [2]);
//! assert!(matches!(timeline.teardown(), Teardown::Clean { .. }));
//! println!("{timeline}");
//! # Ok(())
//! # }
//! ```
//!
//! A timeline also comes from a capture file, on any operating system:
//!
//! ```
//! let file = std::fs::File::open("../../captures/step1-two-writes.pcapng")?;
//! let timeline = harness::format::pcapng::read(file)?.into_timeline();
//! assert_eq!(timeline.packets_per_exchange(), [6, 5]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The house
//!
//! - [`Server`] and [`Client`] are the door: start, talk, stop.
//! - [`conversation`] is what clients say and wait for, as plain data and as a script; a [`Player`] holds it.
//! - [`ordeals`] make the day rough for a server, and judge how it comes through.
//! - [`timeline`] is what happened: events in one order, and the questions to ask. Pure data.
//! - [`facts`] is what is so of each packet, with its evidence and how sure it is.
//! - [`overview`] is a run at a glance: a row for each connection, and what they come to.
//! - [`rules`] find what a server should not do; they go by facts.
//! - [`scene`] is what to draw of a timeline: arrows, calls, states, waits, words.
//! - [`mod@format`] is how it is shown: lanes for a terminal, Markdown, pcapng for Wireshark.
//! - [`mod@testing`] runs tests that look at the machine before they run.
//! - [`Machine`] tells what can be observed here, and what stands in the way.
//!
//! Where events come from (ptrace and seccomp, a packet socket, the socket table, namespaces) is
//! private, and for Linux only. Elsewhere the crate builds, and starting a server is an error.

#![cfg_attr(
    not(all(target_os = "linux", not(no_observe))),
    allow(dead_code, reason = "what only an observer uses is there on every system")
)]

mod client;
pub mod conversation;
mod error;
mod forks;
mod lock;
mod look;
mod machine;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod observe;
#[cfg(not(all(target_os = "linux", not(no_observe))))]
#[path = "observe/elsewhere.rs"]
mod observe;
pub mod ordeals;
mod player;
mod recorder;
mod server;
mod spec;
pub mod testing;
mod wire;

pub use ::timeline::{self, compare, facts, format, overview, rules, scene};

pub use client::Client;
pub use conversation::Conversation;
pub use error::{Error, Output, Refused};
pub use look::{Outlook, Timer};
pub use machine::{Machine, Refusal};
pub use observe::{segment_counters, traced_calls, wire_refusal};
pub use player::{Conversed, How, Player, REPLY_IS_OVER, Trouble};
pub use recorder::follow::Follow;
pub use server::{BUFFER, ClientOutput, KEEP, Server, ServerBuilder};
pub use spec::LISTEN;
pub use wire::Wire;
pub use wire::script::ScriptError;
