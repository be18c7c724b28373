//! What a server does in words, as Wireshark lists it between the packets: a text with tags before it
//! that tell how to show it, and whose it is. We read the record beside it (see `record`), not the words.

use std::net::IpAddr;

use crate::events::{Endpoints, LinkType, Side};

/// A list of tags that say who dissects what follows them.
pub(super) const UPPER_PDU: LinkType = LinkType::UPPER_PDU;

/// The tags of LINKTYPE_WIRESHARK_UPPER_PDU (`EXP_PDU_TAG_*` in Wireshark's `wsutil/exported_pdu_tlvs.h`).
mod tag {
    pub const END: u16 = 0;
    pub const DISSECTOR_NAME: u16 = 12;
    pub const IPV4_SOURCE: u16 = 20;
    pub const IPV4_DESTINATION: u16 = 21;
    pub const IPV6_SOURCE: u16 = 22;
    pub const IPV6_DESTINATION: u16 = 23;
    pub const PORT_TYPE: u16 = 24;
    pub const SOURCE_PORT: u16 = 25;
    pub const DESTINATION_PORT: u16 = 26;
}

/// `EXP_PDU_PT_TCP`.
const PORT_TYPE_TCP: u32 = 2;

/// The dissector that puts its text into the Info column as it is. A priority such as `<14>`
/// before it would be shown there too.
const DISSECTOR: &str = "syslog";

/// The name that stands before what a client did; before all else stands the server's.
const CLIENT: &str = "client";

/// The bytes of an entry. Its source is the end that did something, its destination the other.
pub(super) fn write(program: &str, by: Side, on: Option<Endpoints>, text: &str) -> Vec<u8> {
    let mut data = Vec::new();
    put_tag(&mut data, tag::DISSECTOR_NAME, DISSECTOR.as_bytes());
    if let Some(Endpoints { client, server }) = on {
        let (from, to) = match by {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        put_address(&mut data, from.ip(), tag::IPV4_SOURCE, tag::IPV6_SOURCE);
        put_address(&mut data, to.ip(), tag::IPV4_DESTINATION, tag::IPV6_DESTINATION);
        put_tag(&mut data, tag::PORT_TYPE, &PORT_TYPE_TCP.to_be_bytes());
        put_tag(&mut data, tag::SOURCE_PORT, &u32::from(from.port()).to_be_bytes());
        put_tag(&mut data, tag::DESTINATION_PORT, &u32::from(to.port()).to_be_bytes());
    }
    put_tag(&mut data, tag::END, &[]);
    let name = match by {
        Side::Client => CLIENT,
        // A server that is called "client" would be taken for the client.
        Side::Server if program == CLIENT => "server",
        Side::Server => program,
    };
    data.extend(format!("{name}: {text}").bytes());
    data
}

/// Adds a tag: its number and its length in network order, and its value, filled up to a multiple
/// of 4 bytes. Wireshark itself counts the filling into the length, and cuts a name at its first 0.
fn put_tag(data: &mut Vec<u8>, tag: u16, value: &[u8]) {
    let length = value.len().next_multiple_of(4);
    data.extend(tag.to_be_bytes());
    data.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    data.extend(value);
    data.resize(data.len() + length - value.len(), 0);
}

fn put_address(data: &mut Vec<u8>, address: IpAddr, v4: u16, v6: u16) {
    match address {
        IpAddr::V4(address) => put_tag(data, v4, &address.octets()),
        IpAddr::V6(address) => put_tag(data, v6, &address.octets()),
    }
}

#[cfg(test)]
#[path = "../../../tests/unit/format_pcapng_entry.rs"]
mod tests;
