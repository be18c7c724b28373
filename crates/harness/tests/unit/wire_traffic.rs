//! Tests of `src/wire/traffic.rs`, which see what is private there.

use proptest::prelude::*;

use super::*;
use timeline::{Flags, SegmentOptions};

/// A wire and a clock. Loads are the packets' places in the order in which they left.
struct Bench {
    traffic: Traffic<usize>,
    sent: usize,
    now: u64,
    outcomes: Vec<Outcome<usize>>,
}

const ISN: u32 = u32::MAX - 3;

impl Bench {
    fn new(script: &str) -> Bench {
        Bench {
            traffic: Traffic::new(script.parse().unwrap()),
            sent: 0,
            now: 1_000_000_000,
            outcomes: Vec::new(),
        }
    }

    /// One side sends a segment, with numbers relative to the first byte of data.
    fn send(&mut self, from: Side, flags: Flags, seq: i64, ack: i64, data: &str) -> &mut Bench {
        let ends = ["10.0.0.1:57464", "10.0.0.2:3000"].map(|end| end.parse().unwrap());
        let [source, destination] = if from == Side::Client { ends } else { [ends[1], ends[0]] };
        let number = |relative: i64| ISN.wrapping_add(1).wrapping_add(relative as u32);
        let segment = Segment {
            ends: [source, destination].into(),
            seq: number(seq),
            ack: number(ack),
            flags,
            window: 1000,
            len: data.len() as u32,
            payload: data.as_bytes().into(),
            options: SegmentOptions::default(),
            ip: timeline::IpMarks::default(),
            fragments: 0,
        };
        let (number, at) = (self.sent, Timestamp(self.now));
        self.sent += 1;
        let lost = self
            .traffic
            .send(from, at, Some(segment), 66 + data.len(), |_, _| number);
        self.outcomes.extend(lost);
        self
    }

    /// Time passes.
    fn wait(&mut self, ms: u64) -> &mut Bench {
        self.now += ms * 1_000_000;
        self.come()
    }

    /// What is due comes, each when it is due.
    fn come(&mut self) -> &mut Bench {
        while let Some(next) = self.traffic.next().filter(|next| next.0 <= self.now) {
            let before = self.outcomes.len();
            while let Some(outcome) = self.traffic.due(next.max(Timestamp(1))) {
                self.outcomes.push(outcome);
            }
            self.traffic.tick(next);
            if self.outcomes.len() == before {
                break;
            }
        }
        self
    }

    fn data(&mut self, from: Side, seq: i64, data: &str) -> &mut Bench {
        self.send(from, Flags::PSH | Flags::ACK, seq, 0, data).come()
    }

    /// SYN, SYN,ACK, ACK.
    fn opened(script: &str) -> Bench {
        let mut bench = Bench::new(script);
        bench.send(Side::Client, Flags::SYN, -1, 0, "").come();
        bench.send(Side::Server, Flags::SYN | Flags::ACK, -1, 0, "").come();
        bench.send(Side::Client, Flags::ACK, 0, 0, "").come();
        bench
    }

    /// What became of each packet so far, in the order in which it was known: its place, how often it
    /// came, and what was done to it.
    fn done(&self) -> Vec<String> {
        let text = |outcome: &Outcome<usize>| {
            let what = outcome.what.as_ref().map_or(String::new(), |what| format!(" {what}"));
            format!("{}x{}{what}", outcome.load, outcome.copies)
        };
        self.outcomes.iter().map(text).collect()
    }

    fn came(&self) -> Vec<usize> {
        let came = self.outcomes.iter().filter(|outcome| outcome.copies > 0);
        came.map(|outcome| outcome.load).collect()
    }
}

use Side::{Client, Server};

#[test]
fn a_wire_that_is_told_nothing_carries_everything_at_once() {
    let mut bench = Bench::opened("");
    bench.data(Client, 0, "1\n");
    assert_eq!(bench.done(), ["0x1", "1x1", "2x1", "3x1"]);
}

#[test]
fn a_packet_comes_after_its_delay_and_not_before() {
    let mut bench = Bench::new("delay client 25ms\ndelay server 5ms");
    bench.send(Client, Flags::SYN, -1, 0, "").wait(24);
    assert!(bench.done().is_empty());
    assert_eq!(bench.traffic.next(), Some(Timestamp(1_025_000_000)));
    assert_eq!(bench.wait(1).done(), ["0x1"]);
    bench.send(Server, Flags::SYN | Flags::ACK, -1, 0, "").wait(4);
    assert_eq!(bench.came(), [0]);
    assert_eq!(bench.wait(1).came(), [0, 1]);
}

