//! A wire between two hosts, and what it does to packets: plain data, written as a [`script`]. What becomes of each
//! packet is decided without any I/O ([`traffic`], by the [`names`] of packets), on any operating system.

mod names;
pub(crate) mod script;
pub(crate) mod traffic;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

use timeline::{Both, Record, Segment, Side, What, damaged};

/// How many packets may wait for a wire with a [rate](Wire::rate) unless [`Wire::queue`] says otherwise.
const QUEUE: u32 = 100;

/// The smallest and the largest MTU: what every IPv4 host must take (RFC 1122, section 3.3.2), and a
/// usual jumbo frame.
const MTU: (u16, u16) = (576, 9000);

/// The congestion control of both hosts unless [`Wire::congestion`] says otherwise: RFC 5681, which every
/// Linux has and lets anyone use.
const CONGESTION: &str = "reno";

/// A wire between the client's host and the server's, and what it does to packets.
///
/// It carries each packet at once unless it is told otherwise: by these methods, or by a script, whose
/// statements docs/wire-reference.md describes.
///
/// ```
/// use std::time::Duration;
/// use harness::Wire;
///
/// let wire = Wire::new().delay(Duration::from_millis(25)).script("lose server data 2")?;
/// assert_eq!(wire.to_string(), "delay 25ms\nlose server data 2\n");
/// let same: Wire = "delay 25ms\nlose server data 2".parse()?;
/// assert_eq!(wire, same);
/// # Ok::<(), harness::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// What each host sends.
    ways: Both<Way>,
    mtu: u16,
    seed: u64,
    /// The congestion control of both hosts.
    congestion: String,
    rules: Vec<Rule>,
    /// In the order in which they come.
    changes: Vec<Change>,
}

/// One direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Way {
    pub delay: Duration,
    /// Bits per second; `None` if a packet takes no time to send.
    pub rate: Option<u64>,
    pub queue: Option<u32>,
    /// How many of a million packets are lost by chance.
    pub loss: u32,
}

/// What is done to some packets.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    pub action: Action,
    pub packets: Named,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Lose,
    Duplicate,
    Swap,
    Corrupt,
    Hold(Duration),
}

/// Packets, named by what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    /// The connection's number, from 1; any if `None`.
    pub connection: Option<u32>,
    pub by: Side,
    pub kind: Kind,
    pub numbers: RangeInclusive<u32>,
    pub copies: Copies,
}

/// What a packet is. Those of a kind are numbered from 1, in each direction of each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Syn,
    Fin,
    Rst,
    /// A segment with data.
    Data,
    /// A segment without data, SYN, FIN or RST.
    Ack,
    /// Such a segment that acknowledges the other side's SYN, FIN, or numbered data.
    AckOf(Acked),
    /// One below what was sent: a keep-alive, or a probe of a window of 0.
    Probe,
    /// Any packet.
    Packet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Acked {
    Syn,
    Fin,
    Data(u32),
}

/// How many of the copies of a segment, which is sent again when it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copies {
    First(u32),
    Every,
}

/// The cable is pulled, or put back, in one direction or in both.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    pub cut: bool,
    /// What this side sends; `None` for both.
    pub of: Option<Side>,
    pub when: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Moment {
    /// Before the first packet, or right behind the change before.
    AtOnce,
    /// So long after the first packet, or after the change before.
    Time(Duration),
    /// When so many lines of the server have come to the client and are acknowledged.
    Reply(u32),
    /// When so many bytes of data have gone by: of one side, or of both together.
    Bytes(Option<Side>, u64),
    /// When a program has read so many bytes.
    Read(Side, u64),
    /// When so many packets were lost since the change before.
    Lost(u32),
    /// When this packet has come.
    Packet(Named),
}

/// The addresses of a host: 10.0.0.1 and fd00::1 of the client's, 10.0.0.2 and fd00::2 of the server's.
pub(crate) fn addresses(host: Side) -> (Ipv4Addr, Ipv6Addr) {
    let last = match host {
        Side::Client => 1,
        Side::Server => 2,
    };
    (
        Ipv4Addr::new(10, 0, 0, last),
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last.into()),
    )
}

