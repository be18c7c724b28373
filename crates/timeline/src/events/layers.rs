//! The way from a frame to the IP packet with the TCP segment, through whatever is wrapped around it.
//!
//! etherparse reads Ethernet, VLAN tags, IP and UDP. The tunnels are read here: each is a short header
//! in front of a packet or a frame.

use etherparse::{EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, TransportSlice};

use super::link_type::{LinkType, MOST_TUNNELS, NoSegment};

/// So many MPLS labels, and VLAN tags beyond those that etherparse takes.
const MOST_LABELS: usize = 16;

/// The innermost packet of a frame, which holds TCP, as far as its headers can be read.
pub(crate) fn innermost(link_type: LinkType, frame: &[u8]) -> Result<LaxSlicedPacket<'_>, NoSegment> {
    let mut packet = link_type.slice(frame)?;
    for _ in 0..=MOST_TUNNELS {
        match inside(&packet)? {
            Some(inner) => packet = inner,
            None => return Ok(packet),
        }
    }
    Err(NoSegment::TooDeep)
}

/// The innermost packet of a frame, if that is a fragment of a packet with TCP.
pub(crate) fn fragment(link_type: LinkType, frame: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    let mut packet = link_type.slice(frame).ok()?;
    for _ in 0..=MOST_TUNNELS {
        match inside(&packet) {
            Ok(inner) => packet = inner?,
            Err(NoSegment::Fragment) => {
                let payload = packet.net.as_ref()?.ip_payload_ref()?;
                return (payload.ip_number == IpNumber::TCP).then_some(packet);
            }
            Err(_) => return None,
        }
    }
    None
}

/// What is in the tunnel that a packet is; `None` if it holds TCP.
fn inside<'a>(packet: &LaxSlicedPacket<'a>) -> Result<Option<LaxSlicedPacket<'a>>, NoSegment> {
    let payload = match &packet.net {
        Some(LaxNetSlice::Arp(_)) => return Err(NoSegment::OtherProtocol),
        Some(net) => net.ip_payload_ref().ok_or(NoSegment::Damaged)?,
        None => return ethernet_payload(packet).map(Some),
    };
    let tunnel = match payload.ip_number {
        IpNumber::TCP if payload.fragmented => return Err(NoSegment::Fragment),
        IpNumber::TCP => return Ok(None),
        IpNumber::IPV4 | IpNumber::IPV6 => ip,
        IpNumber::GRE => gre,
        IpNumber::MPLS_IN_IP => mpls,
        IpNumber::UDP => return vxlan(packet).map(Some),
        _ => return Err(NoSegment::OtherProtocol),
    };
    if payload.fragmented {
        return Err(NoSegment::Fragment);
    }
    tunnel(payload.payload).map(Some)
}

fn ip(packet: &[u8]) -> Result<LaxSlicedPacket<'_>, NoSegment> {
    LaxSlicedPacket::from_ip(packet).map_err(|_| NoSegment::Damaged)
}

fn ethernet(frame: &[u8]) -> Result<LaxSlicedPacket<'_>, NoSegment> {
    LaxSlicedPacket::from_ethernet(frame).map_err(|_| NoSegment::Damaged)
}

/// Splits a header off.
fn split<const N: usize>(data: &[u8]) -> Result<(&[u8; N], &[u8]), NoSegment> {
    data.split_first_chunk().ok_or(NoSegment::Damaged)
}

/// What a frame holds in which etherparse finds no packet.
fn ethernet_payload<'a>(packet: &LaxSlicedPacket<'a>) -> Result<LaxSlicedPacket<'a>, NoSegment> {
    let payload = packet.ether_payload().ok_or(NoSegment::Damaged)?;
    ether_type(payload.ether_type, payload.payload)
}

const IPV4: u16 = EtherType::IPV4.0;
const IPV6: u16 = EtherType::IPV6.0;
/// Tags of IEEE 802.1Q, of which etherparse takes three.
const VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// EtherTypes below are lengths (IEEE 802.3, section 3.2.6).
const LEAST_ETHER_TYPE: u16 = 0x600;

