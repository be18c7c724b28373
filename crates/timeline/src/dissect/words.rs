//! Values in words.

use crate::words::{amount, data_text};

pub(super) fn on(value: u64) -> &'static str {
    if value == 1 { "yes" } else { "no" }
}

pub(super) fn set(value: u64) -> &'static str {
    if value == 1 { "set" } else { "not set" }
}

pub(super) fn mac(address: &[u8]) -> &'static str {
    match address {
        [0, 0, 0, 0, 0, 0] => "the loopback interface has no address of its own",
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => "all hosts on the link",
        [first, ..] if first & 1 == 1 => "a group of hosts",
        [first, ..] if first & 2 == 2 => "chosen on the host itself",
        _ => "given by the maker of the interface",
    }
}

pub(super) fn ether_type(number: u64) -> &'static str {
    match number {
        0x0800 => "IPv4",
        0x0806 => "ARP",
        0x8100 | 0x88a8 | 0x9100 => "a VLAN tag",
        0x86dd => "IPv6",
        0x8847 | 0x8848 => "MPLS",
        0x8864 => "PPPoE",
        0..0x600 => "a length: the frame is of IEEE 802.3",
        _ => "another protocol",
    }
}

pub(super) fn sll_direction(number: u64) -> &'static str {
    match number {
        0 => "to this host",
        1 => "to all hosts",
        2 => "to a group of hosts",
        3 => "between other hosts",
        4 => "sent by this host",
        _ => "not known",
    }
}

pub(super) fn arp_hardware(number: u64) -> &'static str {
    match number {
        1 => "Ethernet",
        512 => "PPP",
        772 => "loopback",
        65534 => "no header of a link",
        _ => "another kind",
    }
}

/// Names of the IANA registry of protocol numbers.
pub(super) fn protocol(number: u64) -> &'static str {
    match number {
        0 => "hop-by-hop options",
        1 => "ICMP",
        4 => "IPv4",
        6 => "TCP",
        17 => "UDP",
        41 => "IPv6",
        43 => "a routing header",
        44 => "a fragment",
        47 => "GRE",
        51 => "an authentication header",
        58 => "ICMPv6",
        59 => "nothing",
        60 => "destination options",
        137 => "MPLS",
        _ => "another protocol",
    }
}

pub(super) fn dscp(value: u64) -> String {
    match value {
        0 => "default".to_owned(),
        46 => "expedited forwarding".to_owned(),
        // RFC 2474, section 4.2.2: the three high bits.
        _ if value.is_multiple_of(8) => format!("class {}", value / 8),
        _ => "a class of its own".to_owned(),
    }
}

pub(super) fn ecn(value: u64) -> &'static str {
    match value {
        0 => "routers may not mark it",
        1 => "routers may mark it, ECT(1)",
        2 => "routers may mark it, ECT(0)",
        _ => "a router has marked it: congestion",
    }
}

/// RFC 6335, section 6.
pub(super) fn port(number: u64) -> &'static str {
    match number {
        0..1024 => "a system port",
        1024..49152 => "a user port",
        _ => "a dynamic port",
    }
}

/// A number of a stream, counted from the SYN.
pub(super) fn relative(number: u64, first: u32) -> String {
    // A sequence number has 32 bits.
    let relative = u32::try_from(number).unwrap_or_default().wrapping_sub(first);
    format!("relative {relative}")
}

pub(super) fn scaled_window(field: u64, window: Option<u32>, is_syn: bool) -> String {
    match window {
        _ if is_syn => format!("{field} bytes: a window in a SYN is never scaled"),
        Some(bytes) if u64::from(bytes) != field && field > 0 => {
            format!("{bytes} bytes: {field} times {}", u64::from(bytes) / field)
        }
        Some(bytes) => format!("{bytes} bytes"),
        None => "the handshake says by what it is multiplied".to_owned(),
    }
}

/// Names of the IANA registry of TCP option kinds.
pub(super) fn option_kind(kind: u64) -> &'static str {
    match kind {
        2 => "Maximum Segment Size",
        3 => "Window Scale",
        4 => "SACK-Permitted",
        5 => "SACK",
        8 => "Timestamps",
        19 => "MD5 Signature",
        28 => "User Timeout",
        29 => "TCP-AO",
        30 => "Multipath TCP",
        34 => "TCP Fast Open",
        172 | 174 => "Accurate ECN",
        253 | 254 => "an experiment",
        _ => "not known here",
    }
}

/// So many bytes of data are said in words. The frame itself has them all.
const DATA_SHOWN: usize = 64;

pub(super) fn data(bytes: &[u8], missing: usize) -> String {
    let count = amount(bytes.len(), "byte", "bytes");
    let text = data_text(bytes, bytes.len() as u64, DATA_SHOWN);
    match missing {
        0 => format!("{count}: {text}"),
        _ => format!("{count}: {text}; {missing} more were not captured"),
    }
}

/// What a checksum of IP adds up (RFC 1071): words of two bytes, with carries coming round.
pub fn sum(parts: &[&[u8]]) -> u16 {
    let sum_of = |part: &&[u8]| {
        let (words, rest) = part.as_chunks::<2>();
        let words = words.iter().map(|word| u64::from(u16::from_be_bytes(*word)));
        words.sum::<u64>() + rest.first().map_or(0, |last| u64::from(*last) << 8)
    };
    let mut total: u64 = parts.iter().map(sum_of).sum();
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    // It is not more than 16 bits by now.
    total as u16
}

pub(super) fn checksum_of_header(header: Option<&[u8]>) -> &'static str {
    let Some(header) = header.filter(|header| header.len() >= 20) else {
        return "not checked: the header is cut";
    };
    match (sum(&[header]), &header[10..12]) {
        (0xffff, _) => "correct",
        (_, [0, 0]) => "not filled in",
        _ => "wrong: the header was damaged, or changed",
    }
}

/// What the checksum of a segment is: correct, wrong, or left for a network card to finish.
pub(super) fn checksum_of_segment(addresses: &[u8], segment: Option<&[u8]>) -> &'static str {
    const PROTOCOL: u8 = 6;
    let Some(segment) = segment else {
        return "not checked: not all of the segment was captured";
    };
    let Ok(length) = u32::try_from(segment.len()) else {
        return "not checked: the segment is too long";
    };
    let length = length.to_be_bytes();
    // The pseudo header of RFC 9293, section 3.1; its zeros add nothing.
    let pseudo: [&[u8]; 3] = [addresses, &length, &[0, PROTOCOL]];
    let field = segment
        .get(16..18)
        .map(|field| u16::from_be_bytes([field[0], field[1]]));
    if sum(&[pseudo[0], pseudo[1], pseudo[2], segment]) == 0xffff {
        return "correct";
    }
    if field == Some(sum(&pseudo)) {
        return "partial: only the addresses, the protocol and the length are added up. The rest is left to the \
                network card, and the loopback interface has none";
    }
    "wrong: the segment was damaged, or was to be finished elsewhere"
}
