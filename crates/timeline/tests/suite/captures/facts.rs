//! Facts of captures that are written down here: each one shown, and each one nearly; and what tshark says.

use std::collections::BTreeSet;

use etherparse::{PacketBuilder, TcpHeader, TcpOptionElement};
use timeline::facts::FactKind::{self, *};
use timeline::facts::{Evidence, Reason};
use timeline::format::markdown;
use timeline::format::text::Lanes;
use timeline::overview::Overview;
use timeline::rules::RuleId;
use timeline::{FrameNumber, Side, TcpState, Teardown, Timeline};

use super::files::{Magic, Order, Stored};
use super::oracle::{Folder, run, text};
use super::{as_of_a_long_one, packets, read};

const SERVER_PORT: u16 = 3000;
const CLIENT_ISN: u32 = 0xffff_ff00;
const SERVER_ISN: u32 = 7_000;

/// SYN, SYN,ACK, ACK: the server is 10 ms away from the capture, and the client 1 ms.
pub(super) const HANDSHAKE: &str = "0 C S 0 0 0; 10 S SA 0 1 0; 11 C A 1 1 0; ";

/// A frame of a script: when in milliseconds, who, flags, relative numbers, bytes of data; then what is
/// not as usual: a window, a SACK block, a timestamp, no SACK-permitted; of IP an identification and a time to live.
fn frame(line: &str, client_port: u16, begins: u64) -> Stored {
    let mut words = line.split_whitespace();
    let mut word = || words.next().unwrap_or_else(|| panic!("{line:?} ends early"));
    let milliseconds: u64 = word().parse().expect("a time");
    let by_client = word() == "C";
    let flags = word();
    let mut number = || word().parse::<u32>().expect("a number");
    let (seq, ack, len) = (number(), number(), number());
    let rest: Vec<&str> = words.collect();
    let option = |name: &str| rest.iter().find_map(|word| word.strip_prefix(name));
    let (ports, isn, peers_isn) = match by_client {
        true => ((client_port, SERVER_PORT), CLIENT_ISN, SERVER_ISN),
        false => ((SERVER_PORT, client_port), SERVER_ISN, CLIENT_ISN),
    };
    let window = option("window=").map_or(60_000, |window| window.parse().expect("a window"));
    let mut tcp = TcpHeader::new(ports.0, ports.1, isn.wrapping_add(seq), window);
    (tcp.syn, tcp.fin, tcp.rst) = (flags.contains('S'), flags.contains('F'), flags.contains('R'));
    (tcp.ack, tcp.urg) = (flags.contains('A'), flags.contains('U'));
    tcp.urgent_pointer = u16::from(tcp.urg);
    if tcp.ack {
        tcp.acknowledgment_number = peers_isn.wrapping_add(ack);
    }
    let mut options = Vec::new();
    if tcp.syn {
        let mss = option("mss=").map_or(1460, |mss| mss.parse().expect("a size"));
        options.push(TcpOptionElement::MaximumSegmentSize(mss));
        if let Some(shift) = option("ws=") {
            options.push(TcpOptionElement::WindowScale(shift.parse().expect("a shift")));
        }
        if option("no-sack").is_none() {
            options.push(TcpOptionElement::SelectiveAcknowledgementPermitted);
        }
    }
    if let Some((from, to)) = option("sack=").and_then(|block| block.split_once('-')) {
        let absolute = |number: &str| peers_isn.wrapping_add(number.parse::<u32>().expect("a number"));
        let block = (absolute(from), absolute(to));
        options.push(TcpOptionElement::SelectiveAcknowledgement(block, [None, None, None]));
    }
    if let Some(times) = option("ts=") {
        let (value, echo) = times.split_once('/').unwrap_or((times, "1"));
        let [value, echo] = [value, echo].map(|time| time.parse().expect("a time"));
        options.push(TcpOptionElement::Timestamp(value, echo));
    }
    tcp.set_options(&options).expect("the options fit");
    if option("mptcp").is_some() {
        // Its kind, its length, and a subtype with what belongs to it (RFC 8684, section 3.3).
        tcp.set_options_raw(&[30, 8, 0x20, 1, 0, 0, 0, 1])
            .expect("the option fits");
    }
    let (from, to) = if by_client { (1, 2) } else { (2, 1) };
    let says = option("says=").map_or_else(|| vec![b'x'; len as usize], spelled);
    let mut data = Vec::new();
    PacketBuilder::ethernet2([2; 6], [2; 6])
        .ipv4([10, 0, 0, from], [10, 0, 0, to], 64)
        .tcp_header(tcp)
        .write(&mut data, &says)
        .expect("a vector takes all");
    // Both stand in the header of IP, behind that of Ethernet. Its checksum is not looked at.
    if let Some(id) = option("id=") {
        let id: u16 = id.parse().expect("an identification");
        data[14 + 4..14 + 6].copy_from_slice(&id.to_be_bytes());
    }
    if let Some(hops) = option("ttl=") {
        data[14 + 8] = hops.parse().expect("a time to live");
    }
    let wire_len = data.len();
    if option("cut").is_some() {
        data.truncate(14 + 20 + 20 + 2);
    }
    Stored {
        interface: 0,
        nanoseconds: (1_700_000_000_000 + begins + milliseconds) * 1_000_000,
        wire_len,
        data,
        comment: None,
    }
}

/// The bytes of a word: `_` stands for a space, `|` for the end of a line, and `hex:` is followed by pairs of digits.
fn spelled(word: &str) -> Vec<u8> {
    let Some(digits) = word.strip_prefix("hex:") else {
        return word.replace('_', " ").replace('|', "\r\n").into_bytes();
    };
    let pairs = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal"))
        .collect()
}

/// A capture file of scripts, whose frames are parted by semicolons: each is a connection of its own, and
/// they come one after the other.
pub(super) fn file<S: AsRef<str>>(scripts: &[S]) -> Vec<u8> {
    let mut frames = Vec::new();
    for (script, number) in scripts.iter().zip(0_u16..) {
        let lines = script.as_ref().split(';').map(str::trim);
        let lines = lines.filter(|line| !line.is_empty());
        frames.extend(lines.map(|line| frame(line, 40_000 + number, u64::from(number) * 100_000)));
    }
    Order::Little.pcap(Magic::Nanoseconds, 1, &frames)
}

/// The facts of each frame.
fn facts(timeline: &Timeline) -> Vec<BTreeSet<&'static str>> {
    let names = |facts: &timeline::facts::PacketFacts| facts.facts().iter().map(|fact| fact.kind.name()).collect();
    packets(timeline).iter().map(|packet| names(packet.facts)).collect()
}

/// A script whose last frame but so many shows a fact, and one that nearly does.
pub(super) struct Row {
    kind: FactKind,
    /// How many frames come after the one that counts.
    behind: usize,
    shows: &'static str,
    nearly: &'static str,
}

const fn row(kind: FactKind, behind: usize, shows: &'static str, nearly: &'static str) -> Row {
    Row {
        kind,
        behind,
        shows,
        nearly,
    }
}

