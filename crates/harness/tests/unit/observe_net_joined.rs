use super::*;

/// A segment with so many bytes of data, the one of this number, and its flags, of which 0x10 is ACK.
fn frame(number: u32, length: usize, flags: u8) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([8, 0]);
    let total = 52 + length as u16;
    frame.extend([0x45, 0]);
    frame.extend(total.to_be_bytes());
    frame.extend((0xffff_u16.wrapping_add(number as u16)).to_be_bytes());
    frame.extend([0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    let checksum = !sum(&[&frame[14..34]]);
    frame[24..26].copy_from_slice(&checksum.to_be_bytes());
    frame.extend([0x9c, 0x40, 0x0f, 0xa0]);
    frame.extend((0xffff_ff00_u32.wrapping_add(number * 1000)).to_be_bytes());
    frame.extend([0, 0, 0, 9, 0x80, flags, 1, 2, 0, 0, 0, 0]);
    frame.extend([1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6]);
    frame.extend((0..length).map(|at| (at as u32 * 7 + number) as u8));
    let length = 32 + length as u16;
    let checksum = !sum(&[&frame[26..34], &[0, 6], &length.to_be_bytes(), &frame[34..]]);
    frame[50..52].copy_from_slice(&checksum.to_be_bytes());
    frame
}

/// How many of the frames are joined.
fn count(frames: &[Vec<u8>]) -> Option<usize> {
    join(frames.iter().map(|frame| &frame[..])).map(|(count, ..)| count)
}

/// Three segments, whose numbers and identifications begin again at 0 among them.
fn three() -> [Vec<u8>; 3] {
    [0, 1, 2].map(|number| frame(number, 1000, 0x10))
}

#[test]
fn segments_of_a_stream_become_one_packet() {
    let frames = three();
    let (count, how, packet) = join(frames.iter().map(|frame| &frame[..])).unwrap();
    assert_eq!((count, packet.len()), (3, 66 + 3000));
    assert_eq!(packet[66..1066], frames[0][66..]);
    assert_eq!(packet[2066..], frames[2][66..]);
    assert_eq!(packet[16..18], (52_u16 + 3000).to_be_bytes());
    let numbers: Vec<u8> = [66_u16, 1000, 34, 16].into_iter().flat_map(u16::to_ne_bytes).collect();
    assert_eq!(how, [&[1, 1], &numbers[..]].concat());
}

#[test]
fn whatever_the_kernel_would_make_different_ends_it() {
    let others: [fn(&mut [Vec<u8>; 3]); 9] = [
        |frames| frames[1] = frame(2, 1000, 0x10),
        |frames| frames[1] = frame(1, 999, 0x10),
        |frames| frames[1] = frame(1, 1000, 0x18),
        |frames| frames[1][19] += 1,
        |frames| frames[1][22] -= 1,
        |frames| frames[1][25] += 1,
        |frames| frames[1][51] ^= 1,
        |frames| frames[1][65] += 1,
        |frames| frames[1][1065] ^= 1,
    ];
    for (number, other) in others.into_iter().enumerate() {
        let mut frames = three();
        assert_eq!(count(&frames), Some(3));
        other(&mut frames);
        assert_eq!(count(&frames), None, "{number}");
    }
    let mut frames = three();
    frames[2][1065] ^= 1;
    assert_eq!(count(&frames), Some(2));
}

#[test]
fn what_is_no_plain_data_over_ipv4_is_not_joined() {
    let others: [fn(&mut Vec<u8>); 6] = [
        |frame| frame[12] = 0x86,
        |frame| frame[14] = 0x46,
        |frame| frame[20] |= 0x20,
        |frame| frame[23] = 17,
        |frame| frame[46] = 0x40,
        |frame| frame.truncate(66),
    ];
    for (number, other) in others.into_iter().enumerate() {
        let mut frames = three();
        frames.iter_mut().for_each(other);
        assert_eq!(count(&frames), None, "{number}");
    }
    assert_eq!(count(&[vec![0; 47], vec![0; 47]]), None);
    assert_eq!(count(&[]), None);
    let many: Vec<_> = (0..70).map(|number| frame(number, 1000, 0x10)).collect();
    assert_eq!(count(&many), Some(LONGEST / 1066));
}
