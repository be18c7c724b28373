//! Two hosts and a wire between them.
//!
//! What the wire does is plain data ([`wire`]), written as a script ([`script`]). It is decided packet
//! by packet without any I/O ([`traffic`], by the [`names`] of packets), on any operating system. Linux has the hosts (`hosts`, set up
//! by `netlink`), and the `relay` that hands packets from one to the other.

#[cfg_attr(
    not(all(target_os = "linux", not(no_observe))),
    allow(dead_code, reason = "where nothing is observed no packet passes")
)]
mod traffic;

#[cfg_attr(
    not(all(target_os = "linux", not(no_observe))),
    allow(dead_code, reason = "where nothing is observed no packet passes")
)]
mod names;

#[cfg(all(target_os = "linux", not(no_observe)))]
pub(crate) mod hosts;
#[cfg(all(target_os = "linux", not(no_observe)))]
mod netlink;
#[cfg(all(target_os = "linux", not(no_observe)))]
pub(crate) mod relay;
mod script;
#[cfg_attr(
    not(all(target_os = "linux", not(no_observe))),
    allow(dead_code, reason = "where nothing is observed there is no wire to make of it")
)]
mod wire;

pub use script::ScriptError;
pub use wire::Wire;
#[cfg(all(target_os = "linux", not(no_observe)))]
pub(crate) use wire::addresses;
pub(crate) use wire::seen_at;