#[test]
fn the_second_data_segment_is_lost_once_and_its_copy_passes() {
    let mut bench = Bench::opened("lose server data 2");
    bench
        .data(Client, 0, "1\n")
        .data(Server, 0, "1")
        .data(Server, 1, "\n")
        .data(Server, 1, "\n");
    assert_eq!(bench.done()[4..], ["4x1", "5x0 lost: \"server data 2\"", "6x1"]);
}

/// A copy that holds more than the lost segment is a copy of it all the same.
#[test]
fn copies_are_counted_whatever_else_they_carry() {
    let mut bench = Bench::opened("lose server data 2 2 times");
    bench
        .data(Server, 0, "a")
        .data(Server, 1, "b")
        .data(Server, 2, "c")
        .data(Server, 1, "bc")
        .data(Server, 1, "bc");
    assert_eq!(bench.came()[3..], [3, 5, 7]);
    let mut bench = Bench::opened("lose server data 1-2 every");
    bench
        .data(Server, 0, "a")
        .data(Server, 1, "b")
        .data(Server, 2, "c")
        .data(Server, 0, "abc")
        .data(Server, 2, "c");
    assert_eq!(bench.came()[3..], [5, 7]);
}

#[test]
fn segments_are_named_by_what_they_are() {
    let lost = |script: &str| {
        let mut bench = Bench::opened(script);
        bench.data(Client, 0, "1\n").data(Server, 0, "1\n");
        bench.send(Client, Flags::ACK, 2, 2, "").come(); // 5
        bench.send(Client, Flags::ACK, 1, 2, "").come(); // 6: a keep-alive
        bench.send(Server, Flags::ACK, 2, 2, "").come(); // 7
        bench.send(Client, Flags::FIN | Flags::ACK, 2, 2, "").come(); // 8
        bench.send(Server, Flags::FIN | Flags::ACK, 2, 3, "").come(); // 9
        bench.send(Client, Flags::ACK, 3, 3, "").come(); // 10
        bench.send(Server, Flags::RST, 3, 0, "").come(); // 11
        let lost = bench.outcomes.iter().filter(|outcome| outcome.copies == 0);
        lost.map(|outcome| outcome.load).collect::<Vec<_>>()
    };
    for (script, expected) in [
        ("lose client syn", 0),
        ("lose server syn", 1),
        ("lose client ack", 2),
        ("lose client ack of syn", 2),
        ("lose client data", 3),
        ("lose server data", 4),
        ("lose client ack 2", 5),
        ("lose client ack of data 1", 5),
        ("lose client probe", 6),
        ("lose server ack", 7),
        ("lose client fin", 8),
        ("lose server fin", 9),
        ("lose client ack of fin", 10),
        ("lose client ack 3", 10),
        ("lose server rst", 11),
        ("lose client packet 3", 3),
        ("lose connection 1 server fin", 9),
    ] {
        assert_eq!(lost(script), [expected], "{script}");
    }
    assert_eq!(lost("lose connection 2 server fin"), [0; 0]);
    assert_eq!(lost("lose server fin\nlose client syn"), [0, 9]);
}

#[test]
fn a_new_connection_on_the_same_addresses_counts_anew() {
    let mut bench = Bench::opened("lose connection 2 client data");
    bench.data(Client, 0, "a");
    bench.send(Client, Flags::FIN | Flags::ACK, 1, 0, "").come();
    bench.send(Client, Flags::SYN, 5000, 0, "").come();
    bench.data(Client, 5001, "b").data(Client, 5001, "b");
    assert_eq!(bench.came(), [0, 1, 2, 3, 4, 5, 7]);
}

#[test]
fn duplicate_corrupt_and_hold() {
    let mut bench = Bench::opened("duplicate server data 1\ncorrupt server data 1\nhold server data 2 for 50ms");
    bench.data(Server, 0, "a").data(Server, 1, "b").data(Server, 2, "c");
    assert_eq!(
        bench.done()[3..],
        ["3x2 came twice: \"server data 1\"; corrupted: \"server data 1\"", "5x1"]
    );
    assert!(bench.outcomes[3].corrupted);
    assert_eq!(bench.wait(50).done()[5..], ["4x1 held: \"server data 2 for 50ms\""]);
}