/// Each fact, after a [`HANDSHAKE`].
const ROWS: &[Row] = &[
    // The same identification; another.
    row(
        CapturedTwice,
        0,
        "20 S A 1 1 100 id=7; 20 S A 1 1 100 id=7",
        "20 S A 1 1 100 id=7; 20 S A 1 1 100 id=8",
    ),
    // Packets that differ have it too, so it tells nothing.
    row(
        CapturedTwice,
        0,
        "20 S A 1 1 100 id=7; 21 S A 101 1 100 id=8; 22 S A 1 1 100 id=7",
        "20 S A 1 1 100 id=7; 21 S A 101 1 100 id=7; 22 S A 1 1 100 id=7",
    ),
    // Long after; with another identification.
    row(
        CapturedTwice,
        0,
        "20 C A 1 1 0 id=7 ttl=64; 21 C A 1 1 0 id=7 ttl=63",
        "20 C A 1 1 0 id=7 ttl=64; 300 C A 1 1 0 id=7 ttl=63",
    ),
    row(
        CapturedTwice,
        0,
        "20 C FA 1 1 0 id=7 ttl=63; 21 C FA 1 1 0 id=7 ttl=63",
        "20 C FA 1 1 0 id=7 ttl=63; 21 C FA 1 1 0 id=8 ttl=63",
    ),
    // The place behind the router is written first.
    row(
        CapturedTwice,
        0,
        "20 C FA 1 1 0 id=7 ttl=63; 21 C FA 1 1 0 id=7 ttl=64",
        "20 C FA 1 1 0 id=7 ttl=62; 21 C FA 1 1 0 id=8 ttl=64",
    ),
    // Some routers lie between the two places; without an identification nothing tells that.
    row(
        CapturedTwice,
        0,
        "20 S A 1 1 100 id=7 ttl=63; 21 S A 1 1 100 id=7 ttl=61",
        "20 S A 1 1 100 ttl=63; 21 S A 1 1 100 ttl=61",
    ),
    // The clock goes on by 1 each millisecond, and had not between the two; it had gone on, or goes so slowly.
    row(
        CapturedTwice,
        0,
        "20 S A 1 1 100 ts=20; 40 S A 101 1 100 ts=40; 45 S A 101 1 100 ts=40",
        "20 S A 1 1 100 ts=20; 40 S A 101 1 100 ts=40; 45 S A 101 1 100 ts=45",
    ),
    row(
        CapturedTwice,
        0,
        "20 S A 1 1 100 ts=20; 40 S A 101 1 100 ts=40; 45 S A 101 1 100 ts=40",
        "20 S A 1 1 100 ts=20; 40 S A 101 1 100 ts=21; 45 S A 101 1 100 ts=21",
    ),
    // Without an identification a hop tells, or a timestamp that stands still; not of ACKs, which may be alike.
    row(
        CapturedTwice,
        0,
        "20 S A 1 1 100 ttl=64; 25 S A 1 1 100 ttl=63",
        "20 S A 1 1 100 ttl=64; 25 S A 1 1 100 ttl=64",
    ),
    row(
        CapturedTwice,
        0,
        "20 S A 1 1 100 ts=5; 20 S A 1 1 100 ts=5",
        "20 S A 1 1 100 ts=5; 20 S A 1 1 100 ts=6",
    ),
    row(
        CapturedTwice,
        0,
        "20 S A 1 1 100 ts=5; 20 S A 1 1 100 ts=5; 21 S A 101 1 0 ts=5; 21 S A 101 1 0 ts=5",
        "20 S A 1 1 100 ts=5; 21 S A 101 1 0 ts=5; 21 S A 101 1 0 ts=5",
    ),
    // The same bytes; the next ones.
    row(
        Retransmission,
        0,
        "20 S A 1 1 100; 300 S A 1 1 100",
        "20 S A 1 1 100; 300 S A 101 1 100",
    ),
    // Three duplicates ask; two do not.
    row(
        FastRetransmission,
        0,
        "20 S A 1 1 100; 21 S A 101 1 100; 22 S A 201 1 100; 40 C A 1 101 0; 41 C A 1 101 0; 42 C A 1 101 0; 43 C A 1 101 0; 44 S A 101 1 100",
        "20 S A 1 1 100; 21 S A 101 1 100; 22 S A 201 1 100; 40 C A 1 101 0; 41 C A 1 101 0; 42 C A 1 101 0; 44 S A 101 1 100",
    ),
    // What asked came before the segment had left at all: a copy of it was captured twice.
    row(
        FastRetransmission,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0; 35 S A 101 1 100; 41 C A 1 101 0; 42 C A 1 101 0; 43 C A 1 101 0; 50 S A 101 1 100",
        "20 S A 1 1 100; 30 C A 1 101 0; 41 C A 1 101 0; 42 C A 1 101 0; 43 C A 1 101 0; 50 S A 101 1 100; 50 S A 101 1 100",
    ),
    // One SACK block beyond it asks (RFC 8985), unless what it names is the segment itself.
    row(
        FastRetransmission,
        0,
        "20 S A 1 1 100; 21 S A 101 1 100; 40 C A 1 1 0 sack=101-201; 60 S A 1 1 100",
        "20 S A 1 1 100; 21 S A 101 1 100; 40 C A 1 101 0; 60 S A 101 1 100",
    ),
    // Acknowledged before; not so.
    row(
        SpuriousRetransmission,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0; 300 S A 1 1 100",
        "20 S A 1 1 100; 30 C A 1 51 0; 300 S A 1 1 100",
    ),
    row(
        TailLossProbe,
        0,
        "20 S A 1 1 100; 45 S A 1 1 100",
        "20 S A 1 1 100; 21 S A 101 1 100; 45 S A 1 1 100",
    ),
    // So late that a timer may have run out as well.
    row(
        TailLossProbe,
        0,
        "20 S A 1 1 100; 45 S A 1 1 100",
        "20 S A 1 1 100; 60 S A 1 1 100",
    ),
    // Too early for two round trips.
    row(
        TailLossProbe,
        0,
        "20 S A 1 1 100; 22 S A 1 1 100",
        "20 S A 1 1 100; 21 S A 1 1 100",
    ),
    row(
        RetransmissionTimeout,
        0,
        "20 S A 1 1 100; 21 S A 101 1 100; 300 S A 1 1 100",
        "20 S A 1 1 100; 21 S A 101 1 100; 22 S A 201 1 100; 300 S A 101 1 100",
    ),
    // No timer runs out within a millisecond: this packet was copied.
    row(
        RetransmissionTimeout,
        0,
        "20 S A 1 1 100; 21 S A 101 1 100; 50 S A 1 1 100",
        "20 S A 1 1 100; 21 S A 101 1 100; 21 S A 1 1 100",
    ),
    // Long after the ACKs that ask: a timer may have run out.
    row(
        FastRetransmission,
        0,
        "20 S A 1 1 100; 21 S A 101 1 100; 40 C A 1 1 0 sack=101-201; 80 S A 1 1 100",
        "20 S A 1 1 100; 21 S A 101 1 100; 40 C A 1 1 0 sack=101-201; 81 S A 1 1 100",
    ),
    // A later copy came before; the same clock; an earlier one.
    row(
        Overtaken,
        0,
        "20 S A 1 1 100 ts=1; 21 S A 201 1 100 ts=1; 30 S A 101 1 100 ts=9; 31 C A 1 301 0 ts=1; 60 S A 101 1 100 ts=1",
        "20 S A 1 1 100 ts=1; 21 S A 201 1 100 ts=1; 30 S A 101 1 100 ts=1; 31 C A 1 301 0 ts=1; 60 S A 101 1 100 ts=1",
    ),
    row(
        Overtaken,
        0,
        "20 S A 1 1 100 ts=9; 60 S A 1 1 100 ts=1",
        "20 S A 1 1 100 ts=1; 60 S A 1 1 100 ts=9",
    ),
    // Older than the echo; by one only, which Linux takes.
    row(
        OldTimestamp,
        0,
        "20 S A 1 1 100 ts=50; 30 C A 1 101 0 ts=5/50; 40 S A 101 1 100 ts=40/5",
        "20 S A 1 1 100 ts=50; 30 C A 1 101 0 ts=5/50; 40 S A 101 1 100 ts=49/5",
    ),
    // Nobody acknowledges it; it was acknowledged, and so was taken.
    row(
        OldTimestamp,
        1,
        "20 S A 1 1 100 ts=50; 30 C A 1 101 0 ts=5/50; 40 S A 101 1 100 ts=40/5; 50 C A 1 101 0 ts=6/50",
        "20 S A 1 1 100 ts=50; 30 C A 1 101 0 ts=5/50; 40 S A 101 1 100 ts=40/5; 50 C A 1 201 0 ts=6/50",
    ),
    // What is acknowledged is the copy that was sent again; it alone was there.
    row(
        OldTimestamp,
        2,
        "20 S A 1 1 100 ts=50; 30 C A 1 101 0 ts=5/50; 40 S A 101 1 100 ts=40/5; 300 S A 101 1 100 ts=60/5; 310 C A 1 201 0 ts=6/60",
        "20 S A 1 1 100 ts=50; 30 C A 1 101 0 ts=5/50; 40 S A 101 1 100 ts=40/5; 300 S A 201 1 100 ts=60/5; 310 C A 1 201 0 ts=6/60",
    ),
    // A FIN; a reset, whose timestamp nobody looks at.
    row(
        OldTimestamp,
        0,
        "20 S A 1 1 100 ts=50; 30 C A 1 101 0 ts=5/50; 40 S FA 101 1 0 ts=40/5",
        "20 S A 1 1 100 ts=50; 30 C A 1 101 0 ts=5/50; 40 S R 101 0 0 ts=40/5",
    ),
    // What was overtaken, and fills a hole: only what was in order is echoed. It is older than that, too.
    row(
        OldTimestamp,
        0,
        "20 S A 1 1 100 ts=50; 21 S A 201 1 100 ts=60; 30 C A 1 101 0 ts=5/50; 40 S A 101 1 100 ts=40/5",
        "20 S A 1 1 100 ts=50; 21 S A 201 1 100 ts=60; 30 C A 1 101 0 ts=5/50; 40 S A 101 1 100 ts=55/5",
    ),
    // The clock stood before 2^32, or has passed it.
    row(
        OldTimestamp,
        0,
        "20 S A 1 1 100 ts=3; 30 C A 1 101 0 ts=5/3; 40 S A 101 1 100 ts=4294967200/5",
        "20 S A 1 1 100 ts=4294967290; 30 C A 1 101 0 ts=5/4294967290; 40 S A 101 1 100 ts=3/5",
    ),
    // New bytes; those that were acknowledged, which come late.
    row(
        OldTimestamp,
        0,
        "20 S A 1 1 100 ts=50; 21 S A 101 1 100 ts=60; 30 C A 1 201 0 ts=5/60; 40 S A 201 1 100 ts=50/5",
        "20 S A 1 1 100 ts=50; 21 S A 101 1 100 ts=60; 30 C A 1 201 0 ts=5/60; 40 S A 1 1 100 ts=50/5",
    ),
    // What was echoed, and what is no echo, as nobody sent it.
    row(
        OldTimestamp,
        0,
        "20 S A 1 1 100 ts=50; 30 C A 1 101 0 ts=5/50; 40 S A 101 1 100 ts=40/5",
        "20 S A 1 1 100 ts=50; 30 C A 1 101 0 ts=5/90; 40 S A 101 1 100 ts=60/5",
    ),
    // Soon; 24 days later.
    row(
        OldTimestamp,
        0,
        "20 S A 1 1 100 ts=50; 30 C A 1 101 0 ts=5/50; 9000 S A 101 1 100 ts=40/5",
        "20 S A 1 1 100 ts=50; 30 C A 1 101 0 ts=5/50; 2073600030 S A 101 1 100 ts=40/5",
    ),
    // Bytes beyond went by; only an ACK of them did.
    row(
        OutOfOrder,
        0,
        "20 S A 101 1 100; 21 S A 1 1 100",
        "20 C A 1 101 0; 21 S A 1 1 100",
    ),
    row(PreviousSegmentNotCaptured, 0, "20 S A 101 1 100", "20 S A 1 1 100"),
    // An ACK of what was not captured tells of the hole, and the segment after the next is after no hole.
    row(
        PreviousSegmentNotCaptured,
        0,
        "20 C A 1 101 0; 21 S A 101 1 100",
        "20 C A 1 101 0; 21 S A 101 1 100; 22 S A 201 1 100",
    ),
    // A number tells as bytes do.
    row(PreviousSegmentNotCaptured, 0, "20 S A 101 1 0", "20 S A 1 1 0"),
    row(
        AckedUnseenSegment,
        0,
        "20 S A 1 1 100; 30 C A 1 201 0",
        "20 S A 1 1 100; 30 C A 1 101 0",
    ),
    row(
        DuplicateAck,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0; 31 C A 1 101 0",
        "20 S A 1 1 100; 30 C A 1 101 0; 31 C A 1 101 0 window=50000",
    ),
    // Another option may be why it was sent; and SACK blocks may have been cut off.
    row(
        DuplicateAck,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0; 31 C A 1 101 0",
        "20 S A 1 1 100; 30 C A 1 101 0; 31 C A 1 101 0 mptcp",
    ),
    row(
        WindowUpdate,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0; 31 C A 1 101 0 window=50000 ts=1",
        "20 S A 1 1 100; 30 C A 1 101 0; 31 C A 1 101 0 window=50000 ts=1 cut",
    ),
    // The answer to a SYN,ACK that comes again challenges nothing.
    row(
        DuplicateAck,
        0,
        "20 S SA 0 1 0; 21 C A 1 1 0",
        "20 S SA 0 1 0; 21 C A 1 1 10",
    ),
    row(
        DelayedAck,
        0,
        "20 S A 1 1 100; 61 C A 1 101 0",
        "20 S A 1 1 100; 35 C A 1 101 0",
    ),
    // Two segments are acknowledged at once: this path got slower.
    row(
        DelayedAck,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0; 40 S A 101 1 100; 90 C A 1 201 0",
        "20 S A 1 1 100; 30 C A 1 101 0; 40 S A 101 1 100; 41 S A 201 1 100; 90 C A 1 301 0",
    ),
    row(
        Sack,
        0,
        "20 S A 101 1 100; 30 C A 1 1 0 sack=101-201",
        "20 S A 101 1 100; 30 C A 1 1 0",
    ),
    row(
        DSack,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0; 300 S A 1 1 100; 310 C A 1 101 0 sack=1-101",
        "20 S A 1 1 100; 30 C A 1 101 0; 300 S A 201 1 100; 310 C A 1 101 0 sack=201-301",
    ),
    row(
        KeepAlive,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0; 5000 S A 100 1 0",
        "20 S A 1 1 100; 30 C A 1 101 0; 5000 S A 101 1 0",
    ),
    // A byte that was never acknowledged is sent again.
    row(
        KeepAlive,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0; 5000 S A 100 1 1",
        "20 S A 1 1 1; 5000 S A 1 1 1",
    ),
    row(
        KeepAliveAck,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0; 5000 S A 100 1 0; 5010 C A 1 101 0",
        "20 S A 1 1 100; 30 C A 1 101 0; 5000 S A 101 1 0; 5010 C A 1 101 0",
    ),
    row(
        ZeroWindow,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0 window=0",
        "20 S A 1 1 100; 30 C A 1 101 0 window=1",
    ),
    // A reset tells no window.
    row(
        ZeroWindow,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0 window=0",
        "20 S A 1 1 100; 30 C R 1 0 0 window=0",
    ),
    row(
        ZeroWindowProbe,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0 window=0; 300 S A 100 1 0",
        "20 S A 1 1 100; 30 C A 1 101 0 window=9; 300 S A 100 1 0",
    ),
    row(
        ZeroWindowProbe,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0 window=0; 300 S A 101 1 1",
        "20 S A 1 1 100; 30 C A 1 101 0 window=1; 300 S A 101 1 1",
    ),
    row(
        ZeroWindowProbeAck,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0 window=0; 300 S A 100 1 0; 310 C A 1 101 0 window=0",
        "20 S A 1 1 100; 30 C A 1 101 0 window=0; 300 S A 100 1 0; 310 C A 1 101 0 window=500",
    ),
    row(
        WindowUpdate,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0 window=0; 400 C A 1 101 0 window=5000",
        "20 S A 1 1 100; 30 C A 1 101 0 window=5000; 400 C A 1 101 0 window=5000",
    ),
    // After the handshake, as macOS has it.
    row(WindowUpdate, 0, "12 S A 1 1 0 window=65000", "12 S A 1 1 0"),
    row(
        WindowFull,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0 window=200; 40 S A 101 1 200",
        "20 S A 1 1 100; 30 C A 1 101 0 window=200; 40 S A 101 1 199",
    ),
    row(Urgent, 0, "20 S AU 1 1 100", "20 S A 1 1 100"),
    // The client acknowledges what came after its FIN; it does not.
    row(
        HalfClose,
        2,
        "20 C FA 1 1 0; 30 S A 1 2 100; 31 C A 2 101 0",
        "20 C FA 1 1 0; 30 S A 1 2 100; 31 C A 2 1 0",
    ),
    row(
        SimultaneousClose,
        0,
        "20 C FA 1 1 0; 21 S FA 1 1 0",
        "20 C FA 1 1 0; 21 S FA 1 2 0",
    ),
    // Of a reset beyond the expected number; of one that fits; of one that comes late.
    row(
        ChallengeAck,
        0,
        "20 S A 1 1 100; 30 C R 51 0 0; 31 S A 101 1 0",
        "20 S A 1 1 100; 30 C R 1 0 0; 31 S A 101 1 0",
    ),
    row(
        ChallengeAck,
        0,
        "20 S A 1 1 100; 30 C R 51 0 0; 31 S A 101 1 0",
        "20 S A 1 1 100; 30 C R 51 0 0; 31 S A 101 1 0; 32 S A 101 1 0",
    ),
    // Below what was acknowledged; the next number. Beyond what was sent; the number of bytes that have no ACK yet.
    row(
        StrayReset,
        0,
        "20 S A 1 1 100; 30 C A 1 101 0; 40 S R 51 0 0",
        "20 S A 1 1 100; 30 C A 1 101 0; 40 S R 101 0 0",
    ),
    row(
        StrayReset,
        0,
        "20 S A 1 1 100; 40 S RA 201 1 0",
        "20 S A 1 1 100; 40 S RA 101 1 0",
    ),
    // Another time to live; one that a second way explains.
    row(
        FromBetween,
        0,
        "20 C A 1 1 5; 21 S R 1 0 0 ttl=250",
        "20 C A 1 1 5; 21 S R 1 0 0 ttl=62",
    ),
    // Of a sender whose packets take ways that differ nothing is known.
    row(
        FromBetween,
        0,
        "20 C A 1 1 5; 21 S R 1 0 0 ttl=60",
        "12 S A 1 1 0 ttl=60; 20 C A 1 1 5; 21 S R 1 0 0 ttl=50",
    ),
    // Bytes beyond the reset; bytes before it, which came late.
    row(
        FromBetween,
        1,
        "20 C A 1 1 5; 21 S R 1 0 0; 22 S A 1 6 10",
        "20 C A 1 1 5; 21 S R 11 0 0; 22 S A 1 6 10",
    ),
    // It acknowledges more than the reset did; as much.
    row(
        FromBetween,
        1,
        "20 C A 1 1 5; 21 S RA 1 1 0; 22 S A 1 6 0",
        "20 C A 1 1 5; 21 S RA 1 6 0; 22 S A 1 6 0",
    ),
    // A whole line; one that goes on.
    row(
        HttpRequest,
        0,
        "20 C PA 1 1 0 says=GET_/_HTTP/1.1|Host:_a||",
        "20 C PA 1 1 0 says=GET_/_HTTP/1.1",
    ),
    // A version of HTTP; another protocol's command.
    row(
        HttpRequest,
        0,
        "20 C PA 1 1 0 says=POST_/a?b=c_HTTP/1.0|",
        "20 C PA 1 1 0 says=MAIL_FROM:<a>_SIZE=1|",
    ),
    // Where a segment ends within the method, what is left of it is none.
    row(
        HttpRequest,
        0,
        "20 C PA 1 1 0 says=POST_/_HTTP/1.1|Host:_a||",
        "20 C PA 1 1 0 says=PO; 21 C PA 3 1 0 says=ST_/_HTTP/1.1|Host:_a||",
    ),
    // Any side may ask; what is sent again was said before.
    row(
        HttpRequest,
        0,
        "20 S PA 1 1 0 says=GET_/_HTTP/1.1|",
        "20 C PA 1 1 0 says=GET_/_HTTP/1.1|; 300 C PA 1 1 0 says=GET_/_HTTP/1.1|",
    ),
    // With a reason, or without; not of HTTP/2.
    row(
        HttpResponse,
        0,
        "20 S PA 1 1 0 says=HTTP/1.1_200|",
        "20 S PA 1 1 0 says=HTTP/2_200|",
    ),
    // It begins; it goes on.
    row(
        HttpResponse,
        0,
        "20 S PA 1 1 0 says=HTTP/1.0_404_Not_Found|Server:_a|",
        "20 S PA 1 1 0 says=Server:_a|HTTP/1.0_404_Not_Found|",
    ),
    // In clear; encrypted, with 16 bytes more.
    row(
        TlsAlert,
        0,
        "20 S PA 1 1 0 says=hex:15030300020228",
        "20 S PA 1 1 0 says=hex:1503030012022800000000000000000000000000000000",
    ),
    // Of a known kind; of an unknown one, and a level that none has.
    row(
        TlsAlert,
        0,
        "20 S PA 1 1 0 says=hex:15030100020100",
        "20 S PA 1 1 0 says=hex:15030100020300; 30 S PA 8 1 0 says=hex:150301000202ff",
    ),
    // Behind another message of a handshake, and before data; behind data, which is encrypted, so that this is too.
    row(
        TlsAlert,
        0,
        "20 S PA 1 1 0 says=hex:160303000401020000150303000202281703030001ff",
        "20 S PA 1 1 0 says=hex:1703030001ff15030300020228",
    ),
    // In the last bytes of a segment; cut off by its end.
    row(
        TlsAlert,
        0,
        "20 S PA 1 1 0 says=hex:14030300010115030300020228",
        "20 S PA 1 1 0 says=hex:140303000101150303000202",
    ),
    // A ClientHello; one of which the segment has too little.
    row(
        TlsClientHello,
        0,
        "20 C PA 1 1 0 says=hex:160301002f0100002b03030000000000000000000000000000000000000000000000000000000000000000000002130101000000",
        "20 C PA 1 1 0 says=hex:160301002f0100002b0303000000000000000000000000000000000000000000000000",
    ),
    // A ServerHello; another message of a handshake.
    row(
        TlsServerHello,
        0,
        "20 S PA 1 1 0 says=hex:160301002c0200002803030000000000000000000000000000000000000000000000000000000000000000001301000000",
        "20 S PA 1 1 0 says=hex:160301002c0b00002803030000000000000000000000000000000000000000000000000000000000000000001301000000",
    ),
    // A SYN with another number; the same again.
    row(
        PortReuse,
        0,
        "20 C R 1 0 0; 900 C S 500000 0 0",
        "20 C R 1 0 0; 900 C S 0 0 0",
    ),
];

