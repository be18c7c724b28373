//! The kinds of link that captures come from, and why a frame has no segment.

use std::fmt;

/// So many tunnels are followed: a hostile frame could hold thousands.
pub(super) const MOST_TUNNELS: usize = 8;

/// Why a frame has no segment on the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NoSegment {
    /// It holds another protocol than TCP.
    OtherProtocol,
    /// It holds a fragment of an IP packet, of which others are missing, or cut.
    Fragment,
    /// An EtherType that is not decoded, which may hold anything.
    EtherType(u16),
    /// Something else than a packet or a frame in this tunnel.
    Inside(&'static str),
    /// There are more tunnels inside each other than are followed.
    TooDeep,
    /// A header is cut or contradicts itself.
    Damaged,
    /// A kind of link that is not decoded.
    Link(LinkType),
}

impl fmt::Display for NoSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoSegment::OtherProtocol => f.write_str("without TCP or in a tunnel that is not opened"),
            NoSegment::Fragment => f.write_str("not decoded: fragments of IP packets of which not all are there"),
            NoSegment::EtherType(number) => write!(f, "not decoded: EtherType 0x{number:04x}"),
            NoSegment::Inside(tunnel) => write!(f, "not decoded: no packet that we know inside {tunnel}"),
            NoSegment::TooDeep => write!(f, "not decoded: more than {MOST_TUNNELS} tunnels inside each other"),
            NoSegment::Damaged => f.write_str("not decoded: a header is cut or contradicts itself"),
            NoSegment::Link(link_type) => write!(f, "of link type {link_type}"),
        }
    }
}

/// The kind of link that frames were captured on
/// ([its registered numbers](https://www.tcpdump.org/linktypes.html)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// Ethernet.
    pub const ETHERNET: LinkType = LinkType(1);
    /// Words for Wireshark: calls and states stand so in files of this crate.
    pub const UPPER_PDU: LinkType = LinkType(252);

    pub(crate) const NULL: u16 = 0;
    pub(crate) const ETHERNET_NUMBER: u16 = LinkType::ETHERNET.0;
    /// What systems call raw IP among themselves. Files should say 101, and some say these.
    const RAW_OF_BSD: u16 = 12;
    const RAW_OF_OPENBSD: u16 = 14;
    const RAW: u16 = 101;
    pub(crate) const LOOP: u16 = 108;
    pub(crate) const LINUX_SLL: u16 = 113;
    const IPV4: u16 = 228;
    const IPV6: u16 = 229;
    pub(crate) const LINUX_SLL2: u16 = 276;

    /// True if [`Segment::from_frame`](super::Segment::from_frame) finds segments on such a link.
    pub fn is_decoded(self) -> bool {
        matches!(
            self.0,
            LinkType::NULL
                | LinkType::ETHERNET_NUMBER
                | LinkType::RAW_OF_BSD
                | LinkType::RAW_OF_OPENBSD
                | LinkType::RAW
                | LinkType::LOOP
                | LinkType::LINUX_SLL
                | LinkType::IPV4
                | LinkType::IPV6
                | LinkType::LINUX_SLL2
        )
    }
}

/// Which IP an address family is. That of IPv6 differs from system to system.
pub(crate) fn family(number: u32) -> Option<&'static str> {
    match number {
        2 => Some("IPv4"),
        10 | 24 | 28 | 30 => Some("IPv6"),
        _ => None,
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            LinkType::NULL => "NULL",
            LinkType::ETHERNET_NUMBER => "ETHERNET",
            9 => "PPP",
            LinkType::RAW => "RAW",
            105 => "IEEE802_11",
            LinkType::LOOP => "LOOP",
            LinkType::LINUX_SLL => "LINUX_SLL",
            127 => "IEEE802_11_RADIOTAP",
            189 => "USB_LINUX",
            201 => "BLUETOOTH_HCI_H4_WITH_PHDR",
            220 => "USB_LINUX_MMAPPED",
            LinkType::IPV4 => "IPV4",
            LinkType::IPV6 => "IPV6",
            239 => "NFLOG",
            252 => "WIRESHARK_UPPER_PDU",
            253 => "NETLINK",
            LinkType::LINUX_SLL2 => "LINUX_SLL2",
            u16::MAX => return f.write_str("none"),
            other => return write!(f, "{other}"),
        };
        write!(f, "{} ({name})", self.0)
    }
}