#[test]
fn a_swapped_packet_comes_right_behind_the_next() {
    let mut bench = Bench::opened("delay 10ms\nswap server data 1");
    bench.wait(10).send(Server, Flags::ACK, 0, 0, "a").wait(3);
    bench
        .send(Server, Flags::ACK, 1, 0, "b")
        .send(Server, Flags::ACK, 2, 0, "c")
        .wait(10);
    assert_eq!(bench.came()[3..], [4, 3, 5]);
    assert_eq!(bench.done()[4], "3x1 swapped with the next: \"server data 1\"");
}

#[test]
fn a_swapped_packet_that_nothing_follows_comes_alone() {
    let mut bench = Bench::opened("swap server data 1");
    bench.data(Server, 0, "a").wait(499);
    assert_eq!(bench.came(), [0, 1, 2]);
    assert!(bench.wait(1).done()[3].contains("nothing followed"));
}

/// 1000 bits take a millisecond; a frame here has 66 bytes and its data.
#[test]
fn a_rate_takes_its_time_and_a_full_queue_drops_the_last() {
    let mut bench = Bench::new("rate 1mbit\nqueue 2");
    let data = "x".repeat(1250 - 66); // 10 ms
    for place in 0..4 {
        bench.send(Server, Flags::ACK, place * 1184, 0, &data);
    }
    assert_eq!(bench.done(), ["3x0 lost: the queue was full (2 packets)"]);
    assert_eq!(bench.wait(9).came(), [0; 0]);
    assert_eq!(bench.wait(1).came(), [0]);
    bench.send(Server, Flags::ACK, 4 * 1184, 0, &data).wait(30);
    assert_eq!(bench.came(), [0, 1, 2, 4]);
    let queues: Vec<u32> = bench.outcomes.iter().map(|outcome| outcome.queue).collect();
    assert_eq!(queues, [2, 0, 0, 1, 1]);
}

#[test]
fn chance_loses_the_same_packets_for_the_same_seed() {
    let lost = |script: &str| {
        let mut bench = Bench::new(script);
        for place in 0..2000 {
            bench.data(Server, place, "x");
        }
        let lost = bench.outcomes.into_iter().filter(|outcome| outcome.copies == 0);
        lost.map(|outcome| outcome.load).collect::<Vec<_>>()
    };
    let one = lost("loss 5%\nseed 7");
    assert!((60..140).contains(&one.len()), "{}", one.len());
    assert_eq!(one, lost("loss 5%\nseed 7"));
    assert_ne!(one, lost("loss 5%\nseed 8"));
    assert_eq!(lost("loss client 5%"), [0; 0]);
    assert_eq!(lost("loss 100%").len(), 2000);
    // What else is lost moves nobody's luck.
    let more = lost("loss 5%\nseed 7\nlose server data 3");
    assert_eq!(one.iter().filter(|place| !more.contains(place)).count(), 0);
}

#[test]
fn a_cut_loses_what_is_on_its_way_and_what_follows() {
    let mut bench = Bench::opened("delay 10ms\ncut server after server data 1");
    bench.wait(30).send(Server, Flags::ACK, 0, 0, "a").wait(5);
    bench
        .send(Server, Flags::ACK, 1, 0, "b")
        .send(Client, Flags::ACK, 0, 0, "x")
        .wait(5);
    bench.send(Server, Flags::ACK, 2, 0, "c").wait(10);
    let text = "lost: the cable is cut (after server data 1)";
    assert_eq!(
        bench.done()[3..],
        [
            "3x1".to_owned(),
            format!("4x0 {text}"),
            format!("6x0 {text}"),
            "5x1".to_owned()
        ]
    );
}

/// The cable is pulled when the reply is acknowledged: the server has nothing left to send again.
#[test]
fn after_reply_means_that_it_is_acknowledged() {
    let mut bench = Bench::opened("cut after reply 1");
    bench.data(Client, 0, "1\n").data(Server, 0, "1");
    bench.send(Client, Flags::ACK, 2, 1, "").come();
    bench.data(Server, 1, "\n"); // 6
    bench.send(Client, Flags::PSH | Flags::ACK, 2, 2, "2\n").come(); // too early, and lost
    bench.send(Client, Flags::ACK, 4, 2, "").come(); // 8: acknowledges the reply
    bench.send(Client, Flags::PSH | Flags::ACK, 2, 2, "2\n").come();
    bench.data(Server, 2, "x");
    assert_eq!(bench.came(), [0, 1, 2, 3, 4, 5, 6, 8]);
    assert!(
        bench
            .done()
            .iter()
            .filter(|done| done.contains("x0"))
            .all(|done| done.ends_with("(after reply 1)"))
    );
}