/// Those that a handshake would hide.
const ALONE: &[Row] = &[
    // The place behind the router is written first, and nothing has an identification; both frames come as far.
    row(
        CapturedTwice,
        0,
        "20 S A 1 1 100 ttl=63; 25 S A 1 1 100 ttl=64",
        "20 S A 1 1 100 ttl=63; 25 S A 1 1 100 ttl=63",
    ),
    row(FastOpen, 0, "0 C S 0 0 5", "0 C S 0 0 0"),
    row(
        SimultaneousOpen,
        0,
        "0 C S 0 0 0; 5 S S 0 0 0",
        "0 C S 0 0 0; 5 S SA 0 1 0",
    ),
    // The first ACK that is known repeats none.
    row(
        DuplicateAck,
        0,
        "0 S PA 1 1 100; 20 C A 1 1 0; 21 C A 1 1 0",
        "0 S PA 1 1 100; 20 C A 1 1 0",
    ),
    row(BeganBefore, 0, "0 C A 1 1 5", "0 C S 0 0 0"),
    row(BeganBefore, 0, "0 S SA 0 1 0", "0 C S 0 0 0"),
    // The SYN stands behind its answer: one connection. It is another one's.
    row(BeganBefore, 1, "0 S SA 0 1 0; 0 C A 1 1 0", "0 S SA 0 1 0; 0 C S 0 0 0"),
    row(
        PortReuse,
        0,
        "0 S SA 0 1 0; 900 C S 50000 0 0",
        "0 S SA 0 1 0; 900 C S 0 0 0",
    ),
    // An ACK that says nothing of the SYN before it; one whose SYN,ACK was captured; one that comes later.
    row(
        ChallengeAck,
        0,
        "0 C S 0 0 0; 10 S A 900 5000 0",
        "0 C S 0 0 0; 10 S SA 0 1 0; 20 S A 1 5000 0",
    ),
    row(
        ChallengeAck,
        0,
        "0 C S 0 0 0; 10 S A 900 5000 0",
        "0 C S 0 0 0; 10 S A 900 5000 100; 20 S A 1000 5000 0",
    ),
    // Without SACK there is no such probe (RFC 8985, section 3).
    row(
        TailLossProbe,
        0,
        "0 C S 0 0 0; 10 S SA 0 1 0; 11 C A 1 1 0; 20 S A 1 1 100; 45 S A 1 1 100",
        "0 C S 0 0 0 no-sack; 10 S SA 0 1 0; 11 C A 1 1 0; 20 S A 1 1 100; 45 S A 1 1 100",
    ),
    // Without a handshake nobody knows how far away the other end is.
    row(
        DelayedAck,
        0,
        "0 C S 0 0 0; 10 S SA 0 1 0; 11 C A 1 1 0; 20 S A 1 1 100; 30 C A 1 101 0; 40 S A 101 1 100; 90 C A 1 201 0",
        "20 S A 1 1 100; 30 C A 1 101 0; 40 S A 101 1 100; 90 C A 1 201 0",
    ),
    // The SYN,ACK of another attempt repeats none.
    row(
        Retransmission,
        0,
        "0 C S 0 0 0; 10 S SA 0 1 0; 20 S SA 0 1 0",
        "0 C S 0 0 0; 10 S SA 0 1 0; 20 S SA 9000 1 0",
    ),
];

