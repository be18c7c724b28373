//! Harness.

mod client;
mod error;
pub mod format;
mod observe;
mod server;
pub mod suite;
pub mod timeline;

pub use client::Client;
pub use error::{Error, Output};
pub use observe::{Machine, Refusal};
pub use server::{Server, ServerBuilder};

/// As an argument of a server, stands for an address to listen on: `127.0.0.1:3000` in a private
/// network, and port 0 of the loopback address on the host, where port 3000 may be taken.
pub const LISTEN: &str = "{listen}";
