//! What two real kernels make of a wire that loses, repeats, reorders and delays.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::timeline::{
    CongestionState, EventKind, Flags, Passage, Segment, Side, TcpState, TcpView, Teardown, Timeline,
};
use harness::{Client, Server};

use super::{Seen, arrivals, assert_in_order, behind, packets, texts, wrong_server};

/// A server that answers `reply` bytes in one write, and a client that has read them and closed.
fn bulk(script: &str, reply: usize) -> Result<Timeline> {
    let server = behind(script, "bulk")?.start()?;
    let mut client = server.connect()?;
    client.send(format!("{reply}\n"))?;
    client.read_exact(reply)?;
    client.close();
    Ok(server.stop()?)
}

/// An exchange and a close, of a server that does as it should.
fn echo(script: &str) -> Result<Timeline> {
    let server = behind(script, "echo")?.start()?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("1\n")?, "1\n");
    client.close();
    Ok(server.stop()?)
}

/// The server's data that was lost, each as its copy that came shows TCP's view of it.
fn repaired(timeline: &Timeline) -> Option<(u32, &TcpView)> {
    let all = packets(timeline);
    let lost = all
        .iter()
        .find(|seen| seen.is_lost() && seen.packet.segment.len > 0)?
        .packet
        .seq;
    let copy = all.into_iter().find(|seen| {
        let range = seen.packet.seq..seen.packet.seq + seen.packet.segment.len;
        !seen.is_lost() && seen.packet.from == Side::Server && range.contains(&lost)
    })?;
    Some((lost, copy.passage.tcp.as_ref()?.of(Side::Server)?))
}

/// MSS without the timestamps option: 1500 - 20 - 20 - 12.
const FULL: u32 = 1448;

/// Three duplicate ACKs, or what RACK makes of SACK blocks: no timeout is needed, and the window is
/// halved (RFC 6582; RFC 8985).
pub fn a_segment_lost_in_the_middle_is_sent_again_at_once() -> Result<()> {
    let timeline = bulk("delay 20ms\nlose server data 4", 10 * FULL as usize)?;
    let lost = format!("S data {}", 3 * FULL + 1);
    assert_in_order(&texts(&timeline), &[&format!("{lost} lost"), &lost], &timeline);
    assert_eq!(
        texts(&timeline).iter().filter(|text| text.ends_with("lost")).count(),
        1,
        "{timeline}"
    );
    // The client says by the number of its ACK that it waits for this segment.
    let waits = format!("C ACK {}", 3 * FULL + 1);
    assert!(texts(&timeline).contains(&waits), "{timeline}");
    let (_, view) = repaired(&timeline).context("it was not repaired")?;
    assert_eq!(
        (view.congestion, view.retransmits),
        (CongestionState::Recovery, 0),
        "{timeline}"
    );
    assert!(view.ssthresh.is_some(), "{timeline}");
    Ok(())
}

pub fn a_segment_lost_early() -> Result<()> {
    let timeline = bulk("delay 20ms\nlose server data 1", 10 * FULL as usize)?;
    assert_in_order(&texts(&timeline), &["S data 1 lost", "S data 1"], &timeline);
    let (lost, view) = repaired(&timeline).context("it was not repaired")?;
    assert_eq!((lost, view.congestion), (1, CongestionState::Recovery), "{timeline}");
    Ok(())
}

/// Nothing follows that the client could acknowledge, so the sender asks (RFC 8985, section 7).
pub fn the_last_segment_lost_is_probed_for() -> Result<()> {
    let timeline = echo("delay 20ms\nlose server data 1")?;
    assert_in_order(
        &texts(&timeline),
        &["S data 1 lost", "S data 1", "C ACK 3", "C FIN,ACK"],
        &timeline,
    );
    let (_, view) = repaired(&timeline).context("it was not repaired")?;
    assert_eq!(view.unacked, 1, "{timeline}");
    Ok(())
}

