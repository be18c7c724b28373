//! From the first byte of a frame to TCP.

use std::net::IpAddr;

use super::field::{Context, Layer};
use super::names::*;
use super::reader::{Reader, hexadecimal};
use super::words::{arp_hardware, checksum_of_header, dscp, ecn, ether_type, mac, on, protocol, sll_direction};
use crate::events::LinkType;
use crate::events::link_type::family;

/// Tags of IEEE 802.1Q.
const VLAN: [u64; 3] = [0x8100, 0x88a8, 0x9100];

/// Reads the header of the link. True if it says that a packet of IP follows.
pub(super) fn header(reader: &mut Reader<'_>, link_type: LinkType, inner: Option<usize>) -> Option<bool> {
    reader.layer = Layer::Link;
    match link_type.0 {
        LinkType::ETHERNET_NUMBER => ethernet(reader, inner),
        LinkType::LINUX_SLL => cooked(reader),
        LinkType::LINUX_SLL2 => cooked_2(reader),
        LinkType::NULL | LinkType::LOOP => loopback(reader),
        _ if link_type.is_decoded() => Some(true),
        // What a link that is not known has in its frames is not known either.
        _ => None,
    }
}

fn ethernet(reader: &mut Reader<'_>, inner: Option<usize>) -> Option<bool> {
    for name in [&MAC_DESTINATION, &MAC_SOURCE] {
        let bytes = reader.bytes(name, 6)?;
        reader.write(hexadecimal(bytes).replace(' ', ":"));
        reader.say(mac(bytes));
    }
    let mut number = ether_type_of(reader, &ETHER_TYPE)?;
    while VLAN.contains(&number) && inner.is_none_or(|inner| reader.position() < inner) {
        reader.number(&VLAN_PRIORITY, 3)?;
        reader.said(&VLAN_DROP, 1, on)?;
        reader.number(&VLAN_NUMBER, 12)?;
        number = ether_type_of(reader, &ETHER_TYPE)?;
    }
    Some(is_ip(number))
}

fn is_ip(ether_type: u64) -> bool {
    matches!(ether_type, 0x0800 | 0x86dd)
}

fn ether_type_of(reader: &mut Reader<'_>, name: &'static super::Name) -> Option<u64> {
    let number = reader.hex(name, 16)?;
    reader.say(ether_type(number));
    Some(number)
}

fn cooked(reader: &mut Reader<'_>) -> Option<bool> {
    reader.said(&SLL_TYPE, 16, sll_direction)?;
    reader.said(&SLL_DEVICE, 16, arp_hardware)?;
    reader.number(&SLL_LENGTH, 16)?;
    reader.bytes(&SLL_ADDRESS, 8)?;
    Some(is_ip(ether_type_of(reader, &SLL_PROTOCOL)?))
}

fn cooked_2(reader: &mut Reader<'_>) -> Option<bool> {
    let protocol = ether_type_of(reader, &SLL_PROTOCOL)?;
    reader.number(&SLL_RESERVED, 16)?;
    reader.number(&SLL_INTERFACE, 32)?;
    reader.said(&SLL_DEVICE, 16, arp_hardware)?;
    reader.said(&SLL_TYPE, 8, sll_direction)?;
    reader.number(&SLL_LENGTH, 8)?;
    reader.bytes(&SLL_ADDRESS, 8)?;
    Some(is_ip(protocol))
}

fn loopback(reader: &mut Reader<'_>) -> Option<bool> {
    let bytes = reader.bytes(&FAMILY, 4)?;
    let bytes = bytes.try_into().ok()?;
    // In the order of whoever captured it: the one in which it is a small number.
    let number = u32::from_be_bytes(bytes).min(u32::from_le_bytes(bytes));
    reader.write(number.to_string());
    let name = family(number);
    reader.say(name.unwrap_or("another protocol"));
    Some(name.is_some())
}

/// A packet of IP whose header was read.
pub(super) struct IpPacket {
    /// The two addresses as they are on the wire, for the checksum of TCP.
    pub addresses: Vec<u8>,
    /// Where the packet ends in the frame, by its own length; the frame may be longer or shorter.
    pub end: usize,
}

/// Reads the headers of IP up to TCP. `inner` is where the packet with the segment begins, if there is one;
/// `follows` tells whether the link says that IP follows its header. `None` if something else follows.
pub(super) fn ip(reader: &mut Reader<'_>, inner: Option<usize>, follows: bool, context: Context) -> Option<IpPacket> {
    if let Some(inner) = inner.filter(|inner| reader.position() < *inner) {
        // What carries a tunnel is a packet of IP itself, or the frame.
        if follows {
            headers(reader, context)?;
        }
        reader.layer = Layer::Tunnel;
        reader.bytes(&TUNNEL, inner.checked_sub(reader.position())?)?;
    } else if inner.is_none() && !follows {
        return None;
    }
    let (holds, is_whole, packet) = headers(reader, context)?;
    (holds == TCP && is_whole).then_some(packet)
}

const TCP: u64 = 6;

fn version(reader: &Reader<'_>) -> u8 {
    reader.rest().first().map_or(0, |byte| byte >> 4)
}

