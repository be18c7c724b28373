//! What another program than ours finds in a capture file.

use std::io::{self, Write};

use pcap_parser::pcapng::{Block, OptionCode, parse_block_le};

use timeline::format::pcapng::{Encoder, write};
use timeline::*;

use crate::samples::{self, Script, moment};

fn file(timeline: &Timeline) -> Vec<u8> {
    let mut file = Vec::new();
    write(timeline, "step1", &mut file).unwrap();
    file
}

/// The interface whose frames are no packets: calls and states, in words.
const CALLS: u32 = 1;

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

/// All that another program shows of a file besides its packets: words and comments.
pub fn shown_in(mut file: &[u8]) -> Vec<String> {
    let mut shown = Vec::new();
    while !file.is_empty() {
        let (rest, block) = parse_block_le(file).unwrap();
        if let Block::EnhancedPacket(block) = block {
            if block.if_id == CALLS {
                shown.push(text_of(&block.data[..block.caplen as usize]));
            }
            let comments = block.options.iter().filter(|option| option.code == OptionCode::Comment);
            shown.extend(
                comments.map(|option| String::from_utf8(option.value[..usize::from(option.len)].to_vec()).unwrap()),
            );
        }
        file = rest;
    }
    shown
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
        CALLS => text_of(&data),
        _ => format!("{} bytes", data.len()),
    };
    blocks(file).1.into_iter().map(line).collect()
}

fn encoded(records: impl IntoIterator<Item = What>) -> Vec<String> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, "step1", Level::Sandbox).unwrap();
    for (what, micros) in records.into_iter().zip(0..) {
        let at = moment(micros);
        encoder.record(&Record { at, what }).unwrap();
    }
    encoder.finish().unwrap();
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
fn what_tells_little_is_no_frame() {
    let on = Script::new().endpoints;
    let call = |call: Call| What::Call {
        on: Some(on),
        call: call.into(),
    };
    let would_block = Call {
        result: Some(Err(Errno::EAGAIN)),
        ..samples::read("")
    };
    let refused = Call {
        result: Some(Err(Errno::EPIPE)),
        ..samples::write("late")
    };
    let state = |side, to| What::State {
        on,
        change: StateChange { side, from: None, to },
    };
    let process = |kind| What::Process(ProcessEvent { pid: 42, kind }.into());
    let listed = encoded([
        call(would_block),
        call(refused),
        state(Side::Client, Some(TcpState::Established)),
        state(Side::Client, Some(TcpState::TimeWait)),
        state(Side::Client, None),
        state(Side::Server, None),
        process(ProcessEventKind::Started),
        process(ProcessEventKind::Exited(Exit::Signal(11))),
    ]);
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
fn of_a_clients_actions_those_that_are_calls_are_frames() {
    let on = Script::new().endpoints;
    let action = |call| What::Client {
        on,
        action: Box::new(ClientAction {
            kind: ClientActionKind::Closed,
            counters: None,
            call,
        }),
    };
    let listed = encoded([
        action(None),
        action(Some(samples::call("close", CallKind::Close).into())),
    ]);
    assert_eq!(listed, ["client: close(9) = 0"]);
}

#[test]
fn frames_of_another_link_have_an_interface_of_their_own() {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, "step1", Level::Sandbox).unwrap();
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
    let mut encoder = Encoder::new(&mut count, "step1", Level::Sandbox).unwrap();
    for record in &samples::two_writes().recording.records {
        encoder.record(record).unwrap();
    }
    let frames = encoder.frames();
    encoder.finish().unwrap();
    // The section and its two interfaces; nothing waits behind the last frame.
    assert_eq!(count.0, 3 + frames);
}
