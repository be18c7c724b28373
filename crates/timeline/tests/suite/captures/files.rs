//! Capture files of all kinds, made up.

use etherparse::{
    IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, Ipv4Options, Ipv6Extensions, Ipv6Header, Ipv6RawExtHeader,
    PacketBuilder, TcpHeader, TcpOptionElement,
};

/// The link types of frames that are decoded.
pub const LINKS: [u32; 10] = [1, 0, 12, 14, 101, 108, 113, 228, 229, 276];

/// How the packets of a conversation are dressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ip {
    V4,
    V4WithOptions,
    V6,
    V6WithExtensions,
}

pub const IPS: [Ip; 4] = [Ip::V4, Ip::V4WithOptions, Ip::V6, Ip::V6WithExtensions];

impl Ip {
    fn is_v6(self) -> bool {
        matches!(self, Ip::V6 | Ip::V6WithExtensions)
    }

    /// True for a link that carries such packets.
    pub fn fits(self, link: u32) -> bool {
        link != if self.is_v6() { 228 } else { 229 }
    }
}

const CLIENT_ISN: u32 = 0xffff_fffa;
const SERVER_ISN: u32 = 1_000_000;

/// What the packets of [`conversation`] say, in short notation.
pub const WIRE: [&str; 11] = [
    "C>S SYN seq 0",
    "S>C SYN,ACK seq 0 ack 1",
    "C>S ACK seq 1 ack 1",
    "C>S PSH,ACK seq 1 ack 1 len 6 \"hello\\n\"",
    "S>C ACK seq 1 ack 7",
    "S>C PSH,ACK seq 1 ack 7 len 5 \"hello\"",
    "S>C PSH,ACK seq 6 ack 7 len 1 \"\\n\"",
    "C>S ACK seq 7 ack 7",
    "C>S FIN,ACK seq 7 ack 7",
    "S>C FIN,ACK seq 7 ack 8",
    "C>S ACK seq 8 ack 8",
];

/// A handshake, a request, a reply in two segments, a close by both sides: IP packets.
pub fn conversation(ip: Ip, client_port: u16) -> Vec<Vec<u8>> {
    let say = |client, flags, seq, ack, data: &[u8]| segment(ip, client_port, (client, flags), (seq, ack), data);
    vec![
        say(true, "S", 0, 0, b""),
        say(false, "SA", 0, 1, b""),
        say(true, "A", 1, 1, b""),
        say(true, "PA", 1, 1, b"hello\n"),
        say(false, "A", 1, 7, b""),
        say(false, "PA", 1, 7, b"hello"),
        say(false, "PA", 6, 7, b"\n"),
        say(true, "A", 7, 7, b""),
        say(true, "FA", 7, 7, b""),
        say(false, "FA", 7, 8, b""),
        say(true, "A", 8, 8, b""),
    ]
}

/// An IP packet with a TCP segment. Sequence numbers are relative.
pub fn segment(
    ip: Ip,
    client_port: u16,
    (by_client, flags): (bool, &str),
    (seq, ack): (u32, u32),
    data: &[u8],
) -> Vec<u8> {
    const SERVER_PORT: u16 = 3000;
    let (mut from, mut to) = ((1, client_port, CLIENT_ISN), (2, SERVER_PORT, SERVER_ISN));
    if !by_client {
        std::mem::swap(&mut from, &mut to);
    }
    let mut tcp = TcpHeader::new(from.1, to.1, from.2.wrapping_add(seq), 64_240);
    tcp.syn = flags.contains('S');
    tcp.fin = flags.contains('F');
    tcp.rst = flags.contains('R');
    tcp.psh = flags.contains('P');
    tcp.ack = flags.contains('A');
    if tcp.ack {
        tcp.acknowledgment_number = to.2.wrapping_add(ack);
    }
    let mut options = vec![TcpOptionElement::Timestamp(seq, ack)];
    if tcp.syn {
        options.extend([
            TcpOptionElement::MaximumSegmentSize(1460),
            TcpOptionElement::WindowScale(7),
        ]);
    }
    tcp.set_options(&options).expect("the options fit");
    let mut packet = Vec::new();
    PacketBuilder::ip(headers(ip, from.0, to.0))
        .tcp_header(tcp)
        .write(&mut packet, data)
        .expect("a vector takes all");
    packet
}