/// Reads one packet's headers: what they hold, whether it is no fragment, and the packet.
fn headers(reader: &mut Reader<'_>, context: Context) -> Option<(u64, bool, IpPacket)> {
    match version(reader) {
        4 => v4(reader, context),
        6 => v6(reader, context),
        _ => None,
    }
}

fn end(reader: &Reader<'_>, context: Context) -> usize {
    let captured = reader.frame().len();
    context
        .wire_len
        .map_or(captured, |length| captured.max(length as usize))
}

fn v4(reader: &mut Reader<'_>, context: Context) -> Option<(u64, bool, IpPacket)> {
    reader.layer = Layer::Ipv4;
    let start = reader.position();
    reader.number(&V4_VERSION, 4)?;
    let words = reader.said(&V4_IHL, 4, |words| format!("{} bytes", words * 4))?;
    let header_len = usize::try_from(words * 4).ok()?;
    reader.said(&V4_DSCP, 6, dscp)?;
    reader.said(&ECN, 2, ecn)?;
    let total = reader.said(&V4_TOTAL, 16, |total| match total {
        0 => "longer than the field can say, or the network card was to fill it in: all the frame".to_owned(),
        _ => format!("{} bytes behind this header", total.saturating_sub(words * 4)),
    })?;
    reader.hex(&V4_ID, 16)?;
    reader.said(&V4_RESERVED, 1, on)?;
    reader.said(&V4_DF, 1, on)?;
    let more = reader.said(&V4_MF, 1, on)?;
    let offset = reader.number(&V4_OFFSET, 13)?;
    reader.number(&V4_TTL, 8)?;
    let holds = reader.said(&V4_PROTOCOL, 8, protocol)?;
    reader.hex(&V4_CHECKSUM, 16)?;
    let header = reader.frame().get(start..start + header_len);
    reader.say(checksum_of_header(header));
    let addresses = addresses::<4>(reader, [&V4_SOURCE, &V4_DESTINATION])?;
    reader.bytes(&V4_OPTIONS, header_len.checked_sub(20)?)?;
    let end = match total {
        0 => end(reader, context),
        total => start + usize::try_from(total).ok()?,
    };
    Some((holds, more == 0 && offset == 0, IpPacket { addresses, end }))
}

fn v6(reader: &mut Reader<'_>, context: Context) -> Option<(u64, bool, IpPacket)> {
    reader.layer = Layer::Ipv6;
    let start = reader.position();
    reader.number(&V6_VERSION, 4)?;
    reader.said(&V6_DSCP, 6, dscp)?;
    reader.said(&ECN, 2, ecn)?;
    reader.hex(&V6_FLOW, 20)?;
    let length = reader.number(&V6_LENGTH, 16)?;
    let mut next = reader.said(&V6_NEXT, 8, protocol)?;
    reader.number(&V6_HOPS, 8)?;
    let addresses = addresses::<16>(reader, [&V6_SOURCE, &V6_DESTINATION])?;
    let end = match length {
        0 => end(reader, context),
        length => start + 40 + usize::try_from(length).ok()?,
    };
    let mut whole = true;
    while let Some((follows, is_whole)) = extension(reader, next)? {
        (next, whole) = (follows, whole && is_whole);
    }
    Some((next, whole, IpPacket { addresses, end }))
}

/// Reads the two addresses of a packet.
fn addresses<const LENGTH: usize>(reader: &mut Reader<'_>, names: [&'static super::Name; 2]) -> Option<Vec<u8>>
where
    IpAddr: From<[u8; LENGTH]>,
{
    let mut both = Vec::new();
    for name in names {
        let address = reader.bytes(name, LENGTH)?;
        reader.write(IpAddr::from(*address.first_chunk()?).to_string());
        both.extend(address);
    }
    Some(both)
}

/// Reads an extension header, if one follows: what follows it, and whether the packet is whole.
fn extension(reader: &mut Reader<'_>, kind: u64) -> Option<Option<(u64, bool)>> {
    /// Hop-by-hop options, routing, destination options, mobility, HIP, shim6: of one form (RFC 6564).
    const OF_ONE_FORM: [u64; 6] = [0, 43, 60, 135, 139, 140];
    const FRAGMENTED: u64 = 44;
    const AUTHENTICATED: u64 = 51;
    if !OF_ONE_FORM.contains(&kind) && ![FRAGMENTED, AUTHENTICATED].contains(&kind) {
        return Some(None);
    }
    let next = reader.said(&EXTENSION_NEXT, 8, protocol)?;
    let (name, rest, whole) = match kind {
        FRAGMENTED => {
            // An offset in 13 bits, two reserved ones, and whether more follow.
            let place = reader.rest().get(1..3)?;
            (&FRAGMENT, 7, u16::from_be_bytes([place[0], place[1]]) & 0xfff9 == 0)
        }
        _ => {
            let units = usize::try_from(reader.number(&EXTENSION_LENGTH, 8)?).ok()?;
            match kind {
                AUTHENTICATED => (&AUTHENTICATION, (units + 2) * 4 - 2, true),
                _ => (&EXTENSION_DATA, units * 8 + 6, true),
            }
        }
    };
    reader.bytes(name, rest)?;
    Some(Some((next, whole)))
}