/// What of a record one host could have captured: a packet of its own when it left, and one of the other
/// host's as often as it came, and as it came.
pub(crate) fn seen_at(host: Side, record: Record) -> Vec<Record> {
    let What::Frame {
        frame,
        link_type,
        wire_len,
        segment: Some(segment),
        passage: Some(passage),
        ..
    } = &record.what
    else {
        return vec![record];
    };
    // The server may be at a loopback address, which is carried over the wire. The client never is.
    let (v4, v6) = addresses(Side::Client);
    let is_the_clients = [IpAddr::from(v4), v6.into()].contains(&segment.source().ip());
    let is_own = is_the_clients == (host == Side::Client);
    let (moments, frame) = match (is_own, passage.corrupted) {
        (true, _) => (vec![record.at], frame.clone()),
        (false, false) => (passage.arrivals.clone(), frame.clone()),
        (false, true) => (passage.arrivals.clone(), damaged(frame).into()),
    };
    let seen = |at| Record {
        at,
        what: What::Frame {
            segment: Segment::from_frame(*link_type, &frame, *wire_len).map(Box::new),
            frame: frame.clone(),
            link_type: *link_type,
            wire_len: *wire_len,
            comment: None,
            passage: None,
        },
    };
    moments.into_iter().map(seen).collect()
}

impl Default for Wire {
    fn default() -> Wire {
        Wire {
            ways: Both::default(),
            mtu: 1500,
            seed: 1,
            congestion: CONGESTION.to_owned(),
            rules: Vec::new(),
            changes: Vec::new(),
        }
    }
}

impl Wire {
    /// A wire that carries each packet at once, with an MTU of 1500 bytes.
    pub fn new() -> Wire {
        Wire::default()
    }

    /// Both ways, a packet comes so much later than it left.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Wire {
        self.ways_mut(None).for_each(|way| way.delay = delay);
        self
    }

    /// Both ways, so many bits go through in a second; a frame takes its whole length. 0 counts as 1.
    #[must_use]
    pub fn rate(mut self, bits_per_second: u64) -> Wire {
        self.ways_mut(None)
            .for_each(|way| way.rate = Some(bits_per_second.max(1)));
        self
    }

    /// Both ways, so many packets may wait until a wire with a rate is free; 100 unless told. One more
    /// is lost.
    #[must_use]
    pub fn queue(mut self, packets: u32) -> Wire {
        self.ways_mut(None).for_each(|way| way.queue = Some(packets));
        self
    }

    /// The largest packet of both hosts, in bytes, from 576 to 9000; 1500 unless told. IPv6 takes 1280.
    #[must_use]
    pub fn mtu(mut self, bytes: u16) -> Wire {
        self.mtu = bytes.clamp(MTU.0, MTU.1);
        self
    }

    /// What the random losses follow from. The same seed loses the same packets, by their place in
    /// each direction.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Wire {
        self.seed = seed;
        self
    }

    /// The congestion control of both hosts; `reno` unless told, so that the same is lost and repaired on
    /// every machine. `/proc/sys/net/ipv4/tcp_allowed_congestion_control` has those that anyone may use.
    #[must_use]
    pub fn congestion(mut self, name: impl Into<String>) -> Wire {
        self.congestion = name.into();
        self
    }

    /// The longest that a packet is on its way if nothing stands before it in a queue.
    pub(crate) fn longest_delay(&self) -> Duration {
        let held = self.rules.iter().map(|rule| match rule.action {
            Action::Hold(time) => time,
            _ => Duration::ZERO,
        });
        self.ways.client.delay.max(self.ways.server.delay) + held.max().unwrap_or_default()
    }

    /// How long a small packet and its answer are under way.
    pub fn round_trip(&self) -> Duration {
        self.ways.client.delay + self.ways.server.delay
    }

    /// The name of the hosts' congestion control.
    pub(crate) fn congestion_control(&self) -> &str {
        &self.congestion
    }

    /// The largest packet.
    pub(crate) fn largest(&self) -> u16 {
        self.mtu
    }

    /// What one side sends, or what both send.
    fn ways_mut(&mut self, of: Option<Side>) -> impl Iterator<Item = &mut Way> {
        let ways = [
            (Side::Client, &mut self.ways.client),
            (Side::Server, &mut self.ways.server),
        ];
        ways.into_iter()
            .filter(move |(side, _)| of.is_none_or(|of| of == *side))
            .map(|(_, way)| way)
    }
}

