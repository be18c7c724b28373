//! A TCP segment decoded from a captured frame.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TcpOptionElement, TcpSlice, TransportSlice};

/// What a captured frame says about TCP, with the numbers that are on the wire
/// ([RFC 9293, section 3.1](https://www.rfc-editor.org/rfc/rfc9293#section-3.1)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Sender.
    pub source: SocketAddr,
    /// Receiver.
    pub destination: SocketAddr,
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
    pub payload: Vec<u8>,
    /// The options that the timeline uses.
    pub options: SegmentOptions,
}

/// TCP options of a segment ([RFC 9293, section 3.2](https://www.rfc-editor.org/rfc/rfc9293#section-3.2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentOptions {
    /// Maximum segment size, in bytes.
    pub mss: Option<u16>,
    /// Window scale: the shift to apply to later windows (RFC 7323).
    pub window_scale: Option<u8>,
    /// Selective acknowledgments are understood (RFC 2018).
    pub sack_permitted: bool,
    /// Timestamp value and echo reply (RFC 7323).
    pub timestamps: Option<(u32, u32)>,
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
    /// Decodes an Ethernet frame. `None` if it holds no whole TCP header over IPv4 or IPv6.
    ///
    /// A frame cut short by the capture's limit is decoded as far as it goes: `len` is computed
    /// from the IP header, `payload` holds what is there.
    pub fn from_ethernet(frame: &[u8]) -> Option<Segment> {
        Segment::from_slices(&LaxSlicedPacket::from_ethernet(frame).ok()?)
    }

    fn from_slices(packet: &LaxSlicedPacket<'_>) -> Option<Segment> {
        let (source, destination, announced) = match packet.net.as_ref()? {
            LaxNetSlice::Ipv4(ip) => {
                let header = ip.header();
                let payload = usize::from(header.total_len()).checked_sub(header.slice().len())?;
                (
                    IpAddr::from(header.source_addr()),
                    IpAddr::from(header.destination_addr()),
                    payload,
                )
            }
            LaxNetSlice::Ipv6(ip) => {
                let header = ip.header();
                let payload = usize::from(header.payload_length()).checked_sub(ip.extensions().slice().len())?;
                (
                    IpAddr::from(header.source_addr()),
                    IpAddr::from(header.destination_addr()),
                    payload,
                )
            }
            _ => return None,
        };
        let Some(TransportSlice::Tcp(tcp)) = packet.transport.as_ref() else {
            return None;
        };
        Some(Segment {
            source: SocketAddr::new(source, tcp.source_port()),
            destination: SocketAddr::new(destination, tcp.destination_port()),
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            flags: flags_of(tcp),
            window: tcp.window_size(),
            len: u32::try_from(announced.checked_sub(tcp.header_slice().len())?).ok()?,
            payload: tcp.payload().to_vec(),
            options: options_of(tcp),
        })
    }
}

fn flags_of(tcp: &TcpSlice<'_>) -> Flags {
    // The flags are the low nine bits of the header's bytes 12 and 13.
    let header = tcp.header_slice();
    Flags(u16::from_be_bytes([header[12], header[13]]) & 0x1ff)
}

fn options_of(tcp: &TcpSlice<'_>) -> SegmentOptions {
    let mut options = SegmentOptions::default();
    // An option that cannot be read ends the list, as it does for a receiver.
    for option in tcp.options_iterator().map_while(Result::ok) {
        match option {
            TcpOptionElement::MaximumSegmentSize(mss) => options.mss = Some(mss),
            TcpOptionElement::WindowScale(shift) => options.window_scale = Some(shift),
            TcpOptionElement::SelectiveAcknowledgementPermitted => options.sack_permitted = true,
            TcpOptionElement::Timestamp(value, echo) => options.timestamps = Some((value, echo)),
            _ => {}
        }
    }
    options
}
