//! Segments of a stream over IPv4 that are handed over in one call: as one long packet, which the kernel cuts up into the
//! very same segments before they come to the host's interface (segmentation offload, in software).

use timeline::dissect::sum;

/// Where the headers of IP and TCP begin in a frame whose IP header has no options.
pub(super) const IP: usize = 14;
const TCP: usize = 34;
/// No packet of IP is longer.
const LONGEST: usize = 65_535;

/// Joins as many of the frames, from the first on, as are bit by bit what the kernel makes of the packet: how many that
/// is, how the packet is to be cut (a `virtio_net_hdr`), and the packet. `None` if it is not even two.
pub(super) fn join<'a>(frames: impl Iterator<Item = &'a [u8]> + Clone) -> Option<(usize, Vec<u8>, Vec<u8>)> {
    let first = frames.clone().next()?;
    let data = TCP + usize::from(first.get(46)? >> 4) * 4;
    // No fragment, and with no flag but ACK.
    let is_plain = matches!(first[12..24], [8, 0, 0x45, .., fragment, 0, _, 6] if fragment & 0x3f == 0);
    if !is_plain || first.get(47) != Some(&0x10) || !(54..first.len()).contains(&data) {
        return None;
    }
    let is_made = |(number, frame): &(usize, &[u8])| {
        frame.len() == first.len() && frame[..data] == headers(&first[..data], *number, &frame[data..])
    };
    let made = frames.take(LONGEST / first.len()).enumerate().take_while(is_made);
    let segments: Vec<&[u8]> = made.map(|(_, frame)| &frame[data..]).collect();
    let count = Some(segments.len()).filter(|count| *count > 1)?;
    let segments = segments.concat();
    let length = |from: usize| ((data - from + segments.len()) as u16).to_be_bytes();
    let mut packet = first[..data].to_vec();
    packet[16..18].copy_from_slice(&length(IP));
    let begun = sum(&[&packet[26..TCP], &[0, 6], &length(TCP)]);
    packet[50..52].copy_from_slice(&begun.to_be_bytes());
    packet.extend(segments);
    // A checksum is wanted; it is cut as TCP over IPv4.
    let numbers = [data, first.len() - data, TCP, 16].map(|number| (number as u16).to_ne_bytes());
    let how = [&[1, 1], numbers.as_flattened()].concat();
    Some((count, how, packet))
}

/// The headers that the kernel gives to the segment of this number, from 0 on, if it cuts a packet with these.
fn headers(of: &[u8], number: usize, data: &[u8]) -> Vec<u8> {
    let length = |from: usize| ((of.len() - from + data.len()) as u16).to_be_bytes();
    let id = u16::from_be_bytes([of[18], of[19]]).wrapping_add(number as u16);
    let seq = u32::from_be_bytes([of[38], of[39], of[40], of[41]]).wrapping_add((number * data.len()) as u32);
    let mut made = of.to_vec();
    made[16..18].copy_from_slice(&length(IP));
    made[18..20].copy_from_slice(&id.to_be_bytes());
    made[24..26].fill(0);
    made[38..42].copy_from_slice(&seq.to_be_bytes());
    made[50..52].fill(0);
    let ip = !sum(&[&made[IP..TCP]]);
    let tcp = !sum(&[&made[26..TCP], &[0, 6], &length(TCP), &made[TCP..], data]);
    made[24..26].copy_from_slice(&ip.to_be_bytes());
    made[50..52].copy_from_slice(&tcp.to_be_bytes());
    made
}

#[cfg(test)]
#[path = "../../../tests/unit/observe_net_joined.rs"]
mod tests;
