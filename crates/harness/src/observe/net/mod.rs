//! Two hosts and a wire between them.
//!
//! What the wire does is plain data ([`wire`]), written as a script ([`script`]) and decided packet by
//! packet without any I/O ([`traffic`]), on any operating system.

#[cfg_attr(
    not(all(target_os = "linux", not(no_observe))),
    allow(dead_code, reason = "where nothing is observed no packet passes")
)]
mod traffic;

mod script;
mod wire;

pub use script::ScriptError;
pub use wire::Wire;