/// Each timeout doubles the next (RFC 6298, section 5.5), and the window is a segment.
pub fn a_segment_lost_twice_waits_for_timeouts() -> Result<()> {
    let timeline = echo("delay 5ms\nlose server data 1 3 times")?;
    let data = [
        "S data 1 lost",
        "S data 1 lost",
        "S data 1 lost",
        "S data 1",
        "C FIN,ACK",
    ];
    assert_in_order(&texts(&timeline), &data, &timeline);
    let (_, view) = repaired(&timeline).context("it was not repaired")?;
    assert_eq!((view.congestion, view.cwnd), (CongestionState::Loss, 1), "{timeline}");
    assert!(view.retransmits >= 1 && view.ssthresh.is_some(), "{timeline}");
    Ok(())
}

pub fn a_lost_syn() -> Result<()> {
    let timeline = echo("delay 5ms\nlose client syn")?;
    let wanted = ["C SYN lost", "C SYN", "S SYN,ACK", "C ACK 1", "C data 1"];
    assert_eq!(texts(&timeline)[..5], wanted, "{timeline}");
    Ok(())
}

pub fn a_lost_syn_ack() -> Result<()> {
    let timeline = echo("delay 5ms\nlose server syn")?;
    assert_eq!(texts(&timeline)[..2], ["C SYN", "S SYN,ACK lost"], "{timeline}");
    // Either side may repeat itself first.
    assert_in_order(&texts(&timeline), &["S SYN,ACK", "C ACK 1", "C data 1"], &timeline);
    Ok(())
}

pub fn a_lost_fin() -> Result<()> {
    let timeline = echo("delay 5ms\nlose client fin")?;
    let wanted = ["C FIN,ACK lost", "C FIN,ACK", "S FIN,ACK"];
    assert_in_order(&texts(&timeline), &wanted, &timeline);
    assert_eq!(
        arrivals(&timeline).last().map(String::as_str),
        Some("C ACK 4"),
        "{timeline}"
    );
    Ok(())
}

/// The server sends its FIN again, and TIME_WAIT is there to acknowledge it again (RFC 9293, section 3.6).
pub fn a_lost_last_ack() -> Result<()> {
    let timeline = echo("delay 5ms\nlose client ack of fin")?;
    let wanted = ["C FIN,ACK", "S FIN,ACK", "C ACK 4 lost", "S FIN,ACK", "C ACK 4"];
    assert_in_order(&texts(&timeline), &wanted, &timeline);
    assert_eq!(
        states(&timeline, Side::Client).last(),
        Some(&Some(TcpState::TimeWait)),
        "{timeline}"
    );
    // The table is looked at now and then: on a busy machine it may show none of the server's short states.
    let server = states(&timeline, Side::Server);
    assert!(server.last().is_none_or(Option::is_none), "{timeline}");
    assert_eq!(
        timeline.teardown(),
        Teardown::Clean { first: Side::Client },
        "{timeline}"
    );
    Ok(())
}

pub fn reordered_segments_come_in_the_other_order() -> Result<()> {
    let timeline = bulk("delay 20ms\nswap server data 2", 6 * FULL as usize)?;
    let (second, third) = (format!("S data {}", FULL + 1), format!("S data {}", 2 * FULL + 1));
    assert_in_order(&texts(&timeline), &[&second, &third], &timeline);
    assert_in_order(&arrivals(&timeline), &[&third, &second], &timeline);
    let all = packets(&timeline);
    let swapped = all
        .iter()
        .find(|seen| seen.name() == second)
        .context("the second did not come")?;
    assert_eq!(
        swapped.passage.what.as_deref(),
        Some("swapped with the next: \"server data 2\"")
    );
    Ok(())
}

