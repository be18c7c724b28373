//! The way from a frame to the IP packet with the TCP segment, through whatever is wrapped around it.
//!
//! etherparse reads MACsec, IP and UDP. Ethernet and the tunnels are read here: each is a short header
//! in front of a packet or a frame.

use etherparse::{EtherType, IpNumber, LaxIpSlice, LaxMacsecPayloadSlice, LaxMacsecSlice, UdpSlice};

use super::link_type::{LinkType, MOST_TUNNELS, NoSegment, family};

/// So many MPLS labels, and VLAN tags.
const MOST_LABELS: usize = 16;

/// What is in a frame, or in a tunnel.
enum Inside<'a> {
    Packet(LaxIpSlice<'a>),
    /// What has this EtherType.
    Ether(u16, &'a [u8]),
}

/// The innermost packet of a frame, which holds TCP, as far as its headers can be read.
pub(crate) fn innermost(link_type: LinkType, frame: &[u8]) -> Result<LaxIpSlice<'_>, NoSegment> {
    walk(link_type, frame).map_err(|(why, _)| why)
}

/// The innermost packet of a frame, if that is a fragment of a packet with TCP.
pub(crate) fn fragment(link_type: LinkType, frame: &[u8]) -> Option<LaxIpSlice<'_>> {
    let (why, packet) = walk(link_type, frame).err()?;
    packet.filter(|packet| why == NoSegment::Fragment && packet.payload().ip_number == IpNumber::TCP)
}

/// The innermost packet, or why there is none, and the packet that says so.
fn walk(link_type: LinkType, frame: &[u8]) -> Result<LaxIpSlice<'_>, (NoSegment, Option<LaxIpSlice<'_>>)> {
    let mut inside = of_link(link_type, frame).map_err(|why| (why, None))?;
    for _ in 0..=MOST_TUNNELS {
        inside = match inside {
            Inside::Ether(number, payload) => ether_type(number, payload).map_err(|why| (why, None))?,
            Inside::Packet(packet) => match tunnel(&packet) {
                Ok(Some(inner)) => inner,
                Ok(None) => return Ok(packet),
                Err(why) => return Err((why, Some(packet))),
            },
        }
    }
    Err((NoSegment::TooDeep, None))
}

/// What is in a frame of a link.
fn of_link(link_type: LinkType, frame: &[u8]) -> Result<Inside<'_>, NoSegment> {
    match link_type.0 {
        _ if !link_type.is_decoded() => Err(NoSegment::Link(link_type)),
        LinkType::ETHERNET_NUMBER => ethernet(frame),
        LinkType::LINUX_SLL => cooked(frame, SLL_PROTOCOL, SLL_HEADER).ok_or(NoSegment::Damaged),
        LinkType::LINUX_SLL2 => cooked(frame, SLL2_PROTOCOL, SLL2_HEADER).ok_or(NoSegment::Damaged),
        LinkType::NULL | LinkType::LOOP => loopback(frame),
        _ => ip(frame),
    }
}

/// Where a cooked header has its protocol, and how long it is
/// ([SLL](https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html),
/// [SLL2](https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html)).
const SLL_PROTOCOL: usize = 14;
const SLL_HEADER: usize = 16;
const SLL2_PROTOCOL: usize = 0;
const SLL2_HEADER: usize = 20;

/// A frame of Linux's `any` interface.
fn cooked(frame: &[u8], protocol: usize, header: usize) -> Option<Inside<'_>> {
    let protocol = u16::from_be_bytes(*frame.get(protocol..)?.first_chunk()?);
    Some(of_type(protocol, frame.get(header..)?))
}

/// A frame of a loopback interface of macOS or BSD: the address family, in the byte order of
/// whoever captured it, then the packet.
fn loopback(frame: &[u8]) -> Result<Inside<'_>, NoSegment> {
    let (number, packet) = frame.split_first_chunk().ok_or(NoSegment::Damaged)?;
    let known = family(u32::from_be_bytes(*number)).or_else(|| family(u32::from_le_bytes(*number)));
    known.map_or(Err(NoSegment::Damaged), |_| ip(packet))
}

/// What is in the tunnel that a packet is; `None` if it holds TCP.
fn tunnel<'a>(packet: &LaxIpSlice<'a>) -> Result<Option<Inside<'a>>, NoSegment> {
    let payload = packet.payload();
    let tunnel = match payload.ip_number {
        IpNumber::TCP if payload.fragmented => return Err(NoSegment::Fragment),
        IpNumber::TCP => return Ok(None),
        IpNumber::IPV4 | IpNumber::IPV6 => ip,
        IpNumber::GRE => gre,
        IpNumber::MPLS_IN_IP => mpls,
        // A fragment may be of any datagram.
        IpNumber::UDP if payload.fragmented => return Err(NoSegment::OtherProtocol),
        IpNumber::UDP => vxlan,
        _ => return Err(NoSegment::OtherProtocol),
    };
    if payload.fragmented {
        return Err(NoSegment::Fragment);
    }
    tunnel(payload.payload).map(Some)
}

