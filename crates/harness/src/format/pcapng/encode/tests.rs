use pcap_parser::pcapng::{Block, parse_block_le};

use super::*;
use crate::format::pcapng::{read, write, write_with_calls};
use crate::format::samples::{self, Script, moment};
use crate::timeline::explain::explain_all;
use crate::timeline::{CallKind, ClientActionKind, Errno, Exit, Timeline};

fn file(timeline: &Timeline) -> Vec<u8> {
    let mut file = Vec::new();
    write_with_calls(timeline, "step1", &mut file).unwrap();
    file
}

/// What another reader than ours finds in a file: link types, and each frame's interface and data.
fn blocks(mut file: &[u8]) -> (Vec<i32>, Vec<(u32, Vec<u8>)>) {
    let (mut interfaces, mut frames) = (Vec::new(), Vec::new());
    while !file.is_empty() {
        let (rest, block) = parse_block_le(file).unwrap();
        match block {
            Block::InterfaceDescription(block) => interfaces.push(block.linktype.0),
            Block::EnhancedPacket(block) => frames.push((block.if_id, block.data[..block.caplen as usize].to_vec())),
            _ => {}
        }
        file = rest;
    }
    (interfaces, frames)
}

/// The text behind the tags of an entry.
fn text_of(data: &[u8]) -> String {
    let mut rest = data;
    loop {
        let tag = u16::from_be_bytes([rest[0], rest[1]]);
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        rest = &rest[4 + length..];
        if tag == 0 {
            return String::from_utf8(rest.to_vec()).unwrap();
        }
    }
}

/// A file as Wireshark lists it, in short.
fn listed(file: &[u8]) -> Vec<String> {
    let line = |(interface, data): (u32, Vec<u8>)| match interface {
        1 => text_of(&data),
        _ => format!("{} bytes", data.len()),
    };
    blocks(file).1.into_iter().map(line).collect()
}

fn encoded(encode: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> io::Result<()>) -> Vec<String> {
    let mut file = Vec::new();
    encode(&mut Encoder::with_calls(&mut file, "step1").unwrap()).unwrap();
    listed(&file)
}

#[test]
fn calls_and_states_stand_where_they_happened() {
    let listed = listed(&file(&samples::two_writes().timeline()));
    assert_eq!(
        listed[..12],
        [
            "58 bytes",
            "58 bytes",
            "54 bytes",
            "step1: socket ESTABLISHED",
            "step1: accept4(8) = 9",
            "56 bytes",
            "54 bytes",
            r#"step1: recvfrom(9, "1\n", 8192) = 2"#,
            r#"step1: sendto(9, "1", 1) = 1"#,
            "55 bytes",
            "54 bytes",
            r#"step1: sendto(9, "\n", 1) = 1"#,
        ]
    );
    assert_eq!(
        listed[listed.len() - 4..],
        [
            "step1: socket CLOSE_WAIT",
            "54 bytes",
            "client: socket FIN_WAIT2",
            r#"step1: recvfrom(9, "", 8192) = 0"#,
        ]
    );
}

#[test]
fn an_entry_names_its_dissector_and_its_connection() {
    let entry = |v6: bool| {
        let (client, server) = match v6 {
            false => ("10.0.0.1:57464", "10.0.0.2:3000"),
            true => ("[::1]:57464", "[::2]:3000"),
        };
        let on = Endpoints {
            client: client.parse().unwrap(),
            server: server.parse().unwrap(),
        };
        entry::write("step1", Side::Server, Some(on), "close(7) = 0")
    };
    let bytes = b"\x00\x0c\x00\x08syslog\x00\x00\
        \x00\x14\x00\x04\x0a\x00\x00\x02\x00\x15\x00\x04\x0a\x00\x00\x01\
        \x00\x18\x00\x04\x00\x00\x00\x02\x00\x19\x00\x04\x00\x00\x0b\xb8\x00\x1a\x00\x04\x00\x00\xe0\x78\
        \x00\x00\x00\x00step1: close(7) = 0";
    assert_eq!(entry(false), bytes);
    assert_eq!(entry(true)[12..16], [0, 22, 0, 16]);
    assert_eq!(entry(true)[31], 2, "from the server");
    assert_eq!(text_of(&entry(true)), "step1: close(7) = 0");
    let without = entry::write("step1", Side::Server, None, "listen(3, 127.0.0.1:3000) = 0");
    assert_eq!(without[12..16], [0; 4]);
}

