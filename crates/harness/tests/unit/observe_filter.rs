//! Tests of `src/observe/filter.rs`, which see what is private there.

use std::os::unix::net::UnixDatagram;

use socket2::SockRef;

use super::*;

/// A filter sees what a datagram carries as it sees a frame.
fn let_through(wanted: &Wanted, frame: &[u8]) -> Option<usize> {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    wanted.attach(&SockRef::from(&theirs)).unwrap();
    theirs.set_nonblocking(true).unwrap();
    // A datagram that the filter rejects is as good as sent.
    let _ = ours.send(frame);
    let mut buffer = [0; 2000];
    theirs.recv(&mut buffer).ok()
}

fn ipv4(protocol: u8, options: usize, fragment: u16, ports: [u16; 2]) -> Vec<u8> {
    let mut frame = vec![0; 14 + 20 + options];
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    frame[14] = 0x45 + (options / 4) as u8;
    frame[20..22].copy_from_slice(&fragment.to_be_bytes());
    frame[23] = protocol;
    frame.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    frame.resize(200, 0);
    frame
}

fn ipv6(next: u8, ports: [u16; 2]) -> Vec<u8> {
    let mut frame = vec![0; 14 + 40];
    frame[12..14].copy_from_slice(&[0x86, 0xdd]);
    frame[20] = next;
    frame.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    frame.resize(200, 0);
    frame
}

#[test]
fn what_is_to_or_from_a_port_is_let_through_and_cut() {
    let many: Vec<u16> = (3000..3000 + MOST_PORTS as u16).collect();
    for ports in [vec![3000], vec![80, 3000], many] {
        let last = *ports.last().unwrap();
        let wanted = Wanted {
            ports: Some(ports),
            length: 96,
        };
        for ports in [[3000, 50_000], [50_000, 3000], [last, 1], [1, last]] {
            assert_eq!(let_through(&wanted, &ipv4(6, 0, 0, ports)), Some(96), "{ports:?}");
            assert_eq!(let_through(&wanted, &ipv4(6, 40, 0x4000, ports)), Some(96), "{ports:?}");
            assert_eq!(let_through(&wanted, &ipv6(6, ports)), Some(96), "{ports:?}");
        }
        for other in [
            ipv4(6, 0, 0, [4000, 50_000]),
            ipv4(17, 0, 0, [3000, 50_000]),
            ipv4(6, 0, 1, [3000, 50_000]),
            ipv6(6, [4000, 50_000]),
            ipv6(17, [3000, 3000]),
            ipv6(58, [3000, 3000]),
            vec![0; 60],
            b"short".to_vec(),
        ] {
            assert_eq!(let_through(&wanted, &other), None, "{other:?}");
        }
        // What else stands behind an IPv6 header may end in TCP.
        assert_eq!(let_through(&wanted, &ipv6(43, [0, 0])), Some(96));
    }
}

#[test]
fn without_ports_or_with_too_many_everything_is() {
    let too_many: Vec<u16> = (1..=MOST_PORTS as u16 + 1).collect();
    for ports in [None, Some(too_many)] {
        let wanted = Wanted { ports, length: 100 };
        assert_eq!(let_through(&wanted, &ipv4(17, 0, 0, [5, 6])), Some(100));
        assert_eq!(let_through(&wanted, &[0; 60]), Some(60));
    }
}