pub(super) fn scripts() -> impl Iterator<Item = (&'static Row, [String; 2])> {
    let after = |before: &'static str| {
        move |row: &'static Row| (row, [row.shows, row.nearly].map(|script| before.to_owned() + script))
    };
    ROWS.iter().map(after(HANDSHAKE)).chain(ALONE.iter().map(after("")))
}

#[test]
fn each_fact_is_shown_and_nearly_shown() {
    for (Row { kind, behind, .. }, [shows, nearly]) in scripts() {
        for (script, expected) in [(shows, true), (nearly, false)] {
            let facts = facts(&read(&file(&[&script])).into_timeline());
            let of_frame = &facts[facts.len() - 1 - behind];
            assert_eq!(
                of_frame.contains(kind.name()),
                expected,
                "{kind} in {script}: {facts:?}"
            );
        }
    }
}

/// Which connection had the ports before, its first frame tells.
#[test]
fn a_port_that_is_used_again_names_the_connection_before() {
    let old = HANDSHAKE.to_owned() + "20 C R 1 0 0; 900 C S 500000 0 0; 910 C R 500001 0 0; 950 C S 900000 0 0";
    let timeline = read(&file(&["0 C S 0 0 0", &old])).into_timeline();
    let packets = packets(&timeline);
    for (place, earlier) in [(5, 2), (7, 6)] {
        let fact = packets[place].facts.get(PortReuse).expect("its ports were in use");
        assert_eq!(fact.evidence[..], [Evidence::Frame(FrameNumber(earlier))]);
    }
    let told = markdown::frames(&timeline, FrameNumber::range(8..=8));
    assert!(
        told.contains("An earlier connection, from frame 6 on, had the same addresses and ports."),
        "{told}"
    );
}

/// What a reset does not end goes on, and is told to its end.
#[test]
fn a_reset_that_nobody_takes_ends_nothing() {
    let asks = "0 C S 0 0 0; 10 S A 900 554000 0; 11 C R 554000 0 0; ";
    let session = "1000 C S 0 0 0; 1010 S SA 0 1 0; 1011 C A 1 1 0; 1012 C PA 1 1 5; 1020 S PA 1 6 7; \
        1030 C FA 6 8 0; 1040 S FA 8 7 0; 1041 C A 7 9 0";
    let stray = "0 C S 0 0 0; 10 S SA 0 1 0; 11 C A 1 1 0; 12 C PA 1 1 5; 20 S PA 1 6 7; 21 C A 6 8 0; 22 S R 1 0 0; \
        30 C FA 6 8 0; 40 S FA 8 7 0; 41 C A 7 9 0";
    for script in [&(asks.to_owned() + session), stray] {
        let file = file(&[script]);
        let clean = Teardown::Clean { first: Side::Client };
        for timeline in [read(&file).into_timeline(), as_of_a_long_one(&file, &Lanes::default())] {
            assert_eq!(timeline.teardown(), clean, "{script}");
        }
        let timeline = read(&file).into_timeline();
        assert_eq!(timeline.segments_per_reply(), [1]);
        let sentences = markdown::frames(&timeline, FrameNumber::range(1..=99));
        assert!(!sentences.contains("speaks first"), "{sentences}");
        assert!(!sentences.contains("resets the connection"), "{sentences}");
    }
    // The same reset with the number that is expected.
    let ends = stray.replace("S R 1 0 0", "S R 8 0 0");
    let timeline = read(&file(&[ends.split("; 30").next().expect("it has frames")])).into_timeline();
    assert_eq!(timeline.teardown(), Teardown::Reset { by: Side::Server });
}

#[test]
fn a_reset_from_between_is_not_the_servers() {
    let script = HANDSHAKE.to_owned() + "20 C PA 1 1 15; 21 S R 1 0 0 ttl=250; 29 S A 1 16 0; 30 C R 16 0 0";
    let file = file(&[&script]);
    for timeline in [read(&file).into_timeline(), as_of_a_long_one(&file, &Lanes::default())] {
        assert_eq!(timeline.teardown(), Teardown::Cut { by: Side::Server });
        let drawn = Lanes::default().draw(&timeline);
        assert!(!drawn.contains("reset by the server"), "{drawn}");
    }
}

/// A reset that neither side heeds, as both talk on, ends nothing.
#[test]
fn a_forged_reset_that_nobody_takes_ends_nothing() {
    let forged = HANDSHAKE.to_owned() + "20 C PA 1 1 5; 21 S R 1 0 0 ttl=250; 22 S PA 1 6 10; ";
    let ignored = forged.clone() + "23 C A 6 11 0; 30 C FA 6 11 0; 40 S FA 11 7 0; 41 C A 7 12 0";
    // Without the data it may have taken it: what it sent was on its way.
    let taken = forged + "23 C A 6 1 0";
    let (clean, cut) = (
        Teardown::Clean { first: Side::Client },
        Teardown::Cut { by: Side::Server },
    );
    for (script, end) in [(ignored, clean), (taken, cut)] {
        let file = file(&[&script]);
        for timeline in [read(&file).into_timeline(), as_of_a_long_one(&file, &Lanes::default())] {
            assert_eq!(timeline.teardown(), end, "{script}");
            assert!(packets(&timeline)[4].facts.has(FromBetween), "{script}");
            let drawn = Lanes::default().draw(&timeline);
            assert_eq!(drawn.contains("TIME_WAIT"), end == clean, "{drawn}");
        }
    }
}

/// Exchanges go on behind a reset that was forged, be it known at once, by its hops, or later, as its alleged sender goes on.
#[test]
fn a_forged_reset_ends_no_exchange() {
    let second = "; 30 C PA 6 11 5; 40 S PA 11 11 10; 41 C A 11 21 0; 50 C FA 11 21 0; 60 S FA 21 12 0; 61 C A 12 22 0";
    let of_server = |ttl: u8| format!("20 C PA 1 1 5; 21 S R 1 0 0 ttl={ttl}; 22 S PA 1 6 10; 23 C A 6 11 0{second}");
    let of_client = format!("20 C PA 1 1 5; 22 S PA 1 6 10; 23 C A 6 11 0; 24 C R 6 0 0{second}");
    // What was on its way before is no proof; with it the exchange goes on.
    let before = format!("20 C PA 1 1 5; 21 S R 1 0 0; 22 S A 1 1 0; 23 S PA 1 6 10; 24 C A 6 11 0{second}");
    let ends = "20 C PA 1 1 5; 22 S PA 1 6 10; 23 C A 6 11 0; 24 S R 11 0 0; 30 C PA 6 11 5".to_owned();
    for (script, packets, segments) in [
        (of_server(64), vec![4, 3], vec![1, 1]),
        (of_server(250), vec![4, 3], vec![1, 1]),
        (of_client, vec![3, 3], vec![1, 1]),
        (before, vec![5, 3], vec![1, 1]),
        (ends, vec![3], vec![1]),
    ] {
        let file = file(&[HANDSHAKE.to_owned() + &script]);
        let limits = timeline::Limits {
            exchanges: 9,
            ..Lanes::default().limits()
        };
        let long = super::excerpt_of(&file, timeline::Limits { whole: 0, ..limits });
        for timeline in [read(&file).into_timeline(), long] {
            assert_eq!(timeline.packets_per_exchange(), packets, "{script}");
            assert_eq!(timeline.segments_per_reply(), segments, "{script}");
            assert_eq!(Overview::of(&timeline).rows[0].answered, packets.len(), "{script}");
        }
    }
}

