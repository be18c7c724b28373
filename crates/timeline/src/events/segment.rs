//! A TCP segment decoded from a captured frame.

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use etherparse::{
    IpNumber, LaxIpPayloadSlice, LaxIpSlice, TcpOptionElement, TcpOptionReadError, TcpOptionsIterator, TcpSlice,
};

use super::bytes::Bytes;
use super::layers::innermost;
use super::link_type::{LinkType, NoSegment};

/// What a captured frame says about TCP, with the numbers that are on the wire
/// ([RFC 9293, section 3.1](https://www.rfc-editor.org/rfc/rfc9293#section-3.1)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Sender and receiver.
    pub ends: Ends,
    /// Sequence number, absolute.
    pub seq: u32,
    /// Acknowledgment number, absolute; means something only with the ACK flag.
    pub ack: u32,
    /// Control bits.
    pub flags: Flags,
    /// The window field, not scaled.
    pub window: u16,
    /// Bytes of data on the wire, whether captured or not.
    pub len: u32,
    /// The data, as far as it was captured.
    pub payload: Bytes,
    /// The options that the timeline uses.
    pub options: SegmentOptions,
    /// What the IP header says of the packet as one of many.
    pub ip: IpMarks,
    /// In so many IP fragments it came; 0 if in none. The frame is that of the last that came.
    pub fragments: u16,
}

/// The addresses of a segment, in a quarter of the room that they take side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Of IPv4.
    V4([SocketAddrV4; 2]),
    /// Of IPv6.
    V6(Box<[SocketAddr; 2]>),
}

impl From<[SocketAddr; 2]> for Ends {
    fn from(ends: [SocketAddr; 2]) -> Ends {
        match ends {
            [SocketAddr::V4(source), SocketAddr::V4(destination)] => Ends::V4([source, destination]),
            _ => Ends::V6(Box::new(ends)),
        }
    }
}

/// What tells a packet from others of its sender, and how far it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpMarks {
    /// The time to live, or of IPv6 the hop limit: each router on the way takes 1.
    pub hops_left: u8,
    /// The identification of IPv4. `None` of IPv6, which has none, and where it is 0, as many systems have it in all that
    /// must not be fragmented ([RFC 6864](https://www.rfc-editor.org/rfc/rfc6864)).
    pub id: Option<u16>,
}

/// TCP options of a segment ([RFC 9293, section 3.2](https://www.rfc-editor.org/rfc/rfc9293#section-3.2)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentOptions {
    /// Timestamp value and echo reply (RFC 7323).
    pub timestamps: Option<(u32, u32)>,
    /// Those that a SYN has, or that tell of a loss: most segments have none of them.
    pub rare: Option<Box<RareOptions>>,
    /// There is an option of another kind, such as Multipath TCP's (RFC 8684).
    pub others: bool,
    /// The capture has cut some of the options off.
    pub cut: bool,
}

/// TCP options that few segments have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RareOptions {
    /// Maximum segment size, in bytes.
    pub mss: Option<u16>,
    /// Window scale: the shift to apply to later windows (RFC 7323).
    pub window_scale: Option<u8>,
    /// Selective acknowledgments are understood (RFC 2018).
    pub sack_permitted: bool,
    /// Blocks of data that have come out of order, or twice (RFC 2018, RFC 2883): the first byte of
    /// each and the one after its last, absolute. An option has room for four.
    pub sack: Vec<(u32, u32)>,
    /// Data in the SYN is offered or asked for (RFC 7413).
    pub fast_open: bool,
}

impl SegmentOptions {
    /// The blocks of the SACK option, in its order.
    pub fn sack_blocks(&self) -> impl Iterator<Item = (u32, u32)> {
        self.rare.iter().flat_map(|rare| &rare.sack).copied()
    }
}

