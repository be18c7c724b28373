//! Two hosts and the wire between them: the [`hosts`], set up by [`netlink`], and the [`relay`] that hands packets from
//! one to the other as the [`Wire`](crate::Wire) decides.

pub(crate) mod hosts;
mod joined;
mod netlink;
pub(crate) mod relay;
