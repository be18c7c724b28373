//! What a server does, as frames between the packets: a text with tags before it that tell
//! Wireshark how to show it, and whose it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::timeline::{Endpoints, LinkType, Side};

/// A list of tags that say who dissects what follows them.
pub(super) const UPPER_PDU: LinkType = LinkType(252);

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

/// An entry as it is read.
pub(super) struct Entry {
    pub on: Option<Endpoints>,
    pub by: Side,
    pub text: String,
}

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
        // A server of the client's name would be taken for it.
        Side::Server if program == CLIENT => "server",
        Side::Server => program,
    };
    data.extend(format!("{name}: {text}").bytes());
    data
}

/// Reads what [`write()`] wrote. `None` for what others put into frames of this link type.
pub(super) fn read(data: &[u8]) -> Option<Entry> {
    let mut rest = data;
    let (mut is_text, mut is_tcp) = (false, false);
    let (mut from, mut to) = (None, None);
    let (mut from_port, mut to_port) = (None, None);
    loop {
        let (tag, value);
        (tag, value, rest) = split_tag(rest)?;
        match tag {
            tag::END => break,
            tag::DISSECTOR_NAME => is_text = value.strip_suffix(b"\0\0").unwrap_or(value) == DISSECTOR.as_bytes(),
            tag::IPV4_SOURCE | tag::IPV6_SOURCE => from = address(value),
            tag::IPV4_DESTINATION | tag::IPV6_DESTINATION => to = address(value),
            tag::PORT_TYPE => is_tcp = number(value)? == PORT_TYPE_TCP,
            tag::SOURCE_PORT => from_port = u16::try_from(number(value)?).ok(),
            tag::DESTINATION_PORT => to_port = u16::try_from(number(value)?).ok(),
            _ => {}
        }
    }
    let text = String::from_utf8_lossy(rest);
    let (name, text) = text.split_once(": ").filter(|_| is_text)?;
    let by = if name == CLIENT { Side::Client } else { Side::Server };
    let end = |ip: Option<IpAddr>, port: Option<u16>| Some(SocketAddr::new(ip?, port?));
    let on = match (by, end(from, from_port), end(to, to_port)) {
        (Side::Client, Some(client), Some(server)) | (Side::Server, Some(server), Some(client)) if is_tcp => {
            Some(Endpoints { client, server })
        }
        _ => None,
    };
    Some(Entry {
        on,
        by,
        text: text.to_owned(),
    })
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

/// The first tag, its value, and what follows.
fn split_tag(data: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (tag, data) = data.split_first_chunk()?;
    let (length, data) = data.split_first_chunk()?;
    let (value, rest) = data.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((u16::from_be_bytes(*tag), value, rest))
}

fn put_address(data: &mut Vec<u8>, address: IpAddr, v4: u16, v6: u16) {
    match address {
        IpAddr::V4(address) => put_tag(data, v4, &address.octets()),
        IpAddr::V6(address) => put_tag(data, v6, &address.octets()),
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).into());
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).into()))
        .ok()
}

fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*value.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(client: &str, server: &str) -> Option<Endpoints> {
        Some(Endpoints {
            client: client.parse().unwrap(),
            server: server.parse().unwrap(),
        })
    }

    #[test]
    fn what_was_written_is_read() {
        let v4 = ends("127.0.0.1:57464", "127.0.0.1:3000");
        let v6 = ends("[::1]:57464", "[::1]:3000");
        for (by, on) in [
            (Side::Server, v4),
            (Side::Client, v4),
            (Side::Server, v6),
            (Side::Client, None),
        ] {
            let entry = read(&write("echo: 2", by, on, "write(4, \"a: b\", 4) = 4")).unwrap();
            assert_eq!((entry.by, entry.on), (by, on));
            assert!(entry.text.ends_with("write(4, \"a: b\", 4) = 4"), "{}", entry.text);
        }
        assert_eq!(read(&write("client", Side::Server, v4, "x")).unwrap().by, Side::Server);
    }

    #[test]
    fn what_others_wrote_is_none_of_ours() {
        let ours = write(
            "step1",
            Side::Server,
            ends("127.0.0.1:1", "127.0.0.1:2"),
            "accept4(6) = 7",
        );
        for length in 0..ours.len() - "step1: accept4(6) = 7".len() {
            assert!(read(&ours[..length]).is_none(), "cut after {length} bytes");
        }
        let mut other = ours.clone();
        other[4..10].copy_from_slice(b"dhcpv6");
        assert!(read(&other).is_none());
        assert!(read(b"").is_none());
    }
}