/// The control bits of a TCP header.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flags(pub u16);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Flags = Flags(0x001);
    /// Synchronize sequence numbers: the start of a connection.
    pub const SYN: Flags = Flags(0x002);
    /// Reset the connection.
    pub const RST: Flags = Flags(0x004);
    /// Push: hand the data to the application.
    pub const PSH: Flags = Flags(0x008);
    /// The acknowledgment number counts.
    pub const ACK: Flags = Flags(0x010);
    /// The urgent pointer counts.
    pub const URG: Flags = Flags(0x020);

    /// True if all bits of `other` are set.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for Flags {
    type Output = Flags;
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// The names in Wireshark's order, separated by commas: `PSH,ACK`.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 9] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"];
        let set: Vec<&str> = (0..NAMES.len())
            .filter(|bit| self.0 & (1 << bit) != 0)
            .map(|bit| NAMES[bit])
            .collect();
        f.pad(&set.join(","))
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Segment {
    /// True if its bytes begin with a record of a handshake of TLS
    /// ([RFC 8446, section 5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1)).
    pub(crate) fn begins_tls(&self) -> bool {
        matches!(self.payload[..], [22, 3, 0..=4, ..])
    }

    /// Sender.
    pub fn source(&self) -> SocketAddr {
        match &self.ends {
            Ends::V4([source, _]) => (*source).into(),
            Ends::V6(ends) => ends[0],
        }
    }

    /// Receiver.
    pub fn destination(&self) -> SocketAddr {
        match &self.ends {
            Ends::V4([_, destination]) => (*destination).into(),
            Ends::V6(ends) => ends[1],
        }
    }

    /// Decodes an Ethernet frame that was captured whole: see [`from_frame`](Self::from_frame).
    pub fn from_ethernet(frame: &[u8]) -> Option<Segment> {
        let wire_len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        Segment::from_frame(LinkType::ETHERNET, frame, wire_len)
    }

    /// Decodes a frame of a kind of link; `wire_len` is its length on the wire. `None` if there is no
    /// TCP header in it up to its window: see [`decode`](Self::decode).
    pub fn from_frame(link_type: LinkType, frame: &[u8], wire_len: u32) -> Option<Segment> {
        Segment::decode(link_type, frame, wire_len).ok()
    }

    /// Decodes a frame of a kind of link; `wire_len` is its length on the wire. Looks behind VLAN tags
    /// and into the tunnels that IP is in: MPLS, PPPoE, GRE, VXLAN, IP in IP.
    ///
    /// A frame cut short by the capture's limit is decoded as far as it goes: `len` is computed
    /// from the IP header, `payload` and `options` hold what is there. Where the frame is longer than
    /// the IP packet, as Ethernet's padding makes it, or says that it is shorter, IP's length counts.
    ///
    /// # Errors
    ///
    /// Why there is no segment.
    pub fn decode(link_type: LinkType, frame: &[u8], wire_len: u32) -> Result<Segment, NoSegment> {
        Segment::with_payload(link_type, frame, wire_len, usize::MAX)
    }

    /// The same with no more than `most` bytes of the payload.
    pub(crate) fn with_payload(
        link_type: LinkType,
        frame: &[u8],
        wire_len: u32,
        most: usize,
    ) -> Result<Segment, NoSegment> {
        let packet = innermost(link_type, frame)?;
        let decode = || {
            let (addresses, announced) = addressed(&packet, frame, wire_len)?;
            let decoded = if let Ok(tcp) = TcpSlice::from_slice(packet.payload().payload) {
                segment(addresses, announced, &tcp, tcp.options(), most)?
            } else {
                let (header, captured) = cut_header(packet.payload())?;
                let tcp = TcpSlice::from_slice(&header[..captured.header_len]).ok()?;
                let mut decoded = segment(addresses, announced, &tcp, captured.options, most)?;
                decoded.options.cut = true;
                decoded
            };
            Some(Segment {
                ip: marks(&packet),
                ..decoded
            })
        };
        decode().ok_or(NoSegment::Damaged)
    }
}

/// The two addresses of an IP packet, and how many bytes it announces behind its headers.
pub(super) fn addressed(packet: &LaxIpSlice<'_>, frame: &[u8], wire_len: u32) -> Option<([IpAddr; 2], usize)> {
    // Behind a header that announces nothing the packet goes on to the end of the frame: Linux
    // hands out packets longer than the field can say (segmentation offload) with 0 in it.
    let to_the_end = |header: &[u8]| {
        let before = header.as_ptr().addr() - frame.as_ptr().addr() + header.len();
        (wire_len as usize).checked_sub(before)
    };
    match packet {
        LaxIpSlice::Ipv4(ip) => {
            let header = ip.header();
            let announced = match usize::from(header.total_len()) {
                0 => to_the_end(header.slice())?,
                total => total.checked_sub(header.slice().len())?,
            };
            let extensions = ip.extensions().auth.map_or(0, |auth| auth.slice().len());
            let addresses = [header.source_addr().into(), header.destination_addr().into()];
            Some((addresses, announced.checked_sub(extensions)?))
        }
        LaxIpSlice::Ipv6(ip) => {
            let header = ip.header();
            let announced = match usize::from(header.payload_length()) {
                0 => to_the_end(header.slice())?,
                announced => announced,
            };
            let addresses = [header.source_addr().into(), header.destination_addr().into()];
            Some((addresses, announced.checked_sub(ip.extensions().slice().len())?))
        }
    }
}

