//! IP packets that came in fragments, put together
//! ([RFC 791, section 3.2](https://www.rfc-editor.org/rfc/rfc791#section-3.2),
//! [RFC 8200, section 4.5](https://www.rfc-editor.org/rfc/rfc8200#section-4.5)).

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use etherparse::defrag::{IpDefragBuf, IpFragRange};
use etherparse::{IpNumber, Ipv6ExtensionSlice, LaxIpSlice, TcpSlice};

use super::layers::fragment;
use super::link_type::{LinkType, NoSegment};
use super::segment::{Segment, addressed, marks, segment};

/// So many packets are waited for at a time. Each takes at most what a packet can be long.
const MOST: usize = 64;

/// Frames are decoded, and fragments put together on the way.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    /// Packets of which something is missing, and those that are whole, the oldest first.
    packets: VecDeque<Packet>,
    /// So many fragments are of packets that were given up.
    lost: u64,
}

#[derive(Debug)]
struct Packet {
    key: Key,
    bytes: IpDefragBuf,
    count: u16,
}

impl Packet {
    /// True if it has these very bytes there: what brings them was captured twice.
    fn has(&self, from: usize, bytes: &[u8]) -> bool {
        let place = from..from + bytes.len();
        let holds = |known: &IpFragRange| usize::from(known.start) <= place.start && place.end <= known.end.into();
        self.bytes.sections().iter().any(holds) && self.bytes.data().get(place.clone()) == Some(bytes)
    }

    /// How many fragments are all that is there of it.
    fn alone(&self) -> u64 {
        u64::from(self.count) * u64::from(!self.bytes.is_complete())
    }
}

/// What the fragments of a packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    addresses: [IpAddr; 2],
    id: u32,
}

impl Fragments {
    /// The segment of a frame, with no more than `most` bytes of its payload. Of a packet in fragments that is the
    /// segment of all, with the frame that completes it.
    ///
    /// # Errors
    ///
    /// Why there is none, and no error but `None` of a fragment that others may follow.
    pub fn segment(
        &mut self,
        link_type: LinkType,
        frame: &[u8],
        wire_len: u32,
        most: usize,
    ) -> Result<Option<Segment>, NoSegment> {
        let decoded = Segment::with_payload(link_type, frame, wire_len, most);
        if decoded.as_ref().err() != Some(&NoSegment::Fragment) {
            return decoded.map(Some);
        }
        let fragment = fragment(link_type, frame).ok_or(NoSegment::Fragment)?;
        let (addresses, _) = addressed(&fragment, frame, wire_len).ok_or(NoSegment::Damaged)?;
        let (id, offset, more) = match &fragment {
            LaxIpSlice::Ipv4(ip) => {
                let header = ip.header();
                (
                    u32::from(header.identification()),
                    header.fragments_offset(),
                    header.more_fragments(),
                )
            }
            LaxIpSlice::Ipv6(ip) => ip
                .extensions()
                .clone()
                .into_iter()
                .find_map(|extension| match extension {
                    Ipv6ExtensionSlice::Fragment(header) => Some((
                        header.identification(),
                        header.fragment_offset(),
                        header.more_fragments(),
                    )),
                    _ => None,
                })
                .ok_or(NoSegment::Fragment)?,
        };
        let key = Key { addresses, id };
        let payload = fragment.payload().payload;
        let place = self.packets.iter().position(|packet| packet.key == key);
        if place.is_some_and(|place| self.packets[place].has(offset.byte_offset().into(), payload)) {
            return Ok(None);
        }
        let known = place.and_then(|place| self.packets.remove(place));
        // Another packet may have the number of one that is whole.
        let mut packet = known.filter(|known| !known.bytes.is_complete()).unwrap_or(Packet {
            key,
            bytes: IpDefragBuf::new(IpNumber::TCP, Vec::new(), Vec::new()),
            count: 0,
        });
        packet.count = packet.count.saturating_add(1);
        // One that the capture cut does not fit the next.
        if packet.bytes.add(offset, more, payload).is_err() {
            self.lost += u64::from(packet.count) - 1;
            return Err(NoSegment::Fragment);
        }
        let whole = packet.bytes.is_complete().then(|| {
            let bytes = packet.bytes.data();
            let tcp = TcpSlice::from_slice(bytes).ok();
            let decoded = tcp.and_then(|tcp| segment(addresses, bytes.len(), &tcp, tcp.options(), most));
            decoded.ok_or(NoSegment::Damaged).map(|decoded| Segment {
                ip: marks(&fragment),
                fragments: packet.count,
                ..decoded
            })
        });
        if self.packets.len() == MOST
            && let Some(oldest) = self.packets.pop_front()
        {
            self.lost += oldest.alone();
        }
        self.packets.push_back(packet);
        whole.transpose()
    }

    /// Adds those that were not put together to what has no segment.
    pub fn count_into(&self, undecoded: &mut BTreeMap<NoSegment, u64>) {
        let alone = self.lost + self.packets.iter().map(Packet::alone).sum::<u64>();
        if alone > 0 {
            *undecoded.entry(NoSegment::Fragment).or_default() += alone;
        }
    }

    /// True if none has come.
    pub fn is_empty(&self) -> bool {
        self.lost == 0 && self.packets.is_empty()
    }
}