fn headers(ip: Ip, from: u8, to: u8) -> IpHeaders {
    if !ip.is_v6() {
        let mut header = Ipv4Header::new(0, 64, IpNumber::TCP, [10, 0, 0, from], [10, 0, 0, to]).expect("it fits");
        if ip == Ip::V4WithOptions {
            header.options = Ipv4Options::from([1, 1, 1, 0]);
        }
        return IpHeaders::Ipv4(header, Ipv4Extensions::default());
    }
    let address = |host| [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host];
    let header = Ipv6Header {
        hop_limit: 64,
        source: address(from),
        destination: address(to),
        ..Ipv6Header::default()
    };
    let mut extensions = Ipv6Extensions::default();
    if ip == Ip::V6WithExtensions {
        let padding = Ipv6RawExtHeader::new_raw(IpNumber::TCP, &[1, 4, 0, 0, 0, 0]).expect("it fits");
        extensions.hop_by_hop_options = Some(padding);
    }
    IpHeaders::Ipv6(header, extensions)
}

/// An IP packet as a frame of a link.
pub fn framed(link: u32, ip: &[u8]) -> Vec<u8> {
    let is_v6 = ip[0] >> 4 == 6;
    let ether_type: [u8; 2] = if is_v6 { [0x86, 0xdd] } else { [0x08, 0] };
    // macOS's number for IPv6; Linux's device type of the loopback interface.
    let (family, loopback) = (if is_v6 { 30 } else { 2 }, [0x03, 0x04]);
    let header = match link {
        1 => [&[2; 12][..], &ether_type].concat(),
        0 => u32::to_le_bytes(family).to_vec(),
        108 => u32::to_be_bytes(family).to_vec(),
        113 => [&[0, 0][..], &loopback, &[0, 6], &[0; 8], &ether_type].concat(),
        276 => [&ether_type[..], &[0, 0], &[0, 0, 0, 1], &loopback, &[0, 6], &[0; 8]].concat(),
        _ => Vec::new(),
    };
    [&header, ip].concat()
}

/// An Ethernet frame with VLAN tags.
pub fn tagged(tags: &[u16], ip: &[u8]) -> Vec<u8> {
    let frame = framed(1, ip);
    let tags: Vec<u8> = tags
        .iter()
        .flat_map(|tag| [tag.to_be_bytes(), [0, 42]].concat())
        .collect();
    [&frame[..12], &tags, &frame[12..]].concat()
}

/// A way to wrap an IP packet, as an Ethernet frame.
pub type Wrap = fn(&[u8]) -> Vec<u8>;

