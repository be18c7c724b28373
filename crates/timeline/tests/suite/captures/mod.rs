//! Captures of all kinds, whole and damaged, and what tshark says of them.

mod damaged;
mod facts;
mod files;
#[cfg(target_os = "linux")]
mod large;
mod oracle;
mod rules;

use files::{IPS, Ip, LINKS, Magic, Order, Stored, TUNNELS, WIRE, conversation, framed, others, stored, tagged};
use timeline::format::pcapng::{self, ReadError};
use timeline::format::text::Lanes;
use timeline::format::{follow, json, markdown, overview};
use timeline::rules::RuleId;
use timeline::{Connection, Excerpt, FrameNumber, Level, Limits, LinkType, NoSegment, Recording, Segment, Timeline};

fn read(file: &[u8]) -> Recording {
    pcapng::read(file).expect("the file is whole")
}

fn excerpt(file: &[u8], lanes: &Lanes) -> Timeline {
    excerpt_of(file, lanes.limits())
}

/// An excerpt as of a long file, however short this one is.
fn as_of_a_long_one(file: &[u8], lanes: &Lanes) -> Timeline {
    excerpt_of(
        file,
        Limits {
            whole: 0,
            ..lanes.limits()
        },
    )
}

fn excerpt_of(file: &[u8], limits: Limits) -> Timeline {
    let mut excerpt = Excerpt::new(limits);
    pcapng::read_into(file, &mut excerpt).expect("the file is whole");
    excerpt.into_timeline()
}

fn packets(timeline: &Timeline) -> Vec<timeline::KnownPacket<'_>> {
    let mut packets: Vec<_> = timeline
        .connections()
        .flat_map(Connection::packets)
        .map(|(_, packet)| packet)
        .collect();
    packets.sort_by_key(|packet| packet.number);
    packets
}

fn numbers(timeline: &Timeline) -> Vec<usize> {
    packets(timeline).iter().map(|packet| packet.number.index()).collect()
}

#[test]
fn a_conversation_is_the_same_on_every_link() {
    for link in LINKS {
        for ip in IPS.into_iter().filter(|ip| ip.fits(link)) {
            let frames = stored(conversation(ip, 40_000).iter().map(|ip| framed(link, ip)));
            let file = Order::Little.pcap(Magic::Microseconds, link, &frames);
            assert_eq!(
                read(&file).into_timeline().only().wire(),
                WIRE,
                "link type {link}, {ip:?}"
            );
        }
    }
}

#[test]
fn vlan_tags_are_looked_behind() {
    for tags in [&[0x8100][..], &[0x88a8, 0x8100], &[0x9100, 0x8100]] {
        let frames = stored(conversation(Ip::V6, 40_000).iter().map(|ip| tagged(tags, ip)));
        let file = Order::Big.pcap(Magic::Nanoseconds, 1, &frames);
        assert_eq!(read(&file).into_timeline().only().wire(), WIRE, "{tags:x?}");
    }
}

#[test]
fn tunnels_are_looked_into() {
    for (name, wrap) in TUNNELS {
        for ip in IPS {
            let frames = stored(conversation(ip, 40_000).iter().map(|ip| wrap(ip)));
            let file = Order::Big.pcap(Magic::Nanoseconds, 1, &frames);
            let timeline = read(&file).into_timeline();
            assert_eq!(timeline.endpoints.len(), 1, "{name}, {ip:?}");
            assert_eq!(timeline.only().wire(), WIRE, "{name}, {ip:?}");
        }
    }
}