/// The second copy is told of as such (D-SACK: RFC 2883).
pub fn a_duplicated_segment_comes_twice_and_is_acknowledged_twice() -> Result<()> {
    let timeline = echo("delay 5ms\nduplicate server data 1")?;
    assert_in_order(&texts(&timeline), &["S data 1 twice", "C ACK 3", "C ACK 3"], &timeline);
    assert_eq!(
        arrivals(&timeline).iter().filter(|name| *name == "S data 1").count(),
        2,
        "{timeline}"
    );
    Ok(())
}

/// The client's kernel throws it away for its checksum, so it is as good as lost.
pub fn a_corrupted_segment_comes_and_is_sent_again() -> Result<()> {
    let timeline = echo("delay 5ms\ncorrupt server data 1")?;
    assert_in_order(&texts(&timeline), &["S data 1", "S data 1", "C ACK 3"], &timeline);
    let all = packets(&timeline);
    let copies: Vec<&Seen> = all.iter().filter(|seen| seen.name() == "S data 1").collect();
    assert!(
        copies[0].passage.corrupted && !copies[1].passage.corrupted,
        "{timeline}"
    );
    Ok(())
}

/// A window of 0 is asked for news (RFC 9293, section 3.8.6.1), also where the first probe is lost.
pub fn a_closed_window_is_probed_until_it_opens() -> Result<()> {
    let server = behind("delay 2ms\nlose server probe 1", "flood")?.start()?;
    let mut client = server.connect()?;
    let closed = |segment: &Segment, _: Option<&Passage>| segment.window == 0 && !segment.flags.has(Flags::RST);
    ensure!(server.wait_for_segment(closed), "the window did not close");
    let lost = |_: &Segment, passage: Option<&Passage>| {
        passage.and_then(|passage| passage.what.as_deref()) == Some("lost: \"server probe 1\"")
    };
    ensure!(server.wait_for_segment(lost), "the window was not probed");
    client.read_to_end()?;
    client.close();
    let timeline = server.stop()?;
    let all = packets(&timeline);
    let probe = all.iter().position(Seen::is_lost).context("no probe was lost")?;
    assert!(all[probe].packet.segment.len <= 1, "{timeline}");
    let opened = all[probe..]
        .iter()
        .find(|seen| seen.packet.from == Side::Client && seen.packet.window > 0);
    assert!(opened.is_some(), "{timeline}");
    Ok(())
}

/// Keep-alives after a second without a word, one each second, and after two without an answer the end.
pub(in super::super) fn keeps_alive(client: &Client) -> Result<()> {
    let keep_alive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(1))
        .with_interval(Duration::from_secs(1))
        .with_retries(2);
    Ok(client.socket().set_tcp_keepalive(&keep_alive)?)
}

/// One below what was sent, without data.
fn is_keep_alive(seen: &Seen<'_>) -> bool {
    seen.packet.from == Side::Client && seen.packet.segment.len == 0 && seen.packet.seq == 2
}

pub fn a_keep_alive_is_answered() -> Result<()> {
    let server = behind("delay 5ms", "echo")?.start()?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    client.settle();
    keeps_alive(&client)?;
    let next = last_sequence(&server)?;
    let probed =
        |segment: &Segment, _: Option<&Passage>| is_from_client(segment) && segment.seq == next.wrapping_sub(1);
    ensure!(server.wait_for_segment(probed), "there was no keep-alive");
    client.close();
    let timeline = server.stop()?;
    let all = packets(&timeline);
    let probe = all.iter().position(is_keep_alive).context("there was no keep-alive")?;
    assert!(
        all[probe + 1..].iter().any(|seen| seen.name() == "S ACK 3"),
        "{timeline}"
    );
    Ok(())
}

fn is_from_client(segment: &Segment) -> bool {
    segment.destination().port() == 3000
}

/// The sequence number behind all that the client has sent.
fn last_sequence(server: &Server) -> Result<u32> {
    let timeline = server.so_far();
    let connection = timeline.only();
    let packets = connection.packets().filter(|(_, packet)| packet.from == Side::Client);
    let next = packets
        .map(|(_, packet)| packet.segment.seq.wrapping_add(packet.segment.len))
        .last();
    next.context("the client has sent nothing")
}