/// Who did not send the reset has not closed; who took it has. How many hops it took tells, or that its alleged sender
/// goes on.
#[test]
fn a_forged_reset_closes_its_receiver_alone() {
    let by_hops = HANDSHAKE.to_owned() + "20 C PA 1 1 15; 21 S R 1 0 0 ttl=250; 29 S A 1 16 0";
    let by_talk = HANDSHAKE.to_owned() + "20 C PA 1 1 5; 21 S R 1 0 0; 22 S PA 1 6 10";
    let own = HANDSHAKE.to_owned() + "20 C PA 1 1 5; 21 S R 1 0 0; 22 S PA 1 6 0";
    let (established, gone) = (Some(TcpState::Established), None);
    for (script, server) in [(by_hops, established), (by_talk, established), (own, gone)] {
        let file = file(&[&script]);
        for timeline in [read(&file).into_timeline(), as_of_a_long_one(&file, &Lanes::default())] {
            let closing = timeline.only().closing();
            assert_eq!((closing.client_left, closing.server_left), (None, server), "{script}");
            let drawn = Lanes::default().draw(&timeline);
            assert_eq!(drawn.contains("socket: closed"), server == gone, "{drawn}");
        }
        let timeline = read(&file).into_timeline();
        let why = &packets(&timeline)[4].facts.why;
        assert_eq!(why.reason == Reason::ClosedSocket, server == gone, "{script}: {why:?}");
    }
}

/// A SYN that met an old socket was not lost: it is not sent again, nor is its answer late.
#[test]
fn a_challenged_syn_asks_anew() {
    let asks = "0 C S 0 0 0; 18 S A 900 554000 0; ";
    let session = "1018 C S 0 0 0; 1036 S SA 0 1 0; 1037 C A 1 1 0";
    // The number of the old connection may lie above that of the new SYN, or below it.
    for old in ["554000", "4294880629", "3221225472"] {
        let answered = format!("0 C S 0 0 0; 18 S A 900 {old} 0; 19 C R {old} 0 0; {session}");
        let challenged = read(&file(&[&answered])).into_timeline();
        assert_eq!(challenged.finding_ids(), [], "{old}");
        assert_eq!(challenged.teardown(), Teardown::Open, "{old}");
        let facts = facts(&challenged);
        assert!(!facts[3].contains(Retransmission.name()), "{old}: {facts:?}");
    }
    // Without the challenge the SYN was lost, and with it alone nothing ended what was there.
    let lost = read(&file(&[format!("0 C S 0 0 0; {session}")])).into_timeline();
    assert_eq!(lost.finding_ids(), [RuleId::SentAgain, RuleId::LateHandshake]);
    let silent = read(&file(&[format!("{asks}{session}")])).into_timeline();
    assert!(facts(&silent)[2].contains(Retransmission.name()));
}

/// Where the SYN stands behind its answer, it is 0 all the same, and nothing is said to be before that by less than is told.
#[test]
fn a_syn_behind_its_answer_is_the_beginning() {
    let drawn = Lanes::default().draw(&read(&file(&["3 S SA 0 1 0; 0 C S 0 0 0; 4 C A 1 1 0"])).into_timeline());
    let times: Vec<&str> = drawn
        .lines()
        .filter(|line| line.contains(['►', '◄']))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(times, ["3.0", "0.0", "4.0"], "{drawn}");
    let near = timeline::scene::Moment(-49_999);
    assert_eq!(
        (near.to_string(), timeline::scene::Moment(-50_000).to_string()),
        ("0.0".into(), "-0.1".into())
    );
}

/// Of one direction nothing tells whose FIN was the first.
#[test]
fn of_one_direction_no_close_is_known() {
    let one_way = "10 S SA 0 1 0; 20 S A 1 5 0; 21 S PA 1 5 100; 30 S FA 101 6 0";
    let both_ways = format!("{one_way}; 40 C A 6 102 0");
    let drawn = |script: &str| Lanes::default().draw(&read(&file(&[script])).into_timeline());
    let still_open = one_way.split("; 30").next().expect("it has frames");
    assert!(drawn(still_open).contains("none seen, of the one side that was captured"));
    assert!(drawn(&format!("{still_open}; 40 C A 5 101 0")).contains("none: neither side has sent a FIN"));
    let none = "10 S SA 0 1 0; 20 S A 1 5 0; 21 S PA 1 5 100";
    for (script, expected, is_drawn) in [
        (one_way, Teardown::Unknown, false),
        (&both_ways, Teardown::LeftOpen(TcpState::FinWait2), true),
        (none, Teardown::Open, false),
    ] {
        let file = file(&[script]);
        for timeline in [read(&file).into_timeline(), as_of_a_long_one(&file, &Lanes::default())] {
            assert_eq!(timeline.teardown(), expected, "{script}");
            assert_eq!(
                timeline.only().closing().server_left.is_none(),
                expected == Teardown::Unknown
            );
            let drawn = Lanes::default().draw(&timeline);
            assert_eq!(drawn.contains("FIN_WAIT"), is_drawn, "{drawn}");
        }
    }
}

/// The end of a file is not the end of a connection.
#[test]
fn what_is_still_open_when_a_capture_ends() {
    for (script, expected) in [
        (
            "20 C FA 1 1 0; 40 S A 1 2 0",
            "half open: the client has sent its FIN, the server none yet where the capture ends, 20 ms later",
        ),
        (
            "20 S A 1 1 700; 21 C FA 1 1 0; 40 S A 701 2 0",
            "19 ms later; 700 bytes of it have no ACK, so its FIN may wait behind them",
        ),
        (
            "20 C FA 1 1 0; 40 S FA 1 2 0",
            "closing: both sides have sent a FIN, and not all is acknowledged where the capture ends",
        ),
        (
            "20 C FA 1 1 0; 40 S FA 1 2 0; 41 C A 2 2 0",
            "clean: the client closed first",
        ),
    ] {
        let file = file(&[HANDSHAKE.to_owned() + script]);
        for timeline in [
            read(&file).into_timeline(),
            as_of_a_long_one(&file, &Lanes::with_width(200)),
        ] {
            let drawn = Lanes::with_width(200).draw(&timeline);
            assert!(drawn.contains(expected), "{drawn}");
            assert!(!drawn.contains("left open"), "{drawn}");
        }
    }
}

/// A state of the other host is known by what that host sends, and not when the packet passes that brings it.
#[test]
fn a_fin_that_passes_has_not_come() {
    let script =
        HANDSHAKE.to_owned() + "20 S A 1 1 100; 21 S FA 101 1 0; 200 C A 1 102 0; 210 C FA 1 102 0; 220 S A 102 2 0";
    let timeline = read(&file(&[script])).into_timeline();
    let states: Vec<(usize, Side, Option<TcpState>)> = timeline
        .iter()
        .flat_map(|(id, _)| {
            timeline
                .states_after(id)
                .iter()
                .map(move |state| (id.index() + 1, state.change.side, state.change.to))
        })
        .collect();
    assert_eq!(
        states[2..],
        [
            (5, Side::Server, Some(TcpState::FinWait1)),
            (6, Side::Client, Some(TcpState::CloseWait)),
            (6, Side::Server, Some(TcpState::FinWait2)),
            (7, Side::Client, Some(TcpState::LastAck)),
            (8, Side::Client, None),
            (8, Side::Server, Some(TcpState::TimeWait)),
        ]
    );
}

/// What a capture of one direction, or of a part of a reply, does not tell is not said.
#[test]
fn what_was_not_captured_is_not_concluded() {
    let one_way = "10 S SA 0 1 0; 20 S A 1 5 0; 21 S PA 1 5 100; 30 S FA 101 6 0";
    let holed = HANDSHAKE.to_owned() + "20 C PA 1 1 5; 30 S PA 4345 6 600; 31 C A 6 1 0 sack=4345-4945";
    let unseen = HANDSHAKE.to_owned() + "30 S PA 1 108 4";
    let filled = HANDSHAKE.to_owned() + "20 C PA 1 1 5; 30 S PA 101 6 600; 31 S PA 1 6 100; 40 C A 6 701 0";
    let told = |script: &str| {
        let timeline = read(&file(&[script])).into_timeline();
        markdown::frames(&timeline, FrameNumber::range(1..=99)) + &Lanes::with_width(200).draw(&timeline)
    };
    let says = |script: &str, is: &[&str], is_not: &[&str]| {
        let told = told(script);
        for words in is {
            assert!(told.contains(words), "{words}: {told}");
        }
        for words in is_not {
            assert!(!told.contains(words), "{words}: {told}");
        }
    };
    says(
        one_way,
        &["who closed first is not known", "nothing of the client was captured"],
        &["closes first", "half open"],
    );
    says(&holed, &["a reply, or a part of one", "at least 1"], &["whole reply"]);
    says(
        &unseen,
        &["What the client sent before was not captured"],
        &["speaks first"],
    );
    says(
        &filled,
        &["The last part of the reply", "acknowledges the reply."],
        &["at least", "a part of one"],
    );
    says(
        &(HANDSHAKE.to_owned() + "20 S PA 1 1 4 ts=50; 30 C A 1 5 0 ts=5/50; 40 S PA 5 1 4 ts=40/5"),
        &["older than the one that frame 5 echoes. So the client throws it away, if it follows RFC 7323."],
        &["not captured"],
    );
    says(
        &(HANDSHAKE.to_owned() + "20 S PA 1 1 4"),
        &["speaks first"],
        &["not captured"],
    );
}