#[test]
fn cut_and_restore_come_in_their_order() {
    let mut bench = Bench::opened("cut after 2 bytes\nrestore after 2 lost\ncut client after 20ms\nrestore after 5ms");
    bench
        .data(Client, 0, "1\n")
        .data(Server, 0, "a")
        .data(Server, 0, "a")
        .data(Server, 0, "a");
    assert_eq!(bench.came(), [0, 1, 2, 3, 6]);
    bench
        .wait(19)
        .data(Client, 2, "b")
        .wait(1)
        .data(Client, 3, "c")
        .wait(5)
        .data(Client, 3, "c");
    assert_eq!(bench.came()[5..], [7, 9]);
}

#[test]
fn moments_of_programs_and_of_one_side() {
    let mut bench = Bench::opened("cut after server read 4 bytes\nrestore after client sent 6 bytes");
    bench.data(Client, 0, "abcd");
    bench
        .traffic
        .has_read(Timestamp(bench.now), Both { client: 9, server: 3 });
    bench.data(Client, 4, "e");
    bench
        .traffic
        .has_read(Timestamp(bench.now), Both { client: 9, server: 4 });
    bench.data(Client, 5, "f");
    assert_eq!(bench.came(), [0, 1, 2, 3, 4]);
}

#[test]
fn at_once_and_by_hand() {
    let mut bench = Bench::new("cut at once");
    bench.send(Client, Flags::SYN, -1, 0, "").come();
    bench.traffic.restore(None);
    bench.send(Client, Flags::SYN, -1, 0, "").come();
    bench.traffic.cut(Some(Client), "by the test");
    bench.send(Client, Flags::SYN, -1, 0, "").come();
    let cut = |why| format!("x0 lost: the cable is cut ({why})");
    assert_eq!(
        bench.done(),
        [
            format!("0{}", cut("at once")),
            "1x1".to_owned(),
            format!("2{}", cut("by the test"))
        ]
    );
}

#[test]
fn what_is_on_its_way_at_the_end_did_not_come() {
    let mut bench = Bench::new("delay 1s");
    bench.send(Client, Flags::SYN, -1, 0, "");
    assert_eq!(bench.traffic.on_its_way(), 1);
    let rest: Vec<_> = bench.traffic.rest().collect();
    assert!(rest[0].copies == 0 && rest[0].what.as_ref().unwrap().contains("ended"));
    assert_eq!(bench.traffic.next(), None);
}

#[test]
fn what_is_no_tcp_is_carried_as_well() {
    let mut traffic = Traffic::new("delay 1ms\nloss server 100%".parse().unwrap());
    assert_eq!(traffic.send(Client, Timestamp(5), None, 98, |_, _| ()), None);
    assert!(traffic.send(Server, Timestamp(5), None, 98, |_, _| ()).is_some());
    assert!(traffic.due(Timestamp(1_000_005)).is_some());
}

proptest! {
    /// Whatever is sent and told, each packet has one outcome, and time is never waited for in vain.
    #[test]
    fn each_packet_has_one_outcome(
        script in prop::sample::select(vec![
            "", "delay 3ms\nloss 20%", "rate 1mbit\nqueue 3", "swap server data 2\nhold server data 1-3 every for 4ms",
            "cut after 30 bytes\nrestore after 5 lost\ncut after 9ms", "duplicate client packet 2-9\ncut after reply 2",
        ]),
        packets in prop::collection::vec((any::<bool>(), 0_u16..64, 0_i64..40, 0_usize..5, 0_u64..6), 0..60),
    ) {
        let mut bench = Bench::new(script);
        for (client, flags, seq, len, wait) in packets {
            let from = if client { Client } else { Server };
            bench.send(from, Flags(flags), seq, seq, &"a\nb\nc"[..len]).wait(wait);
        }
        bench.wait(60_000);
        let rest: Vec<_> = bench.traffic.rest().collect();
        prop_assert!(rest.is_empty());
        let mut loads: Vec<usize> = bench.outcomes.iter().map(|outcome| outcome.load).collect();
        loads.sort_unstable();
        prop_assert_eq!(loads, (0..bench.sent).collect::<Vec<_>>());
    }
}
