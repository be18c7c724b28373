//! Packets of which a capture has more than one frame: a mirrored port, a bridge, a router that is captured on all of
//! its interfaces. Nothing was sent twice then.

use std::collections::VecDeque;
use std::time::Duration;

use super::Certainty;
use crate::events::moments::Passing;
use crate::events::{Flags, FrameNumber, IpMarks, Packet, Timestamp, is_after};

/// So many packets of a direction are remembered. Two places hand out their frames in batches, so that the second frame
/// of a packet may come after others.
const MOST: usize = 64;

/// Two places are not further apart. What is sent again comes later, but for the fastest of timers.
const APART: Duration = Duration::from_millis(100);

/// Where no number tells packets apart, what follows so soon is taken for the same packet.
const AT_ONCE: Duration = Duration::from_micros(500);

/// The last packets of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    packets: VecDeque<Known>,
    /// So many frames were found to hold a packet that another frame holds.
    found: usize,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    numbers: Numbers,
    ip: IpMarks,
    at: Timestamp,
    frame: FrameNumber,
}

/// What two frames of one packet have in common, beside the marks of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers {
    seq: u32,
    ack: u32,
    len: u32,
    flags: Flags,
    window: u16,
    timestamps: Option<(u32, u32)>,
    sack: Option<(u32, u32)>,
}

impl Numbers {
    fn of(packet: &Packet) -> Numbers {
        let segment = &packet.segment;
        Numbers {
            seq: segment.seq,
            ack: segment.ack,
            len: segment.len,
            flags: segment.flags,
            window: segment.window,
            timestamps: segment.options.timestamps,
            sack: segment.options.sack_blocks().next(),
        }
    }
}

impl Recent {
    /// Takes in a frame. The earlier one of the same packet, and how sure that is.
    ///
    /// The identification of IP tells: a sender gives another one to what it sends again. It tells nothing where packets
    /// that differ have the same. Without it a hop more or less tells, as what its sender sends anew comes as far; or that
    /// the timestamps of TCP stand still, and the next frame follows at once, or before their clock goes on.
    pub fn see(&mut self, Passing { packet, at, .. }: Passing<'_>, is_new: bool) -> Option<(FrameNumber, Certainty)> {
        let (numbers, ip) = (Numbers::of(packet), packet.segment.ip);
        let is_near = |known: &Known| at.since(known.at) <= APART;
        let is_it = |known: &Known| known.numbers == numbers && known.ip.id == ip.id && is_near(known);
        let place = match is_new {
            true => None,
            false => self.packets.iter().rposition(is_it),
        };
        let found = place.and_then(|place| Some((place, self.same(place, packet, at)?)));
        let Some((place, certainty)) = found else {
            if self.packets.len() == MOST {
                self.packets.pop_front();
            }
            self.packets.push_back(Known {
                numbers,
                ip,
                at,
                frame: packet.number,
            });
            return None;
        };
        self.found += 1;
        self.packets[place].ip = ip;
        Some((self.packets[place].frame, certainty))
    }

    /// The frame of a later copy of a segment that came before it: the clock on that one has gone on.
    pub fn overtook(&self, packet: &Packet) -> Option<FrameNumber> {
        let (sent, _) = packet.segment.options.timestamps?;
        let same = |known: &&Known| known.numbers.seq == packet.segment.seq && known.numbers.len == packet.segment.len;
        let later = |known: &&Known| known.numbers.timestamps.is_some_and(|(value, _)| is_after(value, sent));
        let found = self.packets.iter().rev().filter(same).find(later);
        found.map(|known| known.frame)
    }

    /// True if the clock of the sender's timestamps goes on by 2 at least in so long a time, as its last packets show.
    fn ticks_within(&self, time: Duration) -> bool {
        let stamped = |known: &Known| Some((known.at, known.numbers.timestamps?.0));
        let mut all = self.packets.iter().filter_map(stamped);
        let (Some((began, first)), Some((ended, last))) = (all.next(), all.next_back()) else {
            return false;
        };
        let ticks = u128::from(last.wrapping_sub(first).cast_signed().max(0).unsigned_abs());
        ticks * time.as_nanos() >= 2 * ended.since(began).as_nanos() && ticks > 0
    }

    /// Whether a frame is the packet that another one is, and how sure that is.
    fn same(&self, place: usize, packet: &Packet, at: Timestamp) -> Option<Certainty> {
        let (known, ip) = (self.packets[place], packet.segment.ip);
        let hops = known.ip.hops_left.abs_diff(ip.hops_left);
        let others = || self.packets.iter().filter(|other| other.numbers != known.numbers);
        let id_tells = ip.id.is_some() && others().all(|other| other.ip.id != ip.id);
        if id_tells {
            return Some(Certainty::Seen);
        }
        if hops == 1 && others().all(|other| other.ip.hops_left != ip.hops_left || self.found > 0) {
            return Some(Certainty::Inferred);
        }
        // Acknowledgments that are alike may well be sent one after the other.
        let is_ack = packet.segment.len == 0 && packet.segment.flags == Flags::ACK;
        let apart = at.since(known.at);
        let stands_still =
            hops <= 1 && known.numbers.timestamps.is_some() && (apart <= AT_ONCE || self.ticks_within(apart));
        (stands_still && (!is_ack || self.found > 0)).then_some(Certainty::Inferred)
    }
}