/// What is captured twice counts once, in every figure, whatever it is.
#[test]
fn a_mirrored_port_tells_of_one_conversation() {
    let script = "0 C S 0 0 0; 10 S SA 0 1 0; 11 C A 1 1 0; 12 C PA 1 1 5; 20 S A 1 6 0; 25 S PA 1 6 7; \
        40 C A 6 8 0; 50 C FA 6 8 0; 60 S FA 8 7 0; 70 C A 7 9 0";
    let mut twice = Vec::new();
    for (line, id) in script.split("; ").zip(1..) {
        twice.push(format!("{line} id={id} ttl=64"));
        twice.push(format!("{line} id={id} ttl=63"));
    }
    let once = read(&file(&[script])).into_timeline();
    let file = file(&[&twice.join("; ")]);
    let excerpt = as_of_a_long_one(&file, &Lanes::default());
    let twice = read(&file).into_timeline();
    for (facts, place) in facts(&twice).iter().zip(0..) {
        assert_eq!(
            facts.contains(CapturedTwice.name()),
            place % 2 == 1,
            "frame {}",
            place + 1
        );
        assert!(place % 2 == 0 || facts.len() == 1, "{facts:?}");
    }
    assert_eq!(excerpt.teardown(), once.teardown());
    assert_eq!(twice.teardown(), once.teardown());
    assert_eq!(twice.packets_per_exchange(), once.packets_per_exchange());
    assert_eq!(twice.segments_per_reply(), once.segments_per_reply());
    assert_eq!(
        twice.only().closing().packets.len(),
        once.only().closing().packets.len()
    );
    let bytes = |timeline: &Timeline| Overview::of(timeline).rows[0].bytes;
    assert_eq!(bytes(&twice), bytes(&once));
    let figures = |timeline: &Timeline| {
        let drawn = Lanes::default().draw(timeline);
        drawn.rsplit_once("\n\n").map(|(_, figures)| figures.to_owned())
    };
    assert_eq!(figures(&twice), figures(&once));
    assert_eq!(figures(&excerpt), figures(&once));
}

/// A message of a handshake of TLS in a record: from the client, or from the server.
fn hello(by_client: bool, extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    fn counted(bytes: usize, data: &[u8]) -> Vec<u8> {
        let length = data.len().to_be_bytes();
        [&length[length.len() - bytes..], data].concat()
    }
    let of_one = |(kind, data): &(u16, Vec<u8>)| [kind.to_be_bytes().to_vec(), counted(2, data)].concat();
    let extensions: Vec<u8> = extensions.iter().flat_map(of_one).collect();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend(counted(1, &[9; 32]));
    match by_client {
        true => body.extend([counted(2, &[0x13, 1, 0x13, 2]), counted(1, &[0])].concat()),
        false => body.extend([0x13, 1, 0]),
    }
    body.extend(counted(2, &extensions));
    let message = [vec![2 - u8::from(by_client)], counted(3, &body)].concat();
    [vec![22, 3, 1], counted(2, &message)].concat()
}

/// A name, of GREASE and versions, in this order; another extension stands before them.
fn client_hello() -> Vec<u8> {
    let name = b"\x00\x0e\x00\x00\x0bexample.org".to_vec();
    let versions = vec![8, 0x5a, 0x5a, 3, 4, 3, 3, 3, 2];
    hello(true, &[(23, Vec::new()), (0, name), (43, versions)])
}

/// What is said of a first segment of the client with such bytes, and its facts.
fn of_each(segments: &[Vec<u8>]) -> Vec<(Option<String>, BTreeSet<&'static str>)> {
    let script = |bytes: &Vec<u8>| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{HANDSHAKE} 20 C PA 1 1 0 says=hex:{digits}")
    };
    let timeline = read(&file(&segments.iter().map(script).collect::<Vec<_>>())).into_timeline();
    let connections = timeline.connections().map(|connection| {
        let (_, last) = connection.packets().last().expect("it has packets");
        let facts = last.facts.facts().iter().map(|fact| fact.kind.name());
        (last.in_clear(), facts.collect())
    });
    connections.collect()
}

#[test]
fn what_is_in_clear_is_said_as_far_as_it_is_there() {
    let said = |bytes: &[u8]| of_each(&[bytes.to_vec()]).remove(0).0.unwrap_or_default();
    let client = client_hello();
    assert_eq!(said(&client), "a TLS ClientHello for example.org, up to TLS 1.3");
    let server = hello(false, &[(51, vec![1; 36]), (43, vec![3, 4])]);
    assert_eq!(said(&server), "a TLS ServerHello, TLS 1.3");
    assert_eq!(said(&hello(true, &[])), "a TLS ClientHello, up to TLS 1.2");
    assert_eq!(said(&hello(false, &[])), "a TLS ServerHello, TLS 1.2");
    let future = hello(true, &[(43, vec![2, 9, 9])]);
    assert_eq!(said(&future), "a TLS ClientHello");
    // In two records.
    let one = hello(true, &[(51, vec![1; 36])]);
    let (first, second) = one[5..].split_at(one.len() - 25);
    let record = |part: &[u8]| [&[22, 3, 1, 0, u8::try_from(part.len()).expect("it is short")], part].concat();
    assert_eq!(
        said(&[record(first), record(second)].concat()),
        "a TLS ClientHello, up to TLS 1.2"
    );
    // An alert that is encrypted, of which two bytes are there.
    assert_eq!(said(b"\x15\x03\x03\x00\x12\x02\x28"), "");
    // What stands behind each other is said in that order, also where the first is put together.
    let alert = b"\x15\x03\x03\x00\x02\x01\x70";
    let hello_and_alert = "a TLS ServerHello, TLS 1.2, then a TLS alert, warning: unrecognized_name";
    assert_eq!(said(&[&hello(false, &[]), &alert[..]].concat()), hello_and_alert);
    assert_eq!(
        said(&[&alert[..], &hello(false, &[])].concat()),
        "a TLS alert, warning: unrecognized_name, then a TLS ServerHello, TLS 1.2"
    );
    let whole = hello(false, &[]);
    let (first, second) = whole[5..].split_at(20);
    assert_eq!(
        said(&[&record(first), &record(second), &alert[..]].concat()),
        hello_and_alert
    );
    let both = &of_each(&[[&whole, &alert[..]].concat()])[0].1;
    assert!(
        both.contains(TlsAlert.name()) && both.contains(TlsServerHello.name()),
        "{both:?}"
    );
    let odd_name = hello(true, &[(0, b"\x00\x06\x00\x00\x03a\x1bb".to_vec())]);
    assert_eq!(said(&odd_name), "a TLS ClientHello, up to TLS 1.2");
    assert_eq!(
        said(b"\x15\x03\x03\x00\x02\x01\x70"),
        "a TLS alert, warning: unrecognized_name"
    );
    assert_eq!(
        said(b"HTTP/1.1 404 Not Found\r\n"),
        "the status line \"HTTP/1.1 404 Not Found\""
    );
    let long = ["GET /", &"a".repeat(200), " HTTP/1.1\r\n"].concat();
    assert_eq!(
        said(long.as_bytes()),
        format!("the request line \"GET /{}...\"", "a".repeat(95))
    );
    // A segment that ends early: each thing is said when all of it is there, and the old version only of a whole one.
    let cut: Vec<Vec<u8>> = (0..client.len()).map(|length| client[..length].to_vec()).collect();
    let mut known: Vec<String> = of_each(&cut)
        .into_iter()
        .map(|(said, _)| said.unwrap_or_default())
        .collect();
    known.dedup();
    assert_eq!(known, ["", "a TLS ClientHello", "a TLS ClientHello for example.org"]);
}

/// A handshake that comes in pieces is read in the last of them, if each follows the one before.
#[test]
fn a_hello_goes_on_in_the_next_segment() {
    let whole = client_hello();
    let script = |cuts: &[usize], shift: usize| {
        let mut script = HANDSHAKE.to_owned();
        let ends = cuts.iter().skip(1).copied().chain([whole.len()]);
        for (place, (from, to)) in cuts.iter().copied().zip(ends).enumerate() {
            let digits: String = whole[from..to].iter().map(|byte| format!("{byte:02x}")).collect();
            let seq = 1 + from + shift * place;
            script += &format!("{} C A {seq} 1 0 says=hex:{digits}; ", 20 + place);
        }
        script
    };
    let told = |script: &str| {
        let timeline = read(&file(&[script])).into_timeline();
        let packets = packets(&timeline);
        let last = packets.last().expect("it has packets");
        (last.in_clear(), last.facts.has(TlsClientHello))
    };
    let all = Some("a TLS ClientHello for example.org, up to TLS 1.3".to_owned());
    for cuts in [&[0, 1][..], &[0, 5], &[0, 20, 40], &[0, whole.len() - 1]] {
        assert_eq!(told(&script(cuts, 0)), (all.clone(), true), "{cuts:?}");
        // A byte between two of them is missing.
        assert_eq!(told(&script(cuts, 1)), (None, false), "{cuts:?}");
    }
    let timeline = read(&file(&[script(&[0, 60], 0)])).into_timeline();
    let sentences = markdown::frames(&timeline, FrameNumber::range(1..=99));
    assert!(
        sentences.contains("It completes a TLS ClientHello for example.org, up to TLS 1.3, which began in frame 4."),
        "{sentences}"
    );
    // What never ends is given up: little is kept of it.
    let mut endless = HANDSHAKE.to_owned() + "20 C A 1 1 0 says=hex:16030140000100ffff0303";
    for place in 0..20 {
        endless += &format!("; {} C A {} 1 1000", 30 + place, 11 + 1000 * place);
    }
    assert_eq!(told(&endless), (None, false));
}