fn ether_type(number: EtherType, payload: &[u8]) -> Result<LaxSlicedPacket<'_>, NoSegment> {
    const MPLS: [u16; 2] = [0x8847, 0x8848];
    const PPPOE_SESSION: u16 = 0x8864;
    match number.0 {
        IPV4 | IPV6 => ip(payload),
        // It was looked behind already, if it was whole.
        0x0806 => Err(NoSegment::OtherProtocol),
        number if MPLS.contains(&number) => mpls(payload),
        PPPOE_SESSION => pppoe(payload),
        number if VLAN.contains(&number) => tagged(payload),
        number if number < LEAST_ETHER_TYPE => snap(payload),
        number => Err(NoSegment::EtherType(number)),
    }
}

/// Further VLAN tags: two bytes of priority and number, and the next EtherType.
fn tagged(mut payload: &[u8]) -> Result<LaxSlicedPacket<'_>, NoSegment> {
    for _ in 0..MOST_LABELS {
        let ([_, _, high, low], rest) = split(payload)?;
        payload = rest;
        let number = u16::from_be_bytes([*high, *low]);
        if !VLAN.contains(&number) {
            return ether_type(EtherType(number), payload);
        }
    }
    Err(NoSegment::TooDeep)
}

/// An EtherType behind a length: SNAP ([RFC 1042](https://www.rfc-editor.org/rfc/rfc1042)).
fn snap(payload: &[u8]) -> Result<LaxSlicedPacket<'_>, NoSegment> {
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
fn mpls(mut payload: &[u8]) -> Result<LaxSlicedPacket<'_>, NoSegment> {
    for _ in 0..MOST_LABELS {
        let ([_, _, third, _], rest) = split(payload)?;
        payload = rest;
        if third & 1 == 0 {
            continue;
        }
        let with_packet = |frame: &'_ [u8]| ethernet(frame).ok().is_some_and(|frame| frame.net.is_some());
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
fn pppoe(payload: &[u8]) -> Result<LaxSlicedPacket<'_>, NoSegment> {
    let ([version_and_type, code, _, _, _, _], payload) = split(payload)?;
    match (version_and_type, code) {
        (0x11, 0) => ppp(payload, "PPPoE"),
        _ => Err(NoSegment::Inside("PPPoE")),
    }
}

/// PPP: its address and control, which may be missing, and a protocol in two bytes or in one
/// ([RFC 1661, section 2](https://www.rfc-editor.org/rfc/rfc1661#section-2),
/// [RFC 1662, section 3.1](https://www.rfc-editor.org/rfc/rfc1662#section-3.1)).
fn ppp<'a>(payload: &'a [u8], tunnel: &'static str) -> Result<LaxSlicedPacket<'a>, NoSegment> {
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
fn gre(payload: &[u8]) -> Result<LaxSlicedPacket<'_>, NoSegment> {
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
        (0, number) => ether_type(EtherType(number), payload),
        // A packet that only acknowledges has no payload.
        (1, PPP) if payload.is_empty() => Err(NoSegment::OtherProtocol),
        (1, PPP) => ppp(payload, "GRE"),
        _ => Err(NoSegment::Inside("GRE")),
    }
}

/// An Ethernet frame in UDP ([RFC 7348, section 5](https://www.rfc-editor.org/rfc/rfc7348#section-5)).
fn vxlan<'a>(packet: &LaxSlicedPacket<'a>) -> Result<LaxSlicedPacket<'a>, NoSegment> {
    const PORT: u16 = 4789;
    const HAS_NETWORK: u8 = 0x08;
    let Some(TransportSlice::Udp(udp)) = &packet.transport else {
        // A fragment, or cut: it may be any datagram.
        return Err(NoSegment::OtherProtocol);
    };
    if udp.destination_port() != PORT {
        return Err(NoSegment::OtherProtocol);
    }
    let (header, frame) = split::<8>(udp.payload())?;
    if header[0] & HAS_NETWORK == 0 {
        return Err(NoSegment::Inside("VXLAN"));
    }
    ethernet(frame)
}