/// What is not decoded is told apart from what holds no TCP.
#[test]
fn what_is_not_decoded_says_so() {
    let ip = &conversation(Ip::V4, 40_000)[3];
    let wrap = |name: &str, ip: &[u8]| TUNNELS.iter().find(|(n, _)| *n == name).expect("it is there").1(ip);
    let of = |frame: &[u8]| Segment::decode(LinkType::ETHERNET, frame, 2000).expect_err("it is not decoded");
    let with = |name: &str, at: usize, value: u8| {
        let mut frame = wrap(name, ip);
        frame[at] = value;
        of(&frame)
    };
    let mut deep = ip.clone();
    for _ in 0..12 {
        deep = wrap("IP in IP", &deep)[14..].to_vec();
    }
    let mut fragment = wrap("IP in IP", ip);
    fragment[14 + 6] = 0x20; // more fragments follow
    let [udp, arp] = others();
    assert_eq!(of(&udp), NoSegment::OtherProtocol);
    assert_eq!(of(&arp), NoSegment::OtherProtocol);
    assert_eq!(of(&fragment), NoSegment::Fragment);
    assert_eq!(of(&framed(1, &deep)), NoSegment::TooDeep);
    assert_eq!(of(&wrap("MPLS", ip)[..14 + 4]), NoSegment::Damaged);
    assert_eq!(with("MPLS", 14 + 8, 0xff), NoSegment::Inside("MPLS"));
    assert_eq!(with("PPPoE", 14 + 6, 0x01), NoSegment::Inside("PPPoE"));
    assert_eq!(with("GRE", 14 + 20 + 1, 2), NoSegment::Inside("GRE"));
    assert_eq!(with("VXLAN", 14 + 28, 0), NoSegment::Inside("VXLAN"));
    assert_eq!(with("MPLS", 12, 0x99), NoSegment::EtherType(0x9947));
    let radio = Segment::decode(LinkType(105), ip, 60).expect_err("it is not decoded");
    assert_eq!(radio, NoSegment::Link(LinkType(105)));
}

/// Ethernet fills short frames up; and what is captured may be less than what IP says, even where
/// the file does not.
#[test]
fn the_length_of_ip_counts() {
    for ip in IPS {
        let padded = conversation(ip, 40_000)
            .into_iter()
            .map(|ip| [framed(1, &ip), vec![0; 46]].concat());
        let file = Order::Little.pcap(Magic::Microseconds, 1, &stored(padded));
        assert_eq!(read(&file).into_timeline().only().wire(), WIRE, "{ip:?}");
        let whole = framed(1, &conversation(ip, 40_000)[3]);
        let cut = &whole[..whole.len() - 4];
        let segment = Segment::decode(LinkType::ETHERNET, cut, 60).expect("its header is there");
        assert_eq!((segment.len, &segment.payload[..]), (6, &b"he"[..]), "{ip:?}");
    }
}

/// Programs of the 1990s wrote the two lengths of a packet the other way round.
#[test]
fn old_files_have_their_lengths_swapped() {
    let mut frames = stored(conversation(Ip::V4, 40_000).iter().map(|ip| framed(1, ip)));
    frames[3].data.truncate(68);
    let wire: Vec<String> = WIRE.iter().map(|line| line.replace("\"hello\\n\"", "\"he\"")).collect();
    let old = files::old(&frames);
    assert_eq!(read(&old).into_timeline().only().wire(), wire);
    // Of version 2.3 there are files of both kinds.
    for file in [&old, &Order::Big.pcap(Magic::Microseconds, 1, &frames)] {
        let mut file = file.clone();
        file[7] = 3;
        assert_eq!(read(&file).into_timeline().only().wire(), wire);
    }
    let mut unknown = old;
    unknown[5] = 7;
    let error = pcapng::read(&unknown[..]).expect_err("there is no such version");
    assert_eq!(
        error.to_string(),
        "the capture is damaged: expected pcap version 2, found version 7.2, at byte 4"
    );
}