/// What is in a body is no message of its own, as far as the head says how long that is.
#[test]
fn a_body_begins_nothing() {
    let of_last = |script: &str| {
        let facts = facts(&read(&file(&[HANDSHAKE.to_owned() + script])).into_timeline());
        facts.last().expect("it has packets").contains(HttpRequest.name())
    };
    let post = "20 C PA 1 1 0 says=POST_/_HTTP/1.1|Content-Length:_16||; ";
    assert!(!of_last(&(post.to_owned() + "30 C PA 40 1 0 says=GET_/_HTTP/1.1|")));
    assert!(of_last(
        &(post.to_owned() + "30 C PA 40 1 16; 40 C PA 56 1 0 says=GET_/_HTTP/1.1|")
    ));
    // Who waits for a word may leave the body out.
    let waits = "20 C PA 1 1 0 says=POST_/_HTTP/1.1|Expect:_100-continue|Content-Length:_16||; ";
    assert!(of_last(&(waits.to_owned() + "30 C PA 62 1 0 says=GET_/_HTTP/1.1|")));
    // A body in chunks, until the last of them.
    let chunks = "20 C PA 1 1 0 says=POST_/_HTTP/1.1|Transfer-Encoding:_chunked||; 30 C PA 48 1 0 says=5|";
    assert!(!of_last(&(chunks.to_owned() + "; 40 C PA 51 1 0 says=GET_/_HTTP/1.1|")));
    let ends = "; 40 C PA 51 1 0 says=hello|0||; 50 C PA 63 1 0 says=GET_/_HTTP/1.1|";
    assert!(of_last(&(chunks.to_owned() + ends)));
    // A head in two segments, and one that is whole.
    assert!(!of_last(
        "20 C PA 1 1 0 says=GET_/_HTTP/1.1|; 30 C PA 17 1 0 says=GET_/_HTTP/1.1|"
    ));
    assert!(of_last(
        "20 C PA 1 1 0 says=GET_/_HTTP/1.1||; 30 C PA 19 1 0 says=GET_/_HTTP/1.1|"
    ));
    // Of a response without a length all that follows is its body; behind an interim one the final one follows.
    let response = |script: &str| {
        let facts = facts(&read(&file(&[HANDSHAKE.to_owned() + script])).into_timeline());
        facts.last().expect("it has packets").clone()
    };
    let page = "20 S PA 1 1 0 says=HTTP/1.1_200_OK||; 30 S PA 20 1 0 says=GET_/_HTTP/1.1|";
    assert!(!response(page).contains(HttpRequest.name()));
    // It may be a tunnel.
    let hello = "30 S PA 20 1 0 says=hex:15030300020228";
    assert!(response(&page.replace("30 S PA 20 1 0 says=GET_/_HTTP/1.1|", hello)).contains(TlsAlert.name()));
    let go_on = "20 S PA 1 1 0 says=HTTP/1.1_100_Continue||; 30 S PA 26 1 0 says=HTTP/1.1_200_OK|";
    assert!(response(go_on).contains(HttpResponse.name()));
    // In a response no request begins; another response may, as the first may be to HEAD.
    let answer = "20 S PA 1 1 0 says=HTTP/1.1_200_OK|Content-Length:_90||; 30 S PA 40 1 0 says=";
    assert!(!of_last(&(answer.to_owned() + "GET_/_HTTP/1.1|")));
    let timeline = read(&file(&[HANDSHAKE.to_owned() + answer + "HTTP/1.1_200_OK|"])).into_timeline();
    assert!(
        packets(&timeline)
            .last()
            .is_some_and(|last| last.facts.has(HttpResponse))
    );
}

/// How long a response is, the method of its request decides, where that was seen.
#[test]
fn a_request_decides_how_long_its_response_is() {
    let of_last = |script: &str| {
        let facts = facts(&read(&file(&[HANDSHAKE.to_owned() + script])).into_timeline());
        facts.last().expect("it has packets").clone()
    };
    let begins = |asks: &str, answers: &str| {
        of_last(&format!("15 C PA 1 1 0 says={asks}; {answers}")).contains(HttpResponse.name())
    };
    let (get, head) = ("GET_/_HTTP/1.1||", "HEAD_/_HTTP/1.1||");
    let promised = "20 S PA 1 1 0 says=HTTP/1.1_200_OK|Content-Length:_90||; 30 S PA 40 1 0 says=HTTP/1.1_404_No|";
    let chunked =
        "20 S PA 1 1 0 says=HTTP/1.1_200_OK|Transfer-Encoding:_chunked||; 30 S PA 48 1 0 says=HTTP/1.1_404_No|";
    let to_the_end = "20 S PA 1 1 0 says=HTTP/1.1_200_OK||; 30 S PA 20 1 0 says=HTTP/1.1_404_No|";
    for answers in [promised, chunked, to_the_end] {
        assert!(!begins(get, answers), "{answers}");
        assert!(begins(head, answers), "{answers}");
        // Which one it answers nobody knows where a part of what was asked is missing, or all of it.
        assert!(
            begins(&format!("{get}; 16 C PA 400 1 0 says={get}"), answers),
            "{answers}"
        );
        assert!(begins("x", answers), "{answers}");
    }
    // Each answers the next request; an interim response answers none.
    let both = [get, head].concat();
    let first = "18 S PA 1 1 0 says=HTTP/1.1_200_OK|Content-Length:_5||hello; ";
    let after = |script: &str, shift: u32| {
        let moved = |seq: u32| format!(" S PA {} ", seq + shift);
        script.replace(" S PA 1 ", &moved(1)).replace(" S PA 40 ", &moved(40))
    };
    assert!(begins(&both, &(first.to_owned() + &after(promised, 43))));
    assert!(!begins(
        &[get, get].concat(),
        &(first.to_owned() + &after(promised, 43))
    ));
    let interim = "18 S PA 1 1 0 says=HTTP/1.1_103_Early_Hints||; ";
    assert!(begins(head, &(interim.to_owned() + &after(promised, 28))));
    assert!(!begins(&both, &(interim.to_owned() + &after(promised, 28))));
    // Behind a tunnel's head another protocol may begin.
    let upgrade = "20 S PA 1 1 0 says=HTTP/1.1_101_Switching_Protocols||; 30 S PA 37 1 0 says=hex:15030300020228";
    let tunnel = "20 S PA 1 1 0 says=HTTP/1.1_200_OK||; 30 S PA 20 1 0 says=hex:15030300020228";
    for (asks, answers) in [(get, upgrade), ("CONNECT_a:1_HTTP/1.1||", tunnel)] {
        assert!(of_last(&format!("15 C PA 1 1 0 says={asks}; {answers}")).contains(TlsAlert.name()));
    }
}

/// What is less than its head promised is not called whole.
#[test]
fn a_part_of_a_reply_is_not_the_whole() {
    let told = |length: u32| {
        let asks = "20 C PA 1 1 0 says=GET_/_HTTP/1.1||; ".to_owned();
        let reply = format!("30 S PA 1 19 0 says=HTTP/1.1_200_OK|Content-Length:_{length}||hello; 40 S FA 44 19 0");
        let timeline = read(&file(&[HANDSHAKE.to_owned() + &asks + &reply])).into_timeline();
        markdown::frames(&timeline, FrameNumber::range(1..=99))
    };
    assert!(told(5).contains("The whole reply in one segment."), "{}", told(5));
    assert!(told(6).contains("a reply, or a part of one"), "{}", told(6));
}

#[test]
fn bytes_that_are_not_what_they_seem_do_no_harm() {
    let mut segments = vec![
        vec![22],
        // Lengths that reach beyond everything.
        vec![22, 3, 3, 0xff, 0xff, 1, 0xff, 0xff, 0xff, 3, 3],
    ];
    for whole in [
        client_hello(),
        hello(false, &[(43, vec![3, 4])]),
        b"GET / HTTP/1.1\r\n".to_vec(),
    ] {
        for place in 0..whole.len() {
            segments.extend([0, 1, 0xff, whole[place].wrapping_add(1)].map(|wrong| {
                let mut bytes = whole.clone();
                bytes[place] = wrong;
                bytes
            }));
        }
    }
    for ((said, facts), bytes) in of_each(&segments).iter().zip(&segments) {
        assert_eq!(said.is_some(), facts.len() == 1, "{bytes:02x?}: {said:?}, {facts:?}");
    }
}

#[test]
#[ignore = "needs tshark"]
fn tshark_reads_the_same_in_clear() {
    let folder = Folder::new("clear");
    let digits: String = client_hello().iter().map(|byte| format!("{byte:02x}")).collect();
    let scripts = [
        format!("{HANDSHAKE} 20 C PA 1 1 0 says=hex:{digits}"),
        format!(
            "{HANDSHAKE} 20 C PA 1 1 0 says=GET_/a?b_HTTP/1.1|Host:_a||; 30 S PA 1 32 0 says=HTTP/1.1_404_Not_Found|Content-Length:_0||"
        ),
        format!("{HANDSHAKE} 20 S PA 1 1 0 says=hex:15030300020228"),
    ];
    let path = folder.file("clear.pcap", &file(&scripts));
    let fields = |protocol: &str, names: &[&str]| {
        let decode = format!("tcp.port==3000,{protocol}");
        let mut arguments = vec!["-n", "-r", text(&path), "-d", &decode, "-T", "fields", "-Y", protocol];
        arguments.extend(names.iter().flat_map(|name| ["-e", name]));
        run("tshark", &arguments).trim().to_owned()
    };
    let http = ["http.request.uri", "http.response.code", "http.response.phrase"];
    assert_eq!(fields("http", &http), "/a?b\t\t\n\t404\tNot Found");
    let tls = ["extensions_server_name", "extensions.supported_version"].map(|name| format!("tls.handshake.{name}"));
    let alert = "tls.alert_message.desc".to_owned();
    let said = fields("tls", &[&tls[0], &tls[1], &alert]);
    assert_eq!(said, "example.org\t0x5a5a,0x0304,0x0303,0x0302\t\n\t\t40");
}

#[test]
fn each_fact_has_a_row() {
    let shown: BTreeSet<FactKind> = scripts().map(|(row, _)| row.kind).collect();
    assert_eq!(shown, FactKind::ALL.into_iter().collect());
}

