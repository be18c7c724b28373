//! The header of TCP with its options, and the data.

use super::field::{Context, Layer};
use super::link::IpPacket;
use super::names::*;
use super::reader::Reader;
use super::words::{checksum_of_segment, data, option_kind, port, relative, scaled_window, set};

pub(super) fn segment(reader: &mut Reader<'_>, packet: &IpPacket, context: Context) -> Option<()> {
    reader.layer = Layer::Tcp;
    let start = reader.position();
    reader.said(&SOURCE_PORT, 16, port)?;
    reader.said(&DESTINATION_PORT, 16, port)?;
    let seq = reader.number(&SEQUENCE, 32)?;
    say_relative(reader, seq, context.first_seq);
    let ack = reader.number(&ACKNOWLEDGMENT, 32)?;
    // The ACK flag, which says whether this number means anything, comes after it.
    if reader.rest().get(1).is_some_and(|flags| flags & 0x10 != 0) {
        say_relative(reader, ack, context.first_ack);
    } else {
        reader.say("does not count: ACK is not set");
    }
    let words = reader.said(&DATA_OFFSET, 4, |words| format!("{} bytes", words * 4))?;
    reader.number(&RESERVED, 3)?;
    for flag in [&AE, &CWR, &ECE, &URG, &ACK, &PSH, &RST, &SYN, &FIN] {
        reader.said(flag, 1, set)?;
    }
    // The flags are bytes 12 and 13 of the header.
    let is_syn = reader.frame().get(start + 13).is_some_and(|flags| flags & 0x02 != 0);
    reader.said(&WINDOW, 16, |window| scaled_window(window, context.window, is_syn))?;
    reader.hex(&CHECKSUM, 16)?;
    let segment = reader.frame().get(start..packet.end);
    reader.say(checksum_of_segment(&packet.addresses, segment));
    let urgent = reader.frame().get(start + 13).is_some_and(|flags| flags & 0x20 != 0);
    reader.said(&URGENT, 16, |_| match urgent {
        true => "counts",
        false => "does not count: URG is not set",
    })?;
    // Less than 5 words have no room for what was read by now.
    let header_len = usize::try_from(words * 4).ok().filter(|length| *length >= 20)?;
    let header_end = start + header_len;
    options(reader, header_end, context)?;
    payload(reader, packet.end)
}

fn say_relative(reader: &mut Reader<'_>, number: u64, first: Option<u32>) {
    if let Some(first) = first {
        reader.say(relative(number, first));
    }
}

/// Reads the options up to the end of the header.
fn options(reader: &mut Reader<'_>, end: usize, context: Context) -> Option<()> {
    const END: u8 = 0;
    const NO_OPERATION_KIND: u8 = 1;
    while reader.position() < end {
        match *reader.rest().first()? {
            END => {
                reader.number(&END_OF_OPTIONS, 8)?;
                reader.bytes(&OPTION_PADDING, end.saturating_sub(reader.position()))?;
            }
            NO_OPERATION_KIND => _ = reader.number(&NO_OPERATION, 8)?,
            _ => option(reader, end, context)?,
        }
    }
    Some(())
}

fn option(reader: &mut Reader<'_>, end: usize, context: Context) -> Option<()> {
    let room = end - reader.position();
    // The one option that is all said by its kind.
    const SACK_PERMITTED_KIND: u8 = 4;
    let name = match reader.rest().first() {
        Some(&SACK_PERMITTED_KIND) => &SACK_PERMITTED,
        _ => &KIND,
    };
    let kind = reader.said(name, 8, option_kind)?;
    if room < 2 {
        return Some(());
    }
    let length = reader.number(&LENGTH, 8)?;
    let length = usize::try_from(length).ok()?;
    if length < 2 || length > room {
        reader.say("cannot be: the header ends before, or the option would have no end");
        reader.bytes(&OPTION_DATA, end.saturating_sub(reader.position()))?;
        return Some(());
    }
    value(reader, kind, length - 2, context)
}

/// Reads the value of an option of this kind.
fn value(reader: &mut Reader<'_>, kind: u64, length: usize, context: Context) -> Option<()> {
    match (kind, length) {
        (2, 2) => _ = reader.said(&MSS, 16, |bytes| format!("{bytes} bytes"))?,
        (3, 1) => _ = reader.said(&WINDOW_SCALE, 8, shift)?,
        (5, 8 | 16 | 24 | 32) => {
            for _ in 0..length / 8 {
                for edge in [&SACK_LEFT, &SACK_RIGHT] {
                    let number = reader.number(edge, 32)?;
                    say_relative(reader, number, context.first_ack);
                }
            }
        }
        (8, 8) => {
            reader.number(&TS_VALUE, 32)?;
            reader.number(&TS_ECHO, 32)?;
        }
        (19, _) => _ = reader.bytes(&DIGEST, length)?,
        (29, _) => _ = reader.bytes(&AUTHENTICATION_OPTION, length)?,
        (30, _) => _ = reader.bytes(&MULTIPATH, length)?,
        (34, _) => _ = reader.bytes(&COOKIE, length)?,
        (172 | 174, _) => _ = reader.bytes(&ACCURATE_ECN, length)?,
        _ => _ = reader.bytes(&OPTION_DATA, length)?,
    }
    Some(())
}

fn shift(bits: u64) -> String {
    match bits {
        // RFC 7323, section 2.3: more is taken for 14.
        0..=14 => format!("windows are multiplied by {}", 1_u64 << bits),
        _ => "more than 14, which is taken for 14".to_owned(),
    }
}

/// Reads the data, and what may follow the packet in its frame.
fn payload(reader: &mut Reader<'_>, end: usize) -> Option<()> {
    let captured = reader.frame().len();
    let at = reader.position();
    let there = end.min(captured).saturating_sub(at);
    let missing = end.saturating_sub(captured.max(at));
    if there > 0 {
        reader.layer = Layer::Data;
        let bytes = reader.bytes(&DATA, there)?;
        reader.say(data(bytes, missing));
    }
    reader.layer = Layer::Rest;
    reader.bytes(&PADDING, captured.saturating_sub(reader.position()))?;
    Some(())
}
