//! What a segment is on its connection: what a script calls it, and whether it was sent before.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::{Acked, Copies, Kind, Moment, Named, Wire};
use timeline::{Both, Flags, Segment, Side, is_after};

/// The addresses of a connection: on the client's host, on the server's.
pub(super) type Addresses = Both<SocketAddr>;

/// What a segment is on its connection.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub on: Addresses,
    pub connection: u32,
    pub from: Side,
    labels: Vec<Label>,
    /// Where its data begins and ends.
    pub range: (u32, u32),
    pub ack: Option<u32>,
    /// How many bytes of its data are sent for the first time.
    pub new: u32,
    /// True if it carries data, a SYN or a FIN that was sent before.
    pub again: bool,
    /// True for the first data of a side, and for its FIN.
    pub first: bool,
    /// True if it is without data, SYN, FIN and RST.
    pub bare: bool,
}

/// A name of a segment: its kind, its number, and how many copies of it went before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Label {
    kind: Kind,
    number: u32,
    copy: u32,
}

/// A connection, as far as a script can speak of it.
#[derive(Default)]
struct Track {
    number: u32,
    ends: Both<End>,
    /// Where a named reply ends: its number, and the sequence number behind it.
    replies: Vec<(u32, u32)>,
    lines: u32,
}

/// What one side of a connection has sent.
#[derive(Default)]
struct End {
    /// Its SYN's sequence number.
    syn: Option<u32>,
    /// The sequence number behind all that it has sent.
    next: Option<u32>,
    /// The one behind its FIN.
    fin: Option<u32>,
    /// Where its numbered segments of data begin and end, as far as a script names them.
    data: Vec<(u32, u32)>,
    counts: HashMap<Kind, u32>,
    copies: HashMap<(Kind, u32), u32>,
}

/// All connections, as far as a script can speak of them.
pub(super) struct Connections {
    limits: Limits,
    tracks: HashMap<Addresses, Track>,
    /// How many have begun.
    begun: u32,
}

impl Connections {
    pub fn new(wire: &Wire) -> Connections {
        Connections {
            limits: Limits::of(wire),
            tracks: HashMap::new(),
            begun: 0,
        }
    }

    /// The sequence number behind a numbered reply of a connection's server.
    pub fn reply(&self, on: &Addresses, number: u32) -> Option<u32> {
        self.tracks.get(on)?.reply(number)
    }

    /// Follows a segment's connection, and says what the segment is there.
    pub fn see(&mut self, from: Side, segment: &Segment) -> Content {
        let on = Both::of(|side| match side == from {
            true => segment.source(),
            false => segment.destination(),
        });
        let opens = segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK);
        let known = self.tracks.get(&on).is_some_and(|track| {
            let syn = track.ends[from].syn;
            // A connection that is opened from both sides at once has two SYNs.
            !opens || syn == Some(segment.seq) || (syn.is_none() && track.ends[from.peer()].fin.is_none())
        });
        if !known {
            self.begun += 1;
            let number = self.begun;
            self.tracks.insert(
                on,
                Track {
                    number,
                    ..Track::default()
                },
            );
        }
        let limits = &self.limits;
        let track = self.tracks.entry(on).or_default();
        let before = track.ends[from].counts.get(&Kind::Data).copied().unwrap_or(0);
        let (new, again) = track.follow(from, segment, limits);
        let counted = &track.ends[from].counts;
        let flags = segment.flags;
        let controls = [Flags::SYN, Flags::FIN, Flags::RST];
        Content {
            on,
            connection: track.number,
            from,
            first: flags.has(Flags::FIN) || (before == 0 && counted.contains_key(&Kind::Data)),
            labels: match limits.are_needed {
                true => track.labels(from, segment),
                false => Vec::new(),
            },
            range: (segment.seq, segment.seq.wrapping_add(segment.len)),
            ack: flags.has(Flags::ACK).then_some(segment.ack),
            new,
            again,
            bare: segment.len == 0 && !controls.into_iter().any(|control| flags.has(control)),
        }
    }
}

/// How far a script makes it necessary to remember.
struct Limits {
    /// True if it names packets at all.
    are_needed: bool,
    /// The highest number of data that it names.
    data: u32,
    /// The replies that it names.
    replies: Vec<u32>,
}

impl Limits {
    fn of(wire: &Wire) -> Limits {
        let moments = || wire.changes.iter().map(|change| &change.when);
        let of_moments = moments().filter_map(|moment| match moment {
            Moment::Packet(named) => Some(named),
            _ => None,
        });
        let named: Vec<&Named> = wire.rules.iter().map(|rule| &rule.packets).chain(of_moments).collect();
        let data = named.iter().map(|named| match named.kind {
            Kind::Data => *named.numbers.end(),
            Kind::AckOf(Acked::Data(number)) => number,
            _ => 0,
        });
        Limits {
            are_needed: !named.is_empty(),
            data: data.max().unwrap_or(0),
            replies: moments()
                .filter_map(|moment| match moment {
                    Moment::Reply(number) => Some(*number),
                    _ => None,
                })
                .collect(),
        }
    }
}

impl Track {
    /// The sequence number behind a reply of the server's.
    fn reply(&self, number: u32) -> Option<u32> {
        let found = self.replies.iter().find(|(reply, _)| *reply == number);
        found.map(|(_, end)| *end)
    }