fn ip(packet: &[u8]) -> Result<Inside<'_>, NoSegment> {
    match LaxIpSlice::from_slice(packet) {
        Ok((packet, _)) => Ok(Inside::Packet(packet)),
        Err(_) => Err(NoSegment::Damaged),
    }
}

fn ethernet(frame: &[u8]) -> Result<Inside<'_>, NoSegment> {
    let (header, payload) = split::<14>(frame)?;
    Ok(of_type(u16::from_be_bytes([header[12], header[13]]), payload))
}

/// A packet where that is told and is one, which is mostly so.
fn of_type(number: u16, payload: &[u8]) -> Inside<'_> {
    let packet = matches!(number, IPV4 | IPV6).then(|| ip(payload).ok()).flatten();
    packet.unwrap_or(Inside::Ether(number, payload))
}

/// Splits a header off.
fn split<const N: usize>(data: &[u8]) -> Result<(&[u8; N], &[u8]), NoSegment> {
    data.split_first_chunk().ok_or(NoSegment::Damaged)
}

const IPV4: u16 = EtherType::IPV4.0;
const IPV6: u16 = EtherType::IPV6.0;
const ARP: u16 = EtherType::ARP.0;
/// Tags of IEEE 802.1Q.
const VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// EtherTypes below are lengths (IEEE 802.3, section 3.2.6).
const LEAST_ETHER_TYPE: u16 = 0x600;

fn ether_type(number: u16, payload: &[u8]) -> Result<Inside<'_>, NoSegment> {
    const MPLS: [u16; 2] = [0x8847, 0x8848];
    const PPPOE_SESSION: u16 = 0x8864;
    const MACSEC: u16 = EtherType::MACSEC.0;
    match number {
        IPV4 | IPV6 => ip(payload),
        ARP => Err(NoSegment::OtherProtocol),
        MACSEC => match LaxMacsecSlice::from_slice(payload).map(|macsec| macsec.payload) {
            Ok(LaxMacsecPayloadSlice::Unmodified(inner)) => Ok(of_type(inner.ether_type.0, inner.payload)),
            _ => Err(NoSegment::EtherType(number)),
        },
        number if MPLS.contains(&number) => mpls(payload),
        PPPOE_SESSION => pppoe(payload),
        number if VLAN.contains(&number) => tagged(payload),
        number if number < LEAST_ETHER_TYPE => snap(payload),
        number => Err(NoSegment::EtherType(number)),
    }
}

/// VLAN tags: two bytes of priority and number, and the next EtherType.
fn tagged(mut payload: &[u8]) -> Result<Inside<'_>, NoSegment> {
    for _ in 0..MOST_LABELS {
        let ([_, _, high, low], rest) = split(payload)?;
        payload = rest;
        let number = u16::from_be_bytes([*high, *low]);
        if !VLAN.contains(&number) {
            return Ok(of_type(number, payload));
        }
    }
    Err(NoSegment::TooDeep)
}

/// An EtherType behind a length: SNAP ([RFC 1042](https://www.rfc-editor.org/rfc/rfc1042)).
fn snap(payload: &[u8]) -> Result<Inside<'_>, NoSegment> {
    let (header, payload) = split::<8>(payload)?;
    match header {
        [0xaa, 0xaa, 3, 0, 0, 0, high, low] => match u16::from_be_bytes([*high, *low]) {
            IPV4 | IPV6 => ip(payload),
            number => Err(NoSegment::EtherType(number)),
        },
        _ => Err(NoSegment::OtherProtocol),
    }
}

/// MPLS labels, the last of which says that it is
/// ([RFC 3032, section 2.1](https://www.rfc-editor.org/rfc/rfc3032#section-2.1)). What follows does
/// not say what it is. A packet begins with its version; a frame stands behind a control word that
/// begins with 0 ([RFC 4448, section 4.6](https://www.rfc-editor.org/rfc/rfc4448#section-4.6)), or
/// without one.
fn mpls(mut payload: &[u8]) -> Result<Inside<'_>, NoSegment> {
    for _ in 0..MOST_LABELS {
        let ([_, _, third, _], rest) = split(payload)?;
        payload = rest;
        if third & 1 == 0 {
            continue;
        }
        let with_packet = |frame: &'_ [u8]| match ethernet(frame) {
            Ok(Inside::Ether(number, _)) => number == ARP || VLAN.contains(&number),
            inside => inside.is_ok(),
        };
        let behind_word = payload.get(4..).unwrap_or_default();
        return match payload.first().map(|byte| byte >> 4) {
            Some(4 | 6) => ip(payload),
            Some(0) if with_packet(behind_word) => ethernet(behind_word),
            Some(_) if with_packet(payload) => ethernet(payload),
            Some(_) => Err(NoSegment::Inside("MPLS")),
            None => Err(NoSegment::Damaged),
        };
    }
    Err(NoSegment::TooDeep)
}