/// Chance that is the same each time (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// What becomes of a segment on its way past the capture.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Comes,
    IsLostBefore,
    IsLostBehind,
    IsNotCaptured,
    IsOvertaken,
    ComesTwice,
}

/// A server that sends bursts through a network which loses, swaps and copies, seen in the middle of the way;
/// a client that acknowledges each segment. What was lost is sent again 300 ms later.
fn chance(seed: u64) -> String {
    const SIZE: u32 = 100;
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut lines = vec![(0, HANDSHAKE.trim_end_matches("; ").to_owned())];
    let (mut first, mut got) = (0_u32, BTreeSet::<u32>::new());
    for burst in 0..6_u64 {
        let count = 2 + u32::try_from(chance.below(7)).expect("it is small");
        let begin = 1_000 * (burst + 1);
        let mut arrivals = Vec::new();
        for segment in first..first + count {
            let at = begin + 10 * u64::from(segment - first);
            let fate = match chance.below(20) {
                0 => Fate::IsLostBefore,
                1 => Fate::IsLostBehind,
                2 => Fate::IsNotCaptured,
                3 => Fate::IsOvertaken,
                4 => Fate::ComesTwice,
                _ => Fate::Comes,
            };
            let captured = if fate == Fate::IsOvertaken { at + 15 } else { at };
            let line = format!("{captured} S A {} 1 {SIZE}", 1 + segment * SIZE);
            if !matches!(fate, Fate::IsLostBefore | Fate::IsNotCaptured) {
                lines.push((captured, line.clone()));
            }
            if fate == Fate::ComesTwice {
                lines.push((captured, line));
                arrivals.push((captured, segment));
            }
            match fate {
                Fate::IsLostBefore | Fate::IsLostBehind => {
                    let again = begin + 300 + 10 * u64::from(segment - first);
                    lines.push((again, format!("{again} S A {} 1 {SIZE}", 1 + segment * SIZE)));
                    arrivals.push((again, segment));
                }
                _ => arrivals.push((captured, segment)),
            }
        }
        arrivals.sort();
        for (at, segment) in arrivals {
            got.insert(segment);
            let next = (0..).find(|segment| !got.contains(segment)).expect("there is no end");
            // An ACK may be lost before it comes to the capture.
            if chance.below(12) > 0 {
                lines.push((at + 2, format!("{} C A 1 {} 0", at + 2, 1 + next * SIZE)));
            }
        }
        first += count;
    }
    lines.sort_by_key(|line| line.0);
    lines.into_iter().map(|line| line.1).collect::<Vec<_>>().join("; ")
}

/// What tshark says of each frame, by our names.
fn by_tshark(name: &str, file: &[u8]) -> Vec<BTreeSet<&'static str>> {
    let folder = Folder::new(name);
    let path = folder.file("facts.pcap", file);
    let kinds: Vec<FactKind> = FactKind::ALL
        .into_iter()
        .filter(|kind| kind.wireshark().is_some())
        .collect();
    let fields: Vec<String> = kinds
        .iter()
        .filter_map(|kind| Some(format!("tcp.analysis.{}", kind.wireshark()?)))
        .collect();
    let mut arguments = vec!["-n", "-r", text(&path), "-T", "fields", "-E", "separator=|"];
    arguments.extend(fields.iter().flat_map(|field| ["-e", field]));
    let names = |line: &str| {
        let said = kinds.iter().zip(line.split('|'));
        said.filter(|(_, field)| !field.is_empty())
            .map(|(kind, _)| kind.name())
            .collect()
    };
    run("tshark", &arguments).lines().map(names).collect()
}

/// A line of a script, and whether a reset stands before it.
struct Scripted<'s> {
    text: &'s str,
    after_a_reset: bool,
}

/// Where the two may differ, and why we do: docs/facts-evidence.md says it at length.
fn agrees(kind: FactKind, line: &Scripted, ours: &BTreeSet<&str>, theirs: &BTreeSet<&str>) -> bool {
    let we = |kind: FactKind| ours.contains(kind.name());
    let they = |kind: FactKind| theirs.contains(kind.name());
    let repeats_nothing = !we(Retransmission) && !we(OutOfOrder);
    // tshark goes by the bytes alone, and so finds each of them sent again.
    if we(CapturedTwice) {
        return true;
    }
    // And so of the first copy of bytes that came again before it; its older timestamp tells.
    if we(Overtaken) && matches!(kind, Retransmission | OutOfOrder | FastRetransmission) {
        return true;
    }
    // To tshark the numbers of a reset count, be it a stray or a forged one.
    let repeats = [Retransmission, OutOfOrder, FastRetransmission, DuplicateAck].contains(&kind);
    if line.after_a_reset && repeats && ours.is_empty() {
        return true;
    }
    match kind {
        // tshark tells one from the other by how soon it comes; we, by whether the bytes had gone by.
        Retransmission | OutOfOrder | FastRetransmission => {
            let theirs = they(Retransmission) || they(OutOfOrder) || they(FastRetransmission);
            let is_unacknowledged_byte = they(KeepAlive) && we(Retransmission);
            repeats_nothing != theirs || they(SpuriousRetransmission) && repeats_nothing || is_unacknowledged_byte
        }
        // tshark says so of bytes that were acknowledged before they were seen for the first time, and not
        // of a SYN or a FIN.
        SpuriousRetransmission => we(kind) == they(kind) || repeats_nothing || !they(kind),
        // tshark forgets what was acknowledged when something is sent again, and says so again of ACKs that
        // cover no more than was captured. `acks_of_what_was_not_captured` counts for itself.
        AckedUnseenSegment => true,
        // A probe of a window of zero without a byte is none to tshark; nor is a last byte that nobody has
        // acknowledged a retransmission.
        KeepAlive => we(kind) == they(kind) || they(kind) && (we(ZeroWindowProbe) || we(Retransmission)),
        ZeroWindowProbe => we(kind) == they(kind) || we(kind) && they(KeepAlive),
        ZeroWindowProbeAck => we(kind) == they(kind) || we(kind) && they(ZeroWindow),
        // An ACK that brings an option of MPTCP is no duplicate (RFC 8684, section 3.3.2), which tshark does not know.
        DuplicateAck => we(kind) == they(kind) || (we(ChallengeAck) || line.text.contains("mptcp")) && they(kind),
        // tshark begins a connection with a SYN,ACK of another number too.
        PortReuse | PreviousSegmentNotCaptured => {
            we(kind) == they(kind) || they(PortReuse) && they(PreviousSegmentNotCaptured)
        }
        _ => we(kind) == they(kind),
    }
}

fn compare(name: &str, scripts: &[String]) {
    let file = file(scripts);
    let (ours, theirs) = (facts(&read(&file).into_timeline()), by_tshark(name, &file));
    assert_eq!(ours.len(), theirs.len());
    let lines = scripts.iter().flat_map(|script| {
        let mut after_a_reset = false;
        let lines = script.split(';').filter(|line| !line.trim().is_empty());
        lines.map(move |text| {
            let line = Scripted { text, after_a_reset };
            after_a_reset |= text.contains(" R ") || text.contains(" RA ");
            line
        })
    });
    let kinds = FactKind::ALL.into_iter().filter(|kind| kind.wireshark().is_some());
    let kinds: Vec<FactKind> = kinds.collect();
    let mut differ = Vec::new();
    for (((ours, theirs), line), number) in ours.iter().zip(&theirs).zip(lines).zip(1..) {
        let of = kinds.iter().filter(|kind| !agrees(**kind, &line, ours, theirs));
        let line = line.text;
        differ.extend(of.map(|kind| format!("frame {number}, {line}: {kind}: {ours:?}, tshark's {theirs:?}")));
    }
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
}

/// An ACK of more than was captured or acknowledged, counted from the script itself.
#[test]
fn acks_of_what_was_not_captured() {
    let mut count = 0;
    for seed in 1..200 {
        let script = chance(seed);
        let facts = facts(&read(&file(&[&script])).into_timeline());
        let mut highest = 1;
        for (line, facts) in script.split("; ").zip(&facts).skip(3) {
            let numbers: Vec<u32> = line.split(' ').skip(3).flat_map(str::parse).collect();
            let end = if line.contains(" C ") {
                numbers[1]
            } else {
                numbers[0] + numbers[2]
            };
            let unseen = line.contains(" C ") && end > highest;
            highest = highest.max(end);
            count += usize::from(unseen);
            assert_eq!(
                facts.contains(AckedUnseenSegment.name()),
                unseen,
                "{line}, seed {seed}: {script}"
            );
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
#[ignore = "needs tshark"]
fn tshark_says_the_same_of_chance() {
    compare("chance", &(1..200).map(chance).collect::<Vec<_>>());
}

#[test]
#[ignore = "needs tshark"]
fn tshark_says_the_same_of_each_row() {
    compare("rows", &scripts().flat_map(|(_, scripts)| scripts).collect::<Vec<_>>());
}

/// Some systems ask again half a second after they were refused, with the same number.
#[test]
fn who_is_refused_and_asks_again_has_one_good_connection() {
    let script = "0 C S 0 0 0; 10 S RA 0 1 0; 500 C S 0 0 0; 510 S SA 0 1 0; 511 C A 1 1 0; 520 C PA 1 1 5; \
        530 S PA 1 6 5; 540 C FA 6 6 0; 550 S FA 6 7 0; 551 C A 7 7 0";
    let timeline = read(&file(&[script])).into_timeline();
    assert_eq!(timeline.teardown(), Teardown::Clean { first: Side::Client });
    assert_eq!(timeline.segments_per_reply(), [1]);
    assert_eq!(timeline.finding_ids(), []);
    let untrue = [FromBetween.name(), Retransmission.name()];
    assert!(facts(&timeline).iter().flatten().all(|fact| !untrue.contains(fact)));
    // The last answer counts.
    let refused = read(&file(&["0 C S 0 0 0; 10 S RA 0 1 0; 500 C S 0 0 0; 510 S RA 0 1 0"])).into_timeline();
    assert_eq!(refused.teardown(), Teardown::Refused);
}