pub fn keep_alives_without_an_answer_end_in_a_reset() -> Result<()> {
    let server = behind("delay 5ms", "echo")?.start()?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    client.settle();
    keeps_alive(&client)?;
    server.cut()?;
    let error = client.read_line().err().context("somebody answered")?;
    assert!(error.to_string().contains("timed out"), "{error}");
    let reset = |segment: &Segment, _: Option<&Passage>| segment.flags.has(Flags::RST);
    ensure!(server.wait_for_segment(reset), "there was no reset");
    let timeline = server.stop()?;
    let all = packets(&timeline);
    assert_eq!(all.iter().filter(|seen| is_keep_alive(seen)).count(), 2, "{timeline}");
    assert!(
        all.iter().filter(|seen| is_keep_alive(seen)).all(Seen::is_lost),
        "{timeline}"
    );
    Ok(())
}

/// ESTABLISHED for ever: nothing tells the server that its client is gone.
pub fn a_cut_with_nothing_on_its_way_is_never_noticed() -> Result<()> {
    let server = behind("delay 5ms\ncut after reply 1", "echo")?.start()?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    client.close();
    let timeline = server.stop()?;
    let all = packets(&timeline);
    let last = all.iter().rposition(|seen| !seen.is_lost()).context("nothing came")?;
    assert_eq!(all[last].name(), "C ACK 3", "{timeline}");
    assert!(
        all[last + 1..].iter().all(|seen| seen.name() == "C FIN,ACK"),
        "{timeline}"
    );
    assert_eq!(
        states(&timeline, Side::Server).last(),
        Some(&Some(TcpState::Established)),
        "{timeline}"
    );
    Ok(())
}

pub fn a_cut_with_unacknowledged_data_is_retried() -> Result<()> {
    let server = behind("delay 5ms\ncut client after server read 2 bytes", "echo")?.start()?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    // The reply came, and its ACK did not.
    let lost = |segment: &Segment, passage: Option<&Passage>| {
        is_from_client(segment) && passage.is_some_and(|passage| passage.arrivals.is_empty())
    };
    ensure!(server.wait_for_segment(lost), "no ACK was lost");
    ensure!(
        server.wait_for_segment(|segment, passage| segment.len > 0
            && !is_from_client(segment)
            && passage
                .and_then(|passage| passage.tcp.as_ref())
                .is_some_and(|tcp| tcp.of(Side::Server).is_some_and(|view| view.total_retransmits > 0))),
        "it was not sent again"
    );
    let timeline = server.stop()?;
    assert_in_order(
        &texts(&timeline),
        &["S data 1", "C ACK 3 lost", "S data 1", "C ACK 3 lost"],
        &timeline,
    );
    Ok(())
}

/// Two SYNs cross, and make one connection (RFC 9293, section 3.5, figure 7).
pub fn both_sides_open_at_once() -> Result<()> {
    // They cross however far apart the two programs come to dial.
    let script = "cut at once\nhold client syn every for 700ms\nhold server syn every for 700ms";
    let server = behind(script, "echo")?.start()?;
    let ends = ["10.0.0.1:4000", "10.0.0.2:4000"];
    let dial = |host, from: &str, to: &str| -> Result<_> {
        let mut command = Command::new(wrong_server());
        command.args(["dials", &format!("{from}/{to}")]);
        server.enter_host(host, &mut command)?;
        Ok(command.spawn()?)
    };
    let mut one = dial(Side::Client, ends[0], ends[1])?;
    let mut other = dial(Side::Server, ends[1], ends[0])?;
    for end in ends {
        let end = end.parse()?;
        let dialled = |segment: &Segment, _: Option<&Passage>| segment.source() == end;
        ensure!(server.wait_for_segment(dialled), "{end} did not dial");
    }
    // Each has sent its SYN, and will send it again.
    server.restore()?;
    ensure!(
        one.wait()?.success() && other.wait()?.success(),
        "they were not connected"
    );
    let timeline = server.stop()?;
    let from = |host: &str| {
        let packets = timeline.events.iter().filter_map(|event| match &event.kind {
            EventKind::Packet(packet) if packet.segment.source().to_string() == host => Some(packet.segment.flags),
            _ => None,
        });
        packets.collect::<Vec<_>>()
    };
    for end in ends {
        let flags = from(end);
        assert!(
            flags.contains(&Flags::SYN) && flags.contains(&(Flags::SYN | Flags::ACK)),
            "{flags:?}\n{timeline}"
        );
    }
    Ok(())
}