pub(super) fn marks(packet: &LaxIpSlice<'_>) -> IpMarks {
    match packet {
        LaxIpSlice::Ipv4(ip) => IpMarks {
            hops_left: ip.header().ttl(),
            id: Some(ip.header().identification()).filter(|id| *id != 0),
        },
        LaxIpSlice::Ipv6(ip) => IpMarks {
            hops_left: ip.header().hop_limit(),
            id: None,
        },
    }
}

/// The longest TCP header: its length field counts words of four bytes in four bits.
const LONGEST_HEADER: usize = 60;

/// What was captured of a TCP header.
struct CutHeader<'a> {
    header_len: usize,
    options: &'a [u8],
}

/// A TCP header that the capture has cut behind its window, filled up with zeros.
fn cut_header<'a>(ip: &LaxIpPayloadSlice<'a>) -> Option<([u8; LONGEST_HEADER], CutHeader<'a>)> {
    /// Up to the window. Checksum and urgent pointer follow, then the options.
    const LEAST: usize = 16;
    const FIXED: usize = 20;
    if ip.ip_number != IpNumber::TCP || ip.fragmented {
        return None;
    }
    let options = ip.payload.get(FIXED..).unwrap_or_default();
    let header_len = usize::from(ip.payload.get(12)? >> 4) * 4;
    if header_len <= ip.payload.len() || ip.payload.len() < LEAST {
        return None;
    }
    let mut header = [0; LONGEST_HEADER];
    header[..ip.payload.len()].copy_from_slice(ip.payload);
    Some((header, CutHeader { header_len, options }))
}

pub(super) fn segment(
    [source, destination]: [IpAddr; 2],
    announced: usize,
    tcp: &TcpSlice<'_>,
    options: &[u8],
    most: usize,
) -> Option<Segment> {
    let payload = tcp.payload();
    let ends = [(source, tcp.source_port()), (destination, tcp.destination_port())];
    Some(Segment {
        ends: ends.map(SocketAddr::from).into(),
        seq: tcp.sequence_number(),
        ack: tcp.acknowledgment_number(),
        flags: flags_of(tcp),
        window: tcp.window_size(),
        len: u32::try_from(announced.checked_sub(tcp.header_slice().len())?).ok()?,
        payload: Bytes::from_slice(&payload[..payload.len().min(most)]),
        options: options_of(options),
        ip: IpMarks::default(),
        fragments: 0,
    })
}

fn flags_of(tcp: &TcpSlice<'_>) -> Flags {
    // The flags are the low nine bits of the header's bytes 12 and 13.
    let header = tcp.header_slice();
    Flags(u16::from_be_bytes([header[12], header[13]]) & 0x1ff)
}

fn options_of(slice: &[u8]) -> SegmentOptions {
    let mut options = SegmentOptions::default();
    let mut iterator = TcpOptionsIterator::from_slice(slice);
    loop {
        let rest = iterator.rest();
        match iterator.next() {
            Some(Ok(option)) => take(&mut options, option),
            // One that is not known here has its length behind its kind, and others may follow.
            Some(Err(TcpOptionReadError::UnknownId(kind))) => {
                match kind {
                    FAST_OPEN => options.rare.get_or_insert_default().fast_open = true,
                    _ => options.others = true,
                }
                let length = rest.get(1).copied().map_or(0, usize::from);
                match rest.get(length..).filter(|_| length >= 2) {
                    Some(rest) => iterator = TcpOptionsIterator::from_slice(rest),
                    None => return options,
                }
            }
            // An option that cannot be read ends the list, as it does for a receiver.
            Some(Err(_)) | None => return options,
        }
    }
}

/// The kind of the TCP Fast Open cookie option (RFC 7413, section 4.1.1).
const FAST_OPEN: u8 = 34;

fn take(options: &mut SegmentOptions, option: TcpOptionElement) {
    let rare = &mut options.rare;
    match option {
        TcpOptionElement::MaximumSegmentSize(mss) => rare.get_or_insert_default().mss = Some(mss),
        TcpOptionElement::WindowScale(shift) => rare.get_or_insert_default().window_scale = Some(shift),
        TcpOptionElement::SelectiveAcknowledgementPermitted => rare.get_or_insert_default().sack_permitted = true,
        TcpOptionElement::Timestamp(value, echo) => options.timestamps = Some((value, echo)),
        TcpOptionElement::SelectiveAcknowledgement(first, others) => {
            rare.get_or_insert_default().sack = [first].into_iter().chain(others.into_iter().flatten()).collect();
        }
        TcpOptionElement::Noop => {}
    }
}