#[test]
fn without_calls_the_packets_and_their_stamps_are_the_same() {
    let timeline = samples::clean_close().timeline();
    let mut packets = Vec::new();
    write(&timeline, &mut packets).unwrap();
    assert_eq!(blocks(&packets).0, [1]);
    assert_eq!(blocks(&file(&timeline)).0, [1, 252]);
    let of_network = |file: &[u8]| -> Vec<_> {
        let frames = blocks(file).1.into_iter();
        frames.filter(|(interface, _)| *interface == 0).collect()
    };
    assert_eq!(of_network(&packets), of_network(&file(&timeline)));
}

#[test]
fn what_is_written_with_calls_is_read_back() {
    for script in [samples::two_writes(), samples::clean_close(), samples::client_reset()] {
        let timeline = script.timeline();
        let again = read(&file(&timeline)[..]).unwrap().into_timeline();
        assert_eq!(again.only().wire(), timeline.only().wire());
        assert_eq!(again.teardowns(), timeline.teardowns());
    }
}

#[test]
fn frame_numbers_in_comments_count_the_calls_too() {
    let timeline = samples::two_writes().timeline();
    let again = read(&file(&timeline)[..]).unwrap().into_timeline();
    let held = |timeline: &Timeline| {
        explain_all(timeline)
            .into_iter()
            .find_map(|(index, explanation)| Some((timeline.packet(index)?.number, explanation.held?.until_frame)))
    };
    assert_eq!(held(&timeline), Some((13, 12)));
    let (number, until) = held(&again).unwrap();
    assert_eq!(until, number - 1);
    assert!(number > 13, "{number}");
    assert_eq!(blocks(&file(&timeline)).1[until - 1].0, 0);
}

#[test]
fn what_tells_nothing_is_left_out() {
    let on = Script::new().endpoints;
    let would_block = Call {
        result: Some(Err(Errno::EAGAIN)),
        ..samples::read("")
    };
    let refused = Call {
        result: Some(Err(Errno::EPIPE)),
        ..samples::write("late")
    };
    let state = |side, to| StateChange { side, from: None, to };
    let process = |kind| ProcessEvent { pid: 42, kind };
    let listed = encoded(|encoder| {
        encoder.call(moment(0), Some(on), &would_block)?;
        encoder.call(moment(1), Some(on), &refused)?;
        encoder.state(moment(2), on, &state(Side::Client, Some(TcpState::Established)))?;
        encoder.state(moment(3), on, &state(Side::Client, Some(TcpState::TimeWait)))?;
        encoder.state(moment(4), on, &state(Side::Client, None))?;
        encoder.state(moment(5), on, &state(Side::Server, None))?;
        encoder.process(moment(6), &process(ProcessEventKind::Started))?;
        encoder.process(moment(7), &process(ProcessEventKind::Exited(Exit::Signal(11))))?;
        assert_eq!(encoder.frames(), 4);
        Ok(())
    });
    assert_eq!(
        listed,
        [
            r#"step1: sendto(9, "late", 4) = -1 EPIPE"#,
            "client: socket TIME_WAIT",
            "step1: socket closed",
            "step1: process 42 ended: killed by signal 11",
        ]
    );
}

#[test]
fn of_a_clients_actions_those_that_are_calls_are_shown() {
    let on = Script::new().endpoints;
    let action = |call| ClientAction {
        kind: ClientActionKind::Closed,
        counters: None,
        call,
    };
    let listed = encoded(|encoder| {
        encoder.client(moment(0), on, &action(None))?;
        encoder.client(moment(1), on, &action(Some(samples::call("close", CallKind::Close))))
    });
    assert_eq!(listed, ["client: close(9) = 0"]);
}

#[test]
fn a_file_of_packets_alone_has_no_calls() {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file).unwrap();
    encoder.call(moment(0), None, &samples::read("1\n")).unwrap();
    assert_eq!(encoder.frames(), 0);
    assert_eq!(blocks(&file), (vec![1], vec![]));
}

#[test]
fn frames_of_another_link_have_an_interface_of_their_own() {
    let mut file = Vec::new();
    let mut encoder = Encoder::with_calls(&mut file, "step1").unwrap();
    for link_type in [LinkType(101), LinkType::ETHERNET, LinkType(101)] {
        encoder.packet(moment(0), link_type, &[1, 2, 3], 3, None).unwrap();
    }
    let (interfaces, frames) = blocks(&file);
    let used: Vec<u32> = frames.into_iter().map(|(interface, _)| interface).collect();
    assert_eq!((interfaces, used), (vec![1, 252, 101], vec![2, 0, 2]));
}

/// Whoever reads at the other end of a pipe never has half of an event.
#[test]
fn each_event_is_one_write() {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    let mut encoder = Encoder::with_calls(&mut count, "step1").unwrap();
    for record in &samples::two_writes().recording.records {
        encoder.record(record).unwrap();
    }
    let frames = encoder.frames();
    assert_eq!(count.0, 3 + frames);
}