/// Tunnels that IP packets come in.
pub const TUNNELS: [(&str, Wrap); 17] = [
    ("MPLS", |ip| {
        ethernet(0x8847, &[&label(1000, false)[..], &label(16, true), ip].concat())
    }),
    ("MPLS, multicast", |ip| {
        ethernet(0x8848, &[&label(16, true)[..], ip].concat())
    }),
    ("MPLS, frame behind a control word", |ip| {
        ethernet(0x8847, &[&label(16, true)[..], &[0, 0, 0, 9], &framed(1, ip)].concat())
    }),
    ("MPLS, frame", |ip| {
        // tshark looks for such a frame only where the address begins with 0.
        let mut frame = framed(1, ip);
        frame[..12].fill(0);
        ethernet(0x8847, &[&label(16, true)[..], &frame].concat())
    }),
    ("MPLS in IP", |ip| outer(137, &[&label(16, true)[..], ip].concat())),
    ("PPPoE", |ip| ethernet(0x8864, &pppoe(ip))),
    ("GRE", |ip| outer(47, &[&[0, 0][..], &protocol(ip), ip].concat())),
    ("GRE with checksum, key and number", |ip| {
        outer(
            47,
            &[&[0xb0, 0][..], &protocol(ip), &[0; 4], &[0, 0, 0, 7], &[0, 0, 0, 1], ip].concat(),
        )
    }),
    ("GRE, frame", |ip| {
        outer(47, &[&[0, 0, 0x65, 0x58][..], &framed(1, ip)].concat())
    }),
    ("GRE, MPLS", |ip| {
        outer(47, &[&[0, 0, 0x88, 0x47][..], &label(16, true), ip].concat())
    }),
    ("PPTP", |ip| {
        let data = [&[0xff, 3][..], &[0, if ip[0] >> 4 == 6 { 0x57 } else { 0x21 }], ip].concat();
        let length = (data.len() as u16).to_be_bytes();
        let header = [
            &[0x30, 0x81, 0x88, 0x0b][..],
            &length,
            &[0, 1],
            &[0, 0, 0, 3],
            &[0, 0, 0, 2],
        ]
        .concat();
        outer(47, &[header, data].concat())
    }),
    ("VXLAN", |ip| {
        datagram(4789, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &framed(1, ip)].concat())
    }),
    ("IP in IP", |ip| outer(if ip[0] >> 4 == 6 { 41 } else { 4 }, ip)),
    ("IP in IPv6", |ip| outer_v6(if ip[0] >> 4 == 6 { 41 } else { 4 }, ip)),
    ("SNAP", |ip| {
        let data = [&[0xaa, 0xaa, 3, 0, 0, 0][..], &protocol(ip), ip].concat();
        ethernet(data.len() as u16, &data)
    }),
    ("five tags", |ip| tagged(&[0x88a8, 0x88a8, 0x8100, 0x8100, 0x8100], ip)),
    ("VXLAN in GRE in IP in PPPoE", |ip| {
        let inner = datagram(4789, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &framed(1, ip)].concat());
        let tunnel = outer(47, &[&[0, 0, 0x65, 0x58][..], &inner].concat());
        ethernet(0x8864, &pppoe(&outer(4, &tunnel[14..])[14..]))
    }),
];

fn ethernet(ether_type: u16, data: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ether_type.to_be_bytes(), data].concat()
}

fn label(number: u32, is_last: bool) -> [u8; 4] {
    (number << 12 | u32::from(is_last) << 8 | 64).to_be_bytes()
}

/// The EtherType of an IP packet.
fn protocol(ip: &[u8]) -> [u8; 2] {
    if ip[0] >> 4 == 6 { [0x86, 0xdd] } else { [8, 0] }
}

fn pppoe(ip: &[u8]) -> Vec<u8> {
    let length = (ip.len() as u16 + 2).to_be_bytes();
    let number = if ip[0] >> 4 == 6 { 0x57 } else { 0x21 };
    [&[0x11, 0, 0, 1][..], &length, &[0, number], ip].concat()
}

fn outer(number: u8, data: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ethernet2([2; 6], [2; 6])
        .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .write(&mut packet, IpNumber(number), data)
        .expect("a vector takes all");
    packet
}

fn outer_v6(number: u8, data: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ethernet2([2; 6], [2; 6])
        .ipv6([0xfe; 16], [0xfd; 16], 64)
        .write(&mut packet, IpNumber(number), data)
        .expect("a vector takes all");
    packet
}

fn datagram(port: u16, data: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ethernet2([2; 6], [2; 6])
        .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .udp(50_000, port)
        .write(&mut packet, data)
        .expect("a vector takes all");
    packet
}

/// A UDP packet and an ARP request, as frames: neither is on a timeline.
pub fn others() -> [Vec<u8>; 2] {
    let mut udp = Vec::new();
    PacketBuilder::ethernet2([2; 6], [2; 6])
        .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        .udp(53, 53)
        .write(&mut udp, b"?")
        .expect("a vector takes all");
    let arp = [&[2; 12][..], &[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1], &[2; 20]].concat();
    [udp, arp]
}

/// A frame in a file, with how much of it there was on the wire.
#[derive(Clone, Debug)]
pub struct Stored {
    pub interface: u32,
    pub nanoseconds: u64,
    pub data: Vec<u8>,
    pub wire_len: usize,
    pub comment: Option<&'static str>,
}

/// Frames of one interface, a tenth of a millisecond apart.
pub fn stored(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<Stored> {
    let times = (1_700_000_000_000_000_000..).step_by(100_000);
    let store = |(data, nanoseconds): (Vec<u8>, u64)| Stored {
        interface: 0,
        nanoseconds,
        wire_len: data.len(),
        data,
        comment: None,
    };
    frames.into_iter().zip(times).map(store).collect()
}

/// Writes numbers in the byte order of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Big,
    Little,
}