/// As a script, which makes the same wire.
impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same = |same: bool| {
            if same {
                &[None][..]
            } else {
                &[Some(Side::Client), Some(Side::Server)]
            }
        };
        let Both {
            client: one,
            server: other,
        } = &self.ways;
        let mut each = |word: &str, equal: bool, value: &dyn Fn(&Way) -> Option<String>| {
            for side in same(equal) {
                if let Some(value) = value(&self.ways[side.unwrap_or(Side::Client)]) {
                    writeln!(f, "{word}{} {value}", of(*side))?;
                }
            }
            Ok(())
        };
        each("delay", one.delay == other.delay, &|way| {
            (!way.delay.is_zero()).then(|| time(way.delay))
        })?;
        each("rate", one.rate == other.rate, &|way| way.rate.map(rate))?;
        each("queue", one.queue == other.queue, &|way| {
            way.queue.map(|n| n.to_string())
        })?;
        each("loss", one.loss == other.loss, &|way| {
            (way.loss > 0).then(|| percent(way.loss))
        })?;
        let standard = Wire::default();
        if self.mtu != standard.mtu {
            writeln!(f, "mtu {}", self.mtu)?;
        }
        if self.seed != standard.seed {
            writeln!(f, "seed {}", self.seed)?;
        }
        if self.congestion != standard.congestion {
            writeln!(f, "congestion {}", self.congestion)?;
        }
        self.rules.iter().try_for_each(|rule| writeln!(f, "{rule}"))?;
        self.changes.iter().try_for_each(|change| writeln!(f, "{change}"))
    }
}

fn of(side: Option<Side>) -> String {
    side.map_or_else(String::new, |side| format!(" {side}"))
}

fn time(time: Duration) -> String {
    let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000)];
    whole(time.as_nanos(), &units, "ns")
}

fn rate(rate: u64) -> String {
    let units = [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1000)];
    whole(rate.into(), &units, "bit")
}

/// A number in the largest unit that takes no fraction.
fn whole(number: u128, units: &[(&str, u128)], one: &str) -> String {
    let unit = units.iter().find(|(_, size)| number.is_multiple_of(*size));
    let (unit, size) = unit.copied().unwrap_or((one, 1));
    format!("{}{unit}", number / size)
}

fn percent(millionths: u32) -> String {
    format!("{}%", f64::from(millionths) / 10_000.0)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.action {
            Action::Lose => "lose",
            Action::Duplicate => "duplicate",
            Action::Swap => "swap",
            Action::Corrupt => "corrupt",
            Action::Hold(_) => "hold",
        };
        write!(f, "{word} {}", self.packets)?;
        match self.action {
            Action::Hold(length) => write!(f, " for {}", time(length)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.connection {
            write!(f, "connection {number} ")?;
        }
        write!(f, "{} {}", self.by, self.kind)?;
        let (first, last) = (self.numbers.start(), self.numbers.end());
        match (self.kind.is_numbered(), first == last) {
            (true, true) => write!(f, " {first}")?,
            (true, false) => write!(f, " {first}-{last}")?,
            (false, _) => {}
        }
        match self.copies {
            Copies::First(1) => Ok(()),
            Copies::First(copies) => write!(f, " {copies} times"),
            Copies::Every => f.write_str(" every"),
        }
    }
}

/// The word for each kind; an acknowledgment of something has several.
const KIND_WORDS: [(&str, Kind); 7] = [
    ("syn", Kind::Syn),
    ("fin", Kind::Fin),
    ("rst", Kind::Rst),
    ("data", Kind::Data),
    ("ack", Kind::Ack),
    ("probe", Kind::Probe),
    ("packet", Kind::Packet),
];

impl Kind {
    /// True if there may be many of it.
    pub fn is_numbered(self) -> bool {
        matches!(self, Kind::Data | Kind::Ack | Kind::Probe | Kind::Packet)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::AckOf(Acked::Syn) => f.write_str("ack of syn"),
            Kind::AckOf(Acked::Fin) => f.write_str("ack of fin"),
            Kind::AckOf(Acked::Data(number)) => write!(f, "ack of data {number}"),
            _ => KIND_WORDS
                .iter()
                .find(|(_, kind)| kind == self)
                .map_or(Ok(()), |(word, _)| f.write_str(word)),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.cut { "cut" } else { "restore" };
        write!(f, "{word}{} {}", of(self.of), self.when)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::AtOnce => f.write_str("at once"),
            Moment::Time(length) => write!(f, "after {}", time(*length)),
            Moment::Reply(number) => write!(f, "after reply {number}"),
            Moment::Bytes(None, bytes) => write!(f, "after {bytes} bytes"),
            Moment::Bytes(Some(side), bytes) => write!(f, "after {side} sent {bytes} bytes"),
            Moment::Read(side, bytes) => write!(f, "after {side} read {bytes} bytes"),
            Moment::Lost(packets) => write!(f, "after {packets} lost"),
            Moment::Packet(named) => write!(f, "after {named}"),
        }
    }
}