/// Each FIN is sent before the other one has come, so each side is in CLOSING (RFC 9293, section 3.6).
pub fn both_sides_close_at_once() -> Result<()> {
    // Well below the time after which a FIN is sent again, and well above what the client needs to close.
    let script = "delay 200ms\nhold server fin for 300ms\nhold server ack of fin for 800ms";
    let server = behind(script, "closes-first")?.start()?;
    let mut client = server.connect()?;
    assert_eq!(client.exchange("1\n")?, "1\n");
    let fin = |segment: &Segment, passage: Option<&Passage>| segment.flags.has(Flags::FIN) && passage.is_some();
    drop(client);
    ensure!(server.wait_for_segment(fin), "there was no FIN");
    let timeline = server.stop()?;
    let all = packets(&timeline);
    let first = |side| {
        let mut fins = all.iter().filter(|seen| seen.packet.segment.flags.has(Flags::FIN));
        fins.find(|seen| seen.packet.from == side).context("there was no FIN")
    };
    let (client, server) = (first(Side::Client)?, first(Side::Server)?);
    assert!(
        client.left < server.passage.arrivals[0] && server.left < client.passage.arrivals[0],
        "{timeline}"
    );
    for side in [Side::Client, Side::Server] {
        assert!(
            states(&timeline, side).contains(&Some(TcpState::Closing)),
            "{side}\n{timeline}"
        );
    }
    Ok(())
}

/// The states of one side's socket, one after the other; `None` for gone.
fn states(timeline: &Timeline, side: Side) -> Vec<Option<TcpState>> {
    let changes = timeline
        .only()
        .events()
        .filter_map(move |(_, event)| match &event.kind {
            EventKind::State(change) if change.side == side => Some(change.to),
            _ => None,
        });
    changes.collect()
}

/// From the server's end an ACK that comes 200 ms later may have been sent at once: at both ends it
/// is seen which half was the wire, and which the client's delayed ACK.
pub fn a_delayed_ack_on_top_of_a_long_way() -> Result<()> {
    let server = behind("delay 100ms", "two-writes")?.start()?;
    let mut client = server.connect()?;
    for line in ["1\n", "2\n", "3\n"] {
        assert_eq!(client.exchange(line)?, line);
    }
    client.close();
    let timeline = server.stop()?;
    let all = packets(&timeline);
    // Each reply's second write waits for the ACK of the first to have come, and that took the way there and back.
    for (place, seen) in all.iter().enumerate() {
        let is_second = seen.packet.from == Side::Server && seen.packet.segment.payload[..] == *b"\n";
        if is_second {
            let ack = seen.packet.seq;
            let acks = all[..place]
                .iter()
                .filter(|seen| seen.packet.from == Side::Client && seen.packet.ack == ack);
            let first = acks
                .map(|seen| seen.passage.arrivals[0])
                .min()
                .context("nothing acknowledged it")?;
            assert!(first <= seen.left, "{timeline}");
        }
    }
    assert_eq!(timeline.writes_per_reply(), [2, 2, 2], "{timeline}");
    Ok(())
}