impl Order {
    pub fn short(self, number: u16) -> [u8; 2] {
        match self {
            Order::Big => number.to_be_bytes(),
            Order::Little => number.to_le_bytes(),
        }
    }

    pub fn long(self, number: u32) -> [u8; 4] {
        match self {
            Order::Big => number.to_be_bytes(),
            Order::Little => number.to_le_bytes(),
        }
    }

    fn length(self, length: usize) -> [u8; 4] {
        self.long(u32::try_from(length).expect("test files are short"))
    }

    pub fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = self.length(body.len() + 12);
        [&self.long(kind)[..], &length, &body, &length].concat()
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let length = self.short(u16::try_from(value.len()).expect("options are short"));
        let mut option = [&self.short(code)[..], &length, value].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    pub fn section(self) -> Vec<u8> {
        let version = [
            self.long(0x1a2b_3c4d),
            [self.short(1), self.short(0)].concat().try_into().expect("four"),
        ];
        let body = [&version.concat()[..], &[0xff; 8], &self.option(4, b"a test"), &[0; 4]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    /// An interface with nanoseconds.
    pub fn interface(self, link: u32) -> Vec<u8> {
        let link = self.short(u16::try_from(link).expect("link types fit"));
        let body = [&link[..], &[0, 0], &self.long(262_144), &self.option(9, &[9]), &[0; 4]].concat();
        self.block(1, &body)
    }

    pub fn packet(self, packet: &Stored) -> Vec<u8> {
        self.block(
            6,
            &[&self.long(packet.interface)[..], &self.packet_body(packet)].concat(),
        )
    }

    /// The Packet Block that older programs wrote.
    pub fn obsolete_packet(self, packet: &Stored) -> Vec<u8> {
        let interface = self.short(u16::try_from(packet.interface).expect("few interfaces"));
        let no_drops = self.short(u16::MAX);
        self.block(2, &[&interface[..], &no_drops, &self.packet_body(packet)].concat())
    }

    fn packet_body(self, packet: &Stored) -> Vec<u8> {
        let (high, low) = ((packet.nanoseconds >> 32) as u32, packet.nanoseconds as u32);
        let lengths = [self.length(packet.data.len()), self.length(packet.wire_len)].concat();
        let mut body = [&self.long(high)[..], &self.long(low), &lengths, &packet.data].concat();
        body.resize(body.len().next_multiple_of(4), 0);
        if let Some(comment) = packet.comment {
            body.extend(self.option(1, comment.as_bytes()));
            body.extend([0; 4]);
        }
        body
    }

    pub fn simple_packet(self, data: &[u8]) -> Vec<u8> {
        self.block(3, &[&self.length(data.len()), data].concat())
    }

    /// How many packets the first interface lost.
    pub fn statistics(self, dropped: u8) -> Vec<u8> {
        let mut count = [0; 8];
        match self {
            Order::Big => count[7] = dropped,
            Order::Little => count[0] = dropped,
        }
        self.block(5, &[&[0; 12][..], &self.option(5, &count), &[0; 4]].concat())
    }

    pub fn pcapng(self, links: &[u32], packets: &[Stored]) -> Vec<u8> {
        let interfaces = links.iter().map(|link| self.interface(*link));
        let packets = packets.iter().map(|packet| self.packet(packet));
        let blocks: Vec<Vec<u8>> = [self.section()].into_iter().chain(interfaces).chain(packets).collect();
        blocks.concat()
    }

    pub fn pcap(self, magic: Magic, link: u32, packets: &[Stored]) -> Vec<u8> {
        let version = [self.short(2), self.short(4)].concat();
        let mut file = [
            &self.long(magic as u32)[..],
            &version,
            &[0; 8],
            &self.long(262_144),
            &self.long(link),
        ]
        .concat();
        for packet in packets {
            let second = 1_000_000_000;
            let unit = if magic == Magic::Nanoseconds { 1 } else { 1000 };
            file.extend(self.long((packet.nanoseconds / second) as u32));
            file.extend(self.long((packet.nanoseconds % second / unit) as u32));
            file.extend(self.length(packet.data.len()));
            file.extend(self.length(packet.wire_len));
            if magic == Magic::Modified {
                file.extend([0; 8]);
            }
            file.extend(&packet.data);
        }
        file
    }
}

/// A file of version 2.2, whose packets have their original length first.
pub fn old(packets: &[Stored]) -> Vec<u8> {
    let mut swapped = packets.to_vec();
    let mut file = Order::Big.pcap(Magic::Microseconds, 1, &[]);
    file[7] = 2;
    for packet in &mut swapped {
        let whole = std::mem::take(&mut packet.data);
        let mut record = Order::Big
            .pcap(Magic::Microseconds, 1, std::slice::from_ref(packet))
            .split_off(24);
        record[8..12].copy_from_slice(&Order::Big.length(packet.wire_len));
        record[12..16].copy_from_slice(&Order::Big.length(whole.len()));
        file.extend([record, whole].concat());
    }
    file
}

/// The kinds of classic pcap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Magic {
    Microseconds = 0xa1b2_c3d4,
    Nanoseconds = 0xa1b2_3c4d,
    /// Kuznetzov's, with more in each packet's header.
    Modified = 0xa1b2_cd34,
}

/// A file of each kind, with all that it may hold.
pub fn of_each_kind() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for order in [Order::Little, Order::Big] {
        let magics = [Magic::Microseconds, Magic::Nanoseconds, Magic::Modified];
        // The modified kind of little-endian machines only.
        for magic in magics
            .into_iter()
            .filter(|magic| (*magic, order) != (Magic::Modified, Order::Big))
        {
            let link = if magic == Magic::Modified { 113 } else { 1 };
            let frames = conversation(Ip::V4, 40_000).into_iter().map(|ip| framed(link, &ip));
            files.push(order.pcap(magic, link, &stored(frames)));
        }
        files.push(everything(order));
    }
    let wrapped =
        |(port, (_, wrap)): (u16, (&str, Wrap))| conversation(Ip::V4, port).into_iter().map(move |ip| wrap(&ip));
    let tunnels = (40_000..).zip(TUNNELS).flat_map(wrapped);
    files.push(Order::Little.pcap(Magic::Microseconds, 1, &stored(tunnels)));
    files.push(old(&stored(
        conversation(Ip::V4, 40_000).iter().map(|ip| framed(1, ip)),
    )));
    files.push(include_bytes!("../../../../../captures/step1-two-writes.pcapng").to_vec());
    files
}