/// A session of PPP over Ethernet ([RFC 2516, section 4](https://www.rfc-editor.org/rfc/rfc2516#section-4)).
/// The lengths of the packets count, so its own is not needed.
fn pppoe(payload: &[u8]) -> Result<Inside<'_>, NoSegment> {
    let ([version_and_type, code, _, _, _, _], payload) = split(payload)?;
    match (version_and_type, code) {
        (0x11, 0) => ppp(payload, "PPPoE"),
        _ => Err(NoSegment::Inside("PPPoE")),
    }
}

/// PPP: its address and control, which may be missing, and a protocol in two bytes or in one
/// ([RFC 1661, section 2](https://www.rfc-editor.org/rfc/rfc1661#section-2),
/// [RFC 1662, section 3.1](https://www.rfc-editor.org/rfc/rfc1662#section-3.1)).
fn ppp<'a>(payload: &'a [u8], tunnel: &'static str) -> Result<Inside<'a>, NoSegment> {
    let payload = payload.strip_prefix(&[0xff, 3]).unwrap_or(payload);
    let (protocol, payload) = match payload {
        [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return Err(NoSegment::Damaged),
    };
    match protocol {
        0x21 | 0x57 => ip(payload),
        // What sets up the link (RFC 1661) and the network (0x8021, 0x8057) is no data.
        0x8000.. => Err(NoSegment::OtherProtocol),
        _ => Err(NoSegment::Inside(tunnel)),
    }
}

/// Generic Routing Encapsulation ([RFC 2784](https://www.rfc-editor.org/rfc/rfc2784), with key and
/// sequence number [RFC 2890](https://www.rfc-editor.org/rfc/rfc2890)), and the version of it that
/// carries PPP ([RFC 2637, section 4.1](https://www.rfc-editor.org/rfc/rfc2637#section-4.1)).
fn gre(payload: &[u8]) -> Result<Inside<'_>, NoSegment> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    /// Of version 1 only.
    const ACKNOWLEDGMENT: u16 = 0x0080;
    const TRANSPARENT_ETHERNET: u16 = 0x6558;
    const PPP: u16 = 0x880b;
    let (header, payload) = split::<4>(payload)?;
    let flags = u16::from_be_bytes([header[0], header[1]]);
    let protocol = u16::from_be_bytes([header[2], header[3]]);
    let version = flags & 7;
    let has = |flag: u16| usize::from(flags & flag != 0) * 4;
    let optional = has(CHECKSUM) + has(KEY) + has(SEQUENCE) + if version == 1 { has(ACKNOWLEDGMENT) } else { 0 };
    let payload = payload.get(optional..).ok_or(NoSegment::Damaged)?;
    match (version, protocol) {
        _ if flags & ROUTING != 0 => Err(NoSegment::Inside("GRE")),
        (0, TRANSPARENT_ETHERNET) => ethernet(payload),
        (0, number) => Ok(of_type(number, payload)),
        // A packet that only acknowledges has no payload.
        (1, PPP) if payload.is_empty() => Err(NoSegment::OtherProtocol),
        (1, PPP) => ppp(payload, "GRE"),
        _ => Err(NoSegment::Inside("GRE")),
    }
}

/// An Ethernet frame in UDP ([RFC 7348, section 5](https://www.rfc-editor.org/rfc/rfc7348#section-5)).
fn vxlan(datagram: &[u8]) -> Result<Inside<'_>, NoSegment> {
    const PORT: u16 = 4789;
    const HAS_NETWORK: u8 = 0x08;
    // One that is cut may be any datagram.
    let udp = UdpSlice::from_slice_lax(datagram).map_err(|_| NoSegment::OtherProtocol)?;
    if udp.destination_port() != PORT {
        return Err(NoSegment::OtherProtocol);
    }
    let (header, frame) = split::<8>(udp.payload())?;
    if header[0] & HAS_NETWORK == 0 {
        return Err(NoSegment::Inside("VXLAN"));
    }
    ethernet(frame)
}
