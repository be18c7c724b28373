//! What the kernel hands to a capture: a filter of socket(7), SO_ATTACH_FILTER, in the instructions of
//! the kernel's networking/filter document (classic BPF). What it lets through may be cut short.

use std::io;

use nix::libc::{self, sock_filter};
use socket2::{SockFilter, Socket};

/// Where an Ethernet frame has what it carries, and where IP and TCP have what is asked for here.
const ETHERTYPE: u32 = 12;
const IP: u32 = 14;
const IPV4_FRAGMENT: u32 = IP + 6;
const IPV4_PROTOCOL: u32 = IP + 9;
const IPV6_NEXT: u32 = IP + 6;
const IPV6_PORTS: u32 = IP + 40;

const IS_IPV4: u32 = 0x0800;
const IS_IPV6: u32 = 0x86dd;
const TCP: u32 = 6;
const UDP: u32 = 17;
const ICMPV6: u32 = 58;
/// A fragment's offset, but for the first one's, which is 0.
const OFFSET: u32 = 0x1fff;

/// A jump goes over at most 255 instructions, and each port takes two in each of two versions of IP.
pub(super) const MOST_PORTS: usize = 50;

/// What a capture is to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The ports of TCP, to or from; every packet if none are named.
    pub ports: Option<Vec<u16>>,
    /// The first bytes of each frame, at most so many.
    pub length: u32,
}

impl Wanted {
    /// Lets a packet socket have this and nothing else from here on.
    pub fn attach(&self, socket: &Socket) -> io::Result<()> {
        let filter = |part: sock_filter| SockFilter::new(part.code, part.jt, part.jf, part.k);
        let program: Vec<SockFilter> = self.program().into_iter().map(filter).collect();
        socket.attach_filter(&program)
    }

    fn program(&self) -> Vec<sock_filter> {
        let accept = instruction(libc::BPF_RET | libc::BPF_K, self.length);
        let Some(ports) = self.ports.as_deref().filter(|ports| ports.len() <= MOST_PORTS) else {
            return vec![accept];
        };
        let reject = instruction(libc::BPF_RET | libc::BPF_K, 0);
        // Behind an IPv6 header may stand others, and then TCP: those few are let through unlooked at.
        let ipv6 = [
            vec![load_byte(IPV6_NEXT)],
            unless(
                TCP,
                &[vec![skip_if(UDP, 2), skip_if(ICMPV6, 1), accept, reject]].concat(),
            ),
            vec![load_half(IPV6_PORTS)],
            accept_each(ports, accept),
            vec![load_half(IPV6_PORTS + 2)],
            accept_each(ports, accept),
            vec![reject],
        ]
        .concat();
        let ipv4 = [
            vec![load_byte(IPV4_PROTOCOL)],
            unless(TCP, &[reject]),
            vec![load_half(IPV4_FRAGMENT), skip_unless_any(OFFSET, 1), reject],
            vec![load_header_length(IP), load_half_behind(IP)],
            accept_each(ports, accept),
            vec![load_half_behind(IP + 2)],
            accept_each(ports, accept),
            vec![reject],
        ]
        .concat();
        [
            vec![load_half(ETHERTYPE)],
            unless_far(IS_IPV4, ipv4.len()),
            ipv4,
            unless(IS_IPV6, &[reject]),
            ipv6,
        ]
        .concat()
    }
}

fn instruction(code: u32, k: u32) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    }
}

fn load_half(at: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, at)
}

fn load_byte(at: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, at)
}

/// The length of the IPv4 header at this offset, for [`load_half_behind`].
fn load_header_length(at: u32) -> sock_filter {
    instruction(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, at)
}

fn load_half_behind(at: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_H | libc::BPF_IND, at)
}

fn skip_if(value: u32, skipped: u8) -> sock_filter {
    sock_filter {
        jt: skipped,
        ..instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value)
    }
}

/// Skips where none of these bits is set.
fn skip_unless_any(bits: u32, skipped: u8) -> sock_filter {
    sock_filter {
        jf: skipped,
        ..instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, bits)
    }
}

/// These instructions where what was loaded is another value.
fn unless(value: u32, then: &[sock_filter]) -> Vec<sock_filter> {
    let mut program = vec![skip_if(value, then.len() as u8)];
    program.extend_from_slice(then);
    program
}

/// Goes on where what was loaded is this value, and else behind the next `skipped` instructions.
fn unless_far(value: u32, skipped: usize) -> Vec<sock_filter> {
    let over = instruction(libc::BPF_JMP | libc::BPF_JA, skipped as u32);
    vec![skip_if(value, 1), over]
}

fn accept_each(ports: &[u16], accept: sock_filter) -> Vec<sock_filter> {
    let each = |port: &u16| {
        let mut skips = skip_if(u32::from(*port), 0);
        skips.jf = 1;
        [skips, accept]
    };
    ports.iter().flat_map(each).collect()
}

#[cfg(test)]
#[path = "../../tests/unit/observe_filter.rs"]
mod tests;