#[test]
fn a_version_of_pcapng_that_is_not_known_is_an_error() {
    for order in [Order::Little, Order::Big] {
        let good = order.pcapng(&[1], &[]);
        let mut next = order.section();
        next[12..14].copy_from_slice(&order.short(2));
        let file = [&good[..], &next].concat();
        let error = pcapng::read(&file[..]).expect_err("there is no such version");
        let expected = format!(
            "the capture is damaged: expected pcapng version 1, found version 2, at byte {}",
            good.len() + 12
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn loopback_families_of_both_byte_orders_and_all_systems() {
    let ip = &conversation(Ip::V6, 40_000)[0];
    for family in [10_u32, 24, 28, 30] {
        for header in [family.to_le_bytes(), family.to_be_bytes()] {
            let file = Order::Little.pcap(Magic::Microseconds, 0, &stored([[&header[..], ip].concat()]));
            assert_eq!(read(&file).into_timeline().only().wire(), WIRE[..1]);
        }
    }
    let apple_talk = [&16_u32.to_le_bytes()[..], ip].concat();
    let file = Order::Little.pcap(Magic::Microseconds, 0, &stored([apple_talk]));
    assert!(read(&file).into_timeline().endpoints.is_empty());
}

/// Several interfaces in a file, one of them not decoded: its packets count, as in Wireshark.
#[test]
fn each_interface_has_its_own_link() {
    let mut frames = stored(conversation(Ip::V4, 40_000));
    let links = [1, 252, 113, 101, 0];
    for (packet, interface) in frames.iter_mut().zip([0, 2, 3, 4].into_iter().cycle()) {
        packet.interface = interface;
        packet.data = framed(links[interface as usize], &packet.data);
        packet.wire_len = packet.data.len();
    }
    let call = Stored {
        interface: 1,
        ..frames[0].clone()
    };
    frames.insert(1, call.clone());
    frames.insert(4, call);
    let file = Order::Little.pcapng(&links, &frames);
    let lanes = Lanes::default();
    let excerpts = [excerpt(&file, &lanes), as_of_a_long_one(&file, &lanes)];
    for timeline in excerpts.into_iter().chain([read(&file).into_timeline()]) {
        assert_eq!(timeline.only().wire(), WIRE);
        assert_eq!(numbers(&timeline), [1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13]);
    }
    for excerpt in [excerpt(&file, &lanes), as_of_a_long_one(&file, &lanes)] {
        let drawn = Lanes::with_width(100).draw(&excerpt);
        let note = "Packets that are not drawn: 2 of link type 252 (WIRESHARK_UPPER_PDU).\n";
        assert!(drawn.contains(note), "{drawn}");
    }
}

#[test]
fn a_file_of_other_links_only_is_an_error() {
    let frames = stored(conversation(Ip::V4, 40_000));
    let links = Order::Big.pcapng(&[127, 105], &frames);
    let classic = Order::Big.pcap(Magic::Microseconds, 127, &frames);
    let first_packet = Order::Big.pcapng(&[127, 105], &[]).len() as u64;
    for (file, at) in [(links, first_packet), (classic, 20)] {
        let error = pcapng::read(&file[..]).expect_err("nothing is decoded");
        let ReadError::LinkType { offset, link_type } = error else {
            panic!("{error}")
        };
        assert_eq!((offset, link_type), (at, LinkType(127)));
    }
    // Without packets there is nothing to miss, and where one interface is decoded all may be well.
    assert!(pcapng::read(&Order::Big.pcapng(&[127], &[])[..]).is_ok());
    assert!(pcapng::read(&Order::Big.pcapng(&[127, 1], &frames)[..]).is_ok());
}

#[test]
fn packets_without_a_segment_count_and_are_not_drawn() {
    let conversation = conversation(Ip::V4, 40_000);
    let [udp, arp] = others();
    let mut fragment = framed(1, &conversation[3]);
    fragment[14 + 7] = 1; // its offset, in units of eight bytes
    let whole = conversation.iter().map(|ip| framed(1, ip));
    let file = Order::Little.pcapng(&[1], &stored([udp, arp, fragment].into_iter().chain(whole)));
    let lanes = Lanes::default();
    let excerpts = [excerpt(&file, &lanes), as_of_a_long_one(&file, &lanes)];
    for timeline in excerpts.into_iter().chain([read(&file).into_timeline()]) {
        assert_eq!(timeline.only().wire(), WIRE);
        assert_eq!(numbers(&timeline), (4..=14).collect::<Vec<_>>());
    }
    for excerpt in [excerpt(&file, &lanes), as_of_a_long_one(&file, &lanes)] {
        let drawn = Lanes::with_width(160).draw(&excerpt);
        assert!(
            drawn.contains("Packets that are not drawn: 2 without TCP or in a tunnel that is not opened, 1 not decoded: fragments of IP packets of which not all are there.\n"),
            "{drawn}"
        );
    }
}

/// Of many kinds the most frequent are named.
#[test]
fn a_long_list_of_what_is_not_drawn_is_cut() {
    let whole = conversation(Ip::V4, 40_000);
    // Of the first kind 1 frame, of the next 2, and so on: 0x9901 to 0x9914.
    let odd = (1..=20_u8).flat_map(|kind| vec![[&[2; 12][..], &[0x99, kind], &[0; 46]].concat(); kind.into()]);
    let frames = odd.chain(whole.iter().map(|ip| framed(1, ip)));
    let file = Order::Little.pcapng(&[1], &stored(frames));
    let lanes = Lanes::with_width(300);
    for timeline in [read(&file).into_timeline(), as_of_a_long_one(&file, &lanes)] {
        let drawn = lanes.draw(&timeline);
        let note = drawn
            .lines()
            .find(|line| line.starts_with("Packets that are not drawn"));
        let note = note.expect("some are not");
        assert!(
            note.starts_with("Packets that are not drawn: 20 not decoded: EtherType 0x9914, 19 not decoded"),
            "{note}"
        );
        assert!(
            note.ends_with("16 not decoded: EtherType 0x9910, 120 of 15 other kinds."),
            "{note}"
        );
    }
}

/// The fragments of an IPv4 packet, of 16 bytes each.
fn fragments(packet: &[u8]) -> Vec<Vec<u8>> {
    const EACH: usize = 16;
    let (header, payload) = packet.split_at(20);
    let count = payload.len().div_ceil(EACH);
    let fragment = |(part, place): (&[u8], usize)| {
        let mut fragment = [header, part].concat();
        let length = u16::try_from(fragment.len()).expect("it is short");
        let offset = u16::try_from(place * EACH / 8).expect("it is short");
        let more = if place + 1 < count { 0x2000 } else { 0 };
        fragment[2..4].copy_from_slice(&length.to_be_bytes());
        fragment[4..6].copy_from_slice(&77_u16.to_be_bytes());
        fragment[6..8].copy_from_slice(&(offset | more).to_be_bytes());
        framed(1, &fragment)
    };
    payload.chunks(EACH).zip(0..).map(fragment).collect()
}

#[test]
fn fragments_are_put_together_in_any_order() {
    let packets = conversation(Ip::V4, 40_000);
    let parts = fragments(&packets[3]);
    assert_eq!(parts.len(), 3);
    let with = |places: &[usize]| {
        let (before, behind) = (&packets[..3], &packets[4..]);
        let frames = before.iter().map(|ip| framed(1, ip));
        let frames = frames.chain(places.iter().map(|place| parts[*place].clone()));
        Order::Little.pcap(
            Magic::Microseconds,
            1,
            &stored(frames.chain(behind.iter().map(|ip| framed(1, ip)))),
        )
    };
    let lanes = Lanes::with_width(100);
    for places in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let file = with(&places);
        let excerpts = [excerpt(&file, &lanes), as_of_a_long_one(&file, &lanes)];
        for timeline in excerpts.into_iter().chain([read(&file).into_timeline()]) {
            assert_eq!(timeline.only().wire(), WIRE, "{places:?}");
            // It is complete with the last of its frames.
            assert_eq!(numbers(&timeline)[3], 6);
            assert!(!lanes.draw(&timeline).contains("not decoded"));
            assert_eq!(self::packets(&timeline)[3].segment.fragments, 3);
        }
        let told = markdown::frames(&read(&file).into_timeline(), FrameNumber::range(1..=99));
        assert!(
            told.contains("It came in 3 IP fragments") && !told.contains("not all"),
            "{told}"
        );
    }
    // What was captured twice is one fragment, also behind the whole packet.
    for places in [&[0, 0, 1, 1, 2][..], &[0, 1, 2, 2], &[0, 2, 0, 1, 0, 1, 2]] {
        let file = with(places);
        let excerpts = [excerpt(&file, &lanes), as_of_a_long_one(&file, &lanes)];
        for timeline in excerpts.into_iter().chain([read(&file).into_timeline()]) {
            assert_eq!(timeline.only().wire(), WIRE, "{places:?}");
            assert_eq!(timeline.lone_fragments(), 0, "{places:?}");
            assert_eq!(self::packets(&timeline)[3].segment.fragments, 3);
        }
    }
    // Of one that is missing, the others say nothing; nor do those of another packet fill its place.
    for places in [[0, 1], [0, 2], [1, 2]] {
        let file = with(&places);
        for timeline in [excerpt(&file, &lanes), as_of_a_long_one(&file, &lanes)] {
            assert_eq!(timeline.only().packets().count(), WIRE.len() - 1);
            let drawn = lanes.draw(&timeline);
            assert!(
                drawn.contains("2 not decoded: fragments of IP packets of which not all are there"),
                "{drawn}"
            );
        }
        // Each format says so, and what may be in them is not said to be missing from the capture.
        let timeline = read(&file).into_timeline();
        assert_eq!(timeline.lone_fragments(), 2);
        assert!(lanes.draw(&timeline).contains("2 not decoded: fragments"));
        let told = markdown::frames(&timeline, FrameNumber::range(1..=99));
        assert!(
            told.contains("or not yet, or came in IP fragments of which not all are here."),
            "{told}"
        );
        let mut written = [Vec::new(), Vec::new(), Vec::new()];
        follow::write(timeline.only(), 200, &mut written[0]).expect("a vector takes all");
        json::write(&timeline, &mut written[1]).expect("a vector takes all");
        json::write_lines(&timeline, &mut written[2]).expect("a vector takes all");
        let said = [
            "capture, or in IP fragments of which not all are here]",
            "\"lone_fragments\": 2,",
            "\"lone_fragments\":2,",
        ];
        for (written, said) in written.iter().zip(said) {
            let written = String::from_utf8_lossy(written);
            assert!(written.contains(said), "{written}");
        }
    }
}

/// Cut inside the header of TCP, behind its window: all but the data is known.
#[test]
fn frames_cut_short_keep_their_numbers() {
    for ip in [Ip::V4, Ip::V6] {
        let headers = if ip == Ip::V4 { 20 } else { 40 } + 20;
        for kept in headers - 4..headers + 12 {
            let mut frames = stored(conversation(ip, 40_000).iter().map(|ip| framed(1, ip)));
            frames.iter_mut().for_each(|packet| packet.data.truncate(14 + kept));
            let timeline = read(&Order::Little.pcap(Magic::Microseconds, 1, &frames)).into_timeline();
            let without_data = WIRE.map(|line| line.split(" \"").next().unwrap_or_default().to_owned());
            let wire = timeline.only().wire();
            let wire: Vec<&str> = wire.iter().map(|line| line.trim_end_matches(" \"\"")).collect();
            assert_eq!(wire, without_data, "{kept} bytes");
            let timestamps = packets(&timeline)[3].segment.options.timestamps;
            assert_eq!(
                timestamps,
                (kept == headers + 10 || kept == headers + 11).then_some((1, 1))
            );
        }
        let mut frame = stored([framed(1, &conversation(ip, 40_000)[3])]);
        frame[0].data.truncate(14 + headers - 5);
        let file = Order::Little.pcap(Magic::Microseconds, 1, &frame);
        assert!(read(&file).into_timeline().endpoints.is_empty());
    }
}

/// With segmentation offload Linux hands out packets that are longer than IP can say, with 0 there.
#[test]
fn a_packet_that_announces_no_length_ends_with_its_frame() {
    for (ip, length) in [(Ip::V4, 14 + 2), (Ip::V6, 14 + 4)] {
        let data = vec![b'x'; 65_400];
        let mut frame = framed(1, &files::segment(ip, 40_000, (true, "PA"), (1, 1), &data));
        frame[length..length + 2].fill(0);
        let mut frames = stored([frame]);
        frames[0].wire_len += 10_000;
        let timeline = read(&Order::Little.pcap(Magic::Microseconds, 1, &frames)).into_timeline();
        assert_eq!(packets(&timeline)[0].segment.len, 75_400, "{ip:?}");
    }
}

#[test]
fn blocks_that_nobody_writes_any_more() {
    let frames = stored(conversation(Ip::V4, 40_000).iter().map(|ip| framed(1, ip)));
    for order in [Order::Little, Order::Big] {
        let mut file = order.pcapng(&[1], &[]);
        for kind in [9, 0x204, 0x0bad] {
            file.extend(order.block(kind, b"no packet, and yet a frame to Wireshark"));
        }
        for packet in &frames[..6] {
            file.extend(order.obsolete_packet(packet));
        }
        for packet in &frames[6..] {
            file.extend(order.simple_packet(&packet.data));
        }
        let timeline = read(&file).into_timeline();
        assert_eq!(timeline.only().wire(), WIRE);
        assert_eq!(numbers(&timeline), (4..=14).collect::<Vec<_>>());
    }
}

/// A conversation of many exchanges, whose replies take one segment, now and then two.
fn long_conversation(exchanges: u32) -> Vec<Vec<u8>> {
    let mut packets = conversation(Ip::V4, 40_000);
    let close = packets.split_off(8);
    drop(close);
    let (mut sent, mut got) = (7, 7);
    let mut say = |client, flags, seq, ack, data: &[u8]| {
        packets.push(files::segment(Ip::V4, 40_000, (client, flags), (seq, ack), data));
    };
    for exchange in 0..exchanges {
        say(true, "PA", sent, got, b"?");
        sent += 1;
        for _ in 0..=u32::from(exchange % 7 == 0) {
            say(false, "PA", got, sent, b"!");
            got += 1;
        }
    }
    say(true, "FA", sent, got, b"");
    say(false, "A", got, sent + 1, b"");
    // A half-close: what comes behind the FIN is long too.
    for _ in 0..500 {
        say(false, "PA", got, sent + 1, b"more");
        got += 4;
    }
    say(false, "FA", got, sent + 1, b"");
    say(true, "A", sent + 1, got + 1, b"");
    packets
}

/// What is under the lanes.
fn verdict(drawn: &str) -> &str {
    drawn.rsplit_once("\n\n").map_or("", |(_, verdict)| verdict)
}

#[test]
fn an_excerpt_of_a_short_file_is_the_whole() {
    for file in files::of_each_kind() {
        // So wide that the note of what is not drawn takes one line.
        let lanes = Lanes::with_width(160);
        let recording = read(&file);
        let mut excerpts = vec![excerpt(&file, &lanes)];
        // Of a file of ours a long excerpt has no more than our comments.
        if recording.level == Level::Capture {
            excerpts.push(as_of_a_long_one(&file, &lanes));
        }
        let whole = lanes.draw(&recording.into_timeline());
        for excerpt in excerpts {
            assert_eq!(lanes.draw(&excerpt), whole);
        }
    }
}

#[test]
fn an_excerpt_of_a_long_file_has_the_numbers_and_the_verdict_of_the_whole() {
    let frames = stored(long_conversation(2000).iter().map(|ip| framed(1, ip)));
    let file = Order::Little.pcapng(&[1], &frames);
    for rows in [0, 1, 2, 3, 40, 401] {
        let lanes = Lanes {
            rows,
            ..Lanes::with_width(90)
        };
        let (excerpt, whole) = (excerpt(&file, &lanes), read(&file).into_timeline());
        assert_eq!(excerpt.teardown(), whole.teardown());
        let (excerpt, whole) = (lanes.draw(&excerpt), lanes.draw(&whole));
        assert_eq!(verdict(&excerpt), verdict(&whole), "{rows} rows");
        if rows < 40 {
            continue;
        }
        // Columns are as wide as what is kept needs, so rows are compared by what they say.
        let rows = |drawn: &str| -> Vec<String> {
            let drawn = drawn
                .lines()
                .filter(|line| !line.contains("left out") && !line.contains("client  "));
            drawn.map(|line| line.replace(['─', ' '], "")).collect()
        };
        assert_eq!(rows(&excerpt), rows(&whole));
        assert!(excerpt.contains("packets are left out"), "{excerpt}");
    }
}

/// The committed captures: as the run was, and as an excerpt of a long run would be.
#[test]
fn captures_of_ours_tell_all_of_their_run() {
    for (step, findings) in [
        (
            "step1-two-writes",
            &[RuleId::SplitReply, RuleId::NagleStall, RuleId::CloseWaitLeak][..],
        ),
        ("step2-one-write", &[RuleId::CloseWaitLeak]),
        ("step3-clean-close", &[]),
    ] {
        let path = format!("../../captures/{step}.pcapng");
        let file = std::fs::read(path).expect("it is committed");
        let whole = read(&file).into_timeline();
        assert_eq!(whole.level, Level::Sandbox);
        assert_eq!(whole.finding_ids(), findings, "{step}");
        assert_eq!(whole.unknown_rules().count(), 0);
        let mut again = Vec::new();
        pcapng::write(&whole, step.split('-').next().unwrap_or_default(), &mut again).expect("a vector takes all");
        assert!(again == file, "{step}: what is read and written is the same file");
        assert_eq!(read(&again).into_timeline(), whole);

        let lanes = Lanes::default();
        assert_eq!(lanes.draw(&excerpt(&file, &lanes)), lanes.draw(&whole));
        let numbered = |drawn: &str| -> Vec<String> {
            let number = |line: &str| line.split_whitespace().nth(1)?.parse::<usize>().ok();
            let rows = drawn.lines().filter_map(|line| Some(number(line)?.to_string()));
            rows.collect()
        };
        for rows in [5, 12, 400] {
            let lanes = Lanes {
                rows,
                ..Lanes::default()
            };
            let excerpt = as_of_a_long_one(&file, &lanes);
            assert_eq!(excerpt.finding_ids(), [], "an excerpt proves nothing");
            assert_eq!(excerpt.unknown_rules().count(), excerpt.rules().count());
            let (drawn, whole) = (lanes.draw(&excerpt), lanes.draw(&whole));
            assert_eq!(verdict(&drawn), verdict(&whole), "{step} in {rows} rows");
            if rows == 400 {
                assert_eq!(numbered(&drawn), numbered(&whole), "{step}");
            }
        }
    }
}

#[test]
fn what_is_left_out_of_an_excerpt_is_counted() {
    let frames = stored(long_conversation(2000).iter().map(|ip| framed(1, ip)));
    let all = frames.len();
    let lanes = Lanes {
        rows: 21,
        ..Lanes::default()
    };
    let drawn = lanes.draw(&excerpt(&Order::Big.pcapng(&[1], &frames), &lanes));
    let shown = drawn.lines().filter(|line| line.contains(['►', '◄'])).count();
    let note = drawn
        .lines()
        .find_map(|line| line.trim().strip_prefix("... ")?.split_once(" packets are left out"));
    let left_out: usize = note.and_then(|(count, _)| count.parse().ok()).expect("a note");
    assert_eq!(shown + left_out, all, "{drawn}");
}

#[test]
fn connections_beyond_the_first_are_counted() {
    let frames = (0..500)
        .flat_map(|port| conversation(Ip::V4, 40_000 + port))
        .map(|ip| framed(1, &ip));
    let file = Order::Little.pcapng(&[1], &stored(frames));
    let lanes = Lanes {
        connections: 3,
        ..Lanes::default()
    };
    let (excerpt, whole) = (excerpt(&file, &lanes), read(&file).into_timeline());
    assert_eq!(excerpt.endpoints, whole.endpoints);
    assert_eq!(lanes.draw(&excerpt), lanes.draw(&whole));
    assert!(lanes.draw(&excerpt).ends_with("... 497 connections are left out ...\n"));
    let few = Limits {
        followed: 5,
        ..lanes.limits()
    };
    let few = excerpt_of(&file, few);
    assert_eq!((few.endpoints.len(), few.connections().len()), (5, 5));
    let drawn = lanes.draw(&few);
    assert!(drawn.contains(" of still more connections"), "{drawn}");
    assert!(drawn.ends_with("... 497 connections are left out ...\n"), "{drawn}");
}

/// A long capture is read twice, and never kept. What is said of each packet and of each connection is what is said of a
/// capture that is kept: in a list of the events, in the table, and of the connections that are chosen.
#[test]
fn what_is_read_twice_says_what_is_kept() {
    for (name, file) in packets_alone() {
        let whole = read(&file).into_timeline();
        let limits = Limits {
            whole: 0,
            packets: 1 << 20,
            connections: 1,
            exchanges: usize::MAX,
            ..Lanes::default().limits()
        };
        let survey = excerpt_of(&file, limits);
        let mut lists = [Vec::new(), Vec::new()];
        json::write(&whole, &mut lists[0]).unwrap();
        json::retell(survey.clone(), &file[..], &mut lists[1]).unwrap();
        let [kept, retold] = lists.map(|list| serde_json::from_slice::<serde_json::Value>(&list).unwrap());
        for (field, value) in kept.as_object().unwrap() {
            assert_eq!(retold[field], *value, "{name}: {field}");
        }
        assert_eq!(
            retold.as_object().unwrap().len(),
            kept.as_object().unwrap().len(),
            "{name}"
        );
        let mut lines = [Vec::new(), Vec::new()];
        json::write_lines(&whole, &mut lines[0]).unwrap();
        json::retell_lines(survey.clone(), &file[..], &mut lines[1]).unwrap();
        let [kept, retold] = lines.map(|lines| String::from_utf8(lines).unwrap());
        assert_eq!(kept, retold, "{name}");
        let table = |timeline: &Timeline| overview::survey(timeline, 200);
        assert_eq!(table(&whole), table(&survey), "{name}");
        // The last connection alone.
        let Some(last) = whole.connections().last().map(|connection| connection.id()) else {
            continue;
        };
        let mut excerpt = Excerpt::of(limits, [last]);
        pcapng::read_into(&file[..], &mut excerpt).unwrap();
        let of_last = survey.part(&[last]).with_packets_of(excerpt.into_timeline());
        let of_whole = whole.part(&[last]);
        let (known, alone) = (packets(&of_whole), packets(&of_last));
        assert_eq!(known.len(), alone.len(), "{name}");
        for (known, alone) in known.iter().zip(&alone) {
            assert_eq!(known.facts, alone.facts, "{name}: frame {}", known.number);
        }
    }
}

/// Captures of packets alone: the packets of those that the repository keeps, those of scripts, and one of each kind of
/// file.
fn packets_alone() -> Vec<(String, Vec<u8>)> {
    let committed = std::fs::read_dir("../../captures").unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        let file = std::fs::read(&path).unwrap();
        let timeline = pcapng::read(&file[..]).ok()?.into_timeline();
        let mut alone = Vec::new();
        pcapng::write_frames(&timeline, "a server", &mut alone).unwrap();
        Some((path.display().to_string(), alone))
    });
    let scripts = facts::scripts().map(|(_, scripts)| scripts);
    let scripts = scripts.chain(rules::scripts().map(|(_, scripts)| scripts)).flatten();
    let scripts = scripts.map(|script| {
        let unanswered = "0 C S 0 0 0; 1000 C S 0 0 0";
        (script.clone(), facts::file(&[unanswered, &script]))
    });
    let kinds = files::of_each_kind().into_iter().enumerate();
    let kinds = kinds.map(|(place, file)| (format!("kind {place}"), file));
    let alone = |(_, file): &(String, Vec<u8>)| read(file).into_timeline().level == Level::Capture;
    let all: Vec<_> = committed.chain(scripts).chain(kinds).filter(alone).collect();
    assert!(all.len() > 200, "{}", all.len());
    all
}
