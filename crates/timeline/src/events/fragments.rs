//! IP packets that came in fragments, put together
//! ([RFC 791, section 3.2](https://www.rfc-editor.org/rfc/rfc791#section-3.2),
//! [RFC 8200, section 4.5](https://www.rfc-editor.org/rfc/rfc8200#section-4.5)).

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use etherparse::{IpNumber, Ipv6ExtensionSlice, LaxIpSlice, TcpSlice, defrag::IpDefragBuf};

use super::layers::fragment;
use super::link_type::{LinkType, NoSegment};
use super::segment::{Segment, addressed, marks, segment};

/// So many packets are waited for at a time. Each takes at most what a packet can be long.
const MOST: usize = 64;

/// Frames are decoded, and fragments put together on the way.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    /// Packets of which something is missing, the oldest first.
    waiting: VecDeque<Packet>,
    /// So many fragments are of packets that were given up.
    lost: u64,
}

#[derive(Debug)]
struct Packet {
    key: Key,
    bytes: IpDefragBuf,
    count: u16,
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
        match Segment::with_payload(link_type, frame, wire_len, most) {
            Err(NoSegment::Fragment) => self.fragment(link_type, frame, wire_len, most),
            decoded => decoded.map(Some),
        }
    }

    /// Adds those that were not put together to what has no segment.
    pub fn count_into(&self, undecoded: &mut BTreeMap<NoSegment, u64>) {
        let alone = self.lost + self.waiting.iter().map(|packet| u64::from(packet.count)).sum::<u64>();
        if alone > 0 {
            *undecoded.entry(NoSegment::Fragment).or_default() += alone;
        }
    }

    /// True if none waits for others, or was given up.
    pub fn is_empty(&self) -> bool {
        self.lost == 0 && self.waiting.is_empty()
    }

    fn fragment(
        &mut self,
        link_type: LinkType,
        frame: &[u8],
        wire_len: u32,
        most: usize,
    ) -> Result<Option<Segment>, NoSegment> {
        let packet = fragment(link_type, frame).ok_or(NoSegment::Fragment)?;
        let (addresses, _) = addressed(&packet, frame, wire_len).ok_or(NoSegment::Damaged)?;
        let (id, offset, more) = match &packet {
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
        let place = self.waiting.iter().position(|packet| packet.key == key);
        let mut waiting = match place.and_then(|place| self.waiting.remove(place)) {
            Some(packet) => packet,
            None => Packet {
                key,
                bytes: IpDefragBuf::new(IpNumber::TCP, Vec::new(), Vec::new()),
                count: 0,
            },
        };
        waiting.count = waiting.count.saturating_add(1);
        let payload = packet.payload().payload;
        // One that the capture cut does not fit the next.
        if waiting.bytes.add(offset, more, payload).is_err() {
            self.lost += u64::from(waiting.count) - 1;
            return Err(NoSegment::Fragment);
        }
        if !waiting.bytes.is_complete() {
            if self.waiting.len() == MOST
                && let Some(oldest) = self.waiting.pop_front()
            {
                self.lost += u64::from(oldest.count);
            }
            self.waiting.push_back(waiting);
            return Ok(None);
        }
        let (bytes, count) = (waiting.bytes.data(), waiting.count);
        let decoded = TcpSlice::from_slice(bytes).ok().and_then(|tcp| {
            let decoded = segment(addresses, bytes.len(), &tcp, tcp.options(), most)?;
            Some(Segment {
                ip: marks(&packet),
                fragments: count,
                ..decoded
            })
        });
        decoded.map(Some).ok_or(NoSegment::Damaged)
    }
}
