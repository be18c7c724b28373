//! Files that are longer than memory should have to hold.

use std::io::{self, Read};

use timeline::Excerpt;
use timeline::format::pcapng::{self, ReadError};
use timeline::format::text::Lanes;

use super::files::{self, Ip, Magic, Order, conversation, stored};

/// A file that is made up while it is read.
struct MadeUp<F> {
    next: F,
    packet: Vec<u8>,
    at: usize,
    left: usize,
}

impl<F: FnMut(&mut [u8])> Read for MadeUp<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() && self.left > 0 {
            if self.at == self.packet.len() {
                (self.next)(&mut self.packet);
                self.at = 0;
            }
            let length = (buffer.len() - filled).min(self.packet.len() - self.at).min(self.left);
            buffer[filled..filled + length].copy_from_slice(&self.packet[self.at..self.at + length]);
            self.at += length;
            self.left -= length;
            filled += length;
        }
        Ok(filled)
    }
}

/// What the system has given to this process at most, in bytes.
fn most_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    peak.and_then(|peak| peak.parse::<usize>().ok()).expect("a number") << 10
}

/// A connection of 100 MB in large segments, and a scan in which every packet is a connection.
#[test]
#[ignore = "reads 130 MB: run with --ignored"]
fn a_long_capture_is_drawn_in_little_memory() {
    const FILE_HEADER: usize = 24;
    const RECORD: usize = 16;
    /// Where IP has the lower half of the client's address.
    const ADDRESS: usize = RECORD + 14;
    let large = files::segment(Ip::V4, 40_000, (false, "PA"), (1, 1), &[b'x'; 60_000]);
    let syn = conversation(Ip::V4, 40_000).swap_remove(0);
    for (packet, length) in [(large, 100 << 20), (syn, 30 << 20)] {
        let mut header = Order::Little.pcap(Magic::Microseconds, 101, &stored([packet]));
        let packet = header.split_off(FILE_HEADER);
        let mut number = 0_u32;
        let scan = |packet: &mut [u8]| {
            number += 1;
            if packet.len() < 1000 {
                packet[ADDRESS - 1..ADDRESS + 2].copy_from_slice(&number.to_be_bytes()[1..]);
            }
        };
        let packets = MadeUp {
            next: scan,
            at: packet.len(),
            packet,
            left: length,
        };
        let mut excerpt = Excerpt::new(Lanes::default().limits());
        let end = pcapng::read_into(header.chain(packets), &mut excerpt);
        assert!(matches!(end, Err(ReadError::Cut { .. })), "{end:?}");
        let drawn = Lanes::default().draw(&excerpt.into_timeline());
        assert!(drawn.contains("left out"), "{drawn}");
    }
    // Other tests take some of it too.
    let most = most_memory();
    assert!(most < 300 << 20, "{most} bytes");
}