/// A pcapng file with all link types, all kinds of blocks, two sections.
fn everything(order: Order) -> Vec<u8> {
    let mut packets = Vec::new();
    let links: Vec<u32> = LINKS.into_iter().chain([252]).collect();
    for (interface, (link, ip)) in (0..).zip(links.iter().zip(IPS.iter().cycle())) {
        let ip = if ip.fits(*link) {
            *ip
        } else {
            IPS[2 - interface as usize % 2 * 2]
        };
        let ip = if ip.fits(*link) { ip } else { Ip::V6 };
        for packet in &mut stored(conversation(ip, 40_000 + interface as u16)) {
            packet.interface = interface;
            packet.data = framed(*link, &packet.data);
            packet.wire_len = packet.data.len();
            packets.push(packet.clone());
        }
    }
    packets[5].comment = Some("call: server: sendto(9, \"hello\", 5) = 5\nThe first part.");
    packets[6].comment = Some("call: server: sendto(9, \"\\n\", 1) = 1\nheld: 41 ms, until frame 5\nHeld back.");
    packets[7].data.truncate(50);
    let [udp, arp] = others();
    let mut later = stored(conversation(Ip::V4, 50_000).iter().map(|ip| tagged(&[0x8100], ip)));
    later.iter_mut().for_each(|packet| packet.nanoseconds += 60_000_000_000);
    let file = [
        order.pcapng(&links, &packets),
        order.obsolete_packet(&stored([udp])[0]),
        order.simple_packet(&arp),
        order.block(4, &[0; 4]), // the end of a list of names
        order.statistics(3),
        order.block(0x0bad, &[&order.long(99_999)[..], b"somebody's own"].concat()),
        order.block(9, b"MESSAGE=an entry of systemd's journal\n__REALTIME_TIMESTAMP=1\n"),
        order.pcapng(&[1], &later),
    ];
    file.concat()
}
