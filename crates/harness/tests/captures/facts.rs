//! Facts of captures that are written down here: each one shown, and each one nearly; and what tshark says.

use std::collections::BTreeSet;

use etherparse::{PacketBuilder, TcpHeader, TcpOptionElement};
use harness::facts::FactKind::{self, *};
use harness::timeline::Timeline;

use super::files::{Magic, Order, Stored};
use super::{packets, read};

const SERVER_PORT: u16 = 3000;
const CLIENT_PORT: u16 = 40_000;
const CLIENT_ISN: u32 = 0xffff_ff00;
const SERVER_ISN: u32 = 7_000;

/// SYN, SYN,ACK, ACK: the server is 10 ms away from the capture, and the client 1 ms.
const HANDSHAKE: &str = "0 C S 0 0 0; 10 S SA 0 1 0; 11 C A 1 1 0; ";

/// A frame of a script: when in milliseconds, who, flags, relative numbers, bytes of data; then what is
/// not as usual: a window, a SACK block, TCP Fast Open, no SACK-permitted.
fn frame(line: &str) -> Stored {
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
        true => ((CLIENT_PORT, SERVER_PORT), CLIENT_ISN, SERVER_ISN),
        false => ((SERVER_PORT, CLIENT_PORT), SERVER_ISN, CLIENT_ISN),
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
        options.push(TcpOptionElement::MaximumSegmentSize(1460));
        if option("no-sack").is_none() {
            options.push(TcpOptionElement::SelectiveAcknowledgementPermitted);
        }
    }
    if let Some((from, to)) = option("sack=").and_then(|block| block.split_once('-')) {
        let absolute = |number: &str| peers_isn.wrapping_add(number.parse::<u32>().expect("a number"));
        let block = (absolute(from), absolute(to));
        options.push(TcpOptionElement::SelectiveAcknowledgement(block, [None, None, None]));
    }
    tcp.set_options(&options).expect("the options fit");
    let (from, to) = if by_client { (1, 2) } else { (2, 1) };
    let mut data = Vec::new();
    PacketBuilder::ethernet2([2; 6], [2; 6])
        .ipv4([10, 0, 0, from], [10, 0, 0, to], 64)
        .tcp_header(tcp)
        .write(&mut data, &vec![b'x'; len as usize])
        .expect("a vector takes all");
    Stored {
        interface: 0,
        nanoseconds: 1_700_000_000_000_000_000 + milliseconds * 1_000_000,
        wire_len: data.len(),
        data,
        comment: None,
    }
}

/// A capture file of a script's frames, which are parted by semicolons.
fn file(script: &str) -> Vec<u8> {
    let lines = script.split(';').map(str::trim).filter(|line| !line.is_empty());
    Order::Little.pcap(Magic::Nanoseconds, 1, &lines.map(frame).collect::<Vec<_>>())
}

/// The facts of each frame.
fn facts(timeline: &Timeline) -> Vec<BTreeSet<&'static str>> {
    let names = |facts: &harness::facts::PacketFacts| facts.facts.iter().map(|fact| fact.kind.name()).collect();
    packets(timeline).iter().map(|packet| names(&packet.facts)).collect()
}

/// A script whose last frame but so many shows a fact, and one that nearly does.
struct Row {
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
        "20 S A 1 1 100; 60 S A 1 1 100",
        "20 S A 1 1 100; 21 S A 101 1 100; 60 S A 1 1 100",
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
    row(FastOpen, 0, "0 C S 0 0 5", "0 C S 0 0 0"),
    row(
        SimultaneousOpen,
        0,
        "0 C S 0 0 0; 5 S S 0 0 0",
        "0 C S 0 0 0; 5 S SA 0 1 0",
    ),
    row(BeganBefore, 0, "0 C A 1 1 5", "0 C S 0 0 0"),
    row(BeganBefore, 0, "0 S SA 0 1 0", "0 C S 0 0 0"),
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
        "0 C S 0 0 0; 10 S SA 0 1 0; 11 C A 1 1 0; 20 S A 1 1 100; 60 S A 1 1 100",
        "0 C S 0 0 0 no-sack; 10 S SA 0 1 0; 11 C A 1 1 0; 20 S A 1 1 100; 60 S A 1 1 100",
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

fn scripts() -> impl Iterator<Item = (&'static Row, [String; 2])> {
    let after = |before: &'static str| {
        move |row: &'static Row| (row, [row.shows, row.nearly].map(|script| before.to_owned() + script))
    };
    ROWS.iter().map(after(HANDSHAKE)).chain(ALONE.iter().map(after("")))
}

#[test]
fn each_fact_is_shown_and_nearly_shown() {
    for (Row { kind, behind, .. }, [shows, nearly]) in scripts() {
        for (script, expected) in [(shows, true), (nearly, false)] {
            let facts = facts(&read(&file(&script)).into_timeline());
            let of_frame = &facts[facts.len() - 1 - behind];
            assert_eq!(
                of_frame.contains(kind.name()),
                expected,
                "{kind} in {script}: {facts:?}"
            );
        }
    }
}

#[test]
fn each_fact_has_a_row() {
    let shown: BTreeSet<FactKind> = scripts().map(|(row, _)| row.kind).collect();
    assert_eq!(shown, FactKind::ALL.into_iter().collect());
}