    /// Counts a segment. How many bytes of its data are new, and whether it was sent before.
    fn follow(&mut self, from: Side, segment: &Segment, limits: &Limits) -> (u32, bool) {
        let end = &mut self.ends[from];
        let (seq, flags) = (segment.seq, segment.flags);
        let (syn, fin) = (flags.has(Flags::SYN), flags.has(Flags::FIN));
        let first = seq.wrapping_add(u32::from(syn));
        let behind = first.wrapping_add(segment.len);
        let known = end.next;
        let next = known.unwrap_or(first);
        let new = match is_after(behind, next) {
            true => behind.wrapping_sub(next).min(segment.len),
            false => 0,
        };
        let again = (syn && end.syn == Some(seq)) || (fin && end.fin.is_some()) || (segment.len > 0 && new == 0);
        if syn {
            end.syn = Some(seq);
        }
        if new > 0 {
            *end.counts.entry(Kind::Data).or_default() += 1;
            if end.data.len() < limits.data as usize {
                end.data.push((behind.wrapping_sub(new), behind));
            }
        }
        if flags.has(Flags::RST) || segment.len > 0 || syn || fin {
        } else if known.is_some_and(|next| is_after(next, seq)) {
            *end.counts.entry(Kind::Probe).or_default() += 1;
        } else {
            *end.counts.entry(Kind::Ack).or_default() += 1;
        }
        *end.counts.entry(Kind::Packet).or_default() += 1;
        let mut highest = if is_after(behind, next) { behind } else { next };
        if fin {
            end.fin = Some(behind.wrapping_add(1));
            highest = behind.wrapping_add(1);
        }
        // A reset may carry any sequence number, so it does not tell how far its side has sent.
        if !flags.has(Flags::RST) {
            end.next = Some(highest);
        }
        if from == Side::Server && new > 0 && !limits.replies.is_empty() {
            self.count_lines(segment, behind, new, limits);
        }
        (new, again)
    }

    fn count_lines(&mut self, segment: &Segment, behind: u32, new: u32, limits: &Limits) {
        let skipped = segment.len - new;
        let bytes = segment.payload.iter().enumerate().skip(skipped as usize);
        for (at, _) in bytes.filter(|(_, byte)| **byte == b'\n') {
            self.lines += 1;
            if limits.replies.contains(&self.lines) {
                let start = behind.wrapping_sub(segment.len);
                self.replies.push((self.lines, start.wrapping_add(at as u32 + 1)));
            }
        }
    }

    /// The names of a segment that was just [followed](Self::follow).
    fn labels(&mut self, from: Side, segment: &Segment) -> Vec<Label> {
        let (end, peer) = self.ends.split_mut(from);
        let flags = segment.flags;
        let controls = [
            (Flags::SYN, Kind::Syn),
            (Flags::FIN, Kind::Fin),
            (Flags::RST, Kind::Rst),
        ];
        let mut names: Vec<(Kind, u32)> = controls
            .into_iter()
            .filter(|(flag, _)| flags.has(*flag))
            .map(|(_, kind)| (kind, 1))
            .collect();
        let bare = names.is_empty() && segment.len == 0;
        let count = |kind: Kind| end.counts.get(&kind).copied().unwrap_or(0);
        if bare {
            // A bare segment is a keep-alive probe if it repeats a sequence number from before the next one, and an ACK
            // if it does not. It is counted as the same.
            let kind = match end.next.is_some_and(|next| is_after(next, segment.seq)) {
                true => Kind::Probe,
                false => Kind::Ack,
            };
            names.push((kind, count(kind)));
            if kind == Kind::Ack {
                names.extend(acknowledged(segment.ack, peer).map(|acked| (Kind::AckOf(acked), 1)));
            }
        }
        if segment.len > 0 {
            let (start, behind) = (segment.seq, segment.seq.wrapping_add(segment.len));
            let touches = |(from, to): &(u32, u32)| is_after(behind, *from) && is_after(*to, start);
            let numbers = end.data.iter().zip(1_u32..).filter(|(range, _)| touches(range));
            names.extend(numbers.map(|(_, number)| (Kind::Data, number)));
        }
        names.push((Kind::Packet, count(Kind::Packet)));
        let copies = &mut end.copies;
        let label = |(kind, number)| match kind {
            // A packet as such, a bare ACK and a probe are never copies: each has a number of its own.
            Kind::Packet | Kind::Ack | Kind::Probe => Label { kind, number, copy: 0 },
            _ => {
                let copies = copies.entry((kind, number)).or_default();
                *copies += 1;
                Label {
                    kind,
                    number,
                    copy: *copies - 1,
                }
            }
        };
        names.into_iter().map(label).collect()
    }
}

/// What of the other side's an acknowledgment number covers, of what has a name.
fn acknowledged(ack: u32, peer: &End) -> impl Iterator<Item = Acked> {
    let syn = peer.syn.filter(|syn| is_after(ack, *syn)).map(|_| Acked::Syn);
    let fin = peer.fin.filter(|fin| !is_after(*fin, ack)).map(|_| Acked::Fin);
    let data = peer
        .data
        .iter()
        .zip(1..)
        .filter(move |((_, end), _)| !is_after(*end, ack));
    let data = data.map(|(_, number)| Acked::Data(number));
    syn.into_iter().chain(fin).chain(data)
}

impl Named {
    /// True if it means this segment, and with `counted` this copy of it.
    pub(super) fn names(&self, content: &Content, counted: bool) -> bool {
        let is_there = self.connection.is_none_or(|number| number == content.connection);
        is_there
            && self.by == content.from
            && content.labels.iter().any(|label| {
                let copy = match self.copies {
                    Copies::First(copies) => !counted || label.copy < copies,
                    Copies::Every => true,
                };
                label.kind == self.kind && self.numbers.contains(&label.number) && copy
            })
    }
}
